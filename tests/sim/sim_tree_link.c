// sim_tree_link.c - what two nodes say to each other, and how a link ends
//
// SPDX-License-Identifier: MPL-2.0
//
//     node above                     node below
//     ----------                     ----------
//     DO_OFFER      OFFER   -->      SUBMIT
//     DO_RECLAIM    RECLAIM -->      CANCEL, if no worker has it
//     RECLAIMED     <-- RECLAIMED    DO_END
//     KEPT          <-- KEPT
//     DONE          <-- DONE         DO_END
//     UP, WIDTH     <-- SLOTS
//
// A link that is cut is silent in both directions and loses nothing. After a
// fifth of the lease it is suspect; at eight tenths the node below ends itself,
// with all below it; and then only the node above calls it lost. A node that is
// killed is found out the same way.

#include "sim_tree.h"

#include <errno.h>
#include <stdlib.h>

#include "base/brd_clock.h"

// --- Rings -----------------------------------------------------------------

static sim_tree_mail_t *
s_at (const sim_tree_ring_t *self, size_t place)
{
    return &self->items[(self->head + place) & (self->room - 1)];
}

static void
s_put (sim_tree_ring_t *self, sim_tree_mail_t mail)
{
    if (self->count == self->room) {
        const size_t room = self->room ? 2 * self->room : 16;
        sim_tree_mail_t *items = sim_must (malloc (room * sizeof *items));
        for (size_t i = 0; i < self->count; i++)
            items[i] = *s_at (self, i);
        free (self->items);
        self->items = items;
        self->room = room;
        self->head = 0;
    }
    self->count++;
    *s_at (self, self->count - 1) = mail;
}

static sim_tree_mail_t
s_take (sim_tree_ring_t *self)
{
    const sim_tree_mail_t mail = *s_at (self, 0);
    self->head = (self->head + 1) & (self->room - 1);
    self->count--;
    return mail;
}

// --- Sending ---------------------------------------------------------------

static void
s_send (sim_tree_t *self,
        sim_tree_worker_t *worker,
        sim_tree_kind_t way,
        sim_tree_mail_t mail)
{
    sim_tree_ring_t *ring =
        way == SIM_TREE_DOWN ? &worker->down : &worker->back;
    mail.due = self->now + sim_rand_log (&self->rand, SIM_US, worker->delay_ns);
    if (mail.due < ring->last)
        mail.due = ring->last;
    ring->last = mail.due;
    s_put (ring, mail);
    if (ring->count == 1 && !worker->cut)
        sim_tree_at (self, sim_tree_node_timer (worker, way), mail.due);
}

void
sim_tree_link_down (sim_tree_t *self,
                    sim_tree_worker_t *worker,
                    sim_tree_mail_t mail)
{
    s_send (self, worker, SIM_TREE_DOWN, mail);
}

void
sim_tree_link_up (sim_tree_t *self, sim_tree_node_t *node, sim_tree_mail_t mail)
{
    if (node->above)
        s_send (self, node->above, SIM_TREE_UP, mail);
}

static void
s_reply (sim_tree_t *self,
         sim_tree_node_t *node,
         sim_tree_mail_kind_t kind,
         uint64_t offer,
         int64_t time_ns)
{
    sim_tree_link_up (
        self,
        node,
        (sim_tree_mail_t){ .kind = kind, .offer = offer, .time_ns = time_ns });
}

void
sim_tree_link_slots (sim_tree_t *self, sim_tree_node_t *node)
{
    brd_core_pool_stats_t stats = { .workers = node->size };
    if (!node->above
        || (!node->agent
            && brd_core_pool_stats (node->core, SIM_TREE_POOL, &stats) < 0)
        || (node->told ? node->slots == (uint32_t) stats.workers
                       : stats.workers == 0))
        return;
    node->told = 1;
    node->slots = (uint32_t) stats.workers;
    sim_tree_link_up (
        self,
        node,
        (sim_tree_mail_t){ .kind = SIM_TREE_MAIL_SLOTS, .count = node->slots });
}

void
sim_tree_link_give_back (sim_tree_t *self, sim_tree_node_t *node)
{
    if (!node->above || !node->told || node->slots > 0)
        return;
    for (size_t i = 0; i < node->job_count; i++) {
        sim_tree_job_t *job = node->jobs[i];
        if (job->given_back || job->core.state != BRD_CORE_TASK_READY)
            continue;
        job->given_back = 1;
        sim_tree_node_step (
            self, node, (brd_core_event_t){ .type = BRD_CORE_CANCEL }, job);
    }
}

