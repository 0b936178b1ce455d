// sim.h - a world without clocks or processes around the core
//
// SPDX-License-Identifier: MPL-2.0
//
// One seed is one world: pools, model workers that run tasks for a made-up
// time and die, links that delay, clients that change their minds. The host
// here does with effects what a real one does; only the core is real.
//
//     sim_scenario   draws a world from a seed
//     sim_world      the clock: takes the earliest timer, fires it
//     sim_client     submits, cancels, kills, opens and closes pools
//     sim_host       steps the core, does the effects
//     sim_worker     claims, runs, answers, freezes, dies
//     sim_oracle     what must be true of each single task and worker
//     sim_check      what must be true of everything, now and then
//
// Nothing here looks at a real clock or at an address, so the same seed gives
// the same trace, and a hash of the trace says whether it did.
//
// A world that finds a broken promise calls sim_fail (), which does not return.

#ifndef SIM_H
#define SIM_H

#include <setjmp.h>
#include <stdint.h>

#include "base/brd_heap.h"
#include "base/brd_list.h"
#include "base/brd_map.h"
#include "core/core.h"
#include "sim_kit.h"

#define SIM_POOLS 4      // Open at the same time
#define SIM_KEYS 6       // Different keys, and onces, in a pool
#define SIM_PLACES 4096  // In a pool
#define SIM_NO_SLOT (-1)

typedef struct sim sim_t;
typedef struct sim_pool sim_pool_t;
typedef struct sim_task sim_task_t;
typedef struct sim_worker sim_worker_t;

// --- Scenario --------------------------------------------------------------

// How long tasks run.
typedef enum {
    SIM_TINY,   // Microseconds
    SIM_LONG,   // Up to a second
    SIM_MIXED,  // Each magnitude as likely
    SIM_HUGE,   // Tiny ones, and now and then one of many seconds
    SIM_LENGTHS
} sim_length_t;

// A bug put into the model, to see it found.
typedef enum {
    SIM_PLANT_NONE,
    SIM_PLANT_LOST_RECLAIM,  // The host forgets to say RECLAIMED, once
    SIM_PLANT_DOUBLE_DONE,   // It takes a copy of a result for the slot's next
    SIM_PLANT_FORGET_DEATH,  // It forgets to say LOST, once
    SIM_PLANT_IGNORE_TAKEN,  // Workers run what was taken back from them
    SIM_PLANT_LOST_OFFER,    // An offer is sent to nowhere
    SIM_PLANTS
} sim_plant_t;

typedef struct {
    uint64_t seed;
    uint32_t workers_max;  // Of one pool; 0: drawn
    sim_plant_t plant;
    int verbose;
} sim_options_t;

// What is drawn once for a world.
typedef struct {
    uint32_t workers_max;
    int actions;                // Of the client, before the calm
    int burst_max;              // Tasks submitted at once
    int live_max;               // Tasks there at a time
    int64_t action_delay_ns;    // Between two actions, at most
    int64_t link_delay_ns;      // One way, at most
    int64_t start_delay_ns;     // Of a worker, at most
    int64_t report_delay_ns;    // From a death to its report, at most
    int64_t late_ns;            // A TICK comes so late, at most
    int64_t fault_delay_ns;     // Between two faults, at most; 0: none
    unsigned fault_per_mille;   // Deaths at the tender moments
    unsigned down_per_mille;    // Workers that cannot be started
    unsigned bad_per_mille;     // Initializers that fail
    unsigned memory_per_mille;  // Steps in which an allocation fails
    unsigned copy_per_mille;    // Answers that arrive twice
    unsigned fancy_per_mille;   // Tasks with options
    unsigned cruel_per_mille;   // Tasks that kill their worker
    unsigned fail_per_mille;    // Attempts that return non-zero
    unsigned pool_per_mille;    // Actions that change a pool
    int remote;                 // 1: reclaim, flag and probe are messages
    int batch;                  // Results sent together
} sim_scenario_t;

void
sim_scenario_draw (sim_scenario_t *self,
                   sim_rand_t *rand,
                   const sim_options_t *options);

// --- The world -------------------------------------------------------------

