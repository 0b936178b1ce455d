// ring_pipe_mutex.c - peer: the limits, what queues, pipes and locks stand on
//
// SPDX-License-Identifier: MPL-2.0
//
//     ring_pipe_mutex queue ring N           W4: one producer, one consumer
//     ring_pipe_mutex queue pipe PAIRS N     W4: one pipe that all share
//     ring_pipe_mutex link pipe|socketpair|ring|spin|memcpy     W5
//     ring_pipe_mutex lock CONTENDERS N      W8: a robust pthread mutex
//
// ring is shared memory and futexes (shared_ring.h); spin is the same, but who
// waits looks 100 us long before it sleeps. memcpy copies within one process
// and is the limit of bulk. The pipe of W4 hands 16 bytes to any of its
// readers: less than PIPE_BUF is written at once, and read at once. No item has
// a type, no queue a bound of its own, and no end is told that the other one
// died; the mutex does tell.

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench.h"
#include "bench_crowd.h"
#include "bench_link.h"
#include "shared_ring.h"

enum {
    S_PAIRS_MAX = BENCH_CROWD_MAX / 2,
    S_COUNT_MAX = 1000000000,
    S_SPIN = 100000,  // About 100 us
    S_COPIES = 9      // memcpy's repetitions
};

static void
s_write (int fd, const void *bytes, size_t size)
{
    for (const char *at = bytes; size > 0;) {
        ssize_t put = write (fd, at, size);
        bench_check (put > 0, "write");
        at += put;
        size -= (size_t) put;
    }
}

static void
s_read (int fd, void *bytes, size_t size)
{
    for (char *at = bytes; size > 0;) {
        ssize_t got = read (fd, at, size);
        bench_check (got > 0, "read");
        at += got;
        size -= (size_t) got;
    }
}

// --- W4 --------------------------------------------------------------------

typedef struct {
    bench_crowd_t crowd;
    shared_ring_t ring;
    int fds[2];  // The pipe, or not open
    int pairs;
    uint64_t n;
} queue_t;

static void
s_produce_to_ring (queue_t *queue)
{
    for (uint64_t i = 0; i < queue->n; i++) {
        bench_item_t item = { i, 0 };
        shared_ring_put (&queue->ring, &item, sizeof item, 0);
    }
}

static void
s_consume_from_ring (queue_t *queue)
{
    for (;;) {
        bench_item_t item;
        shared_ring_get (&queue->ring, &item, sizeof item, 0);
        bench_crowd_count (&queue->crowd, 1, item.id);
    }
}

static void
s_produce_to_pipe (queue_t *queue, int self)
{
    uint64_t share = queue->n / (uint64_t) queue->pairs;
    for (uint64_t i = 0; i < share; i++) {
        bench_item_t item = bench_queue_item (queue->pairs, self, i);
        s_write (queue->fds[1], &item, sizeof item);
    }
}

static void
s_consume_from_pipe (queue_t *queue, int self)
{
    for (;;) {
        bench_item_t item;
        s_read (queue->fds[0], &item, sizeof item);
        bench_crowd_count (&queue->crowd, self, item.id);
    }
}

static void
s_queue_member (void *arg, int self)
{
    queue_t *queue = arg;
    bench_crowd_ready (&queue->crowd);
    if (queue->fds[0] < 0 && self == 0)
        s_produce_to_ring (queue);
    else if (queue->fds[0] < 0)
        s_consume_from_ring (queue);
    else if (self < queue->pairs)
        s_produce_to_pipe (queue, self);
    else
        s_consume_from_pipe (queue, self);
}

static void
s_measure_queue (bool ring, int pairs, uint64_t n)
{
    queue_t *queue = bench_shared (sizeof *queue);
    queue->pairs = pairs;
    queue->n = n;
    queue->fds[0] = queue->fds[1] = -1;
    if (!ring)
        bench_check (pipe (queue->fds) == 0, "pipe");
    bench_crowd_init (&queue->crowd);
    bench_crowd_fork (&queue->crowd, 2 * pairs, s_queue_member, queue);
    bench_queue_run (&queue->crowd, pairs, n);
    bench_crowd_kill (&queue->crowd);
    if (!ring) {
        close (queue->fds[0]);
        close (queue->fds[1]);
    }
    bench_unshare (queue, sizeof *queue);
}

