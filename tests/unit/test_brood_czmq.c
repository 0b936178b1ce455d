// test_brood_czmq.c - messages and zmsgs; a loop and no pool
//
// SPDX-License-Identifier: MPL-2.0
//
// Only where czmq is found. Pools, loops that run, and forks are in
// tests/system/test_czmq.c.

#include "tests/t.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/brd_fault.h"
#include "brood/brood_czmq.h"
#include "brood/brood_error.h"
#include "brood/brood_init.h"
#include "brood/brood_msgpack.h"

// --- In the place of libzmq's own, for libczmq too -------------------------

static int s_frames_fail;

// Memory that a frame does not get.
int
zmq_msg_init_size (zmq_msg_t *msg, size_t size)
{
    int (*real) (zmq_msg_t *, size_t);
    *(void **) &real = dlsym (RTLD_NEXT, "zmq_msg_init_size");
    if (!s_frames_fail)
        return real (msg, size);
    errno = ENOMEM;
    return -1;
}

static int s_polled;

// How many a loop polls.
int
zmq_poll (zmq_pollitem_t *items, int count, long timeout_ms)
{
    int (*real) (zmq_pollitem_t *, int, long);
    *(void **) &real = dlsym (RTLD_NEXT, "zmq_poll");
    s_polled = count;
    return real (items, count, timeout_ms);
}

// --- From a zmsg -----------------------------------------------------------

// One frame more.
static void
s_add (zmsg_t *zmsg, const void *bytes, size_t size)
{
    assert_int_equal (zmsg_addmem (zmsg, bytes, size), 0);
}

static brood_msg_t *
s_new_one (const void *bytes, size_t size)
{
    zmsg_t *zmsg = zmsg_new ();
    s_add (zmsg, bytes, size);
    brood_msg_t *msg = brood_msg_new_zmsg (&zmsg);
    // Taken on success only.
    assert_int_equal (zmsg == NULL, msg != NULL);
    const int saved_errno = errno;
    zmsg_destroy (&zmsg);
    errno = saved_errno;
    return msg;
}

static void
s_test_one_frame (void **state)
{
    (void) state;
    int a = 0, b = 0;
    brood_msg_t *msg = s_new_one ("\x92\x07\x08", 3);
    assert_non_null (msg);
    assert_int_equal (brood_msg_unpack (msg, "[%d, %d]", &a, &b), 0);
    assert_int_equal (a * 10 + b, 78);
    brood_msg_destroy (&msg);
    // One character is a number: the header says so.
    msg = s_new_one ("7", 1);
    assert_int_equal (brood_msg_unpack (msg, "%d", &a), 0);
    assert_int_equal (a, '7');
    brood_msg_destroy (&msg);
}

static void
s_test_no_msgpack (void **state)
{
    (void) state;
    static const struct {
        const char *bytes;
        size_t size;
    } bad[] = {
        { "", 0 },
        { "hello", 5 },
        { "\x92\x07", 2 },
        { "\x01\x02", 2 },
        { "\xc1", 1 },
        { "\xc6\xff\xff\xff\xff", 5 },
        { "\xdd\xff\xff\xff\xff", 5 },
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        errno = 0;
        assert_null (s_new_one (bad[i].bytes, bad[i].size));
        assert_int_equal (errno, EBADMSG);
        assert_string_not_equal (brood_error (), "");
    }
}

static void
s_test_frames (void **state)
{
    (void) state;
    // As a ROUTER has it: who, nothing, and what.
    zmsg_t *zmsg = zmsg_new ();
    s_add (zmsg, "\0id\0", 4);
    s_add (zmsg, "", 0);
    s_add (zmsg, "hello", 5);
    brood_msg_t *msg = brood_msg_new_zmsg (&zmsg);
    assert_non_null (msg);
    assert_null (zmsg);
    assert_int_equal (brood_msg_len (msg, ""), 3);
    size_t size[3] = { 9, 9, 9 };
    void *bytes[3] = { NULL, NULL, NULL };
    assert_int_equal (brood_msg_unpack (msg,
                                        "[<%zu %p>, <%zu %p>, <%zu %p>]",
                                        &size[0],
                                        &bytes[0],
                                        &size[1],
                                        &bytes[1],
                                        &size[2],
                                        &bytes[2]),
                      0);
    assert_int_equal (size[0], 4);
    assert_memory_equal (bytes[0], "\0id\0", 4);
    assert_int_equal (size[1], 0);
    assert_int_equal (size[2], 5);
    assert_memory_equal (bytes[2], "hello", 5);
    brood_msg_destroy (&msg);
}

