// test_pool_workers.c - how many workers, where from, and when they retire
//
// SPDX-License-Identifier: MPL-2.0
//
// Spec strings, BROOD_POOL and the count of CPUs are looked at in children with
// an environment of their own, forked before this program has used brood.

#include "t.h"

#include <errno.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <brood.h>

static struct {
    _Atomic int go;
    _Atomic int started;
    _Atomic int inits;
    _Atomic int frees;
} * s_shared;

static int
s_setup (void **state)
{
    (void) state;
    memset (s_shared, 0, sizeof *s_shared);
    return 0;
}

static int
s_pid (brood_task_t *task, const brood_msg_t *in, brood_msg_t *out)
{
    (void) in;
    return brood_msg_pack (
        out, "[%d, %d]", (int) getpid (), brood_task_worker (task));
}
BROOD_TASK (s_pid);

static int
s_held (brood_task_t *task, const brood_msg_t *in, brood_msg_t *out)
{
    (void) in;
    atomic_fetch_add (&s_shared->started, 1);
    while (!atomic_load (&s_shared->go) && !brood_task_cancelled (task))
        usleep (300);
    return brood_msg_pack (out, "%d", (int) getpid ());
}
BROOD_TASK (s_held);

static void
s_await_started (int n)
{
    while (atomic_load (&s_shared->started) < n)
        (void) brood_dispatch (1);
}

// --- Specs -----------------------------------------------------------------

typedef struct {
    const char *set;   // BROOD_POOL, NULL: not set
    const char *cpus;  // BROOD_CPUS, NULL: not set
    int one_cpu;       // 1: may use one only
    const char *spec;
    int workers;     // Of the options
    int error;       // errno that is expected, 0
    int count;       // Workers that are expected, 0: brood_cpu_count ()
    const char *in;  // Words of the text
} s_case_t;

static const s_case_t s_cases[] = {
    { .spec = "local:3", .count = 3 },
    { .spec = "local" },
    { .spec = NULL },
    { .spec = "2", .count = 2 },
    { .spec = "inline", .count = 1 },
    { .spec = "threads:3", .count = 3 },
    { .spec = "threads" },
    { .spec = "local:3", .workers = 2, .count = 2 },
    { .set = "3", .spec = NULL, .count = 3 },
    { .set = "local:2", .spec = NULL, .count = 2 },
    { .set = "local:2", .spec = "3", .count = 3 },
    { .set = "inline", .spec = NULL, .count = 1 },
    { .set = "threads:2", .spec = NULL, .count = 2 },
    { .set = "threads:2", .spec = "3", .count = 3 },
    { .set = "inline", .spec = "local:2", .count = 2 },
    { .set = "", .spec = NULL },
    { .one_cpu = 1, .spec = NULL, .count = 1 },
    { .one_cpu = 1, .spec = "local", .count = 1 },
    { .cpus = "1", .spec = NULL, .count = 1 },
    { .cpus = "1", .spec = "local:2", .count = 2 },
    { .spec = "", .error = EINVAL },
    { .spec = "local:0", .error = EINVAL, .in = "local:0" },
    { .spec = "local:", .error = EINVAL, .in = "at 6" },
    { .spec = "local:2x", .error = EINVAL, .in = "at 7" },
    { .spec = "local:-1", .error = EINVAL, .in = "at 6" },
    { .spec = "local:5000", .error = EINVAL, .in = "4096" },
    { .spec = "99999999999999999999", .error = EINVAL, .in = "4096" },
    { .spec = "0", .error = EINVAL },
    { .spec = "threads:0", .error = EINVAL, .in = "at 8" },
    { .spec = "threads:2x", .error = EINVAL, .in = "at 9" },
    { .spec = "threadsx", .error = EINVAL, .in = "threadsx" },
    { .spec = "4 ", .error = EINVAL, .in = "at 1" },
    { .spec = "Local", .error = EINVAL, .in = "Local" },
    { .spec = "ssh:host[1", .error = EINVAL, .in = "at 8" },
    { .spec = "local:8?hosts=2", .workers = 3, .error = EINVAL, .in = "place" },
    { .spec = "tcp://host:1", .error = EINVAL },
    { .set = "nonsense", .spec = NULL, .error = EINVAL, .in = "nonsense" },
};

