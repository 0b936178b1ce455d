// threads.c - the same pool, of threads
//
// SPDX-License-Identifier: MPL-2.0
//
// "threads:8" in place of "8", and nothing else changes. It suits tasks that
// mostly wait, for a disk or for other hosts: a thread starts at once and costs
// little. And all of them see the program's memory, so they may fill a table
// together; but then a lock of the C library guards it, and a task that crashes
// is the end of the program. Processes are the better default.
//
// Read next: initializer.c, lifecycle.c.

#include <brood.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

enum {
    NAMES = 8
};

// What the tasks fill: plain memory.
static struct {
    pthread_mutex_t lock;
    int lengths[NAMES];
    int sum;
} table = { .lock = PTHREAD_MUTEX_INITIALIZER };

static int
look_up (brood_task_t *task, const brood_msg_t *in, brood_msg_t *out)
{
    int index;
    char name[32];
    if (brood_msg_unpack (in, "{at: %d, name: %31s}", &index, name) < 0)
        return brood_task_fail (task, "wanted {at, name}");
    // Here a real one would ask a server, and wait.
    pthread_mutex_lock (&table.lock);
    table.lengths[index] = (int) strlen (name);
    table.sum += table.lengths[index];
    pthread_mutex_unlock (&table.lock);
    return brood_msg_pack (out, "nil");
}
BROOD_TASK (look_up);

int
main (int argc, char **argv)
{
    static const char *const names[NAMES] = {
        "ant", "bee", "crow", "dove", "elk", "frog", "goat", "heron",
    };
    brood_init (&argc, &argv);
    BROOD_AUTO (pool) pool = brood_pool_new ("threads:4");
    if (!pool)
        return brood_perror ("threads");
    brood_future_t *asked[NAMES];
    for (int i = 0; i < NAMES; i++)
        asked[i] = brood_pool_submit (
            pool, look_up, "{at: %d, name: %s}", i, names[i]);
    for (int i = 0; i < NAMES; i++) {
        if (!asked[i] || brood_future_get (asked[i], BROOD_FOREVER, "nil") < 0)
            return brood_perror (names[i]);
        printf ("%s has %d letters\n", names[i], table.lengths[i]);
        brood_future_destroy (&asked[i]);
    }
    printf ("all together %d\n", table.sum);
    return 0;
}
