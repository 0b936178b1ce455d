// ask.h - who looks at a broker: the broker's end
//
// SPDX-License-Identifier: MPL-2.0
//
//     askers    peers by tcp          brd_ask_add ()
//               the local door        brd_ask_open_door (): ask_door.h
//        | QUERY    "report", "drain NAME" ...
//        | REPORT   a value, or an errno and a sentence
//     brd_host_report (), brd_host_drain ()
//
// An asker is a source of the host's, so it is answered by whichever thread
// drives. It cannot hold the broker up: it is cut off when it says anything
// that is no question, asks too often, does not read its answers, or has been
// silent for a minute; and only so many are there at a time.
//
// What is said is in docs/rfc/1-wire.md, "Asking". Read next: ask_dial.h, the
// other end; docs/decisions/0030-asking-a-broker.md.

#ifndef ASK_H
#define ASK_H

#include <stddef.h>

#include "host/host.h"

enum {
    BRD_ASK_ASKERS_MAX = 32,       // The one that is quiet longest makes room
    BRD_ASK_QUESTION_MAX = 512,    // Bytes of a question
    BRD_ASK_ANSWER_MAX = 1 << 20,  // Bytes of a message, about
    BRD_ASK_QUESTIONS_MAX = 1000,  // Of one asker in a second
    BRD_ASK_IDLE_MS = 60000
};

typedef struct brd_ask brd_ask_t;

// place is said in reports: where the broker has its hosts. It is copied. NULL
// with ENOMEM.
brd_ask_t *
brd_ask_new (brd_host_t *host, const char *place);

// Locked. In reports: so many hosts work for nobody, and so are in no pool.
void
brd_ask_set_free (brd_ask_t *self, size_t (*count) (void *arg), void *arg);

// All askers are sent away, and the door is closed. Not locked; the host is
// there still, and whatever destroys peers with itself, as a listener does.
void
brd_ask_destroy (brd_ask_t **self_p);

// Locked; also in a source's turn. Takes the peer on success: its questions are
// answered from now on, also those that change something if it may. One whose
// fd is -1 must have been added after the source that makes its turns. -1 with
// ENOMEM, EMFILE.
int
brd_ask_add (brd_ask_t *self, brd_peer_t *peer, int may_change);

// Not locked. Processes of this user and of root, on this host, may ask for
// anything. -1 with EADDRINUSE (there is one), EMFILE, ENOMEM.
int
brd_ask_open_door (brd_ask_t *self);

// Locked. How many there are.
size_t
brd_ask_count (const brd_ask_t *self);

#endif  // ASK_H
