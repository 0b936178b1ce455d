// home_queue.c - Queue and JoinableQueue
//
// SPDX-License-Identifier: MPL-2.0
//
//     put --full? waits--> ranks --get--> grant --seen, or done--> gone
//                            ^              |
//                            +-- at its head + its client died; task_failed
//                                           |
//                                           +-- delivered too often --> dead
//
// Items lie in one list for each priority; a heap says which is first. What is
// needed to take an item back is never freed before the item, so coming back
// cannot fail. An item is its getter's only when the client has said that the
// answer arrived: a death before brings it back.
//
// Read next: home_dict.c.

#include "core/home_internal.h"

#define S_CAPACITY_BYTES ((int64_t) 64 << 20)

// The items of one priority.
typedef struct {
    brd_timer_t rank;  // In ranks while there are any; due is the priority
    brd_list_t items;
    size_t users;  // Items that lie here, are under way, or want to come
} s_shelf_t;

typedef struct {
    brd_home_todo_t todo;  // Its place on the shelf; then, that it was dropped
    brd_home_blob_t *blob;
    s_shelf_t *shelf;
    int64_t deliveries;
    uint64_t queue;
} s_item_t;

typedef struct {
    int64_t capacity;
    int64_t capacity_bytes;
    int64_t size_max;
    int64_t joinable;
    int64_t deliveries_max;
    int64_t dead;
    int64_t priorities;
} s_options_t;

typedef struct s_queue {
    brd_home_object_t object;  // Its waiters are getters
    s_options_t options;
    struct s_queue *dead;
    brd_list_t putters;
    brd_list_t joiners;
    int closed;
    size_t count;
    size_t bytes;
    int64_t unfinished;
    brd_heap_t ranks;
    brd_map_t shelves;  // Priority + 1 to shelf
} s_queue_t;

static s_queue_t *
s_queue (brd_home_object_t *object)
{
    return BRD_LIST_ITEM (object, s_queue_t, object);
}

// --- Options ---------------------------------------------------------------

static int
s_options (const brd_home_arg_t *list, s_options_t *ret)
{
    brd_value_cursor_t items = brd_home_items (list);
    size_t left = list->head.size;
    if (brd_home_option (&items, &left, 0, INT64_MAX, &ret->capacity) < 0
        || brd_home_option (&items, &left, 0, INT64_MAX, &ret->capacity_bytes)
               < 0
        || brd_home_option (&items, &left, 0, INT64_MAX, &ret->size_max) < 0
        || brd_home_option (&items, &left, 0, 1, &ret->joinable) < 0
        || brd_home_option (&items, &left, 0, INT32_MAX, &ret->deliveries_max)
               < 0
        || brd_home_option (&items, &left, 0, INT64_MAX, &ret->dead) < 0
        || brd_home_option (&items, &left, 0, 1, &ret->priorities) < 0)
        return -1;
    if (ret->capacity_bytes == 0)
        ret->capacity_bytes = S_CAPACITY_BYTES;
    if (ret->size_max == 0)
        ret->size_max = ret->capacity_bytes;
    return 0;
}

static int
s_open (brd_home_call_t *call,
        brd_home_object_t *object,
        const brd_home_arg_t *options)
{
    s_queue_t *self = s_queue (object);
    if (s_options (options, &self->options) < 0)
        return -1;
    brd_home_object_t *dead = NULL;
    if (self->options.dead != 0) {
        dead = brd_home_object (call->home, (uint64_t) self->options.dead);
        if (!dead || dead->kind != BRD_KIND_QUEUE || dead == object)
            return brd_error_set (ENOENT, "the queue for the dead is gone");
        dead->busy++;
    }
    self->dead = dead ? s_queue (dead) : NULL;
    brd_list_init (&self->putters);
    brd_list_init (&self->joiners);
    brd_heap_init (&self->ranks);
    brd_map_init (&self->shelves);
    return 0;
}

static int
s_same (const brd_home_object_t *object, const brd_home_arg_t *options)
{
    const s_queue_t *self = (const s_queue_t *) object;
    s_options_t other;
    return s_options (options, &other) == 0
           && memcmp (&other, &self->options, sizeof other) == 0;
}

