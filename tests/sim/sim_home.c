// sim_home.c - made-up clients around the home, and a model that knows better
//
// SPDX-License-Identifier: MPL-2.0
//
//     sim_home                          ten seconds of worlds
//     sim_home --seed 17                world 17 alone
//     sim_home --plant resend-as-new    a client with a bug, to see it found
//
// Clients call dicts, a list, locks, a semaphore and a joinable queue; answers
// get lost on the way and are asked for again; clients die at any moment and
// others come. What must be true: a dict and a list are what a plain array says
// they are, so every call was done once and in order; a lock has one holder,
// and the first after a death is told; permits are not more than there were; an
// item is with one consumer at a time and done once, and in the end all are.
// After every step the home's own invariants are checked.
//
// Read next: sim.h, the other world.

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "core/home.h"
#include "sim.h"

enum {
    S_CLIENTS = 6,
    S_SLOTS = 3,
    S_ACTIONS = 4000,  // Of a world
    S_KEYS = 5,
    S_LIST_MAX = 40,
    S_ITEMS = S_ACTIONS,
    S_PERMITS = 2,
    S_DICT = 1,  // Numbers of the objects, by the order they are made in
    S_LIST,
    S_LOCK,
    S_RLOCK,
    S_SEMAPHORE,
    S_QUEUE,
    S_LOCKS = 2
};

typedef struct {
    int busy;
    brd_request_t call;
    unsigned char body[64];
    int error;       // Expected; -1: whatever comes is judged when it comes
    int64_t answer;  // Expected, -1: any
    int64_t item;    // QUEUE_GET: what it has now, not done; 0: none
} s_slot_t;

typedef struct {
    uint64_t session;  // 0: nobody
    s_slot_t slots[S_SLOTS];
    int permits;
} s_client_t;

typedef struct {
    s_client_t *client;  // NULL: free
    int slot;
    int depth;
    int died;
} s_lock_t;

typedef struct {
    brd_home_t *home;
    sim_rand_t rand;
    int64_t now;
    uint64_t sessions;
    s_client_t clients[S_CLIENTS];
    int64_t dict[S_KEYS];
    int has[S_KEYS];
    int64_t list[S_LIST_MAX + 1];
    int list_count;
    s_lock_t locks[S_LOCKS];
    int64_t items;              // Made so far
    signed char item[S_ITEMS];  // 1 put, 2 with a consumer, 3 done
    int plant;
    int calm;
} s_world_t;

static const char *const s_plants[] = { "resend-as-new", NULL };
static sim_kit_t s_kit = { .name = "sim_home", .plants = s_plants };
static long s_steps;

