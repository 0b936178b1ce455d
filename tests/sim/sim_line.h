// sim_line.h - what the lines' world and its model share
//
// SPDX-License-Identifier: MPL-2.0
//
// A client's slot is also the model's account of its call: has the home had it,
// has it answered, what for does it wait.

#ifndef SIM_LINE_H
#define SIM_LINE_H

#include <errno.h>
#include <stdarg.h>

#include "core/home.h"
#include "sim.h"

enum {
    SIM_LINE_CLIENTS = 5,
    SIM_LINE_SLOTS = 3,
    SIM_LINE_ACTIONS = 6000,  // Of a world
    SIM_LINE_FLIGHT = 64,     // On one line, one way
    SIM_LINE_ITEMS = 3000,
    SIM_LINE_SUMS = 4000,
    SIM_LINE_CALLS = 20000,
    SIM_LINE_METHODS = 32,  // Under way at a time
    SIM_LINE_PERMITS = 2,
    SIM_LINE_PARTIES = 3,
    SIM_LINE_DICT = 1,  // Numbers of the objects, by the order they are made in
    SIM_LINE_CONDITION,
    SIM_LINE_BARRIER,
    SIM_LINE_SEMAPHORE,
    SIM_LINE_QUEUE,
    SIM_LINE_PROXY,
    SIM_LINE_OWN  // From here on those that have no name
};

typedef struct {
    brd_request_t call;
    unsigned char body[64];
    int id;
} sim_line_frame_t;

typedef struct {
    uint32_t slot;
    uint64_t seq;
    int error;
    int64_t value;
} sim_line_answer_t;

typedef enum {
    SIM_LINE_NOT_WAITING,
    SIM_LINE_WAITING,  // For what its call is about
    SIM_LINE_COMING,   // A condition's: for the lock
    SIM_LINE_INVOKED   // A proxy's: its method runs
} sim_line_wait_t;

typedef struct {
    int busy;  // The client waits for its answer
    sim_line_frame_t frame;
    uint64_t seen;  // seq of the last the home has had
    int answered;   // By the home, at least once
    int error;
    int64_t value;

    sim_line_wait_t waits;
    int64_t due;
    uint64_t order;  // Of a condition's waiters
    int saved;       // COMING: the error to come
    int must;        // It is to be answered in this step,
    int ends;        // with this, 0 for none, or success if there is any,
    int may_end;     // or with this
    int depth;       // Of the lock, while it waits for a notice
    int item;        // The home has given it and does not know that it arrived
} sim_line_slot_t;

typedef struct {
    uint64_t session;  // 0: nobody
    int up;
    sim_line_slot_t slots[SIM_LINE_SLOTS];
    sim_line_frame_t frames[SIM_LINE_FLIGHT];
    int frames_count;
    sim_line_answer_t answers[SIM_LINE_FLIGHT];
    int answers_count;
    int permits;  // Of the home's semaphore, as the home has it
    // As the client has it:
    int can_give;                 // Permits
    int holding[SIM_LINE_SLOTS];  // The lock, so often
    int refuses[SIM_LINE_SLOTS];  // What it got, with the next call
    int64_t own;                  // An object without a name
} sim_line_client_t;

typedef struct {
    uint64_t object;  // 0: none
    int id;           // -1: its birth
} sim_line_method_t;

typedef struct {
    brd_home_t *home;
    sim_rand_t rand;
    int64_t now;
    uint64_t sessions;
    sim_line_client_t clients[SIM_LINE_CLIENTS];
    uint64_t theme;  // What most calls are about
    int planted;
    int calm;
    int calls;  // Made so far
    uint64_t order;

    sim_line_client_t *holder;  // Of the condition's lock
    int holder_slot;
    int depth;
    int died;
    int broken;
    int items;  // Made so far
    int there;
    signed char item[SIM_LINE_ITEMS];      // 1 there, 2 in doubt, 3 gone
    signed char consumed[SIM_LINE_ITEMS];  // By a client that lives, or did
    int adds;                              // The home has had
    signed char sum[SIM_LINE_SUMS];        // Was an answer
    signed char invoked[SIM_LINE_CALLS];
    sim_line_method_t methods[SIM_LINE_METHODS];
    signed char alive[SIM_LINE_CALLS];  // Objects of the class: 1; 2: ended
} sim_line_t;

_Noreturn void
sim_line_fail (const char *file, int line, const char *what);

#define SIM_LINE_TRUE(condition) \
    do { \
        if (!(condition)) \
            sim_line_fail (__FILE__, __LINE__, #condition); \
    } while (0)

// --- sim_line_model.c: what is known of the home ----------------------------

// A call reaches the home: first the model. The errno the home must refuse it
// with, or 0.
int
sim_line_delivered (sim_line_t *self,
                    sim_line_client_t *client,
                    const sim_line_frame_t *frame);

// In a step, after its event: what time ends.
void
sim_line_time (sim_line_t *self);

// An answer of the home's: whose, or NULL if it is an old one's.
sim_line_client_t *
sim_line_answered (sim_line_t *self,
                   const brd_home_effect_t *effect,
                   sim_line_answer_t *ret_answer);
void
sim_line_invoked (sim_line_t *self, const brd_home_effect_t *effect);
void
sim_line_destroyed (sim_line_t *self, const brd_home_effect_t *effect);
int
sim_line_returns (sim_line_t *self,
                  int i,
                  brd_home_event_t *event,
                  unsigned char *bytes);
void
sim_line_gone (sim_line_t *self, sim_line_client_t *client);

// After a step.
void
sim_line_check (const sim_line_t *self);
void
sim_line_end (const sim_line_t *self);

int
sim_line_items_left (const sim_line_t *self);
int
sim_line_is_at_barrier (const sim_line_client_t *client);

// --- sim_line_calls.c: what clients know and do -----------------------------

// A slot's next call. Letters: i an int, t a text, n nil, [...] a list.
void
sim_line_begin (sim_line_client_t *client,
                int slot,
                brd_request_op_t op,
                uint64_t object,
                const char *args,
                va_list list);

// One that makes sense now, by chance.
void
sim_line_draw (sim_line_t *self, sim_line_client_t *client, int slot);

// The client has an answer; the call it was for, if it was new to it.
brd_request_op_t
sim_line_arrived (sim_line_t *self,
                  sim_line_client_t *client,
                  const sim_line_answer_t *answer);

#endif  // SIM_LINE_H
