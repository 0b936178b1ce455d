// brd_curve.c - key pairs of CURVE
//
// SPDX-License-Identifier: MPL-2.0
//
//     libzmq's text (Z85, 40 characters) <--> 32 bytes
//
// Read brd_tcp_dial.c next, which uses them.

#include "transport/brd_curve.h"

#include <string.h>

#include "base/brd_secret.h"
#include "transport/brd_zmq_private.h"

// Longer than any text of a key, and its zero.
enum {
    S_TEXT = 41
};

int
brd_curve_make (brd_curve_t *ret)
{
    char public_text[S_TEXT], secret_text[S_TEXT];
    if (zmq_curve_keypair (public_text, secret_text) < 0)
        return brd_zmq_fail ("zmq_curve_keypair");
    (void) zmq_z85_decode (ret->public_key, public_text);
    (void) zmq_z85_decode (ret->secret_key, secret_text);
    brd_secret_wipe (secret_text, sizeof secret_text);
    return 0;
}

int
brd_curve_of_secret (const unsigned char secret_key[BRD_CURVE_KEY],
                     brd_curve_t *ret)
{
    char public_text[S_TEXT], secret_text[S_TEXT];
    (void) zmq_z85_encode (secret_text, secret_key, BRD_CURVE_KEY);
    const int rc = zmq_curve_public (public_text, secret_text);
    brd_secret_wipe (secret_text, sizeof secret_text);
    if (rc < 0)
        return brd_zmq_fail ("zmq_curve_public");
    (void) zmq_z85_decode (ret->public_key, public_text);
    memcpy (ret->secret_key, secret_key, BRD_CURVE_KEY);
    return 0;
}

void
brd_curve_wipe (brd_curve_t *self)
{
    brd_secret_wipe (self, sizeof *self);
}
