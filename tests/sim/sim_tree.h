// sim_tree.h - a world of cores below cores
//
// SPDX-License-Identifier: MPL-2.0
//
// The root has a pool that hosts join; a host is a whole node with a core of
// its own, either a broker with hosts below it or an agent with workers.
//
//     client -> root core -> link -> broker's core -> link -> agent's core
//                                                               -> workers
//
//     sim_tree         the clock, and what must be true
//     sim_tree_client  submits, changes its mind, and lets hosts come and go
//     sim_tree_node    steps a core, does the effects, runs workers
//     sim_tree_link    messages between two nodes, and what ends them
//
// A task of the client is a job at each node it is in, and a run in a worker.
// Messages of a link are late but in order. A link may be silent for a while;
// if that is long, the node below ends itself before the one above counts it as
// lost, so no task ever runs twice at a time.

#ifndef SIM_TREE_H
#define SIM_TREE_H

#include <stdint.h>

#include "base/brd_heap.h"
#include "base/brd_list.h"
#include "base/brd_map.h"
#include "core/core.h"
#include "sim.h"

#define SIM_TREE_POOL 1

typedef struct sim_tree sim_tree_t;
typedef struct sim_tree_node sim_tree_node_t;
typedef struct sim_tree_worker sim_tree_worker_t;

// A bug put into the model, to see it found.
typedef enum {
    SIM_TREE_PLANT_NONE,
    SIM_TREE_PLANT_KEEP_RECLAIMED,  // A node runs what it has given back
    SIM_TREE_PLANT_NO_FENCE,        // One without contact does not end itself
    SIM_TREE_PLANT_LOST_DONE,       // A result gets lost on the way, once
    SIM_TREE_PLANT_RUN_AGAIN,       // What a lost host had is taken for unread
    SIM_TREE_PLANTS
} sim_tree_plant_t;

typedef struct {
    int actions;
    int burst_max;
    int live_max;
    int hosts_max;
    int slots_max;
    int churn;  // 1: hosts have all slots, and come and go all the time
    unsigned broker_per_mille;
    int64_t action_delay_ns;
    int64_t link_delay_ns;  // One way, at most: each link has its own
    int64_t start_delay_ns;
    int64_t late_ns;
    int64_t lease_ns;
    int64_t fault_delay_ns;  // 0: none
    unsigned fancy_per_mille;
    unsigned fail_per_mille;
    unsigned cruel_per_mille;
    unsigned death_per_mille;  // Of a worker, in each run
    unsigned down_per_mille;
    unsigned copy_per_mille;
    int length;  // sim_length_t
} sim_tree_scenario_t;

typedef enum {
    SIM_TREE_ACT,
    SIM_TREE_FAULT,
    SIM_TREE_TICK,  // From here on of a node
    SIM_TREE_DEATH,
    SIM_TREE_BORN,  // From here on of a worker
    SIM_TREE_RUN,
    SIM_TREE_DIE,
    SIM_TREE_DOWN,  // And of these, one that is a host
    SIM_TREE_UP,
    SIM_TREE_SUSPECT,
    SIM_TREE_HEAL,
    SIM_TREE_LOST,
    SIM_TREE_TIMERS
} sim_tree_kind_t;

#define SIM_TREE_WORKER_TIMERS (SIM_TREE_TIMERS - SIM_TREE_BORN)

typedef struct {
    brd_timer_t timer;
    sim_tree_kind_t kind;
    void *owner;
} sim_tree_timer_t;

// --- Tasks -----------------------------------------------------------------

// As the client and the workers see it.
typedef struct {
    uint64_t id;
    int64_t run_ns;
    int polite;
    int cruel;
    int running;      // In so many workers, now
    int starts;       // Ever
    int64_t started;  // The last of them
    int finished;     // Runs that came to their end, by what they returned
    int failed;
    int deaths;    // Of workers that ran it
    int vanished;  // Hosts that had it and were lost
    int wanted;    // Its end was asked for
    int timed;     // It has a timeout, or a queue timeout
    int ended;
} sim_tree_task_t;

// A task at one node.
typedef struct {
    brd_core_task_t core;
    brd_core_task_options_t options;
    brd_list_t all;   // In sim_tree_t.jobs, until the end of the world
    brd_list_t link;  // In its worker's jobs
    sim_tree_task_t *task;
    sim_tree_node_t *node;
    size_t place;  // In node->jobs
    sim_tree_worker_t *worker;
    uint64_t above;  // Offer by which it came; 0: from the client
    uint64_t below;  // Offer by which it has gone on
    int live;
    int given_back;  // Cancelled for that
    int asked;       // A RECLAIM is on its way
    int kept;
    int times;  // It was taken back
    int64_t ready_seen;
} sim_tree_job_t;

