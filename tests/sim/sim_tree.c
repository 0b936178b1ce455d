// sim_tree.c - runs made-up trees of cores until one of them goes wrong
//
// SPDX-License-Identifier: MPL-2.0
//
//     sim_tree                          ten seconds of worlds
//     sim_tree --seed 17 --verbose      world 17 alone, and its story
//     sim_tree --plant no-fence         a model with a bug, to see it found
//     sim_tree --hosts 30 --slots 100   large ones
//     sim_tree --churn                  a hundred hosts of a hundred workers,
//                                       which come and go all the time
//
// The client submits to the root and changes its mind; hosts join, leave, die
// and fall silent. What must be true: a task has one outcome, for which there
// is a reason; it never runs twice at a time, and not more often than it had
// attempts; every core's counts are what the model counts; no slot is free for
// long while a task waits beside it, or is held by a host that is busy; taking
// back ends; and in the end all tasks and all nodes are gone.
//
// Read next: sim_tree.h.

#include "sim_tree.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/brd_clock.h"

// A world that takes longer than this has come to a standstill.
#define S_WORLD_SECONDS 60

// What is left in the end takes no longer than this, of the world's time.
#define S_CALM_NS (3600 * SIM_S)

static const char *const s_plants[] = { "keep-reclaimed", "no-fence",
                                        "lost-done",      "run-again",
                                        "lazy-worker",    NULL };

enum {
    S_HOSTS,
    S_SLOTS,
    S_CHURN
};

static sim_kit_option_t s_options[] = {
    [S_HOSTS] = { .name = "hosts", .word = "N", .replays = 1 },
    [S_SLOTS] = { .name = "slots", .word = "N", .replays = 1 },
    [S_CHURN] = { .name = "churn", .replays = 1 },
    { .name = NULL }
};

static sim_kit_t s_kit = {
    .name = "sim_tree", .plants = s_plants, .options = s_options, .tells = 1
};

static long s_steps;
static uint64_t s_tasks;
static uint64_t s_joined;
static uint64_t s_killed;
static uint64_t s_cuts;

// --- Failing ---------------------------------------------------------------

static void
s_dump (const sim_tree_t *self)
{
    for (const brd_list_t *link = self->nodes.next; link != &self->nodes;
         link = link->next) {
        const sim_tree_node_t *node =
            BRD_LIST_ITEM (link, const sim_tree_node_t, link);
        const size_t size = brd_core_dump (node->core, NULL, 0) + 1;
        char *text = sim_must (malloc (size));
        brd_core_dump (node->core, text, size);
        printf ("node %d: %s\n", node->number, text);
        free (text);
    }
}

void
sim_tree_fail (sim_tree_t *self, const char *format, ...)
{
    if (self->verbose)
        s_dump (self);
    printf ("sim_tree: at %.6f s, step %ld: ",
            (double) self->now / 1e9,
            self->total_steps);
    va_list args;
    va_start (args, format);
    vprintf (format, args);
    va_end (args);
    putchar ('\n');
    sim_kit_fail (&s_kit);
}

void
sim_tree_say (sim_tree_t *self, const char *format, ...)
{
    if (!self->verbose)
        return;
    va_list args;
    va_start (args, format);
    sim_kit_say (self->now, format, args);
    va_end (args);
}

// --- Time ------------------------------------------------------------------

void
sim_tree_at (sim_tree_t *self, sim_tree_timer_t *timer, int64_t due)
{
    sim_kit_at (&self->agenda, &timer->timer, due, self->now);
}

void
sim_tree_never (sim_tree_t *self, sim_tree_timer_t *timer)
{
    sim_kit_never (&self->agenda, &timer->timer);
}

// --- What must be true of a task -------------------------------------------

