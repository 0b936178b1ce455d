// 001_k_large_items.c - seed 001-K with items of a megabyte
//
// SPDX-License-Identifier: MPL-2.0
//
// Python's queue is a pipe and a thread that fills it: a child with more to
// say than fits into the pipe does not end before somebody reads, so that the
// seed's join before get would wait for ever. Here put hands the item over and
// is done.
//
// Read next: 001_l_rlock.c.

#include <brood.h>
#include <stdio.h>

enum {
    ITEMS = 10,
    SIZE = 1 << 20
};

static char picture[SIZE];

static int
task (void *arg)
{
    brood_queue_t *q = arg;
    for (int i = 0; i < ITEMS; i++) {
        picture[SIZE - 1] = (char) i;
        if (brood_queue_put (
                q, -1, "[%d, <%zu %p>]", i, sizeof picture, (void *) picture)
            < 0)
            return brood_perror ("put");
    }
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

    for (int i = 0; i < ITEMS; i++) {
        int number;
        size_t size;
        void *bytes;
        BROOD_AUTO (msg) item = brood_queue_get_msg (queue, -1);
        if (brood_msg_unpack (item, "[%d, <%zu %p>]", &number, &size, &bytes)
            < 0)
            return brood_perror ("get");
        printf ("item %d: %zu bytes, the last is %d\n",
                number,
                size,
                ((const char *) bytes)[size - 1]);
    }
    return 0;
}
