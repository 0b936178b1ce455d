// worker_loop.c - tasks in, results out
//
// SPDX-License-Identifier: MPL-2.0
//
//     recv TASKS
//       each entry: OFFERED -> RUNNING, or pass it over: it was taken back
//                   run
//                   result <= 64 bytes: into the page, DONE
//                   larger:             into the message, sent, DONE_SENT
//     nothing more to read: send the numbers of what is done
//
// Small results are the host's to read from the moment they are DONE; the
// message is only what wakes it. So holding the message back is safe for any
// length of time, and we do, for S_HOLD_NS, to send one for many tiny tasks.
// Larger results exist nowhere else: they leave before the next task starts,
// else its crash would take them along.
//
// Read next: worker_task.c, worker_map.c; broker/host/host_turn.c.

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdio_ext.h>
#include <string.h>
#include <unistd.h>

#include "base/brd_check.h"
#include "base/brd_clock.h"
#include "base/brd_log.h"
#include "base/brd_mem.h"
#include "base/brd_sys.h"
#include "client/brd_msg.h"
#include "wire/brd_frame.h"
#include "workers/worker.h"

enum {
    S_HOLD_NS = 100000,   // Results wait no longer for more of them
    S_LOOK_NS = 20000000  // Between looks at our own memory
};

static void
s_send (brd_worker_t *self, brd_buf_t *out)
{
    // A host that is gone takes us with it in a moment, through the nursery;
    // until then there is nobody to tell.
    if (brd_zmq_send (self->link, self->setup->owner, out) < 0)
        out->size = 0;
}

static void
s_flush (brd_worker_t *self)
{
    if (self->result_count == 0)
        return;
    brd_frame_close (&self->results, self->result_count);
    self->result_count = 0;
    s_send (self, &self->results);
}

static int
s_add_result (brd_worker_t *self, const brd_wire_result_t *result)
{
    if (self->result_count == 0) {
        self->results.size = 0;
        self->results_since = self->now;
        if (brd_frame_begin (&self->results, BRD_OP_RESULTS) < 0)
            return -1;
    }
    if (brd_frame_add_result (&self->results, result) < 0)
        return -1;
    self->result_count++;
    return 0;
}

// A result for the page: DONE is the moment it is the host's.
static void
s_put_in_page (brd_worker_t *self, const brd_wire_result_t *result)
{
    brd_page_result_t *slot = &self->page->results[result->slot];
    slot->time_ns = result->time_ns;
    slot->status = result->status;
    slot->size = result->size;
    if (result->flags & BRD_RESULT_IN_ARENA)
        slot->size |= BRD_PAGE_IN_ARENA;
    if (result->size > 0)
        memcpy (slot->bytes, result->body, result->size);
    atomic_store_explicit (&self->page->claim[result->slot],
                           BRD_CLAIM (result->seq, BRD_CLAIM_DONE),
                           memory_order_release);
}

// Without memory for the message of many, one of its own, on the stack: a host
// that waits for this task alone is woken by nothing else.
static void
s_tell_alone (brd_worker_t *self, const brd_wire_result_t *result)
{
    unsigned char room[BRD_FRAME_HEADER + BRD_FRAME_RESULT];
    brd_buf_t out;
    brd_buf_init (&out, sizeof room);
    out.bytes = room;
    out.room = sizeof room;
    if (brd_frame_begin (&out, BRD_OP_RESULTS) < 0
        || brd_frame_add_result (&out, result) < 0)
        return;
    brd_frame_close (&out, 1);
    s_send (self, &out);
}

// A large result, and one that must be there if we die while it is on its way,
// is copied into a block of the arena, which the host takes over; its place
// fits into the page. Without room there it travels.
static void
s_put_in_arena (brd_worker_t *self,
                brd_wire_result_t *result,
                unsigned char place[BRD_FRAME_PLACE])
{
    brd_arena_t *arena = self->setup->arena;
    if (result->status != 0
        || (result->size < BRD_WIRE_ARENA_MIN && !self->precious)
        || result->size <= BRD_PAGE_INLINE)
        return;
    void *block = brd_arena_alloc (arena, result->size, self->self, 0);
    if (!block)
        return;
    memcpy (block, result->body, result->size);
    brd_frame_put_place (place, brd_arena_offset (arena, block), result->size);
    result->body = place;
    result->size = BRD_FRAME_PLACE;
    result->flags |= BRD_RESULT_IN_ARENA;
}