#define S_TRUE(condition) \
    ((condition) ? (void) 0 \
                 : sim_kit_fail_at (&s_kit, __FILE__, __LINE__, #condition))

// --- Answers ---------------------------------------------------------------

static s_lock_t *
s_lock (s_world_t *self, uint64_t object)
{
    return &self->locks[object == S_LOCK ? 0 : 1];
}

static void
s_judge_lock (s_world_t *self, s_client_t *client, int slot, int64_t answer)
{
    s_lock_t *lock = s_lock (self, client->slots[slot].call.object);
    if (lock->client == client && lock->slot == slot) {
        S_TRUE (client->slots[slot].call.object == S_RLOCK && answer == 0);
        lock->depth++;
        return;
    }
    S_TRUE (!lock->client);
    S_TRUE (answer == lock->died);
    *lock = (s_lock_t){ .client = client, .slot = slot, .depth = 1 };
}

static void
s_judge_item (s_world_t *self, s_slot_t *slot, int64_t item)
{
    S_TRUE (item > 0 && item <= self->items);
    S_TRUE (self->item[item] == 1);
    self->item[item] = 2;
    slot->item = item;
}

static int64_t
s_number (const brd_request_answer_t *answer)
{
    brd_value_cursor_t at = { answer->body, answer->body + answer->size };
    brd_value_t value;
    S_TRUE (brd_value_read (&at, &value) == 0);
    return value.type == BROOD_INTEGER ? value.number.i : 0;
}

static int
s_permits (const s_world_t *self)
{
    int sum = 0;
    for (int i = 0; i < S_CLIENTS; i++)
        sum += self->clients[i].session ? self->clients[i].permits : 0;
    return sum;
}

static void
s_judge (s_world_t *self,
         s_client_t *client,
         int index,
         const brd_request_answer_t *answer)
{
    s_slot_t *slot = &client->slots[index];
    const int64_t number = answer->error == 0 ? s_number (answer) : 0;
    if (slot->error >= 0) {
        S_TRUE (answer->error == slot->error);
        S_TRUE (answer->error != 0 || slot->answer == -1
                || number == slot->answer);
        return;
    }
    // What may run out of time did, or was done.
    if (answer->error != 0) {
        S_TRUE (answer->error == ETIMEDOUT);
        return;
    }
    switch (slot->call.op) {
    case BRD_REQUEST_LOCK_ACQUIRE:
        s_judge_lock (self, client, index, number);
        return;
    case BRD_REQUEST_SEMAPHORE_ACQUIRE:
        client->permits++;
        S_TRUE (s_permits (self) <= S_PERMITS);
        return;
    case BRD_REQUEST_QUEUE_GET:
        s_judge_item (self, slot, number);
        return;
    default:
        return;
    }
}

static void
s_step (s_world_t *self, const brd_home_event_t *event);

// Some answers do not arrive: the call is sent again.
static void
s_answer (s_world_t *self, const brd_home_effect_t *effect)
{
    for (int i = 0; i < S_CLIENTS; i++) {
        s_client_t *client = &self->clients[i];
        if (client->session != effect->session)
            continue;
        s_slot_t *slot = &client->slots[effect->answer.slot];
        S_TRUE (slot->busy && slot->call.seq == effect->answer.seq);
        s_judge (self, client, (int) effect->answer.slot, &effect->answer);
        slot->busy = 0;
        return;
    }
    const int answered_somebody = 0;
    S_TRUE (answered_somebody);
}

static void
s_step (s_world_t *self, const brd_home_event_t *event)
{
    brd_home_effect_t effect;
    S_TRUE (brd_home_step (self->home, self->now, event) == 0);
    while (brd_home_effect (self->home, &effect) == 1)
        s_answer (self, &effect);
    brd_home_check (self->home);
    s_steps++;
}

// The line broke after the call was done: the answer is fetched and lost, and
// the call comes again.
static void
s_send (s_world_t *self, s_client_t *client, s_slot_t *slot)
{
    const brd_home_event_t event = { .type = BRD_HOME_CALL,
                                     .session = client->session,
                                     .call = &slot->call };
    brd_home_effect_t kept[S_CLIENTS * S_SLOTS];
    brd_home_effect_t effect;
    int count = 0;
    int answered = 0;
    slot->busy = 1;
    if (!sim_rand_chance (&self->rand, 150)) {
        s_step (self, &event);
        return;
    }
    S_TRUE (brd_home_step (self->home, self->now, &event) == 0);
    while (brd_home_effect (self->home, &effect) == 1) {
        const int lost = effect.session == client->session
                         && effect.answer.slot == slot->call.slot;
        if (!lost)
            kept[count++] = effect;
        answered |= lost;
    }
    for (int i = 0; i < count; i++)
        s_answer (self, &kept[i]);
    slot->call.seq += (uint64_t) (self->plant && answered);
    s_step (self, &event);
}

// --- Calls -----------------------------------------------------------------

static brd_buf_t
s_begin (s_client_t *client,
         int index,
         brd_request_op_t op,
         uint64_t object,
         int error,
         int64_t answer)
{
    s_slot_t *slot = &client->slots[index];
    slot->call = (brd_request_t){ .op = op,
                                  .slot = (uint32_t) index,
                                  .seq = slot->call.seq + 1,
                                  .thread = (uint64_t) index + 1,
                                  .object = object,
                                  .timeout_ns = -1 };
    slot->error = error;
    slot->answer = answer;
    return brd_value_fixed (slot->body, sizeof slot->body);
}

static void
s_end (s_world_t *self, s_client_t *client, int index, const brd_buf_t *out)
{
    s_slot_t *slot = &client->slots[index];
    slot->call.body = slot->body;
    slot->call.size = out->size;
    s_send (self, client, slot);
}

static void
s_call_dict (s_world_t *self, s_client_t *client, int index)
{
    const int key = (int) sim_rand_below (&self->rand, S_KEYS);
    const int64_t value = sim_rand_between (&self->rand, 0, 9);
    const int has = self->has[key];
    static const brd_request_op_t ops[] = {
        BRD_REQUEST_DICT_SET, BRD_REQUEST_DICT_GET, BRD_REQUEST_DICT_DEL,
        BRD_REQUEST_DICT_ADD, BRD_REQUEST_DICT_POP, BRD_REQUEST_DICT_SETDEFAULT
    };
    const brd_request_op_t op = ops[sim_rand_below (&self->rand, 6)];
    const int needs = op == BRD_REQUEST_DICT_GET || op == BRD_REQUEST_DICT_DEL
                      || op == BRD_REQUEST_DICT_POP;
    int64_t answer = -1;
    if (op == BRD_REQUEST_DICT_GET || op == BRD_REQUEST_DICT_POP)
        answer = self->dict[key];
    if (op == BRD_REQUEST_DICT_ADD)
        answer = (has ? self->dict[key] : 0) + value;
    if (op == BRD_REQUEST_DICT_SETDEFAULT)
        answer = !has;
    brd_buf_t out =
        s_begin (client, index, op, S_DICT, needs && !has ? ENOENT : 0, answer);
    (void) brd_value_put_int (&out, key);
    if (op == BRD_REQUEST_DICT_POP)
        (void) brd_value_put_nil (&out);
    else if (!needs)
        (void) brd_value_put_int (&out, value);
    if (op == BRD_REQUEST_DICT_DEL || op == BRD_REQUEST_DICT_POP)
        self->has[key] = 0;
    if (op == BRD_REQUEST_DICT_SET
        || (op == BRD_REQUEST_DICT_SETDEFAULT && !has))
        self->dict[key] = value;
    if (op == BRD_REQUEST_DICT_ADD)
        self->dict[key] = answer;
    self->has[key] |= !needs;
    s_end (self, client, index, &out);
}

static void
s_call_list (s_world_t *self, s_client_t *client, int index)
{
    const int64_t value = sim_rand_between (&self->rand, 0, 99);
    const int count = self->list_count;
    if (count < S_LIST_MAX && sim_rand_chance (&self->rand, 520)) {
        brd_buf_t out =
            s_begin (client, index, BRD_REQUEST_LIST_INSERT, S_LIST, 0, -1);
        const int place =
            (int) sim_rand_below (&self->rand, (uint64_t) count + 1);
        (void) brd_value_put_int (&out, place);
        (void) brd_value_put_int (&out, value);
        memmove (&self->list[place + 1],
                 &self->list[place],
                 (size_t) (count - place) * sizeof self->list[0]);
        self->list[place] = value;
        self->list_count++;
        s_end (self, client, index, &out);
        return;
    }
    const int place =
        count > 0 ? (int) sim_rand_below (&self->rand, (uint64_t) count) : 0;
    brd_buf_t out = s_begin (client,
                             index,
                             BRD_REQUEST_LIST_POP,
                             S_LIST,
                             count > 0 ? 0 : ERANGE,
                             self->list[place]);
    (void) brd_value_put_int (&out, place);
    (void) brd_value_put_nil (&out);
    if (count > 0) {
        self->list_count--;
        memmove (&self->list[place],
                 &self->list[place + 1],
                 (size_t) (self->list_count - place) * sizeof self->list[0]);
    }
    s_end (self, client, index, &out);
}

static void
s_call_lock (s_world_t *self, s_client_t *client, int index)
{
    const uint64_t object =
        sim_rand_chance (&self->rand, 500) ? S_LOCK : S_RLOCK;
    s_lock_t *lock = s_lock (self, object);
    const int mine = lock->client == client && lock->slot == index;
    const int again = object == S_RLOCK && sim_rand_chance (&self->rand, 200);
    if (mine && !again) {
        brd_buf_t out =
            s_begin (client, index, BRD_REQUEST_LOCK_RELEASE, object, 0, -1);
        if (--lock->depth == 0)
            *lock = (s_lock_t){ .client = NULL };
        s_end (self, client, index, &out);
        return;
    }
    brd_buf_t out =
        s_begin (client, index, BRD_REQUEST_LOCK_ACQUIRE, object, -1, -1);
    client->slots[index].call.timeout_ns =
        sim_rand_between (&self->rand, 0, 20) * SIM_MS;
    s_end (self, client, index, &out);
}

static void
s_call_semaphore (s_world_t *self, s_client_t *client, int index)
{
    const int gives = client->permits > 0 && sim_rand_chance (&self->rand, 600);
    brd_buf_t out = s_begin (client,
                             index,
                             gives ? BRD_REQUEST_SEMAPHORE_RELEASE
                                   : BRD_REQUEST_SEMAPHORE_ACQUIRE,
                             S_SEMAPHORE,
                             gives ? 0 : -1,
                             -1);
    client->slots[index].call.timeout_ns =
        sim_rand_between (&self->rand, 0, 20) * SIM_MS;
    client->permits -= gives;
    s_end (self, client, index, &out);
}

static void
s_call_queue (s_world_t *self, s_client_t *client, int index)
{
    s_slot_t *slot = &client->slots[index];
    if (slot->item != 0) {
        const int done = self->calm || sim_rand_chance (&self->rand, 800);
        brd_buf_t out =
            s_begin (client,
                     index,
                     done ? BRD_REQUEST_QUEUE_DONE : BRD_REQUEST_QUEUE_FAILED,
                     S_QUEUE,
                     0,
                     -1);
        self->item[slot->item] = done ? 3 : 1;
        slot->item = 0;
        s_end (self, client, index, &out);
        return;
    }
    if (!self->calm && self->items + 1 < S_ITEMS
        && sim_rand_chance (&self->rand, 500)) {
        brd_buf_t out =
            s_begin (client, index, BRD_REQUEST_QUEUE_PUT, S_QUEUE, 0, -1);
        (void) brd_value_put_int (&out, ++self->items);
        self->item[self->items] = 1;
        s_end (self, client, index, &out);
        return;
    }
    brd_buf_t out =
        s_begin (client, index, BRD_REQUEST_QUEUE_GET, S_QUEUE, -1, -1);
    (void) brd_value_put_nil (&out);
    slot->call.timeout_ns = sim_rand_between (&self->rand, 0, 20) * SIM_MS;
    s_end (self, client, index, &out);
}

// --- Lives -----------------------------------------------------------------

static void
s_born (s_world_t *self, s_client_t *client)
{
    const brd_home_event_t event = { .type = BRD_HOME_SESSION,
                                     .session = ++self->sessions,
                                     .text = "somebody" };
    *client = (s_client_t){ .session = self->sessions };
    s_step (self, &event);
}

static void
s_die (s_world_t *self, s_client_t *client)
{
    const brd_home_event_t event = { .type = BRD_HOME_GONE,
                                     .session = client->session };
    for (int i = 0; i < S_LOCKS; i++) {
        if (self->locks[i].client == client)
            self->locks[i] = (s_lock_t){ .died = 1 };
    }
    for (int i = 0; i < S_SLOTS; i++) {
        if (client->slots[i].item != 0)
            self->item[client->slots[i].item] = 1;
    }
    client->session = 0;
    s_step (self, &event);
}

static void
s_wait_a_little (s_world_t *self)
{
    const brd_home_event_t tick = { .type = BRD_HOME_TICK };
    self->now += sim_rand_between (&self->rand, 0, 5) * SIM_MS;
    if (brd_home_deadline (self->home) <= self->now)
        s_step (self, &tick);
}

static void
s_act (s_world_t *self)
{
    static void (*const calls[]) (s_world_t *, s_client_t *, int) = {
        s_call_dict, s_call_list, s_call_lock, s_call_semaphore, s_call_queue
    };
    s_client_t *client =
        &self->clients[sim_rand_below (&self->rand, S_CLIENTS)];
    const int index = (int) sim_rand_below (&self->rand, S_SLOTS);
    s_wait_a_little (self);
    if (client->session == 0) {
        s_born (self, client);
        return;
    }
    if (sim_rand_chance (&self->rand, 8)) {
        s_die (self, client);
        return;
    }
    // Slots are taken into use in order.
    if (client->slots[index].busy
        || (index > 0 && client->slots[index - 1].call.seq == 0))
        return;
    calls[sim_rand_below (&self->rand, 5)](self, client, index);
}

// --- Worlds ----------------------------------------------------------------

static void
s_make (s_world_t *self, brd_kind_t kind, const int64_t *options, size_t count)
{
    s_client_t *client = &self->clients[0];
    brd_buf_t out = s_begin (client, 0, BRD_REQUEST_OPEN, 0, 0, (int64_t) -1);
    char name = (char) ('a' + (int) kind);
    (void) brd_value_put_int (&out, kind);
    (void) brd_value_put_text (&out, &name, 1);
    (void) brd_value_put_list (&out, count);
    for (size_t i = 0; i < count; i++)
        (void) brd_value_put_int (&out, options[i]);
    s_end (self, client, 0, &out);
}

static void
s_make_all (s_world_t *self)
{
    const int64_t semaphore[] = { S_PERMITS, 1 };
    const int64_t queue[] = { 0, 0, 0, 1, 0, 0, 0 };
    const int plant = self->plant;
    self->plant = 0;
    s_born (self, &self->clients[0]);
    s_make (self, BRD_KIND_DICT, NULL, 0);
    s_make (self, BRD_KIND_LIST, NULL, 0);
    s_make (self, BRD_KIND_LOCK, NULL, 0);
    s_make (self, BRD_KIND_RLOCK, NULL, 0);
    s_make (self, BRD_KIND_SEMAPHORE, semaphore, 2);
    s_make (self, BRD_KIND_QUEUE, queue, 7);
    self->plant = plant;
}

// Everybody but one dies, and that one does what is left to do.
static void
s_calm (s_world_t *self)
{
    self->calm = 1;
    for (int i = 0; i < S_CLIENTS; i++)
        if (self->clients[i].session != 0)
            s_die (self, &self->clients[i]);
    s_client_t *last = &self->clients[0];
    s_born (self, last);
    for (int64_t left = 2 * self->items + 2; left > 0; left--) {
        s_call_queue (self, last, 0);
        s_wait_a_little (self);
        while (last->slots[0].busy)
            s_wait_a_little (self);
    }
    for (int64_t i = 1; i <= self->items; i++)
        S_TRUE (self->item[i] == 3);
    for (uint64_t object = S_LOCK; object <= S_RLOCK; object++) {
        brd_buf_t out =
            s_begin (last, 0, BRD_REQUEST_LOCK_ACQUIRE, object, -1, -1);
        s_end (self, last, 0, &out);
        S_TRUE (s_lock (self, object)->client == last);
    }
    brd_buf_t out = s_begin (
        last, 0, BRD_REQUEST_SEMAPHORE_VALUE, S_SEMAPHORE, 0, S_PERMITS);
    s_end (self, last, 0, &out);
}

static void
s_world (uint64_t seed)
{
    static s_world_t self;
    const brd_home_options_t options = { .brood = 7, .seed = seed };
    memset (&self, 0, sizeof self);
    sim_rand_seed (&self.rand, seed);
    self.plant = s_kit.plant > 0;
    self.home = brd_home_new (&options);
    S_TRUE (self.home != NULL);
    s_make_all (&self);
    for (int i = 0; i < S_ACTIONS; i++)
        s_act (&self);
    s_calm (&self);
    brd_home_destroy (&self.home);
}

int
main (int argc, char **argv)
{
    if (sim_kit_read (&s_kit, argc, argv) < 0)
        return 2;
    sim_kit_guard (&s_kit);
    sim_kit_run (&s_kit, s_world);
    printf ("sim_home: %llu seeds from %llu, %ld steps\n",
            (unsigned long long) s_kit.seeds,
            (unsigned long long) s_kit.first,
            s_steps);
    return 0;
}