static const char *
s_doubt (const sim_tree_t *self,
         const sim_tree_task_t *task,
         const brd_core_outcome_t *outcome)
{
    if (outcome->maybe && outcome->error != ECHILD)
        return "it ends otherwise, and may have run";
    switch (outcome->error) {
    case 0:
        return task->finished > 0 ? NULL : "it has a result and has not run";
    case EIO:
        return task->failed > 0 ? NULL : "it failed and has not run";
    case ECHILD:
        if (outcome->maybe)
            return task->vanished > 0 ? NULL : "its host is lost, and is not";
        return task->deaths > 0 ? NULL : "its worker died, and did not";
    case ECANCELED:
        return task->wanted ? NULL : "nobody has cancelled it";
    case ETIMEDOUT:
        return task->timed ? NULL : "it has no time limit";
    case ELOOP:
        return task->deaths >= BRD_CORE_POISON_DEATHS ? NULL
                                                      : "it is no poison";
    case EPIPE:
        return self->terminated ? NULL : "nobody has terminated the pool";
    default:
        return "there is no such outcome";
    }
}

void
sim_tree_ended (sim_tree_t *self, const brd_core_effect_t *effect)
{
    const sim_tree_job_t *job =
        BRD_LIST_ITEM (effect->task, sim_tree_job_t, core);
    const brd_core_outcome_t *outcome = &effect->outcome;
    const sim_tree_job_t *leader =
        effect->leader ? BRD_LIST_ITEM (effect->leader, sim_tree_job_t, core)
                       : NULL;
    const sim_tree_task_t *task = leader ? leader->task : job->task;
    const char *doubt = s_doubt (self, task, outcome);
    const brd_core_task_options_t *options = &(leader ? leader : job)->options;
    if (outcome->attempt <= options->retries && !task->wanted
        && (outcome->error == ECHILD
            || (outcome->error == EIO && !options->only_deaths)))
        doubt = "it has attempts left";
    if (leader && job->task->starts > 0)
        doubt = "it shares an outcome and has run";
    if (outcome->attempt > options->retries + 1)
        doubt = "it had too many attempts";
    if (task->starts > outcome->attempt)
        doubt = "it has run more often than it had attempts";
    if (job->task->ended)
        doubt = "it has ended before";
    if (doubt)
        sim_tree_fail (self,
                       "task %llu ends with %d at attempt %d: %s",
                       (unsigned long long) job->task->id,
                       outcome->error,
                       outcome->attempt,
                       doubt);
    job->task->ended = 1;
    self->ended++;
}

// --- What must be true of all ----------------------------------------------

// There and back, and what a core holds back.
static int64_t
s_slack (const sim_tree_t *self)
{
    return 3 * SIM_MS + 2 * self->scenario.late_ns;
}

static int64_t
s_far_slack (const sim_tree_t *self)
{
    return 20 * (s_slack (self) + 4 * self->scenario.link_delay_ns);
}

static int
s_is_fed (const sim_tree_worker_t *worker)
{
    return worker->up && !worker->gone && !worker->stopped && !worker->killed
           && !worker->retired && !worker->suspect
           && (!worker->host || worker->width > 0);
}

static uint32_t
s_slots (const sim_tree_worker_t *worker)
{
    return worker->host ? worker->width : 1;
}

// When the node's slot that has been free for longest became so; BRD_NEVER:
// there is none. *doubt: somebody's answers may be missing.
static int64_t
s_free_since (const sim_tree_t *self, const sim_tree_node_t *node, int *doubt)
{
    // A worker gets nothing while the one before it, in its place, has tasks.
    uint64_t taken[4096 / 64] = { 0 };
    int64_t since = BRD_NEVER;
    for (brd_list_t *link = node->workers.next; link != &node->workers;
         link = link->next) {
        sim_tree_worker_t *worker =
            BRD_LIST_ITEM (link, sim_tree_worker_t, link);
        uint64_t *word = &taken[worker->place / 64 % (4096 / 64)];
        const uint64_t bit = UINT64_C (1) << worker->place % 64;
        const int second = (*word & bit) != 0;
        *word |= bit;
        *doubt |= worker->cut || worker->gone || worker->killed
                  || !worker->below || worker->below->closing;
        if (second || !s_is_fed (worker)
            || worker->in_flight >= s_slots (worker)) {
            worker->free_since = 0;
            continue;
        }
        if (worker->free_since == 0)
            worker->free_since = self->now;
        if (worker->free_since < since)
            since = worker->free_since;
    }
    return since;
}

