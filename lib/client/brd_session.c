// brd_session.c - calls to a manager, of all threads over one connection
//
// SPDX-License-Identifier: MPL-2.0
//
//     thread --slot, frame--> stream        one leads: polls, reads, and wakes
//        |                                  those whose answers came
//        +-- nobody leads: lead             the others sleep on their slot
//        +-- somebody does: sleep           who is done hands the lead on
//
// Who leads also makes the connection, and makes it again when it broke, with
// the lock free while it waits: everybody else's time goes on.
//
// A call that waits for somebody is watched by the manager, whose clock
// decides: it cannot both run out and be done. An interrupt only asks the
// manager to end the wait, and the answer tells what came of it.
//
// The sessions there are hang in a list that only grows, at its head, so that a
// fork at any moment leaves it whole; locks are made anew in the child.
//
// Read next: brd_session_link.c.

#include "client/brd_session.h"

#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>

#include "base/brd_check.h"
#include "base/brd_clock.h"
#include "base/brd_futex.h"
#include "base/brd_mem.h"
#include "base/brd_process.h"
#include "base/brd_sys.h"
#include "client/brd_session_private.h"
#include "wire/brd_limits.h"

enum {
    S_STARVED_MS = 5  // Between two tries to get memory for an answer
};

// One of the globals docs/decisions/0003-globals.md permits.
static struct {
    _Atomic (brd_session_t *) all;
    _Atomic uint64_t threads;
    unsigned char secret[BRD_SESSION_SECRET_SIZE];
    uint64_t gateway;
} s_family;

static _Thread_local uint64_t s_thread;

// --- The family ------------------------------------------------------------

int
brd_session_make_secret (void)
{
    if (brd_sys_random (s_family.secret, sizeof s_family.secret) < 0)
        return brd_error_system ("random bytes");
    return 0;
}

const void *
brd_session_secret (void)
{
    return s_family.secret;
}

void
brd_session_set_secret (const void *secret)
{
    memcpy (s_family.secret, secret, sizeof s_family.secret);
}

void
brd_session_set_gateway (uint64_t gateway)
{
    s_family.gateway = gateway;
}

uint64_t
brd_session_gateway (void)
{
    return s_family.gateway;
}

// Hosts that are this one all the same (pretended ones, or two of them under
// one network namespace) do not see each other's.
void
brd_session_address (uint64_t manager,
                     char ret_address[BRD_SESSION_ADDRESS_SIZE])
{
    const int n = snprintf (ret_address,
                            BRD_SESSION_ADDRESS_SIZE,
                            "ipc://@brood/manager-%016llx",
                            (unsigned long long) manager);
    if (s_family.gateway != 0)
        (void) snprintf (ret_address + n,
                         BRD_SESSION_ADDRESS_SIZE - (size_t) n,
                         "-%016llx",
                         (unsigned long long) s_family.gateway);
}

// --- Sessions --------------------------------------------------------------

// One that nobody else has seen.
static void
s_free (brd_session_t *self)
{
    brd_stream_destroy (&self->stream);
    brd_buf_fini (&self->note);
    brd_mem_free (self->address);
    brd_mem_free (self->key);
    brd_mem_free (self);
}

static brd_session_t *
s_new (uint64_t manager, const char *address, const void *key, size_t key_size)
{
    brd_session_t *self = brd_mem_zalloc (sizeof *self);
    if (!self)
        return NULL;
    atomic_init (&self->manager, manager);
    self->address = brd_mem_strdup (address);
    self->key = brd_mem_alloc (key_size);
    if (!self->address || !self->key) {
        s_free (self);
        return NULL;
    }
    memcpy (self->key, key, key_size);
    self->key_size = key_size;
    brd_buf_init (&self->note, BRD_REQUEST_HEADER + BRD_REQUEST_WHO_SIZE);
    return self;
}

static brd_session_t *
s_find (brd_session_t *self, const brd_session_t *end, uint64_t manager)
{
    while (self != end && atomic_load (&self->manager) != manager)
        self = self->next;
    return self != end ? self : NULL;
}

