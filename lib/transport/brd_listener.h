// brd_listener.h - where strangers come in, and who of them is let through
//
// SPDX-License-Identifier: MPL-2.0
//
// A listening socket and those who have connected to it but not proven yet
// that they know the key. All of them are driven together, so one that stalls
// holds up nobody; it is sent away after BRD_LISTENER_MS.
//
// Nothing here waits: poll brd_listener_fd () for reading, until
// brd_listener_deadline () at most, then accept until EAGAIN.
//
// Threads and fork. Under its owner's lock; a child inherits nothing.

#ifndef BRD_LISTENER_H
#define BRD_LISTENER_H

#include <stddef.h>
#include <stdint.h>

#include "transport/brd_stream.h"

enum {
    BRD_LISTENER_MS = 5000,       // For a stranger to prove itself
    BRD_LISTENER_STRANGERS = 256  // At a time; the oldest makes room
};

typedef struct brd_listener brd_listener_t;

// Listens. A socket file that nobody listens at is replaced. NULL with
//     EINVAL        not an address, or a name too long for one
//     EADDRINUSE    somebody else listens there
//     EADDRNOTAVAIL, EACCES, ENOENT, EMFILE, ENOMEM
brd_listener_t *
brd_listener_new (const char *address, const void *key, size_t key_size);

// Stops listening, removes the socket file and sends the unproven away.
// Streams that were accepted stay.
void
brd_listener_destroy (brd_listener_t **self_p);

// Where, as one connects to it: with the real port. On loan.
const char *
brd_listener_address (const brd_listener_t *self);

int
brd_listener_fd (const brd_listener_t *self);

// When the next stranger is to be sent away; BRD_NEVER if there is none.
int64_t
brd_listener_deadline (const brd_listener_t *self);

// The next peer that has proven itself, open. NULL with
//     EAGAIN        nobody now
//     EACCES        somebody with another key or user id was sent away
//     EMFILE, ENFILE, ENOMEM   somebody waits, and fd stays readable
brd_stream_t *
brd_listener_accept (brd_listener_t *self);

#endif  // BRD_LISTENER_H
