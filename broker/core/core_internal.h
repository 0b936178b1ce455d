// core_internal.h - what the files of the core know of each other
//
// SPDX-License-Identifier: MPL-2.0
//
// Who calls whom, from the top:
//
//     core.c           routes events, owns time and the effects
//     core_pool.c      opening, ending, resizing; what a step leaves to do
//     core_dispatch.c  which worker gets which task, and who gives some back
//     core_task.c      the life of a task
//     core_worker.c    the life of a worker, and what it holds
//     core_host.c      what is different when that worker is a host
//
// An event's handler does what concerns its one task or worker at once: that
// is never more than some hundred effects, for which an empty list of effects
// has room. All that may be more (ending a million tasks, feeding a thousand
// workers) is left as state: a pool on the list dirty, a task on the list
// ending. The end of each step works on these lists while there is room, and
// the next step goes on.

#ifndef BRD_CORE_INTERNAL_H
#define BRD_CORE_INTERNAL_H

#include "base/brd_check.h"
#include "base/brd_clock.h"
#include "base/brd_map.h"
#include "base/brd_mem.h"
#include "core/core.h"

// A worker is to have work for about so long: more would be taken back later,
// less would pay a message for each task.
#define BRD_CORE_TARGET_NS INT64_C (1000000)

// Tasks are held back for a fuller message at most so long, and until there
// are so many of them.
#define BRD_CORE_HOLD_NS INT64_C (1000000)
#define BRD_CORE_HOLD_MAX 64

// What is in flight to one worker, unless it is two tasks.
#define BRD_CORE_INFLIGHT_BYTES 1048576

// Less work than this is not taken back from a worker that makes progress:
// waking another one costs as much.
#define BRD_CORE_TAKE_BACK_NS INT64_C (100000)

// Patience with a host: a lease of 30 s, 2 s more until it is declared lost,
// and as much for the way.
#define BRD_CORE_GUARD_NS INT64_C (34000000000)

#define BRD_CORE_RESTARTS_DEFAULT 5
#define BRD_CORE_RESTARTS_MAX 4096
#define BRD_CORE_RESTARTS_NS INT64_C (10000000000)
#define BRD_CORE_START_DELAY_NS INT64_C (100000000)
#define BRD_CORE_START_DELAY_MAX_NS INT64_C (1000000000)
#define BRD_CORE_GRACE_NS INT64_C (1000000000)

// Workers one place can have: one that works, one that leaves, and its
// successor, which may be worn out by then too.
#define BRD_CORE_PLACE_WORKERS 3

// Effects the handler of one event, or one timer, adds at most.
#define BRD_CORE_EVENT_EFFECTS (2 * BRD_CORE_INFLIGHT_MAX + 8)

// Kept for what must be said in the same step as the ends of many tasks: those
// that find no more room are ENDING for a while.
#define BRD_CORE_EFFECTS_KEPT 8

// --- Ranks -----------------------------------------------------------------

// Workers by a number 0 .. BRD_CORE_INFLIGHT_MAX: the lowest and the highest
// are found by a bit, whatever their count.
#define BRD_CORE_RANKS (BRD_CORE_INFLIGHT_MAX + 1)
#define BRD_CORE_RANK_NONE 0xffff

typedef struct {
    brd_list_t link;
    uint32_t at;  // BRD_CORE_RANK_NONE: not in it
} brd_core_rank_t;

typedef struct {
    brd_list_t lists[BRD_CORE_RANKS];
    uint64_t bits[BRD_CORE_RANKS / 64 + 1];
    uint32_t count;
} brd_core_ranks_t;

// --- Workers ---------------------------------------------------------------

//     FREE -> STARTING -> UP -> RETIRING -> STOPPING -> FREE
//
// KILLED, DYING and FREE can be reached from all others. RETIRING: gets no more
// tasks and is told to stop when it has none. DYING: is dead, and not buried.
typedef enum {
    BRD_CORE_WORKER_IS_FREE,
    BRD_CORE_WORKER_IS_STARTING,
    BRD_CORE_WORKER_IS_UP,
    BRD_CORE_WORKER_IS_RETIRING,
    BRD_CORE_WORKER_IS_STOPPING,
    BRD_CORE_WORKER_IS_KILLED,
    BRD_CORE_WORKER_IS_DYING,
    BRD_CORE_WORKER_STATES
} brd_core_worker_state_t;

