// bench_start_stop.c - W6: a pool of N workers comes and goes
//
// SPDX-License-Identifier: MPL-2.0
//
//     bench_start_stop N
//
// One cycle starts a pool of N, runs one task in each worker, and ends with all
// of them reaped: close and join, not terminate. The median of five after one
// to warm up. In a seventh cycle, not timed, the workers tell their pids and
// the memory of each is read while all are idle. The nursery, one per pool, is
// not a worker: its memory is a line of its own.

#include <stdlib.h>

#include "bench.h"
#include "brood/brood_error.h"
#include "brood/brood_init.h"
#include "brood/brood_pool.h"

#include <unistd.h>

enum {
    S_REPEAT = 5,
    S_WORKERS_MAX = 1024
};

typedef struct {
    long workers_pss_kb;  // Of all of them
    long nursery_pss_kb;
} memory_t;

static int
who (brood_task_t *task, const brood_msg_t *in, brood_msg_t *out)
{
    (void) task;
    (void) in;
    return brood_msg_pack (out, "[%d, %d]", (int) getpid (), (int) getppid ());
}
BROOD_TASK (who);

// ret_memory may be NULL.
static void
s_cycle (int workers, memory_t *ret_memory)
{
    brood_pool_options_t options = { .spec = "local", .workers = workers };
    brood_pool_t *pool = brood_pool_new_with (&options);
    brood_msg_t *answers = brood_pool_broadcast (pool, who, "nil");
    if (!answers)
        exit (brood_perror ("broadcast"));
    bench_expect (brood_msg_len (answers, NULL) == workers, "wrong count");
    if (ret_memory) {
        int pid;
        int parent = 0;
        brood_iter_t it = brood_msg_iter (answers, "");
        ret_memory->workers_pss_kb = 0;
        while (brood_iter_next (&it, "[%d, %d]", &pid, &parent) == 1)
            ret_memory->workers_pss_kb += bench_pss_kb (pid);
        ret_memory->nursery_pss_kb = bench_pss_kb (parent);
    }
    brood_msg_destroy (&answers);
    if (brood_pool_shutdown (pool, BROOD_FOREVER) < 0)
        exit (brood_perror ("shutdown"));
    brood_pool_destroy (&pool);
}

static void
s_measure (int workers)
{
    int64_t ns[S_REPEAT];
    memory_t memory;
    s_cycle (workers, NULL);
    for (int i = 0; i < S_REPEAT; i++) {
        int64_t start = bench_now_ns ();
        s_cycle (workers, NULL);
        ns[i] = bench_now_ns () - start;
    }
    s_cycle (workers, &memory);
    bench_start_stop (workers, ns, S_REPEAT, memory.workers_pss_kb);
    bench_report ("W6 pss/nursery", (double) memory.nursery_pss_kb, "kB");
}

int
main (int argc, char **argv)
{
    brood_init (&argc, &argv);
    if (bench_smoke (&argc, argv)) {
        s_measure (1);
        s_measure (5);
    }
    else if (argc == 2)
        s_measure ((int) bench_count (argv[1], S_WORKERS_MAX));
    else
        bench_usage ("bench_start_stop N");
    return 0;
}