static int
s_is_dead (brd_session_t *self);

// In, unless somebody was quicker with the same manager: then that one. One
// that was given up is not: whoever connects once more begins anew.
static brd_session_t *
s_publish (brd_session_t *self)
{
    brd_session_t *seen = atomic_load (&s_family.all);
    const brd_session_t *looked = NULL;
    for (;;) {
        brd_session_t *other =
            s_find (seen, looked, atomic_load (&self->manager));
        if (other && !s_is_dead (other)) {
            s_free (self);
            return other;
        }
        looked = seen;
        self->next = seen;
        if (atomic_compare_exchange_strong (&s_family.all, &seen, self))
            return self;
    }
}

brd_session_t *
brd_session_of (uint64_t manager)
{
    char address[BRD_SESSION_ADDRESS_SIZE];
    brd_session_t *self = s_find (atomic_load (&s_family.all), NULL, manager);
    if (self)
        return self;
    brd_session_address (manager, address);
    self = s_new (manager, address, s_family.secret, sizeof s_family.secret);
    if (!self)
        return NULL;
    self->is_family = 1;
    return s_publish (self);
}

int
brd_session_is_foreign (uint64_t manager)
{
    const brd_session_t *self =
        s_find (atomic_load (&s_family.all), NULL, manager);
    return self && !self->is_family;
}

uint64_t
brd_session_manager (const brd_session_t *self)
{
    return atomic_load (&self->manager);
}

// --- Entering --------------------------------------------------------------

// In place of a birth, while one thread makes the session this process's.
#define S_BEING_MADE UINT32_MAX

// What was the parent's is forgotten: its stream's descriptor is none here, and
// its slots are waited for by threads that do not exist.
static void
s_make_own (brd_session_t *self)
{
    (void) pthread_mutex_init (&self->lock, NULL);
    brd_stream_destroy (&self->stream);
    for (uint32_t i = 0; i < self->slots_count; i++)
        brd_mem_free (self->slots[i]);
    self->slots_count = 0;
    self->number = 0;
    self->leading = 0;
    self->waiting = 0;
    // A manager that has died is dead for all.
    if (self->state != BRD_SESSION_DEAD)
        self->state = BRD_SESSION_CLOSED;
}

static void
s_lock (brd_session_t *self)
{
    const uint32_t birth = brd_process_birth ();
    for (;;) {
        uint32_t found = atomic_load (&self->birth);
        if (found == birth)
            break;
        if (found == S_BEING_MADE) {
            (void) sched_yield ();
            continue;
        }
        if (!atomic_compare_exchange_strong (
                &self->birth, &found, S_BEING_MADE))
            continue;
        s_make_own (self);
        atomic_store (&self->birth, birth);
    }
    pthread_mutex_lock (&self->lock);
}

static int
s_is_dead (brd_session_t *self)
{
    s_lock (self);
    const int is = self->state == BRD_SESSION_DEAD;
    pthread_mutex_unlock (&self->lock);
    return is;
}

static int
s_gone (const brd_session_t *self)
{
    return brd_error_set (
        EHOSTDOWN, "the manager at %s is gone", self->address);
}

// To one of those whose calls are sent, and to those who come.
static void
s_hand_on (brd_session_t *self)
{
    self->leading = 0;
    brd_session_link_ring (self);
    for (uint32_t i = 0; i < self->slots_count; i++) {
        if (self->slots[i]->state == BRD_SESSION_SLOT_SENT) {
            brd_session_link_wake (self->slots[i]);
            return;
        }
    }
}

// Until somebody else has connected, or leaves that to us.
static int
s_stand_by (brd_session_t *self, const brd_session_limit_t *limit)
{
    const uint32_t seen = atomic_load (&self->turn);
    self->waiting++;
    pthread_mutex_unlock (&self->lock);
    int rc = limit->sleep
                 ? brd_sleep_on (limit->sleep, &self->turn, seen, 0)
                 : brd_futex_wait (&self->turn, seen, limit->deadline, 0);
    const int error = errno;
    pthread_mutex_lock (&self->lock);
    self->waiting--;
    if (rc == 0 || (error != ETIMEDOUT && error != EINTR))
        return 0;
    if (!limit->sleep && error == EINTR)
        return 0;
    return brd_error_set (
        error, "the manager at %s is not reached yet", self->address);
}

