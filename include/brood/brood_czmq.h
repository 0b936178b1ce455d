// brood_czmq.h - brood's messages as czmq's, and its waits as czmq's
//
// SPDX-License-Identifier: MPL-2.0
//
// Opt-in: not part of <brood.h>, and a library of its own. Link with
// brood::czmq, or what `pkg-config --libs brood-czmq` says.

#ifndef BROOD_CZMQ_H
#define BROOD_CZMQ_H

#include <czmq.h>

#include "brood/brood_msg.h"

#ifdef __cplusplus
extern "C" {
#endif

// For programs that have czmq sockets and loops already.
//
//     zmsg_t *zmsg = zmsg_recv (socket);
//     brood_msg_t *msg = brood_msg_new_zmsg (&zmsg);
//     brood_queue_put_msg (q, -1, &msg);
//
//     zloop_t *loop = zloop_new ();
//     brood_zloop_add (loop);             // futures, then-callbacks
//
// czmq takes SIGINT and SIGTERM with its first socket, in every process: call
// zsys_handler_set (NULL) first if the program has handlers of its own. brood
// itself does not use czmq in the program's processes. Where czmq is out of
// memory it ends the program, except for the bytes of a frame.
//
// Threads and fork. As czmq: sockets and loops belong to one thread and do not
// survive a fork. Pools and processes may be made before or after the first
// socket; their children have the default action for SIGTERM and none of the
// sockets. A task may use czmq as well, with sockets and loops of its own; it
// calls zsys_handler_set (NULL) first, or SIGTERM does not end its worker any
// more. Like any lock, czmq's stay locked in the children if another thread is
// just making or destroying a socket when they are forked.

// A zmsg of one frame that is msgpack, or of several that become an array of
// bytes. *zmsg_p is taken on success; else it is as it was, but for its cursor.
// One frame of text is no msgpack, except that a single character is a number.
//     EINVAL        not a zmsg, or one without frames
//     EBADMSG       the one frame is not msgpack
//     EMSGSIZE      more than BROOD_MSG_SIZE_MAX bytes
BROOD_EXPORT BROOD_MUST_USE brood_msg_t *
brood_msg_new_zmsg (zmsg_t **zmsg_p);

// One frame with the msgpack bytes. Yours to zmsg_destroy ().
//     EBADMSG       brood_msg_packer () was used and has left no value
BROOD_EXPORT BROOD_MUST_USE zmsg_t *
brood_msg_zmsg (const brood_msg_t *self);

// Runs brood_dispatch () from a zloop whenever brood_fd () is readable, so
// then-callbacks run in the loop's thread, in their turn with its readers and
// timers. They may add and remove, and end the loop as any code may: by a timer
// or reader that returns -1. Adding a loop again changes nothing. brood has one
// descriptor in a process: of several loops, whichever looks first runs the
// callbacks.
//
// A loop that is destroyed need not be removed. When brood_dispatch () fails,
// as it does after brood_fini (), zloop_start () returns -1 and brood_error ()
// says why.
//     EMFILE        no descriptor left
BROOD_EXPORT int
brood_zloop_add (zloop_t *loop);

// Ends that. NULL and a loop that was not added are passed over. brood still
// depends on its dispatch, as brood_fd () says: the program calls it, waits for
// something, or adds a loop again.
BROOD_EXPORT void
brood_zloop_remove (zloop_t *loop);

#ifdef __cplusplus
}
#endif

#endif  // BROOD_CZMQ_H