// --- W5 --------------------------------------------------------------------

typedef struct {
    int in;
    int out;
    char *buffer;  // What was received
} descriptors_t;

typedef struct {
    shared_ring_t *in;
    shared_ring_t *out;
    unsigned spin;
    unsigned char buffer[SHARED_RING_RECORD];
} rings_t;

static void
s_send_to_descriptor (void *self, const void *bytes, size_t size)
{
    descriptors_t *ends = self;
    s_write (ends->out, bytes, size);
}

static const void *
s_receive_from_descriptor (void *self, size_t size)
{
    descriptors_t *ends = self;
    s_read (ends->in, ends->buffer, size);
    return ends->buffer;
}

static void
s_send_to_ring (void *self, const void *bytes, size_t size)
{
    rings_t *rings = self;
    shared_ring_put (rings->out, bytes, size, rings->spin);
}

static const void *
s_receive_from_ring (void *self, size_t size)
{
    rings_t *rings = self;
    shared_ring_get (rings->in, rings->buffer, size, rings->spin);
    return rings->buffer;
}

// Forks the far end, which is given far and leaves.
static void
s_run_link (const bench_link_t *near,
            const bench_link_t *far,
            const bench_link_plan_t *plan)
{
    int status = -1;
    pid_t pid = bench_fork ();
    if (pid == 0) {
        bench_link_far (far, plan);
        _exit (0);
    }
    bench_link_near (near, plan);
    bench_check (waitpid (pid, &status, 0) == pid, "waitpid");
    bench_expect (status == 0, "the far end failed");
}

static void
s_measure_descriptors (bool socket, const bench_link_plan_t *plan)
{
    int there[2];
    int back[2];
    // Each process has its own of what is written to.
    char *buffer = malloc (bench_link_sizes[BENCH_LINK_SIZES - 1]);
    bench_check (buffer != NULL, "malloc");
    if (socket) {
        bench_check (socketpair (AF_UNIX, SOCK_STREAM, 0, there) == 0,
                     "socketpair");
        back[0] = dup (there[1]);
        back[1] = dup (there[0]);
        bench_check (back[0] >= 0 && back[1] >= 0, "dup");
    }
    else
        bench_check (pipe (there) == 0 && pipe (back) == 0, "pipe");
    descriptors_t ends[2] = { { back[0], there[1], buffer },
                              { there[0], back[1], buffer } };
    bench_link_t near = { &ends[0],
                          s_send_to_descriptor,
                          s_receive_from_descriptor };
    bench_link_t far = { &ends[1],
                         s_send_to_descriptor,
                         s_receive_from_descriptor };
    s_run_link (&near, &far, plan);
    for (int i = 0; i < 2; i++) {
        close (there[i]);
        close (back[i]);
    }
    free (buffer);
}

static void
s_measure_rings (unsigned spin, const bench_link_plan_t *plan)
{
    shared_ring_t *rings = bench_shared (2 * sizeof *rings);
    rings_t ends[2] = { { .in = &rings[1], .out = &rings[0], .spin = spin },
                        { .in = &rings[0], .out = &rings[1], .spin = spin } };
    bench_link_t near = { &ends[0], s_send_to_ring, s_receive_from_ring };
    bench_link_t far = { &ends[1], s_send_to_ring, s_receive_from_ring };
    bench_link_plan_t small = *plan;
    small.bulk_bytes = 0;
    s_run_link (&near, &far, &small);
    bench_unshare (rings, 2 * sizeof *rings);
}

static void
s_measure_memcpy (void)
{
    size_t most = bench_link_sizes[BENCH_LINK_SIZES - 1];
    char *from = malloc (most);
    char *to = malloc (most);
    bench_check (from && to, "malloc");
    memset (from, 'b', most);
    memset (to, 'b', most);
    for (int i = 0; i < BENCH_LINK_SIZES; i++) {
        int64_t ns[S_COPIES];
        for (int copy = 0; copy < S_COPIES; copy++) {
            int64_t start = bench_now_ns ();
            for (size_t done = 0; done < most; done += bench_link_sizes[i]) {
                memcpy (to, from, bench_link_sizes[i]);
                // Or all but the last copy would be dropped.
                __asm__ volatile("" : : "r"(to) : "memory");
            }
            ns[copy] = bench_now_ns () - start;
        }
        bench_link_bulk (
            bench_link_sizes[i], most, (double) bench_median (ns, S_COPIES));
    }
    free (from);
    free (to);
}

