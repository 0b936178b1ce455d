// fuzz_core.c - any order of events into the core
//
// SPDX-License-Identifier: MPL-2.0
//
// Each pair of bytes is an event and whom it is about. Events keep to what
// core.h asks of a host and to nothing else: workers may come up in any order,
// answer what nobody asked, or die before they have lived, and time may stand
// or leap. The core must not assert, must keep its own invariants, and must end
// every task it has taken once.
//
// The simulator (tests/sim) is the other half: it knows what sensible worlds
// do, and what promises there are to keep in them.
//
// The last of the pools has hosts, which join or are started. Whatever they
// say, in whatever order, about whatever they once had, is the same to it.

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/brd_check.h"
#include "core/core.h"

#define S_POOLS 3
#define S_HOSTS S_POOLS  // The number of the pool that has them
#define S_HOSTS_MAX 40   // That join
#define S_TASKS 48
#define S_WORKERS 160  // 3 pools, 16 places, 3 workers in each
#define S_STEPS 2000

typedef struct {
    brd_core_task_t core;
    brd_core_task_options_t options;
    int live;
    uint32_t worker;  // 0: in none
    uint32_t before;  // Where it was last
} s_task_t;

typedef struct {
    uint32_t number;  // 0: free
    uint32_t pool;
    int up;
    uint32_t width;
} s_worker_t;

typedef struct {
    brd_core_t *core;
    brd_core_effects_t effects;
    int64_t now;
    s_task_t tasks[S_TASKS];
    s_worker_t workers[S_WORKERS];
    int ended[S_POOLS + 1];
    long live;
    int joined;  // DO_JOINs in this step
} s_host_t;

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);

// --- Effects ---------------------------------------------------------------

static s_worker_t *
s_find (s_host_t *self, uint32_t number)
{
    for (int i = 0; i < S_WORKERS; i++)
        if (self->workers[i].number == number)
            return &self->workers[i];
    return NULL;
}

static void
s_do (s_host_t *self, const brd_core_effect_t *effect)
{
    s_task_t *task =
        effect->task ? BRD_LIST_ITEM (effect->task, s_task_t, core) : NULL;
    s_worker_t *worker = effect->worker ? s_find (self, effect->worker) : NULL;
    switch (effect->type) {
    case BRD_CORE_DO_START:
    case BRD_CORE_DO_JOIN:
        brd_assert (!worker && effect->worker != 0);
        worker = s_find (self, 0);
        self->joined += effect->type == BRD_CORE_DO_JOIN;
        brd_assert (worker);
        *worker =
            (s_worker_t){ .number = effect->worker, .pool = effect->pool };
        break;
    case BRD_CORE_DO_FORGET:
        brd_assert (worker);
        worker->number = 0;
        break;
    case BRD_CORE_DO_OFFER:
        brd_assert (task->live && task->worker == 0);
        brd_assert (worker && worker->up && worker->pool == task->core.pool);
        brd_assert (worker->pool != S_HOSTS || worker->width > 0);
        task->worker = task->before = effect->worker;
        break;
    case BRD_CORE_DO_KILL_TASK:
        brd_assert (worker && worker->pool == S_HOSTS);
        brd_assert (task->live && task->worker == effect->worker);
        break;
    case BRD_CORE_DO_RECLAIM:
    case BRD_CORE_DO_FLAG:
    case BRD_CORE_DO_PROBE:
        brd_assert (task->live && task->worker == effect->worker);
        break;
    case BRD_CORE_DO_END:
        brd_assert (task->live);
        brd_assert (!effect->leader
                    || BRD_LIST_ITEM (effect->leader, s_task_t, core)->live);
        task->live = 0;
        task->worker = 0;
        self->live--;
        break;
    case BRD_CORE_DO_POOL_ENDED:
        brd_assert (!self->ended[effect->pool]);
        self->ended[effect->pool] = 1;
        break;
    default:
        break;
    }
}

static void
s_forget_ended (s_host_t *self)
{
    for (int i = 0; i < S_TASKS; i++)
        if (!self->tasks[i].live)
            memset (&self->tasks[i].core, 0xdd, sizeof self->tasks[i].core);
}

static int
s_step (s_host_t *self, brd_core_event_t event)
{
    int rc = brd_core_step (self->core, self->now, &event, &self->effects);
    brd_assert (rc == 0 || self->effects.count == 0);
    event = (brd_core_event_t){ .type = BRD_CORE_TICK };
    for (;;) {
        brd_assert (self->effects.count <= BRD_CORE_EFFECTS_MAX);
        for (size_t i = 0; i < self->effects.count; i++)
            s_do (self, &self->effects.items[i]);
        s_forget_ended (self);
        if (!brd_core_more (self->core))
            break;
        brd_core_step (self->core, self->now, &event, &self->effects);
    }
    brd_core_check (self->core);
    return rc;
}