// --- Shelves ---------------------------------------------------------------

static s_shelf_t *
s_shelf (s_queue_t *self, int64_t priority)
{
    const uint64_t key = (uint64_t) priority + 1;
    s_shelf_t *shelf = brd_map_get (&self->shelves, key);
    if (shelf)
        return shelf;
    if (brd_heap_reserve (&self->ranks, self->shelves.count + 1) < 0)
        return NULL;
    shelf = brd_mem_zalloc (sizeof *shelf);
    if (!shelf)
        return NULL;
    shelf->rank.due = priority;
    brd_list_init (&shelf->items);
    if (brd_map_set (&self->shelves, key, shelf) < 0) {
        brd_mem_free (shelf);
        return NULL;
    }
    return shelf;
}

static void
s_leave_shelf (s_queue_t *self, s_item_t *item)
{
    s_shelf_t *shelf = item->shelf;
    if (--shelf->users > 0)
        return;
    (void) brd_map_remove (&self->shelves, (uint64_t) shelf->rank.due + 1);
    brd_mem_free (shelf);
}

static void
s_lay (s_queue_t *self, s_item_t *item, int first)
{
    s_shelf_t *shelf = item->shelf;
    if (first)
        brd_list_prepend (&shelf->items, &item->todo.link);
    else
        brd_list_append (&shelf->items, &item->todo.link);
    if (shelf->rank.place == 0)
        (void) brd_heap_set (&self->ranks, &shelf->rank, shelf->rank.due);
    self->count++;
    self->bytes += item->blob->size;
}

static s_item_t *
s_head (const s_queue_t *self)
{
    brd_timer_t *rank = brd_heap_first (&self->ranks);
    if (!rank)
        return NULL;
    const s_shelf_t *shelf = BRD_LIST_ITEM (rank, s_shelf_t, rank);
    return BRD_LIST_ITEM (shelf->items.next, s_item_t, todo.link);
}

static void
s_lift (s_queue_t *self, s_item_t *item)
{
    brd_list_remove (&item->todo.link);
    if (brd_list_empty (&item->shelf->items))
        brd_heap_remove (&self->ranks, &item->shelf->rank);
    self->count--;
    self->bytes -= item->blob->size;
}

// --- Items -----------------------------------------------------------------

static int
s_priority (const s_queue_t *self, const brd_home_arg_t *value, int64_t *ret)
{
    *ret = 0;
    if (!self->options.priorities)
        return 0;
    brd_value_cursor_t items = { NULL, NULL };
    size_t left = 0;
    if (value->head.type == BROOD_LIST && value->head.size == 2) {
        items = brd_home_items (value);
        left = 2;
    }
    if (brd_home_option (&items, &left, 0, INT32_MAX, ret) < 0)
        return brd_error_set (EINVAL,
                              "items of this queue are [priority, item]");
    return 0;
}

static s_item_t *
s_item_new (brd_home_t *home, s_queue_t *self, const brd_home_arg_t *value)
{
    int64_t priority;
    if (s_priority (self, value, &priority) < 0)
        return NULL;
    s_item_t *item = brd_mem_zalloc (sizeof *item);
    if (!item)
        return NULL;
    brd_list_init (&item->todo.link);
    item->queue = self->object.number;
    item->shelf = s_shelf (self, priority);
    if (item->shelf) {
        item->shelf->users++;
        item->blob = brd_home_blob_new (home, value->bytes, value->size);
    }
    if (item->blob)
        return item;
    if (item->shelf)
        s_leave_shelf (self, item);
    brd_mem_free (item);
    return NULL;
}

static void
s_item_free (brd_home_t *home, s_queue_t *self, s_item_t *item)
{
    s_leave_shelf (self, item);
    brd_home_blob_free (home, item->blob);
    brd_mem_free (item);
}

// --- Giving and taking -----------------------------------------------------