// --- Links -----------------------------------------------------------------

typedef enum {
    SIM_TREE_MAIL_OFFER,
    SIM_TREE_MAIL_RECLAIM,
    SIM_TREE_MAIL_CANCEL,
    SIM_TREE_MAIL_KILL,
    SIM_TREE_MAIL_PROBE,
    SIM_TREE_MAIL_STOP,
    SIM_TREE_MAIL_SLOTS,  // From here on upwards
    SIM_TREE_MAIL_DONE,
    SIM_TREE_MAIL_RECLAIMED,
    SIM_TREE_MAIL_KEPT,
    SIM_TREE_MAIL_PROBED,
    SIM_TREE_MAIL_RETIRE
} sim_tree_mail_kind_t;

typedef struct {
    sim_tree_mail_kind_t kind;
    int64_t due;
    uint64_t offer;
    int64_t time_ns;
    uint32_t count;
    int error;
    uint16_t lost;
    uint16_t maybe;
    uint8_t priority;
    uint8_t whole;
    sim_tree_task_t *task;
    brd_core_task_options_t options;
} sim_tree_mail_t;

typedef struct {
    sim_tree_mail_t *items;
    size_t room;
    size_t head;
    size_t count;
    int64_t last;  // Arrivals are in order
} sim_tree_ring_t;

// --- Workers ---------------------------------------------------------------

// What the core of its node has a number for.
struct sim_tree_worker {
    brd_list_t link;  // In node->workers
    sim_tree_node_t *node;
    uint32_t number;
    uint32_t place;
    sim_tree_timer_t timers[SIM_TREE_WORKER_TIMERS];
    brd_list_t jobs;  // That it has, the oldest first
    uint32_t in_flight;
    int up;       // Told
    int stopped;  // DO_STOP was done
    int killed;
    int gone;  // Told to be ending or down

    sim_tree_job_t *running;  // Of a worker
    int run_error;

    int host;                // 1: what follows is used
    sim_tree_node_t *below;  // NULL: is no more
    sim_tree_ring_t down;
    sim_tree_ring_t back;
    int64_t delay_ns;  // One way, at most
    int cut;           // Silent, since
    int64_t cut_at;
    int for_ever;  // It will not talk again
    int suspect;   // WIDTH 0 was told for that
    int retired;
    uint32_t width;  // As told to the core
    uint32_t slots;  // As told by the host
    int64_t free_since;
};

// --- Nodes -----------------------------------------------------------------

struct sim_tree_node {
    brd_list_t link;  // In sim_tree_t.nodes
    int number;
    int agent;  // 0: it has hosts
    brd_core_t *core;
    sim_tree_worker_t *above;  // That it is; NULL: the root, or an orphan
    sim_tree_timer_t tick;
    sim_tree_timer_t death;
    brd_list_t workers;
    sim_tree_job_t **jobs;  // Live ones
    size_t job_count;
    size_t job_room;
    uint32_t in_flight;
    uint32_t size;   // Workers of an agent
    uint32_t slots;  // As last told
    int told;        // Anything
    int waiting;     // A broker that has not joined yet
    int closing;
    int ended;
    int64_t reclaimed;  // The last DO_RECLAIM was then, or a link was healed
    long done;
    long failed;
};

typedef struct {
    sim_tree_node_t *node;
    brd_core_event_t event;
    sim_tree_job_t *job;  // NULL: about none
} sim_tree_step_t;

struct sim_tree {
    int verbose;
    sim_tree_plant_t plant;
    int planted;
    sim_tree_scenario_t scenario;
    sim_rand_t rand;
    int64_t now;
    brd_heap_t agenda;
    brd_core_effects_t *effects;
    sim_tree_timer_t act;
    sim_tree_timer_t fault;
    int actions_left;
    int calm;        // Faults have stopped
    int terminated;  // The root's pool
    int over;        // It has ended
    sim_tree_node_t *root;
    brd_list_t nodes;
    brd_list_t dead;  // Nodes, freed with the world
    brd_list_t jobs;
    int numbers;
    int waiting;  // Nodes
    sim_tree_node_t *joining;
    brd_map_t above;  // Offer to the job it was made for
    brd_map_t below;  // Offer to the job it became
    uint64_t offers;
    uint64_t ids;
    uint64_t tasks;   // That were taken
    uint64_t ended;   // Of these, as the client was told
    uint64_t joined;  // Nodes
    uint64_t killed;
    uint64_t cuts;
    sim_tree_step_t *steps;  // That follow at once
    size_t step_count;
    size_t step_room;
    size_t steps_left;  // Of them
    int stepping;
    long idle_ticks;  // TICKs in a row, at the same time, without any effect
    int64_t idle_at;
    long steps_to_check;
    long total_steps;
};