void
sim_tree_link_retire (sim_tree_t *self, sim_tree_node_t *node)
{
    if (node->told)
        s_reply (self, node, SIM_TREE_MAIL_RETIRE, 0, 0);
}

// --- Below -----------------------------------------------------------------

void
sim_tree_link_ended (sim_tree_t *self,
                     sim_tree_job_t *job,
                     const brd_core_outcome_t *outcome)
{
    if (job->above == 0)
        return;
    brd_map_remove (&self->below, job->above);
    if (outcome->error == EPIPE || outcome->error == ENOEXEC)
        return;  // The node itself is at its end
    if (job->given_back && outcome->error == ECANCELED) {
        s_reply (self, job->node, SIM_TREE_MAIL_RECLAIMED, job->above, 0);
        return;
    }
    if (self->plant == SIM_TREE_PLANT_LOST_DONE && !self->planted
        && sim_rand_below (&self->rand, 50) == 0) {
        self->planted = 1;
        return;
    }
    const int ran = outcome->error == 0 || outcome->error == EIO;
    sim_tree_link_up (
        self,
        job->node,
        (sim_tree_mail_t){ .kind = SIM_TREE_MAIL_DONE,
                           .offer = job->above,
                           .error = outcome->error,
                           .lost = outcome->lost,
                           .maybe = outcome->maybe,
                           .time_ns =
                               ran ? self->now - job->task->started : 0 });
}

static void
s_read_offer (sim_tree_t *self,
              sim_tree_node_t *node,
              const sim_tree_mail_t *mail)
{
    sim_tree_job_t *job = sim_tree_node_job (self, node, mail->task);
    job->above = mail->offer;
    job->options = mail->options;
    job->core.priority = mail->priority;
    job->core.whole = mail->whole;
    if (brd_map_set (&self->below, job->above, job) < 0)
        sim_must (NULL);
    if (sim_tree_node_step (
            self, node, (brd_core_event_t){ .type = BRD_CORE_SUBMIT }, job)
        == 0)
        return;
    brd_map_remove (&self->below, job->above);
    sim_tree_node_drop (job);
    s_reply (self, node, SIM_TREE_MAIL_RECLAIMED, mail->offer, 0);
}

static void
s_read_reclaim (sim_tree_t *self, sim_tree_node_t *node, sim_tree_job_t *job)
{
    if (job->worker || job->core.state == BRD_CORE_TASK_ENDING) {
        s_reply (self, node, SIM_TREE_MAIL_KEPT, job->above, 0);
        return;
    }
    if (self->plant == SIM_TREE_PLANT_KEEP_RECLAIMED) {
        s_reply (self, node, SIM_TREE_MAIL_RECLAIMED, job->above, 0);
        brd_map_remove (&self->below, job->above);
        job->above = 0;
        return;
    }
    job->given_back = 1;
    sim_tree_node_step (
        self, node, (brd_core_event_t){ .type = BRD_CORE_CANCEL }, job);
}

static void
s_read (sim_tree_t *self, sim_tree_node_t *node, const sim_tree_mail_t *mail)
{
    sim_tree_job_t *job = brd_map_get (&self->below, mail->offer);
    if (mail->kind == SIM_TREE_MAIL_OFFER) {
        s_read_offer (self, node, mail);
        return;
    }
    if (mail->kind == SIM_TREE_MAIL_STOP) {
        node->closing = 1;
        sim_tree_node_step (self,
                            node,
                            (brd_core_event_t){ .type = BRD_CORE_POOL_CLOSE,
                                                .pool = SIM_TREE_POOL },
                            NULL);
        return;
    }
    if (!job)
        return;  // What became of it is on its way
    const brd_core_event_t event = {
        .type =
            mail->kind == SIM_TREE_MAIL_KILL ? BRD_CORE_KILL : BRD_CORE_CANCEL,
        .time_ns = mail->time_ns,
    };
    if (mail->kind == SIM_TREE_MAIL_RECLAIM)
        s_read_reclaim (self, node, job);
    else if (mail->kind == SIM_TREE_MAIL_PROBE)
        s_reply (self,
                 node,
                 SIM_TREE_MAIL_PROBED,
                 mail->offer,
                 job->task->running > 0 ? job->task->started : 0);
    else
        sim_tree_node_step (self, node, event, job);
}

