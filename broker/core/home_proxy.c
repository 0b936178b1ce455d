// home_proxy.c - objects of the user's own classes
//
// SPDX-License-Identifier: MPL-2.0
//
//     OPEN -> waiting, first --INVOKE, no method--> host makes it --RETURNED-->
//                                                            born, or gone
//     PROXY_CALL -> waiting --INVOKE--> host runs it --RETURNED--> answered,
//                                                            the next begins
//
// The home knows no more of such an object than its number, its class's name
// and who waits for it; the thing itself is the host's. One call at a time is
// outside, so methods of one object never run side by side. A client that dies
// meanwhile loses its answer; the method goes on.
//
// Read next: broker/manager/manager_methods.c, the host's side.

#include "core/home_internal.h"

typedef struct {
    brd_home_object_t object;
    brd_home_todo_t todo;
    int born;
    int running;
    int failed;               // errno of its making
    brd_home_slot_t *runner;  // Whose call is outside; NULL: it is gone
    brd_home_blob_t *args;    // Of that call
    char method[BROOD_NAME_SIZE];
    char class_name[BROOD_NAME_SIZE];
} s_proxy_t;

static s_proxy_t *
s_proxy (brd_home_object_t *object)
{
    return BRD_LIST_ITEM (object, s_proxy_t, object);
}

static int
s_copy_name (const brd_home_arg_t *name, char *ret_text)
{
    if (name->head.type != BROOD_TEXT || name->head.size == 0
        || name->head.size >= BROOD_NAME_SIZE
        || memchr (name->head.bytes, '\0', name->head.size))
        return brd_error_set (EINVAL,
                              "names of classes and methods have 1 to %d bytes",
                              BROOD_NAME_SIZE - 1);
    memcpy (ret_text, name->head.bytes, name->head.size);
    ret_text[name->head.size] = '\0';
    return 0;
}

// --- One at a time ---------------------------------------------------------

// Those who only wait until it is born are not for the host.
static void
s_next (brd_home_t *home, s_proxy_t *self)
{
    while (!self->running && !brd_list_empty (&self->object.waiters)) {
        brd_home_slot_t *slot =
            BRD_LIST_ITEM (self->object.waiters.next, brd_home_slot_t, link);
        if (slot->op == BRD_REQUEST_OPEN && self->born) {
            brd_home_answer (home, slot);
            continue;
        }
        self->running = 1;
        self->object.busy++;
        self->runner = slot;
        self->args = slot->blob;
        slot->blob = NULL;
        // The method's name waits in the slot's buffer, and is its first word.
        memset (self->method, 0, sizeof self->method);
        if (self->born)
            memcpy (self->method, slot->out.bytes, slot->out.size);
        brd_home_tell (home, &self->todo, BRD_HOME_DO_INVOKE);
    }
}

static void
s_fail_all (brd_home_t *home, s_proxy_t *self, int error, const char *text)
{
    while (!brd_list_empty (&self->object.waiters))
        brd_home_end_text (
            home,
            BRD_LIST_ITEM (self->object.waiters.next, brd_home_slot_t, link),
            error,
            text);
}

// The name goes, so that the next who opens it tries again; handles that were
// given in advance are taken back.
static void
s_unmake (brd_home_t *home, s_proxy_t *self, int error, const char *text)
{
    self->failed = error;
    if (self->object.name.key) {
        brd_home_remove (&home->names, &self->object.name);
        brd_mem_free ((void *) self->object.name.key);
        self->object.name.key = NULL;
    }
    for (brd_list_t *at = self->object.waiters.next;
         at != &self->object.waiters;
         at = at->next) {
        brd_home_slot_t *slot = BRD_LIST_ITEM (at, brd_home_slot_t, link);
        if (slot->op == BRD_REQUEST_OPEN)
            brd_home_drop (home, slot->session, self->object.number, 1);
    }
    s_fail_all (home, self, error, text);
}

static void
s_answer_call (brd_home_t *home,
               brd_home_slot_t *slot,
               const brd_home_event_t *event)
{
    brd_error_forget ();
    if (event->error == 0) {
        slot->blob = brd_home_blob_new (home, event->bytes, event->size);
        if (slot->blob
            && brd_home_lend (home, slot, event->bytes, event->size) == 0) {
            brd_home_answer (home, slot);
            return;
        }
        brd_home_fail (home, slot);
        return;
    }
    brd_home_end_text (home, slot, event->error, event->text);
}

void
brd_home_proxy_returned (brd_home_t *home, const brd_home_event_t *event)
{
    brd_home_object_t *object = brd_home_object (home, event->object);
    if (!object || object->kind != BRD_KIND_PROXY || !s_proxy (object)->running)
        return;
    s_proxy_t *self = s_proxy (object);
    brd_home_slot_t *runner = self->runner;
    const int is_birth = !self->born;
    self->running = 0;
    self->runner = NULL;
    brd_home_blob_free (home, self->args);
    self->args = NULL;
    if (is_birth)
        self->born = event->error == 0;
    if (is_birth && !self->born)
        s_unmake (home, self, event->error, event->text);
    else if (runner && is_birth)
        brd_home_answer (home, runner);
    else if (runner)
        s_answer_call (home, runner, event);
    s_next (home, self);
    object->busy--;
    brd_home_settle (home, object);
}

