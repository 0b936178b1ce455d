// brood_queue.h - a first-in, first-out queue shared between processes
//
// SPDX-License-Identifier: MPL-2.0

#ifndef BROOD_QUEUE_H
#define BROOD_QUEUE_H

#include "brood/brood_msg.h"

#ifdef __cplusplus
extern "C" {
#endif

// What Python's multiprocessing.Queue, JoinableQueue and SimpleQueue are to
// Python. Any process of a brood may put and get.
//
//     brood_queue_t *jobs = brood_queue_new (100);
//     brood_queue_put (jobs, -1, "{id: %d, file: %s}", 7, "cat.png");
//     brood_queue_close (jobs);
//     while (brood_queue_get (jobs, -1, "{id: %d, file: %63s}", &id, file)
//            == 0)
//         ...
//     brood_queue_destroy (&jobs);
//
// Where it lives. In the shared memory of this host. destroy gives up a handle;
// the queue goes away with its last one, in whatever process, and what was in
// it too. Or at a manager (brood_queue_open), where each call is one to its
// process and may also fail with EHOSTDOWN or ECONNRESET: see brood_manager.h.
//
// Delivery. What put has accepted survives its putter's death. An item goes to
// one getter: if that one dies before it has it, the item comes back at the
// head; after, it is gone. In a joinable queue it comes back until task_done.
// empty, full and qsize are exact, and get right after a put always succeeds.
// While a large item (above 32 KiB) is copied out, others may already get the
// next one; should that getter fail or die, the large one is at the head again.
//
// Waiting. Who waits longest is woken first. Somebody who comes just then may
// be faster, but nobody is overtaken again and again: then all others who can
// wait do so, until that one was served.
//
// Threads and fork. Any thread, any process; see brood_prelude.h. A process
// killed inside a call leaves the queue whole. Not in signal handlers.
//
// Memory. An item takes 64 bytes besides its own, rounded up to 16, or 64 KiB
// and more if it is large. A queue without items keeps 64 KiB at most.
//
// Errors. put and get set
//     ETIMEDOUT     it stayed full, or empty; nothing was queued or taken
//     EPIPE         put: it is closed; get: closed and drained, the end
//     EMSGSIZE      put: the item is larger than size_max_bytes
//     EBADMSG       get: the item does not fit the picture; it stays at the
//                   head (brood_queue_get_msg takes anything)
//     ENOSPC        put: no room in the shared memory; nothing was lost

// Most items a queue can be asked to hold.
#define BROOD_QUEUE_CAPACITY_MAX 100000000

// Most deliveries of one item that can be asked for.
#define BROOD_QUEUE_DELIVERIES_MAX 10000

typedef struct brood_queue_options {
    size_t capacity;        // Items before put waits; 0: no limit but bytes
    size_t capacity_bytes;  // Of all items before put waits; 0: 64 MiB
    size_t size_max_bytes;  // Of one item, at most (and 0:) capacity_bytes
    int joinable;           // 1: task_done and join count
    int deliveries_max;     // Joinable: then it goes to dead; 0: no limit
    brood_queue_t *dead;    // Where such items go; NULL: dropped, logged
    int priorities;         // 1: items are "[priority, item]"
    BROOD_RESERVED (12);
} brood_queue_options_t;

// An empty queue. capacity is how many items may wait before put does; 0 sets
// no limit but that of bytes.
BROOD_EXPORT BROOD_MUST_USE brood_queue_t *
brood_queue_new (size_t capacity);

// The same as a JoinableQueue.
BROOD_EXPORT BROOD_MUST_USE brood_queue_t *
brood_queue_new_joinable (size_t capacity);

// priorities: each item is a list of two, the first a whole number: what has
// the lowest is got first, and among equals what was put first. put refuses
// others with EINVAL; get delivers the whole list.
//
// dead: gets the items that were delivered deliveries_max times and not done.
// They are put there whatever its limits are; if it is closed they are dropped
// and logged. It has the same priorities, and no dead of its own. A process
// killed in the moment in which it moves one may leave it in both.
BROOD_EXPORT BROOD_MUST_USE brood_queue_t *
brood_queue_new_with (const brood_queue_options_t *options);

// The queue called name at a manager, made if there is none; a NULL name makes
// one nobody else can open. options may be NULL. Its dead must be there, too.
//     EEXIST        the name is taken by another class, or has other options
//     EHOSTDOWN     the manager is gone
BROOD_EXPORT BROOD_MUST_USE brood_queue_t *
brood_queue_open (brood_manager_t *manager,
                  const char *name,
                  const brood_queue_options_t *options);

// A handle on the queue whose ref came in a message.
BROOD_EXPORT BROOD_MUST_USE brood_queue_t *
brood_queue_from (void *ref);

BROOD_EXPORT void
brood_queue_destroy (brood_queue_t **self_p);

// Puts an item at the tail, waiting up to timeout_ms for room.
BROOD_EXPORT int
brood_queue_put (brood_queue_t *self, int timeout_ms, const char *picture, ...)
    BROOD_PRINTF (3, 4);

// Takes the item at the head, waiting up to timeout_ms for one. A ref in it
// ("@%p") lives as long as this handle, or from a manager until this thread
// gets the next; where many come, get messages.
BROOD_EXPORT int
brood_queue_get (brood_queue_t *self, int timeout_ms, const char *picture, ...)
    BROOD_SCANF (3, 4);

// The same with messages: taken on success, and yours to destroy.
BROOD_EXPORT int
brood_queue_put_msg (brood_queue_t *self, int timeout_ms, brood_msg_t **msg_p);
BROOD_EXPORT BROOD_MUST_USE brood_msg_t *
brood_queue_get_msg (brood_queue_t *self, int timeout_ms);

// Many at once cost little more than one. put_many puts the items of a list, in
// their order and with no item of others between those that fit: how many were
// put, all or those that fitted in time, or -1 and none. An item larger than
// size_max_bytes is EMSGSIZE for all. get_many waits for one item and returns a
// list of as many as there are, 1 to max; a large item (above 32 KiB) may end
// the list. At a manager each item is a call: those of others may come between,
// put_many ends at the first that cannot be put, and get_many has 64 at most.
BROOD_EXPORT long
brood_queue_put_many (brood_queue_t *self,
                      int timeout_ms,
                      const brood_msg_t *items);
BROOD_EXPORT BROOD_MUST_USE brood_msg_t *
brood_queue_get_many (brood_queue_t *self, int timeout_ms, size_t max);

// Closes it for every process, and wakes those who wait: put fails from now on,
// get drains what is left and then says EPIPE. While another thread has an item
// of a joinable queue, which may come back, get waits; who has one itself need
// not. Idempotent.
BROOD_EXPORT int
brood_queue_close (brood_queue_t *self);

// How many items wait; whether none do, or no more can.
BROOD_EXPORT long
brood_queue_qsize (brood_queue_t *self);
BROOD_EXPORT int
brood_queue_empty (brood_queue_t *self);
BROOD_EXPORT int
brood_queue_full (brood_queue_t *self);

// --- Joinable queues -------------------------------------------------------

// What a thread gets is its own until it says so or ends; what a process has
// comes back, at the head, when it dies.

// Says that the item this thread got first, of those not yet done, is done.
//     EPERM         it has none: too often, or it was given to another
//     EINVAL        the queue is not joinable
BROOD_EXPORT int
brood_queue_task_done (brood_queue_t *self);

// Gives that item back, to the head; or to dead.
BROOD_EXPORT int
brood_queue_task_failed (brood_queue_t *self);

// How often that item was delivered: 1 the first time. ENOTSUP at a manager.
BROOD_EXPORT int
brood_queue_deliveries (brood_queue_t *self);

// Waits until every item ever put is done, or dead.
//     ETIMEDOUT     some are not
BROOD_EXPORT int
brood_queue_join (brood_queue_t *self, int timeout_ms);

#ifdef __cplusplus
}
#endif

#endif  // BROOD_QUEUE_H
