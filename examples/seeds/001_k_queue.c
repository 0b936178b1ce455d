// 001_k_queue.c - seed 001-K: a child puts, its parent gets
//
// SPDX-License-Identifier: MPL-2.0
//
// The items are in the queue when put returns, so the child may be gone before
// the first of them is taken. Those nobody takes go with the queue.
//
// Read next: 001_k_large_items.c, where Python waits for ever.

#include <brood.h>
#include <stdio.h>

static int
task (void *arg)
{
    brood_queue_t *q = arg;
    for (int i = 0; i < 10; i++)
        if (brood_queue_put (q, -1, "%d", i) < 0)
            return brood_perror ("put");
    return 0;
}

int
main (void)
{
    BROOD_AUTO (queue) queue = brood_queue_new (0);
    BROOD_AUTO (process) p = brood_process_new (task, queue);
    brood_process_start (p);
    if (brood_process_join (p, -1) < 0)
        return brood_perror ("task");

    puts ("主进程：");
    for (int i = 0; i < 3; i++) {
        int item;
        if (brood_queue_get (queue, -1, "%d", &item) < 0)
            return brood_perror ("get");
        printf ("%d\n", item);
    }
    return 0;
}
