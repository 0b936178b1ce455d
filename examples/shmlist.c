// shmlist.c - a few values that programs look at while they change
//
// SPDX-License-Identifier: MPL-2.0
//
// A service keeps its state in a list with a name, and a monitor reads it
// whenever it likes: it asks nobody, and never sees a value half written. Each
// item has room for what it began with, and for any number; so text begins as
// long as it may become. Here the monitor is this program again.
//
// list.c has a list that grows, at a manager.

#include <brood.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

// The other program.
static int
monitor (const char *name)
{
    char phase[32];
    int jobs;
    double load;
    BROOD_AUTO (shmlist) state = brood_shmlist_open (name);
    if (brood_shmlist_get (state, 0, "%31s", phase) < 0
        || brood_shmlist_get (state, 1, "%d", &jobs) < 0
        || brood_shmlist_get (state, 2, "%lf", &load) < 0)
        return brood_perror ("monitor");
    printf ("monitor: %s, %d jobs, load %.2f\n", phase, jobs, load);
    return brood_shmlist_set (state, -1, "%s", "seen") < 0;
}

int
main (int argc, char **argv)
{
    char note[32];
    if (argc > 2)
        return monitor (argv[2]);
    if (argc > 1)
        return 2;

    BROOD_AUTO (shmlist) state =
        brood_shmlist_new (NULL, "[%s, %d, %f, nil]", "a phase's name", 0, 0.0);
    if (brood_shmlist_set (state, 0, "%s", "running") < 0
        || brood_shmlist_set (state, 1, "%d", 12) < 0
        || brood_shmlist_set (state, 2, "%f", 0.75) < 0)
        return brood_perror (argv[0]);
    if (brood_shmlist_set (state, 0, "%s", "a phase with a long name") < 0)
        printf ("no room: %ld bytes are there\n",
                brood_shmlist_room (state, 0));
    fflush (stdout);

    const char *name = brood_shmlist_name (state);
    const pid_t pid = fork ();
    if (pid == 0) {
        execl ("/proc/self/exe", argv[0], "monitor", name, (char *) NULL);
        _exit (127);
    }
    waitpid (pid, NULL, 0);
    // An item's type may change: this one was nil.
    if (brood_shmlist_get (state, -1, "%31s", note) < 0)
        return brood_perror (argv[0]);
    printf ("the monitor's note: %s\n", note);
    return 0;
}
