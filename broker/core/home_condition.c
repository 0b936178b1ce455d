// home_condition.c - Condition: waiters of a state that a lock guards
//
// SPDX-License-Identifier: MPL-2.0
//
//     wait: the lock goes -> condition's waiters --notify--+-> lock's waiters
//                                 | time, interrupt -------+        |
//                                 | death: gone                     v
//                                                       holds the lock again,
//                                                       as deep as before
//
// The grant that was the lock's comes along, so coming back cannot fail. A
// notify that has reached a waiter which dies before it holds the lock goes to
// the next.
//
// Read next: home_lock.c.

#include "core/home_internal.h"

typedef struct {
    brd_home_object_t object;
    brd_home_lock_t *lock;  // &own, or another object's
    brd_home_lock_t own;
} s_condition_t;

static s_condition_t *
s_condition (brd_home_object_t *object)
{
    return BRD_LIST_ITEM (object, s_condition_t, object);
}

brd_home_lock_t *
brd_home_lock_of (brd_home_object_t *object)
{
    return object->kind == BRD_KIND_CONDITION
               ? s_condition (object)->lock
               : BRD_LIST_ITEM (object, brd_home_lock_t, object);
}

// Its one option is the number of an rlock, or 0 for one of its own.
static int
s_open (brd_home_call_t *call,
        brd_home_object_t *object,
        const brd_home_arg_t *options)
{
    s_condition_t *self = s_condition (object);
    brd_value_cursor_t items = brd_home_items (options);
    size_t left = options->head.size;
    int64_t number;
    if (brd_home_option (&items, &left, 0, INT64_MAX, &number) < 0)
        return -1;
    self->lock = &self->own;
    if (number != 0) {
        brd_home_object_t *lock =
            brd_home_object (call->home, (uint64_t) number);
        if (!lock || lock->kind != BRD_KIND_RLOCK)
            return brd_error_set (ENOENT, "the condition's rlock is gone");
        self->lock = BRD_LIST_ITEM (lock, brd_home_lock_t, object);
    }
    // Somebody waits for what is in it as long as it is there.
    self->own.object.kind = BRD_KIND_RLOCK;
    brd_list_init (&self->own.object.link);
    brd_list_init (&self->own.object.waiters);
    brd_list_init (&self->own.object.grants);
    self->lock->object.busy++;
    if (self->lock == &self->own) {
        self->own.object.outer = &self->object;
        self->object.inner = &self->own.object;
    }
    return 0;
}

static int
s_same (const brd_home_object_t *object, const brd_home_arg_t *options)
{
    const s_condition_t *self = (const s_condition_t *) object;
    brd_value_cursor_t items = brd_home_items (options);
    size_t left = options->head.size;
    int64_t number;
    return brd_home_option (&items, &left, 0, INT64_MAX, &number) == 0
           && (uint64_t) number == self->lock->object.number;
}

// --- Waking ----------------------------------------------------------------

// From the condition's waiters to the lock's; without a limit.
static void
s_move (brd_home_t *home, brd_home_slot_t *slot, int saved, int notified)
{
    s_condition_t *self = s_condition (slot->object);
    slot->saved = saved;
    slot->notified = notified;
    self->object.busy++;  // Until brd_home_condition_unpin ()
    brd_home_unwait (home, slot);
    brd_home_wait_in (home, slot, &self->lock->object, BRD_NEVER);
    brd_home_lock_pass (home, self->lock);
}

void
brd_home_condition_unpin (brd_home_t *home, brd_home_slot_t *slot)
{
    brd_home_object_t *condition = slot->condition;
    if (!condition)
        return;
    slot->condition = NULL;
    condition->busy--;
    brd_home_settle (home, condition);
}

static int
s_notify (brd_home_t *home, s_condition_t *self, int64_t n)
{
    int64_t woken = 0;
    while ((n < 0 || woken < n) && !brd_list_empty (&self->object.waiters)) {
        s_move (
            home,
            BRD_LIST_ITEM (self->object.waiters.next, brd_home_slot_t, link),
            0,
            1);
        woken++;
    }
    return 0;
}

void
brd_home_condition_pass (brd_home_t *home, brd_home_object_t *object)
{
    (void) s_notify (home, s_condition (object), 1);
}

static void
s_leave (brd_home_t *home, brd_home_slot_t *slot, int error)
{
    if (error == ECONNRESET) {
        slot->condition = NULL;  // Not pinned yet
        brd_home_end (home, slot, error);
    }
    else
        s_move (home, slot, error, 0);
}

// --- Calls -----------------------------------------------------------------

static int
s_need_lock (const s_condition_t *self, const brd_home_slot_t *slot)
{
    if (brd_home_lock_is_mine (self->lock, slot))
        return 0;
    return brd_error_set (EPERM,
                          "this thread does not hold the condition's lock");
}

int
brd_home_condition_wait (brd_home_call_t *call)
{
    s_condition_t *self = s_condition (call->object);
    brd_home_slot_t *slot = call->slot;
    brd_home_lock_t *lock = self->lock;
    if (s_need_lock (self, slot) < 0 || brd_home_say_int (call, 0) < 0)
        return -1;
    slot->condition = &self->object;
    slot->grant = lock->holder;
    slot->number = lock->holder->count;
    lock->holder = NULL;
    brd_home_grant_unlink (slot->grant);
    const int64_t timeout = call->call->timeout_ns;
    const int64_t now = call->home->now;
    // A time of 0 lets others run, too: it is over at the end of this step.
    brd_home_wait_in (
        call->home,
        slot,
        &self->object,
        timeout < 0 || timeout >= BRD_NEVER - now ? BRD_NEVER : now + timeout);
    brd_home_lock_pass (call->home, lock);
    return BRD_HOME_WAITS;
}

int
brd_home_condition_notify (brd_home_call_t *call)
{
    s_condition_t *self = s_condition (call->object);
    if (s_need_lock (self, call->slot) < 0 || brd_home_say_nil (call) < 0)
        return -1;
    return s_notify (call->home, self, call->args[0].head.number.i);
}

// --- Its lock --------------------------------------------------------------

static void
s_fini (brd_home_t *home, brd_home_object_t *object)
{
    s_condition_t *self = s_condition (object);
    self->lock->object.busy--;
    if (self->lock != &self->own)
        brd_home_settle (home, &self->lock->object);
    brd_list_t *grants = &self->own.object.grants;
    while (!brd_list_empty (grants)) {
        self->own.object.busy++;  // It is no object of its own
        brd_home_grant_free (
            home, BRD_LIST_ITEM (grants->next, brd_home_grant_t, of_object));
    }
}

static void
s_check (const brd_home_t *home, const brd_home_object_t *object)
{
    const s_condition_t *self = (const s_condition_t *) object;
    if (self->lock == &self->own)
        brd_home_lock_class.check (home, &self->own.object);
    for (const brd_list_t *at = object->waiters.next; at != &object->waiters;
         at = at->next) {
        const brd_home_slot_t *slot = BRD_LIST_ITEM (at, brd_home_slot_t, link);
        brd_assert (slot->condition == object && slot->grant);
        brd_assert (slot->number > 0 && !slot->notified);
    }
}

const brd_home_class_t brd_home_condition_class = {
    .size = sizeof (s_condition_t),
    .open = s_open,
    .same = s_same,
    .leave = s_leave,
    .fini = s_fini,
    .check = s_check,
};
