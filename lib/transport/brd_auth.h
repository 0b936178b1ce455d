// brd_auth.h - two strangers prove to each other that they know a key
//
// SPDX-License-Identifier: MPL-2.0
//
// Bytes in, bytes out: no socket in here. docs/rfc/3-stream.md says why each
// byte is there.
//
//     connector                          listener
//     hello ------------------------>
//           <------------------------    hello
//     proof ------------------------>    checked first
//           <------------------------    proof
//
// Afterwards, over tcp, records are sealed: encrypted, in their order, by keys
// that nobody can compute later who learns the key then.
//
// Threads: one that uses it.

#ifndef BRD_AUTH_H
#define BRD_AUTH_H

#include <stddef.h>
#include <stdint.h>

enum {
    BRD_AUTH_RANDOM = 32,  // Bytes of a hello that are never used twice
    BRD_AUTH_HELLO = 40,
    BRD_AUTH_PROOF = 56,
    BRD_AUTH_SEAL = 17,  // A sealed record is so much longer
    BRD_AUTH_VERSION = 1
};

typedef enum {
    BRD_AUTH_CONNECTOR,
    BRD_AUTH_LISTENER
} brd_auth_role_t;

typedef struct brd_auth brd_auth_t;

// Both sides say whether records will be sealed, and must agree. random is
// secret, and the key too. NULL with ENOMEM.
brd_auth_t *
brd_auth_new (brd_auth_role_t role,
              int sealed,
              const void *key,
              size_t key_size,
              const unsigned char random[BRD_AUTH_RANDOM]);

// Leaves nothing secret in memory.
void
brd_auth_destroy (brd_auth_t **self_p);

void
brd_auth_hello (const brd_auth_t *self, unsigned char ret[BRD_AUTH_HELLO]);

// The peer's. -1 with EPROTO: another program, or version.
int
brd_auth_meet (brd_auth_t *self, const unsigned char hello[BRD_AUTH_HELLO]);

// After meet.
void
brd_auth_prove (brd_auth_t *self, unsigned char ret[BRD_AUTH_PROOF]);

// What is sent in place of a proof to somebody whose own was wrong.
void
brd_auth_refuse (unsigned char ret[BRD_AUTH_PROOF]);

// The peer's proof. -1 with EACCES: it does not know the key, or refuses ours.
int
brd_auth_check (brd_auth_t *self, const unsigned char proof[BRD_AUTH_PROOF]);

// --- After both, if sealed -------------------------------------------------

// size bytes into size + BRD_AUTH_SEAL. The header goes in the clear, and
// cannot be changed on the way.
void
brd_auth_seal (brd_auth_t *self,
               const unsigned char header[4],
               const void *bytes,
               size_t size,
               unsigned char *ret);

// The last record that was sealed was not: it is not going to be sent.
void
brd_auth_unseal (brd_auth_t *self);

// The other way, of size bytes at least BRD_AUTH_SEAL. -1 with EPROTO: not
// what the peer sealed, or not the next of it.
int
brd_auth_open (brd_auth_t *self,
               const unsigned char header[4],
               const unsigned char *bytes,
               size_t size,
               unsigned char *ret);

#endif  // BRD_AUTH_H
