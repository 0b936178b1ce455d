// sim_line_model.c - what is known of the home, told only what reaches it
//
// SPDX-License-Identifier: MPL-2.0
//
// Each call is looked at when the home first has it, each answer when the home
// first gives it. What the order of waiters leaves open is judged by what is
// there: a lock that is free, a permit, an item. What cannot be otherwise is
// said before the step (must), and has to come in it.
//
// Read next: sim_line_calls.c.

#include "sim_line.h"

#include "base/brd_clock.h"

// Each slot of those who live.
#define S_EACH(self, client, slot) \
    for (sim_line_client_t *client = (self)->clients; \
         client < (self)->clients + SIM_LINE_CLIENTS; \
         client++) \
        for (sim_line_slot_t *slot = client->slots; \
             client->session != 0 && slot < client->slots + SIM_LINE_SLOTS; \
             slot++)

static brd_request_op_t
s_op (const sim_line_slot_t *slot)
{
    return slot->frame.call.op;
}

static int
s_waits_for (const sim_line_slot_t *slot, brd_request_op_t op)
{
    return slot->waits == SIM_LINE_WAITING && s_op (slot) == op;
}

static void
s_must (sim_line_slot_t *slot, int error, int or_error)
{
    slot->must = 1;
    slot->ends = error;
    slot->may_end = or_error;
    slot->waits = SIM_LINE_NOT_WAITING;
}

// --- Condition -------------------------------------------------------------

static sim_line_slot_t *
s_first_waiter (sim_line_t *self)
{
    sim_line_slot_t *first = NULL;
    S_EACH (self, client, slot)
    if (s_waits_for (slot, BRD_REQUEST_CONDITION_WAIT)
        && (!first || slot->order < first->order))
        first = slot;
    return first;
}

static void
s_come (sim_line_slot_t *slot, int error)
{
    slot->waits = SIM_LINE_COMING;
    slot->saved = error;
}

static void
s_notify (sim_line_t *self, int64_t n)
{
    sim_line_slot_t *slot;
    while (n-- != 0 && (slot = s_first_waiter (self)))
        s_come (slot, 0);
}

static void
s_take_lock (sim_line_t *self,
             sim_line_client_t *client,
             const sim_line_slot_t *slot,
             int depth)
{
    SIM_LINE_TRUE (!self->holder);
    self->holder = client;
    self->holder_slot = (int) (slot - client->slots);
    self->depth = depth;
}

// --- Barrier ---------------------------------------------------------------

static int
s_at_barrier (sim_line_t *self)
{
    int count = 0;
    S_EACH (self, client, slot)
    count += s_waits_for (slot, BRD_REQUEST_BARRIER_WAIT);
    return count;
}

static void
s_send_away (sim_line_t *self, int error)
{
    S_EACH (self, client, slot)
    if (s_waits_for (slot, BRD_REQUEST_BARRIER_WAIT))
        s_must (slot, error, error);
}

static void
s_break (sim_line_t *self)
{
    s_send_away (self, EPIPE);
    self->broken = 1;
}

static void
s_come_to_barrier (sim_line_t *self, sim_line_slot_t *slot)
{
    if (self->broken)
        s_must (slot, EPIPE, EPIPE);
    else if (s_at_barrier (self) == SIM_LINE_PARTIES)
        s_send_away (self, 0);
}

int
sim_line_is_at_barrier (const sim_line_client_t *client)
{
    int count = 0;
    for (int i = 0; i < SIM_LINE_SLOTS; i++)
        count += s_waits_for (&client->slots[i], BRD_REQUEST_BARRIER_WAIT);
    return count > 0;
}

// --- Items -----------------------------------------------------------------

static void
s_set_item (sim_line_t *self, int item, int state)
{
    self->there += (state == 1) - (self->item[item] == 1);
    self->item[item] = (signed char) state;
}

static void
s_item_seen (sim_line_t *self, sim_line_slot_t *slot, int refused)
{
    if (slot->item != 0)
        s_set_item (self, slot->item, refused ? 1 : 3);
    slot->item = 0;
}