static void
s_prepare (const s_case_t *self)
{
    unsetenv ("BROOD_POOL");
    unsetenv ("BROOD_CPUS");
    if (self->set)
        setenv ("BROOD_POOL", self->set, 1);
    if (self->cpus)
        setenv ("BROOD_CPUS", self->cpus, 1);
    if (self->one_cpu) {
        cpu_set_t set, one;
        CPU_ZERO (&one);
        if (sched_getaffinity (0, sizeof set, &set) == 0)
            for (size_t i = 0; i < CPU_SETSIZE; i++) {
                if (CPU_ISSET (i, &set)) {
                    CPU_SET (i, &one);
                    break;
                }
            }
        (void) sched_setaffinity (0, sizeof one, &one);
    }
}

static void
s_child_spec (void *arg)
{
    const s_case_t *self = arg;
    s_prepare (self);
    BROOD_AUTO (pool)
    pool = brood_pool_new_with (&(brood_pool_options_t){
        .spec = self->spec, .workers = self->workers });
    const int error = pool ? 0 : errno;
    const int count = self->count > 0 ? self->count : brood_cpu_count ();
    if (error != self->error)
        printf ("errno %d: %s\n", error, brood_error ());
    else if (error == 0 && brood_pool_workers (pool) != count)
        printf ("%d workers\n", brood_pool_workers (pool));
    else if (error != 0 && self->in && !strstr (brood_error (), self->in))
        printf ("%s\n", brood_error ());
    else if (pool) {
        // As many as it says, each at its own place.
        BROOD_AUTO (msg) all = brood_pool_broadcast (pool, s_pid, "nil");
        if (brood_msg_len (all, "") != count)
            printf ("%ld answers\n", brood_msg_len (all, ""));
    }
    brood_pool_destroy (&pool);
    fflush (stdout);
}

static void
s_test_specs (void **state)
{
    (void) state;
    for (size_t i = 0; i < sizeof s_cases / sizeof *s_cases; i++) {
        int status;
        s_case_t copy = s_cases[i];
        char *said = t_run_child (s_child_spec, &copy, 30, &status);
        if (said[0] != '\0' || status != 0)
            fail_msg ("%s (BROOD_POOL=%s): %s, status %d",
                      copy.spec ? copy.spec : "NULL",
                      copy.set ? copy.set : "",
                      said,
                      status);
        free (said);
    }
}

static void
s_child_cpus (void *arg)
{
    (void) arg;
    cpu_set_t set;
    unsetenv ("BROOD_CPUS");
    const int all = brood_cpu_count ();
    if (sched_getaffinity (0, sizeof set, &set) == 0
        && (all < 1 || all > CPU_COUNT (&set)))
        printf ("%d of %d\n", all, CPU_COUNT (&set));
    setenv ("BROOD_CPUS", "1", 1);
    if (brood_cpu_count () != 1)
        printf ("not capped: %d\n", brood_cpu_count ());
    fflush (stdout);
}

static void
s_test_cpus (void **state)
{
    (void) state;
    int status;
    char *said = t_run_child (s_child_cpus, NULL, 30, &status);
    assert_string_equal (said, "");
    assert_int_equal (status, 0);
    free (said);
}

// --- Initializer -----------------------------------------------------------

static void
s_free_data (void *data)
{
    atomic_fetch_add (&s_shared->frees, 1);
    free (data);
}

static int
s_init (brood_task_t *task, const brood_msg_t *in, brood_msg_t *out)
{
    (void) out;
    int *data = malloc (sizeof *data);
    if (!data || brood_msg_unpack (in, "{base: %d}", data) < 0) {
        free (data);
        return brood_task_fail (task, "wanted {base}");
    }
    atomic_fetch_add (&s_shared->inits, 1);
    return brood_task_set_worker_data (task, data, s_free_data);
}

static int
s_based (brood_task_t *task, const brood_msg_t *in, brood_msg_t *out)
{
    int n;
    const int *base = brood_task_worker_data (task);
    if (!base || brood_msg_unpack (in, "%d", &n) < 0)
        return -1;
    return brood_msg_pack (out, "%d", *base + n);
}
BROOD_TASK (s_based);