static void
s_hand_over (brd_worker_t *self, brd_wire_result_t *result)
{
    unsigned char place[BRD_FRAME_PLACE];
    s_put_in_arena (self, result, place);
    if (result->size <= BRD_PAGE_INLINE) {
        result->flags |= BRD_RESULT_IN_PAGE;
        s_put_in_page (self, result);
    }
    if (s_add_result (self, result) < 0) {
        if (result->flags & BRD_RESULT_IN_PAGE) {
            s_flush (self);
            s_tell_alone (self, result);
            return;
        }
        // No room for what the task made: that is its failure.
        s_flush (self);
        static const char text[] = "out of memory for the result";
        result->status = -1;
        result->size = sizeof text - 1;
        result->body = text;
        s_hand_over (self, result);
        return;
    }
    if (!(result->flags & BRD_RESULT_IN_PAGE)) {
        s_flush (self);
        // By compare-and-swap: the host may have the result already, and the
        // slot be offered anew.
        uint64_t running = BRD_CLAIM (result->seq, BRD_CLAIM_RUNNING);
        (void) atomic_compare_exchange_strong (
            &self->page->claim[result->slot],
            &running,
            BRD_CLAIM (result->seq, BRD_CLAIM_DONE_SENT));
    }
    else if (self->result_count == BRD_WIRE_BATCH_MAX
             || self->now - self->results_since > S_HOLD_NS)
        s_flush (self);
}

static int
s_run_message (brd_worker_t *self,
               const brd_wire_task_t *entry,
               brd_wire_result_t *result)
{
    brood_task_fn *fn;
    memcpy (&fn, &entry->fn, sizeof fn);
    brd_msg_reset_view (self->in, entry->body, entry->size);
    uint64_t offset, size_there;
    if ((entry->flags & BRD_TASK_IN_ARENA)
        && brd_frame_get_place (entry->body, entry->size, &offset, &size_there)
               == 0)
        brd_msg_reset_view (self->in,
                            brd_arena_at (self->setup->arena, offset),
                            (size_t) size_there);
    brd_msg_reset (self->out);
    int status = brd_worker_run (&self->task, fn, self->in, self->out);
    size_t size = 0;
    result->body = status == 0 ? brd_msg_data (self->out, &size) : NULL;
    if (status == 0 && !result->body) {
        // What it packed by hand is no value.
        status = -1;
        brd_worker_explain (&self->task, status);
    }
    result->size = (uint32_t) size;
    return status;
}

static int
s_run_map (brd_worker_t *self,
           const brd_wire_task_t *entry,
           brd_wire_result_t *result)
{
    brd_job_leg_t leg;
    size_t size;
    if (entry->size != sizeof leg)
        return -1;
    memcpy (&leg, entry->body, sizeof leg);
    self->task.text[0] = '\0';
    const int status = brd_worker_map (self, &leg);
    result->body = brd_worker_map_report (self, &size);
    result->size = (uint32_t) size;
    return status;
}

static void
s_enter (brd_worker_t *self, const brd_wire_task_t *entry)
{
    self->task.seq = entry->seq;
    self->task.slot = entry->slot;
    self->task.attempt = entry->attempt;
    self->task.fn = entry->fn;
    self->task.deadline = BRD_NEVER;
    self->task.emitted = 0;
    self->precious = 0;
    if (entry->flags & BRD_TASK_TIMED) {
        self->now = brd_clock_now ();
        if (entry->timeout_ns > 0)
            self->task.deadline = self->now + entry->timeout_ns;
        atomic_store (&self->page->started_ns, self->now);
        atomic_store (&self->page->started_seq, entry->seq);
    }
}

