// test_brd_pipe.c - whole messages, in order, whoever is killed in between
//
// SPDX-License-Identifier: MPL-2.0

#include "t_pipe.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
    BROOD = 77,
    KILLS = 60,
    BIG = 100000
};

// Bytes that tell which message and which place.
static void
s_fill (unsigned char *bytes, size_t size, uint32_t number)
{
    for (size_t i = 0; i < size; i++)
        bytes[i] = (unsigned char) (i * 7 + number * 13 + i / 251);
}

static int
s_is_filled (const unsigned char *bytes, size_t size, uint32_t number)
{
    for (size_t i = 0; i < size; i++)
        if (bytes[i] != (unsigned char) (i * 7 + number * 13 + i / 251))
            return 0;
    return 1;
}

// --- Messages --------------------------------------------------------------

static void
s_test_sizes (void **state)
{
    (void) state;
    static unsigned char out[1 << 20], in[1 << 20];
    brd_pipe_end_t ends[2];
    t_pipe_new (1, ends);
    // Each place of the ring's end is met.
    uint32_t number = 0;
    for (size_t size = 0; size < 12000; size += size < 100 ? 1 : 37) {
        for (int i = 0; i < 5; i++) {
            s_fill (out, size, number + (uint32_t) i);
            assert_int_equal (t_pipe_send (&ends[0], 0, out, size), 0);
        }
        for (int i = 0; i < 5; i++) {
            assert_int_equal (t_pipe_recv (&ends[1], 0, in, sizeof in), size);
            assert_true (s_is_filled (in, size, number + (uint32_t) i));
        }
        number += 5;
    }
    for (size_t size = 1000; size <= sizeof out; size *= 2) {
        s_fill (out, size, number);
        assert_int_equal (t_pipe_send (&ends[1], 0, out, size), 0);
        assert_int_equal (t_pipe_recv (&ends[0], 0, in, sizeof in), size);
        assert_true (s_is_filled (in, size, number++));
    }
    assert_int_equal (t_pipe_recv (&ends[1], 0, in, sizeof in), -1);
    assert_int_equal (errno, ETIMEDOUT);
    t_pipe_drop (ends);
}

static void
s_test_directions (void **state)
{
    (void) state;
    brd_pipe_end_t ends[2];
    char byte;
    t_pipe_new (0, ends);
    assert_int_equal (t_pipe_send (&ends[0], 0, "x", 1), -1);
    assert_int_equal (errno, EPERM);
    assert_int_equal (t_pipe_recv (&ends[1], 0, &byte, 1), -1);
    assert_int_equal (errno, EPERM);
    assert_int_equal (t_pipe_send (&ends[1], 0, "x", 1), 0);
    assert_int_equal (t_pipe_recv (&ends[0], 0, &byte, 1), 1);
    t_pipe_drop (ends);
}

static void
s_test_peek (void **state)
{
    (void) state;
    brd_pipe_end_t ends[2];
    brd_pipe_view_t view;
    t_pipe_new (1, ends);
    brd_sleep_t sleep = t_pipe_for (0);
    assert_int_equal (brd_pipe_send (&ends[0], &sleep, "abc", 3, 1), 0);
    assert_int_equal (brd_pipe_send (&ends[0], &sleep, "de", 2, 0), 0);
    for (int i = 0; i < 3; i++) {
        assert_int_equal (brd_pipe_peek (&ends[1], &sleep, &view), 0);
        assert_true (view.size == 3 && view.is_value && !view.is_fd);
        assert_memory_equal (view.bytes, "abc", 3);
        brd_pipe_leave (&ends[1]);
    }
    assert_int_equal (brd_pipe_peek (&ends[1], &sleep, &view), 0);
    brd_pipe_take (&ends[1], &view, 0);
    assert_int_equal (brd_pipe_peek (&ends[1], &sleep, &view), 0);
    assert_true (view.size == 2 && !view.is_value);
    brd_pipe_take (&ends[1], &view, 0);
    t_pipe_drop (ends);
}

