// bench_lock.c - W8: one lock, and processes that take it in turn
//
// SPDX-License-Identifier: MPL-2.0
//
//     bench_lock CONTENDERS N
//
// N times acquire and release in all, around the increment of a number that
// only the lock protects. One contender never waits; four wait for each other
// and for a CPU.
//
// The peers: "lock" in peers/ring_pipe_mutex.c is the limit, a robust mutex.
// Their acquire has no timeout and says nothing of who holds it.

#include "bench.h"
#include "bench_crowd.h"
#include "brood/brood_error.h"
#include "brood/brood_init.h"
#include "brood/brood_lock.h"
#include "brood/brood_process.h"

enum {
    S_COUNT_MAX = 1000000000
};

// In memory that all share: they are copies of us.
typedef struct {
    bench_crowd_t crowd;
    brood_lock_t *lock;
    _Alignas(64) uint64_t value;  // What the lock guards
    uint64_t each;
} guarded_t;

typedef struct {
    guarded_t *guarded;
    int self;
} contender_t;

static int
s_contend (void *arg)
{
    contender_t *me = arg;
    guarded_t *guarded = me->guarded;
    brood_lock_t *lock = guarded->lock;
    bench_crowd_ready (&guarded->crowd);
    for (uint64_t i = 0; i < guarded->each; i++) {
        if (brood_lock_acquire (lock, BROOD_FOREVER) != 0)
            return brood_perror ("acquire");
        guarded->value++;
        if (brood_lock_release (lock) < 0)
            return brood_perror ("release");
    }
    bench_crowd_count (&guarded->crowd, me->self, 0);
    return 0;
}

static void
s_measure (int contenders, uint64_t n)
{
    contender_t us[BENCH_CROWD_MAX];
    brood_process_t *processes[BENCH_CROWD_MAX];
    guarded_t *guarded = bench_shared (sizeof *guarded);
    guarded->lock = brood_lock_new ();
    guarded->each = n / (uint64_t) contenders;
    bench_crowd_init (&guarded->crowd);
    for (int i = 0; i < contenders; i++) {
        us[i] = (contender_t){ guarded, i };
        processes[i] = brood_process_new (s_contend, &us[i]);
        bench_expect (brood_process_start (processes[i]) == 0, brood_error ());
    }
    bench_lock_run (&guarded->crowd, contenders, n);
    for (int i = 0; i < contenders; i++) {
        brood_process_join (processes[i], BROOD_FOREVER);
        bench_expect (brood_process_exitcode (processes[i]) == 0,
                      "a contender failed");
        brood_process_destroy (&processes[i]);
    }
    bench_expect (guarded->value == guarded->each * (uint64_t) contenders,
                  "the lock does not exclude");
    brood_lock_destroy (&guarded->lock);
    bench_unshare (guarded, sizeof *guarded);
}

int
main (int argc, char **argv)
{
    brood_init (&argc, &argv);
    if (bench_smoke (&argc, argv)) {
        s_measure (1, 2000);
        s_measure (4, 2000);
        return 0;
    }
    if (argc != 3)
        bench_usage ("bench_lock CONTENDERS N");
    s_measure ((int) bench_count (argv[1], BENCH_CROWD_MAX),
               bench_count (argv[2], S_COUNT_MAX));
    return 0;
}
