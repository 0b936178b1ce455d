// imap.c - a stream: items in, results out, as they come
//
// SPDX-License-Identifier: MPL-2.0
//
// feed gives an item to the pool and waits while too many are unfinished; next
// takes a result. Ordered, results come in the order of the items; unordered,
// as they finish, and brood_stream_index () tells which item one belongs to. A
// failed item is one -1 from next, and the stream goes on.
//
// Read next: imap_from.c when the input has no end.

#include <brood.h>
#include <stdio.h>

enum {
    ITEMS = 10
};

static int
factorial (brood_task_t *task, const brood_msg_t *in, brood_msg_t *out)
{
    int n;
    long product = 1;
    if (brood_msg_unpack (in, "%d", &n) < 0)
        return brood_task_fail (task, "wanted a number");
    if (n == 4)
        return brood_task_fail (task, "no fours today");
    for (int i = 2; i <= n; i++)
        product *= i;
    return brood_msg_pack (out, "%ld", product);
}
BROOD_TASK (factorial);

static brood_stream_t *
fed (brood_pool_t *pool, int order)
{
    brood_stream_t *s = brood_pool_imap (pool, factorial, order);
    int rc = 0;
    for (int n = 0; rc == 0 && n < ITEMS; n++)
        rc = brood_stream_feed (s, "%d", n);
    if (rc < 0 || brood_stream_close (s) < 0)
        brood_stream_destroy (&s);
    return s;
}

int
main (int argc, char **argv)
{
    long product, table[ITEMS] = { 0 };
    int got;
    brood_init (&argc, &argv);
    BROOD_AUTO (pool) pool = brood_pool_new (NULL);

    BROOD_AUTO (stream) ordered = fed (pool, BROOD_ORDERED);
    BROOD_AUTO (stream) unordered = fed (pool, BROOD_UNORDERED);
    if (!ordered || !unordered)
        return brood_perror ("imap");
    while ((got = brood_stream_next (ordered, -1, "%ld", &product)) != 0) {
        if (got > 0)
            printf ("%ld! = %ld\n", brood_stream_index (ordered), product);
        else
            printf ("%ld! is missing: %s\n",
                    brood_stream_index (ordered),
                    brood_error ());
    }

    while ((got = brood_stream_next (unordered, -1, "%ld", &product)) != 0)
        if (got > 0)
            table[brood_stream_index (unordered)] = product;
    printf ("unordered, the last is %ld too\n", table[ITEMS - 1]);
    return 0;
}
