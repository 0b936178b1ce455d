// torture.c - for every n, the n-th fallible call fails
//
// SPDX-License-Identifier: MPL-2.0
//
//     torture KIND GROUP [SCENARIO [N [ERRNO]]]
//
//     memory, system     the owner's calls are counted and fail
//     workers-memory     each worker's own; they make no system calls that
//                        are counted, but at birth: group birth
//     manager-memory, manager-system
//                        those of the manager's process
//
// For each scenario, each time in a child of its own with a time limit:
//
//     count     arm with n = LONG_MAX, run; how many calls were there?
//     n = 1 ..  arm, run; disarm; run again, and now all must work;
//               end brood: no descriptor, block or process may be left
//
// System calls fail with different errors in turn. Under TSan, where all this
// is many times slower, only some n are tried.

#include "torture.h"

#include "t.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "api/brd_runtime.h"
#include "base/brd_arena.h"
#include "base/brd_fault.h"
#include "host/host.h"

// Every call fails once under ASan: every other one with gcc's, the others with
// clang's. TSan sees some of them.
#if defined __has_feature
#if __has_feature(address_sanitizer)
#define S_LEAKS 1
#define S_STEP 2
#define S_FIRST 2
#endif
#if __has_feature(thread_sanitizer)
#define S_STEP 13
#endif
#endif
#if defined __SANITIZE_ADDRESS__
#define S_LEAKS 1
#define S_STEP 2
#endif
#if defined __SANITIZE_THREAD__
#define S_STEP 13
#endif
#ifndef S_STEP
#define S_STEP 1
#endif
#ifndef S_FIRST
#define S_FIRST 1
#endif

#ifdef S_LEAKS
#include <sanitizer/lsan_interface.h>
#endif

enum {
    S_RUN_SECONDS = 30,  // For one n; a hang is found by TORTURE_MS
    S_GONE_SECONDS = 3,  // For processes to be gone after their owner
    S_FAILURES_MAX = 20
};

typedef struct {
    const torture_group_t *group;
    const torture_scenario_t *scenario;
    brd_fault_t kind;
    int workers;  // 1: faults are the workers'
    int manager;  // 1: they are the manager's
    long n;       // LONG_MAX: count
    int error;
} s_try_t;

// What a counting run leaves for those that follow; shared with the children.
typedef struct {
    long count;
    int fds;
    size_t arena;
    long missed;  // Runs in which the n-th call was not reached
    long broken;  // In which the pool, or the manager, had to be replaced
} s_shared_t;

static const torture_group_t s_groups[] = {
    { "streams", NULL, 0, 0, 0, 0, torture_streams },
    { "values", NULL, 0, 1, 0, 0, torture_values },
    { "state", NULL, 0, 1, 0, 0, torture_state },
    { "channel", NULL, 0, 1, 0, 0, torture_channel },
    { "sync", NULL, 0, 1, 0, 0, torture_sync },
    { "calls", "local:2", 0, 0, 0, 0, torture_calls },
    { "maps", "local:2", 0, 0, 0, 0, torture_maps },
    { "life", "local:2", 0, 0, 0, 0, torture_life },
    { "queues", "local:2", 0, 0, 0, 0, torture_queues },
    { "deaths", "local:2", 0, 0, 0, 0, torture_deaths },
    { "threads", "threads:2", 0, 0, 0, 0, torture_calls },
    { "threads-maps", "threads:2", 0, 0, 0, 0, torture_maps },
    { "inline", "inline", 0, 0, 0, 0, torture_calls },
    { "inline-maps", "inline", 0, 0, 0, 0, torture_maps },
    { "remote", "local:2", 0, 0, 0, 1, torture_calls },
    { "remote-maps", "local:2", 0, 0, 0, 1, torture_maps },
    { "guests", "local:2", 0, 0, 0, 0, torture_guests },
    { "relay", "local:2", 0, 0, 0, 0, torture_relay },
    { "birth", "local:2", 1, 0, 0, 0, torture_birth },
    { "processes", NULL, 0, 0, 0, 0, torture_processes },
    { "shm", NULL, 0, 0, 0, 0, torture_shm },
    { "exec", NULL, 0, 0, 0, 0, torture_exec },
    { "managed", NULL, 0, 0, TORTURE_OWN_MANAGER, 0, torture_managed },
    { "managed-tcp", NULL, 0, 0, TORTURE_OTHER_MANAGER, 0, torture_managed },
    { "managers", NULL, 1, 0, TORTURE_MADE_MANAGER, 0, torture_managers },
#ifdef TORTURE_CZMQ
    { "czmq", "local:2", 0, 0, 0, 0, torture_czmq },
#endif
};

