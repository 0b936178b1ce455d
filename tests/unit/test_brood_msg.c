// test_brood_msg.c - messages, as brood_msg.h promises them
//
// SPDX-License-Identifier: MPL-2.0

#include "tests/t.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/brd_error.h"
#include "base/brd_fault.h"
#include "base/brd_mem.h"
#include "brood/brood_msg.h"
#include "client/brd_msg.h"
#include "wire/brd_value.h"

// --- Helpers ---------------------------------------------------------------

static void
s_is (const brood_msg_t *msg, const char *json)
{
    char *text = brood_msg_json (msg);
    assert_non_null (text);
    assert_string_equal (text, json);
    free (text);
}

static void
s_error_is (int error, const char *text)
{
    assert_int_equal (errno, error);
    assert_string_equal (brood_error (), text);
}

// --- What the header shows -------------------------------------------------

static void
s_test_header (void **state)
{
    (void) state;
    brood_msg_t *job = brood_msg_new ("{id: %d, size: [%f, %f]}", 7, 2., 3.);
    assert_non_null (job);
    double h = 0;
    assert_int_equal (brood_msg_get (job, "size[1]", "%lf", &h), 0);
    assert_true (h == 3);
    int id = 0;
    double w = 0;
    assert_int_equal (
        brood_msg_unpack (job, "{id: %d, size: [%lf, %lf]}", &id, &w, &h), 0);
    assert_int_equal (id, 7);
    assert_true (w == 2);
    brood_msg_destroy (&job);
    assert_null (job);
    brood_msg_destroy (&job);
    brood_msg_destroy (NULL);
}

static void
s_test_header_iterator (void **state)
{
    (void) state;
    brood_msg_t *msg =
        brood_msg_new ("{words: {one: 1, two: %ld}, list: [5, 6, 7]}", 2L);
    char word[32];
    long count = 0;
    long sum = 0;
    int pairs = 0;
    brood_iter_t it = brood_msg_iter (msg, "words");
    while (brood_iter_next (&it, "%31s: %ld", word, &count) == 1) {
        assert_string_equal (word, pairs == 0 ? "one" : "two");
        pairs++;
        sum += count;
    }
    assert_int_equal (pairs, 2);
    assert_int_equal (sum, 3);
    assert_int_equal (brood_iter_next (&it, "*: *"), 0);
    sum = 0;
    it = brood_msg_iter (msg, "list");
    while (brood_iter_next (&it, "%ld", &count) == 1)
        sum += count;
    assert_int_equal (sum, 18);
    brood_msg_destroy (&msg);
}

// --- Packing ---------------------------------------------------------------

// From nothing over the message's own memory to a buffer, and back.
static void
s_test_sizes (void **state)
{
    (void) state;
    brood_msg_t *msg = brood_msg_new ("nil");
    char *text = malloc (300001);
    char *back = malloc (300001);
    assert_non_null (text);
    assert_non_null (back);
    memset (text, 'x', 300000);
    static const int sizes[] = { 0,
                                 10,
                                 BRD_MSG_SMALL - 3,
                                 BRD_MSG_SMALL - 2,
                                 BRD_MSG_SMALL - 1,
                                 200,
                                 5,
                                 300000,
                                 200,
                                 100,
                                 300,
                                 0 };
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        assert_int_equal (brood_msg_pack (msg, "%.*s", sizes[i], text), 0);
        assert_int_equal (brood_msg_len (msg, ""), sizes[i]);
        assert_int_equal (brood_msg_unpack (msg, "%300000s", back), 0);
        assert_int_equal (strlen (back), sizes[i]);
        brood_msg_t *copy = brood_msg_dup (msg);
        assert_int_equal (brood_msg_equal (copy, msg), 1);
        brood_msg_destroy (&copy);
    }
    free (back);
    free (text);
    brood_msg_destroy (&msg);
}