// Once in each worker, before its first task; what it keeps is freed when the
// worker retires, with the pool at the latest.
static void
s_test_initializer (void **state)
{
    (void) state;
    static const char *const specs[] = { "local:3", "threads:3", "inline" };
    for (int i = 0; i < 3; i++) {
        int n;
        (void) s_setup (NULL);
        BROOD_AUTO (msg) args = brood_msg_new ("{base: %d}", 100);
        BROOD_AUTO (pool)
        pool = brood_pool_new_with (&(brood_pool_options_t){
            .spec = specs[i], .initializer = s_init, .initargs = args });
        assert_non_null (pool);
        brood_msg_destroy (&args);
        for (int k = 0; k < 50; k++) {
            BROOD_AUTO (msg) out = brood_pool_apply (pool, s_based, "%d", k);
            assert_int_equal (brood_msg_unpack (out, "%d", &n), 0);
            assert_int_equal (n, 100 + k);
        }
        BROOD_AUTO (msg) all = brood_pool_broadcast (pool, s_based, "%d", 1);
        const int workers = brood_pool_workers (pool);
        assert_int_equal (brood_msg_len (all, ""), workers);
        assert_int_equal (atomic_load (&s_shared->inits), workers);
        assert_int_equal (atomic_load (&s_shared->frees), 0);
        assert_int_equal (brood_pool_shutdown (pool, -1), 0);
        brood_pool_destroy (&pool);
        assert_int_equal (atomic_load (&s_shared->frees), workers);
    }
    assert_null (brood_pool_new_with (
        &(brood_pool_options_t){ .spec = "inline", .initializer = s_init }));
    assert_int_equal (errno, ENOEXEC);
    assert_non_null (strstr (brood_error (), "wanted {base}"));
}

// --- Retiring --------------------------------------------------------------

// Runs n tasks one after the other; how many processes ran them.
static int
s_count_pids (brood_pool_t *pool, brood_task_fn *fn, int n)
{
    int last = 0, pid, place, changes = 0;
    for (int i = 0; i < n; i++) {
        BROOD_AUTO (msg) out = brood_pool_apply (pool, fn, "nil");
        if (!out)
            fail_msg ("%d: %s", i, brood_error ());
        assert_int_equal (brood_msg_unpack (out, "[%d, %d]", &pid, &place), 0);
        assert_int_equal (place, 0);
        changes += pid != last;
        last = pid;
    }
    return changes;
}

static void
s_test_max_tasks (void **state)
{
    (void) state;
    brood_pool_stats_t stats;
    BROOD_AUTO (msg) args = brood_msg_new ("{base: %d}", 1);
    BROOD_AUTO (pool)
    pool = brood_pool_new_with (&(brood_pool_options_t){ .spec = "local:1",
                                                         .max_tasks = 2,
                                                         .initializer = s_init,
                                                         .initargs = args });
    assert_int_equal (s_count_pids (pool, s_pid, 30), 15);
    assert_int_equal (brood_pool_stats (pool, &stats), 0);
    assert_int_equal (stats.done, 30);
    assert_int_equal (stats.failed, 0);
    assert_int_equal (stats.restarts, 0);
    assert_int_equal (brood_pool_shutdown (pool, -1), 0);
    // Each had its initializer, and freed what that had made.
    assert_true (atomic_load (&s_shared->inits) >= 15);
    assert_int_equal (atomic_load (&s_shared->frees),
                      atomic_load (&s_shared->inits));
}

// Many at once, over several workers: all are done, none twice.
static void
s_test_max_tasks_queued (void **state)
{
    (void) state;
    enum {
        TASKS = 300
    };
    brood_future_t *futures[TASKS];
    static int pids[TASKS];
    int place, used = 0;
    BROOD_AUTO (pool)
    pool = brood_pool_new_with (
        &(brood_pool_options_t){ .spec = "local:2", .max_tasks = 10 });
    for (int i = 0; i < TASKS; i++)
        futures[i] = brood_pool_submit (pool, s_pid, "nil");
    for (int i = 0; i < TASKS; i++) {
        if (brood_future_get (futures[i], -1, "[%d, %d]", &pids[i], &place) < 0)
            fail_msg ("%d: %s", i, brood_error ());
        brood_future_destroy (&futures[i]);
    }
    for (int i = 0; i < TASKS; i++) {
        int count = 0, first = 1;
        for (int k = 0; k < TASKS; k++) {
            count += pids[k] == pids[i];
            first &= k >= i || pids[k] != pids[i];
        }
        assert_true (count <= 10);
        used += first;
    }
    assert_true (used >= TASKS / 10);
}

static void
s_test_max_seconds (void **state)
{
    (void) state;
    int pid, first = 0, place, failed = 0;
    BROOD_AUTO (pool)
    pool = brood_pool_new_with (
        &(brood_pool_options_t){ .spec = "local:1", .max_seconds = 1 });
    // Until it is another one; the watchdog knows how long that may take.
    do {
        BROOD_AUTO (msg) out = brood_pool_apply (pool, s_pid, "nil");
        failed += brood_msg_unpack (out, "[%d, %d]", &pid, &place) < 0;
        first = first ? first : pid;
        usleep (2000);
    } while (!failed && pid == first);
    assert_int_equal (failed, 0);
}

