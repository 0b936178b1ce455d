// queue.c - work handed from process to process
//
// SPDX-License-Identifier: MPL-2.0
//
// Who puts need not know who gets, nor how many there are. put waits while the
// queue is full, so that a fast producer does not fill the memory; close says
// that nothing more will come, and get says so (EPIPE) when all is got: no
// item has to mean "the end".
//
// The queues are made before the pool, so its workers have them. A handle can
// also travel: "@%p" in a picture, brood_ref () and brood_queue_from ().
//
// Read next: joinable_queue.c, where an item of a consumer that dies is not
// lost.

#include <brood.h>
#include <errno.h>
#include <stdio.h>

enum {
    CONSUMERS = 3,
    NUMBERS = 1000
};

static brood_queue_t *numbers, *squares;

static int
consume (brood_task_t *task, const brood_msg_t *in, brood_msg_t *out)
{
    long x;
    (void) in;
    (void) out;
    while (brood_queue_get (numbers, BROOD_FOREVER, "%ld", &x) == 0) {
        if (brood_queue_put (squares, BROOD_FOREVER, "[%ld, %ld]", x, x * x)
            < 0)
            return brood_task_fail (task, "put");
    }
    return errno == EPIPE ? 0 : brood_task_fail (task, "get");
}
BROOD_TASK (consume);

int
main (int argc, char **argv)
{
    brood_future_t *consumers[CONSUMERS];
    long x, square, sum = 0;
    brood_init (&argc, &argv);
    numbers = brood_queue_new (10);
    squares = brood_queue_new (0);
    BROOD_AUTO (pool) pool = brood_pool_new ("local:3");
    for (int i = 0; i < CONSUMERS; i++)
        consumers[i] = brood_pool_submit (pool, consume, "nil");

    for (long i = 1; i <= NUMBERS; i++) {
        if (brood_queue_put (numbers, BROOD_FOREVER, "%ld", i) < 0)
            return brood_perror ("queue");
    }
    brood_queue_close (numbers);
    for (int i = 0; i < CONSUMERS; i++) {
        if (brood_future_get (consumers[i], BROOD_FOREVER, "*") < 0)
            return brood_perror ("queue");
        brood_future_destroy (&consumers[i]);
    }

    printf ("%ld squares wait\n", brood_queue_qsize (squares));
    while (brood_queue_get (squares, 0, "[%ld, %ld]", &x, &square) == 0) {
        if (square == x * x)
            sum += square;
    }
    printf ("their sum is %ld\n", sum);
    brood_queue_destroy (&numbers);
    brood_queue_destroy (&squares);
    return 0;
}