static void
s_arrive_down (sim_tree_t *self, sim_tree_worker_t *worker)
{
    sim_tree_ring_t *ring = &worker->down;
    while (worker->below && ring->count > 0
           && s_at (ring, 0)->due <= self->now) {
        const sim_tree_mail_t mail = s_take (ring);
        s_read (self, worker->below, &mail);
    }
    if (worker->below && ring->count > 0)
        sim_tree_at (self,
                     sim_tree_node_timer (worker, SIM_TREE_DOWN),
                     s_at (ring, 0)->due);
}

// --- Above -----------------------------------------------------------------

static void
s_tell_width (sim_tree_t *self, sim_tree_worker_t *worker, uint32_t width)
{
    const int first = !worker->up;
    if (worker->gone)
        return;
    worker->up = 1;
    worker->width = width;
    worker->free_since = 0;
    brd_core_event_t event = { .type = first ? BRD_CORE_WORKER_UP
                                             : BRD_CORE_WORKER_WIDTH,
                               .worker = worker->number,
                               .count = width };
    sim_tree_node_step (self, worker->node, event, NULL);
    if (!first && sim_rand_below (&self->rand, 4))
        return;
    event.type = BRD_CORE_WORKER_RTT;
    event.time_ns = sim_rand_between (&self->rand, 0, 2 * worker->delay_ns);
    sim_tree_node_step (self, worker->node, event, NULL);
}

// An answer that has been given comes again, when it can no longer be taken for
// one about the present offer.
static void
s_repeat (sim_tree_t *self,
          const sim_tree_worker_t *worker,
          const brd_core_event_t *event,
          sim_tree_job_t *job)
{
    const int again =
        event->type == BRD_CORE_KEPT || event->type == BRD_CORE_PROBED;
    if (job->live && (again || job->worker != worker)
        && sim_rand_chance (&self->rand, self->scenario.copy_per_mille))
        sim_tree_node_step (self, job->node, *event, job);
}

static void
s_receive_answer (sim_tree_t *self,
                  sim_tree_worker_t *worker,
                  const sim_tree_mail_t *mail)
{
    static const brd_core_event_type_t types[] = {
        [SIM_TREE_MAIL_DONE] = BRD_CORE_DONE,
        [SIM_TREE_MAIL_RECLAIMED] = BRD_CORE_RECLAIMED,
        [SIM_TREE_MAIL_KEPT] = BRD_CORE_KEPT,
        [SIM_TREE_MAIL_PROBED] = BRD_CORE_PROBED,
    };
    sim_tree_job_t *job = brd_map_get (&self->above, mail->offer);
    if (!job || job->worker != worker)
        return;
    const brd_core_event_t event = { .type = types[mail->kind],
                                     .worker = worker->number,
                                     .error = mail->error,
                                     .lost = mail->lost,
                                     .maybe = mail->maybe,
                                     .time_ns = mail->time_ns };
    if (mail->kind != SIM_TREE_MAIL_PROBED)
        job->asked = 0;
    job->kept |= mail->kind == SIM_TREE_MAIL_KEPT;
    if (mail->kind == SIM_TREE_MAIL_DONE
        || mail->kind == SIM_TREE_MAIL_RECLAIMED) {
        brd_map_remove (&self->above, mail->offer);
        sim_tree_node_release (self, job);
    }
    sim_tree_node_step (self, worker->node, event, job);
    s_repeat (self, worker, &event, job);
}

static void
s_receive (sim_tree_t *self,
           sim_tree_worker_t *worker,
           const sim_tree_mail_t *mail)
{
    if (mail->kind == SIM_TREE_MAIL_SLOTS) {
        worker->slots = mail->count;
        s_tell_width (self, worker, mail->count);
    }
    else if (mail->kind == SIM_TREE_MAIL_RETIRE) {
        worker->retired = 1;
        sim_tree_node_step (self,
                            worker->node,
                            (brd_core_event_t){ .type = BRD_CORE_WORKER_RETIRE,
                                                .worker = worker->number },
                            NULL);
    }
    else
        s_receive_answer (self, worker, mail);
}

static void
s_arrive_up (sim_tree_t *self, sim_tree_worker_t *worker)
{
    sim_tree_ring_t *ring = &worker->back;
    while (ring->count > 0 && s_at (ring, 0)->due <= self->now) {
        const sim_tree_mail_t mail = s_take (ring);
        s_receive (self, worker, &mail);
    }
    if (ring->count > 0)
        sim_tree_at (self,
                     sim_tree_node_timer (worker, SIM_TREE_UP),
                     s_at (ring, 0)->due);
}

// --- Silence ---------------------------------------------------------------

static void
s_sooner (sim_tree_t *self, sim_tree_timer_t *timer, int64_t due)
{
    if (timer->timer.place == 0 || timer->timer.due > due)
        sim_tree_at (self, timer, due);
}

