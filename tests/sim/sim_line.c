// sim_line.c - clients of the home over lines that lose, double and break
//
// SPDX-License-Identifier: MPL-2.0
//
//     client --calls--> line --any order, twice, or not at all--> home
//        ^                                                         |
//        +------------- line <--answers, the same ------------------+
//
//     sim_line                          ten seconds of worlds
//     sim_line --seconds 3600 --seed 0  an hour of worlds nobody has seen
//     sim_line --seed 17                world 17 alone
//     sim_line --plant lost-notify      a host with a bug, to see it found
//
// A line that breaks loses what is on it; its client comes back and sends again
// what is not answered, or dies. They use a condition and its lock, a barrier,
// a semaphore, a queue whose items may be refused, a counter, and objects of a
// class of their own. sim_line_model.c says what must come of each call; what
// must be true after every step:
//
//     once      a counter's sums are all different, a method is begun once
//     held      a lock has one holder, permits are not more than there were
//     items     one is with one client at most, and in the end each was once
//     awake     nobody waits for what is there
//
// Read next: sim_line.h.

#include <stdio.h>
#include <string.h>

#include "sim_line.h"

static const char *const s_plants[] = { "resend-as-new",  "invoke-twice",
                                        "lost-notify",    "lost-release",
                                        "refuse-as-seen", "forget-permits",
                                        "forget-barrier", NULL };

static sim_kit_t s_kit = { .name = "sim_line", .plants = s_plants };
static long s_steps;

void
sim_line_fail (const char *file, int line, const char *what)
{
    sim_kit_fail_at (&s_kit, file, line, what);
}

// The bug, once.
static int
s_planted (sim_line_t *self, const char *what)
{
    if (self->planted || !sim_kit_is_planted (&s_kit, what))
        return 0;
    self->planted = 1;
    return 1;
}

// --- Steps -----------------------------------------------------------------

static void
s_arrive (sim_line_t *self,
          sim_line_client_t *client,
          const sim_line_answer_t *answer)
{
    if (client->up && client->answers_count < SIM_LINE_FLIGHT)
        client->answers[client->answers_count++] = *answer;
    else
        client->up = 0;
    (void) self;
}

static void
s_effect (sim_line_t *self, const brd_home_effect_t *effect)
{
    sim_line_client_t *client;
    sim_line_answer_t answer;
    switch (effect->type) {
    case BRD_HOME_DO_ANSWER:
        client = sim_line_answered (self, effect, &answer);
        if (client)
            s_arrive (self, client, &answer);
        return;
    case BRD_HOME_DO_INVOKE:
        sim_line_invoked (self, effect);
        if (effect->method && s_planted (self, "invoke-twice"))
            sim_line_invoked (self, effect);
        return;
    case BRD_HOME_DO_DESTROY:
        sim_line_destroyed (self, effect);
        return;
    default:
        SIM_LINE_TRUE (effect->type == BRD_HOME_DO_ANSWER);
    }
}

// 0, or the errno of a call that the home refuses.
static int
s_step (sim_line_t *self, const brd_home_event_t *event)
{
    brd_home_effect_t effect;
    const int rc = brd_home_step (self->home, self->now, event);
    const int error = rc < 0 ? errno : 0;
    sim_line_time (self);
    while (brd_home_effect (self->home, &effect) == 1)
        s_effect (self, &effect);
    brd_home_check (self->home);
    sim_line_check (self);
    s_steps++;
    return error;
}

static void
s_pass_time (sim_line_t *self)
{
    const brd_home_event_t tick = { .type = BRD_HOME_TICK };
    // Slow against the lines: most waits end with what they are for.
    if (sim_rand_chance (&self->rand, 150))
        self->now += sim_rand_between (&self->rand, 0, 4) * SIM_MS;
    if (brd_home_deadline (self->home) <= self->now)
        (void) s_step (self, &tick);
}

// --- Lines -----------------------------------------------------------------

static void
s_fly (sim_line_client_t *client, const sim_line_frame_t *frame)
{
    if (client->up && client->frames_count < SIM_LINE_FLIGHT)
        client->frames[client->frames_count++] = *frame;
    else
        client->up = 0;
}

static void
s_note (sim_line_client_t *client, int slot, brd_request_op_t op)
{
    const sim_line_frame_t frame = {
        .call = { .op = op,
                  .slot = (uint32_t) slot,
                  .seq = client->slots[slot].frame.call.seq,
                  .timeout_ns = -1 }
    };
    s_fly (client, &frame);
}