static int
s_is_full (const s_queue_t *self, size_t size)
{
    const s_options_t *limits = &self->options;
    if (self->count == 0)
        return 0;
    return (limits->capacity > 0 && (int64_t) self->count >= limits->capacity)
           || (int64_t) self->bytes + (int64_t) size > limits->capacity_bytes;
}

// The slot's grant becomes the item's. -1 and the item is where it was.
static int
s_give (brd_home_t *home,
        s_queue_t *self,
        brd_home_slot_t *slot,
        const brd_home_arg_t *picture)
{
    s_item_t *item = s_head (self);
    if (brd_home_fits (picture, item->blob) < 0
        || (item->blob->refs > 0
            && brd_home_lend (home, slot, item->blob->bytes, item->blob->size)
                   < 0))
        return -1;
    s_lift (self, item);
    item->deliveries++;
    slot->got = slot->grant;
    slot->grant = NULL;
    slot->got->item = item;
    slot->got->slot = slot;
    brd_home_grant_give (slot->got);
    return 0;
}

static void
s_serve_getter (brd_home_t *home, s_queue_t *self, brd_home_slot_t *slot)
{
    brd_value_cursor_t at = { slot->blob->bytes,
                              slot->blob->bytes + slot->blob->size };
    brd_home_arg_t picture = { .bytes = at.at, .size = slot->blob->size };
    (void) brd_value_read (&at, &picture.head);
    brd_error_forget ();
    if (s_give (home, self, slot, &picture) < 0) {
        brd_home_fail (home, slot);
        return;
    }
    brd_home_blob_free (home, slot->blob);
    slot->blob = NULL;
    brd_home_answer (home, slot);
}

static void
s_admit (brd_home_t *home, s_queue_t *self)
{
    while (!brd_list_empty (&self->putters)) {
        brd_home_slot_t *slot =
            BRD_LIST_ITEM (self->putters.next, brd_home_slot_t, link);
        s_item_t *item = slot->grant->item;
        if (s_is_full (self, item->blob->size))
            return;
        slot->grant->item = NULL;
        brd_home_grant_free (home, slot->grant);
        slot->grant = NULL;
        self->unfinished += self->options.joinable;
        s_lay (self, item, 0);
        brd_home_answer (home, slot);
    }
}

// An item that is under way may come back: whoever waits at the end of a closed
// queue waits for those of others.
static int
s_others_have (const s_queue_t *self, const brd_home_slot_t *slot)
{
    for (const brd_list_t *at = self->object.grants.next;
         at != &self->object.grants;
         at = at->next) {
        const brd_home_grant_t *grant =
            BRD_LIST_ITEM (at, brd_home_grant_t, of_object);
        if (grant->session != slot->session || grant->thread != slot->thread)
            return 1;
    }
    return 0;
}

static const char s_closed[] = "the queue is closed";

// After any change: items to those who wait for them, room to those who wait
// for it, the end to the rest.
static void
s_serve (brd_home_t *home, s_queue_t *self)
{
    // Answered waiters must not take the queue with them.
    self->object.busy++;
    s_admit (home, self);
    while (self->count > 0 && !brd_list_empty (&self->object.waiters)) {
        s_serve_getter (
            home,
            self,
            BRD_LIST_ITEM (self->object.waiters.next, brd_home_slot_t, link));
        s_admit (home, self);
    }
    brd_list_t *next;
    for (brd_list_t *at = self->object.waiters.next;
         self->closed && at != &self->object.waiters;
         at = next) {
        next = at->next;
        brd_home_slot_t *slot = BRD_LIST_ITEM (at, brd_home_slot_t, link);
        if (!s_others_have (self, slot))
            brd_home_end_text (home, slot, EPIPE, s_closed);
    }
    while (self->unfinished == 0 && !brd_list_empty (&self->joiners))
        brd_home_answer (
            home, BRD_LIST_ITEM (self->joiners.next, brd_home_slot_t, link));
    self->object.busy--;
    brd_home_settle (home, &self->object);
}

// --- Coming back -----------------------------------------------------------