static int
s_connect (brd_session_t *self, const brd_session_limit_t *limit)
{
    self->leading = 1;
    const int rc = self->state == BRD_SESSION_LOST
                       ? brd_session_link_resume (self, limit)
                       : brd_session_link_open (self, limit);
    const int error = errno;
    if (rc < 0 && self->state == BRD_SESSION_CLOSED
        && (error == ECONNREFUSED || error == ENOENT || error == EPIPE))
        self->state = BRD_SESSION_DEAD;
    s_hand_on (self);
    if (rc < 0 && self->state == BRD_SESSION_DEAD)
        return s_gone (self);
    errno = error;
    return rc;
}

// Under the lock, which is free while this waits.
static int
s_need_open (brd_session_t *self, const brd_session_limit_t *limit)
{
    int rc = 0;
    while (rc == 0 && self->state != BRD_SESSION_OPEN) {
        if (self->state == BRD_SESSION_DEAD)
            return s_gone (self);
        rc = self->leading ? s_stand_by (self, limit) : s_connect (self, limit);
    }
    return rc;
}

int
brd_session_need (brd_session_t *self)
{
    const brd_session_limit_t limit = { .deadline = brd_clock_deadline (
                                            BRD_SESSION_MS) };
    s_lock (self);
    const int rc = s_need_open (self, &limit);
    pthread_mutex_unlock (&self->lock);
    return rc;
}

brd_session_t *
brd_session_connect (const char *address,
                     const void *key,
                     size_t key_size,
                     int timeout_ms)
{
    const brd_session_limit_t limit = { .deadline =
                                            brd_clock_deadline (timeout_ms) };
    brd_session_t *self = s_new (0, address, key, key_size);
    if (!self)
        return NULL;
    s_lock (self);
    const int rc = brd_session_link_open (self, &limit);
    pthread_mutex_unlock (&self->lock);
    if (rc == 0)
        return s_publish (self);
    const int error = errno;
    s_free (self);
    errno = error;
    return NULL;
}

void
brd_session_close (uint64_t manager)
{
    brd_session_t *self = atomic_load (&s_family.all);
    for (; (self = s_find (self, NULL, manager)); self = self->next) {
        s_lock (self);
        brd_session_link_end (self);
        pthread_mutex_unlock (&self->lock);
    }
}

// --- Slots -----------------------------------------------------------------

static int
s_grow (brd_session_t *self)
{
    const uint32_t room = self->slots_room ? 2 * self->slots_room : 4;
    brd_session_slot_t **slots =
        brd_mem_resize (self->slots, room * sizeof (brd_session_slot_t *));
    if (!slots)
        return -1;
    self->slots = slots;
    self->slots_room = room;
    return 0;
}

// The first that is free, so that few are in use and answers are soon seen.
static brd_session_slot_t *
s_take_slot (brd_session_t *self)
{
    for (uint32_t i = 0; i < self->slots_count; i++) {
        if (self->slots[i]->state == BRD_SESSION_SLOT_FREE)
            return self->slots[i];
    }
    if (self->slots_count == BRD_REQUEST_SLOTS_MAX) {
        brd_error_set (ENOSPC, "%d calls are under way", BRD_REQUEST_SLOTS_MAX);
        return NULL;
    }
    if (self->slots_count == self->slots_room && s_grow (self) < 0)
        return NULL;
    brd_session_slot_t *slot = brd_mem_zalloc (sizeof *slot);
    if (!slot)
        return NULL;
    slot->index = self->slots_count;
    self->slots[self->slots_count++] = slot;
    return slot;
}

// --- Waiting ---------------------------------------------------------------

