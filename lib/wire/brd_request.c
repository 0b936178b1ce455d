// brd_request.c - calls to a manager as bytes, and back
//
// SPDX-License-Identifier: MPL-2.0
//
//     call    | type | version | op | slot | seq | thread | object | timeout |
//     answer  | type | version | error | slot | seq | flags | 0 |
//     hello   | type | version | 0 | pid | session | 0
//     welcome | type | version | 0 | 0 | manager | session
//
// then the body. Numbers are little endian. Errors have numbers of their own
// there, since those of errno differ between machines.
//
// Read next: broker/core/home.c, who answers; lib/client/brd_session.c, who
// asks.

#include "wire/brd_request.h"

#include <errno.h>
#include <string.h>

#include "base/brd_error.h"
#include "wire/brd_le.h"

#define S_VERSION 1

// Never renumber.
static const int s_errors[] = {
    0,         EINVAL,    ENOMEM,       ENOSPC, ETIMEDOUT, EINTR,
    ECANCELED, EPIPE,     EBADMSG,      EIO,    ECHILD,    ENOEXEC,
    ESRCH,     ELOOP,     EHOSTUNREACH, EBUSY,  EPERM,     EDEADLK,
    EACCES,    EHOSTDOWN, ECONNRESET,   ENOENT, EEXIST,    EMSGSIZE,
    ENOTSUP,   ERANGE,    EOVERFLOW,    EAGAIN, EPROTO,    EMFILE,
};

const brd_request_about_t *
brd_request_about (unsigned op)
{
    static const brd_request_about_t about[BRD_REQUEST_OPS_END] = {
#define S_ABOUT_(name_, number, kind_, args_, flags) \
    [number] = { #name_, \
                 BRD_KIND_##kind_, \
                 args_, \
                 (flags)[0] == 'R', \
                 (flags)[0] == 'W', \
                 (flags)[0] == '-' },
        BRD_REQUEST_OPS (S_ABOUT_)
#undef S_ABOUT_
    };
    return op < BRD_REQUEST_OPS_END && about[op].name ? &about[op] : NULL;
}

// --- Frames ----------------------------------------------------------------

static int
s_bad (const char *what)
{
    return brd_error_set (EPROTO, "not a frame of a manager's: %s", what);
}

int
brd_request_frame (const void *bytes, size_t size)
{
    const unsigned char *at = bytes;
    if (size < 2)
        return s_bad ("too short");
    if (at[1] != S_VERSION)
        return s_bad ("another version");
    if (at[0] < BRD_REQUEST_FRAME_CALL || at[0] > BRD_REQUEST_FRAME_WELCOME)
        return s_bad ("unknown type");
    return at[0];
}

static int
s_open (const void *bytes, size_t size, brd_request_frame_t type, size_t header)
{
    const int found = brd_request_frame (bytes, size);
    if (found < 0)
        return -1;
    if (found != (int) type)
        return s_bad ("another type is due");
    return size < header ? s_bad ("cut short") : 0;
}

int
brd_request_decode (const void *bytes, size_t size, brd_request_t *ret_call)
{
    const unsigned char *at = bytes;
    if (s_open (bytes, size, BRD_REQUEST_FRAME_CALL, BRD_REQUEST_HEADER) < 0)
        return -1;
    const unsigned op = (unsigned) brd_le_get (at + 2, 2);
    const uint64_t slot = brd_le_get (at + 4, 4);
    if (!brd_request_about (op))
        return s_bad ("unknown call");
    if (slot >= BRD_REQUEST_SLOTS_MAX)
        return s_bad ("slot out of range");
    *ret_call = (brd_request_t){
        .op = (brd_request_op_t) op,
        .slot = (uint32_t) slot,
        .seq = brd_le_get (at + 8, 8),
        .thread = brd_le_get (at + 16, 8),
        .object = brd_le_get (at + 24, 8),
        .timeout_ns = (int64_t) brd_le_get (at + 32, 8),
        .body = at + BRD_REQUEST_HEADER,
        .size = size - BRD_REQUEST_HEADER,
    };
    return 0;
}

int
brd_request_decode_answer (const void *bytes,
                           size_t size,
                           brd_request_answer_t *ret_answer)
{
    const unsigned char *at = bytes;
    if (s_open (
            bytes, size, BRD_REQUEST_FRAME_ANSWER, BRD_REQUEST_ANSWER_HEADER)
        < 0)
        return -1;
    const size_t error = (size_t) brd_le_get (at + 2, 2);
    const uint64_t slot = brd_le_get (at + 4, 4);
    if (slot >= BRD_REQUEST_SLOTS_MAX)
        return s_bad ("slot out of range");
    *ret_answer = (brd_request_answer_t){
        .slot = (uint32_t) slot,
        .seq = brd_le_get (at + 8, 8),
        .error =
            error < sizeof s_errors / sizeof *s_errors ? s_errors[error] : EIO,
        .flags = (uint32_t) brd_le_get (at + 16, 4),
        .body = at + BRD_REQUEST_ANSWER_HEADER,
        .size = size - BRD_REQUEST_ANSWER_HEADER,
    };
    return 0;
}

