// manager.c - a counter, a list and a lock at a manager, used by all workers
//
// SPDX-License-Identifier: MPL-2.0
//
// A manager is a process with objects in it; any process of the program calls
// them. Each call is atomic: brood_dict_add () from many workers loses nothing,
// where a get and a set would. Handles travel in pictures as "@%p".
//
// Read next: dict.c, list.c, namespace.c, proxy.c.

#include <brood.h>
#include <stdio.h>

static int
vote (brood_task_t *task, const brood_msg_t *in, brood_msg_t *out)
{
    void *ref;
    int number;
    (void) task;
    if (brood_msg_unpack (in, "{votes: @%p, number: %d}", &ref, &number) < 0)
        return 1;
    BROOD_AUTO (dict) votes = brood_dict_from (ref);
    const char *side = number % 3 ? "yes" : "no";
    if (brood_dict_add (votes, side, 1, NULL) < 0)
        return 1;
    return brood_msg_pack (out, "nil");
}
BROOD_TASK (vote);

int
main (int argc, char **argv)
{
    brood_init (&argc, &argv);
    BROOD_AUTO (manager) manager = brood_manager_new ();
    BROOD_AUTO (dict) votes = brood_dict_new (manager);
    BROOD_AUTO (pool) pool = brood_pool_new ("4");
    if (!votes || !pool)
        return brood_perror ("manager");
    for (int i = 0; i < 300; i++) {
        BROOD_AUTO (future) future = brood_pool_submit (
            pool, vote, "{votes: @%p, number: %d}", brood_ref (votes), i);
    }
    if (brood_pool_wait (pool, BROOD_FOREVER) < 0)
        return brood_perror ("votes");
    int yes, no;
    if (brood_dict_get (votes, "yes", "%d", &yes) < 0
        || brood_dict_get (votes, "no", "%d", &no) < 0)
        return brood_perror ("count");
    printf ("%d for, %d against\n", yes, no);
    printf ("%ld object at the manager\n",
            brood_manager_number_of_objects (manager));
    return 0;
}
