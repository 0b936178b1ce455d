// shm.c - memory that programs find by its name
//
// SPDX-License-Identifier: MPL-2.0
//
// One program makes the memory and gives it a name, and another, which has
// nothing to do with it, opens it by that: both have the same bytes then. Here
// the other one is this program again, started with the name as an argument.
// No file stands behind the name, so nothing is left of it when its maker ends,
// even if that is killed.
//
// Within one program and its workers array.c is simpler: it needs no names.
//
// Read next: shmlist.c.

#include <brood.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    WIDTH = 64,
    HEIGHT = 48
};

// The other program: makes each pixel as bright as its place is far right.
static int
draw (const char *name)
{
    BROOD_AUTO (shm) frame = brood_shm_open (name);
    unsigned char *pixels = brood_shm_ptr (frame);
    if (!pixels)
        return brood_perror ("draw");
    for (int i = 0; i < WIDTH * HEIGHT; i++)
        pixels[i] = (unsigned char) (i % WIDTH);
    return 0;
}

int
main (int argc, char **argv)
{
    if (argc > 2)
        return draw (argv[2]);
    if (argc > 1)
        return 2;

    BROOD_AUTO (shm) frame = brood_shm_new (NULL, WIDTH * HEIGHT);
    if (!frame)
        return brood_perror (argv[0]);
    const unsigned char *pixels = brood_shm_ptr (frame);
    printf ("%zu bytes, the last is %d\n",
            brood_shm_size (frame),
            pixels[WIDTH * HEIGHT - 1]);

    // Asked for here: a child of fork () may not use brood before it is another
    // program.
    const char *name = brood_shm_name (frame);
    const pid_t pid = fork ();
    if (pid == 0) {
        execl ("/proc/self/exe", argv[0], "draw", name, (char *) NULL);
        _exit (127);
    }
    waitpid (pid, NULL, 0);
    printf ("drawn by another program, it is %d\n", pixels[WIDTH * HEIGHT - 1]);

    // From here on nobody can open it any more; it is still ours.
    brood_shm_unlink (frame);
    printf ("and still %d\n", pixels[WIDTH * HEIGHT - 1]);
    return 0;
}
