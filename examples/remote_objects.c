// remote_objects.c - workers on other hosts share a queue, a dict and a lock
//
// SPDX-License-Identifier: MPL-2.0
//
// Workers on other hosts have none of this program's memory, but its managers:
// they get one as a ref, and open objects by name. The same program runs on
// local workers, in threads, and on other hosts:
//
//     BROOD_POOL='local:4?hosts=2' ./remote_objects
//     BROOD_POOL=ssh:n[1-4]/8 ./remote_objects
//
// Read next: manager.c, queue.c.

#include <brood.h>
#include <stdio.h>

enum {
    NUMBERS = 200,
    HELPERS = 4
};

// Takes numbers until there are none, and keeps the largest square.
static int
help (brood_task_t *task, const brood_msg_t *in, brood_msg_t *out)
{
    void *ref;
    int number, largest, done = 0;
    if (brood_msg_unpack (in, "@%p", &ref) < 0)
        return -1;
    BROOD_AUTO (manager) manager = brood_manager_from (ref);
    BROOD_AUTO (queue) numbers = brood_queue_open (manager, "numbers", NULL);
    BROOD_AUTO (dict) best = brood_dict_open (manager, "best");
    BROOD_AUTO (lock) lock = brood_lock_open (manager, "lock");
    while (brood_queue_get (numbers, 0, "%d", &number) == 0) {
        done++;
        BROOD_WITH (lock, lock)
        {
            if (brood_dict_get (best, "square", "%d", &largest) < 0)
                return brood_task_fail (task, "%s", brood_error ());
            if (number * number > largest)
                brood_dict_set (best, "square", "%d", number * number);
        }
    }
    return brood_msg_pack (out, "%d", done);
}
BROOD_TASK (help);

int
main (int argc, char **argv)
{
    brood_init (&argc, &argv);
    BROOD_AUTO (pool) pool = brood_pool_new (NULL);
    BROOD_AUTO (manager) manager = brood_manager_new ();
    BROOD_AUTO (queue) numbers = brood_queue_open (manager, "numbers", NULL);
    BROOD_AUTO (dict) best = brood_dict_open (manager, "best");
    if (!pool || !numbers || brood_dict_set (best, "square", "%d", 0) < 0)
        return brood_perror ("remote_objects");
    for (int i = 0; i < NUMBERS; i++) {
        if (brood_queue_put (numbers, 0, "%d", i * 37 % NUMBERS) < 0)
            return brood_perror ("numbers");
    }
    brood_future_t *helpers[HELPERS];
    int done, all = 0, largest;
    for (int i = 0; i < HELPERS; i++)
        helpers[i] = brood_pool_submit (pool, help, "@%p", brood_ref (manager));
    for (int i = 0; i < HELPERS; i++) {
        if (brood_future_get (helpers[i], BROOD_FOREVER, "%d", &done) < 0)
            return brood_perror ("a helper");
        all += done;
        brood_future_destroy (&helpers[i]);
    }
    if (brood_dict_get (best, "square", "%d", &largest) < 0)
        return brood_perror ("best");
    printf ("%d numbers, the largest square is %d\n", all, largest);
    return 0;
}
