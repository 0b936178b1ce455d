// home.h - where managed objects live: dicts, lists, queues, locks
//
// SPDX-License-Identifier: MPL-2.0
//
// A pure state machine as core.h: an event and the time go in, effects come
// out. No socket, clock, thread, fork, log or global in it, so the same code
// runs in a manager process and in the simulator.
//
//     host                                home
//     ----                                ----
//     a client has come     SESSION  ->   an account: what it holds
//     its call              CALL     ->   done at once, or it waits
//                                    <-   ANSWER (slot, error, body)
//     time passes           TICK     ->   which waits have run out?
//     a client is gone      GONE     ->   its locks, permits, items go on
//                                    <-   ANSWER to those who waited for them
//     a method of the user's          <-  INVOKE (class, method, arguments)
//     has returned          RETURNED ->
//
// Each call is atomic, since one is done after the other, and done once: a call
// that comes a second time finds its answer kept (lib/wire/brd_request.h). An
// object lives while it has a name, somebody holds a handle of it, or it stands
// in a value of another that lives.
//
// Read next: home.c (the door), home_object.c (lives), home_dict.c and so on
// (one class each), docs/rfc/2-manager.md (calls and answers).
//
// Threads. None of its own; the host calls it from one.

#ifndef BRD_HOME_H
#define BRD_HOME_H

#include <stddef.h>
#include <stdint.h>

#include "wire/brd_limits.h"
#include "wire/brd_request.h"

// Containers within containers a value may have: one less than a message, for
// it is copied into one now and then.
#define BRD_HOME_VALUE_DEPTH (BRD_WIRE_DEPTH_MAX - 1)

// What one home may hold by default.
#define BRD_HOME_OBJECTS_MAX 1000000
#define BRD_HOME_SESSIONS_MAX 100000

typedef struct brd_home brd_home_t;

// 0 is the default.
typedef struct {
    uint64_t brood;    // Of the refs of its objects; not 0
    uint64_t seed;     // Of its hashes: what nobody can guess
    size_t bytes_max;  // Of all values and keys, with what they cost; 0: none
    size_t objects_max;
    size_t sessions_max;
} brd_home_options_t;

// --- Events ----------------------------------------------------------------

typedef enum {
    BRD_HOME_SESSION,   // session, text: who it is, for error texts
    BRD_HOME_GONE,      // session: died or left
    BRD_HOME_CALL,      // session, call
    BRD_HOME_RETURNED,  // object; error 0: bytes are its answer, else a text
    BRD_HOME_TICK       // Nothing happened but time
} brd_home_event_type_t;

typedef struct {
    brd_home_event_type_t type;
    uint64_t session;
    const char *text;
    const brd_request_t *call;
    uint64_t object;
    int error;
    const void *bytes;
    size_t size;
} brd_home_event_t;

// --- Effects ---------------------------------------------------------------

typedef enum {
    BRD_HOME_DO_ANSWER,   // answer to session
    BRD_HOME_DO_INVOKE,   // type's method on object, with bytes; a NULL method
                          // makes it. RETURNED must follow
    BRD_HOME_DO_DESTROY,  // object of type: nobody has it any more
    BRD_HOME_DO_DROPPED,  // An item of the queue object was delivered too often
    BRD_HOME_DO_END       // A client wants the manager to end
} brd_home_effect_type_t;

// What pointers point to is on loan until the next step.
typedef struct {
    brd_home_effect_type_t type;
    uint64_t session;
    brd_request_answer_t answer;
    uint64_t object;
    const char *class_name;
    const char *method;
    const void *bytes;
    size_t size;
} brd_home_effect_t;

// --- The machine -----------------------------------------------------------

// NULL with ENOMEM.
brd_home_t *
brd_home_new (const brd_home_options_t *options);

void
brd_home_destroy (brd_home_t **self_p);

// One event, at now (ns, never going back). Between two steps all effects are
// fetched. 0, or -1 and nothing has changed:
//     ENOMEM
//     ENOSPC        SESSION: too many clients
//     EINVAL        SESSION: there is one of this number
//     EPROTO        CALL: not what a client may send; end its session
int
brd_home_step (brd_home_t *self, int64_t now, const brd_home_event_t *event);

// The next effect, in the order in which they must be done: 1, or 0.
int
brd_home_effect (brd_home_t *self, brd_home_effect_t *ret_effect);

// When the next TICK is due; BRD_NEVER.
int64_t
brd_home_deadline (const brd_home_t *self);

size_t
brd_home_objects (const brd_home_t *self);
size_t
brd_home_bytes (const brd_home_t *self);

// Checks every invariant, at a cost that grows with everything there is; a
// broken one is an assert. For tests and the simulator.
void
brd_home_check (const brd_home_t *self);

#endif  // BRD_HOME_H