static const s_try_t *s_try;
static s_shared_t *s_shared;
static int s_strict;
static brood_pool_t *s_pool;

// --- What scenarios call ---------------------------------------------------

static int
s_allowed (int error)
{
    static const int errors[] = { ENOMEM, EIO,    ECHILD, EPIPE,
                                  EAGAIN, EMFILE, ENOEXEC };
    if (s_try->group->values)
        return error == s_try->error;
    for (size_t i = 0; i < sizeof errors / sizeof *errors; i++) {
        if (error == errors[i])
            return 1;
    }
    if (s_try->group->manager
        && (error == ECONNRESET || error == EHOSTDOWN || error == ECONNREFUSED))
        return 1;
    return error == s_try->error;
}

static _Noreturn void
s_die (const char *what, const char *file, int line, const char *why)
{
    const int error = errno;
    fprintf (stderr,
             "%s:%d: %s: %s (errno %d, %s; \"%s\"; %s)\n",
             file,
             line,
             what,
             why,
             error,
             strerror (error),
             brood_error (),
             s_strict ? "nothing may fail now" : "with a fault");
    fflush (NULL);
    _exit (1);
}

int
torture_ok (int good, const char *what, const char *file, int line)
{
    if (good)
        return 1;
    if (s_strict)
        s_die (what, file, line, "failed");
    if (brood_error ()[0] == '\0')
        s_die (what, file, line, "failed without a word");
    if (!s_allowed (errno))
        s_die (what, file, line, "failed in a way it must not");
    return 0;
}

void
torture_must (int good, const char *what, const char *file, int line)
{
    if (!good)
        s_die (what, file, line, "is wrong");
}

int
torture_strict (void)
{
    return s_strict;
}

const char *
torture_spec (void)
{
    return s_try->group->spec;
}

brood_pool_t *
torture_pool (void)
{
    return s_pool;
}

// --- Workers ---------------------------------------------------------------

// In a worker: n 0 disarms, and tells how many calls there were.
static int
s_arm_worker (brood_task_t *task, const brood_msg_t *in, brood_msg_t *out)
{
    int kind, error;
    long n;
    if (brood_msg_unpack (in, "[%d, %ld, %d]", &kind, &n, &error) < 0)
        return brood_task_fail (task, "wanted [kind, n, error]");
    const long count = brd_fault_count ((brd_fault_t) kind);
    brd_fault_arm ((brd_fault_t) kind, n, error);
    return brood_msg_pack (out, "%ld", count);
}
BROOD_TASK (s_arm_worker);

// The most calls one of them has made; -1 if they cannot be asked.
static long
s_arm_workers (long n)
{
    long most = 0, count;
    BROOD_AUTO (msg)
    counts = brood_pool_broadcast (s_pool,
                                   s_arm_worker,
                                   "[%d, %ld, %d]",
                                   (int) s_try->kind,
                                   n,
                                   s_try->error);
    if (!counts)
        return -1;
    brood_iter_t it = brood_msg_iter (counts, "");
    while (brood_iter_next (&it, "%ld", &count) == 1)
        most = count > most ? count : most;
    return most;
}

// --- One try ---------------------------------------------------------------

// A task that fails in a worker that lives is as good as one that does not.
static int
s_pool_is_broken (void)
{
    BROOD_AUTO (msg) out = brood_pool_apply (s_pool, s_arm_worker, "nil");
    return !out && errno != EIO;
}

// The allocator of gcc 12's ASan does not look after its locks at a fork: one
// that another thread holds just then is held for ever in the child. libzmq's
// thread gets the time to tidy up before the next pool is forked.
static void
s_settle (void)
{
#ifdef S_LEAKS
    nanosleep (&(struct timespec){ .tv_nsec = 5000000 }, NULL);
#endif
}

