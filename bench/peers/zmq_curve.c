// zmq_curve.c - peer: ZeroMQ by hand over tcp, with CURVE
//
// SPDX-License-Identifier: MPL-2.0
//
//     zmq_curve link         W9: what bench_wan measures, by two DEALERs
//     zmq_curve tasks N      W9: numbers squared by a worker at the other end
//     zmq_curve sync N       W9: the same, one by one
//
// Nothing here knows who has what: a connection that breaks loses messages, and
// a worker that dies is not noticed.
//
//     DEALER, server's keys <== tcp, CURVE ==> DEALER in a child

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <zmq.h>

#include "bench.h"
#include "bench_link.h"
#include "by_hand.h"

enum {
    S_KEY = 41,
    S_WINDOW = 10000,
    S_TASKS_MAX = 5000000
};

// All that the child has to know, and what it becomes.
typedef struct {
    char public_key[S_KEY];
    char secret_key[S_KEY];
    int fds[2];  // By which the child hears of the address
    void *context;
    void *socket;
    zmq_msg_t received;
} s_end_t;

static void
s_send (void *self, const void *bytes, size_t size)
{
    bench_check (zmq_send (((s_end_t *) self)->socket, bytes, size, 0) >= 0,
                 "zmq_send");
}

static const void *
s_receive (void *self, size_t size)
{
    s_end_t *end = self;
    bench_check (zmq_msg_recv (&end->received, end->socket, 0) >= 0,
                 "zmq_msg_recv");
    bench_expect (zmq_msg_size (&end->received) == size, "wrong size");
    return zmq_msg_data (&end->received);
}

static void
s_dial (s_end_t *self)
{
    char address[BY_HAND_ADDRESS];
    char public_key[S_KEY];
    char secret_key[S_KEY];
    bench_check (read (self->fds[0], address, sizeof address)
                     == (ssize_t) sizeof address,
                 "read");
    bench_check (zmq_curve_keypair (public_key, secret_key) == 0, "keys");
    self->context = zmq_ctx_new ();
    self->socket = by_hand_socket (self->context, ZMQ_DEALER);
    zmq_setsockopt (
        self->socket, ZMQ_CURVE_SERVERKEY, self->public_key, S_KEY - 1);
    zmq_setsockopt (self->socket, ZMQ_CURVE_PUBLICKEY, public_key, S_KEY - 1);
    zmq_setsockopt (self->socket, ZMQ_CURVE_SECRETKEY, secret_key, S_KEY - 1);
    bench_check (zmq_connect (self->socket, address) == 0, "zmq_connect");
}

static void
s_listen (s_end_t *self)
{
    char address[BY_HAND_ADDRESS] = "";
    size_t size = sizeof address;
    const int is_server = 1;
    self->context = zmq_ctx_new ();
    self->socket = by_hand_socket (self->context, ZMQ_DEALER);
    zmq_setsockopt (
        self->socket, ZMQ_CURVE_SERVER, &is_server, sizeof is_server);
    zmq_setsockopt (
        self->socket, ZMQ_CURVE_SECRETKEY, self->secret_key, S_KEY - 1);
    bench_check (zmq_bind (self->socket, "tcp://127.0.0.1:*") == 0, "zmq_bind");
    zmq_getsockopt (self->socket, ZMQ_LAST_ENDPOINT, address, &size);
    bench_check (write (self->fds[1], address, sizeof address)
                     == (ssize_t) sizeof address,
                 "write");
}

// The child's number, 0 in the child.
static pid_t
s_open (s_end_t *self)
{
    memset (self, 0, sizeof *self);
    bench_check (zmq_curve_keypair (self->public_key, self->secret_key) == 0,
                 "this libzmq has no CURVE");
    bench_check (pipe (self->fds) == 0, "pipe");
    zmq_msg_init (&self->received);
    const pid_t pid = bench_fork ();
    if (pid == 0)
        s_dial (self);
    else
        s_listen (self);
    return pid;
}

static void
s_close (s_end_t *self, pid_t pid)
{
    bench_kill (pid);
    zmq_msg_close (&self->received);
    zmq_close (self->socket);
    zmq_ctx_term (self->context);
    close (self->fds[0]);
    close (self->fds[1]);
}

static void
s_measure_link (const bench_link_plan_t *plan)
{
    s_end_t end;
    const bench_link_t link = { &end, s_send, s_receive };
    bench_link_call ("W9");
    const pid_t pid = s_open (&end);
    if (pid == 0) {
        bench_link_far (&link, plan);
        for (;;)
            pause ();
    }
    bench_link_near (&link, plan);
    s_close (&end, pid);
}

// --- Tasks -----------------------------------------------------------------

typedef struct {
    uint64_t id;
    int64_t x;
} s_task_t;

static _Noreturn void
s_work (s_end_t *self)
{
    s_task_t task;
    for (;;) {
        memcpy (&task, s_receive (self, sizeof task), sizeof task);
        task.x *= task.x;
        s_send (self, &task, sizeof task);
    }
}

static void
s_give (s_end_t *self, uint64_t id)
{
    const s_task_t task = { .id = id, .x = (int64_t) id };
    s_send (self, &task, sizeof task);
}

static void
s_take (s_end_t *self, uint64_t id)
{
    s_task_t task;
    memcpy (&task, s_receive (self, sizeof task), sizeof task);
    bench_expect (task.id == id && task.x == (int64_t) (id * id),
                  "wrong square");
}

static int64_t
s_tasks (s_end_t *self, uint64_t n)
{
    const int64_t start = bench_now_ns ();
    for (uint64_t i = 0; i < n; i++) {
        if (i >= S_WINDOW)
            s_take (self, i - S_WINDOW);
        s_give (self, i);
    }
    for (uint64_t i = n > S_WINDOW ? n - S_WINDOW : 0; i < n; i++)
        s_take (self, i);
    return bench_now_ns () - start;
}

static void
s_measure_tasks (size_t n)
{
    s_end_t end;
    const pid_t pid = s_open (&end);
    if (pid == 0)
        s_work (&end);
    s_tasks (&end, n / 10 + 1);
    bench_rate ("W9 tasks", n, s_tasks (&end, n), "tasks/s");
    s_close (&end, pid);
}

static void
s_measure_sync (size_t n)
{
    s_end_t end;
    int64_t *ns = calloc (n, sizeof *ns);
    bench_check (ns != NULL, "calloc");
    const pid_t pid = s_open (&end);
    if (pid == 0)
        s_work (&end);
    s_tasks (&end, n / 10 + 1);
    for (size_t i = 0; i < n; i++) {
        const int64_t start = bench_now_ns ();
        s_give (&end, i);
        s_take (&end, i);
        ns[i] = bench_now_ns () - start;
    }
    bench_latency ("W9 task rtt", ns, n);
    s_close (&end, pid);
    free (ns);
}

int
main (int argc, char **argv)
{
    if (bench_smoke (&argc, argv)) {
        s_measure_link (&bench_link_smoke);
        s_measure_tasks (1000);
        s_measure_sync (100);
        return 0;
    }
    const char *what = argc > 1 ? argv[1] : "";
    if (argc == 2 && strcmp (what, "link") == 0)
        s_measure_link (&bench_link_whole);
    else if (argc == 3 && strcmp (what, "tasks") == 0)
        s_measure_tasks (bench_count (argv[2], S_TASKS_MAX));
    else if (argc == 3 && strcmp (what, "sync") == 0)
        s_measure_sync (bench_count (argv[2], S_TASKS_MAX));
    else
        bench_usage ("zmq_curve link | tasks N | sync N");
    return 0;
}
