// ask_dial.h - who looks at a broker: its own end
//
// SPDX-License-Identifier: MPL-2.0
//
//     "4711"                          the broker that is this process here
//     "tcp://HOST:PORT?join=FILE"     the one that listens there; FILE has a
//                                     join string for looking, or an admin's
//     "tcp://HOST:PORT"               the same, and $BROOD_JOIN is the file
//
// Each call waits until its deadline at most. Threads: one at a time.
//
// Read next: ask.h, the other end.

#ifndef ASK_DIAL_H
#define ASK_DIAL_H

#include <stdint.h>

#include "base/brd_buf.h"

typedef struct brd_ask_dial brd_ask_dial_t;

// NULL with
//     EINVAL        not such a text, or no join string for it
//     EACCES        it does not let this user in, or others may read the file
//     EHOSTUNREACH  nobody is there
//     ENOTSUP, EMFILE, ENOMEM, errno of the file
brd_ask_dial_t *
brd_ask_dial_new (const char *broker);
void
brd_ask_dial_destroy (brd_ask_dial_t **self_p);

// Asks, and appends the answer, a msgpack value that is whole. -1 with
//     ETIMEDOUT     no answer by the deadline
//     EHOSTUNREACH  it has gone, or cuts us off
//     EACCES        it does not let us in
//     EPROTO        what has come is no answer
//     ENOMEM
// and what the broker says: EPERM, ENOENT, EINVAL, with its sentence.
int
brd_ask_dial_ask (brd_ask_dial_t *self,
                  const char *question,
                  int64_t deadline,
                  brd_buf_t *ret_answer);

#endif  // ASK_DIAL_H
