// brd_hello.h - what is said before a session, to bytes and back
//
// SPDX-License-Identifier: MPL-2.0
//
//     dialler --HELLO--> listener       who, which session, what it knows of it
//             <-WELCOME-                the session is there; packets follow
//             <-REFUSED-                why not, and that is all
//
// Decoding is total: any bytes give a value or an error, and nothing is
// allocated. Form: docs/rfc/5-security.md.

#ifndef BRD_HELLO_H
#define BRD_HELLO_H

#include <stddef.h>
#include <stdint.h>

#include "wire/brd_join.h"

enum {
    BRD_HELLO_VERSION = 1,
    BRD_HELLO_SESSION = 16,
    BRD_HELLO_BUILD_MAX = 64,  // Bytes of a build-id
    BRD_HELLO_HOST_MAX = 255,  // And of a host's name, without the zero
    BRD_HELLO_TEXT_MAX = 255,  // Of a reason
    BRD_HELLO_SIZE_MAX = 384
};

typedef enum {
    BRD_HELLO_HELLO = 1,
    BRD_HELLO_WELCOME = 2,
    BRD_HELLO_REFUSED = 3
} brd_hello_type_t;

typedef enum {
    BRD_HELLO_NO = 1,   // It may not join, or not like this
    BRD_HELLO_OVER = 2  // The session it speaks of is not there any more
} brd_hello_reason_t;

// Who wants to join.
typedef struct {
    brd_join_role_t role;
    uint32_t slots;  // Tasks it takes at once
    uint32_t pid;
    uint32_t lease_ms;          // Before the scale
    uint32_t scale_millionths;  // Its time scale, in millionths; not 0
    size_t build_size;          // 0: it has none
    unsigned char build[BRD_HELLO_BUILD_MAX];
    char host[BRD_HELLO_HOST_MAX + 1];  // Printable
} brd_hello_who_t;

typedef struct {
    brd_hello_type_t type;
    uint16_t version;
    // HELLO
    brd_hello_who_t who;
    unsigned char session[BRD_HELLO_SESSION];  // Random, the dialler's; not 0
    uint64_t peer;  // The listener's epoch in it; 0: not known yet
    // HELLO, WELCOME: of the sender's channel; not 0
    uint64_t epoch;
    // REFUSED
    brd_hello_reason_t reason;
    char text[BRD_HELLO_TEXT_MAX + 1];  // Printable
} brd_hello_t;

// Its size.
size_t
brd_hello_put (unsigned char out[BRD_HELLO_SIZE_MAX], const brd_hello_t *self);

// -1 with
//     EPROTO           none of these
//     EPROTONOSUPPORT  of another version: ret_hello has that and the type, and
//                      no more. Never of REFUSED, which all versions have alike
int
brd_hello_get (const void *bytes, size_t size, brd_hello_t *ret_hello);

#endif  // BRD_HELLO_H