typedef enum {
    SIM_TIMER_TICK,
    SIM_TIMER_ACTION,
    SIM_TIMER_FAULT,
    SIM_TIMER_BORN,  // From here on of a worker
    SIM_TIMER_INBOX,
    SIM_TIMER_OUTBOX,
    SIM_TIMER_RUN,
    SIM_TIMER_FLUSH,
    SIM_TIMER_THAW,
    SIM_TIMER_DEATH,
    SIM_TIMER_LOST,
    SIM_TIMERS
} sim_timer_kind_t;

#define SIM_WORKER_TIMERS (SIM_TIMERS - SIM_TIMER_BORN)

typedef struct {
    brd_timer_t timer;
    sim_timer_kind_t kind;
    sim_worker_t *worker;
} sim_timer_t;

// In a link, in either direction, and in a worker's queue.
typedef enum {
    SIM_MAIL_OFFER,
    SIM_MAIL_STOP,
    SIM_MAIL_RECLAIM,
    SIM_MAIL_FLAG,
    SIM_MAIL_PROBE,
    SIM_MAIL_DONE,
    SIM_MAIL_RECLAIMED,
    SIM_MAIL_KEPT,
    SIM_MAIL_PROBED,
    SIM_MAIL_RETIRE,
    SIM_MAIL_BAD
} sim_mail_kind_t;

typedef struct {
    int64_t due;
    int64_t time_ns;  // Measured, or of the start
    uint32_t seq;
    uint16_t slot;
    uint8_t kind;
    uint8_t error;
} sim_mail_t;

typedef struct {
    sim_mail_t *items;
    uint32_t room;  // A power of two
    uint32_t head;
    uint32_t count;
} sim_ring_t;

void
sim_ring_put (sim_ring_t *self, sim_mail_t mail);
sim_mail_t *
sim_ring_at (const sim_ring_t *self, uint32_t place);
sim_mail_t
sim_ring_take (sim_ring_t *self);

// --- Tasks, workers, pools -------------------------------------------------

// What the host has told the core of the present attempt.
typedef enum {
    SIM_TOLD_NOTHING,
    SIM_TOLD_DONE,
    SIM_TOLD_LOST_RUNNING,
    SIM_TOLD_LOST_FINISHED
} sim_told_t;

struct sim_task {
    brd_core_task_t core;
    brd_core_task_options_t options;
    brd_list_t key_link;   // Those of its key, in the order of submission
    brd_list_t once_link;  // Those of its once
    brd_list_t free_link;
    size_t place;  // In sim_t.live
    uint64_t id;
    sim_pool_t *pool;
    sim_worker_t *worker;  // That has it, as the host sees it
    int slot;
    int live;
    int64_t submitted;
    int64_t ready_seen;  // READY in every check since, 0: was not
    int64_t run_ns;      // Of an attempt, about
    int polite;          // Heeds its flag
    int cruel;           // Kills its worker, each time
    int starts;          // As the workers see it
    int running;         // In so many workers, now
    int finished;        // The present attempt has
    int deaths;          // Of workers that ran it, not by our own kill
    int told;
    int told_error;
    int loose;          // Another of its once may run too
    int64_t cancelled;  // Somebody wanted its end then
    int owed;           // A follower has ended with its outcome,
    int owed_error;     // which was this
};

// The claim word of the page; seq tells one use of a slot from the next.
typedef enum {
    SIM_CLAIM_EMPTY,
    SIM_CLAIM_OFFERED,
    SIM_CLAIM_RUNNING,
    SIM_CLAIM_DONE,
    SIM_CLAIM_TAKEN
} sim_claim_t;

typedef struct {
    sim_task_t *task;  // NULL: the host knows the end, or the task has ended
    uint32_t seq;
    uint8_t claim;
    uint8_t flagged;
    uint8_t asked;  // A reclaim is on its way
    uint8_t used;   // By the host
    int64_t offered;
    int64_t started;
} sim_slot_t;

typedef enum {
    SIM_WORKER_FREE,
    SIM_WORKER_STARTING,
    SIM_WORKER_UP,
    SIM_WORKER_DEAD,  // Not reported yet
    SIM_WORKER_LOST   // Reported; DO_FORGET is awaited
} sim_worker_state_t;