// To the queue for the dead, or out: 1; 0 if it cannot be, for lack of memory.
static int
s_bury (brd_home_t *home, s_queue_t *self, s_item_t *item)
{
    s_queue_t *dead = self->dead;
    if (!dead || dead->closed) {
        s_leave_shelf (self, item);
        brd_home_tell (home, &item->todo, BRD_HOME_DO_DROPPED);
        self->unfinished--;
        return 1;
    }
    s_shelf_t *shelf =
        s_shelf (dead, dead->options.priorities ? item->shelf->rank.due : 0);
    if (!shelf)
        return 0;
    s_leave_shelf (self, item);
    item->shelf = shelf;
    shelf->users++;
    item->queue = dead->object.number;
    item->deliveries = 0;
    self->unfinished--;
    // Beyond its capacity, if need be: a death must not lose it.
    dead->unfinished += dead->options.joinable;
    s_lay (dead, item, 0);
    s_serve (home, dead);
    return 1;
}

static void
s_return (brd_home_t *home, s_queue_t *self, brd_home_grant_t *grant)
{
    s_item_t *item = grant->item;
    const int64_t max = self->options.deliveries_max;
    self->object.busy++;
    grant->item = NULL;
    brd_home_grant_free (home, grant);
    if (!self->options.joinable || max == 0 || item->deliveries < max
        || !s_bury (home, self, item))
        s_lay (self, item, 1);
    s_serve (home, self);
    self->object.busy--;
    brd_home_settle (home, &self->object);
}

static void
s_finish (brd_home_t *home, s_queue_t *self, brd_home_grant_t *grant)
{
    s_item_t *item = grant->item;
    grant->item = NULL;
    self->object.busy++;
    brd_home_grant_free (home, grant);
    s_item_free (home, self, item);
    s_serve (home, self);
    self->object.busy--;
    brd_home_settle (home, &self->object);
}

static void
s_forfeit (brd_home_t *home, brd_home_grant_t *grant)
{
    s_return (home, s_queue (grant->object), grant);
}

void
brd_home_queue_seen (brd_home_t *self, brd_home_grant_t *grant)
{
    s_queue_t *queue = s_queue (grant->object);
    grant->slot->got = NULL;
    grant->slot = NULL;
    if (!queue->options.joinable)
        s_finish (self, queue, grant);
}

void
brd_home_queue_unseen (brd_home_t *self, brd_home_grant_t *grant)
{
    grant->slot->got = NULL;
    grant->slot = NULL;
    // It was not delivered.
    ((s_item_t *) grant->item)->deliveries--;
    s_return (self, s_queue (grant->object), grant);
}

const brd_home_blob_t *
brd_home_queue_blob (const brd_home_grant_t *grant)
{
    return ((const s_item_t *) grant->item)->blob;
}

void
brd_home_queue_dropped (brd_home_t *self,
                        brd_home_todo_t *todo,
                        brd_home_effect_t *ret_effect)
{
    s_item_t *item = BRD_LIST_ITEM (todo, s_item_t, todo);
    ret_effect->object = item->queue;
    brd_home_blob_free (self, item->blob);
    brd_mem_free (item);
}

// --- Calls -----------------------------------------------------------------

static int
s_wait_to_put (brd_home_call_t *call, s_queue_t *self, s_item_t *item)
{
    brd_home_slot_t *slot = call->slot;
    slot->grant =
        brd_home_grant_new (call->session, call->object, slot->thread);
    const int rc = slot->grant ? brd_home_wait (call, call->object) : -1;
    if (rc < 0) {
        s_item_free (call->home, self, item);
        return -1;
    }
    slot->grant->item = item;
    brd_list_remove (&slot->link);
    brd_list_append (&self->putters, &slot->link);
    return rc;
}

int
brd_home_queue_put (brd_home_call_t *call)
{
    s_queue_t *self = s_queue (call->object);
    const brd_home_arg_t *value = &call->args[0];
    if (self->closed)
        return brd_error_set (EPIPE, "%s", s_closed);
    if (value->size > (uint64_t) self->options.size_max)
        return brd_error_set (EMSGSIZE,
                              "an item of %zu bytes, where at most %lld may be",
                              value->size,
                              (long long) self->options.size_max);
    if (brd_home_say_nil (call) < 0)
        return -1;
    s_item_t *item = s_item_new (call->home, self, value);
    if (!item)
        return -1;
    if (s_is_full (self, value->size) || !brd_list_empty (&self->putters))
        return s_wait_to_put (call, self, item);
    self->unfinished += self->options.joinable;
    s_lay (self, item, 0);
    s_serve (call->home, self);
    return 0;
}

