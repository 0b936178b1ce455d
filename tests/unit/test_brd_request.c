// test_brd_request.c - the calls' codec, by docs/rfc/2-manager.md
//
// SPDX-License-Identifier: MPL-2.0

#include "t_vectors.h"

#include <errno.h>

#include "base/brd_error.h"
#include "wire/brd_limits.h"
#include "wire/brd_request.h"

static void
s_same (const brd_buf_t *out, const t_vector_t *vector)
{
    assert_int_equal (out->size, vector->size);
    assert_memory_equal (out->bytes, vector->bytes, vector->size);
}

static void
s_test_call (void **state)
{
    (void) state;
    t_vector_t vector;
    brd_request_t call;
    t_vector_read ("call", &vector);
    assert_int_equal (brd_request_frame (vector.bytes, vector.size),
                      BRD_REQUEST_FRAME_CALL);
    assert_int_equal (brd_request_decode (vector.bytes, vector.size, &call), 0);
    assert_int_equal (call.op, BRD_REQUEST_DICT_SET);
    assert_int_equal (call.slot, 2);
    assert_int_equal (call.seq, 3);
    assert_int_equal (call.thread, 1);
    assert_int_equal (call.object, 7);
    assert_int_equal (call.timeout_ns, -1);
    assert_int_equal (call.size, 3);
    assert_memory_equal (call.body, "\xa1\x61\x2a", 3);
    brd_buf_t out;
    brd_buf_init (&out, BRD_WIRE_SIZE_MAX);
    assert_int_equal (brd_request_begin (&out), 0);
    assert_int_equal (brd_value_put_text (&out, "a", 1), 0);
    assert_int_equal (brd_value_put_int (&out, 42), 0);
    brd_request_close (&out, &call);
    s_same (&out, &vector);
    brd_buf_fini (&out);
}

static void
s_answer (const char *name,
          brd_request_answer_t *ret_answer,
          t_vector_t *vector)
{
    t_vector_read (name, vector);
    assert_int_equal (
        brd_request_decode_answer (vector->bytes, vector->size, ret_answer), 0);
    brd_buf_t out;
    brd_buf_init (&out, BRD_WIRE_SIZE_MAX);
    assert_int_equal (brd_request_put_answer (&out, ret_answer), 0);
    s_same (&out, vector);
    brd_buf_fini (&out);
}

static void
s_test_answer (void **state)
{
    (void) state;
    t_vector_t vector;
    brd_request_answer_t answer;
    s_answer ("answer", &answer, &vector);
    assert_int_equal (answer.slot, 2);
    assert_int_equal (answer.seq, 3);
    assert_int_equal (answer.error, 0);
    assert_int_equal (answer.size, 1);
    s_answer ("answer-error", &answer, &vector);
    assert_int_equal (answer.error, ENOENT);
    assert_memory_equal (answer.body, "gone", 4);
}

// Each errno the document lists comes back as itself, the rest as EIO.
static void
s_test_errors (void **state)
{
    (void) state;
    static const int listed[] = {
        EINVAL,    ENOMEM,       ENOSPC, ETIMEDOUT, EINTR,    ECANCELED,
        EPIPE,     EBADMSG,      EIO,    ECHILD,    ENOEXEC,  ESRCH,
        ELOOP,     EHOSTUNREACH, EBUSY,  EPERM,     EDEADLK,  EACCES,
        EHOSTDOWN, ECONNRESET,   ENOENT, EEXIST,    EMSGSIZE, ENOTSUP,
        ERANGE,    EOVERFLOW,    EAGAIN, EPROTO,    EMFILE,
    };
    brd_buf_t out;
    brd_buf_init (&out, BRD_WIRE_SIZE_MAX);
    for (unsigned i = 0; i < sizeof listed / sizeof *listed; i++) {
        brd_request_answer_t answer = { .error = listed[i] };
        assert_int_equal (brd_request_put_answer (&out, &answer), 0);
        assert_int_equal (out.bytes[2], i + 1);
        assert_int_equal (
            brd_request_decode_answer (out.bytes, out.size, &answer), 0);
        assert_int_equal (answer.error, listed[i]);
    }
    brd_request_answer_t other = { .error = ENOTTY };
    assert_int_equal (brd_request_put_answer (&out, &other), 0);
    assert_int_equal (out.bytes[2], 9);
    out.bytes[2] = 200;
    assert_int_equal (brd_request_decode_answer (out.bytes, out.size, &other),
                      0);
    assert_int_equal (other.error, EIO);
    brd_buf_fini (&out);
}

static void
s_test_hello (void **state)
{
    (void) state;
    t_vector_t vector;
    brd_request_hello_t hello;
    brd_request_welcome_t welcome;
    brd_buf_t out;
    brd_buf_init (&out, BRD_WIRE_SIZE_MAX);
    t_vector_read ("hello", &vector);
    assert_int_equal (
        brd_request_decode_hello (vector.bytes, vector.size, &hello), 0);
    assert_int_equal (hello.pid, 42);
    assert_int_equal (hello.session, 0);
    assert_int_equal (hello.size, 2);
    assert_memory_equal (hello.who, "me", 2);
    assert_int_equal (brd_request_put_hello (&out, &hello), 0);
    s_same (&out, &vector);
    t_vector_read ("welcome", &vector);
    assert_int_equal (
        brd_request_decode_welcome (vector.bytes, vector.size, &welcome), 0);
    assert_int_equal (welcome.manager, 0xb400d);
    assert_int_equal (welcome.session, 5);
    assert_int_equal (brd_request_put_welcome (&out, &welcome), 0);
    s_same (&out, &vector);
    brd_buf_fini (&out);
}

