// test_brood_msgpack.c - messages and msgpack-c
//
// SPDX-License-Identifier: MPL-2.0

#include "tests/t.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/brd_fault.h"
#include "brood/brood_error.h"
#include "brood/brood_msgpack.h"

static void
s_is (const brood_msg_t *msg, const char *json)
{
    char *text = brood_msg_json (msg);
    assert_non_null (text);
    assert_string_equal (text, json);
    free (text);
}

static void
s_test_packer (void **state)
{
    (void) state;
    brood_msg_t *msg = brood_msg_new ("\"the old value\"");
    msgpack_packer *pk = brood_msg_packer (msg);
    assert_non_null (pk);
    msgpack_pack_array (pk, 2);
    msgpack_pack_int (pk, 7);
    msgpack_pack_str (pk, 3);
    msgpack_pack_str_body (pk, "abc", 3);
    s_is (msg, "[7, \"abc\"]");
    int number = 0;
    char text[4];
    assert_int_equal (brood_msg_unpack (msg, "[%d, %3s]", &number, text), 0);
    assert_int_equal (number, 7);
    // Used, the message is its own again.
    assert_int_equal (msgpack_pack_nil (pk), -1);
    s_is (msg, "[7, \"abc\"]");
    // And once more
    pk = brood_msg_packer (msg);
    msgpack_pack_true (pk);
    s_is (msg, "true");
    // A picture replaces it as well.
    pk = brood_msg_packer (msg);
    msgpack_pack_array (pk, 5);
    assert_int_equal (brood_msg_pack (msg, "1"), 0);
    assert_int_equal (msgpack_pack_nil (pk), -1);
    s_is (msg, "1");
    brood_msg_destroy (&msg);
    assert_null (brood_msg_packer (NULL));
    assert_int_equal (errno, EINVAL);
}

static void
s_test_packer_wrong (void **state)
{
    (void) state;
    brood_msg_t *msg = brood_msg_new ("nil");
    int number;
    assert_non_null (brood_msg_packer (msg));
    assert_int_equal (brood_msg_unpack (msg, "%d", &number), -1);
    assert_int_equal (errno, EBADMSG);
    msgpack_packer *pk = brood_msg_packer (msg);
    msgpack_pack_array (pk, 2);
    msgpack_pack_int (pk, 7);
    assert_null (brood_msg_json (msg));
    assert_int_equal (errno, EBADMSG);
    assert_null (brood_ref (msg));
    assert_null (brood_msg_bytes (msg, NULL));
    assert_int_equal (brood_msg_append (msg, "1"), -1);
    assert_int_equal (brood_msg_type (msg, ""), -1);
    assert_int_equal (errno, EBADMSG);
    // It may be finished yet.
    msgpack_pack_int (pk, 8);
    s_is (msg, "[7, 8]");
    // Too deep
    pk = brood_msg_packer (msg);
    for (int i = 0; i < 32; i++)
        msgpack_pack_array (pk, 1);
    msgpack_pack_nil (pk);
    assert_null (brood_msg_bytes (msg, NULL));
    assert_int_equal (errno, EBADMSG);
    brood_msg_destroy (&msg);
}

static void
s_test_packer_memory (void **state)
{
    (void) state;
    brood_msg_t *msg = brood_msg_new ("nil");
    char text[1000] = "";
    msgpack_packer *pk = brood_msg_packer (msg);
    msgpack_pack_nil (pk);
    brd_fault_arm (BRD_FAULT_MEMORY, 1, ENOMEM);
    assert_int_equal (msgpack_pack_str_body (pk, text, sizeof text), -1);
    brd_fault_arm (BRD_FAULT_MEMORY, 0, 0);
    // What is there would be a value, but not the one that was meant.
    assert_null (brood_msg_bytes (msg, NULL));
    assert_int_equal (errno, ENOMEM);
    assert_int_equal (brood_msg_pack (msg, "1"), 0);
    s_is (msg, "1");
    brood_msg_destroy (&msg);
}