typedef struct brd_core_pool brd_core_pool_t;
typedef struct brd_core_place brd_core_place_t;

typedef struct {
    uint32_t id;
    uint8_t state;
    uint8_t leaving;  // Counts in place->leaving
    uint8_t asked;    // To stop, or killed: its end is no death
    uint8_t was_up;
    uint8_t epoch;      // Of the pool when it was last swept
    uint8_t returning;  // A host that is to be asked for all it can give back
    brd_core_pool_t *pool;
    brd_core_place_t *place;
    brd_core_rank_t load;   // In pool->loads while it may be fed, by count
    brd_core_rank_t heavy;  // In pool->heavies, by takeable or less recent
    brd_list_t tasks;       // In flight, in the order in which it got them
    uint32_t count;         // Of them
    uint32_t spare;         // Of them: not pinned, started or asked back
    uint32_t whole;         // Of them
    uint32_t started;       // Of them: seen to have started
    uint32_t reclaiming;    // Of them: asked back, no answer yet
    uint32_t width;         // Slots; 0: a host that is not up, or silent
    uint32_t free;          // Of them, as counted in pool->idle
    uint64_t bytes;         // Of them
    uint32_t offered;       // In its life, without those it gave back
    int64_t moved;          // When it last finished a task, or got its first
    int64_t rtt;            // ns to a host and back
} brd_core_worker_t;

// One of the pool's workers, whoever that is at the time.
struct brd_core_place {
    brd_core_pool_t *pool;
    uint32_t number;
    uint32_t leaving;            // Retired ones that still run a task
    brd_core_worker_t *current;  // Is, or will be, given tasks; NULL: vacant
    brd_list_t vacant;           // In pool->vacant
    brd_list_t pinned;           // Ready tasks for it alone
    brd_core_worker_t workers[BRD_CORE_PLACE_WORKERS];
};

// --- Pools -----------------------------------------------------------------

struct brd_core_pool {
    uint32_t number;
    brd_list_t link;   // In core->pools
    brd_list_t dirty;  // In core->dirty, or in no list
    brd_list_t held;   // In core->held
    brd_list_t slack;  // In core->slack
    brd_core_pool_options_t options;

    uint8_t closed;
    uint8_t ended;
    uint8_t busy;         // DO_POOL_IDLE is owed
    uint8_t sweeping;     // core_pool.c, cancel
    uint8_t resizing;     // Places beyond target are being emptied
    uint8_t stopped;      // Drained, and all that were up told to stop
    uint8_t flush;        // Hold nothing back this time
    uint8_t refill;       // A worker has run through half its limit
    uint8_t defer;        // More is coming back: wait for it this time
    uint8_t pinned_left;  // Pinned tasks found no room among the effects
    uint8_t returning;    // Some host is
    uint8_t epoch;        // Grows with each cancel
    int ending;           // errno with which all tasks end, 0
    int broken;           // errno for SUBMIT, 0

    brd_list_t ready[BRD_CORE_PRIORITIES];
    uint32_t ready_bits;
    brd_list_t delayed;
    brd_map_t keys;   // To the one task of a key that is not BLOCKED
    brd_map_t onces;  // To the leader

    long count;         // Not ended
    long ready_count;   // READY and not pinned
    long pinned_count;  // READY and pinned
    long delayed_count;
    long inflight;    // OFFERED
    long reclaiming;  // Of them: asked back, an answer is awaited
    long done;
    long failed;
    long retried;
    long restarts;

    brd_core_place_t **places;
    uint32_t place_count;  // Never shrinks
    uint32_t target;       // Of them: in use
    uint32_t states[BRD_CORE_WORKER_STATES];
    uint32_t busy_workers;  // With tasks
    brd_list_t vacant;      // Places that need a worker
    brd_core_ranks_t loads;
    uint64_t loads_width;  // Slots of those in loads
    uint64_t width;        // Slots of all
    uint64_t idle;         // Free slots of those in loads
    brd_core_ranks_t heavies;

    int64_t average;  // ns, of a task; 0: not known
    uint32_t limit;   // Tasks in flight per worker

    int64_t *deaths;  // When the last of them happened, a ring
    uint32_t deaths_max;
    uint64_t death_count;  // Since a task was last finished
    int death_up;          // 1: some of those who died had been up
    uint32_t downs;        // Since a worker last came up
    int64_t start_delay;
    brd_timer_t start_timer;
};

