// brd_request.h - what a client and a manager say to each other
//
// SPDX-License-Identifier: MPL-2.0
//
// docs/rfc/2-manager.md is the specification, with its bytes; brd_request.c is
// the only code that knows the offsets. Decoding is total: any bytes give a
// struct or -1 with EPROTO, nothing is allocated, and what the struct points to
// lies inside the frame.

#ifndef BRD_REQUEST_H
#define BRD_REQUEST_H

#include <stddef.h>
#include <stdint.h>

#include "base/brd_buf.h"
#include "base/brd_handle.h"
#include "wire/brd_value.h"

// Arguments one call can have.
#define BRD_REQUEST_ARGS_MAX 4

// Longest name a client gives of itself, with its '\0'.
#define BRD_REQUEST_WHO_SIZE 128

// Calls one client can have under way.
#define BRD_REQUEST_SLOTS_MAX 4096

// Every call: name, number, class of the object (NONE: the manager itself),
// arguments, flags. Arguments, a letter each:
//     k  a key: nil, bool, int, float, str or bin
//     v  any value
//     i  an integer of 64 bits
//     t  text                 T  text or nil
//     l  a list               m  a map
//     p  a picture the value must look like, or nil
// Flags: R  reads only, so it may be answered anew when asked again
//        W  may wait for somebody
//        -  has no answer
#define BRD_REQUEST_OPS(X) \
    X (OPEN, 1, NONE, "iTl", "W") \
    X (HOLD, 2, NONE, "i", "") \
    X (DROP, 3, NONE, "i", "-") \
    X (ACK, 4, NONE, "", "-") \
    X (CANCEL, 5, NONE, "", "-") \
    X (OBJECTS, 6, NONE, "", "R") \
    X (DESCRIBE, 7, NONE, "", "R") \
    X (SHUTDOWN, 8, NONE, "", "") \
    X (REGISTER, 9, NONE, "tiil", "") \
    X (DICT_SET, 16, DICT, "kv", "") \
    X (DICT_GET, 17, DICT, "k", "R") \
    X (DICT_DEL, 18, DICT, "k", "") \
    X (DICT_CONTAINS, 19, DICT, "k", "R") \
    X (DICT_POP, 20, DICT, "kp", "") \
    X (DICT_POPITEM, 21, DICT, "p", "") \
    X (DICT_SETDEFAULT, 22, DICT, "kv", "") \
    X (DICT_ADD, 23, DICT, "ki", "") \
    X (DICT_SWAP, 24, DICT, "klv", "") \
    X (DICT_UPDATE, 25, DICT, "m", "") \
    X (DICT_LEN, 26, DICT, "", "R") \
    X (DICT_CLEAR, 27, DICT, "", "") \
    X (DICT_COPY, 28, DICT, "", "R") \
    X (DICT_KEYS, 29, DICT, "", "R") \
    X (DICT_VALUES, 30, DICT, "", "R") \
    X (LIST_APPEND, 40, LIST, "v", "") \
    X (LIST_EXTEND, 41, LIST, "l", "") \
    X (LIST_INSERT, 42, LIST, "iv", "") \
    X (LIST_SET, 43, LIST, "iv", "") \
    X (LIST_GET, 44, LIST, "i", "R") \
    X (LIST_DEL, 45, LIST, "i", "") \
    X (LIST_POP, 46, LIST, "ip", "") \
    X (LIST_REMOVE, 47, LIST, "v", "") \
    X (LIST_INDEX, 48, LIST, "v", "R") \
    X (LIST_COUNT, 49, LIST, "v", "R") \
    X (LIST_SORT, 50, LIST, "", "") \
    X (LIST_REVERSE, 51, LIST, "", "") \
    X (LIST_LEN, 52, LIST, "", "R") \
    X (LIST_CLEAR, 53, LIST, "", "") \
    X (LIST_SLICE, 54, LIST, "ii", "R") \
    X (QUEUE_PUT, 64, QUEUE, "v", "W") \
    X (QUEUE_GET, 65, QUEUE, "p", "W") \
    X (QUEUE_CLOSE, 66, QUEUE, "", "") \
    X (QUEUE_SIZE, 67, QUEUE, "", "R") \
    X (QUEUE_DONE, 68, QUEUE, "", "") \
    X (QUEUE_FAILED, 69, QUEUE, "", "") \
    X (QUEUE_JOIN, 70, QUEUE, "", "W") \
    X (QUEUE_REFUSE, 71, QUEUE, "", "") \
    X (LOCK_ACQUIRE, 80, LOCK, "", "W") \
    X (LOCK_RELEASE, 81, LOCK, "", "") \
    X (LOCK_LOCKED, 82, LOCK, "", "R") \
    X (SEMAPHORE_ACQUIRE, 88, SEMAPHORE, "", "W") \
    X (SEMAPHORE_RELEASE, 89, SEMAPHORE, "", "") \
    X (SEMAPHORE_VALUE, 90, SEMAPHORE, "", "R") \
    X (EVENT_SET, 96, EVENT, "", "") \
    X (EVENT_CLEAR, 97, EVENT, "", "") \
    X (EVENT_IS_SET, 98, EVENT, "", "R") \
    X (EVENT_WAIT, 99, EVENT, "", "W") \
    X (CONDITION_WAIT, 104, CONDITION, "", "W") \
    X (CONDITION_NOTIFY, 105, CONDITION, "i", "") \
    X (BARRIER_WAIT, 112, BARRIER, "", "W") \
    X (BARRIER_RESET, 113, BARRIER, "", "") \
    X (BARRIER_ABORT, 114, BARRIER, "", "") \
    X (BARRIER_STATE, 115, BARRIER, "", "R") \
    X (PROXY_CALL, 120, PROXY, "tv", "W")