static void
s_test_object (void **state)
{
    (void) state;
    brood_msg_t *msg = brood_msg_new ("{a: [1, %f], b: %s}", 2.5, "text");
    msgpack_object root;
    assert_int_equal (brood_msg_object (msg, &root), 0);
    assert_int_equal (root.type, MSGPACK_OBJECT_MAP);
    assert_int_equal (root.via.map.size, 2);
    const msgpack_object *list = &root.via.map.ptr[0].val;
    assert_int_equal (list->type, MSGPACK_OBJECT_ARRAY);
    assert_true (list->via.array.ptr[1].via.f64 == 2.5);
    // The same tree while the message stays.
    msgpack_object again;
    assert_int_equal (brood_msg_object (msg, &again), 0);
    assert_ptr_equal (again.via.map.ptr, root.via.map.ptr);
    assert_int_equal (brood_msg_object (msg, NULL), 0);
    // There and back
    brood_msg_t *copy = brood_msg_new_object (&root);
    assert_int_equal (brood_msg_equal (copy, msg), 1);
    brood_msg_destroy (&copy);
    assert_int_equal (brood_msg_set (msg, "a", "3"), 0);
    assert_int_equal (brood_msg_object (msg, &root), 0);
    assert_int_equal (root.via.map.ptr[0].val.via.u64, 3);
    brood_msg_destroy (&msg);
    assert_int_equal (brood_msg_object (NULL, &root), -1);
    assert_null (brood_msg_new_object (NULL));
    assert_int_equal (errno, EINVAL);
}

static void
s_test_object_depth (void **state)
{
    (void) state;
    brood_msg_t *msg = brood_msg_new ("[]");
    for (int depth = 1; depth < 31; depth++)
        assert_int_equal (brood_msg_pack (msg, "[@%p]", brood_ref (msg)), 0);
    msgpack_object root;
    assert_int_equal (brood_msg_object (msg, &root), 0);
    msgpack_object outer = { .type = MSGPACK_OBJECT_ARRAY };
    outer.via.array.size = 1;
    outer.via.array.ptr = &root;
    assert_null (brood_msg_new_object (&outer));
    assert_int_equal (errno, EINVAL);
    brood_msg_t *copy = brood_msg_new_object (&root);
    assert_int_equal (brood_msg_equal (copy, msg), 1);
    brood_msg_destroy (&copy);
    // A tree that is a ring
    root.via.array.ptr = &root;
    assert_null (brood_msg_new_object (&root));
    brood_msg_destroy (&msg);
}

static void
s_test_object_memory (void **state)
{
    (void) state;
    brood_msg_t *msg = brood_msg_new ("[1, %s]", "abc");
    msgpack_object root;
    brd_fault_arm (BRD_FAULT_MEMORY, 1, ENOMEM);
    assert_int_equal (brood_msg_object (msg, &root), -1);
    assert_int_equal (errno, ENOMEM);
    assert_int_equal (brood_msg_object (msg, &root), 0);
    for (long n = 1; n <= 3; n++) {
        brd_fault_arm (BRD_FAULT_MEMORY, n, ENOMEM);
        assert_null (brood_msg_new_object (&root));
        assert_int_equal (errno, ENOMEM);
    }
    brd_fault_arm (BRD_FAULT_MEMORY, 0, 0);
    brood_msg_destroy (&msg);
}

static void *
s_look (void *arg)
{
    msgpack_object root;
    if (brood_msg_object (arg, &root) < 0 || root.via.array.size != 3)
        return arg;
    return NULL;
}

static void
s_test_threads (void **state)
{
    (void) state;
    for (int round = 0; round < 20; round++) {
        brood_msg_t *msg = brood_msg_new ("nil");
        msgpack_packer *pk = brood_msg_packer (msg);
        msgpack_pack_array (pk, 3);
        for (int i = 0; i < 3; i++)
            msgpack_pack_int (pk, i);
        pthread_t threads[3];
        for (int i = 0; i < 3; i++)
            assert_int_equal (pthread_create (&threads[i], NULL, s_look, msg),
                              0);
        for (int i = 0; i < 3; i++) {
            void *failed = msg;
            assert_int_equal (pthread_join (threads[i], &failed), 0);
            assert_null (failed);
        }
        brood_msg_destroy (&msg);
    }
}

int
main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (s_test_packer),
        cmocka_unit_test (s_test_packer_wrong),
        cmocka_unit_test (s_test_packer_memory),
        cmocka_unit_test (s_test_object),
        cmocka_unit_test (s_test_object_depth),
        cmocka_unit_test (s_test_object_memory),
        cmocka_unit_test (s_test_threads),
    };
    t_watchdog (60);
    return cmocka_run_group_tests (tests, NULL, NULL);
}
