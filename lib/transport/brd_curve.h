// brd_curve.h - key pairs of CURVE
//
// SPDX-License-Identifier: MPL-2.0
//
// Keys are 32 bytes everywhere; libzmq's text form does not leave
// lib/transport. A join token is a secret key: who has one is known by its
// public half, before a word was said (brd_tcp.h).
//
// Threads: any.

#ifndef BRD_CURVE_H
#define BRD_CURVE_H

enum {
    BRD_CURVE_KEY = 32
};

typedef struct {
    unsigned char public_key[BRD_CURVE_KEY];
    unsigned char secret_key[BRD_CURVE_KEY];
} brd_curve_t;

// A new pair. -1 with ENOTSUP: this libzmq has no CURVE.
int
brd_curve_make (brd_curve_t *ret);

// The pair of a secret key. -1 with ENOTSUP.
int
brd_curve_of_secret (const unsigned char secret_key[BRD_CURVE_KEY],
                     brd_curve_t *ret);

// Leaves nothing secret in memory.
void
brd_curve_wipe (brd_curve_t *self);

#endif  // BRD_CURVE_H
