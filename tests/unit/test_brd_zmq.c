// test_brd_zmq.c - both ends of a link, and who is shown the door
//
// SPDX-License-Identifier: MPL-2.0

#include "t.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/brd_sys.h"
#include "transport/brd_zmq.h"

static const unsigned char s_owner_id[BRD_ZMQ_ID + 1] = "the owner speaks";
static const unsigned char s_stranger_id[BRD_ZMQ_ID + 1] = "a stranger talks";
static const unsigned char s_worker_id[BRD_ZMQ_ID + 1] = "the worker hears";

typedef struct {
    char name[64];
    int fd;  // Listening; -1 once it is the worker's
    pid_t stranger;
    brd_zmq_t *worker;
    brd_zmq_t *owner;
} s_link_t;

static void
s_listen (s_link_t *self)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    const int size = snprintf (
        self->name, sizeof self->name, "@brood/t%ld", (long) getpid ());
    memcpy (address.sun_path + 1, self->name + 1, (size_t) size - 1);
    self->fd = socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true (self->fd >= 0);
    const socklen_t length =
        (socklen_t) (offsetof (struct sockaddr_un, sun_path))
        + (socklen_t) size;
    assert_int_equal (
        bind (self->fd, (const struct sockaddr *) &address, length), 0);
    assert_int_equal (listen (self->fd, 8), 0);
}

static void
s_say (brd_zmq_t *link, const unsigned char *peer, const char *text)
{
    brd_buf_t out;
    brd_buf_init (&out, 1000);
    if (brd_buf_add (&out, text, strlen (text)) < 0
        || brd_zmq_send (link, peer, &out) < 0)
        fail_msg ("%s: %s", text, strerror (errno));
    brd_buf_fini (&out);
}

static int
s_heard (const brd_zmq_msg_t *msg, const char *text)
{
    return msg->size == strlen (text)
           && memcmp (msg->bytes, text, msg->size) == 0;
}

// In a process of its own. Says two things, and stays.
static void
s_be_stranger (const s_link_t *self)
{
    (void) prctl (PR_SET_PDEATHSIG, SIGKILL);
    brd_zmq_t *link = brd_zmq_host_new (s_stranger_id);
    if (!link || brd_zmq_connect (link, self->name, s_worker_id) < 0)
        _exit (1);
    s_say (link, s_worker_id, "one");
    s_say (link, s_worker_id, "two");
    for (;;)
        pause ();
}

// The worker's end, with a stranger that has begun to talk.
static void
s_open (s_link_t *self, brd_zmq_msg_t *ret_said)
{
    s_listen (self);
    self->owner = NULL;
    self->stranger = fork ();
    assert_true (self->stranger >= 0);
    if (self->stranger == 0)
        s_be_stranger (self);
    self->worker = brd_zmq_worker_new (self->fd, self->name, getpid ());
    assert_non_null (self->worker);
    for (int i = 0; i < 2; i++) {
        assert_int_equal (brd_zmq_recv (self->worker, 1, &ret_said[i]), 0);
        assert_memory_equal (ret_said[i].peer, s_stranger_id, BRD_ZMQ_ID);
    }
    assert_true (s_heard (&ret_said[0], "one")
                 && s_heard (&ret_said[1], "two"));
}

static void
s_close (s_link_t *self)
{
    brd_zmq_destroy (&self->owner);
    brd_zmq_destroy (&self->worker);
    brd_zmq_term ();
    kill (self->stranger, SIGKILL);
    assert_int_equal (waitpid (self->stranger, NULL, 0), self->stranger);
}

// The number of a connection outlives it: what is asked for next has it.
static void
s_test_owner_beside_stranger (void **state)
{
    s_link_t link;
    brd_zmq_msg_t said[2], msg;
    (void) state;
    s_open (&link, said);
    const int open = t_open_fds ();
    brd_zmq_drop_sender (link.worker, &said[0]);
    assert_true (t_open_fds_fall_to (open - 1));
    link.owner = brd_zmq_host_new (s_owner_id);
    assert_non_null (link.owner);
    assert_int_equal (brd_zmq_connect (link.owner, link.name, s_worker_id), 0);
    s_say (link.owner, s_worker_id, "hello");
    assert_int_equal (brd_zmq_recv (link.worker, 1, &msg), 0);
    brd_zmq_drop_sender (link.worker, &said[1]);
    brd_zmq_drop_sender (link.worker, &msg);
    s_say (link.worker, msg.peer, "and you");
    brd_zmq_msg_done (&msg);
    assert_int_equal (brd_zmq_recv (link.owner, 1, &msg), 0);
    assert_true (s_heard (&msg, "and you"));
    brd_zmq_msg_done (&msg);
    for (int i = 0; i < 2; i++)
        brd_zmq_msg_done (&said[i]);
    s_close (&link);
}

