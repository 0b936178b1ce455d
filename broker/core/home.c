// home.c - the home's one door
//
// SPDX-License-Identifier: MPL-2.0
//
// A step is three things in this order:
//
//     1. the event; a call is: its slot, its arguments as the table of
//        lib/wire/brd_request.h wants them, its object, its handler
//     2. waits whose time is over: TICK is an event that has nothing but this
//     3. objects that nobody has any more end
//
// What is to be answered is linked and fetched with brd_home_effect (). A call
// that fails (ENOMEM, too) fails before it has changed anything, and its answer
// says so; what wakes others later needs no memory, for it was made when they
// began to wait.
//
// Read next: home_value.c, home_object.c, home_session.c; then a class.

#include "core/home.h"

#include "core/home_internal.h"

brd_home_t *
brd_home_new (const brd_home_options_t *options)
{
    brd_home_t *self = brd_mem_zalloc (sizeof *self);
    if (!self)
        return NULL;
    self->options = *options;
    if (self->options.objects_max == 0)
        self->options.objects_max = BRD_HOME_OBJECTS_MAX;
    if (self->options.sessions_max == 0)
        self->options.sessions_max = BRD_HOME_SESSIONS_MAX;
    brd_map_init (&self->sessions);
    brd_map_init (&self->numbers);
    brd_map_init (&self->names.map);
    brd_list_init (&self->objects);
    brd_list_init (&self->dying);
    brd_list_init (&self->todo);
    brd_list_init (&self->end.link);
    brd_heap_init (&self->timers);
    return self;
}

static void
s_unname_all (brd_home_t *self)
{
    for (brd_list_t *at = self->objects.next; at != &self->objects;) {
        brd_home_object_t *object = BRD_LIST_ITEM (at, brd_home_object_t, link);
        at = at->next;
        if (!object->name.key)
            continue;
        brd_home_remove (&self->names, &object->name);
        brd_mem_free ((void *) object->name.key);
        object->name.key = NULL;
        brd_home_settle (self, object);
    }
}

void
brd_home_destroy (brd_home_t **self_p)
{
    if (!self_p || !*self_p)
        return;
    brd_home_t *self = *self_p;
    brd_home_effect_t effect;
    brd_home_session_t *session;
    size_t place = 0;
    while ((session = brd_map_next (&self->sessions, &place, NULL)))
        session->gone = 1;  // Nobody is told anything any more
    place = 0;
    while ((session = brd_map_next (&self->sessions, &place, NULL))) {
        brd_home_session_gone (self, session);
        place = 0;
    }
    brd_home_proxy_end_all (self);
    s_unname_all (self);
    brd_home_bury (self);
    brd_home_collect (self);
    while (brd_home_effect (self, &effect) == 1)
        continue;
    brd_assert (self->count == 0 && self->bytes == 0);
    brd_heap_fini (&self->timers);
    brd_map_fini (&self->sessions);
    brd_map_fini (&self->numbers);
    brd_map_fini (&self->names.map);
    brd_mem_free (self);
    *self_p = NULL;
}

// --- Calls on the manager itself -------------------------------------------

static int
s_objects (brd_home_call_t *call)
{
    if (call->home->suspect)
        brd_home_collect (call->home);
    return brd_home_say_int (call, (int64_t) call->home->count);
}

// [number, kind, name, handles, contained, waiting] of each object.
static int
s_describe (brd_home_call_t *call)
{
    const brd_home_t *self = call->home;
    brd_buf_t *out = &call->slot->out;
    if (brd_value_put_list (out, self->count) < 0)
        return -1;
    for (const brd_list_t *at = self->objects.next; at != &self->objects;
         at = at->next) {
        const brd_home_object_t *object =
            BRD_LIST_ITEM (at, brd_home_object_t, link);
        const char *kind = brd_kind_text (object->kind);
        if (brd_value_put_list (out, 6) < 0
            || brd_value_put_uint (out, object->number) < 0
            || brd_value_put_text (out, kind, strlen (kind)) < 0
            || brd_value_put_text (out, object->name.key, object->name.size) < 0
            || brd_value_put_uint (out, object->holds) < 0
            || brd_value_put_uint (out, object->contained) < 0
            || brd_value_put_uint (out, object->busy) < 0)
            return -1;
    }
    return 0;
}