static volatile char *s_hoard[64];
static size_t s_hoarded;

static int
s_leaks (brood_task_t *task, const brood_msg_t *in, brood_msg_t *out)
{
    const size_t size = 16 * 1024 * 1024;
    volatile char *bytes = malloc (size);
    if (!bytes || s_hoarded == 64)
        return -1;
    for (size_t i = 0; i < size; i += 4096)
        bytes[i] = 1;
    s_hoard[s_hoarded++] = bytes;
    // Its size is looked at now and then, not after each tiny task.
    usleep (20000);
    return s_pid (task, in, out);
}
BROOD_TASK (s_leaks);

static int
s_size (brood_task_t *task, const brood_msg_t *in, brood_msg_t *out)
{
    long pages = 0;
    (void) task;
    (void) in;
    FILE *file = fopen ("/proc/self/statm", "r");
    if (file) {
        if (fscanf (file, "%*d %ld", &pages) != 1)
            pages = 0;
        fclose (file);
    }
    return brood_msg_pack (out, "%ld", pages * sysconf (_SC_PAGESIZE));
}
BROOD_TASK (s_size);

static void
s_test_max_memory (void **state)
{
    (void) state;
    long size = 0;
    BROOD_AUTO (pool) plain = brood_pool_new ("local:1");
    BROOD_AUTO (msg) out = brood_pool_apply (plain, s_size, "nil");
    assert_int_equal (brood_msg_unpack (out, "%ld", &size), 0);
    assert_true (size > 0);
    assert_int_equal (s_count_pids (plain, s_leaks, 20), 1);
    // Sanitizers have memory of their own, so the limit is above what is there.
    BROOD_AUTO (pool)
    pool = brood_pool_new_with (&(brood_pool_options_t){
        .spec = "local:1",
        .max_memory_bytes = (size_t) size + 64 * 1024 * 1024 });
    assert_true (s_count_pids (pool, s_leaks, 40) >= 3);
}

// --- How many --------------------------------------------------------------

static long
s_answers (brood_pool_t *pool)
{
    BROOD_AUTO (msg) all = brood_pool_broadcast (pool, s_pid, "nil");
    return brood_msg_len (all, "");
}

// Held tasks say how many there are at one time, whoever counts otherwise.
static void
s_check_width (brood_pool_t *pool, int width)
{
    enum {
        TASKS = 12
    };
    brood_future_t *futures[TASKS];
    (void) s_setup (NULL);
    for (int i = 0; i < TASKS; i++)
        futures[i] = brood_pool_submit (pool, s_held, "nil");
    s_await_started (width);
    for (int i = 0; i < 20; i++) {
        (void) brood_dispatch (1);
        assert_int_equal (atomic_load (&s_shared->started), width);
    }
    atomic_store (&s_shared->go, 1);
    for (int i = 0; i < TASKS; i++) {
        assert_int_equal (brood_future_wait (futures[i], -1), 0);
        brood_future_destroy (&futures[i]);
    }
}

static void
s_test_resize (void **state)
{
    (void) state;
    static const int sizes[] = { 4, 1, 3, 3, 2 };
    brood_pool_stats_t stats;
    BROOD_AUTO (pool) pool = brood_pool_new ("local:2");
    s_check_width (pool, 2);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        assert_int_equal (brood_pool_resize (pool, sizes[i]), 0);
        assert_int_equal (brood_pool_workers (pool), sizes[i]);
        s_check_width (pool, sizes[i]);
        assert_int_equal (s_answers (pool), sizes[i]);
    }
    // While they work: nothing is lost, the surplus ends what it does.
    brood_future_t *held[4];
    (void) s_setup (NULL);
    assert_int_equal (brood_pool_resize (pool, 4), 0);
    for (int i = 0; i < 4; i++)
        held[i] = brood_pool_submit (pool, s_held, "nil");
    s_await_started (4);
    assert_int_equal (brood_pool_resize (pool, 1), 0);
    atomic_store (&s_shared->go, 1);
    for (int i = 0; i < 4; i++) {
        assert_int_equal (brood_future_wait (held[i], -1), 0);
        assert_null (brood_future_error (held[i]));
        brood_future_destroy (&held[i]);
    }
    s_check_width (pool, 1);
    assert_int_equal (brood_pool_stats (pool, &stats), 0);
    assert_int_equal (stats.workers, 1);
    assert_int_equal (stats.failed, 0);
}