int
brd_home_queue_get (brd_home_call_t *call)
{
    s_queue_t *self = s_queue (call->object);
    brd_home_slot_t *slot = call->slot;
    const brd_home_arg_t *picture = &call->args[0];
    slot->grant =
        brd_home_grant_new (call->session, call->object, slot->thread);
    if (!slot->grant)
        return -1;
    if (self->count > 0) {
        if (s_give (call->home, self, slot, picture) < 0)
            return -1;
        s_serve (call->home, self);
        return 0;
    }
    if (self->closed && !s_others_have (self, slot))
        return brd_error_set (EPIPE, "%s", s_closed);
    slot->blob = brd_home_blob_new (call->home, picture->bytes, picture->size);
    return slot->blob ? brd_home_wait (call, call->object) : -1;
}

int
brd_home_queue_close (brd_home_call_t *call)
{
    s_queue_t *self = s_queue (call->object);
    if (brd_home_say_nil (call) < 0)
        return -1;
    self->closed = 1;
    while (!brd_list_empty (&self->putters)) {
        brd_home_slot_t *slot =
            BRD_LIST_ITEM (self->putters.next, brd_home_slot_t, link);
        s_item_free (call->home, self, slot->grant->item);
        slot->grant->item = NULL;
        brd_home_end_text (call->home, slot, EPIPE, s_closed);
    }
    s_serve (call->home, self);
    return 0;
}

// [items, full]
int
brd_home_queue_size (brd_home_call_t *call)
{
    const s_queue_t *self = s_queue (call->object);
    brd_buf_t *out = &call->slot->out;
    return brd_value_put_list (out, 2) < 0
                   || brd_value_put_uint (out, self->count) < 0
                   || brd_value_put_bool (out, s_is_full (self, 1)) < 0
               ? -1
               : 0;
}

// What this thread got first, of what it has not done.
static brd_home_grant_t *
s_first (const brd_home_call_t *call)
{
    const s_queue_t *self = s_queue (call->object);
    if (!self->options.joinable) {
        brd_error_set (EINVAL, "the queue is not joinable");
        return NULL;
    }
    const brd_list_t *all = &call->session->grants;
    for (brd_list_t *at = all->next; at != all; at = at->next) {
        brd_home_grant_t *grant =
            BRD_LIST_ITEM (at, brd_home_grant_t, of_session);
        if (grant->object == call->object
            && grant->thread == call->slot->thread)
            return grant;
    }
    brd_error_set (EPERM, "this thread has no item that is not done");
    return NULL;
}

int
brd_home_queue_done (brd_home_call_t *call)
{
    brd_home_grant_t *grant = s_first (call);
    if (!grant || brd_home_say_nil (call) < 0)
        return -1;
    s_queue_t *self = s_queue (call->object);
    self->unfinished--;
    s_finish (call->home, self, grant);
    return 0;
}

int
brd_home_queue_failed (brd_home_call_t *call)
{
    brd_home_grant_t *grant = s_first (call);
    if (!grant || brd_home_say_nil (call) < 0)
        return -1;
    s_return (call->home, s_queue (call->object), grant);
    return 0;
}

// What it is about has been done when this begins: brd_home_queue_unseen ().
int
brd_home_queue_refuse (brd_home_call_t *call)
{
    return brd_home_say_nil (call);
}

int
brd_home_queue_join (brd_home_call_t *call)
{
    s_queue_t *self = s_queue (call->object);
    if (!self->options.joinable)
        return brd_error_set (EINVAL, "the queue is not joinable");
    if (brd_home_say_nil (call) < 0)
        return -1;
    if (self->unfinished == 0)
        return 0;
    const int rc = brd_home_wait (call, call->object);
    if (rc == BRD_HOME_WAITS) {
        brd_list_remove (&call->slot->link);
        brd_list_append (&self->joiners, &call->slot->link);
    }
    return rc;
}