static int
s_shutdown (brd_home_call_t *call)
{
    if (brd_home_say_nil (call) < 0)
        return -1;
    if (call->home->end.type != BRD_HOME_DO_END)
        brd_home_tell (call->home, &call->home->end, BRD_HOME_DO_END);
    return 0;
}

// The class is the host's, who has put what became of it where a client puts an
// object.
static int
s_register (brd_home_call_t *call)
{
    const uint64_t error = call->call->object;
    if (error != 0)
        return brd_error_set ((int) error,
                              error == EEXIST ? "there is a class of that name"
                              : error == EACCES ? "not from another program"
                                                : "not a class");
    return brd_home_say_nil (call);
}

// --- The table -------------------------------------------------------------

static brd_home_handler_fn *const s_handlers[BRD_REQUEST_OPS_END] = {
    [BRD_REQUEST_OPEN] = brd_home_open,
    [BRD_REQUEST_HOLD] = brd_home_hold,
    [BRD_REQUEST_OBJECTS] = s_objects,
    [BRD_REQUEST_DESCRIBE] = s_describe,
    [BRD_REQUEST_SHUTDOWN] = s_shutdown,
    [BRD_REQUEST_REGISTER] = s_register,
    [BRD_REQUEST_DICT_SET] = brd_home_dict_set,
    [BRD_REQUEST_DICT_GET] = brd_home_dict_get,
    [BRD_REQUEST_DICT_DEL] = brd_home_dict_del,
    [BRD_REQUEST_DICT_CONTAINS] = brd_home_dict_contains,
    [BRD_REQUEST_DICT_POP] = brd_home_dict_pop,
    [BRD_REQUEST_DICT_POPITEM] = brd_home_dict_popitem,
    [BRD_REQUEST_DICT_SETDEFAULT] = brd_home_dict_setdefault,
    [BRD_REQUEST_DICT_ADD] = brd_home_dict_add,
    [BRD_REQUEST_DICT_SWAP] = brd_home_dict_swap,
    [BRD_REQUEST_DICT_UPDATE] = brd_home_dict_update,
    [BRD_REQUEST_DICT_LEN] = brd_home_dict_len,
    [BRD_REQUEST_DICT_CLEAR] = brd_home_dict_clear,
    [BRD_REQUEST_DICT_COPY] = brd_home_dict_copy,
    [BRD_REQUEST_DICT_KEYS] = brd_home_dict_keys,
    [BRD_REQUEST_DICT_VALUES] = brd_home_dict_values,
    [BRD_REQUEST_LIST_APPEND] = brd_home_list_append,
    [BRD_REQUEST_LIST_EXTEND] = brd_home_list_extend,
    [BRD_REQUEST_LIST_INSERT] = brd_home_list_insert,
    [BRD_REQUEST_LIST_SET] = brd_home_list_set,
    [BRD_REQUEST_LIST_GET] = brd_home_list_get,
    [BRD_REQUEST_LIST_DEL] = brd_home_list_del,
    [BRD_REQUEST_LIST_POP] = brd_home_list_pop,
    [BRD_REQUEST_LIST_REMOVE] = brd_home_list_remove,
    [BRD_REQUEST_LIST_INDEX] = brd_home_list_index,
    [BRD_REQUEST_LIST_COUNT] = brd_home_list_count,
    [BRD_REQUEST_LIST_SORT] = brd_home_list_sort,
    [BRD_REQUEST_LIST_REVERSE] = brd_home_list_reverse,
    [BRD_REQUEST_LIST_LEN] = brd_home_list_len,
    [BRD_REQUEST_LIST_CLEAR] = brd_home_list_clear,
    [BRD_REQUEST_LIST_SLICE] = brd_home_list_slice,
    [BRD_REQUEST_QUEUE_PUT] = brd_home_queue_put,
    [BRD_REQUEST_QUEUE_GET] = brd_home_queue_get,
    [BRD_REQUEST_QUEUE_CLOSE] = brd_home_queue_close,
    [BRD_REQUEST_QUEUE_SIZE] = brd_home_queue_size,
    [BRD_REQUEST_QUEUE_DONE] = brd_home_queue_done,
    [BRD_REQUEST_QUEUE_FAILED] = brd_home_queue_failed,
    [BRD_REQUEST_QUEUE_JOIN] = brd_home_queue_join,
    [BRD_REQUEST_QUEUE_REFUSE] = brd_home_queue_refuse,
    [BRD_REQUEST_LOCK_ACQUIRE] = brd_home_lock_acquire,
    [BRD_REQUEST_LOCK_RELEASE] = brd_home_lock_release,
    [BRD_REQUEST_LOCK_LOCKED] = brd_home_lock_locked,
    [BRD_REQUEST_SEMAPHORE_ACQUIRE] = brd_home_semaphore_acquire,
    [BRD_REQUEST_SEMAPHORE_RELEASE] = brd_home_semaphore_release,
    [BRD_REQUEST_SEMAPHORE_VALUE] = brd_home_semaphore_value,
    [BRD_REQUEST_EVENT_SET] = brd_home_event_set,
    [BRD_REQUEST_EVENT_CLEAR] = brd_home_event_clear,
    [BRD_REQUEST_EVENT_IS_SET] = brd_home_event_is_set,
    [BRD_REQUEST_EVENT_WAIT] = brd_home_event_wait,
    [BRD_REQUEST_CONDITION_WAIT] = brd_home_condition_wait,
    [BRD_REQUEST_CONDITION_NOTIFY] = brd_home_condition_notify,
    [BRD_REQUEST_BARRIER_WAIT] = brd_home_barrier_wait,
    [BRD_REQUEST_BARRIER_RESET] = brd_home_barrier_reset,
    [BRD_REQUEST_BARRIER_ABORT] = brd_home_barrier_abort,
    [BRD_REQUEST_BARRIER_STATE] = brd_home_barrier_state,
    [BRD_REQUEST_PROXY_CALL] = brd_home_proxy_call,
};

