// brd_bell.h - waking those who wait for several things at once
//
// SPDX-License-Identifier: MPL-2.0
//
// A thread that waits for one object sleeps on its word. One that waits for
// several, descriptors among them, needs a descriptor that becomes readable
// when any of them has changed: its bell, a datagram socket whose abstract name
// others can work out from its seat. While it sleeps its objects count a
// watcher; whoever changes such an object rings all bells there are.
//
//     watcher   watch each object, look at all, poll (bell and descriptors)
//     changer   change; brd_bell_changed (object): nothing unless watched
//
// A datagram that is lost because the bell has rung already is none too few.

#ifndef BRD_BELL_H
#define BRD_BELL_H

#include "shared/brd_object.h"

// This thread's bell, made when first asked for, and silent; -1 with EMFILE,
// ENOSPC. On loan: the thread's end closes it.
int
brd_bell_open (brd_shared_t *shared);

// From now on until brd_bell_quiet () it is rung.
void
brd_bell_listen (brd_shared_t *shared);

// Not any more, and what has rung is forgotten.
void
brd_bell_quiet (brd_shared_t *shared);

// Counts a watcher, or takes one back. -1 as brd_hold_share ().
int
brd_bell_watch (brd_hold_t *hold);
void
brd_bell_unwatch (brd_hold_t *hold);

// The slow half of brd_bell_changed ().
void
brd_bell_ring (brd_object_t *object);

// To be called after the object was changed in a way that somebody may wait
// for. Any thread, also in a sweep: no memory, no locks.
static inline void
brd_bell_changed (brd_object_t *object)
{
    // The change before the look, or both sides could miss each other.
    atomic_thread_fence (memory_order_seq_cst);
    if (atomic_load_explicit (&object->watchers, memory_order_relaxed) > 0)
        brd_bell_ring (object);
}

#endif  // BRD_BELL_H