// A full ring refuses; so do blocks beyond their limit, though one that is
// larger than it goes alone. Nothing of what was refused is seen.
static void
s_test_full (void **state)
{
    (void) state;
    brd_pipe_end_t ends[2];
    static unsigned char bytes[20 << 20];
    t_pipe_new (1, ends);
    uint32_t sent = 0, got = 0;
    while (t_pipe_send (&ends[0], 0, &sent, sizeof sent) == 0)
        sent++;
    assert_int_equal (errno, ETIMEDOUT);
    assert_int_equal (sent, BRD_PIPE_RING / 16);
    for (uint32_t i = 0; i < sent; i++) {
        assert_int_equal (t_pipe_recv (&ends[1], 0, &got, sizeof got),
                          sizeof got);
        assert_int_equal (got, i);
    }
    int blocks = 0;
    while (t_pipe_send (&ends[0], 0, bytes, 1 << 20) == 0)
        blocks++;
    assert_int_equal (errno, ETIMEDOUT);
    assert_int_equal (blocks, 16);
    for (int i = 0; i < blocks; i++)
        assert_int_equal (t_pipe_recv (&ends[1], 0, bytes, sizeof bytes),
                          1 << 20);
    assert_int_equal (t_pipe_send (&ends[0], 0, bytes, sizeof bytes), 0);
    assert_int_equal (t_pipe_send (&ends[0], 0, bytes, BIG), -1);
    assert_int_equal (errno, ETIMEDOUT);
    // Small ones need no block.
    assert_int_equal (t_pipe_send (&ends[0], 0, bytes, 10), 0);
    assert_int_equal (t_pipe_recv (&ends[1], 0, bytes, sizeof bytes),
                      sizeof bytes);
    assert_int_equal (t_pipe_recv (&ends[1], 0, bytes, sizeof bytes), 10);
    t_pipe_drop (ends);
}

// What nobody has received goes with the pipe; what was kept is the receiver's.
static void
s_test_memory (void **state)
{
    (void) state;
    brd_pipe_end_t ends[2];
    static unsigned char bytes[BIG];
    t_pipe_new (1, ends);
    t_pipe_drop (ends);
    const size_t used = brd_arena_used (t_arena);
    t_pipe_new (1, ends);
    for (int i = 0; i < 5; i++) {
        assert_int_equal (t_pipe_send (&ends[0], 0, "small", 5), 0);
        assert_int_equal (t_pipe_send (&ends[0], 0, bytes, BIG), 0);
        assert_int_equal (t_pipe_send (&ends[1], 0, bytes, BIG - 1), 0);
        assert_int_equal (t_pipe_send (&ends[1], 0, bytes, 8000), 0);
    }
    brd_pipe_view_t view;
    brd_sleep_t sleep = t_pipe_for (0);
    assert_int_equal (brd_pipe_peek (&ends[0], &sleep, &view), 0);
    assert_true (view.block && view.block == view.bytes);
    brd_pipe_take (&ends[0], &view, 1);
    t_pipe_drop (ends);
    memset (view.block, 1, BIG - 1);
    brd_arena_free (t_arena, view.block);
    assert_int_equal (brd_arena_used (t_arena), used);
    // A failed send leaves nothing.
    t_pipe_new (1, ends);
    const size_t before = brd_arena_used (t_arena);
    assert_int_equal (brd_pipe_close (&ends[1]), 0);
    assert_int_equal (t_pipe_send (&ends[0], 0, bytes, BIG), -1);
    assert_int_equal (errno, EPIPE);
    assert_int_equal (brd_arena_used (t_arena), before);
    t_pipe_drop (ends);
}

// --- The end ---------------------------------------------------------------

static brd_pipe_end_t s_ends[2];

static int
s_send_three (void *arg)
{
    (void) arg;
    for (int i = 0; i < 3; i++)
        if (t_pipe_send (&s_ends[1], 1000, &i, sizeof i) < 0)
            return 1;
    return 0;
}