static int64_t
s_ready_since (const sim_tree_t *self, sim_tree_job_t *job)
{
    if (job->core.state != BRD_CORE_TASK_READY || job->core.pin != 0)
        job->ready_seen = 0;
    else if (job->ready_seen == 0)
        job->ready_seen = self->now;
    return job->ready_seen;
}

static void
s_check_job (sim_tree_t *self,
             const sim_tree_node_t *node,
             sim_tree_job_t *job,
             int64_t free_since,
             int doubt)
{
    int64_t since = s_ready_since (self, job);
    if (since != 0 && self->now - since > s_slack (self)
        && self->now - free_since > s_slack (self))
        sim_tree_fail (self,
                       "task %llu waits at node %d, which has a free slot",
                       (unsigned long long) job->task->id,
                       node->number);
    const sim_tree_worker_t *worker = job->worker;
    sim_tree_job_t *below = worker && !doubt && !job->kept && !job->asked
                                ? brd_map_get (&self->below, job->below)
                                : NULL;
    if (!below || job->core.pin != 0 || !s_is_fed (worker)
        || worker->in_flight <= worker->width
        || self->now - node->reclaimed <= s_far_slack (self))
        return;
    since = below->ready_seen;
    if (since != 0 && self->now - since > s_far_slack (self)
        && self->now - free_since > s_far_slack (self))
        sim_tree_fail (self,
                       "task %llu is held by node %d, while there are free "
                       "slots elsewhere",
                       (unsigned long long) job->task->id,
                       below->node->number);
}

static void
s_check_all (sim_tree_t *self)
{
    for (brd_list_t *link = self->nodes.prev; link != &self->nodes;
         link = link->prev) {
        sim_tree_node_t *node = BRD_LIST_ITEM (link, sim_tree_node_t, link);
        int doubt = 0;
        brd_core_check (node->core);
        const int64_t since = s_free_since (self, node, &doubt);
        for (size_t i = 0; i < node->job_count; i++)
            s_check_job (self, node, node->jobs[i], since, doubt);
    }
}

// --- A life ----------------------------------------------------------------

static unsigned
s_rate (sim_rand_t *rand, unsigned most)
{
    return sim_rand_below (rand, 2) ? (unsigned) sim_rand_log (rand, 1, most)
                                    : 0;
}

// As many of everything as is there at a time, and about as much trouble in
// each second as there are hosts.
static void
s_draw_churn (sim_tree_t *self, int hosts, int slots)
{
    sim_tree_scenario_t *world = &self->scenario;
    sim_rand_t *rand = &self->rand;
    world->churn = 1;
    world->hosts_max = hosts;
    world->slots_max = slots;
    world->actions = 300 + 2 * hosts;
    world->live_max = 2 * hosts * slots;
    world->burst_max = world->live_max / 10 + 1;
    world->broker_per_mille = 50;
    world->action_delay_ns = 50 * SIM_MS;
    world->link_delay_ns = 10 * SIM_MS;
    world->start_delay_ns = 100 * SIM_MS;
    world->lease_ns = sim_rand_between (rand, 300 * SIM_MS, SIM_S);
    world->fault_delay_ns = 2 * SIM_S / hosts;
    world->fancy_per_mille = (unsigned) sim_rand_between (rand, 0, 500);
    world->fail_per_mille = 20;
    world->cruel_per_mille = 1;
    world->death_per_mille = 5;
    world->down_per_mille = 20;
    world->copy_per_mille = 50;
    world->length = sim_rand_below (rand, 2) ? SIM_LONG : SIM_MIXED;
}