int
brd_request_decode_hello (const void *bytes,
                          size_t size,
                          brd_request_hello_t *ret_hello)
{
    const unsigned char *at = bytes;
    if (s_open (bytes, size, BRD_REQUEST_FRAME_HELLO, BRD_REQUEST_HELLO_HEADER)
        < 0)
        return -1;
    if (size - BRD_REQUEST_HELLO_HEADER >= BRD_REQUEST_WHO_SIZE)
        return s_bad ("name too long");
    *ret_hello = (brd_request_hello_t){
        .pid = (uint32_t) brd_le_get (at + 4, 4),
        .session = brd_le_get (at + 8, 8),
        .who = (const char *) at + BRD_REQUEST_HELLO_HEADER,
        .size = size - BRD_REQUEST_HELLO_HEADER,
    };
    return 0;
}

int
brd_request_decode_welcome (const void *bytes,
                            size_t size,
                            brd_request_welcome_t *ret_welcome)
{
    const unsigned char *at = bytes;
    if (s_open (
            bytes, size, BRD_REQUEST_FRAME_WELCOME, BRD_REQUEST_WELCOME_HEADER)
        < 0)
        return -1;
    ret_welcome->manager = brd_le_get (at + 8, 8);
    ret_welcome->session = brd_le_get (at + 16, 8);
    if (ret_welcome->manager == 0 || ret_welcome->session == 0)
        return s_bad ("a number that is 0");
    return 0;
}

// --- The other way ---------------------------------------------------------

static unsigned char *
s_header (brd_buf_t *out, size_t size)
{
    out->size = 0;
    unsigned char *at = brd_buf_reserve (out, size);
    if (!at)
        return NULL;
    memset (at, 0, size);
    at[1] = S_VERSION;
    out->size = size;
    return at;
}

int
brd_request_begin (brd_buf_t *out)
{
    return s_header (out, BRD_REQUEST_HEADER) ? 0 : -1;
}

void
brd_request_close (brd_buf_t *out, const brd_request_t *call)
{
    unsigned char *at = out->bytes;
    at[0] = BRD_REQUEST_FRAME_CALL;
    brd_le_put (at + 2, (uint64_t) call->op, 2);
    brd_le_put (at + 4, call->slot, 4);
    brd_le_put (at + 8, call->seq, 8);
    brd_le_put (at + 16, call->thread, 8);
    brd_le_put (at + 24, call->object, 8);
    brd_le_put (at + 32, (uint64_t) call->timeout_ns, 8);
}

static unsigned
s_error_number (int error)
{
    for (unsigned i = 0; i < sizeof s_errors / sizeof *s_errors; i++) {
        if (s_errors[i] == error)
            return i;
    }
    return s_error_number (EIO);
}

int
brd_request_put_answer (brd_buf_t *out, const brd_request_answer_t *answer)
{
    unsigned char *at = s_header (out, BRD_REQUEST_ANSWER_HEADER);
    if (!at)
        return -1;
    at[0] = BRD_REQUEST_FRAME_ANSWER;
    brd_le_put (at + 2, s_error_number (answer->error), 2);
    brd_le_put (at + 4, answer->slot, 4);
    brd_le_put (at + 8, answer->seq, 8);
    brd_le_put (at + 16, answer->flags, 4);
    return brd_buf_add (out, answer->body, answer->size);
}

int
brd_request_put_hello (brd_buf_t *out, const brd_request_hello_t *hello)
{
    unsigned char *at = s_header (out, BRD_REQUEST_HELLO_HEADER);
    if (!at)
        return -1;
    at[0] = BRD_REQUEST_FRAME_HELLO;
    brd_le_put (at + 4, hello->pid, 4);
    brd_le_put (at + 8, hello->session, 8);
    return brd_buf_add (out, hello->who, hello->size);
}

int
brd_request_put_welcome (brd_buf_t *out, const brd_request_welcome_t *welcome)
{
    unsigned char *at = s_header (out, BRD_REQUEST_WELCOME_HEADER);
    if (!at)
        return -1;
    at[0] = BRD_REQUEST_FRAME_WELCOME;
    brd_le_put (at + 8, welcome->manager, 8);
    brd_le_put (at + 16, welcome->session, 8);
    return 0;
}

// --- Handles in values -----------------------------------------------------

int
brd_request_next_ref (brd_value_cursor_t *self,
                      uint64_t brood,
                      brd_ref_t *ret_ref)
{
    // Reading a container passes its head alone, so reading on is a walk.
    while (self->at < self->end) {
        brd_value_t value;
        if (brd_value_read (self, &value) < 0)
            return -1;
        if (value.type != BROOD_HANDLE)
            continue;
        brd_value_ref (&value, ret_ref);
        // The manager itself is not an object of its own.
        if (ret_ref->brood == brood && ret_ref->object != 0)
            return 1;
    }
    return 0;
}