// --- Events ----------------------------------------------------------------

static void
s_pool_event (s_host_t *self, brd_core_event_type_t type, uint8_t arg)
{
    uint32_t pool = arg % S_POOLS + 1;
    brd_core_pool_options_t options = { .workers = arg / 8u % 8 + 1,
                                        .max_tasks = arg & 64 ? 3 : 0,
                                        .restarts_max = arg / 16u % 4,
                                        .on_demand = arg & 128 };
    if (pool == S_HOSTS)
        options = (brd_core_pool_options_t){ .workers = arg / 8u % 8 + 1,
                                             .restarts_max = arg / 16u % 4,
                                             .hosts = 1,
                                             .joined = arg & 64 ? 1 : 0,
                                             .guard_ns = 50000 };
    if (type == BRD_CORE_POOL_FORGET && !self->ended[pool])
        return;
    int rc = s_step (self,
                     (brd_core_event_t){ .type = type,
                                         .pool = pool,
                                         .count = arg / 4u % 16 + 1,
                                         .pool_options = &options });
    if (type == BRD_CORE_POOL_FORGET && rc == 0)
        self->ended[pool] = 0;
}

static void
s_submit (s_host_t *self, uint8_t arg, uint8_t more)
{
    s_task_t *task = &self->tasks[arg % S_TASKS];
    if (task->live)
        return;
    *task = (s_task_t){ .live = 1 };
    task->options =
        (brd_core_task_options_t){ .retries = more & 3,
                                   .only_deaths = more >> 2 & 1,
                                   .retry_delay_ns = (more >> 3 & 1) * 1000,
                                   .timeout_ns = (more >> 4 & 1) * 100000,
                                   .queue_timeout_ns = (more >> 5 & 1) * 5000,
                                   .key = more >> 6 & 1,
                                   .once = more >> 7 & 1 };
    task->core.options = arg & 64 ? &task->options : NULL;
    task->core.pool = arg % S_POOLS + 1;
    task->core.pin = arg & 128 ? arg / 16u % 4 : 0;
    task->core.priority = more % BRD_CORE_PRIORITIES;
    task->core.whole = (more & 15) == 15;
    task->core.each = task->core.pool == S_HOSTS && task->core.pin != 0;
    self->live++;
    if (s_step (
            self,
            (brd_core_event_t){ .type = BRD_CORE_SUBMIT, .task = &task->core })
        < 0) {
        task->live = 0;
        self->live--;
    }
}

// About a task that a worker has, or has been said to have.
static void
s_task_event (s_host_t *self,
              brd_core_event_type_t type,
              uint8_t arg,
              uint8_t more)
{
    static const int errors[] = { ECHILD, ETIMEDOUT, ECANCELED, EIO };
    s_task_t *task = &self->tasks[arg % S_TASKS];
    int asks = type == BRD_CORE_CANCEL || type == BRD_CORE_KILL;
    // Of one that was somewhere and is not, its host may still tell.
    int late =
        task->core.pool == S_HOSTS && task->worker == 0 && task->before != 0;
    if (!task->live || (!asks && task->worker == 0 && !late))
        return;
    brd_core_event_t event = { .type = type,
                               .worker = asks ? 0 : task->before,
                               .task = &task->core,
                               .time_ns = arg & 64 ? self->now : 0,
                               .error = arg & 128 ? EIO : 0 };
    if (task->core.pool == S_HOSTS && type == BRD_CORE_DONE && arg & 128) {
        event.error = errors[more & 3];
        event.lost = more >> 2 & 1;
        event.maybe = more >> 3 & 1;
    }
    if (type == BRD_CORE_DONE || type == BRD_CORE_RECLAIMED)
        task->worker = 0;
    s_step (self, event);
}

// What the dead one had: done, given back, running (one), or lost.
static void
s_lose (s_host_t *self, uint32_t number, uint8_t arg)
{
    brd_core_task_t *running = NULL;
    for (int i = 0; i < S_TASKS; i++) {
        s_task_t *task = &self->tasks[i];
        if (!task->live || task->worker != number)
            continue;
        if ((arg & 3) == 0)
            s_task_event (self, BRD_CORE_DONE, (uint8_t) i, arg);
        else if ((arg & 3) == 1)
            s_task_event (self, BRD_CORE_RECLAIMED, (uint8_t) i, arg);
        else if ((arg & 3) == 2 && !running)
            running = &task->core;
    }
    for (int i = 0; i < S_TASKS; i++)
        if (self->tasks[i].live && self->tasks[i].worker == number)
            self->tasks[i].worker = 0;
    s_step (self,
            (brd_core_event_t){ .type = BRD_CORE_WORKER_LOST,
                                .worker = number,
                                .task = running });
}