// Past 15, where an array's head grows, and past what a small message holds.
static void
s_test_many_frames (void **state)
{
    (void) state;
    static unsigned char large[70000];
    memset (large, 0x5a, sizeof large);
    zmsg_t *zmsg = zmsg_new ();
    for (unsigned char i = 0; i < 100; i++)
        s_add (zmsg, &i, 1);
    s_add (zmsg, large, sizeof large);
    brood_msg_t *msg = brood_msg_new_zmsg (&zmsg);
    assert_non_null (msg);
    assert_int_equal (brood_msg_len (msg, ""), 101);
    assert_int_equal (brood_msg_type (msg, "[99]"), BROOD_BYTES);
    size_t size = 0;
    void *bytes = NULL;
    assert_int_equal (brood_msg_get (msg, "[99]", "<%zu %p>", &size, &bytes),
                      0);
    assert_int_equal (size, 1);
    assert_int_equal (*(unsigned char *) bytes, 99);
    assert_int_equal (brood_msg_get (msg, "[100]", "<%zu %p>", &size, &bytes),
                      0);
    assert_int_equal (size, sizeof large);
    assert_memory_equal (bytes, large, sizeof large);
    brood_msg_destroy (&msg);
}

static void
s_refused (zmsg_t **zmsg_p, const char *why)
{
    errno = 0;
    assert_null (brood_msg_new_zmsg (zmsg_p));
    assert_int_equal (errno, EINVAL);
    assert_string_equal (brood_error (), why);
}

static void
s_test_bad_calls (void **state)
{
    (void) state;
    zmsg_t *none = NULL;
    s_refused (NULL, "brood_msg_new_zmsg: NULL");
    s_refused (&none, "brood_msg_new_zmsg: NULL");
    zmsg_t *empty = zmsg_new ();
    s_refused (&empty, "brood_msg_new_zmsg: a zmsg without frames");
    assert_non_null (empty);
    zmsg_destroy (&empty);
    zframe_t *frame = zframe_new ("x", 1);
    void *other = frame;
    zmsg_t *wrong = other;
    s_refused (&wrong, "brood_msg_new_zmsg: not a zmsg");
    assert_ptr_equal (wrong, other);
    zframe_destroy (&frame);
    errno = 0;
    assert_null (brood_msg_zmsg (NULL));
    assert_int_equal (errno, EINVAL);
    errno = 0;
    assert_int_equal (brood_zloop_add (NULL), -1);
    assert_int_equal (errno, EINVAL);
    assert_string_equal (brood_error (), "brood_zloop_add: NULL");
    brood_zloop_remove (NULL);
}

// --- To a zmsg -------------------------------------------------------------

static void
s_test_there_and_back (void **state)
{
    (void) state;
    static const char *const jsons[] = {
        "null", "true", "-1", "[1, [2.5, \"x\"], {\"a\": null}]", "{}", "[]",
    };
    for (size_t i = 0; i < sizeof jsons / sizeof *jsons; i++) {
        brood_msg_t *msg = brood_msg_new_json (jsons[i]);
        zmsg_t *zmsg = brood_msg_zmsg (msg);
        assert_non_null (zmsg);
        assert_int_equal (zmsg_size (zmsg), 1);
        size_t size = 0;
        const void *bytes = brood_msg_bytes (msg, &size);
        assert_int_equal (zmsg_content_size (zmsg), size);
        assert_memory_equal (zframe_data (zmsg_first (zmsg)), bytes, size);
        brood_msg_t *again = brood_msg_new_zmsg (&zmsg);
        assert_int_equal (brood_msg_equal (msg, again), 1);
        brood_msg_destroy (&again);
        brood_msg_destroy (&msg);
    }
}

// What goes in is a copy, and so is what comes out.
static void
s_test_copies (void **state)
{
    (void) state;
    int n = 0;
    brood_msg_t *msg = brood_msg_new ("%d", 7);
    zmsg_t *zmsg = brood_msg_zmsg (msg);
    assert_int_equal (brood_msg_pack (msg, "%d", 8), 0);
    brood_msg_destroy (&msg);
    msg = brood_msg_new_zmsg (&zmsg);
    assert_int_equal (brood_msg_unpack (msg, "%d", &n), 0);
    assert_int_equal (n, 7);
    brood_msg_destroy (&msg);
}

static void
s_test_no_value (void **state)
{
    (void) state;
    brood_msg_t *msg = brood_msg_new ("1");
    msgpack_pack_array (brood_msg_packer (msg), 2);
    errno = 0;
    assert_null (brood_msg_zmsg (msg));
    assert_int_equal (errno, EBADMSG);
    brood_msg_destroy (&msg);
}

// --- Out of memory ---------------------------------------------------------