static void
s_make_pool (void)
{
    if (s_try->group->manager == TORTURE_OTHER_MANAGER)
        torture_server_fork ();
    TORTURE_MUST (brood_init (NULL, NULL) == 0);
    if (s_try->group->manager && !s_try->group->birth)
        torture_server_make (s_try->group->manager);
    if (!torture_spec () || s_try->group->birth)
        return;
    brd_host_pool_pretends = s_try->group->remote;
    s_pool = brood_pool_new (torture_spec ());
    brd_host_pool_pretends = 0;
    TORTURE_MUST (s_pool != NULL);
}

static void
s_arm (void)
{
    if (s_try->manager)
        // That it is armed may be the last thing it can say.
        (void) torture_server_arm ((int) s_try->kind, s_try->n, s_try->error);
    else if (s_try->workers)
        TORTURE_MUST (s_arm_workers (s_try->n) >= 0);
    else
        brd_fault_arm (s_try->kind, s_try->n, s_try->error);
}

// Returns how many calls there were.
static long
s_disarm (void)
{
    if (!s_try->workers && !s_try->manager) {
        const long count = brd_fault_count (s_try->kind);
        brd_fault_arm (s_try->kind, 0, 0);
        return count;
    }
    // The fault may hit just now.
    for (int i = 0; i < 4; i++) {
        const long count = s_try->manager
                               ? torture_server_arm ((int) s_try->kind, 0, 0)
                               : s_arm_workers (0);
        if (count >= 0)
            return count;
    }
    return 0;
}

static void
s_end_all (int fds)
{
    brood_pool_destroy (&s_pool);
    torture_server_end ();
    brood_fini ();
    const size_t arena = brd_arena_used (brd_runtime_arena ());
    fds = t_open_fds () - fds;
    if (s_try->n == LONG_MAX) {
        s_shared->fds = fds;
        s_shared->arena = arena;
    }
    if (fds > s_shared->fds || arena > s_shared->arena) {
        fprintf (stderr,
                 "left: %d descriptors, %zu bytes of the arena\n",
                 fds - s_shared->fds,
                 arena - s_shared->arena);
        _exit (1);
    }
#ifdef S_LEAKS
    if (__lsan_do_recoverable_leak_check () != 0)
        _exit (1);
#endif
}

static void
s_child (void *arg)
{
    s_try = arg;
    const int fds = t_open_fds ();
    const int counting = s_try->n == LONG_MAX;
    if (!s_try->group->birth)
        s_make_pool ();
    s_arm ();
    s_strict = counting;
    s_try->scenario->run ();
    const long count = s_disarm ();
    if (counting)
        s_shared->count = count;
    else if (!s_try->workers && count < s_try->n)
        s_shared->missed++;
    if (torture_manager () && !torture_server_mend (s_try->group->manager))
        s_shared->broken++;
    if (s_pool && s_pool_is_broken ()) {
        s_shared->broken++;
        brood_pool_destroy (&s_pool);
        s_settle ();
        s_make_pool ();
    }
    s_settle ();
    s_strict = 1;
    s_try->scenario->run ();
    s_end_all (fds);
}

// --- All tries -------------------------------------------------------------

static int
s_all_gone (void *arg)
{
    (void) arg;
    pid_t pid;
    do
        pid = waitpid (-1, NULL, WNOHANG);
    while (pid > 0);
    return pid < 0 && errno == ECHILD;
}

// 0 if all was well.
static int
s_run (s_try_t *try)
{
    int status;
    char *said = t_run_child (s_child, try, S_RUN_SECONDS, &status);
    const int gone = t_eventually (s_all_gone, NULL, S_GONE_SECONDS);
    const int bad = status != 0 || !gone;
    if (bad) {
        printf ("--- torture %s%s %s %s %ld %d\n%s",
                try->workers   ? "workers-"
                : try->manager ? "manager-"
                               : "",
                try->kind == BRD_FAULT_MEMORY ? "memory" : "system",
                try->group->name,
                try->scenario->name,
                try->n,
                try->error,
                said);
        if (WIFSIGNALED (status))
            printf ("killed by %s\n", strsignal (WTERMSIG (status)));
        if (!gone)
            printf ("processes are left\n");
    }
    free (said);
    return bad;
}