struct sim_worker {
    sim_worker_state_t state;
    uint32_t number;
    uint32_t place;
    sim_pool_t *pool;
    sim_timer_t timers[SIM_WORKER_TIMERS];
    sim_slot_t slots[BRD_CORE_INFLIGHT_MAX];
    uint16_t free_slots[BRD_CORE_INFLIGHT_MAX];
    int free_count;
    sim_ring_t inbox;
    sim_ring_t outbox;
    sim_ring_t queue;   // Offered, in the order of arrival
    sim_ring_t unsent;  // Results
    int64_t last_in;    // Arrivals are in order
    int64_t last_out;
    int64_t run_left;          // While frozen
    int64_t idle_since;        // Holds nothing since, as the host sees it
    int running;               // Slot, SIM_NO_SLOT
    sim_task_t *running_task;  // NULL when it has ended meanwhile
    int run_error;
    int frozen;
    int bad;
    int stopped;  // DO_STOP was done
    int leaving;  // The worker has read it
    int killed;   // DO_KILL was done
    int up_told;
    int bad_told;
    int retire_told;
    int ending_told;
    int holding;      // Counts in the pool's holders
    int in_flight;    // Slots with a task
    long given;       // Tasks it has had and not given back
    long offer_step;  // Offers of one step are one message
    int polite;       // The running one
    sim_worker_t *next_free;
};

struct sim_pool {
    uint32_t number;
    int open;  // Exists in the core
    int closed;
    int terminated;
    int broken;  // Its errno
    int ended;
    int idle;  // DO_POOL_IDLE came after the last submit
    int calm;  // Nothing has ever disturbed the order of its tasks
    brd_core_pool_options_t options;
    uint32_t most_workers;  // It was ever sized for
    sim_length_t length;
    long live;
    long done;
    long failed;
    long workers;  // DO_START done, DO_FORGET not
    long in_flight;
    long troubles;      // Deaths, downs and bads since the last finished task
    long bads;          // Ever
    long stillborn;     // Died before they were up, ever
    long starts;        // DO_STARTs in a window without a finished task
    int64_t reclaimed;  // The last DO_RECLAIM was then
    long excused;       // Reasons for them other than a death
    int64_t window;     // Began then
    uint64_t order[BRD_CORE_PRIORITIES];  // The last started, for FIFO
    brd_list_t keys[SIM_KEYS];
    brd_list_t onces[SIM_KEYS];
    uint8_t holders[SIM_PLACES];   // Workers of a place that have tasks
    int64_t released[SIM_PLACES];  // When it last had none
};

typedef struct {
    brd_core_event_t event;
    uint64_t id;  // Of the task, which may end before
} sim_answer_t;

struct sim {
    sim_options_t options;
    sim_scenario_t scenario;
    sim_rand_t rand;
    int64_t now;
    brd_core_t *core;
    brd_core_effects_t *effects;
    brd_heap_t agenda;
    sim_timer_t tick;
    sim_timer_t action;
    sim_timer_t fault;
    int actions_left;
    int calm;              // Faults have stopped
    int ending;            // Pools are being closed
    int64_t progress_due;  // All must have ended by then

    sim_pool_t pools[SIM_POOLS];
    sim_worker_t **workers;  // All there ever were, reused
    size_t worker_count;
    size_t worker_room;
    sim_worker_t *free_workers;
    brd_map_t numbers;  // Number to worker
    sim_task_t **live;
    size_t live_count;
    size_t live_room;
    brd_list_t free_tasks;  // Oldest first, filled with a pattern
    size_t free_count;
    uint64_t next_id;
    long owed;  // Leaders whose DO_END must follow

    sim_answer_t *answers;  // That follow the step at once
    size_t answer_count;
    size_t answer_room;
    int planted;  // The bug has happened

    int64_t tick_wanted;  // The core's deadline when the tick was set
    long idle_ticks;      // TICKs in a row without any effect
    long steps_to_check;
    int stepping;  // The host does effects

    uint64_t hash;
    long steps;
    long tasks;
    long deaths;
    char *why;  // SIM_WHY_SIZE
    jmp_buf *failed;
};

#define SIM_WHY_SIZE 512

