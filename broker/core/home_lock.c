// home_lock.c - Lock and RLock: one holder, a thread of a client
//
// SPDX-License-Identifier: MPL-2.0
//
//     free --acquire--> held --release--> free, or the next waiter's
//                        |
//                        +--its client is gone--> the same, and whoever has it
//                           next is told by a 1, once
//
// A condition has such a lock inside, or another's, and the waiters that were
// notified come back through its queue.
//
// Read next: home_condition.c.

#include "core/home_internal.h"

static brd_home_lock_t *
s_lock (brd_home_object_t *object)
{
    return BRD_LIST_ITEM (object, brd_home_lock_t, object);
}

int
brd_home_lock_is_mine (const brd_home_lock_t *self, const brd_home_slot_t *slot)
{
    return self->holder && self->holder->session == slot->session
           && self->holder->thread == slot->thread;
}

// --- Giving ----------------------------------------------------------------

// The slot's grant, made in advance, becomes the holder.
static void
s_give (brd_home_lock_t *self, brd_home_slot_t *slot)
{
    brd_assert (!self->holder && slot->grant);
    self->holder = slot->grant;
    self->holder->count = slot->condition ? slot->number : 1;
    slot->grant = NULL;
    brd_home_grant_give (self->holder);
}

// 0, or 1 for the first after a holder's death.
static int
s_take_news (brd_home_lock_t *self)
{
    const int died = self->died;
    self->died = 0;
    return died;
}

static void
s_wake (brd_home_t *home, brd_home_lock_t *self, brd_home_slot_t *slot)
{
    s_give (self, slot);
    if (slot->saved != 0) {
        brd_home_end (home, slot, slot->saved);
    }
    else {
        brd_home_put_small (slot, s_take_news (self));
        brd_home_answer (home, slot);
    }
    brd_home_condition_unpin (home, slot);
}

void
brd_home_lock_pass (brd_home_t *home, brd_home_lock_t *self)
{
    if (self->holder || brd_list_empty (&self->object.waiters))
        return;
    s_wake (home,
            self,
            BRD_LIST_ITEM (self->object.waiters.next, brd_home_slot_t, link));
}

static void
s_free_holder (brd_home_t *home, brd_home_lock_t *self)
{
    brd_home_grant_t *grant = self->holder;
    self->holder = NULL;
    brd_home_lock_pass (home, self);
    brd_home_grant_free (home, grant);
}

// --- Calls -----------------------------------------------------------------

static int
s_again (brd_home_call_t *call, brd_home_lock_t *self)
{
    if (self->object.kind == BRD_KIND_LOCK)
        return brd_error_set (EDEADLK, "this thread holds the lock");
    if (self->holder->count >= INT32_MAX)
        return brd_error_set (
            EAGAIN, "this thread holds it %d times", INT32_MAX);
    if (brd_home_say_int (call, 0) < 0)
        return -1;
    self->holder->count++;
    return 0;
}

int
brd_home_lock_acquire (brd_home_call_t *call)
{
    brd_home_lock_t *self = brd_home_lock_of (call->object);
    brd_home_slot_t *slot = call->slot;
    if (brd_home_lock_is_mine (self, slot))
        return s_again (call, self);
    if (brd_home_say_int (call, self->died) < 0)
        return -1;
    slot->grant =
        brd_home_grant_new (call->session, &self->object, slot->thread);
    if (!slot->grant)
        return -1;
    if (self->holder)
        return brd_home_wait (call, &self->object);
    s_give (self, slot);
    (void) s_take_news (self);
    return 0;
}

int
brd_home_lock_release (brd_home_call_t *call)
{
    brd_home_lock_t *self = brd_home_lock_of (call->object);
    if (!brd_home_lock_is_mine (self, call->slot))
        return brd_error_set (EPERM, "this thread does not hold the lock");
    if (brd_home_say_nil (call) < 0)
        return -1;
    if (--self->holder->count > 0)
        return 0;
    s_free_holder (call->home, self);
    return 0;
}

int
brd_home_lock_locked (brd_home_call_t *call)
{
    return brd_home_say_int (call,
                             brd_home_lock_of (call->object)->holder != NULL);
}

// --- Deaths ----------------------------------------------------------------

static void
s_forfeit (brd_home_t *home, brd_home_grant_t *grant)
{
    brd_home_lock_t *self = s_lock (grant->object);
    brd_assert (grant == self->holder);
    self->died = 1;
    s_free_holder (home, self);
}

// A condition's waiter gives this up only with its life: it was promised the
// lock. What woke it wakes another.
static void
s_leave (brd_home_t *home, brd_home_slot_t *slot, int error)
{
    brd_home_object_t *condition = slot->condition;
    if (condition && error != ECONNRESET)
        return;
    const int notified = slot->notified;
    brd_home_end (home, slot, error);
    if (notified)
        brd_home_condition_pass (home, condition);
    brd_home_condition_unpin (home, slot);
}

static void
s_check (const brd_home_t *home, const brd_home_object_t *object)
{
    (void) home;
    const brd_home_lock_t *self = (const brd_home_lock_t *) object;
    // A free lock has no waiters, and a held one has one grant.
    brd_assert (self->holder || brd_list_empty (&object->waiters));
    brd_assert (self->holder
                    ? object->grants.next == &self->holder->of_object
                          && object->grants.prev == &self->holder->of_object
                    : brd_list_empty (&object->grants));
    brd_assert (!self->holder || self->holder->count > 0);
    brd_assert (object->kind != BRD_KIND_LOCK || !self->holder
                || self->holder->count == 1);
}

// Its holder's grant goes with the object's.
const brd_home_class_t brd_home_lock_class = {
    .size = sizeof (brd_home_lock_t),
    .leave = s_leave,
    .forfeit = s_forfeit,
    .check = s_check,
};