// --- Arguments -------------------------------------------------------------

static int
s_is_int64 (const brd_value_t *head)
{
    return head->type == BROOD_INTEGER
           && (head->negative || head->number.u <= INT64_MAX);
}

static int
s_is (char letter, const brd_value_t *head)
{
    switch (letter) {
    case 'k':
        return head->type == BROOD_NIL || head->type == BROOD_BOOL
               || head->type == BROOD_INTEGER || head->type == BROOD_FLOAT
               || head->type == BROOD_TEXT || head->type == BROOD_BYTES;
    case 'i':
        return s_is_int64 (head);
    case 't':
        return head->type == BROOD_TEXT;
    case 'T':
    case 'p':
        return head->type == BROOD_TEXT || head->type == BROOD_NIL;
    case 'l':
        return head->type == BROOD_LIST;
    case 'm':
        return head->type == BROOD_MAP;
    default:
        return letter == 'v';
    }
}

// From here on all values of a call are values, and of the kind wanted.
static int
s_parse (brd_home_call_t *call, const char *letters)
{
    brd_value_cursor_t at = { call->call->body,
                              call->call->body + call->call->size };
    for (size_t i = 0; letters[i] != '\0'; i++) {
        brd_home_arg_t *arg = &call->args[i];
        brd_value_cursor_t head = at;
        arg->bytes = at.at;
        if (brd_value_read (&head, &arg->head) < 0 || brd_value_skip (&at) < 0)
            return brd_error_set (EINVAL, "argument %zu is no value", i + 1);
        arg->size = (size_t) (at.at - arg->bytes);
        if (brd_value_check (arg->bytes, arg->size, BRD_HOME_VALUE_DEPTH, NULL)
            < 0)
            return brd_error_set (EINVAL,
                                  "argument %zu has more than %d containers "
                                  "within each other",
                                  i + 1,
                                  BRD_HOME_VALUE_DEPTH);
        if (!s_is (letters[i], &arg->head))
            return brd_error_set (EINVAL,
                                  "argument %zu cannot be a %s",
                                  i + 1,
                                  brd_value_type_text (arg->head.type));
    }
    return at.at == at.end ? 0 : brd_error_set (EINVAL, "too many arguments");
}