int
sim_line_items_left (const sim_line_t *self)
{
    return self->there;
}

// --- Calls -----------------------------------------------------------------

static void
s_apply_now (sim_line_t *self, sim_line_client_t *client, sim_line_slot_t *slot)
{
    s_must (slot, 0, 0);
    switch (s_op (slot)) {
    case BRD_REQUEST_LOCK_RELEASE:
        SIM_LINE_TRUE (self->holder == client);
        if (--self->depth == 0)
            self->holder = NULL;
        return;
    case BRD_REQUEST_CONDITION_NOTIFY:
        SIM_LINE_TRUE (self->holder == client);
        s_notify (self, (signed char) slot->frame.body[0]);
        return;
    case BRD_REQUEST_SEMAPHORE_RELEASE:
        client->permits--;
        return;
    case BRD_REQUEST_BARRIER_RESET:
        s_send_away (self, EPIPE);
        self->broken = 0;
        return;
    case BRD_REQUEST_BARRIER_ABORT:
        s_break (self);
        return;
    case BRD_REQUEST_QUEUE_PUT:
        s_set_item (self, slot->frame.id, 1);
        return;
    case BRD_REQUEST_DICT_ADD:
        self->adds++;
        return;
    default:
        return;
    }
}

static void
s_apply (sim_line_t *self, sim_line_client_t *client, sim_line_slot_t *slot)
{
    const brd_request_t *call = &slot->frame.call;
    s_item_seen (self, slot, call->op == BRD_REQUEST_QUEUE_REFUSE);
    slot->seen = call->seq;
    slot->answered = 0;
    slot->due = call->timeout_ns < 0 ? BRD_NEVER : self->now + call->timeout_ns;
    const int waits = brd_request_about ((unsigned) call->op)->waits;
    // Opening waits where a class of the user's makes the object.
    if (!waits || call->op == BRD_REQUEST_QUEUE_PUT
        || (call->op == BRD_REQUEST_OPEN && slot->frame.id == 0)) {
        s_apply_now (self, client, slot);
        return;
    }
    slot->waits = SIM_LINE_WAITING;
    slot->must = 0;
    if (call->op == BRD_REQUEST_CONDITION_WAIT) {
        SIM_LINE_TRUE (self->holder == client);
        slot->depth = self->depth;
        slot->order = ++self->order;
        self->holder = NULL;
    }
    if (call->op == BRD_REQUEST_BARRIER_WAIT)
        s_come_to_barrier (self, slot);
}

static void
s_cancel (sim_line_t *self, sim_line_slot_t *slot)
{
    if (slot->waits == SIM_LINE_NOT_WAITING || slot->waits == SIM_LINE_COMING)
        return;
    if (s_op (slot) == BRD_REQUEST_CONDITION_WAIT) {
        s_come (slot, EINTR);
        return;
    }
    const int breaks = s_op (slot) == BRD_REQUEST_BARRIER_WAIT;
    s_must (slot, EINTR, EINTR);
    if (breaks)
        s_break (self);
}

int
sim_line_delivered (sim_line_t *self,
                    sim_line_client_t *client,
                    const sim_line_frame_t *frame)
{
    sim_line_slot_t *slot = &client->slots[frame->call.slot];
    const uint64_t seq = frame->call.seq;
    const int silent = brd_request_about ((unsigned) frame->call.op)->silent;
    if (silent && seq == slot->seen) {
        if (frame->call.op == BRD_REQUEST_CANCEL)
            s_cancel (self, slot);
        else if (slot->answered)
            s_item_seen (self, slot, 0);
        return 0;
    }
    if (silent || seq == slot->seen)
        return 0;
    // One that was answered and asked again, and comes after the next.
    if (seq != slot->seen + 1)
        return EPROTO;
    SIM_LINE_TRUE (seq == slot->frame.call.seq);
    s_apply (self, client, slot);
    return 0;
}

