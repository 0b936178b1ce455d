// torture_streams.c - pipes, and streams between proven peers
//
// SPDX-License-Identifier: MPL-2.0
//
// A send that fails has sent nothing; a receive that fails has taken nothing.
// Streams are driven from one thread, so that it is known who has failed.

#include "torture.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "transport/brd_listener.h"

enum {
    S_SMALL = 100,
    S_LARGE = 150000  // A block of its own; several records
};

static char s_bytes[S_LARGE], s_got[S_LARGE];

// --- Pipes -----------------------------------------------------------------

static void
s_through (brood_conn_t *from, brood_conn_t *to, size_t size)
{
    const int sent = TORTURE_OK (
        brood_conn_send_bytes (from, TORTURE_MS, s_bytes, size) == 0);
    TORTURE_MUST (brood_conn_poll (to, 0) == sent);
    if (!sent)
        return;
    TORTURE_MUST (brood_conn_next_size (to, 0) == (long) size);
    TORTURE_MUST (brood_conn_recv_bytes (to, TORTURE_MS, s_got, sizeof s_got)
                  == (long) size);
}

static void
s_message (brood_conn_t *from, brood_conn_t *to, size_t size)
{
    void *bytes = s_bytes;
    if (!TORTURE_OK (brood_conn_send (from, TORTURE_MS, "<%zu %p>", size, bytes)
                     == 0)) {
        TORTURE_MUST (brood_conn_poll (to, 0) == 0);
        return;
    }
    size_t got = 0;
    if (!TORTURE_OK (brood_conn_recv (to, TORTURE_MS, "<%zu %p>", &got, &bytes)
                     == 0)) {
        // It is still the next.
        BROOD_AUTO (msg) msg = brood_conn_recv_msg (to, TORTURE_MS);
        if (TORTURE_OK (msg))
            TORTURE_MUST (brood_msg_unpack (msg, "<%zu %p>", &got, &bytes) == 0
                          && got == size);
        return;
    }
    TORTURE_MUST (got == size);
}

static void
s_pipe (void)
{
    brood_conn_t *near, *far;
    if (!TORTURE_OK (brood_pipe_new (1, &near, &far) == 0))
        return;
    s_through (near, far, S_SMALL);
    s_through (far, near, S_LARGE);
    s_message (near, far, S_SMALL);
    s_message (far, near, S_LARGE);
    BROOD_AUTO (conn) again = brood_conn_from (brood_ref (far));
    if (TORTURE_OK (again))
        s_through (near, again, S_LARGE);
    brood_conn_destroy (&far);
    brood_conn_destroy (&again);
    TORTURE_MUST (brood_conn_send (near, 0, "%d", 1) < 0 && errno == EPIPE);
    brood_conn_destroy (&near);
}

// Both sides try until they have done it: each can fail once.
static void *
s_send_fd (void *arg)
{
    while (!TORTURE_OK (brood_conn_send_fd (arg, TORTURE_MS, 0) == 0))
        continue;
    return NULL;
}

static void
s_pipe_fd (void)
{
    brood_conn_t *near, *far;
    pthread_t thread;
    if (!TORTURE_OK (brood_pipe_new (1, &near, &far) == 0))
        return;
    TORTURE_MUST (pthread_create (&thread, NULL, s_send_fd, far) == 0);
    int fd;
    while (!TORTURE_OK ((fd = brood_conn_recv_fd (near, TORTURE_MS)) >= 0))
        continue;
    pthread_join (thread, NULL);
    close (fd);
    brood_conn_destroy (&near);
    brood_conn_destroy (&far);
}

// --- Streams ---------------------------------------------------------------

// An open pair; or 0: one side has failed, which the other finds out by itself.
static int
s_open (brd_listener_t *listener, brd_stream_t **near_p, brd_stream_t **far_p)
{
    int near_open = 0, failed = 0;
    *far_p = NULL;
    *near_p = brd_stream_connect (brd_listener_address (listener), "key", 3);
    if (!TORTURE_OK (*near_p))
        return 0;
    while (!failed && (!near_open || !*far_p)) {
        if (!near_open)
            near_open = brd_stream_open (*near_p) == 0;
        failed = !near_open && errno != EAGAIN && errno != ENOMEM;
        if (!*far_p)
            *far_p = brd_listener_accept (listener);
        if (!*far_p && errno != EAGAIN)
            failed |= !TORTURE_OK (0);
    }
    TORTURE_MUST (!failed || !torture_strict ());
    return !failed;
}

// A frame there: nothing is lost, whatever fails on the way.
static void
s_frame (brd_stream_t *from, brd_stream_t *to, size_t size)
{
    const void *bytes;
    size_t got;
    if (!TORTURE_OK (brd_stream_send (from, s_bytes, size) == 0))
        return;
    while (brd_stream_recv (to, &bytes, &got) < 0) {
        // A peer that the kernel would not talk to is gone; nothing else is.
        if (errno == EPIPE)
            return;
        TORTURE_MUST (errno == EAGAIN || errno == ENOMEM);
        (void) brd_stream_flush (from);
    }
    TORTURE_MUST (got == size && memcmp (bytes, s_bytes, got) == 0);
    brd_stream_done (to);
}

static void
s_stream (const char *address)
{
    brd_listener_t *listener = brd_listener_new (address, "key", 3);
    brd_stream_t *near = NULL, *far = NULL;
    if (!TORTURE_OK (listener))
        return;
    if (s_open (listener, &near, &far)) {
        s_frame (near, far, S_SMALL);
        s_frame (far, near, S_LARGE);
        s_frame (near, far, S_LARGE);
    }
    brd_stream_destroy (&near);
    brd_stream_destroy (&far);
    brd_listener_destroy (&listener);
}

static void
s_ipc (void)
{
    char address[64];
    snprintf (
        address, sizeof address, "ipc://@brood-torture/%d", (int) getpid ());
    s_stream (address);
}

static void
s_file (void)
{
    char address[64];
    snprintf (address,
              sizeof address,
              "ipc:///tmp/brood-torture-%d",
              (int) getpid ());
    s_stream (address);
}

static void
s_tcp (void)
{
    s_stream ("tcp://127.0.0.1:0");
}

const torture_scenario_t torture_streams[] = {
    { "pipe", s_pipe }, { "pipe-fd", s_pipe_fd }, { "ipc", s_ipc },
    { "file", s_file }, { "tcp", s_tcp },         { NULL, NULL },
};