typedef struct {
    brd_session_t *session;
    brd_session_slot_t *slot;
    brd_sleep_t sleep;
    int64_t deadline;
    int interruptible;
} s_wait_t;

// Outside the lock; -1 with ETIMEDOUT or EINTR.
static int
s_poll (s_wait_t *self, int fd, short events)
{
    struct pollfd fds[2] = { { .fd = fd, .events = events } };
    if (self->interruptible)
        return brd_sleep_poll (&self->sleep, fds, 1) < 0 ? -1 : 0;
    const int n = poll (fds, 1, brd_clock_left_ms (self->deadline));
    if (n == 0 && brd_clock_now () >= self->deadline) {
        errno = ETIMEDOUT;
        return -1;
    }
    return 0;
}

static int
s_sleep (s_wait_t *self, uint32_t seen)
{
    _Atomic uint32_t *word = &self->slot->word;
    if (self->interruptible)
        return brd_sleep_on (&self->sleep, word, seen, 0);
    if (brd_futex_wait (word, seen, self->deadline, 0) < 0
        && errno == ETIMEDOUT)
        return -1;
    return 0;
}

// More of what comes, or a while later if there is no memory for it.
static int
s_listen (s_wait_t *self, int starved)
{
    brd_session_t *session = self->session;
    const int fd = brd_stream_fd (session->stream);
    const short events =
        brd_stream_wants_write (session->stream) ? POLLIN | POLLOUT : POLLIN;
    pthread_mutex_unlock (&session->lock);
    if (starved)
        (void) poll (NULL, 0, S_STARVED_MS);
    int rc = 0;
    if (!starved)
        rc = s_poll (self, fd, events);
    else if (brd_clock_now () >= self->deadline)
        rc = brd_error_set (ETIMEDOUT, "no memory for an answer");
    const int error = errno;
    pthread_mutex_lock (&session->lock);
    brd_session_link_tidy (session);
    errno = error;
    return rc;
}

// Reads for all until its own answer is there; connects again if need be.
static int
s_lead (s_wait_t *self)
{
    brd_session_t *session = self->session;
    const brd_session_limit_t limit = { .deadline = self->deadline,
                                        .sleep = self->interruptible
                                                     ? &self->sleep
                                                     : NULL };
    int rc = 0;
    session->leading = 1;
    while (rc == 0) {
        int starved = 0;
        if (session->state == BRD_SESSION_LOST)
            rc = brd_session_link_resume (session, &limit);
        if (session->state == BRD_SESSION_OPEN)
            starved = brd_session_link_read (session) < 0;
        if (self->slot->state != BRD_SESSION_SLOT_SENT)
            break;
        if (rc == 0 && session->state == BRD_SESSION_OPEN)
            rc = s_listen (self, starved);
    }
    const int error = errno;
    s_hand_on (session);
    errno = error;
    return rc;
}

static int
s_follow (s_wait_t *self)
{
    const uint32_t seen = atomic_load (&self->slot->word);
    pthread_mutex_unlock (&self->session->lock);
    const int rc = s_sleep (self, seen);
    const int error = errno;
    pthread_mutex_lock (&self->session->lock);
    errno = error;
    return rc;
}

// Until it is answered. -1 with ETIMEDOUT or EINTR.
static int
s_wait (s_wait_t *self)
{
    int rc = 0;
    while (rc == 0 && self->slot->state == BRD_SESSION_SLOT_SENT)
        rc = self->session->leading ? s_follow (self) : s_lead (self);
    if (self->slot->state != BRD_SESSION_SLOT_SENT)
        return 0;
    // The lead may have been handed to us just before we gave up.
    const int error = errno;
    if (!self->session->leading)
        s_hand_on (self->session);
    errno = error;
    return rc;
}

