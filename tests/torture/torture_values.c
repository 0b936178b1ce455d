// torture_values.c - messages, JSON, msgpack: each allocation fails once
//
// SPDX-License-Identifier: MPL-2.0
//
// A message whose change failed is as it was; an unpacking that failed has
// written nothing.

#include "torture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <brood/brood_msgpack.h>

#include "base/brd_buf.h"
#include "wire/brd_frame.h"
#include "wire/brd_json.h"

enum {
    S_ITEMS = 60
};

static void
s_build (void)
{
    BROOD_AUTO (msg) msg = brood_msg_new ("[]");
    if (!TORTURE_OK (msg))
        return;
    long len = 0;
    for (int i = 0; i < S_ITEMS; i++) {
        char text[200];
        memset (text, 'a' + i % 26, sizeof text - 1);
        text[sizeof text - 1] = '\0';
        if (TORTURE_OK (brood_msg_append (msg, "{i: %d, text: %s}", i, text)
                        == 0))
            len++;
        TORTURE_MUST (brood_msg_len (msg, "") == len);
    }
    brood_iter_t it = brood_msg_iter (msg, "");
    int i, last = -1;
    char text[256];
    while (brood_iter_next (&it, "{i: %d, text: %255s}", &i, text) == 1) {
        TORTURE_MUST (i > last && strlen (text) == 199);
        len--;
        last = i;
    }
    TORTURE_MUST (len == 0);
}

static void
s_change (void)
{
    BROOD_AUTO (msg) msg = brood_msg_new ("{a: 1, b: [1, 2, 3]}");
    if (!TORTURE_OK (msg))
        return;
    int a = 0, b = 0, c = 0;
    const int set_a = TORTURE_OK (brood_msg_set (msg, "a", "%d", 1000) == 0);
    const int set_c = TORTURE_OK (
        brood_msg_set (msg, "c", "{d: %s}", "a text of its own") == 0);
    TORTURE_MUST (brood_msg_get (msg, "a", "%d", &a) == 0);
    TORTURE_MUST (a == (set_a ? 1000 : 1));
    TORTURE_MUST (brood_msg_get (msg, "b[2]", "%d", &b) == 0 && b == 3);
    TORTURE_MUST (brood_msg_type (msg, "c") == (set_c ? BROOD_MAP : -1));
    if (TORTURE_OK (brood_msg_pack (msg, "[%d, %d]", 5, 6) == 0)) {
        TORTURE_MUST (brood_msg_unpack (msg, "[%d, %d]", &b, &c) == 0);
        TORTURE_MUST (b == 5 && c == 6);
    }
    else
        TORTURE_MUST (brood_msg_get (msg, "b[2]", "%d", &b) == 0 && b == 3);
}

static void
s_copies (void)
{
    unsigned char bytes[3000];
    memset (bytes, 7, sizeof bytes);
    size_t size = 0, got_size = 0;
    void *got = NULL;
    BROOD_AUTO (msg)
    msg = brood_msg_new ("{x: <%zu %p>}", sizeof bytes, (void *) bytes);
    if (!TORTURE_OK (msg))
        return;
    BROOD_AUTO (msg) copy = brood_msg_dup (msg);
    if (TORTURE_OK (copy))
        TORTURE_MUST (brood_msg_equal (msg, copy) == 1);
    const void *packed = brood_msg_bytes (msg, &size);
    if (!TORTURE_OK (packed))
        return;
    BROOD_AUTO (msg) again = brood_msg_new_bytes (packed, size);
    if (!TORTURE_OK (again))
        return;
    TORTURE_MUST (brood_msg_equal (msg, again) == 1);
    if (TORTURE_OK (brood_msg_unpack (again, "{x: <%zu %p>}", &got_size, &got)
                    == 0))
        TORTURE_MUST (got_size == sizeof bytes
                      && memcmp (got, bytes, got_size) == 0);
}

static void
s_refs (void)
{
    void *ref = &ref;
    int n = 0;
    BROOD_AUTO (msg) inner = brood_msg_new ("[1, %d]", 77);
    if (!TORTURE_OK (inner))
        return;
    BROOD_AUTO (msg) outer = brood_msg_new ("{in: @%p}", brood_ref (inner));
    if (!TORTURE_OK (outer))
        return;
    for (int i = 0; i < 3; i++) {
        void *before = ref;
        if (!TORTURE_OK (brood_msg_unpack (outer, "{in: @%p}", &ref) == 0)) {
            TORTURE_MUST (ref == before);
            continue;
        }
        BROOD_AUTO (msg) part = brood_msg_from (ref);
        if (TORTURE_OK (part)) {
            TORTURE_MUST (brood_msg_get (part, "[1]", "%d", &n) == 0);
            TORTURE_MUST (n == 77);
        }
    }
}