// --- Its class -------------------------------------------------------------

static void
s_leave (brd_home_t *home, brd_home_slot_t *slot, int error)
{
    s_queue_t *self = s_queue (slot->object);
    if (slot->grant && slot->grant->item) {
        s_item_free (home, self, slot->grant->item);
        slot->grant->item = NULL;
    }
    self->object.busy++;
    brd_home_end (home, slot, error);
    s_serve (home, self);  // A smaller item may be behind it
    self->object.busy--;
    brd_home_settle (home, &self->object);
}

static void
s_walk_shelves (const s_queue_t *self,
                void (*visit) (const brd_home_blob_t *blob, void *arg),
                void *arg)
{
    size_t place = 0;
    const s_shelf_t *shelf;
    while ((shelf = brd_map_next (&self->shelves, &place, NULL))) {
        for (brd_list_t *at = shelf->items.next; at != &shelf->items;
             at = at->next)
            visit (BRD_LIST_ITEM (at, s_item_t, todo.link)->blob, arg);
    }
}

static void
s_walk (const brd_home_object_t *object,
        void (*visit) (const brd_home_blob_t *blob, void *arg),
        void *arg)
{
    const s_queue_t *self = (const s_queue_t *) object;
    s_walk_shelves (self, visit, arg);
    for (brd_list_t *at = object->grants.next; at != &object->grants;
         at = at->next) {
        const brd_home_grant_t *grant =
            BRD_LIST_ITEM (at, brd_home_grant_t, of_object);
        visit (brd_home_queue_blob (grant), arg);
    }
    for (brd_list_t *at = self->putters.next; at != &self->putters;
         at = at->next)
        visit (brd_home_queue_blob (
                   BRD_LIST_ITEM (at, brd_home_slot_t, link)->grant),
               arg);
}

static void
s_empty (brd_home_t *home, brd_home_object_t *object)
{
    s_queue_t *self = s_queue (object);
    s_item_t *item;
    while ((item = s_head (self))) {
        s_lift (self, item);
        s_item_free (home, self, item);
    }
}

static void
s_fini (brd_home_t *home, brd_home_object_t *object)
{
    s_queue_t *self = s_queue (object);
    if (self->dead) {
        brd_home_object_t *dead = &self->dead->object;
        dead->busy--;
        brd_home_settle (home, dead);
    }
    brd_heap_fini (&self->ranks);
    brd_map_fini (&self->shelves);
}

static void
s_check (const brd_home_t *home, const brd_home_object_t *object)
{
    (void) home;
    const s_queue_t *self = (const s_queue_t *) object;
    size_t place = 0;
    size_t count = 0;
    const s_shelf_t *shelf;
    while ((shelf = brd_map_next (&self->shelves, &place, NULL))) {
        brd_assert (shelf->users > 0);
        brd_assert (brd_list_empty (&shelf->items) == (shelf->rank.place == 0));
        for (brd_list_t *at = shelf->items.next; at != &shelf->items;
             at = at->next)
            count++;
    }
    brd_assert (count == self->count);
    brd_assert (count == 0 || brd_list_empty (&object->waiters));
    brd_assert (count > 0 || brd_list_empty (&self->putters));
    int64_t under_way = 0;
    for (brd_list_t *at = object->grants.next; at != &object->grants;
         at = at->next)
        under_way++;
    brd_assert (!self->options.joinable
                || self->unfinished == (int64_t) count + under_way);
    brd_assert (self->unfinished > 0 || brd_list_empty (&self->joiners));
}

const brd_home_class_t brd_home_queue_class = {
    .size = sizeof (s_queue_t),
    .open = s_open,
    .same = s_same,
    .leave = s_leave,
    .forfeit = s_forfeit,
    .walk = s_walk,
    .empty = s_empty,
    .fini = s_fini,
    .check = s_check,
};