// When the manager should long have answered: a while after the call's own
// time. A condition's waiter comes back when the lock is free, whenever that
// is.
static int64_t
s_deadline (brd_request_op_t op, int waits, int timeout_ms)
{
    if (op == BRD_REQUEST_CONDITION_WAIT)
        return BRD_NEVER;
    if (!waits)
        return brd_clock_deadline (BRD_SESSION_MS);
    const int64_t due = brd_clock_deadline (timeout_ms);
    const int64_t grace = BRD_SESSION_GRACE_MS * INT64_C (1000000);
    return due < BRD_NEVER - grace ? due + grace : BRD_NEVER;
}

static void
s_wait_begin (s_wait_t *self,
              brd_session_t *session,
              const brd_session_call_t *call,
              int timeout_ms)
{
    const brd_request_op_t op = call->call.op;
    // Opening waits only where the user's own code makes the object.
    const int waits = op == BRD_REQUEST_OPEN
                          ? timeout_ms != 0
                          : brd_request_about ((unsigned) op)->waits;
    *self = (s_wait_t){ .session = session,
                        .deadline = s_deadline (op, waits, timeout_ms),
                        .interruptible = waits };
    brd_sleep_begin (&self->sleep, self->deadline);
}

static int
s_await (s_wait_t *wait)
{
    brd_session_t *self = wait->session;
    brd_session_slot_t *slot = wait->slot;
    const int waits = wait->interruptible;
    int rc = s_wait (wait);
    if (rc < 0 && errno == EINTR) {
        // It is the manager's to say whether it was done before.
        brd_session_link_cancel (self, slot);
        wait->interruptible = 0;
        if (slot->op != BRD_REQUEST_CONDITION_WAIT)
            wait->deadline = brd_clock_deadline (BRD_SESSION_MS);
        rc = s_wait (wait);
    }
    if (rc == 0)
        return 0;
    if (waits)
        brd_session_link_cancel (self, slot);
    slot->state = BRD_SESSION_SLOT_ABANDONED;
    slot->call = NULL;
    return brd_error_set (
        ECONNRESET, "the manager at %s does not answer", self->address);
}

// --- Calls -----------------------------------------------------------------

int
brd_session_begin (brd_session_call_t *call,
                   brd_request_op_t op,
                   uint64_t object)
{
    *call = (brd_session_call_t){ .call = { .op = op, .object = object } };
    brd_buf_init (&call->out, BRD_WIRE_SIZE_MAX);
    return brd_request_begin (&call->out);
}

void
brd_session_end (brd_session_call_t *call)
{
    brd_buf_fini (&call->out);
    brd_mem_free (call->frame);
    call->frame = NULL;
    if (call->spare)
        call->free_spare (call->spare);
    call->spare = NULL;
}

static uint64_t
s_this_thread (void)
{
    if (s_thread == 0)
        s_thread = atomic_fetch_add (&s_family.threads, 1) + 1;
    return s_thread;
}

// Under the lock: the slot has its call and the frame is on its way.
static int
s_send (brd_session_t *self, brd_session_slot_t *slot, brd_session_call_t *call)
{
    call->call.slot = slot->index;
    call->call.seq = slot->seq + 1;
    call->call.thread = s_this_thread ();
    brd_request_close (&call->out, &call->call);
    const int rc =
        brd_session_link_send (self, call->out.bytes, call->out.size);
    if (rc < 0)
        return -1;
    slot->seq++;
    slot->call = call;
    slot->op = call->call.op;
    slot->object = call->call.object;
    slot->cancelled = 0;
    slot->state = BRD_SESSION_SLOT_SENT;
    if (rc == 0)
        return 0;
    // It was not sent: this call goes with those that are sent again, or was
    // never made.
    if (brd_session_link_lost (self) == 0)
        return 0;
    slot->state = BRD_SESSION_SLOT_FREE;
    slot->error = 0;
    slot->call = NULL;
    return s_gone (self);
}

