// sim_line_calls.c - what the lines' clients know, and call next
//
// SPDX-License-Identifier: MPL-2.0
//
// A client goes by the answers that have reached it, as a real one does.
//
// Read next: sim_line_model.c.

#include "sim_line.h"

#include <string.h>

// --- Frames ----------------------------------------------------------------

static void
s_put (brd_buf_t *out, const char *args, va_list list)
{
    for (; *args != '\0'; args++) {
        int rc = 0;
        if (*args == 'i')
            rc = brd_value_put_int (out, va_arg (list, int));
        else if (*args == 't') {
            const char *text = va_arg (list, const char *);
            rc = brd_value_put_text (out, text, strlen (text));
        }
        else if (*args == 'n')
            rc = brd_value_put_nil (out);
        else if (*args == '[')
            rc = brd_value_put_list (out, strcspn (args + 1, "]"));
        SIM_LINE_TRUE (rc == 0);
    }
}

void
sim_line_begin (sim_line_client_t *client,
                int slot,
                brd_request_op_t op,
                uint64_t object,
                const char *args,
                va_list list)
{
    sim_line_slot_t *self = &client->slots[slot];
    sim_line_frame_t *frame = &self->frame;
    brd_buf_t out = brd_value_fixed (frame->body, sizeof frame->body);
    s_put (&out, args, list);
    frame->call = (brd_request_t){ .op = op,
                                   .slot = (uint32_t) slot,
                                   .seq = frame->call.seq + 1,
                                   .thread = (uint64_t) slot + 1,
                                   .object = object,
                                   .timeout_ns = -1,
                                   .size = out.size };
    frame->id = 0;
    self->busy = 1;
}

static void
s_begin (sim_line_client_t *client,
         int slot,
         brd_request_op_t op,
         uint64_t object,
         const char *args,
         ...)
{
    va_list list;
    va_start (list, args);
    sim_line_begin (client, slot, op, object, args, list);
    va_end (list);
}

// --- By chance -------------------------------------------------------------

static void
s_wait_about (sim_line_t *self, sim_line_client_t *client, int slot, int least)
{
    client->slots[slot].frame.call.timeout_ns =
        sim_rand_between (&self->rand, least, 40) * SIM_MS;
}

static void
s_draw_condition (sim_line_t *self, sim_line_client_t *client, int slot)
{
    const uint64_t what = sim_rand_below (&self->rand, 10);
    if (client->holding[slot] == 0 || (what == 0 && client->holding[slot] < 3))
        s_begin (
            client, slot, BRD_REQUEST_LOCK_ACQUIRE, SIM_LINE_CONDITION, "");
    else if (what < 5)
        s_begin (
            client, slot, BRD_REQUEST_CONDITION_WAIT, SIM_LINE_CONDITION, "");
    else if (what < 7) {
        s_begin (client,
                 slot,
                 BRD_REQUEST_CONDITION_NOTIFY,
                 SIM_LINE_CONDITION,
                 "i",
                 (int) sim_rand_between (&self->rand, -1, 2));
        return;
    }
    else {
        s_begin (
            client, slot, BRD_REQUEST_LOCK_RELEASE, SIM_LINE_CONDITION, "");
        return;
    }
    s_wait_about (self, client, slot, 0);
    // Many for as long as it takes.
    if (sim_rand_chance (&self->rand, 600))
        client->slots[slot].frame.call.timeout_ns = -1;
}

static void
s_draw_barrier (sim_line_t *self, sim_line_client_t *client, int slot)
{
    const uint64_t what = sim_rand_below (&self->rand, 20);
    s_begin (client,
             slot,
             what < 4    ? BRD_REQUEST_BARRIER_RESET
             : what == 4 ? BRD_REQUEST_BARRIER_ABORT
                         : BRD_REQUEST_BARRIER_WAIT,
             SIM_LINE_BARRIER,
             "");
    s_wait_about (self, client, slot, 10);
    if (sim_rand_chance (&self->rand, 300))
        client->slots[slot].frame.call.timeout_ns = -1;
}

static void
s_draw_semaphore (sim_line_t *self, sim_line_client_t *client, int slot)
{
    const int gives =
        client->can_give > 0 && sim_rand_chance (&self->rand, 600);
    s_begin (client,
             slot,
             gives ? BRD_REQUEST_SEMAPHORE_RELEASE
                   : BRD_REQUEST_SEMAPHORE_ACQUIRE,
             SIM_LINE_SEMAPHORE,
             "");
    client->can_give -= gives;
    s_wait_about (self, client, slot, 0);
}