static void
s_json (void)
{
    static const char text[] = "{\"a\":[1,2.5,\"\\u00e4\",null,true],"
                               "\"b\":{\"c\":\"some longer text in here\"}}";
    BROOD_AUTO (msg) msg = brood_msg_new_json (text);
    if (!TORTURE_OK (msg))
        return;
    char *json = brood_msg_json (msg);
    if (TORTURE_OK (json)) {
        BROOD_AUTO (msg) again = brood_msg_new_json (json);
        if (TORTURE_OK (again))
            TORTURE_MUST (brood_msg_equal (msg, again) == 1);
    }
    free (json);
    FILE *file = fopen ("/dev/null", "we");
    TORTURE_MUST (file != NULL);
    (void) TORTURE_OK (brood_msg_print (msg, file) == 0);
    fclose (file);
}

static void
s_msgpack (void)
{
    int a = 0, b = 0;
    msgpack_object root;
    BROOD_AUTO (msg) msg = brood_msg_new ("[3, 4]");
    if (!TORTURE_OK (msg))
        return;
    if (TORTURE_OK (brood_msg_object (msg, &root) == 0)) {
        TORTURE_MUST (root.type == MSGPACK_OBJECT_ARRAY);
        BROOD_AUTO (msg) copy = brood_msg_new_object (&root);
        if (TORTURE_OK (copy))
            TORTURE_MUST (brood_msg_equal (msg, copy) == 1);
    }
    msgpack_packer *packer = brood_msg_packer (msg);
    if (!TORTURE_OK (packer))
        return;
    int rc = msgpack_pack_array (packer, 2);
    rc |= msgpack_pack_int (packer, 5);
    rc |= msgpack_pack_int (packer, 6);
    // The packer's failure is the message's.
    if (TORTURE_OK (brood_msg_unpack (msg, "[%d, %d]", &a, &b) == 0))
        TORTURE_MUST (rc == 0 && a == 5 && b == 6);
}

static void
s_frames (void)
{
    unsigned char body[300];
    memset (body, 9, sizeof body);
    brd_buf_t out;
    brd_buf_init (&out, 1 << 20);
    uint32_t count = 0;
    int begun = TORTURE_OK (brd_frame_begin (&out, BRD_OP_TASKS) == 0);
    for (uint32_t i = 0; begun && i < 100; i++) {
        const brd_wire_task_t task = { .seq = i + 1,
                                       .fn = 1,
                                       .attempt = 1,
                                       .size = sizeof body,
                                       .body = body };
        if (TORTURE_OK (brd_frame_add_task (&out, &task) == 0))
            count++;
    }
    if (begun) {
        brd_frame_t frame;
        brd_wire_task_t task;
        brd_frame_close (&out, count);
        TORTURE_MUST (brd_frame_open (&frame, out.bytes, out.size) == 0);
        while (brd_frame_next_task (&frame, &task) == 1) {
            TORTURE_MUST (memcmp (task.body, body, sizeof body) == 0);
            count--;
        }
        TORTURE_MUST (count == 0);
    }
    brd_buf_fini (&out);
}

static void
s_json_buf (void)
{
    brd_buf_t value, text;
    brd_buf_init (&value, 1 << 20);
    brd_buf_init (&text, 1 << 20);
    // On failure what was in the buffer is in it.
    if (TORTURE_OK (brd_buf_add (&text, "head", 4) == 0)
        && TORTURE_OK (brd_json_read (&value, "[1, [2, {\"a\": \"b\"}]]") == 0)
        && !TORTURE_OK (brd_json_write (&text, value.bytes, value.size) == 0))
        TORTURE_MUST (text.size == 4 && memcmp (text.bytes, "head", 4) == 0);
    brd_buf_fini (&value);
    brd_buf_fini (&text);
}

const torture_scenario_t torture_values[] = {
    { "build", s_build },   { "change", s_change },
    { "copies", s_copies }, { "refs", s_refs },
    { "json", s_json },     { "msgpack", s_msgpack },
    { "frames", s_frames }, { "json-buf", s_json_buf },
    { NULL, NULL },
};