// Those at the barrier break it for the others.
static void
s_time_at_barrier (sim_line_t *self)
{
    int late = 0;
    S_EACH (self, client, slot)
    {
        if (!s_waits_for (slot, BRD_REQUEST_BARRIER_WAIT)
            || slot->due > self->now)
            continue;
        s_must (slot, ETIMEDOUT, EPIPE);
        late++;
    }
    if (late > 0)
        s_break (self);
}

void
sim_line_time (sim_line_t *self)
{
    s_time_at_barrier (self);
    S_EACH (self, client, slot)
    {
        if (slot->waits != SIM_LINE_WAITING || slot->due > self->now)
            continue;
        if (s_op (slot) == BRD_REQUEST_CONDITION_WAIT)
            s_come (slot, ETIMEDOUT);
        else
            s_must (slot, ETIMEDOUT, ETIMEDOUT);
    }
}

// --- Answers ---------------------------------------------------------------

static int64_t
s_number (const brd_request_answer_t *answer)
{
    brd_value_cursor_t at = { answer->body, answer->body + answer->size };
    brd_value_t value;
    if (answer->error != 0)
        return 0;
    SIM_LINE_TRUE (brd_value_read (&at, &value) == 0);
    return value.type == BROOD_INTEGER ? value.number.i : 0;
}

static int
s_permits (const sim_line_t *self)
{
    int sum = 0;
    for (int i = 0; i < SIM_LINE_CLIENTS; i++)
        sum += self->clients[i].permits;
    return sum;
}

static void
s_judge_lock (sim_line_t *self,
              sim_line_client_t *client,
              sim_line_slot_t *slot,
              int64_t value)
{
    if (s_op (slot) == BRD_REQUEST_LOCK_ACQUIRE && self->holder == client
        && &client->slots[self->holder_slot] == slot) {
        self->depth++;
        SIM_LINE_TRUE (value == 0);
        return;
    }
    const int waited = s_op (slot) == BRD_REQUEST_CONDITION_WAIT;
    if (waited)
        SIM_LINE_TRUE (slot->waits == SIM_LINE_COMING && slot->saved == 0);
    s_take_lock (self, client, slot, waited ? slot->depth : 1);
    SIM_LINE_TRUE (value == self->died);
    self->died = 0;
}

static void
s_judge_good (sim_line_t *self,
              sim_line_client_t *client,
              sim_line_slot_t *slot,
              int64_t value)
{
    switch (s_op (slot)) {
    case BRD_REQUEST_LOCK_ACQUIRE:
    case BRD_REQUEST_CONDITION_WAIT:
        s_judge_lock (self, client, slot, value);
        return;
    case BRD_REQUEST_SEMAPHORE_ACQUIRE:
        client->permits++;
        SIM_LINE_TRUE (s_permits (self) <= SIM_LINE_PERMITS);
        return;
    case BRD_REQUEST_QUEUE_GET:
        SIM_LINE_TRUE (value > 0 && value <= self->items);
        SIM_LINE_TRUE (self->item[value] == 1);
        s_set_item (self, (int) value, 2);
        slot->item = (int) value;
        return;
    case BRD_REQUEST_DICT_ADD:
        SIM_LINE_TRUE (value > 0 && value <= self->adds);
        SIM_LINE_TRUE (self->sum[value]++ == 0);
        break;
    case BRD_REQUEST_PROXY_CALL:
        SIM_LINE_TRUE (value == 2 * slot->frame.id);
        break;
    default:
        break;
    }
    // What does not depend on what is there was known before.
    SIM_LINE_TRUE (slot->must && slot->ends == 0);
}

static void
s_judge (sim_line_t *self,
         sim_line_client_t *client,
         sim_line_slot_t *slot,
         const sim_line_answer_t *answer)
{
    if (answer->error == 0)
        s_judge_good (self, client, slot, answer->value);
    else if (s_op (slot) == BRD_REQUEST_CONDITION_WAIT) {
        SIM_LINE_TRUE (slot->waits == SIM_LINE_COMING);
        SIM_LINE_TRUE (slot->saved == answer->error);
        s_take_lock (self, client, slot, slot->depth);
    }
    else {
        SIM_LINE_TRUE (slot->must);
        SIM_LINE_TRUE (answer->error == slot->ends
                       || answer->error == slot->may_end);
    }
    slot->waits = SIM_LINE_NOT_WAITING;
    slot->must = 0;
    slot->answered = 1;
    slot->error = answer->error;
    slot->value = answer->value;
}