// The answer is there, or there will be none.
static int
s_conclude (brd_session_t *self, brd_session_slot_t *slot)
{
    const brd_session_call_t *call = slot->call;
    const int lost = slot->error;
    slot->state = BRD_SESSION_SLOT_FREE;
    slot->call = NULL;
    slot->error = 0;
    if (lost != 0)
        return brd_error_set (lost,
                              "the manager at %s went away before it answered",
                              self->address);
    const brd_request_answer_t *answer = &call->answer;
    if (answer->error == 0) {
        if (call->call.op == BRD_REQUEST_QUEUE_GET)
            slot->state = BRD_SESSION_SLOT_ITEM;
        return 0;
    }
    const int size = answer->size < 400 ? (int) answer->size : 400;
    return brd_error_set (
        answer->error, "%.*s", size, (const char *) answer->body);
}

int
brd_session_do (brd_session_t *self, brd_session_call_t *call, int timeout_ms)
{
    s_wait_t wait;
    call->call.timeout_ns =
        timeout_ms < 0 ? -1 : timeout_ms * INT64_C (1000000);
    s_wait_begin (&wait, self, call, timeout_ms);
    const int64_t soon = brd_clock_deadline (BRD_SESSION_MS);
    brd_sleep_t sleep = wait.sleep;
    sleep.deadline = wait.deadline < soon ? wait.deadline : soon;
    const brd_session_limit_t limit = { .deadline = sleep.deadline,
                                        .sleep = wait.interruptible ? &sleep
                                                                    : NULL };
    s_lock (self);
    int rc = s_need_open (self, &limit);
    wait.slot = rc == 0 ? s_take_slot (self) : NULL;
    if (wait.slot) {
        rc = s_send (self, wait.slot, call);
        if (rc == 0)
            rc = s_await (&wait);
        if (rc == 0)
            rc = s_conclude (self, wait.slot);
    }
    pthread_mutex_unlock (&self->lock);
    return wait.slot ? rc : -1;
}

// --- Items -----------------------------------------------------------------

void
brd_session_keep (brd_session_t *self, brd_session_call_t *call)
{
    s_lock (self);
    brd_session_slot_t *slot = self->slots[call->call.slot];
    brd_session_link_note (self, BRD_REQUEST_ACK, slot->index, slot->seq);
    slot->state = BRD_SESSION_SLOT_FREE;
    pthread_mutex_unlock (&self->lock);
}

// A call of the same slot, in the memory of the one before: it says that the
// answer was not seen, where any other call would say that it was.
void
brd_session_refuse (brd_session_t *self, brd_session_call_t *call)
{
    const brood_error_info_t story = *brd_error_get ();
    s_wait_t wait;
    s_lock (self);
    brd_session_slot_t *slot = self->slots[call->call.slot];
    brd_mem_free (call->frame);
    call->frame = NULL;
    call->call.op = BRD_REQUEST_QUEUE_REFUSE;
    call->call.timeout_ns = -1;
    s_wait_begin (&wait, self, call, 0);
    wait.slot = slot;
    const brd_session_limit_t limit = { .deadline = wait.deadline };
    const int begun = brd_request_begin (&call->out);
    brd_assert (begun == 0);  // There was a call in it
    // If it cannot be sent, the slot is not used again, and the item comes back
    // when this process ends.
    if (s_need_open (self, &limit) == 0 && s_send (self, slot, call) == 0
        && s_await (&wait) == 0)
        (void) s_conclude (self, slot);
    pthread_mutex_unlock (&self->lock);
    (void) brd_error_take (&story);
}

// --- Handles ---------------------------------------------------------------

void
brd_session_drop (brd_session_t *self, uint64_t object, uint64_t count)
{
    const int saved_errno = errno;
    s_lock (self);
    // What is not open has none, or has lost them.
    if (self->state == BRD_SESSION_OPEN)
        brd_session_link_drop (self, object, count);
    pthread_mutex_unlock (&self->lock);
    errno = saved_errno;
}

void
brd_session_drop_lent (brd_session_t *self, const void *bytes, size_t size)
{
    const unsigned char *start = bytes;
    brd_value_cursor_t at = { start, start + size };
    brd_ref_t ref;
    while (brd_request_next_ref (&at, brd_session_manager (self), &ref) == 1)
        brd_session_drop (self, ref.object, 1);
}