static void
s_measure_link (const char *how, const bench_link_plan_t *plan)
{
    if (strcmp (how, "pipe") == 0)
        s_measure_descriptors (false, plan);
    else if (strcmp (how, "socketpair") == 0)
        s_measure_descriptors (true, plan);
    else if (strcmp (how, "ring") == 0)
        s_measure_rings (0, plan);
    else if (strcmp (how, "spin") == 0)
        s_measure_rings (S_SPIN, plan);
    else if (strcmp (how, "memcpy") == 0)
        s_measure_memcpy ();
    else
        bench_usage ("... pipe|socketpair|ring|spin|memcpy");
}

// --- W8 --------------------------------------------------------------------

typedef struct {
    bench_crowd_t crowd;
    pthread_mutex_t mutex;
    _Alignas(64) uint64_t value;  // What the mutex guards
    uint64_t each;
} lock_t;

static void
s_contend (void *arg, int self)
{
    lock_t *lock = arg;
    bench_crowd_ready (&lock->crowd);
    for (uint64_t i = 0; i < lock->each; i++) {
        pthread_mutex_lock (&lock->mutex);
        lock->value++;
        pthread_mutex_unlock (&lock->mutex);
    }
    bench_crowd_count (&lock->crowd, self, 0);
}

static void
s_measure_lock (int contenders, uint64_t n)
{
    pthread_mutexattr_t attributes;
    lock_t *lock = bench_shared (sizeof *lock);
    lock->each = n / (uint64_t) contenders;
    pthread_mutexattr_init (&attributes);
    pthread_mutexattr_setpshared (&attributes, PTHREAD_PROCESS_SHARED);
    pthread_mutexattr_setrobust (&attributes, PTHREAD_MUTEX_ROBUST);
    errno = pthread_mutex_init (&lock->mutex, &attributes);
    bench_check (errno == 0, "pthread_mutex_init");
    bench_crowd_init (&lock->crowd);
    bench_crowd_fork (&lock->crowd, contenders, s_contend, lock);
    bench_lock_run (&lock->crowd, contenders, n);
    bench_expect (lock->value == lock->each * (uint64_t) contenders,
                  "the mutex does not exclude");
    bench_crowd_kill (&lock->crowd);
    bench_unshare (lock, sizeof *lock);
}

// --- Calling ---------------------------------------------------------------

static void
s_smoke (void)
{
    s_measure_queue (true, 1, 20000);
    s_measure_queue (false, 1, 20000);
    s_measure_queue (false, 4, 20000);
    s_measure_link ("pipe", &bench_link_smoke);
    s_measure_link ("socketpair", &bench_link_smoke);
    s_measure_link ("ring", &bench_link_smoke);
    s_measure_link ("spin", &bench_link_smoke);
    s_measure_link ("memcpy", &bench_link_smoke);
    s_measure_lock (1, 20000);
    s_measure_lock (4, 20000);
}

int
main (int argc, char **argv)
{
    bool smoke = bench_smoke (&argc, argv);
    const char *what = argc > 2 ? argv[1] : "";
    const char *how = argc > 2 ? argv[2] : "";
    if (smoke)
        s_smoke ();
    else if (argc == 4 && strcmp (what, "queue") == 0
             && strcmp (how, "ring") == 0)
        s_measure_queue (true, 1, bench_count (argv[3], S_COUNT_MAX));
    else if (argc == 5 && strcmp (what, "queue") == 0
             && strcmp (how, "pipe") == 0)
        s_measure_queue (false,
                         (int) bench_count (argv[3], S_PAIRS_MAX),
                         bench_count (argv[4], S_COUNT_MAX));
    else if (argc == 3 && strcmp (what, "link") == 0)
        s_measure_link (how, &bench_link_whole);
    else if (argc == 4 && strcmp (what, "lock") == 0)
        s_measure_lock ((int) bench_count (how, BENCH_CROWD_MAX),
                        bench_count (argv[3], S_COUNT_MAX));
    else
        bench_usage ("ring_pipe_mutex queue ring N | queue pipe PAIRS N"
                     " | link pipe|socketpair|ring|spin|memcpy"
                     " | lock CONTENDERS N");
    return 0;
}