sim_line_client_t *
sim_line_answered (sim_line_t *self,
                   const brd_home_effect_t *effect,
                   sim_line_answer_t *ret_answer)
{
    sim_line_client_t *client = self->clients;
    while (client < self->clients + SIM_LINE_CLIENTS
           && client->session != effect->session)
        client++;
    SIM_LINE_TRUE (client < self->clients + SIM_LINE_CLIENTS);
    const brd_request_answer_t *answer = &effect->answer;
    SIM_LINE_TRUE (answer->slot < SIM_LINE_SLOTS);
    sim_line_slot_t *slot = &client->slots[answer->slot];
    SIM_LINE_TRUE (answer->seq == slot->seen);
    *ret_answer = (sim_line_answer_t){ .slot = answer->slot,
                                       .seq = answer->seq,
                                       .error = answer->error,
                                       .value = s_number (answer) };
    // Of the slot's call before, once more: nobody listens.
    if (answer->seq != slot->frame.call.seq)
        return NULL;
    if (!slot->answered)
        s_judge (self, client, slot, ret_answer);
    else if (!brd_request_about ((unsigned) s_op (slot))->reads)
        SIM_LINE_TRUE (slot->error == ret_answer->error
                       && slot->value == ret_answer->value);
    return client;
}

// --- Methods ---------------------------------------------------------------

static sim_line_method_t *
s_method_of (sim_line_t *self, uint64_t object)
{
    for (int i = 0; i < SIM_LINE_METHODS; i++)
        if (self->methods[i].object == object)
            return &self->methods[i];
    return NULL;
}

static sim_line_slot_t *
s_slot_of (sim_line_t *self, int id, sim_line_wait_t waits)
{
    S_EACH (self, client, slot)
    if (slot->frame.id == id && slot->waits == waits
        && (s_op (slot) == BRD_REQUEST_OPEN
            || s_op (slot) == BRD_REQUEST_PROXY_CALL))
        return slot;
    return NULL;
}

void
sim_line_invoked (sim_line_t *self, const brd_home_effect_t *effect)
{
    brd_value_cursor_t at = {
        effect->bytes, (const unsigned char *) effect->bytes + effect->size
    };
    brd_value_t value;
    SIM_LINE_TRUE (brd_value_read (&at, &value) == 0);
    const int id = (int) value.number.i;
    SIM_LINE_TRUE (id > 0 && id < SIM_LINE_CALLS);
    SIM_LINE_TRUE (self->invoked[id]++ == 0);
    sim_line_slot_t *slot = s_slot_of (self, id, SIM_LINE_WAITING);
    SIM_LINE_TRUE (slot);
    slot->waits = SIM_LINE_INVOKED;
    SIM_LINE_TRUE (effect->object < SIM_LINE_CALLS);
    SIM_LINE_TRUE (!s_method_of (self, effect->object));
    SIM_LINE_TRUE (self->alive[effect->object] == (effect->method != NULL));
    self->alive[effect->object] = 1;
    sim_line_method_t *method = s_method_of (self, 0);
    SIM_LINE_TRUE (method);
    *method = (sim_line_method_t){ effect->object, id };
}

int
sim_line_returns (sim_line_t *self,
                  int i,
                  brd_home_event_t *event,
                  unsigned char *bytes)
{
    sim_line_method_t *method = &self->methods[i];
    if (method->object == 0)
        return 0;
    brd_buf_t out = brd_value_fixed (bytes, BRD_VALUE_HEAD_MAX);
    const int fails =
        method->object >= SIM_LINE_OWN && sim_rand_chance (&self->rand, 200);
    (void) brd_value_put_int (&out, 2 * method->id);
    event->object = method->object;
    event->error = fails ? EIO : 0;
    event->text = "it failed";
    event->bytes = bytes;
    event->size = out.size;
    sim_line_slot_t *slot = s_slot_of (self, method->id, SIM_LINE_INVOKED);
    if (slot)
        s_must (slot, event->error, event->error);
    method->object = 0;
    return 1;
}