static void
s_draw (sim_tree_t *self)
{
    sim_tree_scenario_t *world = &self->scenario;
    sim_rand_t *rand = &self->rand;
    world->actions = (int) sim_rand_log (rand, 30, 600);
    world->burst_max = (int) sim_rand_log (rand, 1, 200);
    world->live_max = (int) sim_rand_log (rand, 20, 1000);
    world->hosts_max = (int) sim_rand_log (rand, 1, 12);
    world->slots_max = (int) sim_rand_log (rand, 1, 16);
    const int hosts = (int) s_options[S_HOSTS].value;
    const int slots = (int) s_options[S_SLOTS].value;
    if (hosts > 0) {
        world->hosts_max = hosts;
        world->actions = 20 * hosts;
    }
    if (slots > 0) {
        world->slots_max = slots;
        world->burst_max = world->live_max = 4 * slots * world->hosts_max;
    }
    world->broker_per_mille = s_rate (rand, 1000);
    world->action_delay_ns = sim_rand_log (rand, 10 * SIM_US, 100 * SIM_MS);
    world->link_delay_ns = sim_rand_log (rand, 2 * SIM_US, 50 * SIM_MS);
    world->start_delay_ns = sim_rand_log (rand, 100 * SIM_US, 500 * SIM_MS);
    world->late_ns =
        sim_rand_below (rand, 2) ? 0 : sim_rand_log (rand, SIM_US, 5 * SIM_MS);
    world->lease_ns =
        20 * world->link_delay_ns + sim_rand_log (rand, 10 * SIM_MS, 2 * SIM_S);
    if (sim_rand_below (rand, 3))
        world->fault_delay_ns = sim_rand_log (rand, SIM_MS, 5 * SIM_S);
    world->fancy_per_mille = s_rate (rand, 1000);
    world->fail_per_mille = s_rate (rand, 300);
    world->cruel_per_mille = s_rate (rand, 50);
    world->death_per_mille = s_rate (rand, 50);
    world->down_per_mille = s_rate (rand, 200);
    world->copy_per_mille = s_rate (rand, 500);
    world->length = (int) sim_rand_below (rand, SIM_LENGTHS);
    if (s_options[S_CHURN].value)
        s_draw_churn (self, hosts ? hosts : 100, slots ? slots : 100);
}

static void
s_fire (sim_tree_t *self, sim_tree_timer_t *timer)
{
    sim_tree_node_t *node = timer->owner;
    if (timer->kind >= SIM_TREE_DOWN)
        sim_tree_link_fire (self, timer->owner, timer->kind);
    else if (timer->kind >= SIM_TREE_BORN)
        sim_tree_node_fire (self, timer->owner, timer->kind);
    else if (timer->kind == SIM_TREE_ACT)
        sim_tree_client_act (self);
    else if (timer->kind == SIM_TREE_FAULT)
        sim_tree_client_fault (self);
    else if (timer->kind == SIM_TREE_TICK)
        sim_tree_node_step (
            self, node, (brd_core_event_t){ .type = BRD_CORE_TICK }, NULL);
    else if (node == self->root)
        self->over = 1;
    else if (node->ended)
        sim_tree_link_leave (self, node);
    else
        sim_tree_link_kill (self, node);
}

static int
s_has_acted (const sim_tree_t *self)
{
    return self->actions_left <= 0;
}

static int
s_is_idle (const sim_tree_t *self)
{
    return self->root->job_count == 0;
}

// Those that have not joined are nobody's concern.
static int
s_is_over (const sim_tree_t *self)
{
    size_t left = 0;
    for (const brd_list_t *link = self->nodes.next; link != &self->nodes;
         link = link->next)
        left++;
    return self->over && left == 1;
}

static void
s_send_away (sim_tree_t *self)
{
    brd_list_t *link = self->nodes.next;
    while (self->waiting > 0) {
        sim_tree_node_t *node = BRD_LIST_ITEM (link, sim_tree_node_t, link);
        link = link->next;
        if (node->waiting)
            sim_tree_link_kill (self, node);
    }
}

static void
s_run (sim_tree_t *self, int (*done) (const sim_tree_t *self), const char *what)
{
    const int64_t until = self->now + S_CALM_NS;
    while (!done (self)) {
        brd_timer_t *first = brd_heap_first (&self->agenda);
        if (!first || first->due > until)
            sim_tree_fail (
                self, "%s: %zu tasks do not end", what, self->root->job_count);
        brd_heap_remove (&self->agenda, first);
        self->now = first->due;
        s_fire (self, BRD_LIST_ITEM (first, sim_tree_timer_t, timer));
        sim_tree_link_admit (self);
        if (--self->steps_to_check > 0)
            continue;
        self->steps_to_check =
            ((long) self->root->job_count + self->numbers) / 8 + 1;
        s_check_all (self);
    }
}