static void
s_hand_over (sim_line_t *self,
             sim_line_client_t *client,
             sim_line_frame_t *frame)
{
    const int again = frame->call.seq == client->slots[frame->call.slot].seen;
    const brd_home_event_t event = { .type = BRD_HOME_CALL,
                                     .session = client->session,
                                     .call = &frame->call };
    frame->call.body = frame->body;
    const int expected = sim_line_delivered (self, client, frame);
    // Answered, and not done.
    if (frame->call.op == BRD_REQUEST_CONDITION_NOTIFY
        && s_planted (self, "lost-notify"))
        frame->body[0] = 0;
    if (frame->call.op == BRD_REQUEST_LOCK_RELEASE
        && s_planted (self, "lost-release"))
        frame->call.op = BRD_REQUEST_LOCK_LOCKED;
    if (frame->call.op == BRD_REQUEST_QUEUE_REFUSE
        && s_planted (self, "refuse-as-seen"))
        frame->call.op = BRD_REQUEST_QUEUE_SIZE;
    frame->call.seq += again && frame->call.op == BRD_REQUEST_DICT_ADD
                       && s_planted (self, "resend-as-new");
    SIM_LINE_TRUE (s_step (self, &event) == expected);
}

// Any of what is on the way, and perhaps not for the last time.
static void
s_deliver (sim_line_t *self, sim_line_client_t *client)
{
    if (!client->up || client->frames_count == 0)
        return;
    const int i =
        (int) sim_rand_below (&self->rand, (uint64_t) client->frames_count);
    sim_line_frame_t frame = client->frames[i];
    if (!sim_rand_chance (&self->rand, 100))
        client->frames[i] = client->frames[--client->frames_count];
    s_hand_over (self, client, &frame);
}

static void
s_receive (sim_line_t *self, sim_line_client_t *client)
{
    if (!client->up || client->answers_count == 0)
        return;
    const int i =
        (int) sim_rand_below (&self->rand, (uint64_t) client->answers_count);
    const sim_line_answer_t answer = client->answers[i];
    if (!sim_rand_chance (&self->rand, 100))
        client->answers[i] = client->answers[--client->answers_count];
    const brd_request_op_t op = sim_line_arrived (self, client, &answer);
    if (op == BRD_REQUEST_QUEUE_GET)
        s_note (client, (int) answer.slot, BRD_REQUEST_ACK);
}

static void
s_cut (sim_line_client_t *client)
{
    client->up = 0;
    client->frames_count = 0;
    client->answers_count = 0;
}

static void
s_come_back (sim_line_client_t *client)
{
    s_cut (client);
    client->up = 1;
    for (int i = 0; i < SIM_LINE_SLOTS; i++)
        if (client->slots[i].busy)
            s_fly (client, &client->slots[i].frame);
}

static void
s_born (sim_line_t *self, sim_line_client_t *client)
{
    const brd_home_event_t event = { .type = BRD_HOME_SESSION,
                                     .session = ++self->sessions,
                                     .text = "somebody" };
    *client = (sim_line_client_t){ .session = self->sessions, .up = 1 };
    SIM_LINE_TRUE (s_step (self, &event) == 0);
}

static void
s_die (sim_line_t *self, sim_line_client_t *client)
{
    const brd_home_event_t event = { .type = BRD_HOME_GONE,
                                     .session = client->session };
    const int forgets =
        (client->permits > 0 && s_planted (self, "forget-permits"))
        || (sim_line_is_at_barrier (client)
            && s_planted (self, "forget-barrier"));
    sim_line_gone (self, client);
    if (!forgets)
        (void) s_step (self, &event);
    else
        sim_line_check (self);
}

// --- Worlds ----------------------------------------------------------------

static void
s_issue (sim_line_t *self, sim_line_client_t *client)
{
    int slot = (int) sim_rand_below (&self->rand, SIM_LINE_SLOTS);
    // Who has the lock does something, or all would wait for it.
    for (int i = 0; i < SIM_LINE_SLOTS; i++)
        if (client->holding[i] > 0 && sim_rand_chance (&self->rand, 600))
            slot = i;
    // Slots are taken into use in order.
    if (client->slots[slot].busy
        || (slot > 0 && client->slots[slot - 1].seen == 0))
        return;
    sim_line_draw (self, client, slot);
    s_fly (client, &client->slots[slot].frame);
}

static void
s_return (sim_line_t *self, int i)
{
    brd_home_event_t event = { .type = BRD_HOME_RETURNED };
    unsigned char bytes[BRD_VALUE_HEAD_MAX];
    if (!sim_line_returns (self, i, &event, bytes))
        return;
    (void) s_step (self, &event);
}

static void
s_act (sim_line_t *self)
{
    sim_line_client_t *client =
        self->holder && sim_rand_chance (&self->rand, 250)
            ? self->holder
            : &self->clients[sim_rand_below (&self->rand, SIM_LINE_CLIENTS)];
    const int chance = (int) sim_rand_below (&self->rand, 1000);
    s_pass_time (self);
    if (client->session == 0)
        s_born (self, client);
    else if (chance < 300)
        s_issue (self, client);
    else if (chance < 580)
        s_deliver (self, client);
    else if (chance < 860)
        s_receive (self, client);
    else if (chance < 880)
        s_cut (client);
    else if (chance < 920)
        s_come_back (client);
    else if (chance < 927)
        s_die (self, client);
    else if (chance < 940)
        s_note (client,
                (int) sim_rand_below (&self->rand, SIM_LINE_SLOTS),
                BRD_REQUEST_CANCEL);
    else
        s_return (self, (int) sim_rand_below (&self->rand, SIM_LINE_METHODS));
}