// Cut anywhere, or with a byte changed, it is an error or another call.
static void
s_test_bad (void **state)
{
    (void) state;
    static const char *const names[] = { "call", "answer", "hello", "welcome" };
    t_vector_t vector;
    brd_request_t call;
    brd_request_answer_t answer;
    brd_request_hello_t hello;
    brd_request_welcome_t welcome;
    for (int i = 0; i < 4; i++) {
        t_vector_read (names[i], &vector);
        for (size_t size = 0; size < 24; size++) {
            assert_int_equal (brd_request_decode (vector.bytes, size, &call),
                              -1);
            assert_int_equal (errno, EPROTO);
            assert_int_equal (
                brd_request_decode_answer (vector.bytes, size, &answer), -1);
            assert_int_equal (
                brd_request_decode_hello (vector.bytes, size, &hello), -1);
            assert_int_equal (
                brd_request_decode_welcome (vector.bytes, size, &welcome), -1);
        }
        // Only its own decoder takes it.
        const size_t size = vector.size;
        assert_int_equal (brd_request_decode (vector.bytes, size, &call) == 0,
                          i == 0);
        assert_int_equal (
            brd_request_decode_answer (vector.bytes, size, &answer) == 0,
            i == 1);
        assert_int_equal (
            brd_request_decode_hello (vector.bytes, size, &hello) == 0, i == 2);
        assert_int_equal (
            brd_request_decode_welcome (vector.bytes, size, &welcome) == 0,
            i == 3);
        vector.bytes[1] = 2;
        assert_int_equal (brd_request_frame (vector.bytes, size), -1);
        vector.bytes[1] = 1;
        vector.bytes[0] = 5;
        assert_int_equal (brd_request_frame (vector.bytes, size), -1);
    }
}

static void
s_test_bad_fields (void **state)
{
    (void) state;
    t_vector_t vector;
    brd_request_t call;
    t_vector_read ("call", &vector);
    vector.bytes[2] = 127;
    assert_int_equal (brd_request_decode (vector.bytes, vector.size, &call),
                      -1);
    vector.bytes[2] = 0;
    assert_int_equal (brd_request_decode (vector.bytes, vector.size, &call),
                      -1);
    vector.bytes[2] = 16;
    vector.bytes[5] = 0x10;  // Slot 4098
    assert_int_equal (brd_request_decode (vector.bytes, vector.size, &call),
                      -1);
    unsigned char long_hello[24 + BRD_REQUEST_WHO_SIZE] = { 3, 1 };
    brd_request_hello_t hello;
    assert_int_equal (
        brd_request_decode_hello (long_hello, sizeof long_hello, &hello), -1);
    assert_int_equal (
        brd_request_decode_hello (long_hello, sizeof long_hello - 1, &hello),
        0);
    unsigned char nobody[24] = { 4, 1 };
    brd_request_welcome_t welcome;
    assert_int_equal (brd_request_decode_welcome (nobody, 24, &welcome), -1);
}

static void
s_test_refs (void **state)
{
    (void) state;
    brd_buf_t out;
    brd_buf_init (&out, 4096);
    const brd_ref_t mine = { .brood = 7, .object = 3, .kind = BRD_KIND_DICT };
    const brd_ref_t other = { .brood = 8, .object = 4, .kind = BRD_KIND_DICT };
    assert_int_equal (brd_value_put_map (&out, 2), 0);
    assert_int_equal (brd_value_put_text (&out, "a", 1), 0);
    assert_int_equal (brd_value_put_ref (&out, &other), 0);
    assert_int_equal (brd_value_put_text (&out, "b", 1), 0);
    assert_int_equal (brd_value_put_list (&out, 2), 0);
    assert_int_equal (brd_value_put_ref (&out, &mine), 0);
    assert_int_equal (brd_value_put_ref (&out, &mine), 0);
    brd_value_cursor_t at = { out.bytes, out.bytes + out.size };
    brd_ref_t found;
    for (int i = 0; i < 2; i++) {
        assert_int_equal (brd_request_next_ref (&at, 7, &found), 1);
        assert_int_equal (found.object, 3);
    }
    assert_int_equal (brd_request_next_ref (&at, 7, &found), 0);
    at = (brd_value_cursor_t){ out.bytes, out.bytes + 10 };
    assert_int_equal (brd_request_next_ref (&at, 7, &found), -1);
    brd_buf_fini (&out);
}

// The table is complete: each call has a name, and letters there are.
static void
s_test_table (void **state)
{
    (void) state;
    int count = 0;
    for (unsigned op = 0; op < BRD_REQUEST_OPS_END + 9; op++) {
        const brd_request_about_t *about = brd_request_about (op);
        if (!about)
            continue;
        count++;
        assert_true (strlen (about->args) <= BRD_REQUEST_ARGS_MAX);
        assert_int_equal (strspn (about->args, "kvitTlmp"),
                          strlen (about->args));
        assert_true (about->reads + about->waits + about->silent <= 1);
    }
    assert_int_equal (count, 64);
}

int
main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (s_test_call),   cmocka_unit_test (s_test_answer),
        cmocka_unit_test (s_test_errors), cmocka_unit_test (s_test_hello),
        cmocka_unit_test (s_test_bad),    cmocka_unit_test (s_test_bad_fields),
        cmocka_unit_test (s_test_refs),   cmocka_unit_test (s_test_table),
    };
    t_watchdog (30);
    return cmocka_run_group_tests (tests, NULL, NULL);
}