// Runs a world to its end. 0, or -1 with the reason in ret_why.
typedef struct {
    uint64_t hash;
    long steps;
    long tasks;
    long deaths;
    int64_t fake_ns;
    char why[SIM_WHY_SIZE];
} sim_result_t;

int
sim_world_run (const sim_options_t *options, sim_result_t *result);

// Arms, moves or takes away a timer.
void
sim_world_at (sim_t *self, sim_timer_t *timer, int64_t due);
void
sim_world_never (sim_t *self, sim_timer_t *timer);

// The world is wrong: printed, and the seed ends.
_Noreturn void
sim_fail (sim_t *self, const char *format, ...)
    __attribute__ ((format (printf, 2, 3)));

// A line of the story, with verbose.
void
sim_say (sim_t *self, const char *format, ...)
    __attribute__ ((format (printf, 2, 3)));

// --- Client ----------------------------------------------------------------

void
sim_client_begin (sim_t *self);
void
sim_client_act (sim_t *self);
void
sim_client_fault (sim_t *self);

// Opens nothing any more, thaws all, waits; then closes the pools.
void
sim_client_calm (sim_t *self);
void
sim_client_end (sim_t *self);

// Forgets the pools that have ended meanwhile.
void
sim_client_sweep (sim_t *self);

// --- Host ------------------------------------------------------------------

// Steps the core, and again for all that follows at once. 0, or -1 as the core
// said.
int
sim_host_step (sim_t *self, const brd_core_event_t *event);

// After a step: when the core wants its next TICK.
void
sim_host_tick (sim_t *self);

// From a link, or the nursery.
void
sim_host_receive (sim_t *self, sim_worker_t *worker, sim_mail_t mail);
void
sim_host_ending (sim_t *self, sim_worker_t *worker);
void
sim_host_lost (sim_t *self, sim_worker_t *worker);

// What a reclaim finds in the page; 1 if the task is back.
int
sim_host_take (sim_slot_t *slot);

// --- Worker ----------------------------------------------------------------

sim_worker_t *
sim_worker_new (sim_t *self, sim_pool_t *pool, uint32_t number, uint32_t place);
void
sim_worker_free (sim_t *self, sim_worker_t *worker);
void
sim_worker_fire (sim_t *self, sim_worker_t *worker, sim_timer_kind_t kind);

// Into its inbox, with the delay of the link.
void
sim_worker_post (sim_t *self, sim_worker_t *worker, sim_mail_t mail);
void
sim_worker_die_at (sim_t *self, sim_worker_t *worker, int64_t due);
void
sim_worker_freeze (sim_t *self, sim_worker_t *worker, int64_t until);
void
sim_worker_flag (sim_t *self, sim_worker_t *worker, int slot);
sim_timer_t *
sim_worker_timer (sim_worker_t *worker, sim_timer_kind_t kind);

// Its slot holds a task, as the host sees it, or none any more.
void
sim_worker_hold (sim_t *self, sim_worker_t *worker, int slot, sim_task_t *task);
void
sim_worker_release (sim_t *self, sim_worker_t *worker, int slot);

// It no longer keeps the next worker of its place waiting.
void
sim_worker_unhold (sim_t *self, sim_worker_t *worker);

// The task has ended, whatever the slot is doing.
void
sim_worker_disown (sim_t *self, sim_worker_t *worker, int slot);

// --- What must be true -----------------------------------------------------

sim_task_t *
sim_oracle_task_new (sim_t *self, sim_pool_t *pool);
void
sim_oracle_submitted (sim_t *self, sim_task_t *task);
void
sim_oracle_task_free (sim_t *self, sim_task_t *task);
void
sim_oracle_offered (sim_t *self, sim_task_t *task, sim_worker_t *worker);
void
sim_oracle_started (sim_t *self, sim_task_t *task, sim_worker_t *worker);
void
sim_oracle_ended (sim_t *self, const brd_core_effect_t *effect);
void
sim_oracle_started_worker (sim_t *self, sim_pool_t *pool);
void
sim_oracle_broken (sim_t *self, const brd_core_effect_t *effect);
void
sim_oracle_pool_ended (sim_t *self, sim_pool_t *pool);

void
sim_check_step (sim_t *self, const brd_core_event_t *event);
void
sim_check_all (sim_t *self);

#endif  // SIM_H
