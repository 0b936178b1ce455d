// fuzz_home.c - any bytes as calls into the home
//
// SPDX-License-Identifier: MPL-2.0
//
// The first byte of a chunk says who calls what on which object, and how long
// the body is that follows; some bytes end a client, let time pass, or end a
// method. Whatever comes, the home must not assert or touch what is not there,
// must answer each call once, and must keep its own invariants.

#include <stdlib.h>
#include <string.h>

#include "base/brd_check.h"
#include "core/home.h"

enum {
    S_CLIENTS = 3,
    S_SLOTS = 3,
    S_STEPS = 400
};

typedef struct {
    brd_home_t *home;
    int64_t now;
    int known[S_CLIENTS];
    uint64_t seq[S_CLIENTS][S_SLOTS];
    int waits[S_CLIENTS][S_SLOTS];
    uint64_t method;  // Object whose method is outside
} s_host_t;

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);

static void
s_step (s_host_t *self, const brd_home_event_t *event)
{
    brd_home_effect_t effect;
    (void) brd_home_step (self->home, self->now, event);
    while (brd_home_effect (self->home, &effect) == 1) {
        if (effect.type == BRD_HOME_DO_INVOKE)
            self->method = effect.object;
        if (effect.type != BRD_HOME_DO_ANSWER)
            continue;
        const uint64_t client = effect.session - 1;
        brd_assert (client < S_CLIENTS && self->known[client]);
        brd_assert (effect.answer.slot < S_SLOTS);
        brd_assert (effect.answer.error == 0 || effect.answer.flags == 0);
        // A value that was answered is a value.
        if (effect.answer.error == 0)
            brd_assert (brd_value_check (effect.answer.body,
                                         effect.answer.size,
                                         BRD_WIRE_DEPTH_MAX,
                                         NULL)
                        == 0);
        self->waits[client][effect.answer.slot] = 0;
    }
    brd_home_check (self->home);
}

static void
s_meet (s_host_t *self, unsigned client)
{
    const brd_home_event_t event = { .type = BRD_HOME_SESSION,
                                     .session = client + 1,
                                     .text = "somebody" };
    if (!self->known[client])
        s_step (self, &event);
    self->known[client] = 1;
}

static void
s_end (s_host_t *self, unsigned client)
{
    const brd_home_event_t event = { .type = BRD_HOME_GONE,
                                     .session = client + 1 };
    self->known[client] = 0;
    memset (self->seq[client], 0, sizeof self->seq[client]);
    memset (self->waits[client], 0, sizeof self->waits[client]);
    s_step (self, &event);
}

static void
s_return (s_host_t *self, const uint8_t *body, size_t size)
{
    static const unsigned char nil = 0xc0;
    const int fits =
        brd_value_check (body, size, BRD_HOME_VALUE_DEPTH, NULL) == 0;
    const brd_home_event_t event = { .type = BRD_HOME_RETURNED,
                                     .object = self->method,
                                     .text = "",
                                     .bytes = fits ? body : &nil,
                                     .size = fits ? size : 1 };
    s_step (self, &event);
}

static void
s_call (s_host_t *self,
        unsigned client,
        unsigned op,
        unsigned where,
        const uint8_t *body,
        size_t size)
{
    const unsigned slot = where % S_SLOTS;
    s_meet (self, client);
    const brd_request_about_t *about = brd_request_about (op);
    brd_request_t call = { .op = (brd_request_op_t) op,
                           .slot = slot,
                           .seq = self->seq[client][slot],
                           .thread = slot + 1,
                           .object = where / S_SLOTS % 8,
                           .timeout_ns = where & 0x80 ? 5 : -1,
                           .body = body,
                           .size = size };
    if (about && !about->silent && !self->waits[client][slot]
        && (slot == 0 || self->seq[client][slot - 1] > 0)) {
        call.seq = ++self->seq[client][slot];
        self->waits[client][slot] = 1;
    }
    const brd_home_event_t event = { .type = BRD_HOME_CALL,
                                     .session = client + 1,
                                     .call = &call };
    s_step (self, &event);
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
    const brd_home_options_t options = {
        .brood = 1, .seed = 5, .bytes_max = 1 << 20, .objects_max = 6
    };
    const brd_home_event_t tick = { .type = BRD_HOME_TICK };
    s_host_t self = { .home = brd_home_new (&options) };
    if (!self.home)
        return 0;
    for (int i = 0; i < S_STEPS && size >= 4; i++) {
        const unsigned client = data[0] % S_CLIENTS;
        const size_t body = data[3] % 48 < size - 4 ? data[3] % 48 : size - 4;
        if (data[0] >= 250)
            s_end (&self, client);
        else if (data[0] >= 240)
            s_return (&self, data + 4, body);
        else
            s_call (&self, client, data[1] % 128, data[2], data + 4, body);
        self.now += data[0] & 8;
        s_step (&self, &tick);
        data += 4 + body;
        size -= 4 + body;
    }
    brd_home_destroy (&self.home);
    return 0;
}