static void
s_test_memory_in (void **state)
{
    (void) state;
    for (int frames = 1; frames <= 2; frames++) {
        long n = 1;
        for (int failed = 1; failed; n++) {
            zmsg_t *zmsg = zmsg_new ();
            char bytes[300] = "\xc5\x01\x29";  // 297 bytes follow
            for (int i = 0; i < frames; i++)
                s_add (zmsg, bytes, sizeof bytes);
            brd_fault_arm (BRD_FAULT_MEMORY, n, ENOMEM);
            brood_msg_t *msg = brood_msg_new_zmsg (&zmsg);
            brd_fault_arm (BRD_FAULT_MEMORY, 0, 0);
            failed = msg == NULL;
            if (failed) {
                assert_int_equal (errno, ENOMEM);
                assert_string_not_equal (brood_error (), "");
                assert_int_equal (zmsg_size (zmsg), (size_t) frames);
                assert_int_equal (zmsg_content_size (zmsg),
                                  (size_t) frames * sizeof bytes);
            }
            else
                assert_null (zmsg);
            zmsg_destroy (&zmsg);
            brood_msg_destroy (&msg);
        }
        assert_true (n > 2);
    }
}

static void
s_test_memory_out (void **state)
{
    (void) state;
    brood_msg_t *msg = brood_msg_new ("[%d, %s]", 1, "text");
    s_frames_fail = 1;
    errno = 0;
    assert_null (brood_msg_zmsg (msg));
    s_frames_fail = 0;
    assert_int_equal (errno, ENOMEM);
    assert_string_equal (brood_error (),
                         "out of memory for a frame of 7 bytes");
    zmsg_t *zmsg = brood_msg_zmsg (msg);
    assert_non_null (zmsg);
    zmsg_destroy (&zmsg);
    brood_msg_destroy (&msg);
}

// --- Loops -----------------------------------------------------------------

static int
s_count_and_end (zloop_t *loop, int timer, void *arg)
{
    (void) loop;
    (void) timer;
    ++*(int *) arg;
    return -1;
}

// To take a loop out of nothing asks brood for nothing.
static void
s_test_remove_first (void **state)
{
    (void) state;
    zloop_t *loop = zloop_new ();
    const int fds = t_open_fds ();
    brood_zloop_remove (loop);
    brood_zloop_remove (loop);
    assert_int_equal (t_open_fds (), fds);
    zloop_destroy (&loop);
}

static void
s_test_no_descriptor (void **state)
{
    (void) state;
    assert_int_equal (brood_init (NULL, NULL), 0);
    zloop_t *loop = zloop_new ();
    brd_fault_arm (BRD_FAULT_SYSTEM, 1, EMFILE);
    errno = 0;
    assert_int_equal (brood_zloop_add (loop), -1);
    brd_fault_arm (BRD_FAULT_SYSTEM, 0, 0);
    assert_int_equal (errno, EMFILE);
    // It polls nothing: it would not end by itself, but for its timer.
    int ended = 0;
    zloop_timer (loop, 1, 1, s_count_and_end, &ended);
    assert_int_equal (zloop_start (loop), -1);
    assert_int_equal (ended, 1);
    assert_int_equal (brood_zloop_add (loop), 0);
    zloop_destroy (&loop);
}

// Starts it, and says how many it polls.
static int
s_polls (zloop_t *loop)
{
    int ended = 0;
    s_polled = -1;
    zloop_timer (loop, 1, 1, s_count_and_end, &ended);
    assert_int_equal (zloop_start (loop), -1);
    assert_int_equal (ended, 1);
    return s_polled;
}

// Twice is once, in and out.
static void
s_test_twice (void **state)
{
    (void) state;
    zloop_t *loop = zloop_new ();
    assert_int_equal (s_polls (loop), 0);
    for (int i = 0; i < 2; i++) {
        assert_int_equal (brood_zloop_add (loop), 0);
        assert_int_equal (s_polls (loop), 1);
    }
    for (int i = 0; i < 2; i++) {
        brood_zloop_remove (loop);
        assert_int_equal (s_polls (loop), 0);
    }
    zloop_destroy (&loop);
}

int
main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (s_test_remove_first),
        cmocka_unit_test (s_test_one_frame),
        cmocka_unit_test (s_test_no_msgpack),
        cmocka_unit_test (s_test_frames),
        cmocka_unit_test (s_test_many_frames),
        cmocka_unit_test (s_test_bad_calls),
        cmocka_unit_test (s_test_there_and_back),
        cmocka_unit_test (s_test_copies),
        cmocka_unit_test (s_test_no_value),
        cmocka_unit_test (s_test_memory_in),
        cmocka_unit_test (s_test_memory_out),
        cmocka_unit_test (s_test_no_descriptor),
        cmocka_unit_test (s_test_twice),
    };
    t_watchdog (60);
    return cmocka_run_group_tests (tests, NULL, NULL);
}
