// sim_tree_client.c - what happens to a tree of cores
//
// SPDX-License-Identifier: MPL-2.0
//
//     act     submits, cancels, kills; lets hosts join, leave and change size
//     fault   kills a node, or cuts a link for a while or for ever
//
// Read next: sim_tree_node.c.

#include "sim_tree.h"

#include <errno.h>
#include <stdlib.h>

#include "base/brd_clock.h"

static void
s_draw_options (sim_tree_t *self, sim_tree_job_t *job)
{
    sim_rand_t *rand = &self->rand;
    brd_core_task_options_t *options = &job->options;
    if (!sim_rand_chance (rand, self->scenario.fancy_per_mille))
        return;
    options->retries = (int) sim_rand_below (rand, 6);
    options->only_deaths = (int) sim_rand_below (rand, 2);
    if (sim_rand_below (rand, 3) == 0)
        options->retry_delay_ns = sim_rand_log (rand, SIM_US, 50 * SIM_MS);
    if (sim_rand_below (rand, 4) == 0)
        options->timeout_ns = sim_rand_log (rand, SIM_MS, SIM_S);
    if (options->timeout_ns && sim_rand_below (rand, 2))
        options->grace_ns = sim_rand_log (rand, SIM_US, 50 * SIM_MS);
    if (sim_rand_below (rand, 4) == 0)
        options->queue_timeout_ns = sim_rand_log (rand, 100 * SIM_US, SIM_S);
    if (sim_rand_below (rand, 6) == 0)
        options->key = sim_rand_below (rand, 5) + 1;
    if (sim_rand_below (rand, 10) == 0)
        options->once = sim_rand_below (rand, 3) + 1;
    job->task->timed = options->timeout_ns > 0 || options->queue_timeout_ns > 0;
    job->core.priority = (uint8_t) sim_rand_below (rand, BRD_CORE_PRIORITIES);
    job->core.whole = sim_rand_below (rand, 20) == 0;
    if (sim_rand_below (rand, 20) == 0) {
        job->core.each = 1;
        job->core.pin = (uint32_t) sim_rand_below (rand, 4) + 1;
        job->task->wanted = 1;  // Its host may go before it comes there
    }
}

static void
s_submit (sim_tree_t *self)
{
    static const int64_t lengths[SIM_LENGTHS][2] = {
        [SIM_TINY] = { 2 * SIM_US, 20 * SIM_US },
        [SIM_LONG] = { 10 * SIM_MS, SIM_S },
        [SIM_MIXED] = { 2 * SIM_US, SIM_S },
        [SIM_HUGE] = { 2 * SIM_US, 50 * SIM_US },
    };
    const int64_t *length = lengths[self->scenario.length];
    sim_tree_task_t *task = sim_must (calloc (1, sizeof *task));
    task->id = ++self->ids;
    self->tasks++;
    task->run_ns = sim_rand_log (&self->rand, length[0], length[1]);
    if (self->scenario.length == SIM_HUGE
        && sim_rand_below (&self->rand, 50) == 0)
        task->run_ns = sim_rand_between (&self->rand, SIM_S, 10 * SIM_S);
    task->polite = (int) sim_rand_below (&self->rand, 2);
    task->cruel = sim_rand_chance (&self->rand, self->scenario.cruel_per_mille);
    sim_tree_job_t *job = sim_tree_node_job (self, self->root, task);
    s_draw_options (self, job);
    if (sim_tree_node_step (self,
                            self->root,
                            (brd_core_event_t){ .type = BRD_CORE_SUBMIT },
                            job)
        == 0)
        return;
    if (job->core.pin == 0)
        sim_tree_fail (self, "a task is refused: %d", errno);
    self->tasks--;
    sim_tree_node_drop (job);
}

void
sim_tree_client_tell (sim_tree_t *self, brd_core_event_type_t type)
{
    for (size_t i = 0;
         type == BRD_CORE_POOL_CANCEL && i < self->root->job_count;
         i++)
        self->root->jobs[i]->task->wanted = 1;
    sim_tree_node_step (
        self,
        self->root,
        (brd_core_event_t){ .type = type, .pool = SIM_TREE_POOL },
        NULL);
}

static void
s_change_mind (sim_tree_t *self)
{
    if (self->root->job_count == 0)
        return;
    sim_tree_job_t *job =
        self->root->jobs[sim_rand_below (&self->rand, self->root->job_count)];
    const int kill = sim_rand_below (&self->rand, 2) == 0;
    job->task->wanted = 1;
    sim_tree_node_step (
        self,
        self->root,
        (brd_core_event_t){
            .type = kill ? BRD_CORE_KILL : BRD_CORE_CANCEL,
            .time_ns = sim_rand_log (&self->rand, SIM_US, 50 * SIM_MS) },
        job);
}

