// worker_main.c - the first and the last moments of a worker
//
// SPDX-License-Identifier: MPL-2.0
//
//     nursery_child.c -> brd_worker_main
//       initializer: failed -> the page says why, exit
//       poll the listening socket: no context before there is work
//       link, then worker_loop.c
//       STOP: worker data freed, stdio flushed, _exit
//     crew.c, in a thread -> brd_worker_serve, the same but for the exit
//
// User code may end the process in ways that pass us by: exit () runs into the
// handler nursery_child.c left, and pthread_exit () into s_thread_left here,
// without which the I/O thread would keep an empty process alive.

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/brd_check.h"
#include "base/brd_clock.h"
#include "base/brd_log.h"
#include "base/brd_mem.h"
#include "client/brd_msg.h"
#include "workers/worker.h"

static void
s_free_data (brd_worker_t *self)
{
    if (self->data && self->data_free)
        self->data_free (self->data);
    self->data = NULL;
}

static void
s_leave (brd_worker_t *self, int code)
{
    s_free_data (self);
    if (self->setup->leaving)
        self->setup->leaving ();
    fflush (NULL);
    _exit (code);
}

static void
s_thread_left (void *arg)
{
    (void) arg;
    fflush (NULL);
    _exit (BRD_WORKER_EXIT_BROKEN);
}

// Lines of user code's brood_log () go to the owner; before there is a link,
// and from threads that are not ours to let near it, to nobody.
static void
s_log (const brood_log_line_t *line, void *arg)
{
    brd_worker_t *self = arg;
    const size_t size = strlen (line->text);
    const brd_wire_note_t note = {
        .seq = (uint64_t) line->time_ns,
        .count = (uint32_t) line->level,
        .size = (uint32_t) size,
        .body = line->text,
    };
    if (self->link && brd_worker_current ())
        (void) brd_worker_note (self, BRD_OP_LOG, &note);
}

static int
s_init (brd_worker_t *self, const brd_nursery_birth_t *birth)
{
    const brd_worker_setup_t *setup = birth->arg;
    self->birth = birth;
    self->setup = setup;
    self->self = (uint32_t) gettid ();
    self->page = brd_arena_at (setup->arena, birth->page);
    brd_assert (self->page != NULL);
    self->now = self->born_at = self->look_at = brd_clock_now ();
    brd_buf_init (&self->results, BRD_WIRE_SIZE_MAX);
    self->in = brd_msg_new_empty ();
    self->out = brd_msg_new_empty ();
    brd_handle_init (&self->task.handle, BRD_KIND_TASK);
    self->task.worker = self;
    self->task.place = (int) birth->place;
    self->task.data = &self->data;
    self->task.data_free = &self->data_free;
    self->task.deadline = BRD_NEVER;
    return self->in && self->out ? 0 : -1;
}

// The initializer is a task like any other, but its failure is the pool's.
static int
s_initialize (brd_worker_t *self)
{
    const brd_worker_setup_t *setup = self->setup;
    if (setup->initializer) {
        brd_msg_reset_view (self->in, setup->initargs, setup->initargs_size);
        if (brd_worker_run (
                &self->task, setup->initializer, self->in, self->out)
            != 0) {
            memcpy (self->page->text, self->task.text, BRD_PAGE_TEXT);
            atomic_store (&self->page->init_bad, 1);
            return -1;
        }
    }
    atomic_store (&self->page->born, 1);
    return 0;
}

// Idle workers that were never given anything stay here, with one thread.
static void
s_wait_for_host (const brd_worker_t *self)
{
    struct pollfd fds[] = { { .fd = self->birth->listen_fd, .events = POLLIN },
                            { .fd = self->birth->wake_fd, .events = POLLIN } };
    while (poll (fds, 2, -1) < 0 && errno == EINTR)
        continue;
}

int
brd_worker_serve (brd_worker_t *self, const brd_nursery_birth_t *birth)
{
    if (s_init (self, birth) < 0)
        return BRD_WORKER_EXIT_NO_MEMORY;
    if (s_initialize (self) < 0)
        return BRD_WORKER_EXIT_BROKEN;
    s_wait_for_host (self);
    if (atomic_load (&self->leave))
        return 0;
    self->link =
        brd_zmq_worker_new (birth->listen_fd, birth->name, birth->owner);
    return self->link ? brd_worker_loop (self) : BRD_WORKER_EXIT_NO_MEMORY;
}

void
brd_worker_fini (brd_worker_t *self)
{
    s_free_data (self);
    if (self->ordered)
        brd_zmq_msg_done (&self->orders);
    for (size_t i = 0; i < self->stash_count; i++)
        brd_zmq_msg_done (&self->stash[i]);
    brd_mem_free (self->stash);
    brd_zmq_destroy (&self->link);
    brd_buf_fini (&self->results);
    brood_msg_destroy (&self->in);
    brood_msg_destroy (&self->out);
}

void
brd_worker_main (const brd_nursery_birth_t *birth)
{
    static brd_worker_t self;
    pthread_cleanup_push (s_thread_left, NULL);
    brd_log_set_sink (atomic_load (&brd_log_level), s_log, &self);
    s_leave (&self, brd_worker_serve (&self, birth));
    pthread_cleanup_pop (0);
}