static void
s_test_one_allocation (void **state)
{
    (void) state;
    brd_fault_arm (BRD_FAULT_MEMORY, 1000000, ENOMEM);
    brood_msg_t *msg = brood_msg_new ("{id: %d, name: %s, ok: true}", 7, "abc");
    assert_int_equal (brd_fault_count (BRD_FAULT_MEMORY), 1);
    assert_int_equal (brood_msg_pack (msg, "[%f, %f]", 1., 2.), 0);
    brd_msg_reset (msg);
    assert_int_equal (brood_msg_pack (msg, "%s", "again"), 0);
    assert_int_equal (brd_fault_count (BRD_FAULT_MEMORY), 1);
    brd_fault_arm (BRD_FAULT_MEMORY, 0, 0);
    brood_msg_destroy (&msg);
}

// Arguments may point into the message that is packed.
static void
s_test_pack_from_itself (void **state)
{
    (void) state;
    brood_msg_t *msg = brood_msg_new ("%s", "a text");
    const char *text = NULL;
    size_t size = 0;
    for (int i = 0; i < 8; i++) {
        assert_int_equal (
            brood_msg_pack (
                msg, "[@%p, @%p]", brood_ref (msg), brood_ref (msg)),
            0);
        assert_int_equal (brood_msg_append (msg, "@%p", brood_ref (msg)), 0);
    }
    assert_int_equal (brood_msg_get (msg,
                                     "[2][1][0][0][0][0][0][0][0]",
                                     "<%zu %p>",
                                     &size,
                                     (void **) &text),
                      0);
    assert_int_equal (brood_msg_pack (msg, "%.*s", (int) size, text), 0);
    s_is (msg, "\"a text\"");
    assert_int_equal (brood_msg_pack (msg, "{x: %s}", "some text to be kept"),
                      0);
    assert_int_equal (
        brood_msg_get (msg, "x", "<%zu %p>", &size, (void **) &text), 0);
    assert_int_equal (brood_msg_set (msg, "x", "[%.*s]", (int) size, text), 0);
    s_is (msg, "{\"x\": [\"some text to be kept\"]}");
    brood_msg_destroy (&msg);
}

static void
s_test_failed_pack (void **state)
{
    (void) state;
    brood_msg_t *msg = brood_msg_new ("[1, %.*s]", 2, "abc");
    const char *volatile null = NULL;  // The compiler must not see it
    assert_int_equal (brood_msg_pack (msg, "{a: %d, b: %s}", 1, null), -1);
    s_error_is (EINVAL, "NULL for %s at .b");
    assert_int_equal (brood_msg_append (msg, "[%s]", null), -1);
    assert_int_equal (brood_msg_set (msg, "x", "1"), -1);
    s_error_is (EBADMSG, "expected map, found array");
    s_is (msg, "[1, \"ab\"]");
    assert_null (brood_msg_new ("{a: %s}", null));
    assert_int_equal (errno, EINVAL);
    brood_msg_destroy (&msg);
}

// --- Building --------------------------------------------------------------

static void
s_test_append (void **state)
{
    (void) state;
    brood_msg_t *msg = brood_msg_new ("nil");
    for (int i = 0; i < 70000; i++)
        assert_int_equal (brood_msg_append (msg, "%d", i), 0);
    assert_int_equal (brood_msg_len (msg, NULL), 70000);
    brood_iter_t it = brood_msg_iter (msg, "");
    int got = -1;
    for (int i = 0; i < 70000; i++) {
        assert_int_equal (brood_iter_next (&it, "%d", &got), 1);
        assert_int_equal (got, i);
    }
    assert_int_equal (brood_iter_next (&it, "%d", &got), 0);
    assert_int_equal (brood_msg_get (msg, "[69999]", "%d", &got), 0);
    assert_int_equal (got, 69999);
    size_t size = 0;
    const void *bytes = brood_msg_bytes (msg, &size);
    brood_msg_t *copy = brood_msg_new_bytes (bytes, size);
    assert_int_equal (brood_msg_equal (msg, copy), 1);
    brood_msg_destroy (&copy);
    assert_int_equal (brood_msg_pack (msg, "{}"), 0);
    assert_int_equal (brood_msg_append (msg, "1"), -1);
    s_error_is (EBADMSG, "expected array, found map");
    brood_msg_destroy (&msg);
}

