// home_barrier.c - Barrier: going on together
//
// SPDX-License-Identifier: MPL-2.0
//
//     filling --the last one--> all go on, filling again
//        |
//        +-- a waiter's time, interrupt, death; abort --> broken, by name
//                                                           |
//        filling <------------------ reset -----------------+
//
// Read next: home_queue.c.

#include "core/home_internal.h"

typedef struct {
    brd_home_object_t object;
    int64_t parties;
    int64_t waiting;
    int broken;
    char by[BRD_REQUEST_WHO_SIZE];
    const char *how;
} s_barrier_t;

static s_barrier_t *
s_barrier (brd_home_object_t *object)
{
    return BRD_LIST_ITEM (object, s_barrier_t, object);
}

static int
s_parties (const brd_home_arg_t *options, int64_t *ret_parties)
{
    brd_value_cursor_t items = brd_home_items (options);
    size_t left = options->head.size;
    return brd_home_option (&items, &left, 1, INT32_MAX, ret_parties);
}

static int
s_open (brd_home_call_t *call,
        brd_home_object_t *object,
        const brd_home_arg_t *options)
{
    (void) call;
    return s_parties (options, &s_barrier (object)->parties);
}

static int
s_same (const brd_home_object_t *object, const brd_home_arg_t *options)
{
    int64_t parties;
    return s_parties (options, &parties) == 0
           && parties == ((const s_barrier_t *) object)->parties;
}

// --- Breaking --------------------------------------------------------------

static int
s_say_broken (const s_barrier_t *self)
{
    return brd_error_set (
        EPIPE, "the barrier is broken: %s %s", self->by, self->how);
}

static void
s_send_away (brd_home_t *home, s_barrier_t *self, const char *text)
{
    while (!brd_list_empty (&self->object.waiters))
        brd_home_end_text (
            home,
            BRD_LIST_ITEM (self->object.waiters.next, brd_home_slot_t, link),
            EPIPE,
            text);
    self->waiting = 0;
}

static void
s_break (brd_home_t *home,
         s_barrier_t *self,
         const brd_home_session_t *by,
         const char *how)
{
    self->broken = 1;
    memcpy (self->by, by->who, sizeof self->by);
    self->how = how;
    (void) s_say_broken (self);
    s_send_away (home, self, brd_error_get ()->text);
}

static void
s_leave (brd_home_t *home, brd_home_slot_t *slot, int error)
{
    s_barrier_t *self = s_barrier (slot->object);
    const brd_home_session_t *by = slot->session;
    const char *how = error == ETIMEDOUT ? "waited too long"
                      : error == EINTR   ? "was interrupted"
                                         : "died";
    // Its own end must not be the barrier's.
    self->object.busy++;
    brd_home_end (home, slot, error);
    s_break (home, self, by, how);
    self->object.busy--;
    brd_home_settle (home, &self->object);
}

// --- Calls -----------------------------------------------------------------

int
brd_home_barrier_wait (brd_home_call_t *call)
{
    s_barrier_t *self = s_barrier (call->object);
    if (self->broken)
        return s_say_broken (self);
    if (brd_home_say_int (call, self->waiting) < 0)
        return -1;
    if (self->waiting + 1 < self->parties) {
        const int rc = brd_home_wait (call, call->object);
        if (rc < 0)
            s_break (call->home, self, call->session, "did not wait");
        if (rc < 0)
            return brd_error_set (ETIMEDOUT, "the others are not there");
        self->waiting++;
        return rc;
    }
    while (!brd_list_empty (&self->object.waiters))
        brd_home_answer (
            call->home,
            BRD_LIST_ITEM (self->object.waiters.next, brd_home_slot_t, link));
    self->waiting = 0;
    return 0;
}

int
brd_home_barrier_reset (brd_home_call_t *call)
{
    s_barrier_t *self = s_barrier (call->object);
    if (brd_home_say_nil (call) < 0)
        return -1;
    self->broken = 0;
    (void) brd_error_set (
        EPIPE, "%s has reset the barrier", call->session->who);
    s_send_away (call->home, self, brd_error_get ()->text);
    return 0;
}

int
brd_home_barrier_abort (brd_home_call_t *call)
{
    s_barrier_t *self = s_barrier (call->object);
    if (brd_home_say_nil (call) < 0)
        return -1;
    if (!self->broken)
        s_break (call->home, self, call->session, "aborted");
    return 0;
}

// [parties, waiting, broken]
int
brd_home_barrier_state (brd_home_call_t *call)
{
    const s_barrier_t *self = s_barrier (call->object);
    brd_buf_t *out = &call->slot->out;
    return brd_value_put_list (out, 3) < 0
                   || brd_value_put_int (out, self->parties) < 0
                   || brd_value_put_int (out, self->waiting) < 0
                   || brd_value_put_bool (out, self->broken) < 0
               ? -1
               : 0;
}

static void
s_check (const brd_home_t *home, const brd_home_object_t *object)
{
    (void) home;
    const s_barrier_t *self = (const s_barrier_t *) object;
    int64_t waiting = 0;
    for (const brd_list_t *at = object->waiters.next; at != &object->waiters;
         at = at->next)
        waiting++;
    brd_assert (waiting == self->waiting && waiting < self->parties);
    brd_assert (!self->broken || waiting == 0);
}

const brd_home_class_t brd_home_barrier_class = {
    .size = sizeof (s_barrier_t),
    .open = s_open,
    .same = s_same,
    .leave = s_leave,
    .check = s_check,
};