struct brd_core {
    brd_list_t pools;
    brd_map_t numbers;        // Number + 1 to pool
    brd_core_pool_t *recent;  // The one last looked for, or NULL
    size_t pool_count;

    // Worker i is at i & mask, or nowhere: a number whose place is taken is
    // passed over when it is given out. Never more than half full.
    brd_core_worker_t **workers;
    size_t workers_mask;
    size_t workers_max;  // For which it has been made
    uint32_t last_worker;

    brd_heap_t timers;  // Of tasks: room for one each
    brd_heap_t starts;  // Of pools

    brd_list_t ending;  // Tasks
    brd_list_t dirty;   // Pools in which something is left to do
    brd_list_t held;    // Pools that hold tasks back
    int64_t held_due;
    brd_list_t slack;  // Pools that may take back, later
    int64_t slack_due;

    int64_t now;
    brd_core_effects_t *effects;
    long outstanding;
};

// --- core.c ----------------------------------------------------------------

static inline size_t
brd_core_room (const brd_core_t *self)
{
    return BRD_CORE_EFFECTS_MAX - self->effects->count;
}

// The next effect, for the caller to fill in where it stands: copying one that
// was just put together costs more than all else in a step.
static inline brd_core_effect_t *
brd_core_emit (brd_core_t *self, brd_core_effect_type_t type, uint32_t pool)
{
    brd_assert (self->effects->count < BRD_CORE_EFFECTS_MAX);
    brd_core_effect_t *effect = &self->effects->items[self->effects->count++];
    *effect = (brd_core_effect_t){ .type = type, .pool = pool };
    return effect;
}

// Something is left to do in this pool.
static inline void
brd_core_touch (brd_core_t *self, brd_core_pool_t *pool)
{
    if (brd_list_empty (&pool->dirty))
        brd_list_append (&self->dirty, &pool->dirty);
}

static inline int64_t
brd_core_after (int64_t now, int64_t delay_ns)
{
    return delay_ns > BRD_NEVER - now ? BRD_NEVER : now + delay_ns;
}

// NULL if there is none.
static inline brd_core_worker_t *
brd_core_worker (const brd_core_t *self, uint32_t id)
{
    brd_core_worker_t *worker = self->workers[id & self->workers_mask];
    return worker && worker->id == id ? worker : NULL;
}

brd_core_pool_t *
brd_core_pool_look (brd_core_t *self, uint32_t number);

static inline brd_core_pool_t *
brd_core_pool (brd_core_t *self, uint32_t number)
{
    brd_core_pool_t *recent = self->recent;
    return recent && recent->number == number
               ? recent
               : brd_core_pool_look (self, number);
}

// --- core_task.c -----------------------------------------------------------

enum {
    BRD_CORE_TASK_RECLAIMING = 1,  // Asked back, no answer yet
    BRD_CORE_TASK_STARTED = 2,     // Its worker was seen to have started it
    BRD_CORE_TASK_CANCELLED = 4,   // Its end is wanted
    BRD_CORE_TASK_TIMED_OUT = 8,   // The time of its attempt is up
    BRD_CORE_TASK_KILL = 16,       // Its timer is for the kill
    BRD_CORE_TASK_EXPIRED = 32,    // Its queue timeout has passed
    BRD_CORE_TASK_HOLDER = 64,     // pool->keys leads to it
    BRD_CORE_TASK_PROBING = 128    // A host was asked for it, no answer yet
};

// What brd_core_task_t.lost says.
enum {
    BRD_CORE_LOST_RESULT = 1,
    BRD_CORE_LOST_MAYBE = 2
};

// May be taken back for others' sake.
static inline int
brd_core_task_spare (const brd_core_task_t *task)
{
    return task->pin == 0
           && !(task->flags
                & (BRD_CORE_TASK_RECLAIMING | BRD_CORE_TASK_STARTED));
}

int
brd_core_task_submit (brd_core_t *self, brd_core_task_t *task);

// From now on the worker has it.
void
brd_core_task_offer (brd_core_t *self,
                     brd_core_task_t *task,
                     brd_core_worker_t *worker);
void
brd_core_task_cancel (brd_core_t *self, brd_core_task_t *task);
void
brd_core_task_kill (brd_core_t *self, brd_core_task_t *task, int64_t grace_ns);
void
brd_core_task_done (brd_core_t *self,
                    brd_core_task_t *task,
                    const brd_core_event_t *event);
