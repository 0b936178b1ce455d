// home_object.c - what keeps an object alive, and its end
//
// SPDX-License-Identifier: MPL-2.0
//
//     OPEN --> lives: has a name, or handles (counted by session), or stands
//              in a value, or somebody waits in it or has something of it
//                 | none of these any more: brd_home_settle ()
//                 v
//              dying, until the end of the step: what it contained may die too
//
// Dying takes no recursion, so a list of a million lists in each other ends as
// any other. Objects that contain each other in a circle keep themselves alive
// and are found when somebody counts, or the room runs out.
//
// Read next: home_session.c, who has the handles.

#include "core/home_internal.h"

const brd_home_class_t *
brd_home_class (uint32_t kind)
{
    switch (kind) {
    case BRD_KIND_DICT:
    case BRD_KIND_NAMESPACE:
        return &brd_home_dict_class;
    case BRD_KIND_LIST:
        return &brd_home_list_class;
    case BRD_KIND_QUEUE:
        return &brd_home_queue_class;
    case BRD_KIND_LOCK:
    case BRD_KIND_RLOCK:
        return &brd_home_lock_class;
    case BRD_KIND_SEMAPHORE:
        return &brd_home_semaphore_class;
    case BRD_KIND_EVENT:
        return &brd_home_event_class;
    case BRD_KIND_CONDITION:
        return &brd_home_condition_class;
    case BRD_KIND_BARRIER:
        return &brd_home_barrier_class;
    case BRD_KIND_PROXY:
        return &brd_home_proxy_class;
    default:
        return NULL;
    }
}

brd_home_object_t *
brd_home_object (const brd_home_t *self, uint64_t number)
{
    return brd_map_get (&self->numbers, number);
}

// --- Its end ---------------------------------------------------------------

int
brd_home_is_held (const brd_home_object_t *object)
{
    const brd_home_object_t *inner = object->inner;
    return object->name.key || object->holds > 0 || object->busy > 0
           || !brd_list_empty (&object->grants)
           || (inner
               && (!brd_list_empty (&inner->waiters)
                   || !brd_list_empty (&inner->grants)));
}

void
brd_home_settle (brd_home_t *self, brd_home_object_t *object)
{
    if (object->outer)
        object = object->outer;
    if (object->dying || brd_home_is_held (object))
        return;
    if (object->contained > 0) {
        self->suspect = 1;
        return;
    }
    object->dying = 1;
    brd_list_remove (&object->link);
    brd_list_append (&self->dying, &object->link);
}

static void
s_bury_one (brd_home_t *self, brd_home_object_t *object)
{
    const brd_home_class_t *class = brd_home_class (object->kind);
    brd_assert (brd_list_empty (&object->waiters));
    if (class->empty)
        class->empty (self, object);
    (void) brd_map_remove (&self->numbers, object->number);
    self->count--;
    brd_home_refund (self, class->size + BRD_HOME_COST);
    if (class->fini)
        class->fini (self, object);  // A proxy's memory is the effect's
    if (object->kind != BRD_KIND_PROXY)
        brd_mem_free (object);
}

void
brd_home_bury (brd_home_t *self)
{
    brd_list_t *link;
    while ((link = brd_list_pop (&self->dying))) {
        brd_home_object_t *object =
            BRD_LIST_ITEM (link, brd_home_object_t, link);
        if (!brd_home_is_held (object) && object->contained == 0) {
            s_bury_one (self, object);
            continue;
        }
        // Let go of, and taken up again, in one step.
        object->dying = 0;
        brd_list_append (&self->objects, link);
    }
}

// --- Its beginning ---------------------------------------------------------

static void
s_name (brd_home_t *self, brd_home_object_t *object, void *key, size_t size)
{
    object->name.key = key;
    object->name.size = size;
    object->name.hash = brd_home_hash (self, key, size);
}