static brd_home_object_t *
s_running (const brd_home_t *home)
{
    for (brd_list_t *at = home->objects.next; at != &home->objects;
         at = at->next) {
        brd_home_object_t *object = BRD_LIST_ITEM (at, brd_home_object_t, link);
        if (object->kind == BRD_KIND_PROXY && s_proxy (object)->running)
            return object;
    }
    return NULL;
}

void
brd_home_proxy_end_all (brd_home_t *home)
{
    brd_home_object_t *object;
    while ((object = s_running (home))) {
        const brd_home_event_t event = { .type = BRD_HOME_RETURNED,
                                         .object = object->number,
                                         .error = ECANCELED,
                                         .text = "the manager ends" };
        brd_home_proxy_returned (home, &event);
    }
}

// --- Calls -----------------------------------------------------------------

static int
s_open (brd_home_call_t *call,
        brd_home_object_t *object,
        const brd_home_arg_t *options)
{
    s_proxy_t *self = s_proxy (object);
    brd_value_cursor_t items = brd_home_items (options);
    size_t left = options->head.size;
    brd_home_arg_t name;
    brd_home_arg_t args;
    brd_list_init (&self->todo.link);
    if (left != 2 || !brd_home_next (&items, &left, &name)
        || !brd_home_next (&items, &left, &args))
        return brd_error_set (EINVAL, "a proxy has a class and arguments");
    if (s_copy_name (&name, self->class_name) < 0)
        return -1;
    call->slot->blob = brd_home_blob_new (call->home, args.bytes, args.size);
    if (!call->slot->blob)
        return -1;
    brd_home_wait_in (call->home, call->slot, object, BRD_NEVER);
    s_next (call->home, self);
    return BRD_HOME_WAITS;
}

static int
s_same (const brd_home_object_t *object, const brd_home_arg_t *options)
{
    const s_proxy_t *self = (const s_proxy_t *) object;
    brd_value_cursor_t items = brd_home_items (options);
    size_t left = options->head.size;
    brd_home_arg_t name;
    return brd_home_next (&items, &left, &name) && name.head.type == BROOD_TEXT
           && name.head.size == strlen (self->class_name)
           && memcmp (name.head.bytes, self->class_name, name.head.size) == 0;
}

// Somebody else makes it just now: its opener waits for the outcome.
int
brd_home_proxy_wait_born (brd_home_call_t *call, brd_home_object_t *object)
{
    if (s_proxy (object)->born)
        return 0;
    brd_home_wait_in (call->home, call->slot, object, BRD_NEVER);
    return BRD_HOME_WAITS;
}

int
brd_home_proxy_call (brd_home_call_t *call)
{
    s_proxy_t *self = s_proxy (call->object);
    brd_home_slot_t *slot = call->slot;
    char method[BROOD_NAME_SIZE];
    if (self->failed != 0)
        return brd_error_set (ENOENT, "the object could not be made");
    if (s_copy_name (&call->args[0], method) < 0
        || brd_buf_add (&slot->out, method, strlen (method)) < 0)
        return -1;
    slot->blob =
        brd_home_blob_new (call->home, call->args[1].bytes, call->args[1].size);
    if (!slot->blob)
        return -1;
    brd_home_wait_in (call->home, slot, call->object, BRD_NEVER);
    s_next (call->home, self);
    return BRD_HOME_WAITS;
}

// --- Effects and ends ------------------------------------------------------

void
brd_home_proxy_invoke (brd_home_t *home,
                       brd_home_todo_t *todo,
                       brd_home_effect_t *ret_effect)
{
    s_proxy_t *self = BRD_LIST_ITEM (todo, s_proxy_t, todo);
    ret_effect->object = self->object.number;
    if (todo->type == BRD_HOME_DO_INVOKE) {
        ret_effect->class_name = self->class_name;
        ret_effect->method = self->born ? self->method : NULL;
        ret_effect->bytes = self->args->bytes;
        ret_effect->size = self->args->size;
        return;
    }
    (void) home;
    brd_mem_free (self);
}

// An interrupt gives the answer up, not the method.
static void
s_leave (brd_home_t *home, brd_home_slot_t *slot, int error)
{
    s_proxy_t *self = s_proxy (slot->object);
    if (self->runner == slot)
        self->runner = NULL;
    if (slot->op == BRD_REQUEST_OPEN)
        brd_home_drop (home, slot->session, self->object.number, 1);
    brd_home_end (home, slot, error);
}

static void
s_walk (const brd_home_object_t *object,
        void (*visit) (const brd_home_blob_t *blob, void *arg),
        void *arg)
{
    const s_proxy_t *self = (const s_proxy_t *) object;
    if (self->args)
        visit (self->args, arg);
}

static void
s_fini (brd_home_t *home, brd_home_object_t *object)
{
    s_proxy_t *self = s_proxy (object);
    brd_home_tell (home, &self->todo, BRD_HOME_DO_DESTROY);
}

static void
s_check (const brd_home_t *home, const brd_home_object_t *object)
{
    (void) home;
    const s_proxy_t *self = (const s_proxy_t *) object;
    brd_assert (self->running || brd_list_empty (&object->waiters));
    brd_assert (self->running == (self->args != NULL));
    brd_assert (!self->runner || self->runner->object == object);
}

const brd_home_class_t brd_home_proxy_class = {
    .size = sizeof (s_proxy_t),
    .open = s_open,
    .same = s_same,
    .leave = s_leave,
    .walk = s_walk,
    .fini = s_fini,
    .check = s_check,
};
