// brd_session_link.c - a session's connection: made, read, lost, made again
//
// SPDX-License-Identifier: MPL-2.0
//
//     CLOSED --connect, HELLO, WELCOME--> OPEN --ends--> DEAD
//                                         |  ^            ^
//                               over tcp  |  | HELLO with | five seconds
//                                         |  | the number | later
//                                         v  |            |
//                                         LOST -----------+
//
// A manager of the same host can only go away with its process: then it is dead
// at once. All here is under the session's lock, but for the waits of who
// leads.
//
// Where the brood has a gateway, that is how managers of other hosts are
// reached (brd_gateway.h); the connection looks the same.
//
// Read next: brd_session.c.

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/brd_check.h"
#include "base/brd_clock.h"
#include "base/brd_futex.h"
#include "base/brd_mem.h"
#include "base/brd_sys.h"
#include "client/brd_gateway.h"
#include "client/brd_session_private.h"

enum {
    S_RESUME_MS = 5000,
    S_BUSY_MS = 5  // Between two tries where too many wait at the door
};

// --- Opening ---------------------------------------------------------------

static int
s_poll (const brd_session_limit_t *limit, struct pollfd fds[2])
{
    if (limit->sleep)
        return brd_sleep_poll (limit->sleep, fds, 1) < 0 ? -1 : 0;
    const int rc = poll (fds, 1, brd_clock_left_ms (limit->deadline));
    return rc < 0 && errno != EINTR ? brd_error_system ("poll") : 0;
}

// The others may time out meanwhile, or find that nobody answers.
static int
s_wait (brd_session_t *self, const brd_session_limit_t *limit)
{
    struct pollfd fds[2] = { { .fd = brd_stream_fd (self->stream),
                               .events = POLLIN } };
    if (brd_stream_wants_write (self->stream))
        fds[0].events |= POLLOUT;
    pthread_mutex_unlock (&self->lock);
    const int rc = s_poll (limit, fds);
    const int error = errno;
    pthread_mutex_lock (&self->lock);
    errno = error;
    if (rc == 0 && fds[0].revents == 0 && brd_clock_now () >= limit->deadline)
        return brd_error_set (ETIMEDOUT, "%s does not answer", self->address);
    return rc;
}

static void
s_pause (brd_session_t *self)
{
    pthread_mutex_unlock (&self->lock);
    (void) poll (NULL, 0, S_BUSY_MS);
    pthread_mutex_lock (&self->lock);
}

static brd_stream_t *
s_begin (const brd_session_t *self)
{
    if (!self->is_family || brd_session_gateway () == 0)
        return brd_stream_connect (self->address, self->key, self->key_size);
    int fd = brd_gateway_connect (atomic_load (&self->manager));
    if (fd < 0)
        return NULL;
    brd_stream_t *stream = brd_stream_over (fd, self->key, self->key_size);
    if (!stream)
        brd_sys_close (&fd);
    return stream;
}

static int
s_connect (brd_session_t *self, const brd_session_limit_t *limit)
{
    for (;;) {
        self->stream = s_begin (self);
        if (self->stream || errno != EAGAIN)
            break;
        if (brd_clock_now () >= limit->deadline)
            return brd_error_set (ETIMEDOUT, "%s is busy", self->address);
        s_pause (self);
    }
    if (!self->stream)
        return -1;
    while (brd_stream_open (self->stream) < 0) {
        if (errno != EAGAIN || s_wait (self, limit) < 0)
            return -1;
    }
    return 0;
}

static int
s_say_hello (brd_session_t *self)
{
    char comm[17] = "";
    char who[BRD_REQUEST_WHO_SIZE];
    (void) prctl (PR_GET_NAME, comm);
    const int size =
        snprintf (who, sizeof who, "%s (pid %d)", comm, (int) getpid ());
    const brd_request_hello_t hello = { .pid = (uint32_t) getpid (),
                                        .session = self->number,
                                        .who = who,
                                        .size = (size_t) size };
    if (brd_request_put_hello (&self->note, &hello) < 0)
        return -1;
    return brd_stream_send (self->stream, self->note.bytes, self->note.size);
}

static int
s_hear_welcome (brd_session_t *self,
                const brd_session_limit_t *limit,
                brd_request_welcome_t *ret_welcome)
{
    const void *bytes;
    size_t size;
    while (brd_stream_recv (self->stream, &bytes, &size) < 0) {
        if (errno != EAGAIN || s_wait (self, limit) < 0)
            return -1;
        (void) brd_stream_flush (self->stream);
    }
    const int rc = brd_request_decode_welcome (bytes, size, ret_welcome);
    brd_stream_done (self->stream);
    return rc;
}