typedef enum {
#define BRD_REQUEST_OP_(name, number, kind, args, flags) \
    BRD_REQUEST_##name = number,
    BRD_REQUEST_OPS (BRD_REQUEST_OP_)
#undef BRD_REQUEST_OP_
    BRD_REQUEST_OPS_END = 128
} brd_request_op_t;

typedef struct {
    const char *name;
    brd_kind_t kind;
    const char *args;
    uint8_t reads;
    uint8_t waits;
    uint8_t silent;  // Has no answer
} brd_request_about_t;

// NULL for a number that is no call.
const brd_request_about_t *
brd_request_about (unsigned op);

typedef enum {
    BRD_REQUEST_FRAME_CALL = 1,
    BRD_REQUEST_FRAME_ANSWER = 2,
    BRD_REQUEST_FRAME_HELLO = 3,
    BRD_REQUEST_FRAME_WELCOME = 4
} brd_request_frame_t;

enum {
    BRD_REQUEST_HEADER = 40,
    BRD_REQUEST_ANSWER_HEADER = 24,
    BRD_REQUEST_HELLO_HEADER = 24,
    BRD_REQUEST_WELCOME_HEADER = 24
};

// A call has its slot for itself until it is answered; the slot's next call,
// numbered one more, says that the answer was seen. So the manager has one
// answer for each slot to keep, and a call that comes twice is done once.
typedef struct {
    brd_request_op_t op;
    uint32_t slot;
    uint64_t seq;               // Of the slot, 1 for the first
    uint64_t thread;            // Of the client, who holds locks
    uint64_t object;            // 0: the manager itself
    int64_t timeout_ns;         // < 0: none
    const unsigned char *body;  // Arguments, one value after the other
    size_t size;
} brd_request_t;

enum {
    BRD_REQUEST_LENT = 1  // The body has handles, each held for the client once
};

typedef struct {
    uint32_t slot;
    uint64_t seq;
    int error;       // An errno; then the body is a text
    uint32_t flags;  // BRD_REQUEST_LENT
    const unsigned char *body;
    size_t size;
} brd_request_answer_t;

typedef struct {
    uint32_t pid;
    uint64_t session;  // To go on with one whose connection broke, or 0
    const char *who;   // Not terminated
    size_t size;
} brd_request_hello_t;

typedef struct {
    uint64_t manager;  // brd_ref_t.brood of its objects
    uint64_t session;
} brd_request_welcome_t;

// 1 .. 4, or -1 with EPROTO: what decoder to ask.
int
brd_request_frame (const void *bytes, size_t size);

int
brd_request_decode (const void *bytes, size_t size, brd_request_t *ret_call);
int
brd_request_decode_answer (const void *bytes,
                           size_t size,
                           brd_request_answer_t *ret_answer);
int
brd_request_decode_hello (const void *bytes,
                          size_t size,
                          brd_request_hello_t *ret_hello);
int
brd_request_decode_welcome (const void *bytes,
                            size_t size,
                            brd_request_welcome_t *ret_welcome);

// Empties out and makes room for a header; the body is appended; then close
// writes the header. -1 with ENOMEM.
int
brd_request_begin (brd_buf_t *out);
void
brd_request_close (brd_buf_t *out, const brd_request_t *call);

// Whole frames into an emptied out. -1 with ENOMEM, EMSGSIZE.
int
brd_request_put_answer (brd_buf_t *out, const brd_request_answer_t *answer);
int
brd_request_put_hello (brd_buf_t *out, const brd_request_hello_t *hello);
int
brd_request_put_welcome (brd_buf_t *out, const brd_request_welcome_t *welcome);

// The next handle of an object of that brood in the bytes from the cursor on,
// whatever containers it stands in: 1, 0 at the end, -1 with EBADMSG.
int
brd_request_next_ref (brd_value_cursor_t *self,
                      uint64_t brood,
                      brd_ref_t *ret_ref);

#endif  // BRD_REQUEST_H
