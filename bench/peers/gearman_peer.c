// gearman_peer.c - peer: gearman, a job server between client and workers
//
// SPDX-License-Identifier: MPL-2.0
//
//     gearman_peer tasks N     W2: N jobs, 200 at a time, two workers
//     gearman_peer sync N      W3: one job after the other, one worker
//     gearman_peer start N     W6: N workers, one job each
//     gearman_peer rows        W7: Mandelbrot, two workers
//
// Starts a gearmand of its own on a free port of 127.0.0.1 and ends it again;
// neither is part of any time. Ends with 77 where gearmand is not installed.

#include <arpa/inet.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <libgearman/gearman.h>

#include "bench.h"
#include "mandel.h"

enum {
    S_WORKERS = 2,
    S_WORKERS_MAX = 250,
    S_BATCH = 200,  // Jobs handed over together; 1000 and 5000 are no faster
    S_START_REPEAT = 5,
    S_TASKS_MAX = 10000000
};

static const char s_host[] = "127.0.0.1";

// --- The job server --------------------------------------------------------

static in_port_t
s_free_port (void)
{
    struct sockaddr_in address = { .sin_family = AF_INET };
    socklen_t size = sizeof address;
    int fd = socket (AF_INET, SOCK_STREAM, 0);
    address.sin_addr.s_addr = htonl (INADDR_LOOPBACK);
    bench_check (fd >= 0 && bind (fd, (struct sockaddr *) &address, size) == 0
                     && getsockname (fd, (struct sockaddr *) &address, &size)
                            == 0,
                 "no port");
    close (fd);
    return ntohs (address.sin_port);
}

static void
s_exec_server (in_port_t port)
{
    char text[8];
    snprintf (text, sizeof text, "%d", (int) port);
    int null = open ("/dev/null", O_RDWR);
    dup2 (null, 1);
    dup2 (null, 2);
    // A backlog of 32, the default, makes 64 workers wait for a second.
    execlp ("gearmand",
            "gearmand",
            "-L",
            s_host,
            "-p",
            text,
            "-b",
            "1024",
            "-l",
            "none",
            (char *) NULL);
    _exit (BENCH_SKIP);
}

static bool
s_listens (in_port_t port)
{
    struct sockaddr_in address = { .sin_family = AF_INET };
    int fd = socket (AF_INET, SOCK_STREAM, 0);
    address.sin_port = htons (port);
    address.sin_addr.s_addr = htonl (INADDR_LOOPBACK);
    bool ok = connect (fd, (struct sockaddr *) &address, sizeof address) == 0;
    close (fd);
    return ok;
}

// Returns once it takes connections.
static pid_t
s_start_server (in_port_t port)
{
    pid_t pid = bench_fork ();
    if (pid == 0)
        s_exec_server (port);
    for (int i = 0; i < 200 && !s_listens (port); i++) {
        int status;
        struct timespec nap = { 0, 20000000 };
        nanosleep (&nap, NULL);
        if (waitpid (pid, &status, WNOHANG) == pid) {
            fprintf (stderr, "gearmand is not installed\n");
            exit (BENCH_SKIP);
        }
    }
    return pid;
}

// --- Workers ---------------------------------------------------------------

typedef gearman_return_t
work_fn (gearman_job_st *job, void *context);

static gearman_return_t
s_square (gearman_job_st *job, void *context)
{
    int64_t x;
    (void) context;
    memcpy (&x, gearman_job_workload (job), sizeof x);
    x *= x;
    return gearman_job_send_complete (job, &x, sizeof x);
}

static gearman_return_t
s_row (gearman_job_st *job, void *context)
{
    int64_t row;
    (void) context;
    memcpy (&row, gearman_job_workload (job), sizeof row);
    uint64_t sum = mandel_row ((int) row, MANDEL_ROWS);
    return gearman_job_send_complete (job, &sum, sizeof sum);
}

static pid_t
s_start_worker (in_port_t port, const char *name, work_fn *work)
{
    pid_t pid = bench_fork ();
    if (pid != 0)
        return pid;
    gearman_worker_st *worker = gearman_worker_create (NULL);
    gearman_worker_add_server (worker, s_host, port);
    gearman_worker_define_function (
        worker, name, strlen (name), gearman_function_create (work), 0, NULL);
    while (gearman_worker_work (worker) == GEARMAN_SUCCESS)
        ;
    _exit (1);
}

static void
s_stop (const pid_t *pids, int count)
{
    for (int i = 0; i < count; i++)
        kill (pids[i], SIGTERM);
    for (int i = 0; i < count; i++)
        waitpid (pids[i], NULL, 0);
}

// --- The client ------------------------------------------------------------

typedef struct {
    uint64_t sum;
    size_t done;
} results_t;

static gearman_return_t
s_complete (gearman_task_st *task)
{
    uint64_t value;
    results_t *results = gearman_task_context (task);
    memcpy (&value, gearman_task_data (task), sizeof value);
    results->sum += value;
    results->done++;
    return GEARMAN_SUCCESS;
}

static gearman_client_st *
s_client (in_port_t port)
{
    gearman_client_st *client = gearman_client_create (NULL);
    bench_expect (gearman_client_add_server (client, s_host, port)
                      == GEARMAN_SUCCESS,
                  "no client");
    gearman_client_set_complete_fn (client, s_complete);
    return client;
}

