// brd_token.h - the tokens a broker has given out, and what they are good for
//
// SPDX-License-Identifier: MPL-2.0
//
// Pure: the caller brings random bytes and the time. A book knows only the
// public half of each token (transport/brd_curve.h), so that who reads the
// broker's memory cannot join by it; the secret half is in a join string.
//
// Threads: one that uses it.

#ifndef BRD_TOKEN_H
#define BRD_TOKEN_H

#include <limits.h>
#include <stddef.h>
#include <stdint.h>

#include "wire/brd_join.h"

enum {
    BRD_TOKEN_MAX = 4096,       // In a book
    BRD_TOKEN_ALWAYS = INT_MAX  // Uses of one that is not used up
};

typedef struct brd_token_book brd_token_book_t;

// NULL with ENOMEM.
brd_token_book_t *
brd_token_new (void);
void
brd_token_destroy (brd_token_book_t **self_p);

// Writes one down: n_uses times it is taken, until expires (seconds since the
// epoch, 0: always). -1 with EINVAL (n_uses < 1), EEXIST (it is there), ENOSPC
// (BRD_TOKEN_MAX), ENOMEM.
int
brd_token_add (brd_token_book_t *self,
               const unsigned char id[BRD_JOIN_KEY],
               brd_join_role_t role,
               int n_uses,
               int64_t expires);

// 1 if it could be used now, in whatever role; uses nothing. What the handshake
// asks.
int
brd_token_is_good (const brd_token_book_t *self,
                   const unsigned char id[BRD_JOIN_KEY],
                   int64_t now);

// Whether it could be used in this role. -1 with EACCES and a text for this
// side's log: unknown, used up, expired, of another role. The peer is told no
// more than that.
int
brd_token_check (const brd_token_book_t *self,
                 const unsigned char id[BRD_JOIN_KEY],
                 brd_join_role_t role,
                 int64_t now);

// Uses it once. -1 as above, and nothing is used.
int
brd_token_use (brd_token_book_t *self,
               const unsigned char id[BRD_JOIN_KEY],
               brd_join_role_t role,
               int64_t now);

// Takes it back; takes one that is not there.
void
brd_token_revoke (brd_token_book_t *self, const unsigned char id[BRD_JOIN_KEY]);

// Forgets what has expired or is used up; how many are left.
size_t
brd_token_sweep (brd_token_book_t *self, int64_t now);

#endif  // BRD_TOKEN_H
