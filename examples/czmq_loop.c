// czmq_loop.c - a czmq loop whose messages become tasks
//
// SPDX-License-Identifier: MPL-2.0
//
// A server in one thread: jobs arrive at a socket, go to the pool as they are,
// and their results leave by the same socket from then-callbacks, which the
// loop runs in its turn. <brood/brood_czmq.h> is not part of <brood.h>; link
// with brood::czmq as well.
//
// Here the client is the same program: it has sent its jobs before the loop
// begins, and ends the loop when it has all answers.
//
// Read next: event_loop.c for the same with epoll.

#include <brood.h>
#include <brood/brood_czmq.h>
#include <stdio.h>

enum {
    JOBS = 7
};

typedef struct {
    brood_pool_t *pool;
    zsock_t *socket;
} server;

typedef struct {
    int answers;
    long sum;
} client;

static int
square (brood_task_t *task, const brood_msg_t *in, brood_msg_t *out)
{
    long n;
    if (brood_msg_unpack (in, "{n: %ld}", &n) < 0)
        return brood_task_fail (task, "wanted a number");
    return brood_msg_pack (out, "{square: %ld}", n * n);
}
BROOD_TASK (square);

// A task is done: its result is a zmsg, and goes back.
static void
done (brood_future_t *future, void *arg)
{
    server *s = arg;
    zmsg_t *answer = brood_msg_zmsg (brood_future_result (future, 0));
    if (!answer || zmsg_send (&answer, s->socket) < 0) {
        brood_perror ("square");
        zmsg_destroy (&answer);
    }
}

// A zmsg has come: it is a task.
static int
on_job (zloop_t *loop, zsock_t *socket, void *arg)
{
    server *s = arg;
    (void) loop;
    zmsg_t *job = zmsg_recv (socket);
    BROOD_AUTO (msg) msg = brood_msg_new_zmsg (&job);
    zmsg_destroy (&job);  // Left only if it was no msgpack
    BROOD_AUTO (future) f = brood_pool_submit_msg (s->pool, square, NULL, &msg);
    if (brood_future_then (f, done, s) < 0)
        brood_perror ("a job");
    return 0;
}

static int
on_answer (zloop_t *loop, zsock_t *socket, void *arg)
{
    client *c = arg;
    long n;
    (void) loop;
    zmsg_t *zmsg = zmsg_recv (socket);
    BROOD_AUTO (msg) answer = brood_msg_new_zmsg (&zmsg);
    if (brood_msg_unpack (answer, "{square: %ld}", &n) == 0)
        c->sum += n;
    zmsg_destroy (&zmsg);
    return ++c->answers < JOBS ? 0 : -1;  // -1 ends the loop
}

static void
send_job (zsock_t *socket, int n)
{
    BROOD_AUTO (msg) job = brood_msg_new ("{n: %d}", n);
    zmsg_t *zmsg = brood_msg_zmsg (job);
    if (!zmsg || zmsg_send (&zmsg, socket) < 0)
        brood_perror ("sending");
}

int
main (int argc, char **argv)
{
    brood_init (&argc, &argv);
    zsys_handler_set (NULL);  // Ctrl-C is not czmq's
    BROOD_AUTO (pool) pool = brood_pool_new ("2");
    server s = { pool, zsock_new_pair ("@inproc://jobs") };
    client c = { 0, 0 };
    zsock_t *socket = zsock_new_pair (">inproc://jobs");
    zloop_t *loop = zloop_new ();
    zloop_reader (loop, s.socket, on_job, &s);
    zloop_reader (loop, socket, on_answer, &c);
    if (brood_zloop_add (loop) < 0)
        return brood_perror ("czmq_loop");
    for (int n = 1; n <= JOBS; n++)
        send_job (socket, n);

    zloop_start (loop);
    printf ("%d answers, and the squares' sum is %ld\n", c.answers, c.sum);

    zloop_destroy (&loop);
    zsock_destroy (&socket);
    zsock_destroy (&s.socket);
    return 0;
}
