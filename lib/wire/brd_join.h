// brd_join.h - a join string: where a broker is, and why it should let one in
//
// SPDX-License-Identifier: MPL-2.0
//
//     brood1:ae4qcaaaaaaabgkx...     one word: letters and digits, one line
//
// It is a secret: read from a terminal or pipe, or a file that nobody else can
// read (base/brd_secret.h), never an argument or a variable. The text has a
// checksum, so that half of one is a mistake and not a wrong key. Form:
// docs/rfc/5-security.md.
//
// Pure: no clock, no random numbers; any bytes give a value or an error.

#ifndef BRD_JOIN_H
#define BRD_JOIN_H

#include <stddef.h>
#include <stdint.h>

enum {
    BRD_JOIN_KEY = 32,
    BRD_JOIN_TOKEN = 32,
    BRD_JOIN_ADDRESSES = 8,
    BRD_JOIN_ADDRESS_MAX = 255,  // Bytes of one, without the zero
    BRD_JOIN_TEXT_MAX = 4096,    // Bytes of the text, with the zero
    BRD_JOIN_REFUSED = 77        // Exit code of an agent that was turned away
};

// What the token is good for; one of another role is refused.
typedef enum {
    BRD_JOIN_BELOW = 1,  // To do work: an agent
    BRD_JOIN_ABOVE = 2,  // To give work: a client
    BRD_JOIN_WATCH = 3,  // To look: brood status
    BRD_JOIN_ADMIN = 4   // To look, and to send hosts away: brood drain
} brd_join_role_t;

typedef struct {
    brd_join_role_t role;
    int64_t expires;                  // Seconds since the epoch; 0: never
    unsigned char key[BRD_JOIN_KEY];  // The broker's public key
    unsigned char token[BRD_JOIN_TOKEN];
    int n_addresses;
    char addresses[BRD_JOIN_ADDRESSES][BRD_JOIN_ADDRESS_MAX + 1];
} brd_join_t;

// 0; -1 with EINVAL: no address, a long one, or one that is not printable.
int
brd_join_print (const brd_join_t *self, char text[BRD_JOIN_TEXT_MAX]);

// size bytes of text; white space around it is passed over. -1 with EINVAL and
// a text that repeats none of it: not a join string, of a later version,
// incomplete or mistyped.
int
brd_join_parse (brd_join_t *self, const char *text, size_t size);

// What one of that role is for: "to do work".
const char *
brd_join_purpose (brd_join_role_t role);

// Leaves nothing secret in memory.
void
brd_join_wipe (brd_join_t *self);

#endif  // BRD_JOIN_H