static void
s_draw_queue (sim_line_t *self, sim_line_client_t *client, int slot)
{
    if (self->items + 1 < SIM_LINE_ITEMS
        && sim_rand_chance (&self->rand, 500)) {
        s_begin (client,
                 slot,
                 BRD_REQUEST_QUEUE_PUT,
                 SIM_LINE_QUEUE,
                 "i",
                 ++self->items);
        client->slots[slot].frame.id = self->items;
        return;
    }
    s_begin (client, slot, BRD_REQUEST_QUEUE_GET, SIM_LINE_QUEUE, "n");
    s_wait_about (self, client, slot, 0);
}

static void
s_draw_proxy (sim_line_t *self, sim_line_client_t *client, int slot)
{
    const int id = ++self->calls;
    SIM_LINE_TRUE (id < SIM_LINE_CALLS);
    if (client->own == 0 && sim_rand_chance (&self->rand, 150))
        s_begin (client,
                 slot,
                 BRD_REQUEST_OPEN,
                 0,
                 "in[ti]",
                 BRD_KIND_PROXY,
                 "P",
                 id);
    else
        s_begin (client,
                 slot,
                 BRD_REQUEST_PROXY_CALL,
                 client->own != 0 && sim_rand_chance (&self->rand, 500)
                     ? (uint64_t) client->own
                     : SIM_LINE_PROXY,
                 "ti",
                 "m",
                 id);
    client->slots[slot].frame.id = id;
}

static void
s_draw_add (sim_line_t *self, sim_line_client_t *client, int slot)
{
    (void) self;
    s_begin (client, slot, BRD_REQUEST_DICT_ADD, SIM_LINE_DICT, "ii", 1, 1);
}

void
sim_line_draw (sim_line_t *self, sim_line_client_t *client, int slot)
{
    static void (*const draw[]) (sim_line_t *, sim_line_client_t *, int) = {
        s_draw_condition, s_draw_barrier, s_draw_semaphore,
        s_draw_queue,     s_draw_proxy,   s_draw_add
    };
    const uint64_t kinds = sizeof draw / sizeof *draw;
    if (client->refuses[slot]) {
        s_begin (client, slot, BRD_REQUEST_QUEUE_REFUSE, SIM_LINE_QUEUE, "");
        client->refuses[slot] = 0;
        return;
    }
    // A world has a theme, so that its objects are crowded.
    uint64_t what = sim_rand_chance (&self->rand, 700)
                        ? self->theme % kinds
                        : sim_rand_below (&self->rand, kinds);
    if (client->holding[slot] > 0 && sim_rand_chance (&self->rand, 800))
        what = 0;
    draw[what](self, client, slot);
}

// --- Answers ---------------------------------------------------------------

// Kept, or refused with the slot's next call.
static brd_request_op_t
s_got (sim_line_t *self, sim_line_client_t *client, int slot, int64_t item)
{
    if (!self->calm && sim_rand_chance (&self->rand, 150)) {
        client->refuses[slot] = 1;
        return BRD_REQUEST_OPS_END;
    }
    SIM_LINE_TRUE (item > 0 && item <= self->items);
    SIM_LINE_TRUE (++self->consumed[item] == 1);
    return BRD_REQUEST_QUEUE_GET;
}

brd_request_op_t
sim_line_arrived (sim_line_t *self,
                  sim_line_client_t *client,
                  const sim_line_answer_t *answer)
{
    const int index = (int) answer->slot;
    sim_line_slot_t *slot = &client->slots[index];
    const brd_request_op_t op = slot->frame.call.op;
    if (!slot->busy || answer->seq != slot->frame.call.seq)
        return BRD_REQUEST_OPS_END;
    slot->busy = 0;
    if (answer->error != 0)
        return op == BRD_REQUEST_QUEUE_GET ? BRD_REQUEST_OPS_END : op;
    if (op == BRD_REQUEST_LOCK_ACQUIRE)
        client->holding[index]++;
    if (op == BRD_REQUEST_LOCK_RELEASE)
        client->holding[index]--;
    if (op == BRD_REQUEST_SEMAPHORE_ACQUIRE)
        client->can_give++;
    if (op == BRD_REQUEST_OPEN && answer->value >= SIM_LINE_OWN)
        client->own = answer->value;
    if (op == BRD_REQUEST_QUEUE_GET)
        return s_got (self, client, index, answer->value);
    return op;
}