static void
s_test_set (void **state)
{
    (void) state;
    brood_msg_t *msg = brood_msg_new ("nil");
    assert_int_equal (brood_msg_set (msg, "a", "%d", 1), 0);
    assert_int_equal (brood_msg_set (msg, "b", "[%d]", 2), 0);
    assert_int_equal (brood_msg_set (msg, "c", "{x: %s}", "y"), 0);
    s_is (msg, "{\"a\": 1, \"b\": [2], \"c\": {\"x\": \"y\"}}");
    assert_int_equal (brood_msg_set (msg, "a", "%s", "much longer than it was"),
                      0);
    assert_int_equal (brood_msg_set (msg, "b", "nil"), 0);
    assert_int_equal (brood_msg_set (msg, "c", "3"), 0);
    s_is (msg, "{\"a\": \"much longer than it was\", \"b\": null, \"c\": 3}");
    char key[300];
    memset (key, 'k', sizeof key - 1);
    key[sizeof key - 1] = '\0';
    assert_int_equal (brood_msg_set (msg, key, "1"), 0);
    assert_int_equal (brood_msg_set (msg, key, "2"), 0);
    assert_int_equal (brood_msg_len (msg, ""), 4);
    for (int i = 0; i < 20; i++) {
        (void) snprintf (key, sizeof key, "key %d", i);
        assert_int_equal (brood_msg_set (msg, key, "%d", i), 0);
    }
    assert_int_equal (brood_msg_len (msg, ""), 24);
    int got = 0;
    assert_int_equal (brood_msg_get (msg, "key 19", "%d", &got), 0);
    assert_int_equal (got, 19);
    brood_msg_destroy (&msg);
}

// What is added may nest as deep as there is room, and no deeper.
static void
s_test_build_depth (void **state)
{
    (void) state;
    brood_msg_t *part = brood_msg_new ("[]");
    for (int depth = 1; depth < 31; depth++)
        assert_int_equal (brood_msg_pack (part, "[@%p]", brood_ref (part)), 0);
    assert_int_equal (brood_msg_pack (part, "[@%p]", brood_ref (part)), -1);
    assert_int_equal (errno, EBADMSG);
    brood_msg_t *msg = brood_msg_new ("nil");
    assert_int_equal (brood_msg_append (msg, "@%p", brood_ref (part)), -1);
    assert_int_equal (brood_msg_set (msg, "x", "@%p", brood_ref (part)), -1);
    s_is (msg, "null");
    assert_int_equal (brood_msg_pack (msg, "@%p", brood_ref (part)), 0);
    brood_msg_destroy (&msg);
    brood_msg_destroy (&part);
}

// --- Walking ---------------------------------------------------------------

static void
s_test_paths (void **state)
{
    (void) state;
    brood_msg_t *msg = brood_msg_new (
        "{size: [1, {name: %s}], \"a b\": 2, %d: 3, h: <%zu %p>}",
        "x",
        -4,
        (size_t) 2,
        (const void *) "ab");
    int got = 0;
    char text[4];
    assert_int_equal (brood_msg_get (msg, "size[1].name", "%3s", text), 0);
    assert_string_equal (text, "x");
    assert_int_equal (brood_msg_get (msg, ".size[0]", "%d", &got), 0);
    assert_int_equal (got, 1);
    assert_int_equal (brood_msg_get (msg, "a b", "%d", &got), 0);
    assert_int_equal (got, 2);
    assert_int_equal (brood_msg_get (msg, "[-4]", "%d", &got), 0);
    assert_int_equal (got, 3);
    static const char *const nothing[] = {
        "no",         "size[2]", "size.x",   "size[0].x",
        "size[1][0]", "[0]",     "size[-1]", "size[999999999999999999]"
    };
    for (size_t i = 0; i < sizeof nothing / sizeof nothing[0]; i++) {
        assert_int_equal (brood_msg_get (msg, nothing[i], "%d", &got), -1);
        assert_int_equal (errno, ENOENT);
        assert_int_equal (brood_msg_type (msg, nothing[i]), -1);
        assert_int_equal (errno, ENOENT);
        assert_int_equal (brood_msg_len (msg, nothing[i]), -1);
    }
    static const char *const bad[] = {
        ".",      "size.",    "size[",   "size[]", "size[x]",
        "size[1", "size[1]x", "size..x", "[--1]",  "[1234567890123456789]",
        ".[1]"
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_int_equal (brood_msg_get (msg, bad[i], "%d", &got), -1);
        assert_int_equal (errno, EINVAL);
    }
    assert_int_equal (
        brood_msg_get (msg, "size", "[%d, {name: %d}]", &got, &got), -1);
    s_error_is (EBADMSG, "expected int at .size[1].name, found str");
    brood_msg_destroy (&msg);
}