void
brd_core_task_reclaimed (brd_core_t *self, brd_core_task_t *task);
void
brd_core_task_kept (brd_core_t *self, brd_core_task_t *task);
void
brd_core_task_probed (brd_core_t *self, brd_core_task_t *task, int64_t start);

// Its worker has died. running: it was the one that ran; asked: we killed it.
void
brd_core_task_died (brd_core_t *self,
                    brd_core_task_t *task,
                    int running,
                    int asked);

// Its host is gone: nobody knows what became of it.
void
brd_core_task_vanished (brd_core_t *self, brd_core_task_t *task);

// Its attempt is over, and it is out of its worker. death: what only_deaths
// lets be retried, our own kills included.
void
brd_core_task_failed (brd_core_t *self,
                      brd_core_task_t *task,
                      int error,
                      int death);

// It is in no list any more.
void
brd_core_task_end (brd_core_t *self, brd_core_task_t *task, int error);

// The same with its pool's reason: see brd_core_pool_dooms (). From READY,
// DELAYED, BLOCKED or FOLLOWING, or in a worker whose pool is ending.
void
brd_core_task_doom (brd_core_t *self, brd_core_task_t *task);

// Those BLOCKED behind a task that runs on although its pool was cancelled.
void
brd_core_task_doom_blocked (brd_core_t *self, brd_core_task_t *task);

// An effect about it and its worker.
brd_core_effect_t *
brd_core_task_emit (brd_core_t *self,
                    brd_core_effect_type_t type,
                    brd_core_task_t *task,
                    const brd_core_worker_t *worker);

// Its timer: set; set for the end of its attempt, unless something else is due
// before; has passed.
void
brd_core_task_arm (brd_core_t *self, brd_core_task_t *task, int64_t due);
void
brd_core_task_arm_attempt (brd_core_t *self,
                           brd_core_task_t *task,
                           int64_t due);

// 1 if it has waited too long for its start, and is asked back for it.
int
brd_core_task_expire (brd_core_t *self, brd_core_task_t *task);
void
brd_core_task_due (brd_core_t *self, brd_core_task_t *task);

// Tells of tasks that are ENDING, while there is room.
void
brd_core_task_finish (brd_core_t *self);

// --- core_worker.c ---------------------------------------------------------

// Room in the table for so many workers in all.
int
brd_core_worker_reserve (brd_core_t *self, size_t count);

// 0 if the place has room for no more.
int
brd_core_worker_start (brd_core_t *self, brd_core_place_t *place);
void
brd_core_worker_up (brd_core_t *self,
                    brd_core_worker_t *worker,
                    uint32_t count);
void
brd_core_worker_down (brd_core_t *self, brd_core_worker_t *worker);
void
brd_core_worker_ending (brd_core_t *self, brd_core_worker_t *worker);
void
brd_core_worker_lost (brd_core_t *self,
                      brd_core_worker_t *worker,
                      const brd_core_task_t *running);

// It gets no more and leaves when done. reclaim: it gives back what it has not
// started.
void
brd_core_worker_retire (brd_core_t *self,
                        brd_core_worker_t *worker,
                        int reclaim);

// victim: the task for whose sake; NULL: the pool is ending.
void
brd_core_worker_kill (brd_core_t *self,
                      brd_core_worker_t *worker,
                      const brd_core_task_t *victim);

// Asks for a task back.
void
brd_core_worker_reclaim (brd_core_t *self,
                         brd_core_worker_t *worker,
                         brd_core_task_t *task);

// A task it has gets flags that make it no longer spare, or its answer is in.
void
brd_core_worker_mark (brd_core_worker_t *worker,
                      brd_core_task_t *task,
                      unsigned flags);
void
brd_core_worker_answered (brd_core_worker_t *worker, brd_core_task_t *task);

// Into and out of its tasks in flight. After the latter, once nothing else is
// to be taken out, freed () sees what it does next.
void
brd_core_worker_take (brd_core_worker_t *worker, brd_core_task_t *task);
void
brd_core_worker_drop (brd_core_worker_t *worker, brd_core_task_t *task);
void
brd_core_worker_freed (brd_core_t *self, brd_core_worker_t *worker);

// Where it stands in pool->loads, after its count has changed.
void
brd_core_worker_rank (brd_core_worker_t *worker);

// What comes to it now goes at once: its place's own, then the others.
void
brd_core_worker_enter (brd_core_t *self, brd_core_worker_t *worker);

