// core.h - everything that is decided, and nothing that is done
//
// SPDX-License-Identifier: MPL-2.0
//
// One pure state machine: an event and the time go in, effects come out. No
// socket, clock, thread, fork, log or global in it, so the same code runs
// embedded in the user's program, in a broker process, and in the simulator
// that tests it with a thousand workers and a false clock.
//
//     host                                core
//     ----                                ----
//     a caller submits      SUBMIT   ->   which worker, now or later?
//                                    <-   DO_OFFER (task, worker)
//     message to worker
//     message from worker   DONE     ->   free the worker, feed it
//                                    <-   DO_END (task, outcome)
//     the nursery reports   LOST     ->   who is to blame, who starts anew?
//                                    <-   DO_END, DO_START, DO_OFFER ...
//
// What it decides: which worker gets which task and how many in advance;
// taking back what a loaded worker has not started; retries, timeouts,
// cancellation, poison; how many workers there are, and when a pool whose
// workers only die is broken.
//
// A worker is a process that runs one task at a time, or, in a pool of hosts,
// an agent or a broker that runs as many as it has slots, with a core of its
// own below this one: see "Hosts" below and
// docs/decisions/0019-workers-of-n-slots.md.
//
// Read next: core.c (one line per event), core_task.c (the life of a task),
// core_worker.c, core_pool.c.
//
// Threads. None of its own; the host calls it under one lock. Memory: tasks
// belong to the host and carry the core's fields inside (brd_core_task_t), so
// a pending task costs no allocation here.

#ifndef BRD_CORE_H
#define BRD_CORE_H

#include <stddef.h>
#include <stdint.h>

#include "base/brd_heap.h"
#include "base/brd_list.h"

// Tasks one worker may hold, running and in advance: the slots of its page. A
// host may hold as many for each of its slots, up to the second number or, if
// that is more, four for each slot.
#define BRD_CORE_INFLIGHT_MAX 256
#define BRD_CORE_HOST_INFLIGHT_MAX 65536

// Slots of one host; more are taken for so many.
#define BRD_CORE_WIDTH_MAX 1048576

// Effects one step may produce. What does not fit comes with the next step:
// see brd_core_more ().
#define BRD_CORE_EFFECTS_MAX 1024

// Priorities 0 .. 9, higher first.
#define BRD_CORE_PRIORITIES 10

// A task that was running in so many workers as they died is poison.
#define BRD_CORE_POISON_DEATHS 3

typedef struct brd_core brd_core_t;

// --- Tasks -----------------------------------------------------------------

// What was asked for; times in ns, 0: no limit. Must outlive the task.
typedef struct {
    int retries;               // Further attempts after a death or a failure
    int only_deaths;           // 1: after a death only
    int64_t retry_delay_ns;    // Doubled with each attempt
    int64_t timeout_ns;        // Of one attempt, from its start in the worker
    int64_t grace_ns;          // From the flag to the kill
    int64_t queue_timeout_ns;  // From submit to its first start
    uint64_t key;              // Tasks of one key run one at a time, in order
    uint64_t once;             // Shares the outcome of the task that has it
} brd_core_task_options_t;

// The states of a task and the moves between them. There is one initial and
// one final state; nothing leaves ENDED.
//
//     NEW -> READY -> OFFERED -> ENDED
//             ^  ^      |  |
//             |  +------+  |          reclaimed, or its worker died first
//             +-- DELAYED <+          will be tried again later
//     NEW -> BLOCKED -> READY         waits for another of its key
//     NEW -> FOLLOWING -> ENDED       shares another's outcome (once)
//     any -> ENDING -> ENDED          DO_END did not fit into the step yet
typedef enum {
    BRD_CORE_TASK_NEW,
    BRD_CORE_TASK_READY,      // Waits for a worker
    BRD_CORE_TASK_OFFERED,    // In a worker: started or not, it knows
    BRD_CORE_TASK_DELAYED,    // Waits for its next attempt
    BRD_CORE_TASK_BLOCKED,    // Waits for an earlier one of its key
    BRD_CORE_TASK_FOLLOWING,  // Waits for the first with its once
    BRD_CORE_TASK_ENDING,     // Has its outcome, is not told yet
    BRD_CORE_TASK_ENDED
} brd_core_task_state_t;