static void
s_worker_event (s_host_t *self,
                brd_core_event_type_t type,
                uint8_t arg,
                uint8_t more)
{
    s_worker_t *worker = &self->workers[arg % S_WORKERS];
    if (worker->number == 0)
        return;
    if (type == BRD_CORE_WORKER_LOST) {
        s_lose (self, worker->number, more);
        return;
    }
    if (type == BRD_CORE_WORKER_UP || type == BRD_CORE_WORKER_DOWN) {
        if (worker->up)
            return;
        worker->up = type == BRD_CORE_WORKER_UP;
    }
    const uint32_t count = more % 6;
    if (type == BRD_CORE_WORKER_UP)
        worker->width = count > 0 ? count : 1;
    else if (type == BRD_CORE_WORKER_WIDTH && worker->up)
        worker->width = count;
    s_step (self,
            (brd_core_event_t){ .type = type,
                                .worker = worker->number,
                                .count = count,
                                .time_ns = INT64_C (1) << more % 40 });
}

static void
s_join (s_host_t *self)
{
    int count = 0;
    for (int i = 0; i < S_WORKERS; i++)
        count +=
            self->workers[i].number != 0 && self->workers[i].pool == S_HOSTS;
    if (count >= S_HOSTS_MAX)
        return;
    int rc = s_step (
        self,
        (brd_core_event_t){ .type = BRD_CORE_WORKER_JOIN, .pool = S_HOSTS });
    brd_assert (rc < 0 || self->joined == 1);
    self->joined = 0;
}

static void
s_event (s_host_t *self, const uint8_t *bytes)
{
    brd_core_event_type_t type =
        (brd_core_event_type_t) (bytes[0] % (BRD_CORE_TICK + 1));
    // The third of the events that are submits make for something to do.
    if (bytes[0] >= 170)
        type = BRD_CORE_SUBMIT;
    if (bytes[0] & 1)
        self->now += INT64_C (1) << bytes[2] % 36;
    if (type <= BRD_CORE_POOL_FORGET)
        s_pool_event (self, type, bytes[1]);
    else if (type == BRD_CORE_WORKER_JOIN)
        s_join (self);
    else if (type == BRD_CORE_SUBMIT)
        s_submit (self, bytes[1], bytes[2]);
    else if (type >= BRD_CORE_WORKER_UP && type <= BRD_CORE_WORKER_LOST)
        s_worker_event (self, type, bytes[1], bytes[2]);
    else if (type == BRD_CORE_FLUSH || type == BRD_CORE_TICK)
        s_step (self, (brd_core_event_t){ .type = type });
    else
        s_task_event (self, type, bytes[1], bytes[2]);
}

// --- The end ---------------------------------------------------------------

static int
s_any_worker (const s_host_t *self)
{
    for (int i = 0; i < S_WORKERS; i++)
        if (self->workers[i].number != 0)
            return i;
    return -1;
}

// Whatever has happened: a terminated pool ends all it has.
static void
s_terminate (s_host_t *self)
{
    for (uint8_t pool = 0; pool < S_POOLS; pool++)
        s_pool_event (self, BRD_CORE_POOL_TERMINATE, pool);
    for (int i; (i = s_any_worker (self)) >= 0;)
        s_lose (self, self->workers[i].number, 3);
    brd_assert (self->live == 0);
    brd_assert (brd_core_outstanding (self->core) == 0);
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
    s_host_t *self = calloc (1, sizeof *self);
    if (!self)
        abort ();
    self->core = brd_core_new ();
    if (!self->core)
        abort ();
    self->now = 1;
    s_pool_event (self, BRD_CORE_POOL_OPEN, 8);
    s_pool_event (self, BRD_CORE_POOL_OPEN, data && size > 0 ? data[0] : 2);
    for (size_t i = 0; i + 3 <= size && i / 3 < S_STEPS; i += 3)
        s_event (self, data + i);
    // An odd length leaves the core as it is: destroy must do with that.
    if (size % 2 == 0)
        s_terminate (self);
    brd_core_destroy (&self->core);
    free (self);
    return 0;
}
