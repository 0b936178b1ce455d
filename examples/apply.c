// apply.c - one task, one result, as simple as a call
//
// SPDX-License-Identifier: MPL-2.0
//
// apply submits and waits. It returns the result as a message: a call cannot
// hold two pictures that the compiler can check. The function runs in another
// process, so whatever it does to memory, descriptors or the working directory
// stays there; this program relies on that.
//
// Read next: map_msg.c for many messages at once.

#include <brood.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

// Looks at the size of a file below a directory; changes the directory.
static int
look (brood_task_t *task, const brood_msg_t *in, brood_msg_t *out)
{
    char dir[256], name[256];
    struct stat st;
    if (brood_msg_unpack (in, "{dir: %255s, name: %255s}", dir, name) < 0)
        return brood_task_fail (task, "wanted {dir, name}");
    if (chdir (dir) < 0 || stat (name, &st) < 0)
        return brood_task_fail (task, "%s: %s", name, strerror (errno));
    return brood_msg_pack (
        out, "{directory: %d, name: %s}", S_ISDIR (st.st_mode), name);
}
BROOD_TASK (look);

int
main (int argc, char **argv)
{
    char name[256], before[4096], after[4096];
    int directory;
    brood_init (&argc, &argv);
    BROOD_AUTO (pool) pool = brood_pool_new ("1");

    if (!getcwd (before, sizeof before))
        return 1;
    BROOD_AUTO (msg) result =
        brood_pool_apply (pool, look, "{dir: %s, name: %s}", "/usr", "bin");
    if (brood_msg_unpack (
            result, "{name: %255s, directory: %d}", name, &directory)
        < 0)
        return brood_perror ("look");
    printf ("%s is a %s\n", name, directory ? "directory" : "file");

    BROOD_AUTO (msg) none = brood_pool_apply (
        pool, look, "{dir: %s, name: %s}", "/usr", "no such thing");
    if (!none)
        printf ("the other: %s\n", brood_error ());

    if (!getcwd (after, sizeof after))
        return 1;
    printf ("this process %s\n",
            strcmp (before, after) == 0 ? "has not moved" : "has moved");
    return 0;
}