void
sim_line_destroyed (sim_line_t *self, const brd_home_effect_t *effect)
{
    SIM_LINE_TRUE (effect->object >= SIM_LINE_OWN);
    SIM_LINE_TRUE (effect->object < SIM_LINE_CALLS);
    SIM_LINE_TRUE (self->alive[effect->object] == 1);
    SIM_LINE_TRUE (!s_method_of (self, effect->object));
    self->alive[effect->object] = 2;
}

// --- Deaths ----------------------------------------------------------------

static void
s_lose_item (sim_line_t *self, sim_line_slot_t *slot)
{
    if (slot->item == 0)
        return;
    // Whoever died had it, and nobody was told that it had arrived.
    self->consumed[slot->item] = 0;
    s_item_seen (self, slot, 1);
}

void
sim_line_gone (sim_line_t *self, sim_line_client_t *client)
{
    const int was_at_barrier = sim_line_is_at_barrier (client);
    int notices = 0;
    for (int i = 0; i < SIM_LINE_SLOTS; i++) {
        sim_line_slot_t *slot = &client->slots[i];
        notices += slot->waits == SIM_LINE_COMING && slot->saved == 0;
        s_lose_item (self, slot);
    }
    if (self->holder == client) {
        self->holder = NULL;
        self->died = 1;
    }
    *client = (sim_line_client_t){ .session = 0 };
    s_notify (self, notices);
    if (was_at_barrier)
        s_break (self);
}

// --- After a step ----------------------------------------------------------

// Nobody waits for what is there.
static void
s_check_awake (const sim_line_t *self, const sim_line_slot_t *slot)
{
    SIM_LINE_TRUE (!slot->must);
    if (slot->waits == SIM_LINE_COMING
        || s_waits_for (slot, BRD_REQUEST_LOCK_ACQUIRE))
        SIM_LINE_TRUE (self->holder);
    if (s_waits_for (slot, BRD_REQUEST_SEMAPHORE_ACQUIRE))
        SIM_LINE_TRUE (s_permits (self) == SIM_LINE_PERMITS);
    if (s_waits_for (slot, BRD_REQUEST_QUEUE_GET))
        SIM_LINE_TRUE (self->there == 0);
    if (s_waits_for (slot, BRD_REQUEST_PROXY_CALL))
        SIM_LINE_TRUE (
            s_method_of ((sim_line_t *) self, slot->frame.call.object));
    // Its beginning needs nobody.
    SIM_LINE_TRUE (!s_waits_for (slot, BRD_REQUEST_OPEN));
}

void
sim_line_check (const sim_line_t *self)
{
    const int at_barrier = s_at_barrier ((sim_line_t *) self);
    SIM_LINE_TRUE (at_barrier < SIM_LINE_PARTIES);
    SIM_LINE_TRUE (!self->broken || at_barrier == 0);
    SIM_LINE_TRUE (s_permits (self) <= SIM_LINE_PERMITS);
    for (int i = 0; i < SIM_LINE_CLIENTS; i++) {
        const sim_line_client_t *client = &self->clients[i];
        for (int j = 0; client->session != 0 && j < SIM_LINE_SLOTS; j++)
            s_check_awake (self, &client->slots[j]);
    }
}

void
sim_line_end (const sim_line_t *self)
{
    for (int i = 1; i <= self->items; i++) {
        // Some were never put: their putter died before.
        SIM_LINE_TRUE (self->item[i] == 0 || self->item[i] == 3);
        SIM_LINE_TRUE (self->consumed[i] == (self->item[i] == 3));
    }
    for (int i = SIM_LINE_OWN; i < SIM_LINE_CALLS; i++)
        SIM_LINE_TRUE (self->alive[i] != 1);
}