// Runs name on 0 .. n - 1, some at a time; names get the number's if numbered.
static results_t
s_run (gearman_client_st *client, const char *name, size_t n, bool numbered)
{
    int64_t arguments[S_BATCH];
    results_t results = { 0, 0 };
    for (size_t from = 0; from < n; from += S_BATCH) {
        for (size_t i = from; i < n && i < from + S_BATCH; i++) {
            char full[32];
            char unique[32];
            gearman_return_t code;
            int64_t *argument = &arguments[i - from];
            *argument = (int64_t) i;
            snprintf (unique, sizeof unique, "%zu", i);
            snprintf (full, sizeof full, "%s%s", name, numbered ? unique : "");
            gearman_client_add_task (client,
                                     NULL,
                                     &results,
                                     full,
                                     unique,
                                     argument,
                                     sizeof *argument,
                                     &code);
            bench_expect (code == GEARMAN_SUCCESS, "no task");
        }
        bench_expect (gearman_client_run_tasks (client) == GEARMAN_SUCCESS,
                      "jobs failed");
        gearman_client_task_free_all (client);
    }
    bench_expect (results.done == n, "jobs were lost");
    return results;
}

static uint64_t
s_sum_of_squares (uint64_t n)
{
    uint64_t sum = 0;
    for (uint64_t i = 0; i < n; i++)
        sum += i * i;
    return sum;
}

static void
s_measure_tasks (in_port_t port, size_t n)
{
    pid_t pids[S_WORKERS];
    for (int i = 0; i < S_WORKERS; i++)
        pids[i] = s_start_worker (port, "square", s_square);
    gearman_client_st *client = s_client (port);
    s_run (client, "square", n / 10 + 1, false);
    int64_t start = bench_now_ns ();
    results_t results = s_run (client, "square", n, false);
    bench_rate ("W2 tasks", n, bench_now_ns () - start, "tasks/s");
    bench_expect (results.sum == s_sum_of_squares (n), "wrong sum");
    gearman_client_free (client);
    s_stop (pids, S_WORKERS);
}

static void
s_measure_sync (in_port_t port, size_t n)
{
    int64_t *ns = calloc (n, sizeof *ns);
    bench_check (ns != NULL, "calloc");
    pid_t pid = s_start_worker (port, "square", s_square);
    gearman_client_st *client = s_client (port);
    for (int64_t i = -(int64_t) n / 10; i < (int64_t) n; i++) {
        size_t size;
        gearman_return_t code;
        int64_t start = bench_now_ns ();
        int64_t *result = gearman_client_do (
            client, "square", NULL, &i, sizeof i, &size, &code);
        bench_expect (code == GEARMAN_SUCCESS && *result == i * i, "no square");
        if (i >= 0)
            ns[i] = bench_now_ns () - start;
        free (result);
    }
    bench_latency ("W3 rtt", ns, n);
    gearman_client_free (client);
    s_stop (&pid, 1);
    free (ns);
}

// A function of its own for each worker makes sure that each has one job.
static long
s_cycle (in_port_t port, int count, bool pss)
{
    pid_t pids[S_WORKERS_MAX];
    long kb = 0;
    for (int i = 0; i < count; i++) {
        char name[32];
        snprintf (name, sizeof name, "square%d", i);
        pids[i] = s_start_worker (port, name, s_square);
    }
    gearman_client_st *client = s_client (port);
    s_run (client, "square", (size_t) count, true);
    gearman_client_free (client);
    for (int i = 0; pss && i < count; i++)
        kb += bench_pss_kb (pids[i]);
    s_stop (pids, count);
    return kb;
}

static void
s_measure_start (in_port_t port, int count)
{
    int64_t ns[S_START_REPEAT];
    s_cycle (port, count, false);
    for (int i = 0; i < S_START_REPEAT; i++) {
        int64_t start = bench_now_ns ();
        s_cycle (port, count, false);
        ns[i] = bench_now_ns () - start;
    }
    bench_start_stop (count, ns, S_START_REPEAT, s_cycle (port, count, true));
}

static void
s_measure_rows (in_port_t port)
{
    pid_t pids[S_WORKERS];
    int64_t start = bench_now_ns ();
    for (int i = 0; i < S_WORKERS; i++)
        pids[i] = s_start_worker (port, "row", s_row);
    gearman_client_st *client = s_client (port);
    results_t results = s_run (client, "row", MANDEL_ROWS, false);
    bench_report ("W7 wall", (double) (bench_now_ns () - start) / 1e9, "s");
    bench_expect (results.sum == MANDEL_SUM, "wrong sum");
    gearman_client_free (client);
    s_stop (pids, S_WORKERS);
}

int
main (int argc, char **argv)
{
    bool smoke = bench_smoke (&argc, argv);
    const char *what = argc > 1 ? argv[1] : "";
    in_port_t port = s_free_port ();
    pid_t server = s_start_server (port);
    if (smoke) {
        s_measure_tasks (port, 500);
        s_measure_sync (port, 50);
        s_measure_start (port, 3);
    }
    else if (argc == 3 && strcmp (what, "tasks") == 0)
        s_measure_tasks (port, bench_count (argv[2], S_TASKS_MAX));
    else if (argc == 3 && strcmp (what, "sync") == 0)
        s_measure_sync (port, bench_count (argv[2], S_TASKS_MAX));
    else if (argc == 3 && strcmp (what, "start") == 0)
        s_measure_start (port, (int) bench_count (argv[2], S_WORKERS_MAX));
    else if (argc == 2 && strcmp (what, "rows") == 0)
        s_measure_rows (port);
    else
        bench_usage ("gearman_peer tasks N | sync N | start N | rows");
    s_stop (&server, 1);
    return 0;
}
