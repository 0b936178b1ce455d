// core_dump.c - the state as text
//
// SPDX-License-Identifier: MPL-2.0
//
//     now 12000000 tasks 3 deadline 13000000
//     pool 1 tasks 3 ready 1 pinned 0 delayed 0 inflight 2 average 900 ...
//       worker 7 place 0 up tasks 2 asked 0
//         task offered worker 7 attempt 1 flags 2
//
// For logs, and for the seed that fails. It writes numbers itself: snprintf
// would drag stdio, and with it locks and the locale, into the core.

#include "core/core_internal.h"

typedef struct {
    char *bytes;
    size_t size;
    size_t wanted;  // Without the '\0'
} s_text_t;

static void
s_put (s_text_t *self, const char *text)
{
    for (; *text; text++, self->wanted++)
        if (self->wanted + 1 < self->size)
            self->bytes[self->wanted] = *text;
}

static void
s_put_number (s_text_t *self, const char *name, int64_t value)
{
    char digits[24];
    size_t at = sizeof digits - 1;
    uint64_t left = value < 0 ? -(uint64_t) value : (uint64_t) value;
    digits[at] = '\0';
    do {
        digits[--at] = (char) ('0' + left % 10);
        left /= 10;
    } while (left > 0);
    if (value < 0)
        digits[--at] = '-';
    s_put (self, name);
    s_put (self, &digits[at]);
}

static void
s_put_task (s_text_t *self, const brd_core_task_t *task, int depth)
{
    static const char *const states[] = { "new",     "ready",   "offered",
                                          "delayed", "blocked", "following",
                                          "ending",  "ended" };
    s_put (self,
           depth == 0   ? "    task "
           : depth == 1 ? "      task "
                        : "        task ");
    s_put (self, states[task->state]);
    s_put_number (self, " worker ", task->worker);
    s_put_number (self, " attempt ", task->attempt);
    s_put_number (self, " deaths ", task->deaths);
    s_put_number (self, " priority ", task->priority);
    s_put_number (self, " pin ", task->pin);
    s_put_number (self, " flags ", task->flags);
    if (task->timer.place != 0)
        s_put_number (self, " due ", task->timer.due);
    s_put (self, "\n");
}

// Those that hang on others go two levels deep.
static void
s_put_tasks (s_text_t *self, const brd_list_t *head, int depth)
{
    for (const brd_list_t *link = head->next; link != head; link = link->next) {
        const brd_core_task_t *task =
            BRD_LIST_ITEM (link, brd_core_task_t, link);
        s_put_task (self, task, depth);
        if (depth < 2)
            s_put_tasks (self, &task->follow, depth + 1);
    }
}

static void
s_put_worker (s_text_t *self, const brd_core_worker_t *worker)
{
    static const char *const states[] = {
        " free",     " starting", " up",    " retiring",
        " stopping", " killed",   " dying",
    };
    if (worker->state == BRD_CORE_WORKER_IS_FREE)
        return;
    s_put_number (self, "  worker ", worker->id);
    s_put_number (self, " place ", worker->place->number);
    s_put (self, states[worker->state]);
    if (worker->state == BRD_CORE_WORKER_IS_UP && worker->place->leaving > 0)
        s_put (self, " (waits for the one before it)");
    if (worker->pool->options.hosts)
        s_put_number (self, " slots ", worker->width);
    s_put_number (self, " tasks ", worker->count);
    s_put_number (self, " spare ", worker->spare);
    s_put_number (self, " bytes ", (int64_t) worker->bytes);
    s_put_number (self, " offered ", worker->offered);
    s_put_number (self, " moved ", worker->moved);
    s_put (self, "\n");
    s_put_tasks (self, &worker->tasks, 0);
}

static void
s_put_places (s_text_t *self, const brd_core_pool_t *pool)
{
    for (uint32_t i = 0; i < pool->place_count; i++) {
        const brd_core_place_t *place = pool->places[i];
        for (int j = 0; j < BRD_CORE_PLACE_WORKERS; j++)
            s_put_worker (self, &place->workers[j]);
        if (brd_list_empty (&place->pinned))
            continue;
        s_put_number (self, "  pinned to place ", place->number);
        s_put (self, "\n");
        s_put_tasks (self, &place->pinned, 0);
    }
}

static void
s_put_pool (s_text_t *self, const brd_core_pool_t *pool)
{
    s_put_number (self, "pool ", pool->number);
    s_put_number (self, " tasks ", pool->count);
    s_put_number (self, " ready ", pool->ready_count);
    s_put_number (self, " inflight ", pool->inflight);
    s_put_number (self, " asked back ", pool->reclaiming);
    s_put_number (self, " average ", pool->average);
    s_put_number (self, " limit ", pool->limit);
    s_put_number (self, " workers ", pool->target);
    s_put_number (self, " idle ", (int64_t) pool->idle);
    s_put_number (self, " deaths ", (int64_t) pool->death_count);
    s_put_number (self, " closed ", pool->closed);
    s_put_number (self, " ending ", pool->ending);
    s_put (self, brd_list_empty (&pool->held) ? "" : " held");
    s_put (self, brd_list_empty (&pool->slack) ? "" : " slack");
    s_put (self, brd_list_empty (&pool->dirty) ? "\n" : " dirty\n");
    s_put_places (self, pool);
    for (int i = BRD_CORE_PRIORITIES - 1; i >= 0; i--)
        s_put_tasks (self, &pool->ready[i], 0);
    s_put_tasks (self, &pool->delayed, 0);
}

size_t
brd_core_dump (const brd_core_t *self, char *buf, size_t size)
{
    s_text_t text = { .bytes = buf, .size = size };
    s_put_number (&text, "now ", self->now);
    s_put_number (&text, " tasks ", self->outstanding);
    s_put_number (&text, " deadline ", brd_core_deadline (self));
    s_put_number (&text, " more ", brd_core_more (self));
    s_put (&text, "\n");
    for (const brd_list_t *link = self->pools.next; link != &self->pools;
         link = link->next)
        s_put_pool (&text, BRD_LIST_ITEM (link, brd_core_pool_t, link));
    s_put_tasks (&text, &self->ending, 0);
    if (size > 0)
        buf[text.wanted < size ? text.wanted : size - 1] = '\0';
    return text.wanted;
}
