// bench_dict.c - W8: a dictionary in a manager's process
//
// SPDX-License-Identifier: MPL-2.0
//
//     bench_dict N
//
// N sets and then N gets of small numbers under a thousand keys, one call after
// the other, each answered before the next: so it is round trips that are
// measured, as in the peers.
//
// The peers: "dict" in peers/zmq_objects.c, Python's manager.dict ().

#include <stdio.h>
#include <stdlib.h>

#include "bench.h"
#include "brood/brood_dict.h"
#include "brood/brood_error.h"
#include "brood/brood_init.h"
#include "brood/brood_manager.h"

enum {
    S_KEYS = 1000,
    S_COUNT_MAX = 10000000
};

static void
s_set (brood_dict_t *dict, long i)
{
    char key[32];
    snprintf (key, sizeof key, "key%ld", i % S_KEYS);
    if (brood_dict_set (dict, key, "%ld", i) < 0)
        exit (brood_perror ("set"));
}

// A key's value is always a number that the key was made from.
static void
s_get (brood_dict_t *dict, long i)
{
    char key[32];
    long value;
    snprintf (key, sizeof key, "key%ld", i % S_KEYS);
    if (brood_dict_get (dict, key, "%ld", &value) < 0)
        exit (brood_perror ("get"));
    bench_expect (value % S_KEYS == i % S_KEYS, "wrong value");
}

static void
s_measure (const char *metric,
           brood_dict_t *dict,
           void (*call) (brood_dict_t *dict, long i),
           long n)
{
    const int64_t start = bench_now_ns ();
    for (long i = 0; i < n; i++)
        call (dict, i);
    bench_rate (metric, (size_t) n, bench_now_ns () - start, "ops/s");
}

int
main (int argc, char **argv)
{
    brood_init (&argc, &argv);
    const bool smoke = bench_smoke (&argc, argv);
    if (!smoke && argc != 2)
        bench_usage ("bench_dict N");
    const long n = smoke ? 200 : (long) bench_count (argv[1], S_COUNT_MAX);
    brood_manager_t *manager = brood_manager_new ();
    brood_dict_t *dict = brood_dict_new (manager);
    if (!dict)
        return brood_perror ("dict");
    for (long i = 0; i < S_KEYS; i++)
        s_set (dict, i);
    s_measure ("W8 dict set", dict, s_set, n);
    s_measure ("W8 dict get", dict, s_get, n);
    brood_dict_destroy (&dict);
    brood_manager_destroy (&manager);
    return 0;
}