static void
s_test_questions (void **state)
{
    (void) state;
    brd_handle_t pool;
    brd_handle_init (&pool, BRD_KIND_POOL);
    pool.ref.brood = 1;
    brood_msg_t *msg = brood_msg_new (
        "[nil, true, 7, 1.5, \"four\", <%zu %p>, [1, 2], {a: 1}, @%p]",
        (size_t) 3,
        (const void *) "abc",
        brood_ref (&pool));
    static const struct {
        const char *path;
        brood_type_t type;
        long len;
    } rows[] = {
        { "[0]", BROOD_NIL, 0 },     { "[1]", BROOD_BOOL, 0 },
        { "[2]", BROOD_INTEGER, 0 }, { "[3]", BROOD_FLOAT, 0 },
        { "[4]", BROOD_TEXT, 4 },    { "[5]", BROOD_BYTES, 3 },
        { "[6]", BROOD_LIST, 2 },    { "[7]", BROOD_MAP, 1 },
        { "[8]", BROOD_HANDLE, 0 },  { "", BROOD_LIST, 9 },
        { NULL, BROOD_LIST, 9 },
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        assert_int_equal (brood_msg_type (msg, rows[i].path), rows[i].type);
        assert_int_equal (brood_msg_len (msg, rows[i].path), rows[i].len);
    }
    brood_msg_t *ext = brood_msg_new_bytes ("\xd4\x01\x00", 3);
    assert_int_equal (brood_msg_type (ext, ""), BROOD_EXTENSION);
    brood_msg_destroy (&ext);
    brood_msg_destroy (&msg);
}

static void
s_test_iterator_edges (void **state)
{
    (void) state;
    brood_msg_t *msg = brood_msg_new ("[1, %s, 3, {a: 1}]", "two");
    int got = 0;
    // An item that does not fit is passed.
    brood_iter_t it = brood_msg_iter (msg, NULL);
    assert_int_equal (brood_iter_next (&it, "%d", &got), 1);
    assert_int_equal (brood_iter_next (&it, "%d", &got), -1);
    s_error_is (EBADMSG, "item 1: expected int, found str");
    assert_int_equal (brood_iter_next (&it, "%d", &got), 1);
    assert_int_equal (got, 3);
    assert_int_equal (brood_iter_next (&it, "{a: %d}", &got), 1);
    assert_int_equal (brood_iter_next (&it, "%d", &got), 0);
    // At their end from the start
    it = brood_msg_iter (msg, "no");
    assert_int_equal (brood_iter_next (&it, "%d", &got), 0);
    it = brood_msg_iter (msg, "[0]");
    assert_int_equal (brood_iter_next (&it, "%d", &got), 0);
    it = brood_msg_iter (msg, "[");
    assert_int_equal (brood_iter_next (&it, "%d", &got), 0);
    it = brood_msg_iter (NULL, "");
    assert_int_equal (brood_iter_next (&it, "%d", &got), -1);
    assert_int_equal (errno, EINVAL);
    // A message that changed
    it = brood_msg_iter (msg, "");
    assert_int_equal (brood_msg_append (msg, "5"), 0);
    assert_int_equal (brood_iter_next (&it, "%d", &got), -1);
    assert_int_equal (errno, EINVAL);
    brood_msg_destroy (&msg);
}