// Inside the host's own struct for a call. The host sets the first seven before
// SUBMIT and touches nothing else; after DO_END the memory is its again.
typedef struct brd_core_task {
    const brd_core_task_options_t *options;  // NULL: all defaults
    uint32_t pool;                           // Its number
    uint32_t pin;         // Only the worker at place pin - 1; 0: any
    uint32_t size_bytes;  // Of its payload
    uint8_t priority;
    uint8_t whole;  // 1: occupies a worker for long (a leg of a map):
                    // not a measure of how long tasks take
    uint8_t each;   // 1: in a pool of hosts, for every worker below the host
                    // at place pin - 1, which passes it on to all of them

    uint8_t state;      // brd_core_task_state_t
    uint8_t flags;      // core_task.c
    uint16_t attempt;   // 1 for the first
    uint16_t deaths;    // Workers that died running it
    uint32_t worker;    // That has it, 0: none
    brd_list_t link;    // Ready, in flight, blocked or following
    brd_list_t follow;  // Head: who shares its outcome; or waits for its key
    brd_timer_t timer;  // Queue timeout, retry, attempt's end, grace
    int64_t queue_due;  // When its queue timeout passes, or its kill is due
    uint16_t error;     // Of its outcome, once ENDING
    uint8_t lost;       // The same: 1 lost, 2 maybe
    uint8_t epoch;      // Of the pool when it was submitted: core_pool.c
} brd_core_task_t;

// What became of a task. error is an errno as brood_future.h lists them:
//     0             result
//     EIO           it returned non-zero
//     ECHILD        its worker died; lost: it had finished, its result is gone;
//                   maybe: its host is gone, it may have run, in part or whole
//     ECANCELED     cancelled
//     ETIMEDOUT     its timeout ended it, or its queue timeout passed
//     ELOOP         poison
//     EPIPE         pool terminated or broken
//     ENOEXEC       broken because the initializer fails
typedef struct {
    int error;
    int attempt;
    uint16_t lost;
    uint16_t maybe;
    uint32_t worker;  // That had it last, 0: none
} brd_core_outcome_t;

// --- Pools -----------------------------------------------------------------

typedef struct {
    uint32_t workers;
    uint32_t max_tasks;     // A worker retires after so many; 0: never
    uint32_t restarts_max;  // Deaths in 10 s without a finished task
    int on_demand;          // 1: start workers as tasks wait for them
    int hosts;              // 1: its workers are hosts, see below
    int joined;             // 1: hosts that come by themselves, by WORKER_JOIN
    int64_t guard_ns;  // Of hosts: patience with one that does not end what it
                       // was to end; 0: 34 s, a lease and what follows it
} brd_core_pool_options_t;

typedef struct {
    long workers;   // Started or starting; of hosts: the slots of those up
    long idle;      // Of hosts: free slots
    long pending;   // Submitted, not ended, not in a worker
    long running;   // In a worker: running or held in advance
    long done;      // Ended with a result
    long failed;    // Ended otherwise
    long retried;   // Attempts after another
    long restarts;  // Workers replaced because they died
} brd_core_pool_stats_t;

// --- Hosts -----------------------------------------------------------------
//
// A pool of hosts (options.hosts) is the same pool with workers of another
// kind: each is a whole level below, with slots, reached by messages.
//
//     worker           in other pools          in a pool of hosts
//     ------           --------------          ------------------
//     slots            1                       its width: WORKER_UP, _WIDTH
//     RECLAIM, PROBE   answered at once        answered when the answer is here
//     FLAG             heed it if you like     cancel it below, started or not
//     KILL a task      by killing the worker   DO_KILL_TASK, done below
//     attempt's time   kept by this core       kept below
//     retries, key, once, queue timeout        kept by this core, in both
//     dies             one task ran            all it had may have run
//     its deaths       towards restarts_max    not counted
//
// So what goes down with a task is its timeout and grace, its priority, whole
// and each; retries, only_deaths, key, once and queue timeout must not.
//
// Answers may come late, in any order, twice, after the task has ended, and
// none at all from a host that is lost. Which offer an answer is about only the
// host can know, who numbers them: one about an earlier offer must not be given
// to the core when the task may be in the same worker again. All else is passed
// over here. RECLAIMED and KEPT may come unasked.
//
// A link that is silent: WORKER_WIDTH 0, and nothing new is given to the host
// nor asked back from it for another's sake, and what it was asked before is
// not waited for; what it has goes on. What a task itself calls for (FLAG,
// KILL_TASK, PROBE, and RECLAIM when its queue timeout passes or the host is to
// leave) is said all the same, for the link to keep. It talks again:
// WORKER_WIDTH n. It is gone: DONE for what it had told and RECLAIMED for what
// it has certainly not started (never sent, or never acknowledged by a link
// that knows), then WORKER_LOST. All that is left may have run: it is tried
// again if its retries allow, for as long as they do (that is not counted
// towards poison), and ends with ECHILD and maybe if not. A host that is to
// leave in peace: WORKER_RETIRE; it gives back what it has not started, and
// DO_STOP follows when it has nothing. One that talks and has no slots, as a
// broker whose agents are gone, is WORKER_WIDTH 0 too, and must give back of
// itself what it has not started: nobody asks it.
//
// With joined the core starts nobody: a pool of none is not broken, its tasks
// wait, and their queue timeouts run. Without it, hosts are started, and
// started anew with growing delays (100 ms to 1 s) when they die; the pool
// breaks if it has none and cannot start any (WORKER_DOWN restarts_max times).
//
// Hosts are not counted in max_tasks and are not started on_demand: EINVAL. pin
// is for one worker, and which that is only a host knows: EINVAL, but for a
// task for each of them. In a joined pool such a task ends with ECANCELED when
// its place has lost its host before it could go there.
//
// The core's own timer for an attempt, and for a KILL, is the last resort: when
// guard_ns after it should have ended below there is no answer, the host is out
// of its mind: DO_KILL, and WORKER_LOST is awaited.