// All that it may not have started, the last first, so that they can be put
// back one in front of the other. 0: there was no room for all.
int
brd_core_worker_reclaim_all (brd_core_t *self,
                             brd_core_worker_t *worker,
                             const brd_core_task_t *except);

// --- core_host.c -----------------------------------------------------------

// A host has come, or the number of its slots.
int
brd_core_host_join (brd_core_t *self, brd_core_pool_t *pool);
void
brd_core_host_width (brd_core_t *self,
                     brd_core_worker_t *worker,
                     uint32_t count);

// The same, and nothing follows from it. 0: it is going.
void
brd_core_host_set_width (brd_core_worker_t *worker, uint32_t count);
void
brd_core_host_rtt (brd_core_t *self, brd_core_worker_t *worker, int64_t rtt);

// How much it may hold, and at which it should get more.
uint32_t
brd_core_host_limit (const brd_core_worker_t *worker);
int
brd_core_host_is_full (const brd_core_worker_t *worker);

// Its ranks among the loads, and among those that can give back; how many tasks
// that is, those that fill its slots being taken for running.
uint32_t
brd_core_host_load (const brd_core_worker_t *worker);
uint32_t
brd_core_host_weight (const brd_core_worker_t *worker);
uint32_t
brd_core_host_takeable (const brd_core_worker_t *worker);

// Hosts that are returning are asked. 0: there was no room for all.
int
brd_core_host_return (brd_core_t *self, brd_core_pool_t *pool);

// The same as in core_task.c, for a task in a host.
int64_t
brd_core_host_span (const brd_core_pool_t *pool, const brd_core_task_t *task);
void
brd_core_host_done (brd_core_t *self,
                    brd_core_task_t *task,
                    const brd_core_event_t *event);
void
brd_core_host_kill (brd_core_t *self, brd_core_task_t *task, int64_t grace_ns);
void
brd_core_host_kept (brd_core_t *self, brd_core_task_t *task);
void
brd_core_host_probed (brd_core_t *self, brd_core_task_t *task, int64_t start);
void
brd_core_host_due (brd_core_t *self, brd_core_task_t *task);

// --- Inline ----------------------------------------------------------------

static inline int
brd_core_worker_is_host (const brd_core_worker_t *worker)
{
    return worker->pool->options.hosts;
}

// It may be given tasks.
static inline int
brd_core_worker_is_fed (const brd_core_worker_t *worker)
{
    return worker->state == BRD_CORE_WORKER_IS_UP && worker->width > 0
           && worker->place->current == worker && worker->place->leaving == 0;
}

// Two tasks always fit: one to run and one in advance. More do not when they
// are large, or when one of them will occupy the worker for long anyway.
static inline int
brd_core_worker_is_full (const brd_core_worker_t *worker)
{
    if (brd_core_worker_is_host (worker))
        return brd_core_host_is_full (worker);
    return worker->count >= 2
           && (worker->bytes >= BRD_CORE_INFLIGHT_BYTES || worker->whole > 0
               || worker->count >= worker->pool->limit);
}

static inline uint32_t
brd_core_worker_limit (const brd_core_worker_t *worker)
{
    return brd_core_worker_is_host (worker) ? brd_core_host_limit (worker)
                                            : worker->pool->limit;
}

// With no more than this it should get more.
static inline uint32_t
brd_core_worker_low (const brd_core_worker_t *worker)
{
    if (!brd_core_worker_is_host (worker))
        return worker->pool->limit / 2;
    return worker->width + (brd_core_host_limit (worker) - worker->width) / 2;
}

// How many it could give back, the first being taken for running.
static inline uint32_t
brd_core_worker_takeable (const brd_core_worker_t *worker)
{
    if (worker->spare == 0)
        return 0;
    if (brd_core_worker_is_host (worker))
        return brd_core_host_takeable (worker);
    const brd_core_task_t *first =
        BRD_LIST_ITEM (worker->tasks.next, brd_core_task_t, link);
    return worker->spare - (uint32_t) brd_core_task_spare (first);
}

// Its rank in pool->heavies; 0: none.
static inline uint32_t
brd_core_worker_weight (const brd_core_worker_t *worker)
{
    return brd_core_worker_is_host (worker) ? brd_core_host_weight (worker)
                                            : brd_core_worker_takeable (worker);
}

// --- core_dispatch.c -------------------------------------------------------

