// home_semaphore.c - Semaphore and BoundedSemaphore: so many permits
//
// SPDX-License-Identifier: MPL-2.0
//
// Who has permits is kept by client: those of one that is gone come back. But
// permits are also used as signals, acquired here and released there, and then
// a death must not make a signal that nobody sent. So what comes back never
// makes more than there were at the start, less what the others have.
//
// Read next: home_event.c.

#include "core/home_internal.h"

typedef struct {
    brd_home_object_t object;
    int64_t value;
    int64_t start;
    int bounded;
} s_semaphore_t;

static s_semaphore_t *
s_semaphore (brd_home_object_t *object)
{
    return BRD_LIST_ITEM (object, s_semaphore_t, object);
}

static int
s_options (const brd_home_arg_t *options, int64_t *ret_start, int *ret_bounded)
{
    brd_value_cursor_t items = brd_home_items (options);
    size_t left = options->head.size;
    int64_t bounded;
    if (brd_home_option (&items, &left, 0, INT32_MAX, ret_start) < 0
        || brd_home_option (&items, &left, 0, 1, &bounded) < 0)
        return -1;
    *ret_bounded = (int) bounded;
    return 0;
}

static int
s_open (brd_home_call_t *call,
        brd_home_object_t *object,
        const brd_home_arg_t *options)
{
    (void) call;
    s_semaphore_t *self = s_semaphore (object);
    if (s_options (options, &self->start, &self->bounded) < 0)
        return -1;
    self->value = self->start;
    return 0;
}

static int
s_same (const brd_home_object_t *object, const brd_home_arg_t *options)
{
    const s_semaphore_t *self = (const s_semaphore_t *) object;
    int64_t start;
    int bounded;
    return s_options (options, &start, &bounded) == 0 && start == self->start
           && bounded == self->bounded;
}

static brd_home_grant_t *
s_grant_of (s_semaphore_t *self, const brd_home_session_t *session)
{
    for (brd_list_t *at = self->object.grants.next; at != &self->object.grants;
         at = at->next) {
        brd_home_grant_t *grant =
            BRD_LIST_ITEM (at, brd_home_grant_t, of_object);
        if (grant->session == session)
            return grant;
    }
    return NULL;
}

// One permit to the slot, counted with what its client has.
static void
s_give (brd_home_t *home, s_semaphore_t *self, brd_home_slot_t *slot)
{
    brd_home_grant_t *grant = s_grant_of (self, slot->session);
    if (!grant) {
        grant = slot->grant;
        slot->grant = NULL;
        brd_home_grant_give (grant);
    }
    grant->count++;
    self->value--;
    brd_home_grant_free (home, slot->grant);
    slot->grant = NULL;
}

static void
s_wake (brd_home_t *home, s_semaphore_t *self)
{
    while (self->value > 0 && !brd_list_empty (&self->object.waiters)) {
        brd_home_slot_t *slot =
            BRD_LIST_ITEM (self->object.waiters.next, brd_home_slot_t, link);
        s_give (home, self, slot);
        brd_home_answer (home, slot);
    }
}

int
brd_home_semaphore_acquire (brd_home_call_t *call)
{
    s_semaphore_t *self = s_semaphore (call->object);
    if (brd_home_say_nil (call) < 0)
        return -1;
    call->slot->grant =
        brd_home_grant_new (call->session, call->object, call->slot->thread);
    if (!call->slot->grant)
        return -1;
    if (self->value == 0)
        return brd_home_wait (call, call->object);
    s_give (call->home, self, call->slot);
    return 0;
}

int
brd_home_semaphore_release (brd_home_call_t *call)
{
    s_semaphore_t *self = s_semaphore (call->object);
    if (self->bounded && self->value >= self->start)
        return brd_error_set (EOVERFLOW, "all permits are back already");
    if (self->value == INT32_MAX)
        return brd_error_set (EOVERFLOW, "it has %d permits", INT32_MAX);
    if (brd_home_say_nil (call) < 0)
        return -1;
    brd_home_grant_t *grant = s_grant_of (self, call->session);
    if (grant && --grant->count == 0)
        brd_home_grant_free (call->home, grant);
    self->value++;
    s_wake (call->home, self);
    return 0;
}

int
brd_home_semaphore_value (brd_home_call_t *call)
{
    return brd_home_say_int (call, s_semaphore (call->object)->value);
}

static void
s_forfeit (brd_home_t *home, brd_home_grant_t *grant)
{
    s_semaphore_t *self = s_semaphore (grant->object);
    int64_t back = (int64_t) grant->count;
    self->object.busy++;
    brd_home_grant_free (home, grant);
    int64_t room = self->start - self->value;
    for (brd_list_t *at = self->object.grants.next; at != &self->object.grants;
         at = at->next)
        room -=
            (int64_t) BRD_LIST_ITEM (at, brd_home_grant_t, of_object)->count;
    if (back > room)
        back = room > 0 ? room : 0;
    self->value += back;
    s_wake (home, self);
    self->object.busy--;
    brd_home_settle (home, &self->object);
}

static void
s_check (const brd_home_t *home, const brd_home_object_t *object)
{
    (void) home;
    const s_semaphore_t *self = (const s_semaphore_t *) object;
    brd_assert (self->value >= 0);
    brd_assert (self->value == 0 || brd_list_empty (&object->waiters));
    brd_assert (!self->bounded || self->value <= self->start);
}

const brd_home_class_t brd_home_semaphore_class = {
    .size = sizeof (s_semaphore_t),
    .open = s_open,
    .same = s_same,
    .forfeit = s_forfeit,
    .check = s_check,
};
