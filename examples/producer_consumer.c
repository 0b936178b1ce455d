// producer_consumer.c - some make work, others do it, and it ends
//
// SPDX-License-Identifier: MPL-2.0
//
// Three producers put numbers into a buffer of eight; four consumers take them
// out. A producer waits while the buffer is full, a consumer while it is empty,
// and when the producers have returned and all is consumed, everybody leaves.
// No marker is put for "the end", so nobody can put one too few.
//
// Each is a process with its own memory: what they add up is in a value.
//
// Read next: joinable_queue.c, what this is made of.

#include <brood.h>
#include <stdio.h>

enum {
    PRODUCERS = 3,
    EACH = 100
};

static int
produce (brood_queue_t *queue, int index, void *arg)
{
    (void) arg;
    for (int i = 0; i < EACH; i++) {
        if (brood_queue_put (queue, BROOD_FOREVER, "%d", index * EACH + i) < 0)
            return 1;
    }
    return 0;
}

static int
consume (const brood_msg_t *item, int index, void *arg)
{
    int number;
    brood_value_t *sum = arg;
    (void) index;
    if (brood_msg_unpack (item, "%d", &number) < 0)
        return 1;
    brood_value_add (sum, number);
    return 0;
}

int
main (int argc, char **argv)
{
    brood_flow_result_t result;
    brood_init (&argc, &argv);
    BROOD_AUTO (value) sum = brood_value_new (BROOD_LONG);
    const brood_flow_options_t options = { .producers = PRODUCERS,
                                           .consumers = 4,
                                           .capacity = 8 };
    if (!sum || brood_flow (produce, consume, sum, &options, &result) < 0)
        return brood_perror ("producer_consumer");
    printf ("%ld items, %ld failed, sum %lld\n",
            result.items,
            result.failed,
            (long long) brood_value_get (sum));
    return 0;
}
