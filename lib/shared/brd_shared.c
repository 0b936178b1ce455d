// brd_shared.c - the root of all that processes share, and the sweep
//
// SPDX-License-Identifier: MPL-2.0
//
//     sweep   seats of pid              their tags are those of the dead
//             objects that live         the class lets go what pid holds
//             shares of pid             end
//             what pid had claimed      is freed
//             snapshots of pid          are free
//             words pid slept on        are woken once more
//             seats of pid              are free
//
// In this order: a seat may be another thread's only when nothing names it any
// more, and a wake-up is repeated when what was held is free.
//
// Read next: brd_object.c.

#include <errno.h>
#include <unistd.h>

#include "base/brd_check.h"
#include "base/brd_sys.h"
#include "shared/brd_barrier.h"
#include "shared/brd_condition.h"
#include "shared/brd_pipe.h"
#include "shared/brd_queue.h"
#include "shared/brd_root.h"
#include "shared/brd_semaphore.h"

const brd_kind_class_t *
brd_kind_class (uint32_t kind)
{
    static const brd_kind_class_t none;
    switch (kind) {
    case BRD_KIND_EVENT:
        return &none;
    case BRD_KIND_CONN:
        return &brd_pipe_class;
    case BRD_KIND_SEMAPHORE:
        return &brd_semaphore_class;
    case BRD_KIND_CONDITION:
        return &brd_condition_class;
    case BRD_KIND_BARRIER:
        return &brd_barrier_class;
    case BRD_KIND_LOCK:
    case BRD_KIND_RLOCK:
    case BRD_KIND_VALUE:
    case BRD_KIND_ARRAY:
        return &brd_lock_class;
    case BRD_KIND_QUEUE:
        return &brd_queue_class;
    default:
        return NULL;
    }
}

// --- Birth -----------------------------------------------------------------

brd_shared_t *
brd_shared_new (brd_arena_t *arena)
{
    brd_shared_t *self =
        brd_arena_alloc (arena, sizeof *self, (uint32_t) getpid (), 1);
    if (!self)
        return NULL;
    self->arena = arena;
    self->keeper = getpid ();
    if (brd_sys_random (self->secret, sizeof self->secret) < 0) {
        brd_error_system ("random bytes");
        brd_arena_free (arena, self);
        return NULL;
    }
    return self;
}

brd_arena_t *
brd_shared_arena (brd_shared_t *self)
{
    return self->arena;
}

pid_t
brd_shared_keeper (const brd_shared_t *self)
{
    return self->keeper;
}

// --- Snapshots -------------------------------------------------------------

int
brd_shared_snapshot_begin (brd_shared_t *self)
{
    for (uint32_t i = 0; i < BRD_SHARED_SNAPSHOTS_MAX; i++) {
        brd_snapshot_t *one = &self->snapshots[i];
        uint32_t none = 0;
        if (atomic_load_explicit (&one->pid, memory_order_relaxed) != 0)
            continue;
        uint32_t top = atomic_load (&self->snapshots_top);
        while (top <= i
               && !atomic_compare_exchange_weak (
                   &self->snapshots_top, &top, i + 1))
            continue;
        if (!atomic_compare_exchange_strong (
                &one->pid, &none, (uint32_t) getpid ()))
            continue;
        atomic_store (&one->stamp, atomic_fetch_add (&self->stamps, 1) + 1);
        return (int) i;
    }
    return brd_error_set (ENOSPC,
                          "no more than %d pools and processes at a time",
                          BRD_SHARED_SNAPSHOTS_MAX);
}

int
brd_shared_has_snapshot_since (brd_shared_t *self, uint64_t stamp)
{
    const uint32_t top = atomic_load (&self->snapshots_top);
    for (uint32_t i = 0; i < top; i++) {
        if (atomic_load (&self->snapshots[i].pid) != 0
            && atomic_load (&self->snapshots[i].stamp) > stamp)
            return 1;
    }
    return 0;
}

static void
s_free_unheld (void *arg, brd_slot_t *slot)
{
    (void) arg;
    if (slot->kind != 0
        && brd_slab_state (atomic_load (&slot->word)) == BRD_SLAB_LIVE)
        brd_object_free_if_unheld ((brd_object_t *) (void *) slot);
}

void
brd_shared_snapshot_end (brd_shared_t *self, int number)
{
    if (number < 0)
        return;
    const int saved_errno = errno;
    atomic_store (&self->snapshots[number].stamp, 0);
    atomic_store (&self->snapshots[number].pid, 0);
    brd_slab_each (&self->slabs, self->arena, s_free_unheld, self);
    errno = saved_errno;
}

// --- The sweep -------------------------------------------------------------

typedef struct {
    brd_shared_t *shared;
    pid_t pid;
} s_dead_t;

static void
s_let_go (void *arg, brd_slot_t *slot)
{
    const s_dead_t *dead = arg;
    const uint32_t word = atomic_load (&slot->word);
    const brd_kind_class_t *class = brd_kind_class (slot->kind);
    if (brd_slab_state (word) == BRD_SLAB_LIVE && class && class->sweep)
        class->sweep ((brd_object_t *) (void *) slot, dead->pid);
}

static void
s_end_shares (void *arg, brd_slot_t *slot)
{
    const s_dead_t *dead = arg;
    const uint32_t word = atomic_load (&slot->word);
    if (slot->kind == 0 && word == brd_slab_word (BRD_SLAB_LIVE, dead->pid))
        (void) brd_share_end ((brd_share_t *) (void *) slot, word);
}

// One sweeper makes it his own; then it is his if he dies.
static void
s_free_claimed (void *arg, brd_slot_t *slot)
{
    const s_dead_t *dead = arg;
    uint32_t word = brd_slab_word (BRD_SLAB_CLAIMED, dead->pid);
    const uint32_t mine = brd_slab_word (BRD_SLAB_CLAIMED, getpid ());
    if (!atomic_compare_exchange_strong (&slot->word, &word, mine))
        return;
    if (slot->kind != 0) {
        brd_object_t *object = (brd_object_t *) (void *) slot;
        void *block = brd_object_block (object);
        slot->kind = 0;
        object->block = 0;
        brd_arena_free (dead->shared->arena, block);
    }
    brd_slab_free (dead->shared->arena, slot);
}

static void
s_free_snapshots (brd_shared_t *self, pid_t pid)
{
    const uint32_t top = atomic_load (&self->snapshots_top);
    for (uint32_t i = 0; i < top; i++) {
        if (atomic_load (&self->snapshots[i].pid) == (uint32_t) pid)
            brd_shared_snapshot_end (self, (int) i);
    }
}

void
brd_shared_sweep (brd_shared_t *self, pid_t pid)
{
    const int saved_errno = errno;
    s_dead_t dead = { .shared = self, .pid = pid };
    brd_seat_sweep_tags (self, pid);
    brd_slab_each (&self->slabs, self->arena, s_let_go, &dead);
    // A thread that ends leaves its process what is the process's.
    if (((uint32_t) pid & BRD_SEAT_ENDED) == 0) {
        brd_slab_each (&self->slabs, self->arena, s_end_shares, &dead);
        brd_slab_each (&self->slabs, self->arena, s_free_claimed, &dead);
        s_free_snapshots (self, pid);
    }
    brd_seat_sweep_sleepers (self, pid);
    brd_seat_sweep (self, pid);
    errno = saved_errno;
}
