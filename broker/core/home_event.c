// home_event.c - Event: a flag to wait for
//
// SPDX-License-Identifier: MPL-2.0
//
// A set answers everybody who waits, in that step: a clear that follows comes
// too late to stop any of them.
//
// Read next: home_barrier.c.

#include "core/home_internal.h"

typedef struct {
    brd_home_object_t object;
    int is_set;
} s_event_t;

static s_event_t *
s_event (brd_home_object_t *object)
{
    return BRD_LIST_ITEM (object, s_event_t, object);
}

int
brd_home_event_set (brd_home_call_t *call)
{
    s_event_t *self = s_event (call->object);
    if (brd_home_say_nil (call) < 0)
        return -1;
    self->is_set = 1;
    while (!brd_list_empty (&self->object.waiters))
        brd_home_answer (
            call->home,
            BRD_LIST_ITEM (self->object.waiters.next, brd_home_slot_t, link));
    return 0;
}

int
brd_home_event_clear (brd_home_call_t *call)
{
    if (brd_home_say_nil (call) < 0)
        return -1;
    s_event (call->object)->is_set = 0;
    return 0;
}

int
brd_home_event_is_set (brd_home_call_t *call)
{
    return brd_home_say_int (call, s_event (call->object)->is_set);
}

int
brd_home_event_wait (brd_home_call_t *call)
{
    if (brd_home_say_nil (call) < 0)
        return -1;
    return s_event (call->object)->is_set ? 0
                                          : brd_home_wait (call, call->object);
}

static void
s_check (const brd_home_t *home, const brd_home_object_t *object)
{
    (void) home;
    brd_assert (!((const s_event_t *) object)->is_set
                || brd_list_empty (&object->waiters));
}

const brd_home_class_t brd_home_event_class = {
    .size = sizeof (s_event_t),
    .check = s_check,
};