_Noreturn void
sim_tree_fail (sim_tree_t *self, const char *format, ...)
    __attribute__ ((format (printf, 2, 3)));
void
sim_tree_say (sim_tree_t *self, const char *format, ...)
    __attribute__ ((format (printf, 2, 3)));
void
sim_tree_at (sim_tree_t *self, sim_tree_timer_t *timer, int64_t due);
void
sim_tree_never (sim_tree_t *self, sim_tree_timer_t *timer);

// What the client is told.
void
sim_tree_ended (sim_tree_t *self, const brd_core_effect_t *effect);

// --- sim_tree_client.c -----------------------------------------------------

// What it does, and what strikes, each as long as the world is not calm.
void
sim_tree_client_act (sim_tree_t *self);
void
sim_tree_client_fault (sim_tree_t *self);

// A host comes, if there may be more; where many may, some do.
void
sim_tree_client_join (sim_tree_t *self);

// Nobody waits any more for what is for one host: that may never have a slot.
void
sim_tree_client_calm (sim_tree_t *self);

// An event about the root's pool.
void
sim_tree_client_tell (sim_tree_t *self, brd_core_event_type_t type);

// --- sim_tree_node.c -------------------------------------------------------

// With its pool open.
sim_tree_node_t *
sim_tree_node_new (sim_tree_t *self, int agent);

// Steps the core with this, later if it is in a step. 0, or -1 as it said.
int
sim_tree_node_step (sim_tree_t *self,
                    sim_tree_node_t *node,
                    brd_core_event_t event,
                    sim_tree_job_t *job);
void
sim_tree_node_tick (sim_tree_t *self, sim_tree_node_t *node);

// A job of the node, not yet submitted; and out of its books.
sim_tree_job_t *
sim_tree_node_job (sim_tree_t *self,
                   sim_tree_node_t *node,
                   sim_tree_task_t *task);
void
sim_tree_node_drop (sim_tree_job_t *job);

// The job is in its worker no more.
void
sim_tree_node_release (sim_tree_t *self, sim_tree_job_t *job);

// It is no more, and takes what it runs with it.
void
sim_tree_node_destroy (sim_tree_t *self, sim_tree_node_t *node);
void
sim_tree_node_fire (sim_tree_t *self,
                    sim_tree_worker_t *worker,
                    sim_tree_kind_t kind);
sim_tree_timer_t *
sim_tree_node_timer (sim_tree_worker_t *worker, sim_tree_kind_t kind);

// --- sim_tree_link.c -------------------------------------------------------

// A new node joins; a broker does so when it has its first slot.
void
sim_tree_link_join (sim_tree_t *self, sim_tree_node_t *above, int agent);
void
sim_tree_link_admit (sim_tree_t *self);

// From the node above to the host, from the node below to the one above.
void
sim_tree_link_down (sim_tree_t *self,
                    sim_tree_worker_t *worker,
                    sim_tree_mail_t mail);
void
sim_tree_link_up (sim_tree_t *self,
                  sim_tree_node_t *node,
                  sim_tree_mail_t mail);

// The node's slots may have changed; it wants to leave.
void
sim_tree_link_slots (sim_tree_t *self, sim_tree_node_t *node);
void
sim_tree_link_retire (sim_tree_t *self, sim_tree_node_t *node);

// One without slots keeps nothing that no worker has.
void
sim_tree_link_give_back (sim_tree_t *self, sim_tree_node_t *node);

// What became of a job that came from above.
void
sim_tree_link_ended (sim_tree_t *self,
                     sim_tree_job_t *job,
                     const brd_core_outcome_t *outcome);

// Silent until then, or for ever (BRD_NEVER).
void
sim_tree_link_cut (sim_tree_t *self, sim_tree_worker_t *worker, int64_t until);

// kill -9; also of what is below, by and by.
void
sim_tree_link_kill (sim_tree_t *self, sim_tree_node_t *node);

// It has left in peace.
void
sim_tree_link_leave (sim_tree_t *self, sim_tree_node_t *node);
void
sim_tree_link_fire (sim_tree_t *self,
                    sim_tree_worker_t *worker,
                    sim_tree_kind_t kind);

#endif  // SIM_TREE_H
