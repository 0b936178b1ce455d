// home_check.c - what must be true of a home at every moment
//
// SPDX-License-Identifier: MPL-2.0
//
// Counts everything again from the other side: what sessions hold against what
// objects say, what stands in values against contained, timers against those
// who wait. Each class checks its own.
//
// Read next: tests/sim/sim_home.c, who calls it after every step.

#include "core/home_internal.h"

typedef struct {
    const brd_home_t *home;
    brd_map_t contained;  // Object to how often, by counting
    size_t timers;
} s_check_t;

static void
s_visit (const brd_home_blob_t *blob, void *arg)
{
    s_check_t *self = arg;
    brd_value_cursor_t at = { blob->bytes, blob->bytes + blob->size };
    brd_ref_t ref;
    size_t refs = 0;
    while (brd_request_next_ref (&at, self->home->options.brood, &ref) == 1) {
        brd_home_object_t *object = brd_home_object (self->home, ref.object);
        brd_assert (object && object->contained > 0);
        const uintptr_t count =
            (uintptr_t) brd_map_get (&self->contained, object->number);
        // Out of memory here, the count would be wrong: it is a test's.
        if (brd_map_set (&self->contained, object->number, (void *) (count + 1))
            < 0)
            return;
        refs++;
    }
    brd_assert (refs == blob->refs);
}

// --- Clients ---------------------------------------------------------------

static void
s_check_slot (s_check_t *self, const brd_home_slot_t *slot)
{
    const int waits = slot->state == BRD_HOME_SLOT_WAITING;
    brd_assert (waits == (slot->object != NULL));
    brd_assert (waits || slot->timer.place == 0);
    self->timers += slot->timer.place != 0;
    brd_assert (!slot->object || slot->object->busy > 0);
    brd_assert (!slot->got || slot->got->slot == slot);
    brd_assert (!slot->got || slot->state == BRD_HOME_SLOT_DONE);
    if (slot->blob)
        s_visit (slot->blob, self);
}

static void
s_check_session (s_check_t *self, const brd_home_session_t *session)
{
    brd_assert (!session->gone);
    for (uint32_t i = 0; i < session->slots_count; i++) {
        brd_assert (session->slots[i]->session == session);
        s_check_slot (self, session->slots[i]);
    }
    for (const brd_list_t *at = session->grants.next; at != &session->grants;
         at = at->next) {
        const brd_home_grant_t *grant =
            BRD_LIST_ITEM (at, brd_home_grant_t, of_session);
        brd_assert (grant->session == session);
        brd_assert (!brd_list_empty (&grant->of_object));
    }
}

static uint64_t
s_holds (const brd_home_t *home, const brd_home_object_t *object)
{
    size_t place = 0;
    uint64_t holds = 0;
    const brd_home_session_t *session;
    while ((session = brd_map_next (&home->sessions, &place, NULL))) {
        const brd_home_hold_t *hold =
            brd_map_get (&session->holds, object->number);
        brd_assert (!hold || (hold->object == object && hold->count > 0));
        holds += hold ? hold->count : 0;
    }
    return holds;
}

// --- Objects ---------------------------------------------------------------

static void
s_check_object (const brd_home_t *home, const brd_home_object_t *object)
{
    const brd_home_class_t *class = brd_home_class (object->kind);
    brd_assert (!object->dying && !object->marked);
    brd_assert (brd_home_object (home, object->number) == object);
    // Each lives for a reason.
    brd_assert (brd_home_is_held (object) || object->contained > 0);
    brd_assert (s_holds (home, object) == object->holds);
    if (object->name.key)
        brd_assert (brd_home_find (&home->names,
                                   object->name.hash,
                                   object->name.key,
                                   object->name.size)
                    == &object->name);
    for (const brd_list_t *at = object->waiters.next; at != &object->waiters;
         at = at->next)
        brd_assert (BRD_LIST_ITEM (at, brd_home_slot_t, link)->object
                    == object);
    if (class->check)
        class->check (home, object);
}

void
brd_home_check (const brd_home_t *self)
{
    s_check_t check = { .home = self };
    brd_map_init (&check.contained);
    size_t place = 0;
    const brd_home_session_t *session;
    while ((session = brd_map_next (&self->sessions, &place, NULL)))
        s_check_session (&check, session);
    brd_assert (check.timers == self->timers.count);
    size_t count = 0;
    for (const brd_list_t *at = self->objects.next; at != &self->objects;
         at = at->next) {
        const brd_home_object_t *object =
            BRD_LIST_ITEM (at, brd_home_object_t, link);
        const brd_home_class_t *class = brd_home_class (object->kind);
        s_check_object (self, object);
        if (class->walk)
            class->walk (object, s_visit, &check);
        count++;
    }
    brd_assert (count == self->count && self->numbers.count == count);
    for (const brd_list_t *at = self->objects.next; at != &self->objects;
         at = at->next) {
        const brd_home_object_t *object =
            BRD_LIST_ITEM (at, brd_home_object_t, link);
        const uintptr_t contained =
            (uintptr_t) brd_map_get (&check.contained, object->number);
        brd_assert (contained == object->contained);
    }
    brd_assert (brd_list_empty (&self->dying));
    brd_map_fini (&check.contained);
}