void
sim_tree_link_cut (sim_tree_t *self, sim_tree_worker_t *worker, int64_t until)
{
    const int64_t lease = self->scenario.lease_ns;
    if (worker->for_ever || worker->gone || (worker->cut && until != BRD_NEVER))
        return;
    if (!worker->cut) {
        self->cuts++;
        worker->cut = 1;
        worker->cut_at = self->now;
        sim_tree_never (self, sim_tree_node_timer (worker, SIM_TREE_DOWN));
        sim_tree_never (self, sim_tree_node_timer (worker, SIM_TREE_UP));
        s_sooner (self,
                  sim_tree_node_timer (worker, SIM_TREE_SUSPECT),
                  self->now + lease / 5);
        s_sooner (self,
                  sim_tree_node_timer (worker, SIM_TREE_LOST),
                  self->now + lease + lease / 16);
    }
    if (until != BRD_NEVER) {
        sim_tree_at (self, sim_tree_node_timer (worker, SIM_TREE_HEAL), until);
        return;
    }
    worker->for_ever = 1;
    sim_tree_never (self, sim_tree_node_timer (worker, SIM_TREE_HEAL));
    const int late = self->plant == SIM_TREE_PLANT_NO_FENCE ? 10 : 1;
    if (worker->below)
        s_sooner (self,
                  &worker->below->death,
                  worker->cut_at + late * (lease * 4 / 5));
}

static void
s_heal (sim_tree_t *self, sim_tree_worker_t *worker)
{
    worker->cut = 0;
    // What it was asked before it answers now.
    worker->node->reclaimed = self->now;
    sim_tree_never (self, sim_tree_node_timer (worker, SIM_TREE_SUSPECT));
    // One that has been killed meanwhile is found out all the same.
    if (worker->below)
        sim_tree_never (self, sim_tree_node_timer (worker, SIM_TREE_LOST));
    if (worker->down.count > 0 && worker->below)
        sim_tree_at (self,
                     sim_tree_node_timer (worker, SIM_TREE_DOWN),
                     s_at (&worker->down, 0)->due);
    if (worker->back.count > 0)
        sim_tree_at (self,
                     sim_tree_node_timer (worker, SIM_TREE_UP),
                     s_at (&worker->back, 0)->due);
    const int suspect = worker->suspect;
    worker->suspect = 0;
    if (suspect && worker->up)
        s_tell_width (self, worker, worker->slots);
}

static void
s_suspect (sim_tree_t *self, sim_tree_worker_t *worker)
{
    worker->suspect = 1;
    if (worker->up)
        s_tell_width (self, worker, 0);
}

// --- The end ---------------------------------------------------------------

static int
s_is_undelivered (const sim_tree_worker_t *worker, uint64_t offer)
{
    for (size_t i = 0; i < worker->down.count; i++) {
        const sim_tree_mail_t *mail = s_at (&worker->down, i);
        if (mail->kind == SIM_TREE_MAIL_OFFER && mail->offer == offer)
            return 1;
    }
    return 0;
}

// What was never delivered has not started; all else may have run.
static void
s_lost (sim_tree_t *self, sim_tree_worker_t *worker)
{
    sim_tree_node_t *node = worker->node;
    brd_core_event_t event = { .type = BRD_CORE_WORKER_ENDING,
                               .worker = worker->number };
    worker->gone = 1;
    sim_tree_node_step (self, node, event, NULL);
    event.type = BRD_CORE_RECLAIMED;
    brd_list_t *before;
    for (brd_list_t *link = worker->jobs.prev; link != &worker->jobs;
         link = before) {
        sim_tree_job_t *job = BRD_LIST_ITEM (link, sim_tree_job_t, link);
        before = link->prev;
        brd_map_remove (&self->above, job->below);
        if (self->plant != SIM_TREE_PLANT_RUN_AGAIN
            && !s_is_undelivered (worker, job->below)) {
            job->task->vanished++;
            continue;
        }
        sim_tree_node_release (self, job);
        sim_tree_node_step (self, node, event, job);
    }
    while (!brd_list_empty (&worker->jobs))
        sim_tree_node_release (
            self, BRD_LIST_ITEM (worker->jobs.next, sim_tree_job_t, link));
    event.type = BRD_CORE_WORKER_LOST;
    sim_tree_node_step (self, node, event, NULL);
}