// The same number again, and it is the program's.
static void
s_test_files_beside_stranger (void **state)
{
    s_link_t link;
    brd_zmq_msg_t said[2];
    enum {
        PAIRS = 8
    };
    int pairs[PAIRS][2];
    char byte = 'x';
    (void) state;
    s_open (&link, said);
    const int open = t_open_fds ();
    brd_zmq_drop_sender (link.worker, &said[0]);
    assert_true (t_open_fds_fall_to (open - 1));
    for (int i = 0; i < PAIRS; i++)
        assert_int_equal (
            socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pairs[i]), 0);
    brd_zmq_drop_sender (link.worker, &said[1]);
    for (int i = 0; i < PAIRS; i++) {
        assert_int_equal (send (pairs[i][0], &byte, 1, MSG_NOSIGNAL), 1);
        assert_int_equal (read (pairs[i][1], &byte, 1), 1);
        close (pairs[i][0]);
        close (pairs[i][1]);
    }
    for (int i = 0; i < 2; i++)
        brd_zmq_msg_done (&said[i]);
    s_close (&link);
}

// --- Signals ---------------------------------------------------------------

// libzmq's look at what its threads ask for. With s_signals every other look of
// this thread's that does not wait is ended by a signal that came just then.
static _Thread_local int s_signals;
static _Thread_local unsigned s_looks;
static _Thread_local unsigned s_ended;

int
poll (struct pollfd *fds, nfds_t count, int timeout_ms)
{
    const struct timespec limit = { .tv_sec = timeout_ms / 1000,
                                    .tv_nsec = timeout_ms % 1000 * 1000000L };
    if (s_signals && timeout_ms == 0 && s_looks++ % 2 == 0) {
        s_ended++;
        errno = EINTR;
        return -1;
    }
    return ppoll (fds, count, timeout_ms < 0 ? NULL : &limit, NULL);
}

// A worker that says again what it has heard, as long as it is spoken to.
static void
s_be_echo (const s_link_t *self)
{
    (void) prctl (PR_SET_PDEATHSIG, SIGKILL);
    brd_zmq_t *link = brd_zmq_worker_new (self->fd, self->name, getppid ());
    brd_zmq_msg_t msg;
    while (link && brd_zmq_recv (link, 1, &msg) == 0) {
        brd_buf_t out;
        brd_buf_init (&out, 1000);
        if (brd_buf_add (&out, msg.bytes, msg.size) < 0
            || brd_zmq_send (link, msg.peer, &out) < 0)
            _exit (1);
        brd_buf_fini (&out);
        brd_zmq_msg_done (&msg);
    }
    _exit (1);
}

// Messages out and back, whatever call a signal falls into: connect, either
// part of a message on its way out or in, or a look whether there is more.
static void
s_test_signals_lose_nothing (void **state)
{
    enum {
        MESSAGES = 5000,
        ENDED = 100,
        WINDOW = 300
    };
    s_link_t link = { .name = "" };
    brd_zmq_msg_t msg;
    char text[32];
    int said = 0, heard = 0;
    (void) state;
    s_listen (&link);
    link.stranger = fork ();
    assert_true (link.stranger >= 0);
    if (link.stranger == 0)
        s_be_echo (&link);
    brd_sys_close (&link.fd);
    s_signals = 1;
    link.owner = brd_zmq_host_new (s_owner_id);
    assert_non_null (link.owner);
    assert_int_equal (brd_zmq_connect (link.owner, link.name, s_worker_id), 0);
    while (heard < MESSAGES || s_ended < ENDED) {
        for (; said - heard < WINDOW; said++) {
            snprintf (text, sizeof text, "number %d", said);
            s_say (link.owner, s_worker_id, text);
        }
        while (brd_zmq_recv (link.owner, 0, &msg) == 0) {
            snprintf (text, sizeof text, "number %d", heard++);
            assert_true (s_heard (&msg, text));
            brd_zmq_msg_done (&msg);
        }
        assert_int_equal (errno, EAGAIN);
        // Taken to the end: from here on the descriptor tells of more.
        struct pollfd one = { .fd = brd_zmq_fd (link.owner), .events = POLLIN };
        if (heard < said)
            assert_true (poll (&one, 1, 30000) == 1);
    }
    brd_zmq_disconnect (link.owner, link.name);
    s_signals = 0;
    brd_zmq_destroy (&link.owner);
    brd_zmq_term ();
    kill (link.stranger, SIGKILL);
    assert_int_equal (waitpid (link.stranger, NULL, 0), link.stranger);
}

int
main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (s_test_owner_beside_stranger),
        cmocka_unit_test (s_test_files_beside_stranger),
        cmocka_unit_test (s_test_signals_lose_nothing),
    };
    t_watchdog (60);
    return cmocka_run_group_tests (tests, NULL, NULL);
}