static int
s_send_and_stay (void *arg)
{
    (void) arg;
    (void) s_send_three (NULL);
    for (;;)
        pause ();
    return 0;
}

static void
s_expect_three (void)
{
    int number;
    for (int i = 0; i < 3; i++) {
        assert_int_equal (t_pipe_recv (&s_ends[0], 10000, &number, 4), 4);
        assert_int_equal (number, i);
    }
}

// The parent never closes the end it does not use.
static void
s_test_end (void **state)
{
    (void) state;
    char byte;
    t_pipe_new (1, s_ends);
    assert_int_equal (t_shared_reap (t_shared_fork (s_send_three, NULL)), 0);
    s_expect_three ();
    for (int i = 0; i < 2; i++) {
        assert_int_equal (t_pipe_recv (&s_ends[0], 10000, &byte, 1), -1);
        assert_int_equal (errno, EPIPE);
        assert_int_equal (t_pipe_send (&s_ends[0], 0, "x", 1), -1);
        assert_int_equal (errno, EPIPE);
    }
    t_pipe_drop (s_ends);
}

typedef struct {
    long rc;
    int error;
} s_outcome_t;

static void *
s_wait_in_recv (void *arg)
{
    char byte;
    s_outcome_t *outcome = arg;
    outcome->rc = t_pipe_recv (&s_ends[0], -1, &byte, 1);
    outcome->error = errno;
    return NULL;
}

static void *
s_wait_in_send (void *arg)
{
    static const char bytes[4096];
    s_outcome_t *outcome = arg;
    while ((outcome->rc = t_pipe_send (&s_ends[0], -1, bytes, sizeof bytes))
           == 0)
        continue;
    outcome->error = errno;
    return NULL;
}

// Whoever waits for ever learns of the death.
static void
s_test_killed (void **state)
{
    (void) state;
    for (int sends = 0; sends < 2; sends++) {
        t_pipe_new (1, s_ends);
        const pid_t pid = t_shared_fork (s_send_and_stay, NULL);
        s_expect_three ();
        pthread_t thread;
        s_outcome_t outcome;
        assert_int_equal (
            pthread_create (&thread,
                            NULL,
                            sends ? s_wait_in_send : s_wait_in_recv,
                            &outcome),
            0);
        assert_int_equal (t_shared_kill (pid), -SIGKILL);
        pthread_join (thread, NULL);
        assert_int_equal (outcome.rc, -1);
        assert_int_equal (outcome.error, EPIPE);
        t_pipe_drop (s_ends);
    }
}

// An end that nobody has used yet is not gone as long as somebody could.
static void
s_test_never_used (void **state)
{
    (void) state;
    char byte;
    brd_pipe_end_t ends[2];
    t_pipe_new (1, ends);
    assert_int_equal (t_pipe_send (&ends[0], 0, "x", 1), 0);
    assert_int_equal (t_pipe_recv (&ends[0], 10, &byte, 1), -1);
    assert_int_equal (errno, ETIMEDOUT);
    const int snapshot = brd_shared_snapshot_begin (t_shared);
    assert_true (snapshot >= 0);
    brd_pipe_drop (&ends[1]);
    assert_int_equal (t_pipe_recv (&ends[0], 10, &byte, 1), -1);
    assert_int_equal (errno, ETIMEDOUT);
    // The processes that could have come to hold it are gone.
    brd_shared_snapshot_end (t_shared, snapshot);
    assert_int_equal (t_pipe_recv (&ends[0], -1, &byte, 1), -1);
    assert_int_equal (errno, EPIPE);
    brd_pipe_drop (&ends[0]);
}