// --- Bytes, equality, printing ---------------------------------------------

static void
s_test_bytes (void **state)
{
    (void) state;
    brood_msg_t *msg = brood_msg_new_bytes ("\x92\x01\xa1x", 4);
    s_is (msg, "[1, \"x\"]");
    size_t size = 0;
    const unsigned char *bytes = brood_msg_bytes (msg, &size);
    assert_int_equal (size, 4);
    assert_memory_equal (bytes, "\x92\x01\xa1x", 4);
    assert_ptr_equal (brood_msg_bytes (msg, NULL), bytes);
    brood_msg_destroy (&msg);
    assert_null (brood_msg_new_bytes ("\x92\x01", 2));
    assert_int_equal (errno, EBADMSG);
    assert_null (brood_msg_new_bytes ("", 0));
    assert_int_equal (errno, EBADMSG);
    assert_null (brood_msg_new_bytes ("x", (size_t) BROOD_MSG_SIZE_MAX + 1));
    assert_int_equal (errno, EMSGSIZE);
}

static void
s_test_equal (void **state)
{
    (void) state;
    brood_msg_t *left = brood_msg_new ("{a: 1, b: [%d, 2.5]}", 7);
    brood_msg_t *right = brood_msg_new ("{b: [7, %f], a: 1}", 2.5);
    assert_int_equal (brood_msg_equal (left, right), 1);
    assert_int_equal (brood_msg_set (right, "a", "1.0"), 0);
    assert_int_equal (brood_msg_equal (left, right), 0);
    brood_msg_destroy (&left);
    assert_int_equal (brood_msg_equal (left, right), -1);
    assert_int_equal (errno, EINVAL);
    brood_msg_destroy (&right);
}

static void
s_test_print (void **state)
{
    (void) state;
    char text[100] = "";
    FILE *file = fmemopen (text, sizeof text, "w");
    assert_non_null (file);
    brood_msg_t *msg = brood_msg_new ("{a: [1, true]}");
    assert_int_equal (brood_msg_print (msg, file), 0);
    assert_int_equal (fclose (file), 0);
    assert_string_equal (text, "{\"a\": [1, true]}\n");
    assert_int_equal (brood_msg_print (msg, NULL), -1);
    assert_int_equal (errno, EINVAL);
    brood_msg_destroy (&msg);
}

// --- Refs ------------------------------------------------------------------

static void
s_test_refs (void **state)
{
    (void) state;
    brd_handle_t pool;
    brd_handle_init (&pool, BRD_KIND_POOL);
    pool.ref.brood = 11;
    pool.ref.object = 22;
    pool.ref.offset = 33;
    brood_msg_t *msg = brood_msg_new ("{p: @%p, q: 5}", brood_ref (&pool));
    void *ref = NULL;
    assert_int_equal (brood_msg_unpack (msg, "{p: @%p}", &ref), 0);
    brd_ref_t found;
    assert_int_equal (brd_ref_resolve (ref, BRD_KIND_POOL, &found), 0);
    assert_int_equal (found.brood, 11);
    assert_int_equal (found.object, 22);
    assert_int_equal (found.offset, 33);
    assert_int_equal (brd_ref_resolve (ref, BRD_KIND_ARRAY, &found), -1);
    s_error_is (EINVAL, "the ref is of a pool, not of a array");
    // A live handle is as good.
    assert_int_equal (brd_ref_resolve (&pool, BRD_KIND_POOL, &found), 0);
    assert_int_equal (found.object, 22);
    assert_int_equal (brd_ref_resolve (&pool, BRD_KIND_ARRAY, &found), -1);
    assert_int_equal (errno, EINVAL);
    assert_int_equal (brd_ref_resolve (NULL, BRD_KIND_POOL, &found), -1);
    assert_int_equal (errno, EINVAL);
    // It lives as long as its message, whatever becomes of the value, and may
    // be sent on.
    assert_int_equal (brood_msg_pack (msg, "[1, @%p]", ref), 0);
    assert_int_equal (brd_ref_resolve (ref, BRD_KIND_POOL, &found), 0);
    void *again = NULL;
    assert_int_equal (brood_msg_unpack (msg, "[*, @%p]", &again), 0);
    assert_int_equal (brd_ref_resolve (again, BRD_KIND_POOL, &found), 0);
    assert_int_equal (found.brood, 11);
    // The part as a message, a handle or not
    brood_msg_t *part = brood_msg_from (ref);
    assert_int_equal (brood_msg_type (part, ""), BROOD_HANDLE);
    brood_msg_destroy (&part);
    assert_int_equal (brood_msg_pack (msg, "{m: [1, 2]}"), 0);
    assert_int_equal (brood_msg_unpack (msg, "{m: @%p}", &ref), 0);
    part = brood_msg_from (ref);
    s_is (part, "[1, 2]");
    brood_msg_destroy (&part);
    assert_int_equal (brd_ref_resolve (ref, BRD_KIND_POOL, &found), -1);
    s_error_is (EINVAL,
                "the ref is not of a pool: the message has array there");
    part = brood_msg_from (brood_ref (msg));
    assert_int_equal (brood_msg_equal (part, msg), 1);
    brood_msg_destroy (&part);
    assert_null (brood_msg_from (&pool));
    assert_int_equal (errno, EINVAL);
    brood_msg_destroy (&msg);
}