void
brd_core_ranks_init (brd_core_ranks_t *self);
void
brd_core_ranks_put (brd_core_ranks_t *self,
                    brd_core_rank_t *rank,
                    uint32_t at);  // BRD_CORE_RANK_NONE: out of it
// NULL if there is none.
brd_core_rank_t *
brd_core_ranks_lowest (const brd_core_ranks_t *self);
brd_core_rank_t *
brd_core_ranks_highest (const brd_core_ranks_t *self);

// It may be asked for more than before.
void
brd_core_dispatch_weigh (brd_core_worker_t *worker);

// A task took so long.
void
brd_core_dispatch_measure (brd_core_pool_t *pool, int64_t time_ns);

// Ready tasks to workers. 0 if there was no room for all its effects.
int
brd_core_dispatch_feed (brd_core_t *self, brd_core_pool_t *pool);

// Those pinned to its place, to a worker that may be fed.
void
brd_core_dispatch_pinned (brd_core_t *self, brd_core_worker_t *worker);

// From loaded workers for idle ones. 0 as above.
int
brd_core_dispatch_take_back (brd_core_t *self, brd_core_pool_t *pool);

// What is held back goes out; what was left to progress is looked at again.
void
brd_core_dispatch_flush (brd_core_t *self);
void
brd_core_dispatch_tick (brd_core_t *self);

// The pool holds nothing back, and nothing is left to progress.
void
brd_core_dispatch_release (brd_core_t *self, brd_core_pool_t *pool);
void
brd_core_dispatch_relax (brd_core_t *self, brd_core_pool_t *pool);

// --- core_pool.c -----------------------------------------------------------

int
brd_core_pool_open (brd_core_t *self, const brd_core_event_t *event);
void
brd_core_pool_close (brd_core_t *self, brd_core_pool_t *pool);
void
brd_core_pool_terminate (brd_core_t *self, brd_core_pool_t *pool);
void
brd_core_pool_cancel (brd_core_t *self, brd_core_pool_t *pool);
int
brd_core_pool_resize (brd_core_t *self, brd_core_pool_t *pool, uint32_t count);
int
brd_core_pool_forget (brd_core_t *self, brd_core_pool_t *pool);
void
brd_core_pool_free (brd_core_t *self, brd_core_pool_t *pool);

// Its workers only die: everything ends, with error.
void
brd_core_pool_break (brd_core_t *self, brd_core_pool_t *pool, int error);

// Room for one more place, and it; NULL with errno.
brd_core_place_t *
brd_core_pool_more (brd_core_t *self, brd_core_pool_t *pool);

// Nobody is started for a while, each time for longer.
void
brd_core_pool_delay (brd_core_t *self, brd_core_pool_t *pool);

// A worker died unasked.
void
brd_core_pool_death (brd_core_t *self, brd_core_pool_t *pool, int was_up);

// Starts workers at vacant places as far as they are wanted. 0: no room.
int
brd_core_pool_fill (brd_core_t *self, brd_core_pool_t *pool);

// The place has no worker that takes tasks.
void
brd_core_pool_vacate (brd_core_t *self, brd_core_place_t *place);

// Does what is left to do. 0: there was no room for all of it.
int
brd_core_pool_settle (brd_core_t *self, brd_core_pool_t *pool);

// The task is to end before it runs: its pool is ending or was cancelled since.
static inline int
brd_core_pool_dooms (const brd_core_pool_t *pool, const brd_core_task_t *task)
{
    return pool->ending != 0 || task->epoch != pool->epoch;
}

// There is no place pin - 1, or, as hosts joined, nobody at it.
static inline int
brd_core_pool_lacks (const brd_core_pool_t *pool, uint32_t pin)
{
    if (!pool->options.joined || pin == 0 || pin > pool->target)
        return pin > pool->target;
    const brd_core_worker_t *worker = pool->places[pin - 1]->current;
    return !worker || worker->state > BRD_CORE_WORKER_IS_UP;
}

// It must not become READY: that, or its place has been taken away.
static inline int
brd_core_pool_bars (const brd_core_pool_t *pool, const brd_core_task_t *task)
{
    return brd_core_pool_dooms (pool, task)
           || brd_core_pool_lacks (pool, task->pin);
}

// With which error, in either case.
static inline int
brd_core_pool_doom (const brd_core_pool_t *pool)
{
    return pool->ending != 0 ? pool->ending : ECANCELED;
}

#endif  // BRD_CORE_INTERNAL_H
