// home_session.c - clients: their calls, what they hold, their deaths
//
// SPDX-License-Identifier: MPL-2.0
//
//     slot   FREE --call--> WAITING --answer--> DONE --seen--> SEEN
//                     |                          ^ |             |
//                     +-- done at once ----------+ +-- next call-+--> ...
//
// A slot has one call at a time, so it is also the place in a queue of waiters,
// the timer, and the one answer that is kept for a call that comes again.
//
// A death: first the waiting calls leave, so that nothing is given to the dead;
// then what it had been given goes on, newest first, so that items come back to
// the head of their queue in the order they had; then its handles.
//
// Read next: home_lock.c, the simplest that waits.

#include "core/home_internal.h"

// --- Sessions --------------------------------------------------------------

int
brd_home_session_new (brd_home_t *self, uint64_t number, const char *who)
{
    if (number == 0 || brd_map_get (&self->sessions, number))
        return brd_error_set (EINVAL, "a session of this number is there");
    if (self->sessions.count >= self->options.sessions_max)
        return brd_error_set (ENOSPC,
                              "the manager may have %zu clients and does",
                              self->options.sessions_max);
    brd_home_session_t *session = brd_mem_zalloc (sizeof *session);
    if (!session)
        return -1;
    session->number = number;
    const size_t size = strnlen (who, sizeof session->who - 1);
    memcpy (session->who, who, size);
    brd_map_init (&session->holds);
    brd_list_init (&session->grants);
    if (brd_map_set (&self->sessions, number, session) < 0) {
        brd_mem_free (session);
        return -1;
    }
    return 0;
}

void
brd_home_session_free (brd_home_t *self, brd_home_session_t *session)
{
    for (uint32_t i = 0; i < session->slots_count; i++) {
        brd_home_slot_t *slot = session->slots[i];
        brd_home_slot_clear (self, slot);
        brd_buf_fini (&slot->out);
        brd_mem_free (slot);
    }
    self->slots -= session->slots_count;
    brd_mem_free (session->slots);
    brd_map_fini (&session->holds);
    brd_mem_free (session);
}

static void
s_drop_all (brd_home_t *self, brd_home_session_t *session)
{
    for (;;) {
        size_t place = 0;
        const brd_home_hold_t *hold =
            brd_map_next (&session->holds, &place, NULL);
        if (!hold)
            return;
        brd_home_drop (self, session, hold->object->number, hold->count);
    }
}

void
brd_home_session_gone (brd_home_t *self, brd_home_session_t *session)
{
    session->gone = 1;
    for (uint32_t i = 0; i < session->slots_count; i++) {
        if (session->slots[i]->state == BRD_HOME_SLOT_WAITING)
            brd_home_leave (self, session->slots[i], ECONNRESET);
    }
    while (!brd_list_empty (&session->grants)) {
        brd_home_grant_t *grant =
            BRD_LIST_ITEM (session->grants.prev, brd_home_grant_t, of_session);
        brd_home_class (grant->object->kind)->forfeit (self, grant);
    }
    s_drop_all (self, session);
    (void) brd_map_remove (&self->sessions, session->number);
    brd_home_session_free (self, session);
}

// --- Slots -----------------------------------------------------------------

static int
s_grow (brd_home_session_t *session)
{
    const uint32_t room = session->slots_room ? 2 * session->slots_room : 4;
    brd_home_slot_t **slots =
        brd_mem_resize (session->slots, room * sizeof *slots);
    if (!slots)
        return -1;
    session->slots = slots;
    session->slots_room = room;
    return 0;
}

brd_home_slot_t *
brd_home_slot (brd_home_t *self, brd_home_session_t *session, uint32_t index)
{
    if (index < session->slots_count)
        return session->slots[index];
    if (index > session->slots_count || index >= BRD_REQUEST_SLOTS_MAX) {
        brd_error_set (EPROTO, "slot %u is not the next", index);
        return NULL;
    }
    // Room for the timer is made here: setting it cannot fail.
    if ((index == session->slots_room && s_grow (session) < 0)
        || brd_heap_reserve (&self->timers, self->slots + 1) < 0)
        return NULL;
    brd_home_slot_t *slot = brd_mem_zalloc (sizeof *slot);
    if (!slot)
        return NULL;
    slot->session = session;
    slot->index = index;
    brd_list_init (&slot->link);
    brd_list_init (&slot->todo.link);
    brd_buf_init (&slot->out, BRD_WIRE_SIZE_MAX - BRD_REQUEST_ANSWER_HEADER);
    session->slots[session->slots_count++] = slot;
    self->slots++;
    return slot;
}

void
brd_home_slot_clear (brd_home_t *self, brd_home_slot_t *slot)
{
    // Only a queue's items are kept as grants.
    if (slot->got)
        brd_home_queue_seen (self, slot->got);
    brd_home_blob_free (self, slot->blob);
    brd_home_grant_free (self, slot->grant);
    slot->blob = NULL;
    slot->grant = NULL;
    slot->got = NULL;
    slot->lent = NULL;
    slot->condition = NULL;
    slot->notified = 0;
    slot->saved = 0;
    slot->error = 0;
    slot->flags = 0;
    slot->out.size = 0;
    if (slot->out.room > BRD_HOME_KEEP)
        brd_buf_fini (&slot->out);
}