static int
s_greet (brd_session_t *self, const brd_session_limit_t *limit)
{
    brd_request_welcome_t welcome;
    if (s_say_hello (self) < 0 || s_hear_welcome (self, limit, &welcome) < 0)
        return -1;
    const uint64_t known = atomic_load (&self->manager);
    if (known != 0 && known != welcome.manager)
        return brd_error_set (
            ECONNREFUSED, "another manager is at %s now", self->address);
    if (self->number != 0 && self->number != welcome.session)
        return brd_error_set (
            ECONNREFUSED, "%s has forgotten this process", self->address);
    atomic_store (&self->manager, welcome.manager);
    self->number = welcome.session;
    return 0;
}

int
brd_session_link_open (brd_session_t *self, const brd_session_limit_t *limit)
{
    if (s_connect (self, limit) == 0 && s_greet (self, limit) == 0) {
        self->state = BRD_SESSION_OPEN;
        return 0;
    }
    const int error = errno;
    brd_stream_destroy (&self->stream);
    errno = error;
    return -1;
}

// --- Losing ----------------------------------------------------------------

void
brd_session_link_wake (brd_session_slot_t *slot)
{
    atomic_fetch_add (&slot->word, 1);
    brd_futex_wake (&slot->word, 1, 0);
}

void
brd_session_link_ring (brd_session_t *self)
{
    if (self->waiting == 0)
        return;
    atomic_fetch_add (&self->turn, 1);
    brd_futex_wake (&self->turn, INT_MAX, 0);
}

static void
s_die (brd_session_t *self)
{
    self->state = BRD_SESSION_DEAD;
    brd_session_link_ring (self);
    for (uint32_t i = 0; i < self->slots_count; i++) {
        brd_session_slot_t *slot = self->slots[i];
        if (slot->state == BRD_SESSION_SLOT_ABANDONED)
            slot->state = BRD_SESSION_SLOT_FREE;
        if (slot->state != BRD_SESSION_SLOT_SENT)
            continue;
        slot->state = BRD_SESSION_SLOT_DONE;
        slot->error = ECONNRESET;
        brd_session_link_wake (slot);
    }
}

static void
s_send_cancel (brd_session_t *self, const brd_session_slot_t *slot);

static int
s_send_again (brd_session_t *self)
{
    for (uint32_t i = 0; i < self->slots_count; i++) {
        const brd_session_slot_t *slot = self->slots[i];
        if (slot->state == BRD_SESSION_SLOT_SENT
            && brd_stream_send (
                   self->stream, slot->call->out.bytes, slot->call->out.size)
                   < 0)
            return -1;
        if (slot->cancelled
            && (slot->state == BRD_SESSION_SLOT_SENT
                || slot->state == BRD_SESSION_SLOT_ABANDONED))
            s_send_cancel (self, slot);
    }
    return 0;
}

void
brd_session_link_tidy (brd_session_t *self)
{
    if (self->state != BRD_SESSION_OPEN)
        brd_stream_destroy (&self->stream);
}

// Who leads may poll it just now: that ends, and the leader closes it.
static void
s_hang_up (brd_session_t *self)
{
    (void) shutdown (brd_stream_fd (self->stream), SHUT_RDWR);
    if (!self->leading)
        brd_stream_destroy (&self->stream);
}

int
brd_session_link_lost (brd_session_t *self)
{
    const int is_tcp = brd_stream_is_tcp (self->stream);
    s_hang_up (self);
    if (is_tcp) {
        self->state = BRD_SESSION_LOST;
        self->resume_due = brd_clock_deadline (S_RESUME_MS);
        return 0;
    }
    s_die (self);
    return -1;
}

void
brd_session_link_end (brd_session_t *self)
{
    if (self->state == BRD_SESSION_OPEN)
        s_hang_up (self);
    s_die (self);
}

int
brd_session_link_resume (brd_session_t *self, const brd_session_limit_t *limit)
{
    brd_sleep_t sleep = { .deadline = 0 };
    brd_session_limit_t sooner = *limit;
    if (self->resume_due < sooner.deadline)
        sooner.deadline = self->resume_due;
    if (limit->sleep) {
        sleep = *limit->sleep;
        sleep.deadline = sooner.deadline;
        sooner.sleep = &sleep;
    }
    brd_session_link_tidy (self);
    while (brd_clock_now () < self->resume_due) {
        if (brd_session_link_open (self, &sooner) == 0) {
            if (s_send_again (self) == 0) {
                brd_session_link_ring (self);
                return 0;
            }
            self->state = BRD_SESSION_LOST;
            brd_stream_destroy (&self->stream);
        }
        else if (errno == EINTR
                 || (errno == ETIMEDOUT && brd_clock_now () < self->resume_due))
            return -1;
        else
            break;
    }
    s_die (self);
    return brd_error_set (
        EHOSTDOWN, "the manager at %s is gone", self->address);
}

// --- Sending ---------------------------------------------------------------

