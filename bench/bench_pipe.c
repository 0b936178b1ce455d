// bench_pipe.c - W5: messages from one end of a pipe to the other
//
// SPDX-License-Identifier: MPL-2.0
//
//     bench_pipe bytes       brood_conn_send_bytes () and recv_bytes ()
//     bench_pipe messages    the same bytes as a message with a picture
//
// The near end is ours, the far end is held by a process. bytes are copied
// twice, into shared memory and into the receiver's buffer; of a message that
// is large the second copy is spared, since it can be looked at where it lies.
//
// The peers: "link" in peers/ring_pipe_mutex.c for the limits, "pair" in
// peers/zmq_objects.c.

#include <stdlib.h>
#include <string.h>

#include "bench.h"
#include "bench_link.h"
#include "brood/brood_conn.h"
#include "brood/brood_error.h"
#include "brood/brood_init.h"
#include "brood/brood_process.h"

typedef struct {
    brood_conn_t *near;
    brood_conn_t *far;
    brood_conn_t *end;  // That of this process
    bool messages;
    const bench_link_plan_t *plan;
    char *buffer;           // What was received, as bytes...
    brood_msg_t *received;  // ...or as a message
} pipe_t;

static void
s_send_bytes (void *self, const void *bytes, size_t size)
{
    pipe_t *pipe = self;
    if (brood_conn_send_bytes (pipe->end, BROOD_FOREVER, bytes, size) < 0)
        exit (brood_perror ("send_bytes"));
}

static const void *
s_receive_bytes (void *self, size_t size)
{
    pipe_t *pipe = self;
    const long got =
        brood_conn_recv_bytes (pipe->end, BROOD_FOREVER, pipe->buffer, size);
    if (got < 0)
        exit (brood_perror ("recv_bytes"));
    bench_expect ((size_t) got == size, "wrong size");
    return pipe->buffer;
}

static void
s_send_message (void *self, const void *bytes, size_t size)
{
    pipe_t *pipe = self;
    if (brood_conn_send (pipe->end, BROOD_FOREVER, "<%zu %p>", size, bytes) < 0)
        exit (brood_perror ("send"));
}

static const void *
s_receive_message (void *self, size_t size)
{
    pipe_t *pipe = self;
    void *bytes;
    size_t got;
    brood_msg_destroy (&pipe->received);
    pipe->received = brood_conn_recv_msg (pipe->end, BROOD_FOREVER);
    if (!pipe->received
        || brood_msg_unpack (pipe->received, "<%zu %p>", &got, &bytes) < 0)
        exit (brood_perror ("recv_msg"));
    bench_expect (got == size, "wrong size");
    return bytes;
}

static bench_link_t
s_link (pipe_t *pipe)
{
    if (pipe->messages)
        return (bench_link_t){ pipe, s_send_message, s_receive_message };
    return (bench_link_t){ pipe, s_send_bytes, s_receive_bytes };
}

static int
s_far (void *arg)
{
    pipe_t *pipe = arg;
    const bench_link_t link = s_link (pipe);
    pipe->end = pipe->far;
    brood_conn_destroy (&pipe->near);
    bench_link_far (&link, pipe->plan);
    brood_msg_destroy (&pipe->received);
    return 0;
}

static void
s_measure (bool messages, const bench_link_plan_t *plan)
{
    pipe_t pipe = { .messages = messages, .plan = plan };
    const bench_link_t link = s_link (&pipe);
    pipe.buffer = malloc (bench_link_sizes[BENCH_LINK_SIZES - 1]);
    bench_check (pipe.buffer != NULL, "malloc");
    if (brood_pipe_new (1, &pipe.near, &pipe.far) < 0)
        exit (brood_perror ("pipe"));
    pipe.end = pipe.near;
    brood_process_t *process = brood_process_new (s_far, &pipe);
    if (brood_process_start (process) < 0)
        exit (brood_perror ("process"));
    brood_conn_destroy (&pipe.far);
    bench_link_near (&link, plan);
    brood_process_join (process, BROOD_FOREVER);
    bench_expect (brood_process_exitcode (process) == 0, "far end failed");
    brood_process_destroy (&process);
    brood_msg_destroy (&pipe.received);
    brood_conn_destroy (&pipe.near);
    free (pipe.buffer);
}

int
main (int argc, char **argv)
{
    brood_init (&argc, &argv);
    if (bench_smoke (&argc, argv)) {
        s_measure (false, &bench_link_smoke);
        s_measure (true, &bench_link_smoke);
        return 0;
    }
    if (argc == 2 && strcmp (argv[1], "bytes") == 0)
        s_measure (false, &bench_link_whole);
    else if (argc == 2 && strcmp (argv[1], "messages") == 0)
        s_measure (true, &bench_link_whole);
    else
        bench_usage ("bench_pipe bytes|messages");
    return 0;
}