static void
s_test_may_travel (void **state)
{
    (void) state;
    static const brd_kind_t not [] = {
        BRD_KIND_FUTURE, BRD_KIND_STREAM, BRD_KIND_PROGRESS, BRD_KIND_TASK
    };
    for (size_t i = 0; i < sizeof not / sizeof not [0]; i++) {
        brd_handle_t handle;
        brd_handle_init (&handle, not [i]);
        assert_null (brood_ref (&handle));
        assert_int_equal (errno, EINVAL);
    }
    assert_null (brood_ref (NULL));
    assert_int_equal (errno, EINVAL);
    brd_handle_t array;
    brd_handle_init (&array, BRD_KIND_ARRAY);
    assert_null (brood_ref (&array));  // Not shared
    array.ref.brood = 1;
    assert_ptr_equal (brood_ref (&array), &array);
    brd_handle_fini (&array);
    assert_null (brood_ref (&array));
}

// The same place unpacked again and again is one ref.
static void
s_test_refs_do_not_pile_up (void **state)
{
    (void) state;
    brood_msg_t *msg = brood_msg_new ("[[1], [1]]");
    void *first = NULL;
    void *second = NULL;
    assert_int_equal (brood_msg_unpack (msg, "[@%p, @%p]", &first, &second), 0);
    assert_ptr_not_equal (first, second);
    brd_fault_arm (BRD_FAULT_MEMORY, 1, ENOMEM);
    for (int i = 0; i < 100; i++) {
        void *ref = NULL;
        assert_int_equal (brood_msg_get (msg, "[1]", "@%p", &ref), 0);
        assert_ptr_equal (ref, second);
    }
    // And one that cannot be made writes nothing.
    int out = 7;
    void *ref = NULL;
    assert_int_equal (brood_msg_get (msg, "", "[[%d], @%p]", &out, &ref), 0);
    brd_fault_arm (BRD_FAULT_MEMORY, 1, ENOMEM);
    out = 7;
    assert_int_equal (brood_msg_get (msg, "[0]", "[@%p]", &ref), -1);
    assert_int_equal (errno, ENOMEM);
    assert_ptr_equal (ref, second);
    brd_fault_arm (BRD_FAULT_MEMORY, 0, 0);
    brood_msg_destroy (&msg);
}

static void *
s_unpack_often (void *arg)
{
    const brood_msg_t *msg = arg;
    for (int i = 0; i < 200; i++) {
        void *ref = NULL;
        char path[8];
        (void) snprintf (path, sizeof path, "[%d]", i % 50);
        brd_ref_t found;
        if (brood_msg_get (msg, path, "@%p", &ref) < 0
            || brd_ref_resolve (ref, BRD_KIND_POOL, &found) < 0)
            return arg;
    }
    return NULL;
}