static int
s_check_name (const brd_home_arg_t *name)
{
    if (name->head.type == BROOD_NIL)
        return 0;
    if (name->head.size == 0 || name->head.size >= BROOD_NAME_SIZE)
        return brd_error_set (
            EINVAL, "a name has 1 to %d bytes", BROOD_NAME_SIZE - 1);
    return 0;
}

// The one of this name, or NULL.
static brd_home_object_t *
s_named (const brd_home_t *self, const brd_home_arg_t *name)
{
    if (name->head.type == BROOD_NIL)
        return NULL;
    const uint64_t hash =
        brd_home_hash (self, name->head.bytes, name->head.size);
    brd_home_node_t *node =
        brd_home_find (&self->names, hash, name->head.bytes, name->head.size);
    return node ? BRD_LIST_ITEM (node, brd_home_object_t, name) : NULL;
}

static int
s_open_old (brd_home_call_t *call, brd_home_object_t *object, uint32_t kind)
{
    const brd_home_class_t *class = brd_home_class (kind);
    if (object->kind != (brd_kind_t) kind)
        return brd_error_set (EEXIST,
                              "\"%.*s\" is a %s",
                              (int) object->name.size,
                              (const char *) object->name.key,
                              brd_kind_text (object->kind));
    if (class->same && !class->same (object, &call->args[2]))
        return brd_error_set (EEXIST,
                              "the %s \"%.*s\" has other options",
                              brd_kind_text (object->kind),
                              (int) object->name.size,
                              (const char *) object->name.key);
    if (brd_home_say_int (call, (int64_t) object->number) < 0
        || brd_home_take (call->session, object, 1) < 0)
        return -1;
    return object->kind == BRD_KIND_PROXY
               ? brd_home_proxy_wait_born (call, object)
               : 0;
}

// Into the tables; undone by the caller's error path, in any order.
static int
s_enter (brd_home_call_t *call, brd_home_object_t *object)
{
    brd_home_t *self = call->home;
    const brd_home_arg_t *name = &call->args[1];
    object->number = self->last + 1;
    if (brd_map_set (&self->numbers, object->number, object) < 0)
        return -1;
    if (name->head.type == BROOD_TEXT) {
        char *key = brd_mem_alloc (name->head.size);
        if (!key)
            return -1;
        memcpy (key, name->head.bytes, name->head.size);
        s_name (self, object, key, name->head.size);
        if (brd_home_insert (&self->names, &object->name) < 0) {
            brd_mem_free (key);
            object->name.key = NULL;
            return -1;
        }
    }
    return 0;
}

static void
s_unname (brd_home_t *self, brd_home_object_t *object)
{
    if (!object->name.key)
        return;
    brd_home_remove (&self->names, &object->name);
    brd_mem_free ((void *) object->name.key);
    object->name.key = NULL;
}

static int
s_room (brd_home_t *self)
{
    if (self->count >= self->options.objects_max && self->suspect)
        brd_home_collect (self);
    if (self->count < self->options.objects_max)
        return 0;
    return brd_error_set (ENOSPC,
                          "the manager may hold %zu objects and does",
                          self->options.objects_max);
}

static int
s_open_new (brd_home_call_t *call, uint32_t kind)
{
    brd_home_t *self = call->home;
    const brd_home_class_t *class = brd_home_class (kind);
    const size_t cost = class->size + BRD_HOME_COST;
    if (s_room (self) < 0 || brd_home_charge (self, cost) < 0)
        return -1;
    brd_home_object_t *object = brd_mem_zalloc (class->size);
    if (!object) {
        brd_home_refund (self, cost);
        return -1;
    }
    object->kind = (brd_kind_t) kind;
    brd_list_init (&object->link);
    brd_list_init (&object->waiters);
    brd_list_init (&object->grants);
    if (s_enter (call, object) < 0
        || brd_home_say_int (call, (int64_t) object->number) < 0
        || brd_home_take (call->session, object, 1) < 0)
        goto error;
    const int rc = class->open ? class->open (call, object, &call->args[2]) : 0;
    if (rc < 0) {
        brd_home_drop (self, call->session, object->number, 1);
        goto error;
    }
    self->last = object->number;
    self->count++;
    brd_list_append (&self->objects, &object->link);
    return rc;

error:
    s_unname (self, object);
    (void) brd_map_remove (&self->numbers, object->number);
    brd_list_remove (&object->link);  // Settled, when its handle went
    brd_home_refund (self, cost);
    brd_mem_free (object);
    return -1;
}