void
sim_tree_link_kill (sim_tree_t *self, sim_tree_node_t *node)
{
    sim_tree_worker_t *worker = node->above;
    const int64_t lease = self->scenario.lease_ns;
    // One that ends itself for want of contact ends those below as well.
    const int64_t most = worker && worker->cut ? lease / 8 : lease * 7 / 10;
    sim_tree_say (self, "node %d dies", node->number);
    self->killed++;
    for (brd_list_t *link = node->workers.next; link != &node->workers;
         link = link->next) {
        sim_tree_node_t *child =
            BRD_LIST_ITEM (link, sim_tree_worker_t, link)->below;
        if (child)
            s_sooner (self,
                      &child->death,
                      self->now + sim_rand_between (&self->rand, 0, most));
    }
    sim_tree_node_destroy (self, node);
    if (!worker)
        return;
    sim_tree_never (self, sim_tree_node_timer (worker, SIM_TREE_DOWN));
    // What was on its way up arrives, up to some point.
    if (sim_rand_below (&self->rand, 2))
        worker->back.count =
            sim_rand_below (&self->rand, worker->back.count + 1);
    if (worker->back.count == 0)
        sim_tree_never (self, sim_tree_node_timer (worker, SIM_TREE_UP));
    s_sooner (self,
              sim_tree_node_timer (worker, SIM_TREE_LOST),
              self->now + lease + lease / 16);
}

void
sim_tree_link_leave (sim_tree_t *self, sim_tree_node_t *node)
{
    sim_tree_worker_t *worker = node->above;
    if (node->job_count > 0 || !brd_list_empty (&node->workers))
        sim_tree_fail (self, "node %d has ended with tasks", node->number);
    sim_tree_say (self, "node %d leaves", node->number);
    sim_tree_node_destroy (self, node);
    if (worker && !worker->cut)
        sim_tree_at (
            self,
            sim_tree_node_timer (worker, SIM_TREE_LOST),
            (worker->back.last > self->now ? worker->back.last : self->now)
                + 1);
}

static void
s_attach (sim_tree_t *self, sim_tree_node_t *above, sim_tree_node_t *node)
{
    brd_core_event_t event = { .type = BRD_CORE_WORKER_JOIN,
                               .pool = SIM_TREE_POOL };
    self->joining = node;
    if (sim_tree_node_step (self, above, event, NULL) < 0) {
        if (errno != EPIPE)
            sim_tree_fail (self, "a host cannot join: %d", errno);
        self->joining = NULL;
        sim_tree_link_kill (self, node);
        return;
    }
    sim_tree_worker_t *worker = node->above;
    if (!worker)
        sim_tree_fail (self, "who has joined was given no number");
    if (self->calm
        || !sim_rand_chance (&self->rand, self->scenario.down_per_mille)) {
        sim_tree_link_slots (self, node);
        return;
    }
    worker->gone = 1;
    event = (brd_core_event_t){ .type = BRD_CORE_WORKER_DOWN,
                                .worker = worker->number };
    sim_tree_link_kill (self, node);
    sim_tree_node_step (self, above, event, NULL);
}

void
sim_tree_link_join (sim_tree_t *self, sim_tree_node_t *above, int agent)
{
    sim_tree_node_t *node = sim_tree_node_new (self, agent);
    if (agent) {
        s_attach (self, above, node);
        return;
    }
    node->waiting = 1;
    self->waiting++;
    for (uint64_t n = sim_rand_below (&self->rand, 4) + 1; n > 0; n--)
        sim_tree_link_join (self, node, 1);
}

void
sim_tree_link_admit (sim_tree_t *self)
{
    brd_list_t *link = self->nodes.next;
    while (self->waiting > 0 && link != &self->nodes) {
        sim_tree_node_t *node = BRD_LIST_ITEM (link, sim_tree_node_t, link);
        brd_core_pool_stats_t stats;
        link = link->next;
        if (!node->waiting
            || brd_core_pool_stats (node->core, SIM_TREE_POOL, &stats) < 0
            || stats.workers == 0)
            continue;
        node->waiting = 0;
        self->waiting--;
        s_attach (self, self->root, node);
    }
}

void
sim_tree_link_fire (sim_tree_t *self,
                    sim_tree_worker_t *worker,
                    sim_tree_kind_t kind)
{
    switch (kind) {
    case SIM_TREE_DOWN:
        s_arrive_down (self, worker);
        return;
    case SIM_TREE_UP:
        s_arrive_up (self, worker);
        return;
    case SIM_TREE_SUSPECT:
        s_suspect (self, worker);
        return;
    case SIM_TREE_HEAL:
        s_heal (self, worker);
        return;
    default:
        s_lost (self, worker);
    }
}