// Any node but the root; NULL: there is none.
static sim_tree_node_t *
s_pick (sim_tree_t *self)
{
    uint64_t n = sim_rand_below (&self->rand,
                                 self->scenario.hosts_max > 20 ? 4 * 32 : 32);
    brd_list_t *link = &self->nodes;
    if (brd_list_empty (&self->nodes))
        return NULL;
    do
        link = link->next;
    while (link == &self->nodes || n-- > 0);
    sim_tree_node_t *node = BRD_LIST_ITEM (link, sim_tree_node_t, link);
    return node == self->root ? NULL : node;
}

static int
s_hosts (const sim_tree_node_t *node)
{
    int count = 0;
    for (const brd_list_t *link = node->workers.next; link != &node->workers;
         link = link->next)
        count++;
    return count;
}

void
sim_tree_client_join (sim_tree_t *self)
{
    int more = self->scenario.churn ? self->scenario.hosts_max / 10 : 1;
    while (more-- > 0 && s_hosts (self->root) < self->scenario.hosts_max)
        sim_tree_link_join (
            self,
            self->root,
            !sim_rand_chance (&self->rand, self->scenario.broker_per_mille));
    sim_tree_node_t *node = s_pick (self);
    if (node && !node->agent && !node->closing && s_hosts (node) < 4)
        sim_tree_link_join (self, node, 1);
}

static void
s_resize (sim_tree_t *self, sim_tree_node_t *node)
{
    const uint32_t size =
        (uint32_t) sim_rand_between (&self->rand, 1, self->scenario.slots_max);
    if (sim_tree_node_step (self,
                            node,
                            (brd_core_event_t){ .type = BRD_CORE_POOL_RESIZE,
                                                .pool = SIM_TREE_POOL,
                                                .count = size },
                            NULL)
        < 0)
        sim_tree_fail (self, "an agent cannot be resized");
    node->size = size;
    sim_tree_link_slots (self, node);
}

void
sim_tree_client_act (sim_tree_t *self)
{
    const uint64_t kind = sim_rand_below (&self->rand, 100);
    sim_tree_node_t *node = kind >= 94 ? s_pick (self) : NULL;
    if (kind < 60) {
        int64_t burst = sim_rand_log (&self->rand, 1, self->scenario.burst_max);
        while (burst-- > 0
               && self->root->job_count < (size_t) self->scenario.live_max)
            s_submit (self);
        if (sim_rand_below (&self->rand, 2))
            sim_tree_client_tell (self, BRD_CORE_FLUSH);
    }
    else if (kind < 80)
        s_change_mind (self);
    else if (kind < 92)
        sim_tree_client_join (self);
    else if (kind == 93 && sim_rand_below (&self->rand, 4) == 0)
        sim_tree_client_tell (self, BRD_CORE_POOL_CANCEL);
    else if (node && kind < 97)
        sim_tree_link_retire (self, node);
    else if (node && node->agent && !node->closing)
        s_resize (self, node);
    self->actions_left--;
    sim_tree_at (self,
                 &self->act,
                 self->now
                     + sim_rand_log (
                         &self->rand, SIM_US, self->scenario.action_delay_ns));
}

void
sim_tree_client_fault (sim_tree_t *self)
{
    sim_tree_node_t *node = s_pick (self);
    const int64_t lease = self->scenario.lease_ns;
    const uint64_t kind = sim_rand_below (&self->rand, 10);
    if (node && kind < 3)
        sim_tree_link_kill (self, node);
    else if (node && node->above && kind < 4)
        sim_tree_link_cut (self, node->above, BRD_NEVER);
    else if (node && node->above)
        sim_tree_link_cut (
            self,
            node->above,
            self->now + sim_rand_between (&self->rand, 0, lease * 7 / 10));
    sim_tree_at (self,
                 &self->fault,
                 self->now
                     + sim_rand_log (&self->rand,
                                     100 * SIM_US,
                                     self->scenario.fault_delay_ns));
}

void
sim_tree_client_calm (sim_tree_t *self)
{
    // The last takes the place of one that ends.
    for (size_t i = self->root->job_count; i-- > 0;) {
        sim_tree_job_t *job =
            i < self->root->job_count ? self->root->jobs[i] : NULL;
        if (job && job->core.pin != 0)
            sim_tree_node_step (self,
                                self->root,
                                (brd_core_event_t){ .type = BRD_CORE_CANCEL },
                                job);
    }
}