static void
s_test_on_demand (void **state)
{
    (void) state;
    brood_pool_stats_t stats;
    BROOD_AUTO (pool)
    pool = brood_pool_new_with (
        &(brood_pool_options_t){ .spec = "local:4", .on_demand = 1 });
    assert_int_equal (brood_pool_workers (pool), 4);
    assert_int_equal (brood_pool_stats (pool, &stats), 0);
    assert_int_equal (stats.workers, 0);
    assert_int_equal (s_count_pids (pool, s_pid, 5), 1);
    assert_int_equal (brood_pool_stats (pool, &stats), 0);
    assert_int_equal (stats.workers, 1);
    s_check_width (pool, 4);
    assert_int_equal (s_answers (pool), 4);
}

static void
s_test_stats (void **state)
{
    (void) state;
    brood_pool_stats_t stats;
    brood_future_t *futures[12];
    BROOD_AUTO (pool) pool = brood_pool_new ("local:2");
    assert_int_equal (brood_pool_stats (pool, &stats), 0);
    assert_int_equal (stats.workers, 2);
    assert_int_equal (stats.idle, 2);
    assert_int_equal (stats.pending + stats.running + stats.done, 0);
    for (int i = 0; i < 12; i++)
        futures[i] = brood_pool_submit (pool, s_held, "nil");
    s_await_started (2);
    assert_int_equal (brood_pool_stats (pool, &stats), 0);
    assert_int_equal (stats.idle, 0);
    assert_int_equal (stats.pending + stats.running, 12);
    assert_true (stats.running >= 2);
    assert_int_equal (brood_future_cancel (futures[11]), 1);
    atomic_store (&s_shared->go, 1);
    assert_int_equal (brood_pool_wait (pool, -1), 0);
    assert_int_equal (brood_pool_stats (pool, &stats), 0);
    assert_int_equal (stats.pending + stats.running, 0);
    assert_int_equal (stats.done, 11);
    assert_int_equal (stats.failed, 1);
    assert_int_equal (stats.restarts, 0);
    for (int i = 0; i < 12; i++)
        brood_future_destroy (&futures[i]);
}

// What ps and top show.
static int
s_comm (brood_task_t *task, const brood_msg_t *in, brood_msg_t *out)
{
    char name[32] = "";
    (void) task;
    (void) in;
    FILE *file = fopen ("/proc/self/comm", "r");
    if (file) {
        if (!fgets (name, sizeof name, file))
            name[0] = '\0';
        fclose (file);
    }
    return brood_msg_pack (out, "%s", name);
}
BROOD_TASK (s_comm);

static void
s_test_name (void **state)
{
    (void) state;
    char name[32];
    BROOD_AUTO (pool)
    pool = brood_pool_new_with (
        &(brood_pool_options_t){ .spec = "local:1", .name = "bakers" });
    BROOD_AUTO (msg) out = brood_pool_apply (pool, s_comm, "nil");
    assert_int_equal (brood_msg_unpack (out, "%31s", name), 0);
    assert_int_equal (strncmp (name, "bakers", 6), 0);
    BROOD_AUTO (future) f = brood_pool_submit (pool, s_pid, "nil");
    assert_int_equal (brood_future_wait (f, -1), 0);
}

int
main (int argc, char **argv)
{
    const struct CMUnitTest children[] = {
        cmocka_unit_test (s_test_specs),
        cmocka_unit_test (s_test_cpus),
    };
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup (s_test_initializer, s_setup),
        cmocka_unit_test_setup (s_test_max_tasks, s_setup),
        cmocka_unit_test_setup (s_test_max_tasks_queued, s_setup),
        cmocka_unit_test_setup (s_test_max_seconds, s_setup),
        cmocka_unit_test_setup (s_test_max_memory, s_setup),
        cmocka_unit_test_setup (s_test_resize, s_setup),
        cmocka_unit_test_setup (s_test_on_demand, s_setup),
        cmocka_unit_test_setup (s_test_stats, s_setup),
        cmocka_unit_test_setup (s_test_name, s_setup),
    };
    t_watchdog (110);
    const int failed = cmocka_run_group_tests (children, NULL, NULL);
    if (brood_init (&argc, &argv) < 0)
        return brood_perror (argv[0]);
    BROOD_AUTO (array) shared = brood_array_new_sized (sizeof *s_shared, 1);
    s_shared = brood_array_ptr (shared);
    return s_shared ? failed + cmocka_run_group_tests (tests, NULL, NULL)
                    : brood_perror (argv[0]);
}