static void
s_test_close (void **state)
{
    (void) state;
    char byte;
    brd_pipe_end_t ends[2], second;
    brd_ref_t ref;
    t_pipe_new (1, ends);
    brd_pipe_ref (&ends[1], BROOD, &ref);
    assert_int_equal (t_pipe_send (&ends[1], 0, "x", 1), 0);
    assert_int_equal (brd_pipe_from (t_shared, BROOD, &ref, &second), 0);
    assert_int_equal (second.end, 1);
    for (int i = 0; i < 2; i++)
        assert_int_equal (brd_pipe_close (&ends[1]), 0);
    assert_int_equal (t_pipe_send (&ends[1], 0, "x", 1), -1);
    assert_int_equal (errno, EBADF);
    assert_int_equal (t_pipe_recv (&ends[1], 0, &byte, 1), -1);
    assert_int_equal (errno, EBADF);
    // Somebody else has it still.
    assert_int_equal (t_pipe_recv (&ends[0], 0, &byte, 1), 1);
    assert_int_equal (t_pipe_recv (&ends[0], 0, &byte, 1), -1);
    assert_int_equal (errno, ETIMEDOUT);
    assert_int_equal (t_pipe_send (&second, 0, "y", 1), 0);
    brd_pipe_drop (&second);
    assert_int_equal (t_pipe_recv (&ends[0], 0, &byte, 1), 1);
    assert_int_equal (t_pipe_recv (&ends[0], 0, &byte, 1), -1);
    assert_int_equal (errno, EPIPE);
    t_pipe_drop (ends);
    assert_int_equal (brd_pipe_from (t_shared, BROOD, &ref, &second), -1);
    assert_int_equal (errno, ENOENT);
}

// A thread that waits on an end which another closes.
static void
s_test_close_meanwhile (void **state)
{
    (void) state;
    t_pipe_new (1, s_ends);
    for (int sends = 0; sends < 2; sends++) {
        pthread_t thread;
        s_outcome_t outcome;
        assert_int_equal (
            pthread_create (&thread,
                            NULL,
                            sends ? s_wait_in_send : s_wait_in_recv,
                            &outcome),
            0);
        const struct timespec a_moment = { .tv_nsec = 20000000 };
        nanosleep (&a_moment, NULL);
        assert_int_equal (brd_pipe_close (&s_ends[0]), 0);
        pthread_join (thread, NULL);
        assert_int_equal (outcome.rc, -1);
        assert_int_equal (outcome.error, EBADF);
        t_pipe_drop (s_ends);
        t_pipe_new (1, s_ends);
    }
    t_pipe_drop (s_ends);
}

static void
s_test_interrupt (void **state)
{
    (void) state;
    pthread_t thread;
    s_outcome_t outcome;
    t_pipe_new (1, s_ends);
    assert_int_equal (pthread_create (&thread, NULL, s_wait_in_recv, &outcome),
                      0);
    brd_sleep_interrupt ();
    pthread_join (thread, NULL);
    assert_int_equal (outcome.rc, -1);
    assert_int_equal (outcome.error, EINTR);
    t_pipe_drop (s_ends);
}

// --- Death at any point ----------------------------------------------------

// What the processes tell each other beside the pipe.
typedef struct {
    _Atomic uint32_t sent;
    _Atomic uint32_t got;
} s_page_t;

static s_page_t *s_page;

static size_t
s_size (uint32_t number)
{
    return 4 + (number % 7 == 3 ? 9000 + number % 40000 : number % 3000);
}

// Numbers its messages from where the last sender was.
static int
s_send_numbers (void *arg)
{
    static unsigned char bytes[1 << 16];
    (void) arg;
    for (;;) {
        const uint32_t number = atomic_load (&s_page->sent);
        s_fill (bytes, s_size (number), number);
        memcpy (bytes, &number, sizeof number);
        if (t_pipe_send (&s_ends[1], -1, bytes, s_size (number)) < 0)
            return 1;
        atomic_store (&s_page->sent, number + 1);
    }
}

static void
s_check_number (const unsigned char *bytes, long size, uint32_t *ret_number)
{
    static unsigned char expected[1 << 16];
    memcpy (ret_number, bytes, sizeof *ret_number);
    if (size != (long) s_size (*ret_number))
        abort ();
    s_fill (expected, (size_t) size, *ret_number);
    if (memcmp (bytes + 4, expected + 4, (size_t) size - 4) != 0)
        abort ();
}