static void
s_free (sim_tree_t *self)
{
    brd_list_t *link;
    sim_tree_node_destroy (self, self->root);
    while ((link = brd_list_pop (&self->jobs))) {
        sim_tree_job_t *job = BRD_LIST_ITEM (link, sim_tree_job_t, all);
        if (job->node == self->root)
            free (job->task);
        free (job);
    }
    while ((link = brd_list_pop (&self->dead)))
        free (BRD_LIST_ITEM (link, sim_tree_node_t, link));
    brd_map_fini (&self->above);
    brd_map_fini (&self->below);
    brd_heap_fini (&self->agenda);
    free (self->steps);
    free (self->effects);
}

static void
s_world (uint64_t seed)
{
    sim_tree_t self = { .plant = (sim_tree_plant_t) s_kit.plant,
                        .verbose = s_kit.verbose,
                        .now = SIM_S };
    alarm (S_WORLD_SECONDS * (s_options[S_CHURN].value ? 10U : 1U)
           * (1 + (unsigned) s_options[S_HOSTS].value / 10));
    sim_rand_seed (&self.rand, seed);
    s_draw (&self);
    brd_heap_init (&self.agenda);
    brd_map_init (&self.above);
    brd_map_init (&self.below);
    brd_list_init (&self.nodes);
    brd_list_init (&self.dead);
    brd_list_init (&self.jobs);
    self.effects = sim_must (malloc (sizeof *self.effects));
    self.actions_left = self.scenario.actions;
    self.act.kind = SIM_TREE_ACT;
    self.fault.kind = SIM_TREE_FAULT;
    self.root = sim_tree_node_new (&self, 0);
    for (int i = self.scenario.churn ? self.scenario.hosts_max : 0; i > 0; i--)
        sim_tree_client_join (&self);
    sim_tree_at (&self, &self.act, self.now);
    if (self.scenario.fault_delay_ns > 0)
        sim_tree_at (&self, &self.fault, self.now);
    s_run (&self, s_has_acted, "the client");
    self.calm = 1;
    sim_tree_client_calm (&self);
    sim_tree_never (&self, &self.act);
    sim_tree_never (&self, &self.fault);
    sim_tree_link_join (&self, self.root, 1);
    self.terminated = sim_rand_below (&self.rand, 4) == 0;
    if (!self.terminated) {
        s_run (&self, s_is_idle, "the calm");
        s_check_all (&self);
    }
    s_send_away (&self);
    sim_tree_client_tell (
        &self, self.terminated ? BRD_CORE_POOL_TERMINATE : BRD_CORE_POOL_CLOSE);
    s_run (&self, s_is_over, "the end");
    if (self.ended != self.tasks)
        sim_tree_fail (&self,
                       "of %llu tasks %llu have ended",
                       (unsigned long long) self.tasks,
                       (unsigned long long) self.ended);
    s_steps += self.total_steps;
    s_tasks += self.tasks;
    s_joined += self.joined;
    s_killed += self.killed;
    s_cuts += self.cuts;
    s_free (&self);
}

int
main (int argc, char **argv)
{
    if (sim_kit_read (&s_kit, argc, argv) < 0)
        return 2;
    sim_kit_guard (&s_kit);
    sim_kit_run (&s_kit, s_world);
    printf (
        "sim_tree: %llu seeds from %llu, %ld steps, %llu tasks, %llu nodes, "
        "%llu killed, %llu cuts\n",
        (unsigned long long) s_kit.seeds,
        (unsigned long long) s_kit.first,
        s_steps,
        (unsigned long long) s_tasks,
        (unsigned long long) s_joined,
        (unsigned long long) s_killed,
        (unsigned long long) s_cuts);
    return 0;
}
