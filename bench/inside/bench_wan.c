// bench_wan.c - W9: two programs on two hosts, each the other's peer
//
// SPDX-License-Identifier: MPL-2.0
//
//     bench_wan
//
// What lies under pools on other hosts, without a pool: a session over tcp with
// CURVE (transport/brd_wan.h), which loses nothing when a connection breaks.
// Like its owners it makes a turn when it has to wait, and after so many sends.
//
//     near: brd_wan_dial <== tcp, CURVE ==> far: brd_wan_listen
//
// More than so many messages are not sent before all have been acknowledged: a
// session that is to keep too many is over, and a pool's credit is far below.
//
// To read next: ../peers/zmq_curve.c, the same without sessions.

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/brd_clock.h"
#include "bench.h"
#include "bench_link.h"
#include "transport/brd_wan.h"

enum {
    S_BUILD = 4,
    S_BEFORE_TURN = 200,
    S_UNSETTLED_MAX = 32768
};

typedef struct {
    brd_wan_listen_t *listen;  // One of these two
    brd_wan_dial_t *dial;
    brd_peer_t *peer;
    int sends;      // Since the last turn
    int unsettled;  // Since all were acknowledged
    int on_loan;    // 1: what was received last
} s_end_t;

static void
s_turn (s_end_t *self)
{
    const int64_t now = brd_clock_now ();
    self->sends = 0;
    if (self->listen)
        brd_wan_listen_turn (self->listen, now);
    else
        brd_wan_dial_turn (self->dial, now);
}

// After a turn of which nothing has come.
static void
s_sleep (s_end_t *self)
{
    const int64_t now = brd_clock_now ();
    const int64_t most = 999999999;
    const int64_t left = (self->listen ? brd_wan_listen_due (self->listen, now)
                                       : brd_wan_dial_due (self->dial, now))
                         - now;
    const struct timespec time = { 0, (long) (left < most ? left : most) };
    struct pollfd fd = {
        .fd = self->listen ? brd_wan_listen_fd (self->listen)
                           : brd_wan_dial_peer (self->dial)->fd,
        .events = POLLIN,
    };
    if (left > 0)
        bench_check (ppoll (&fd, 1, &time, NULL) >= 0, "ppoll");
}

static void
s_send (void *self_, const void *bytes, size_t size)
{
    s_end_t *self = self_;
    brd_buf_t out;
    brd_buf_init (&out, (size_t) 1 << 30);
    bench_check (brd_buf_add (&out, bytes, size) == 0
                     && self->peer->send (self->peer, &out) == 0,
                 "send");
    brd_buf_fini (&out);
    if (++self->sends == S_BEFORE_TURN || size > 4096)
        s_turn (self);
    if (++self->unsettled < S_UNSETTLED_MAX || !self->dial)
        return;
    while (!brd_wan_dial_settled (self->dial)) {
        s_sleep (self);
        s_turn (self);
    }
    self->unsettled = 0;
}

static const void *
s_receive (void *self_, size_t size)
{
    s_end_t *self = self_;
    const void *bytes;
    size_t got;
    if (self->on_loan)
        self->peer->done (self->peer);
    self->on_loan = 0;
    if (self->sends > 0)
        s_turn (self);
    for (int turns = 0; self->peer->recv (self->peer, &bytes, &got) < 0;
         turns++) {
        bench_check (errno == EAGAIN, "recv");
        if (turns > 0)
            s_sleep (self);
        s_turn (self);
    }
    self->on_loan = 1;
    bench_expect (got == size, "wrong size");
    return bytes;
}

// --- Meeting ---------------------------------------------------------------

static const char *
s_joined (void *arg, brd_peer_t *peer, const brd_hello_who_t *who)
{
    (void) who;
    ((s_end_t *) arg)->peer = peer;
    return NULL;
}

// Tells the join string by fd.
static _Noreturn void
s_far (int fd, const bench_link_plan_t *plan)
{
    brd_join_t join = { .role = BRD_JOIN_BELOW, .n_addresses = 1 };
    brd_curve_t pair, token;
    s_end_t end = { .listen = NULL };
    brd_token_book_t *book = brd_token_new ();
    bench_check (brd_curve_make (&pair) == 0 && brd_curve_make (&token) == 0,
                 "CURVE");
    bench_check (
        book && brd_token_add (book, token.public_key, join.role, 1, 0) == 0,
        "token");
    end.listen = brd_wan_listen_new (
        &(brd_wan_listen_options_t){ .address = "tcp://127.0.0.1:0",
                                     .pair = pair,
                                     .book = book,
                                     .build = (const unsigned char *) "same",
                                     .build_size = S_BUILD,
                                     .joined = s_joined,
                                     .arg = &end,
                                     .sessions_max = 4,
                                     .strangers_max = 16,
                                     .time_scale = 1.0 });
    bench_check (end.listen != NULL, "brd_wan_listen_new");
    memcpy (join.key, pair.public_key, BRD_JOIN_KEY);
    memcpy (join.token, token.secret_key, BRD_JOIN_TOKEN);
    snprintf (join.addresses[0],
              sizeof join.addresses[0],
              "%s",
              brd_wan_listen_address (end.listen));
    bench_check (write (fd, &join, sizeof join) == sizeof join, "write");
    for (s_turn (&end); !end.peer; s_turn (&end))
        s_sleep (&end);
    const bench_link_t link = { &end, s_send, s_receive };
    bench_link_far (&link, plan);
    // Its last answer is still to leave.
    for (;;) {
        s_turn (&end);
        s_sleep (&end);
    }
}

static void
s_measure (const bench_link_plan_t *plan)
{
    brd_join_t join;
    int fds[2];
    bench_link_call ("W9");
    bench_check (pipe (fds) == 0, "pipe");
    const pid_t pid = bench_fork ();  // Before there is a context
    if (pid == 0)
        s_far (fds[1], plan);
    bench_check (read (fds[0], &join, sizeof join) == sizeof join, "read");
    const brd_wan_dial_options_t options = {
        .join = &join,
        .who = { .role = join.role,
                 .slots = 1,
                 .pid = (uint32_t) getpid (),
                 .build_size = S_BUILD,
                 .build = "same",
                 .host = "near" },
        .time_scale = 1.0,
    };
    s_end_t end = { .dial = brd_wan_dial_new (&options) };
    bench_check (end.dial != NULL, "brd_wan_dial_new");
    end.peer = brd_wan_dial_peer (end.dial);
    const bench_link_t link = { &end, s_send, s_receive };
    bench_link_near (&link, plan);
    bench_kill (pid);
    brd_wan_dial_destroy (&end.dial);
}

int
main (int argc, char **argv)
{
    if (bench_smoke (&argc, argv))
        s_measure (&bench_link_smoke);
    else if (argc == 1)
        s_measure (&bench_link_whole);
    else
        bench_usage ("bench_wan");
    return 0;
}