// --- Events ----------------------------------------------------------------

typedef enum {
    BRD_CORE_POOL_OPEN,       // pool, pool_options
    BRD_CORE_POOL_CLOSE,      // pool: no more tasks; workers leave when drained
    BRD_CORE_POOL_TERMINATE,  // pool: kill the workers, end all with EPIPE
    BRD_CORE_POOL_CANCEL,     // pool: end what waits, flag what runs
    BRD_CORE_POOL_RESIZE,     // pool, count
    BRD_CORE_POOL_FORGET,     // pool, after DO_POOL_ENDED

    BRD_CORE_SUBMIT,  // task
    BRD_CORE_CANCEL,  // task: end it if unstarted, else flag it
    BRD_CORE_KILL,    // task, time_ns: the same, kill after this grace

    BRD_CORE_WORKER_JOIN,    // pool (joined): a host has come; DO_JOIN, in this
                             // very step, gives it its number. From then on it
                             // is as if DO_START had been done: UP, DOWN, BAD
                             // or LOST follows
    BRD_CORE_WORKER_UP,      // worker: exists and can be offered tasks; of
                             // hosts: count, its slots; 0 counts as 1
    BRD_CORE_WORKER_WIDTH,   // worker (host): it has now count slots; 0: gets
                             // nothing new and keeps nobody waiting. Before
                             // UP and after DO_STOP or DO_KILL: passed over
    BRD_CORE_WORKER_RTT,     // worker (host): time_ns from a message to the
                             // answer, smoothed; so much work more is kept
                             // there in advance. 0 until it is told
    BRD_CORE_WORKER_DOWN,    // worker: could not be started
    BRD_CORE_WORKER_BAD,     // worker: its initializer failed (returned)
    BRD_CORE_WORKER_RETIRE,  // worker: wants to be replaced
    BRD_CORE_WORKER_ENDING,  // worker: is dead, offer it nothing more; what it
                             // held is being sorted out, LOST follows
    BRD_CORE_WORKER_LOST,    // worker: has ended; task: was running, or NULL.
                             // Before it come DONE and RECLAIMED for what the
                             // worker had finished and had not started; what
                             // is in flight still and not task is lost. Of
                             // hosts all that is in flight may have run
    BRD_CORE_DONE,           // task ended in its worker; error 0 or EIO;
                             // time_ns: how long it took, 0: not measured. Of
                             // hosts also
                             //     ECHILD     its worker below died: a death of
                             //                the task, as of a local one;
                             //                lost, maybe: of that outcome,
                             //                then it does not make poison
                             //     ETIMEDOUT  its timeout ended it
                             //     ECANCELED  it was cancelled
    BRD_CORE_RECLAIMED,      // task is back, it had not started
    BRD_CORE_KEPT,           // task could not be taken back: it has started
    BRD_CORE_PROBED,         // task; time_ns: when it started, by the clock of
                             // the steps, 0: not yet

    BRD_CORE_FLUSH,  // The caller is about to wait: hold nothing back
    BRD_CORE_TICK    // Nothing happened but time
} brd_core_event_type_t;