static void
s_task (brd_worker_t *self, const brd_wire_task_t *entry)
{
    uint64_t offered = BRD_CLAIM (entry->seq, BRD_CLAIM_OFFERED);
    if (!atomic_compare_exchange_strong (
            &self->page->claim[entry->slot],
            &offered,
            BRD_CLAIM (entry->seq, BRD_CLAIM_RUNNING)))
        return;  // Taken back
    brd_wire_result_t result = { .seq = entry->seq, .slot = entry->slot };
    s_enter (self, entry);
    result.status = entry->kind == BRD_TASK_MAP
                        ? s_run_map (self, entry, &result)
                        : s_run_message (self, entry, &result);
    if (result.status != 0) {
        result.body = self->task.text;
        result.size = (uint32_t) strlen (self->task.text);
    }
    // Out before the result is: the pool may end the moment that is there.
    if (__fpending (stdout) > 0)
        fflush (stdout);
    const int64_t now = brd_clock_now ();
    result.time_ns = now - self->now;
    self->now = now;
    s_hand_over (self, &result);
}

// Resident bytes, from /proc/self/statm; 0 if that cannot be read.
static size_t
s_resident (void)
{
    char text[128];
    size_t pages = 0;
    int fd = open ("/proc/self/statm", O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return 0;
    const ssize_t size = brd_sys_read (fd, text, sizeof text - 1);
    brd_sys_close (&fd);
    if (size <= 0)
        return 0;
    const char *at = memchr (text, ' ', (size_t) size);
    for (at = at ? at + 1 : text; *at >= '0' && *at <= '9'; at++)
        pages = pages * 10 + (size_t) (*at - '0');
    return pages * (size_t) sysconf (_SC_PAGESIZE);
}

// Between tasks: too old or too fat?
static void
s_consider_retiring (brd_worker_t *self)
{
    const brd_worker_setup_t *setup = self->setup;
    if (self->retiring || (setup->max_age_ns == 0 && setup->max_memory == 0))
        return;
    int retire =
        setup->max_age_ns > 0 && self->now - self->born_at > setup->max_age_ns;
    if (!retire && setup->max_memory > 0 && self->now >= self->look_at) {
        self->look_at = self->now + S_LOOK_NS;
        retire = s_resident () > setup->max_memory;
    }
    if (!retire)
        return;
    brd_buf_t out;
    brd_buf_init (&out, BRD_WIRE_SIZE_MAX);
    s_flush (self);
    if (brd_frame_begin (&out, BRD_OP_RETIRE) == 0) {
        self->retiring = 1;
        s_send (self, &out);
    }
    brd_buf_fini (&out);
}

int
brd_worker_note (brd_worker_t *self, brd_op_t op, const brd_wire_note_t *note)
{
    brd_buf_t out;
    int rc = -1;
    brd_buf_init (&out, BRD_WIRE_SIZE_MAX);
    if (brd_frame_begin (&out, op) == 0
        && brd_frame_add_note (&out, note) == 0) {
        brd_frame_close (&out, 1);
        rc = brd_zmq_send (self->link, self->setup->owner, &out);
    }
    brd_buf_fini (&out);
    return rc;
}

// Whoever is not our owner is not heard, and is shown the door.
static int
s_from_owner (const brd_worker_t *self, brd_zmq_msg_t *msg)
{
    if (memcmp (msg->peer, self->setup->owner, BRD_ZMQ_ID) == 0)
        return 1;
    brd_zmq_drop_sender (self->link, msg);
    brd_zmq_msg_done (msg);
    return 0;
}

// Sleeps for a message. -1 once it is to leave.
static int
s_await (brd_worker_t *self, brd_zmq_msg_t *ret_msg)
{
    const int wake_fd = self->birth->wake_fd;
    for (;;) {
        if (atomic_load_explicit (&self->leave, memory_order_relaxed))
            return -1;
        if (brd_zmq_recv (self->link, wake_fd < 0, ret_msg) == 0)
            return 0;
        brd_assert (errno == EINTR || errno == EAGAIN);
        if (wake_fd >= 0)
            brd_zmq_sleep (self->link, wake_fd);
    }
}

// The next message, from what was put aside first. -1 once it is to leave.
static int
s_take (brd_worker_t *self, brd_zmq_msg_t *ret_msg)
{
    if (self->stash_count > 0) {
        brd_zmq_msg_move (ret_msg, &self->stash[0]);
        self->stash_count--;
        for (size_t i = 0; i < self->stash_count; i++)
            brd_zmq_msg_move (&self->stash[i], &self->stash[i + 1]);
        return 0;
    }
    do {
        // With results to hand over it must not sleep; without, a look would
        // only cost.
        if (self->result_count > 0
            && brd_zmq_recv (self->link, 0, ret_msg) == 0)
            continue;
        s_flush (self);
        if (s_await (self, ret_msg) < 0)
            return -1;
        self->now = brd_clock_now ();
    } while (!s_from_owner (self, ret_msg));
    return 0;
}

// Puts a message aside that came while the running task waits for credit. They
// are few: a host never sends more tasks than the page has slots. A worker
// without the memory to keep its orders cannot go on; what it had not started
// is then done elsewhere.
static void
s_put_aside (brd_worker_t *self, brd_zmq_msg_t *msg)
{
    if (self->stash_count == self->stash_room) {
        const size_t room = self->stash_room > 0 ? 2 * self->stash_room : 8;
        brd_zmq_msg_t *stash =
            brd_mem_resize (self->stash, room * sizeof *stash);
        if (!stash) {
            brd_zmq_msg_done (msg);
            self->code = BRD_WORKER_EXIT_NO_MEMORY;
            atomic_store (&self->leave, 1);
            return;
        }
        self->stash = stash;
        self->stash_room = room;
        for (size_t i = 0; i < self->stash_count; i++)
            brd_zmq_msg_move (&stash[i], &stash[i]);
    }
    brd_zmq_msg_move (&self->stash[self->stash_count++], msg);
}

// 1 if it was credit.
static int
s_credit (brd_worker_t *self, const brd_zmq_msg_t *msg)
{
    brd_frame_t frame;
    brd_wire_note_t note;
    if (brd_frame_open (&frame, msg->bytes, msg->size) < 0
        || frame.op != BRD_OP_CREDIT
        || brd_frame_next_note (&frame, &note) != 1)
        return 0;
    if (note.seq == self->task.seq)
        self->task.emitted -=
            note.count < self->task.emitted ? note.count : self->task.emitted;
    return 1;
}

int
brd_worker_wait_credit (brd_worker_t *self)
{
    s_flush (self);
    while (self->task.emitted >= BRD_WORKER_EMIT_WINDOW) {
        brd_zmq_msg_t msg;
        if (atomic_load (&self->page->cancel) == self->task.seq
            || s_await (self, &msg) < 0)
            return brd_error_set (ECANCELED, "nobody wants more");
        if (!s_from_owner (self, &msg))
            continue;
        if (s_credit (self, &msg))
            brd_zmq_msg_done (&msg);
        else
            s_put_aside (self, &msg);
    }
    return 0;
}

static void
s_tasks (brd_worker_t *self, brd_frame_t *frame)
{
    brd_wire_task_t entry;
    const uint32_t count = frame->left;
    while (!atomic_load_explicit (&self->leave, memory_order_relaxed)
           && brd_frame_next_task (frame, &entry) == 1) {
        s_task (self, &entry);
        s_consider_retiring (self);
    }
    // Somebody who sends one task waits for one result.
    if (count == 1)
        s_flush (self);
}

int
brd_worker_loop (brd_worker_t *self)
{
    brd_zmq_msg_t *msg = &self->orders;
    while (s_take (self, msg) == 0) {
        brd_frame_t frame;
        const int ok = brd_frame_open (&frame, msg->bytes, msg->size) == 0;
        self->ordered = 1;
        if (ok && frame.op == BRD_OP_TASKS)
            s_tasks (self, &frame);
        self->ordered = 0;
        brd_zmq_msg_done (msg);
        if (ok && frame.op == BRD_OP_STOP)
            break;
    }
    s_flush (self);
    return self->code;
}