static void
s_test_threads (void **state)
{
    (void) state;
    brd_handle_t pool;
    brd_handle_init (&pool, BRD_KIND_POOL);
    pool.ref.brood = 11;
    brood_msg_t *msg = brood_msg_new ("nil");
    for (int i = 0; i < 50; i++)
        assert_int_equal (brood_msg_append (msg, "@%p", brood_ref (&pool)), 0);
    pthread_t threads[4];
    for (int i = 0; i < 4; i++)
        assert_int_equal (
            pthread_create (&threads[i], NULL, s_unpack_often, msg), 0);
    for (int i = 0; i < 4; i++) {
        void *failed = msg;
        assert_int_equal (pthread_join (threads[i], &failed), 0);
        assert_null (failed);
    }
    brood_msg_destroy (&msg);
}

// --- The inside ------------------------------------------------------------

static void
s_test_views (void **state)
{
    (void) state;
    static const unsigned char bytes[] = "\x93\x01\x02\x91\x03";
    brood_msg_t *msg = brd_msg_new_view (bytes, 5);
    assert_ptr_equal (brood_msg_bytes (msg, NULL), bytes);
    void *ref = NULL;
    assert_int_equal (brood_msg_unpack (msg, "[1, 2, @%p]", &ref), 0);
    // Written to, it becomes its own.
    assert_int_equal (brood_msg_append (msg, "4"), 0);
    s_is (msg, "[1, 2, [3], 4]");
    assert_memory_equal (bytes, "\x93\x01\x02\x91\x03", 5);
    assert_int_equal (brd_msg_reset_view (msg, bytes + 3, 2), 0);
    s_is (msg, "[3]");
    assert_int_equal (brd_msg_reset_view (msg, NULL, 0), 0);
    s_is (msg, "null");
    size_t size = 0;
    assert_non_null (brd_msg_data (msg, &size));
    assert_int_equal (size, 1);
    brood_msg_destroy (&msg);
    unsigned char *taken = brd_mem_alloc (5);
    assert_non_null (taken);
    memcpy (taken, bytes, 5);
    msg = brd_msg_new_take (taken, 5);
    s_is (msg, "[1, 2, [3]]");
    assert_int_equal (brood_msg_append (msg, "[]"), 0);
    s_is (msg, "[1, 2, [3], []]");
    brood_msg_destroy (&msg);
}

// A buffer is kept for the next value, unless it is huge.
static void
s_test_reset_keeps (void **state)
{
    (void) state;
    brood_msg_t *msg = brd_msg_new_empty ();
    char text[500];
    memset (text, 'x', sizeof text);
    assert_int_equal (brood_msg_pack (msg, "%.*s", 500, text), 0);
    brd_fault_arm (BRD_FAULT_MEMORY, 1, ENOMEM);
    for (int i = 0; i < 10; i++) {
        brd_msg_reset (msg);
        assert_int_equal (brood_msg_type (msg, ""), BROOD_NIL);
        assert_int_equal (brood_msg_pack (msg, "%.*s", 490 + i, text), 0);
    }
    brd_fault_arm (BRD_FAULT_MEMORY, 0, 0);
    brd_msg_reset (msg);
    assert_true (msg->buf.room > 0);
    for (int i = 0; i < BRD_MSG_KEEP / 400; i++)
        assert_int_equal (brood_msg_append (msg, "%.*s", 500, text), 0);
    brd_msg_reset (msg);
    assert_int_equal (msg->buf.room, 0);
    brood_msg_destroy (&msg);
}

