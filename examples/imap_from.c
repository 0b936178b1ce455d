// imap_from.c - a stream with a source: input that has no end
//
// SPDX-License-Identifier: MPL-2.0
//
// The source is called from within next, when there is room for another item,
// so it never runs ahead of the reader by more than the window. This program
// looks for perfect numbers among all numbers and stops when it has four; the
// stream's end cancels what was still under way.
//
// Read next: cancel.c for ending single tasks.

#include <brood.h>
#include <stdio.h>

enum {
    WINDOW = 16,
    SPAN = 100
};

typedef struct {
    long next;
    long made;
} numbers;

static int
next_span (brood_msg_t *item, void *arg)
{
    numbers *all = arg;
    if (brood_msg_pack (item, "[%ld, %ld]", all->next, all->next + SPAN) < 0)
        return -1;
    all->next += SPAN;
    all->made++;
    return 1;
}

static int
perfect (brood_task_t *task, const brood_msg_t *in, brood_msg_t *out)
{
    long first, last;
    if (brood_msg_unpack (in, "[%ld, %ld]", &first, &last) < 0)
        return brood_task_fail (task, "wanted [first, last]");
    if (brood_msg_pack (out, "[]") < 0)
        return -1;
    for (long n = first; n < last; n++) {
        long sum = 0;
        for (long d = 1; d <= n / 2; d++)
            sum += n % d ? 0 : d;
        if (n > 0 && sum == n && brood_msg_append (out, "%ld", n) < 0)
            return -1;
    }
    return 0;
}
BROOD_TASK (perfect);

int
main (int argc, char **argv)
{
    numbers all = { 0, 0 };
    long found = 0, read = 0, ahead = 0;
    brood_init (&argc, &argv);
    BROOD_AUTO (pool) pool = brood_pool_new (NULL);
    BROOD_AUTO (stream) s =
        brood_pool_imap_from (pool,
                              perfect,
                              next_span,
                              &all,
                              BROOD_ORDERED,
                              &(brood_map_options_t){ .window = WINDOW });
    while (found < 4) {
        long n;
        BROOD_AUTO (msg) span = brood_stream_next_msg (s, -1);
        if (!span)
            return brood_perror ("perfect");
        read++;
        ahead = all.made - read > ahead ? all.made - read : ahead;
        brood_iter_t it = brood_msg_iter (span, "");
        while (brood_iter_next (&it, "%ld", &n) == 1) {
            printf ("%ld\n", n);
            found++;
        }
    }
    printf ("the source %s\n",
            ahead <= WINDOW ? "stayed within the window" : "ran away");
    return 0;
}