// --- Calls -----------------------------------------------------------------

static int
s_is_of (const brd_home_object_t *object, brd_kind_t kind)
{
    if (object->kind == kind)
        return 1;
    if (kind == BRD_KIND_DICT)
        return object->kind == BRD_KIND_NAMESPACE;
    return kind == BRD_KIND_LOCK
           && (object->kind == BRD_KIND_RLOCK
               || object->kind == BRD_KIND_CONDITION);
}

static int
s_find (brd_home_call_t *call, const brd_request_about_t *about)
{
    if (about->kind == BRD_KIND_NONE && call->call->op != BRD_REQUEST_HOLD)
        return 0;
    call->object = brd_home_object (call->home, call->call->object);
    if (!call->object)
        return brd_error_set (ENOENT, "the object is gone");
    if (about->kind == BRD_KIND_NONE || s_is_of (call->object, about->kind))
        return 0;
    return brd_error_set (
        EINVAL, "a %s cannot do that", brd_kind_text (call->object->kind));
}

static int
s_carry_out (brd_home_call_t *call, const brd_request_about_t *about)
{
    if (s_find (call, about) < 0 || s_parse (call, about->args) < 0)
        return -1;
    brd_home_handler_fn *handler = s_handlers[call->call->op];
    brd_assert (handler);
    return handler (call);
}

static void
s_do (brd_home_call_t *call, const brd_request_about_t *about)
{
    brd_home_slot_t *slot = call->slot;
    brd_error_forget ();
    const int rc = s_carry_out (call, about);
    if (rc == BRD_HOME_WAITS)
        return;
    if (rc == 0)
        brd_home_answer (call->home, slot);
    else
        brd_home_fail (call->home, slot);
}

// Its slot's last call once more: the connection broke before the answer came.
static void
s_again (brd_home_call_t *call, const brd_request_about_t *about)
{
    brd_home_slot_t *slot = call->slot;
    if (slot->state != BRD_HOME_SLOT_DONE)
        return;
    if (!about->reads || slot->error != 0 || slot->flags != 0) {
        brd_home_tell (call->home, &slot->todo, BRD_HOME_DO_ANSWER);
        return;
    }
    brd_home_slot_clear (call->home, slot);
    s_do (call, about);
}

static void
s_silent (brd_home_t *self,
          brd_home_session_t *session,
          const brd_request_t *call)
{
    if (call->op == BRD_REQUEST_DROP) {
        brd_home_call_t parsed = { .home = self, .call = call };
        if (s_parse (&parsed, "i") == 0 && !parsed.args[0].head.negative)
            brd_home_drop (
                self, session, call->object, parsed.args[0].head.number.u);
        return;
    }
    if (call->slot >= session->slots_count)
        return;
    brd_home_slot_t *slot = session->slots[call->slot];
    if (slot->seq != call->seq)
        return;
    if (call->op == BRD_REQUEST_CANCEL && slot->state == BRD_HOME_SLOT_WAITING)
        brd_home_leave (self, slot, EINTR);
    if (call->op == BRD_REQUEST_ACK && slot->state == BRD_HOME_SLOT_DONE) {
        brd_home_slot_clear (self, slot);
        slot->state = BRD_HOME_SLOT_SEEN;
    }
}

static int
s_call (brd_home_t *self, uint64_t number, const brd_request_t *call)
{
    brd_home_session_t *session = brd_map_get (&self->sessions, number);
    const brd_request_about_t *about = brd_request_about ((unsigned) call->op);
    if (!session || !about)
        return brd_error_set (EPROTO, "no such session, or no such call");
    if (about->silent) {
        s_silent (self, session, call);
        return 0;
    }
    brd_home_slot_t *slot = brd_home_slot (self, session, call->slot);
    if (!slot)
        return -1;
    brd_home_call_t full = {
        .home = self, .session = session, .slot = slot, .call = call
    };
    if (call->seq == slot->seq && call->op == slot->op) {
        s_again (&full, about);
        return 0;
    }
    if (call->seq != slot->seq + 1 || slot->state == BRD_HOME_SLOT_WAITING)
        return brd_error_set (EPROTO, "a call out of turn");
    // Before the answer is taken as seen: it says that it was not.
    if (call->op == BRD_REQUEST_QUEUE_REFUSE && slot->got)
        brd_home_queue_unseen (self, slot->got);
    brd_home_slot_clear (self, slot);
    slot->seq = call->seq;
    slot->op = call->op;
    slot->thread = call->thread;
    s_do (&full, about);
    return 0;
}

