// brd_channel_check.c - what must be true of a channel after every call
//
// SPDX-License-Identifier: MPL-2.0
//
// The simulator and the fuzzer ask after each step.
//
// Read next: brd_channel_private.h, the drawing.

#include "base/brd_check.h"
#include "wire/brd_channel.h"
#include "wire/brd_channel_private.h"

static void
s_check_out (const brd_channel_t *self)
{
    const brd_channel_sender_t *out = &self->out;
    uint64_t items = 0, bytes = 0, seq = out->end;
    int cursor = out->cursor == NULL;
    const brd_channel_out_t *last = NULL;
    if (out->first) {
        seq = out->first->seq;
        brd_assert (out->first->item == out->gone_items);
        brd_assert (out->first->start == out->gone_bytes);
    }
    for (const brd_channel_out_t *at = out->first; at; at = at->next) {
        brd_assert (at->seq == seq && at->pieces > 0);
        if (at == out->cursor) {
            cursor = 1;
            brd_assert (out->cursor_seq >= at->seq
                        && out->cursor_seq < at->seq + at->pieces);
        }
        items++;
        bytes += at->size;
        seq += at->pieces;
        last = at;
    }
    brd_assert (cursor && last == out->last && seq == out->end);
    brd_assert (out->cursor || out->cursor_seq == out->end);
    brd_assert (items == out->items - out->gone_items);
    brd_assert (bytes == out->bytes - out->gone_bytes);
    brd_assert (items <= 1 || bytes <= self->options.cap_bytes);
    brd_assert (items <= self->options.cap_items);
    brd_assert (out->acked <= out->cursor_seq && out->cursor_seq <= out->high);
    brd_assert (out->high <= out->end);
    brd_assert (!out->first || out->acked >= out->first->seq);
    brd_assert (out->taken_items <= out->whole_items);
    brd_assert (out->taken_bytes <= out->whole_bytes);
}

static void
s_check_in (const brd_channel_t *self)
{
    const brd_channel_receiver_t *in = &self->in;
    uint64_t items = 0, bytes = 0;
    const brd_channel_in_t *last = NULL;
    for (const brd_channel_in_t *at = in->first; at; at = at->next) {
        brd_assert (at->have == at->size);
        items++;
        bytes += at->size;
        last = at;
    }
    if (in->partial) {
        brd_assert (in->partial->have < in->partial->size);
        brd_assert (in->partial->room <= in->partial->size);
        items++;
        bytes += in->partial->size;
    }
    brd_assert (last == in->last);
    brd_assert (items == in->held_items && bytes == in->held_bytes);
    brd_assert (items <= self->options.window_items);
    brd_assert (items <= 1 || bytes <= self->options.window_bytes);
    brd_assert (bytes <= self->options.window_bytes
                || bytes <= self->options.message_max);
}

void
brd_channel_check (const brd_channel_t *self)
{
    s_check_out (self);
    s_check_in (self);
    brd_assert (self->echoed <= self->stamp);
    brd_assert (self->sure_echoed <= self->echoed);
    brd_assert (self->peer != 0 || self->out.high == 0);
    brd_assert (self->peer != 0 || self->in.seq == 0);
}