static void
s_test_null (void **state)
{
    (void) state;
    const char *volatile null = NULL;
    brood_msg_t *no = brood_msg_new ("%.*s", 3, null);
    assert_null (no);
    int x;
    assert_int_equal (brood_msg_unpack (no, "%d", &x), -1);
    assert_int_equal (errno, EINVAL);
    assert_non_null (strstr (brood_error (), "NULL for %s"));
    assert_int_equal (brood_msg_pack (no, "1"), -1);
    assert_int_equal (brood_msg_append (no, "1"), -1);
    assert_int_equal (brood_msg_set (no, "a", "1"), -1);
    assert_int_equal (brood_msg_get (no, "a", "%d", &x), -1);
    assert_int_equal (brood_msg_type (no, ""), -1);
    assert_int_equal (brood_msg_len (no, ""), -1);
    assert_null (brood_msg_dup (no));
    assert_null (brood_msg_json (no));
    assert_null (brood_msg_bytes (no, NULL));
    assert_null (brood_msg_from (NULL));
    assert_null (brood_msg_new_bytes (NULL, 0));
    assert_null (brood_msg_new_json (NULL));
    assert_int_equal (errno, EINVAL);
    brood_msg_t *msg = brood_msg_new ("1");
    assert_int_equal (brood_msg_set (msg, NULL, "1"), -1);
    assert_int_equal (errno, EINVAL);
    brood_msg_destroy (&msg);
}

// --- Out of memory ---------------------------------------------------------

// Everything that allocates; 0 when all of it worked.
static int
s_all (brood_msg_t *msg)
{
    char text[300];
    memset (text, 'x', sizeof text);
    void *ref;
    brood_msg_t *made = brood_msg_new ("[%.*s, 1]", 300, text);
    brood_msg_t *dup = made ? brood_msg_dup (made) : NULL;
    brood_msg_t *bytes = brood_msg_new_bytes ("\x91\x01", 2);
    char *json = made ? brood_msg_json (made) : NULL;
    int bad = !made || !dup || !bytes || !json
              || brood_msg_append (dup, "%.*s", 300, text) < 0
              || brood_msg_pack (dup, "%.*s", 290, text) < 0
              || brood_msg_unpack (made, "[@%p, 1]", &ref) < 0
              || brood_msg_set (msg, "b", "%.*s", 300, text) < 0;
    const int saved_errno = errno;
    free (json);
    brood_msg_destroy (&bytes);
    brood_msg_destroy (&dup);
    brood_msg_destroy (&made);
    errno = saved_errno;
    return bad ? -1 : 0;
}

static void
s_test_memory (void **state)
{
    (void) state;
    long n = 1;
    for (;; n++) {
        brood_msg_t *msg = brood_msg_new ("{a: 1}");
        assert_non_null (msg);
        brd_fault_arm (BRD_FAULT_MEMORY, n, ENOMEM);
        const int answer = s_all (msg);
        const int error = errno;
        brd_fault_arm (BRD_FAULT_MEMORY, 0, 0);
        if (answer == 0) {
            assert_int_equal (brood_msg_len (msg, ""), 2);
            brood_msg_destroy (&msg);
            break;
        }
        assert_int_equal (error, ENOMEM);
        s_is (msg, "{\"a\": 1}");
        brood_msg_destroy (&msg);
    }
    assert_true (n > 8);
}

int
main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (s_test_header),
        cmocka_unit_test (s_test_header_iterator),
        cmocka_unit_test (s_test_sizes),
        cmocka_unit_test (s_test_one_allocation),
        cmocka_unit_test (s_test_pack_from_itself),
        cmocka_unit_test (s_test_failed_pack),
        cmocka_unit_test (s_test_append),
        cmocka_unit_test (s_test_set),
        cmocka_unit_test (s_test_build_depth),
        cmocka_unit_test (s_test_paths),
        cmocka_unit_test (s_test_questions),
        cmocka_unit_test (s_test_iterator_edges),
        cmocka_unit_test (s_test_bytes),
        cmocka_unit_test (s_test_equal),
        cmocka_unit_test (s_test_print),
        cmocka_unit_test (s_test_refs),
        cmocka_unit_test (s_test_may_travel),
        cmocka_unit_test (s_test_refs_do_not_pile_up),
        cmocka_unit_test (s_test_threads),
        cmocka_unit_test (s_test_views),
        cmocka_unit_test (s_test_reset_keeps),
        cmocka_unit_test (s_test_null),
        cmocka_unit_test (s_test_memory),
    };
    t_watchdog (60);
    return cmocka_run_group_tests (tests, NULL, NULL);
}