static int
s_recv_numbers (void *arg)
{
    static unsigned char bytes[1 << 16];
    (void) arg;
    for (;;) {
        uint32_t number;
        const long size = t_pipe_recv (&s_ends[0], -1, bytes, sizeof bytes);
        if (size < 0)
            return 1;
        s_check_number (bytes, size, &number);
        // The one who was killed may have taken one and not said so.
        const uint32_t got = atomic_load (&s_page->got);
        if (number != got && number != got + 1)
            return 2;
        atomic_store (&s_page->got, number + 1);
    }
}

static void
s_some_time (unsigned *seed)
{
    const struct timespec time = { .tv_nsec = rand_r (seed) % 3000000 };
    nanosleep (&time, NULL);
}

// Senders are killed at random moments. What a send had accepted comes, at most
// one more does (accepted, and killed before it could say so), each once and
// whole; and the next sender finds a ring in order.
static void
s_test_kill_senders (void **state)
{
    (void) state;
    static unsigned char bytes[1 << 16];
    unsigned seed = 1;
    uint32_t next = 0;
    t_pipe_new (0, s_ends);
    atomic_store (&s_page->sent, 0);
    for (int i = 0; i < KILLS; i++) {
        const pid_t pid = t_shared_fork (s_send_numbers, NULL);
        const int64_t until = brd_clock_now () + rand_r (&seed) % 3000000;
        while (brd_clock_now () < until) {
            uint32_t number;
            const long size = t_pipe_recv (&s_ends[0], 0, bytes, sizeof bytes);
            if (size < 0)
                continue;
            s_check_number (bytes, size, &number);
            assert_int_equal (number, next);
            next++;
        }
        assert_int_equal (t_shared_kill (pid), -SIGKILL);
        uint32_t number;
        long size;
        while ((size = t_pipe_recv (&s_ends[0], 0, bytes, sizeof bytes)) >= 0) {
            s_check_number (bytes, size, &number);
            assert_int_equal (number, next);
            next++;
        }
        // Or the first was killed before it had used its end at all.
        assert_true (errno == EPIPE || (errno == ETIMEDOUT && next == 0));
        const uint32_t sent = atomic_load (&s_page->sent);
        assert_true (next == sent || next == sent + 1);
        atomic_store (&s_page->sent, next);
    }
    assert_true (next > KILLS);
    t_pipe_drop (s_ends);
}

// Receivers are killed: what none of them has taken is still there, whole.
static void
s_test_kill_receivers (void **state)
{
    (void) state;
    unsigned seed = 2;
    t_pipe_new (0, s_ends);
    atomic_store (&s_page->sent, 0);
    atomic_store (&s_page->got, 0);
    uint32_t got = 0;
    const pid_t sender = t_shared_fork (s_send_numbers, NULL);
    pid_t receiver = t_shared_fork (s_recv_numbers, NULL);
    for (int i = 0; i < KILLS; i++) {
        // Each says at least once what it has got, or two could have been
        // killed in a row that had not.
        while (atomic_load (&s_page->got) == got)
            s_some_time (&seed);
        s_some_time (&seed);
        assert_int_equal (kill (receiver, SIGSTOP), 0);
        siginfo_t info;
        assert_int_equal (
            waitid (
                P_PID, (id_t) receiver, &info, WSTOPPED | WEXITED | WNOWAIT),
            0);
        // It did not find anything wrong.
        assert_int_equal (info.si_code, CLD_STOPPED);
        // This process holds the end meanwhile, or the sender would give up.
        brd_pipe_view_t view;
        brd_sleep_t sleep = t_pipe_for (0);
        if (brd_pipe_peek (&s_ends[0], &sleep, &view) == 0)
            brd_pipe_leave (&s_ends[0]);
        assert_int_equal (t_shared_kill (receiver), -SIGKILL);
        got = atomic_load (&s_page->got);
        receiver = t_shared_fork (s_recv_numbers, NULL);
    }
    while (atomic_load (&s_page->got) < got + 100)
        s_some_time (&seed);
    assert_int_equal (t_shared_kill (receiver), -SIGKILL);
    assert_int_equal (t_shared_kill (sender), -SIGKILL);
    t_pipe_drop (s_ends);
}