// --- The machine -----------------------------------------------------------

static int
s_event (brd_home_t *self, const brd_home_event_t *event)
{
    brd_home_session_t *session;
    switch (event->type) {
    case BRD_HOME_SESSION:
        return brd_home_session_new (self, event->session, event->text);
    case BRD_HOME_GONE:
        session = brd_map_get (&self->sessions, event->session);
        if (session)
            brd_home_session_gone (self, session);
        return 0;
    case BRD_HOME_CALL:
        return s_call (self, event->session, event->call);
    case BRD_HOME_RETURNED:
        brd_home_proxy_returned (self, event);
        return 0;
    case BRD_HOME_TICK:
        return 0;
    }
    return brd_error_set (EINVAL, "event %d is not known", (int) event->type);
}

static void
s_fire (brd_home_t *self)
{
    for (;;) {
        brd_timer_t *first = brd_heap_first (&self->timers);
        if (!first || first->due > self->now)
            return;
        brd_heap_remove (&self->timers, first);
        brd_home_leave (
            self, BRD_LIST_ITEM (first, brd_home_slot_t, timer), ETIMEDOUT);
    }
}

int
brd_home_step (brd_home_t *self, int64_t now, const brd_home_event_t *event)
{
    brd_assert (now >= self->now);
    brd_assert (brd_list_empty (&self->todo));
    self->now = now;
    const int rc = s_event (self, event);
    s_fire (self);
    brd_home_bury (self);
    return rc;
}

// The body stays: a call that comes again must find it. What is only lent does
// not, for the object may change it.
static void
s_fetch_answer (brd_home_slot_t *slot, brd_home_effect_t *ret_effect)
{
    brd_request_answer_t *answer = &ret_effect->answer;
    *answer = (brd_request_answer_t){
        .slot = slot->index,
        .seq = slot->seq,
        .error = slot->error,
        .flags = slot->flags,
        .body = slot->out.bytes,
        .size = slot->out.size,
    };
    ret_effect->session = slot->session->number;
    const brd_home_blob_t *blob =
        slot->got ? brd_home_queue_blob (slot->got) : slot->blob;
    if (blob) {
        answer->body = blob->bytes;
        answer->size = blob->size;
    }
    if (slot->lent) {
        answer->body = slot->lent;
        answer->size = slot->lent_size;
        slot->lent = NULL;
    }
}

int
brd_home_effect (brd_home_t *self, brd_home_effect_t *ret_effect)
{
    brd_list_t *link = brd_list_pop (&self->todo);
    if (!link)
        return 0;
    brd_home_todo_t *todo = BRD_LIST_ITEM (link, brd_home_todo_t, link);
    *ret_effect = (brd_home_effect_t){ .type = todo->type };
    switch (todo->type) {
    case BRD_HOME_DO_ANSWER:
        s_fetch_answer (BRD_LIST_ITEM (todo, brd_home_slot_t, todo),
                        ret_effect);
        break;
    case BRD_HOME_DO_INVOKE:
    case BRD_HOME_DO_DESTROY:
        brd_home_proxy_invoke (self, todo, ret_effect);
        break;
    case BRD_HOME_DO_DROPPED:
        brd_home_queue_dropped (self, todo, ret_effect);
        break;
    case BRD_HOME_DO_END:
        break;
    }
    return 1;
}

int64_t
brd_home_deadline (const brd_home_t *self)
{
    const brd_timer_t *first = brd_heap_first (&self->timers);
    return first ? first->due : BRD_NEVER;
}

size_t
brd_home_objects (const brd_home_t *self)
{
    return self->count;
}

size_t
brd_home_bytes (const brd_home_t *self)
{
    return self->bytes;
}