// What a system call may meet on a bad day, more or less.
static const int s_passing[] = { ENOMEM, EAGAIN };
static const int s_staying[] = { EIO, EMFILE };

// The n-th call, with an error of either kind; scenarios are many, so each of
// the four comes round somewhere.
static int
s_torture_n (s_try_t *try)
{
    int failures = 0;
    try->error = s_passing[0];
    if (try->kind == BRD_FAULT_MEMORY)
        return s_run (try);
    try->error = s_passing[try->n / 2 % 2];
    failures += s_run (try);
    try->error = s_staying[try->n / 4 % 2];
    failures += s_run (try);
    return failures;
}

static int
s_torture (s_try_t *try)
{
    int failures = 0;
    memset (s_shared, 0, sizeof *s_shared);
    try->n = LONG_MAX;
    try->error = ENOMEM;
    if (s_run (try) != 0)
        return 1;
    const long count = s_shared->count;
    for (try->n = S_FIRST; try->n <= count && failures < S_FAILURES_MAX;
         try->n += S_STEP) {
        failures += s_torture_n (try);
    }
    printf ("%-20s %4ld calls, %ld missed, %ld broken, %d failures\n",
            try->scenario->name,
            count,
            s_shared->missed,
            s_shared->broken,
            failures);
    fflush (stdout);
    return failures;
}

// One n alone, after the count it is compared with.
static int
s_torture_one (s_try_t *try, long n, int error)
{
    memset (s_shared, 0, sizeof *s_shared);
    try->n = LONG_MAX;
    try->error = ENOMEM;
    if (s_run (try) != 0)
        return 1;
    try->n = n;
    if (error == 0)
        return s_torture_n (try);
    try->error = error;
    return s_run (try);
}

static const torture_group_t *
s_group (const char *name)
{
    for (size_t i = 0; i < sizeof s_groups / sizeof *s_groups; i++) {
        if (strcmp (s_groups[i].name, name) == 0)
            return &s_groups[i];
    }
    return NULL;
}

static int
s_torture_all (s_try_t *try, const char *only, long n, int error)
{
    int failures = 0;
    for (try->scenario = try->group->scenarios; try->scenario->name;
         try->scenario++) {
        if (only && strcmp (only, try->scenario->name) != 0)
            continue;
        failures += n > 0 ? s_torture_one (try, n, error) : s_torture (try);
    }
    return failures;
}

int
main (int argc, char **argv)
{
    s_try_t try = { 0 };
    const char *kind = argc > 2 ? argv[1] : "";
    // Owners are children of ours; what they start anew begins here.
    if (getenv ("BROOD_EXEC"))
        (void) brood_init (&argc, &argv);
    try.group = argc > 2 ? s_group (argv[2]) : NULL;
    try.workers = strncmp (kind, "workers-", 8) == 0;
    try.manager = strncmp (kind, "manager-", 8) == 0;
    kind += try.workers || try.manager ? 8 : 0;
    if (!try.group || (try.manager && !try.group->manager)
        || (strcmp (kind, "memory") && strcmp (kind, "system"))) {
        fprintf (stderr, "torture KIND GROUP [SCENARIO [N [ERRNO]]]\n");
        return 64;
    }
    try.kind = kind[0] == 'm' ? BRD_FAULT_MEMORY : BRD_FAULT_SYSTEM;
    setvbuf (stdout, NULL, _IOLBF, 0);
    s_shared = t_share (sizeof *s_shared);
    // Whatever a child leaves behind becomes ours, and is seen.
    if (prctl (PR_SET_CHILD_SUBREAPER, 1) < 0)
        return 71;
    return s_torture_all (&try,
                          argc > 3 ? argv[3] : NULL,
                          argc > 4 ? strtol (argv[4], NULL, 10) : 0,
                          argc > 5 ? (int) strtol (argv[5], NULL, 10) : 0)
                   > 0
               ? 1
               : 0;
}