// A call over a good line, until it is answered.
static int64_t
s_do (sim_line_t *self,
      int id,
      brd_request_op_t op,
      uint64_t object,
      const char *args,
      ...)
{
    sim_line_client_t *client = &self->clients[0];
    va_list list;
    va_start (list, args);
    sim_line_begin (client, 0, op, object, args, list);
    va_end (list);
    client->slots[0].frame.id = id;
    s_fly (client, &client->slots[0].frame);
    int64_t value = 0;
    for (int i = 0; client->slots[0].busy; i++) {
        SIM_LINE_TRUE (i < 100000);
        s_deliver (self, client);
        if (client->slots[0].answered)
            value = client->slots[0].value;
        s_receive (self, client);
        for (int j = 0; j < SIM_LINE_METHODS; j++)
            s_return (self, j);
        s_pass_time (self);
    }
    return value;
}

static void
s_make_all (sim_line_t *self)
{
    self->calls = 1;
    s_born (self, &self->clients[0]);
    (void) s_do (self, 0, BRD_REQUEST_OPEN, 0, "it[]", BRD_KIND_DICT, "d");
    (void) s_do (
        self, 0, BRD_REQUEST_OPEN, 0, "it[i]", BRD_KIND_CONDITION, "c", 0);
    (void) s_do (self,
                 0,
                 BRD_REQUEST_OPEN,
                 0,
                 "it[i]",
                 BRD_KIND_BARRIER,
                 "b",
                 SIM_LINE_PARTIES);
    (void) s_do (self,
                 0,
                 BRD_REQUEST_OPEN,
                 0,
                 "it[ii]",
                 BRD_KIND_SEMAPHORE,
                 "s",
                 SIM_LINE_PERMITS,
                 1);
    (void) s_do (self,
                 0,
                 BRD_REQUEST_OPEN,
                 0,
                 "it[iiiiiii]",
                 BRD_KIND_QUEUE,
                 "q",
                 0,
                 0,
                 0,
                 0,
                 0,
                 0,
                 0);
    (void) s_do (self,
                 self->calls,
                 BRD_REQUEST_OPEN,
                 0,
                 "it[ti]",
                 BRD_KIND_PROXY,
                 "p",
                 "P",
                 1);
}

// All die but one, and that one finds everything in order.
static void
s_calm (sim_line_t *self)
{
    self->calm = 1;
    for (int i = 0; i < SIM_LINE_CLIENTS; i++)
        if (self->clients[i].session != 0)
            s_die (self, &self->clients[i]);
    for (int i = 0; i < SIM_LINE_METHODS; i++)
        s_return (self, i);
    s_born (self, &self->clients[0]);
    while (sim_line_items_left (self) > 0)
        (void) s_do (self, 0, BRD_REQUEST_QUEUE_GET, SIM_LINE_QUEUE, "n");
    (void) s_do (
        self, 0, BRD_REQUEST_SEMAPHORE_ACQUIRE, SIM_LINE_SEMAPHORE, "");
    (void) s_do (
        self, 0, BRD_REQUEST_SEMAPHORE_RELEASE, SIM_LINE_SEMAPHORE, "");
    SIM_LINE_TRUE (
        s_do (self, 0, BRD_REQUEST_SEMAPHORE_VALUE, SIM_LINE_SEMAPHORE, "")
        == SIM_LINE_PERMITS);
    (void) s_do (self, 0, BRD_REQUEST_LOCK_ACQUIRE, SIM_LINE_CONDITION, "");
    (void) s_do (self, 0, BRD_REQUEST_LOCK_RELEASE, SIM_LINE_CONDITION, "");
    SIM_LINE_TRUE (
        s_do (self, 0, BRD_REQUEST_DICT_ADD, SIM_LINE_DICT, "ii", 1, 1)
        == self->adds);
    s_die (self, &self->clients[0]);
    sim_line_end (self);
}

static void
s_world (uint64_t seed)
{
    static sim_line_t self;
    const brd_home_options_t options = { .brood = 7, .seed = seed };
    memset (&self, 0, sizeof self);
    sim_rand_seed (&self.rand, seed);
    self.theme = sim_rand_next (&self.rand);
    self.home = brd_home_new (&options);
    SIM_LINE_TRUE (self.home);
    self.planted = 1;
    s_make_all (&self);
    self.planted = 0;
    for (int i = 0; i < SIM_LINE_ACTIONS; i++)
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
    printf ("sim_line: %llu seeds from %llu, %ld steps\n",
            (unsigned long long) s_kit.seeds,
            (unsigned long long) s_kit.first,
            s_steps);
    return 0;
}
