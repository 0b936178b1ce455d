// fuzz_value.c - any bytes as a value, held against msgpack-c
//
// SPDX-License-Identifier: MPL-2.0
//
// What we accept, msgpack-c decodes to the same value; what we refuse, it
// refuses as well, but for what we refuse on purpose: more than one value,
// deeper than our limit. What it would allocate for a head that lies is the
// reason why it only sees bytes whose counts are possible.

#include <msgpack.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/brd_check.h"
#include "brood/brood_msgpack.h"
#include "wire/brd_json.h"
#include "wire/brd_limits.h"
#include "wire/brd_value.h"

int
LLVMFuzzerTestOneInput (const uint8_t *bytes, size_t size);

// 0 if msgpack-c takes all of the bytes as one value.
static int
s_msgpack_check (const uint8_t *bytes, size_t size)
{
    msgpack_unpacked unpacked;
    msgpack_unpacked_init (&unpacked);
    size_t offset = 0;
    const msgpack_unpack_return answer =
        msgpack_unpack_next (&unpacked, (const char *) bytes, size, &offset);
    msgpack_unpacked_destroy (&unpacked);
    return answer == MSGPACK_UNPACK_SUCCESS && offset == size ? 0 : -1;
}

// 1 if no head promises more items than there are bytes behind it, as far as
// the bytes can be read.
static int
s_is_harmless (const uint8_t *bytes, size_t size)
{
    brd_value_cursor_t at = { bytes, bytes + size };
    brd_value_t value;
    while (brd_value_read (&at, &value) == 0) {
        if ((value.type == BROOD_LIST || value.type == BROOD_MAP)
            && value.size > (size_t) (at.end - at.at))
            return 0;
    }
    return 1;
}

// A valid value: every walk through it ends at its end, and what is made of it
// is the same value.
static void
s_use (const uint8_t *bytes, size_t size)
{
    brd_value_cursor_t at = { bytes, bytes + size };
    brd_assert (brd_value_skip (&at) == 0 && at.at == bytes + size);
    brd_assert (brd_value_equal (bytes, size, bytes, size));
    brd_buf_t json;
    brd_buf_init (&json, SIZE_MAX);
    brd_assert (brd_json_write (&json, bytes, size) == 0);
    brd_buf_fini (&json);
    brood_msg_t *msg = brood_msg_new_bytes (bytes, size);
    msgpack_object root;
    brd_assert (brood_msg_object (msg, &root) == 0);
    brood_msg_t *copy = brood_msg_new_object (&root);
    brd_assert (brood_msg_equal (msg, copy) == 1);
    brood_msg_destroy (&copy);
    brood_msg_destroy (&msg);
}

int
LLVMFuzzerTestOneInput (const uint8_t *bytes, size_t size)
{
    // A copy of exactly this size: a read beyond it is seen.
    uint8_t *exact = malloc (size > 0 ? size : 1);
    brd_assert (exact != NULL);
    if (size > 0)
        memcpy (exact, bytes, size);
    size_t nodes = 0;
    const int answer =
        brd_value_check (exact, size, BRD_WIRE_DEPTH_MAX, &nodes);
    brd_assert (answer < 0 || nodes <= size);
    if (answer == 0)
        s_use (exact, size);
    const int too_deep =
        answer < 0 && strstr (brd_error_get ()->text, "within each other");
    if (!too_deep && s_is_harmless (exact, size))
        brd_assert (s_msgpack_check (exact, size) == answer);
    // Not checked, and still harmless.
    brd_buf_t json;
    brd_buf_init (&json, SIZE_MAX);
    (void) brd_json_write (&json, exact, size);
    brd_buf_fini (&json);
    (void) brd_value_equal (exact, size / 2, exact + size / 2, size - size / 2);
    free (exact);
    return 0;
}