// --- Waiting ---------------------------------------------------------------

void
brd_home_wait_in (brd_home_t *self,
                  brd_home_slot_t *slot,
                  brd_home_object_t *object,
                  int64_t due)
{
    slot->state = BRD_HOME_SLOT_WAITING;
    slot->object = object;
    object->busy++;
    brd_list_append (&object->waiters, &slot->link);
    if (due != BRD_NEVER)
        (void) brd_heap_set (&self->timers, &slot->timer, due);
}

static int64_t
s_due (const brd_home_t *self, int64_t timeout_ns)
{
    if (timeout_ns < 0 || timeout_ns >= BRD_NEVER - self->now)
        return BRD_NEVER;
    return self->now + timeout_ns;
}

int
brd_home_wait (brd_home_call_t *call, brd_home_object_t *object)
{
    const int64_t due = s_due (call->home, call->call->timeout_ns);
    if (due == call->home->now)
        return brd_error_set (ETIMEDOUT, "it could not be done at once");
    brd_home_wait_in (call->home, call->slot, object, due);
    return BRD_HOME_WAITS;
}

void
brd_home_unwait (brd_home_t *self, brd_home_slot_t *slot)
{
    brd_home_object_t *object = slot->object;
    brd_assert (slot->state == BRD_HOME_SLOT_WAITING && object);
    brd_list_remove (&slot->link);
    if (slot->timer.place != 0)
        brd_heap_remove (&self->timers, &slot->timer);
    slot->object = NULL;
    brd_assert (object->busy > 0);
    object->busy--;
    brd_home_settle (self, object);
}

void
brd_home_leave (brd_home_t *self, brd_home_slot_t *slot, int error)
{
    const brd_home_class_t *class = brd_home_class (slot->object->kind);
    if (class->leave)
        class->leave (self, slot, error);
    else
        brd_home_end (self, slot, error);
}

// --- Answers ---------------------------------------------------------------

void
brd_home_tell (brd_home_t *self,
               brd_home_todo_t *todo,
               brd_home_effect_type_t type)
{
    todo->type = type;
    brd_list_append (&self->todo, &todo->link);
}

void
brd_home_answer (brd_home_t *self, brd_home_slot_t *slot)
{
    if (slot->object)
        brd_home_unwait (self, slot);
    slot->state = BRD_HOME_SLOT_DONE;
    if (!slot->session->gone)
        brd_home_tell (self, &slot->todo, BRD_HOME_DO_ANSWER);
}

void
brd_home_end_text (brd_home_t *self,
                   brd_home_slot_t *slot,
                   int error,
                   const char *text)
{
    slot->error = error;
    slot->flags = 0;
    slot->lent = NULL;
    brd_home_blob_free (self, slot->blob);
    brd_home_grant_free (self, slot->grant);
    slot->blob = NULL;
    slot->grant = NULL;
    slot->out.size = 0;
    // Without memory it is an error without a text.
    (void) brd_buf_add (&slot->out, text, strlen (text));
    brd_home_answer (self, slot);
}

void
brd_home_fail (brd_home_t *self, brd_home_slot_t *slot)
{
    // Values that outgrow an answer say so without a text: brd_value_put_*.
    const brood_error_info_t *info = brd_error_get ();
    if (info->text[0] == '\0')
        (void) brd_error_set (EMSGSIZE, "the answer is too large");
    brd_home_end_text (self, slot, info->error, info->text);
}

void
brd_home_end (brd_home_t *self, brd_home_slot_t *slot, int error)
{
    const char *text = error == ETIMEDOUT ? "the time ran out"
                       : error == EINTR   ? "interrupted"
                                          : "";
    brd_home_end_text (self, slot, error, text);
}

int
brd_home_say_nil (brd_home_call_t *call)
{
    call->slot->out.size = 0;
    return brd_value_put_nil (&call->slot->out);
}

int
brd_home_say_int (brd_home_call_t *call, int64_t value)
{
    call->slot->out.size = 0;
    return brd_value_put_int (&call->slot->out, value);
}

int
brd_home_say_value (brd_home_call_t *call, const brd_home_blob_t *blob)
{
    brd_home_slot_t *slot = call->slot;
    if (blob->refs == 0) {
        slot->lent = blob->bytes;
        slot->lent_size = blob->size;
        return 0;
    }
    // Handles are given out once: should the call come again, the same answer
    // must be there.
    slot->out.size = 0;
    if (brd_buf_add (&slot->out, blob->bytes, blob->size) < 0)
        return -1;
    return brd_home_lend (call->home, slot, blob->bytes, blob->size);
}

void
brd_home_put_small (brd_home_slot_t *slot, int64_t value)
{
    slot->out.size = 0;
    const int rc = brd_value_put_int (&slot->out, value);
    brd_assert (rc == 0);
}