// --- Several ---------------------------------------------------------------

enum {
    SENDERS = 2,
    RECEIVERS = 2,
    EACH = 20000
};

static int
s_send_as (void *arg)
{
    uint32_t message[2] = { (uint32_t) (intptr_t) arg, 0 };
    for (; message[1] < EACH; message[1]++)
        if (t_pipe_send (&s_ends[1], -1, message, sizeof message) < 0)
            return 1;
    return 0;
}

// Messages of each sender come in order to each receiver.
static int
s_recv_as (void *arg)
{
    uint32_t message[2];
    int64_t last[SENDERS] = { -1, -1 };
    (void) arg;
    while (t_pipe_recv (&s_ends[0], -1, message, sizeof message) > 0) {
        if ((int64_t) message[1] <= last[message[0]])
            return 1;
        last[message[0]] = message[1];
        atomic_fetch_add (&s_page->got, 1);
    }
    return errno == EPIPE ? 0 : 2;
}

static void
s_test_several (void **state)
{
    (void) state;
    pid_t pids[SENDERS + RECEIVERS];
    t_pipe_new (0, s_ends);
    atomic_store (&s_page->got, 0);
    for (int i = 0; i < RECEIVERS; i++)
        pids[SENDERS + i] = t_shared_fork (s_recv_as, NULL);
    for (int i = 0; i < SENDERS; i++)
        pids[i] = t_shared_fork (s_send_as, (void *) (intptr_t) i);
    // Nobody else may keep the receivers waiting.
    for (int i = 0; i < SENDERS + RECEIVERS; i++)
        assert_int_equal (t_shared_reap (pids[i]), 0);
    assert_int_equal (atomic_load (&s_page->got), SENDERS * EACH);
    t_pipe_drop (s_ends);
}

static void *
s_send_thread (void *arg)
{
    return (void *) (intptr_t) s_send_as (arg);
}

static void *
s_recv_thread (void *arg)
{
    return (void *) (intptr_t) s_recv_as (arg);
}

static void
s_test_threads (void **state)
{
    (void) state;
    pthread_t threads[SENDERS + RECEIVERS];
    t_pipe_new (0, s_ends);
    atomic_store (&s_page->got, 0);
    for (int i = 0; i < SENDERS + RECEIVERS; i++)
        assert_int_equal (
            pthread_create (&threads[i],
                            NULL,
                            i < SENDERS ? s_send_thread : s_recv_thread,
                            (void *) (intptr_t) i),
            0);
    for (int i = 0; i < SENDERS + RECEIVERS; i++) {
        void *failed;
        pthread_join (threads[i], &failed);
        assert_null (failed);
        if (i == SENDERS - 1)
            assert_int_equal (brd_pipe_close (&s_ends[1]), 0);
    }
    assert_int_equal (atomic_load (&s_page->got), SENDERS * EACH);
    t_pipe_drop (s_ends);
}

static int
s_setup (void **state)
{
    s_page = t_share (sizeof *s_page);
    return t_shared_setup (state);
}

int
main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (s_test_sizes),
        cmocka_unit_test (s_test_directions),
        cmocka_unit_test (s_test_peek),
        cmocka_unit_test (s_test_full),
        cmocka_unit_test (s_test_memory),
        cmocka_unit_test (s_test_end),
        cmocka_unit_test (s_test_killed),
        cmocka_unit_test (s_test_never_used),
        cmocka_unit_test (s_test_close),
        cmocka_unit_test (s_test_close_meanwhile),
        cmocka_unit_test (s_test_interrupt),
        cmocka_unit_test (s_test_kill_senders),
        cmocka_unit_test (s_test_kill_receivers),
        cmocka_unit_test (s_test_several),
        cmocka_unit_test (s_test_threads),
    };
    t_watchdog (110);
    return cmocka_run_group_tests (tests, s_setup, t_shared_teardown);
}