int
brd_home_open (brd_home_call_t *call)
{
    const brd_value_t *kind = &call->args[0].head;
    if (kind->negative || kind->number.u >= BRD_KIND_COUNT
        || !brd_home_class ((uint32_t) kind->number.u))
        return brd_error_set (EINVAL, "not a class of a manager's");
    if (s_check_name (&call->args[1]) < 0)
        return -1;
    brd_home_object_t *old = s_named (call->home, &call->args[1]);
    return old ? s_open_old (call, old, (uint32_t) kind->number.u)
               : s_open_new (call, (uint32_t) kind->number.u);
}

// --- Handles ---------------------------------------------------------------

int
brd_home_hold (brd_home_call_t *call)
{
    if ((int64_t) call->object->kind != call->args[0].head.number.i)
        return brd_error_set (
            EINVAL, "it is a %s", brd_kind_text (call->object->kind));
    if (brd_home_say_nil (call) < 0)
        return -1;
    return brd_home_take (call->session, call->object, 1);
}

int
brd_home_take (brd_home_session_t *session,
               brd_home_object_t *object,
               uint64_t count)
{
    brd_home_hold_t *hold = brd_map_get (&session->holds, object->number);
    if (!hold) {
        hold = brd_mem_zalloc (sizeof *hold);
        if (!hold)
            return -1;
        hold->object = object;
        if (brd_map_set (&session->holds, object->number, hold) < 0) {
            brd_mem_free (hold);
            return -1;
        }
    }
    hold->count += count;
    object->holds += count;
    return 0;
}

void
brd_home_drop (brd_home_t *self,
               brd_home_session_t *session,
               uint64_t number,
               uint64_t count)
{
    brd_home_hold_t *hold = brd_map_get (&session->holds, number);
    if (!hold)
        return;
    if (count > hold->count)
        count = hold->count;
    brd_home_object_t *object = hold->object;
    hold->count -= count;
    object->holds -= count;
    if (hold->count == 0) {
        (void) brd_map_remove (&session->holds, number);
        brd_mem_free (hold);
    }
    brd_home_settle (self, object);
}

int
brd_home_lend (brd_home_t *self,
               brd_home_slot_t *slot,
               const void *bytes,
               size_t size)
{
    const unsigned char *start = bytes;
    brd_value_cursor_t at = { start, start + size };
    brd_ref_t ref;
    size_t given = 0;
    while (brd_request_next_ref (&at, self->options.brood, &ref) == 1) {
        brd_home_object_t *object = brd_home_object (self, ref.object);
        brd_assert (object);
        if (brd_home_take (slot->session, object, 1) == 0) {
            given++;
            continue;
        }
        at = (brd_value_cursor_t){ start, start + size };
        for (; given > 0; given--) {
            (void) brd_request_next_ref (&at, self->options.brood, &ref);
            brd_home_drop (self, slot->session, ref.object, 1);
        }
        return -1;
    }
    if (given > 0)
        slot->flags |= BRD_REQUEST_LENT;
    return 0;
}

// --- Grants ----------------------------------------------------------------

brd_home_grant_t *
brd_home_grant_new (brd_home_session_t *session,
                    brd_home_object_t *object,
                    uint64_t thread)
{
    brd_home_grant_t *grant = brd_mem_zalloc (sizeof *grant);
    if (!grant)
        return NULL;
    brd_list_init (&grant->of_session);
    brd_list_init (&grant->of_object);
    grant->session = session;
    grant->object = object;
    grant->thread = thread;
    return grant;
}