int
brd_session_link_send (brd_session_t *self, const void *bytes, size_t size)
{
    if (brd_stream_send (self->stream, bytes, size) == 0)
        return 0;
    return errno == ENOMEM || errno == EMSGSIZE ? -1 : 1;
}

void
brd_session_link_note (brd_session_t *self,
                       brd_request_op_t op,
                       uint32_t slot,
                       uint64_t seq)
{
    const brd_request_t call = {
        .op = op, .slot = slot, .seq = seq, .timeout_ns = -1
    };
    if (self->state != BRD_SESSION_OPEN || brd_request_begin (&self->note) < 0)
        return;
    brd_request_close (&self->note, &call);
    (void) brd_stream_send (self->stream, self->note.bytes, self->note.size);
}

static void
s_send_cancel (brd_session_t *self, const brd_session_slot_t *slot)
{
    brd_session_link_note (self, BRD_REQUEST_CANCEL, slot->index, slot->seq);
}

void
brd_session_link_cancel (brd_session_t *self, brd_session_slot_t *slot)
{
    slot->cancelled = 1;
    s_send_cancel (self, slot);
}

void
brd_session_link_drop (brd_session_t *self, uint64_t object, uint64_t count)
{
    const brd_request_t call = { .op = BRD_REQUEST_DROP,
                                 .object = object,
                                 .timeout_ns = -1 };
    if (self->state != BRD_SESSION_OPEN || brd_request_begin (&self->note) < 0
        || brd_value_put_uint (&self->note, count) < 0)
        return;
    brd_request_close (&self->note, &call);
    (void) brd_stream_send (self->stream, self->note.bytes, self->note.size);
}

// --- Reading ---------------------------------------------------------------

// What an answer brought that nobody waits for.
static void
s_give_back (brd_session_t *self, const brd_request_answer_t *answer)
{
    brd_value_cursor_t at = { answer->body, answer->body + answer->size };
    const uint64_t manager = atomic_load (&self->manager);
    brd_ref_t ref;
    while ((answer->flags & BRD_REQUEST_LENT)
           && brd_request_next_ref (&at, manager, &ref) == 1)
        brd_session_link_drop (self, ref.object, 1);
}

// As a call of the slot's, whose answer nobody waits for either.
static int
s_refuse (brd_session_t *self, brd_session_slot_t *slot)
{
    const brd_request_t call = { .op = BRD_REQUEST_QUEUE_REFUSE,
                                 .object = slot->object,
                                 .slot = slot->index,
                                 .seq = slot->seq + 1,
                                 .timeout_ns = -1 };
    if (brd_request_begin (&self->note) < 0)
        return -1;
    brd_request_close (&self->note, &call);
    if (brd_stream_send (self->stream, self->note.bytes, self->note.size) < 0)
        return -1;
    slot->seq++;
    slot->op = call.op;
    slot->cancelled = 0;
    return 0;
}

// Nobody waits for it any more. An item goes back to its queue; if that cannot
// be said, the slot is not used again, and the item comes back later.
static void
s_take_late (brd_session_t *self,
             brd_session_slot_t *slot,
             const brd_request_answer_t *answer)
{
    s_give_back (self, answer);
    if (slot->state != BRD_SESSION_SLOT_ABANDONED)
        return;
    if (slot->op == BRD_REQUEST_QUEUE_GET && answer->error == 0)
        (void) s_refuse (self, slot);
    else
        slot->state = BRD_SESSION_SLOT_FREE;
}

static int
s_take (brd_session_t *self)
{
    const void *bytes;
    size_t size;
    brd_request_answer_t answer;
    if (brd_stream_recv (self->stream, &bytes, &size) < 0)
        return -1;
    if (brd_request_decode_answer (bytes, size, &answer) < 0)
        return -1;
    brd_session_slot_t *slot =
        answer.slot < self->slots_count ? self->slots[answer.slot] : NULL;
    if (!slot || slot->seq != answer.seq)
        return brd_error_set (EPROTO, "an answer to nothing");
    if (slot->state != BRD_SESSION_SLOT_SENT) {
        s_take_late (self, slot, &answer);
        brd_stream_done (self->stream);
        return 0;
    }
    void *frame = brd_stream_take (self->stream, &size);
    if (!frame)
        return -1;
    slot->call->frame = frame;
    (void) brd_request_decode_answer (frame, size, &slot->call->answer);
    slot->state = BRD_SESSION_SLOT_DONE;
    slot->error = 0;
    brd_session_link_wake (slot);
    return 0;
}

int
brd_session_link_read (brd_session_t *self)
{
    (void) brd_stream_flush (self->stream);
    while (self->state == BRD_SESSION_OPEN) {
        if (s_take (self) == 0)
            continue;
        if (errno == EAGAIN)
            return 0;
        // What came stays in the stream.
        if (errno == ENOMEM)
            return -1;
        (void) brd_session_link_lost (self);
        brd_session_link_tidy (self);
    }
    return 0;
}