typedef struct {
    brd_core_event_type_t type;
    uint32_t pool;
    uint32_t worker;
    brd_core_task_t *task;
    int64_t time_ns;
    int error;
    uint32_t count;
    uint16_t lost;
    uint16_t maybe;
    const brd_core_pool_options_t *pool_options;
} brd_core_event_t;

// --- Effects ---------------------------------------------------------------

typedef enum {
    BRD_CORE_DO_START,        // worker for pool, at place
    BRD_CORE_DO_JOIN,         // worker of pool, at place: who has just joined
    BRD_CORE_DO_STOP,         // worker: no more will come, leave when done
    BRD_CORE_DO_KILL,         // worker: now
    BRD_CORE_DO_OFFER,        // task to worker. Offers to one worker within a
                              // step are one message
    BRD_CORE_DO_RECLAIM,      // task from worker: answer RECLAIMED or KEPT
    BRD_CORE_DO_FLAG,         // task in worker: raise its cancel flag; of
                              // hosts: end it there if unstarted, else flag it
    BRD_CORE_DO_KILL_TASK,    // task in worker (host): the same, and kill what
                              // runs it time_ns later. Twice: the shorter holds
    BRD_CORE_DO_PROBE,        // task in worker: answer PROBED
    BRD_CORE_DO_END,          // task: outcome. The core has forgotten it. With
                              // leader set, the outcome is that of leader,
                              // whose own DO_END follows
    BRD_CORE_DO_FORGET,       // worker: has ended, its number is free
    BRD_CORE_DO_POOL_BROKEN,  // pool; error: EPIPE or ENOEXEC
    BRD_CORE_DO_POOL_IDLE,    // pool: nothing pending or running
    BRD_CORE_DO_POOL_ENDED    // pool: closed or terminated, no worker, no task
} brd_core_effect_type_t;

typedef struct {
    brd_core_effect_type_t type;
    uint32_t pool;
    uint32_t worker;
    uint32_t place;  // 0 .. workers - 1 within the pool
    int error;
    brd_core_task_t *task;
    union {
        brd_core_task_t *leader;  // Of DO_END
        int64_t time_ns;          // Of DO_KILL_TASK
    };
    brd_core_outcome_t outcome;
} brd_core_effect_t;

typedef struct {
    size_t count;
    brd_core_effect_t items[BRD_CORE_EFFECTS_MAX];
} brd_core_effects_t;

// --- The machine -----------------------------------------------------------

// NULL with ENOMEM.
brd_core_t *
brd_core_new (void);

void
brd_core_destroy (brd_core_t **self_p);

// One event, at now (ns, never going back), appended effects in the order in
// which they must be done. 0, or -1 and nothing has changed; what ends a task
// (CANCEL, KILL) never fails:
//     ENOMEM
//     EPIPE         SUBMIT: the pool is closed, terminated or broken
//                   WORKER_JOIN: it takes no workers any more
//     ENOEXEC       SUBMIT: it is broken because its initializer fails
//     ENOSPC        SUBMIT: BROOD_POOL_PENDING_MAX tasks wait;
//                   POOL_OPEN, POOL_RESIZE: too many workers
//                   WORKER_JOIN: too many hosts
//     EINVAL        POOL_OPEN: the number is taken, options that exclude each
//                   other; SUBMIT: no such pool or place; POOL_RESIZE of a
//                   pool that is joined, WORKER_JOIN of one that is not
// An event about a worker or a task it does not know (it ended meanwhile) is
// passed over and is 0; effects is emptied first.
int
brd_core_step (brd_core_t *self,
               int64_t now,
               const brd_core_event_t *event,
               brd_core_effects_t *effects);

// 1 if effects did not fit and a TICK must follow at once.
int
brd_core_more (const brd_core_t *self);

// When the next TICK is due; BRD_NEVER.
int64_t
brd_core_deadline (const brd_core_t *self);

// Tasks not ended, over all pools.
long
brd_core_outstanding (const brd_core_t *self);

// -1 with ENOENT.
int
brd_core_pool_stats (const brd_core_t *self,
                     uint32_t pool,
                     brd_core_pool_stats_t *ret_stats);

// Checks every invariant, at a cost that grows with everything there is; a
// broken one is an assert. For tests and the simulator.
void
brd_core_check (const brd_core_t *self);

// The state as text into buf, for logs and failing seeds; the length it wanted.
size_t
brd_core_dump (const brd_core_t *self, char *buf, size_t size);

#endif  // BRD_CORE_H