void
brd_home_grant_give (brd_home_grant_t *grant)
{
    brd_list_append (&grant->session->grants, &grant->of_session);
    brd_list_append (&grant->object->grants, &grant->of_object);
}

void
brd_home_grant_unlink (brd_home_grant_t *grant)
{
    brd_list_remove (&grant->of_session);
    brd_list_remove (&grant->of_object);
}

void
brd_home_grant_free (brd_home_t *self, brd_home_grant_t *grant)
{
    if (!grant)
        return;
    if (grant->slot)
        grant->slot->got = NULL;
    brd_home_grant_unlink (grant);
    brd_home_settle (self, grant->object);
    brd_mem_free (grant);
}

// --- Circles ---------------------------------------------------------------

typedef struct {
    brd_home_t *home;
    brd_list_t reached;  // Marked, and not walked yet
} s_marking_t;

static void
s_mark (s_marking_t *self, brd_home_object_t *object)
{
    if (object->marked || object->dying)
        return;
    object->marked = 1;
    brd_list_remove (&object->link);
    brd_list_append (&self->reached, &object->link);
}

static void
s_visit (const brd_home_blob_t *blob, void *arg)
{
    s_marking_t *self = arg;
    brd_value_cursor_t at = { blob->bytes, blob->bytes + blob->size };
    brd_ref_t ref;
    while (blob->refs > 0
           && brd_request_next_ref (&at, self->home->options.brood, &ref) == 1)
        s_mark (self, brd_home_object (self->home, ref.object));
}

// What answers and waiting calls hold is held.
static void
s_mark_slots (s_marking_t *self)
{
    size_t place = 0;
    const brd_home_session_t *session;
    while ((session = brd_map_next (&self->home->sessions, &place, NULL))) {
        for (uint32_t i = 0; i < session->slots_count; i++) {
            if (session->slots[i]->blob)
                s_visit (session->slots[i]->blob, self);
        }
    }
}

// What was not reached is nobody's. All are emptied before the first is freed,
// since they lead to each other.
static void
s_end_circles (brd_home_t *self)
{
    for (brd_list_t *at = self->objects.next; at != &self->objects;
         at = at->next)
        BRD_LIST_ITEM (at, brd_home_object_t, link)->dying = 1;
    brd_list_t *link;
    while ((link = brd_list_pop (&self->objects))) {
        brd_home_object_t *object =
            BRD_LIST_ITEM (link, brd_home_object_t, link);
        const brd_home_class_t *class = brd_home_class (object->kind);
        if (class->empty)
            class->empty (self, object);
        brd_list_append (&self->dying, link);
    }
}

void
brd_home_collect (brd_home_t *self)
{
    s_marking_t marking = { .home = self };
    brd_list_init (&marking.reached);
    brd_list_t *next;
    for (brd_list_t *at = self->objects.next; at != &self->objects; at = next) {
        next = at->next;
        brd_home_object_t *object = BRD_LIST_ITEM (at, brd_home_object_t, link);
        if (brd_home_is_held (object))
            s_mark (&marking, object);
    }
    s_mark_slots (&marking);
    brd_list_t living;
    brd_list_init (&living);
    brd_list_t *link;
    while ((link = brd_list_pop (&marking.reached))) {
        brd_list_append (&living, link);
        const brd_home_object_t *object =
            BRD_LIST_ITEM (link, brd_home_object_t, link);
        const brd_home_class_t *class = brd_home_class (object->kind);
        if (class->walk)
            class->walk (object, s_visit, &marking);
    }
    s_end_circles (self);
    while ((link = brd_list_pop (&living))) {
        BRD_LIST_ITEM (link, brd_home_object_t, link)->marked = 0;
        brd_list_append (&self->objects, link);
    }
    self->suspect = 0;
    brd_home_bury (self);
}
