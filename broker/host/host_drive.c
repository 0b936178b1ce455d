// host_drive.c - whoever waits drives
//
// SPDX-License-Identifier: MPL-2.0
//
//     wait:  mine is done?              -> out, handing the lead on
//            nobody leads               -> lead: sleep on the sockets with the
//                                          lock released, then a turn
//            somebody does              -> follow: sleep on a word of one's own
//
// A cross-core wake-up costs more than everything else in a small round trip,
// so the thread that wants the result is the one the socket wakes: with one
// caller there is no other thread in the way. A leader that leaves wakes one
// follower to lead, and nobody if there is none.
//
// A foreign event loop is a leader too: it sleeps on brd_host_fd (), an epoll
// of the same descriptors and a timer, and its turns are brd_host_dispatch ().
//
// Read next: host_keeper.c, for when nobody waits.

#include <errno.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "base/brd_clock.h"
#include "base/brd_error.h"
#include "base/brd_futex.h"
#include "base/brd_sleep.h"
#include "base/brd_sys.h"
#include "host/host_internal.h"

// --- Leading ---------------------------------------------------------------

// The doorbell first; also: a descriptor of the caller's, -1.
static size_t
s_poll_set (const brd_host_t *self, struct pollfd *fds, int also)
{
    size_t count = 0;
    fds[count++] = (struct pollfd){ .fd = self->doorbell, .events = POLLIN };
    fds[count++] = (struct pollfd){ .fd = also, .events = POLLIN };
    if (self->link)
        fds[count++] =
            (struct pollfd){ .fd = brd_zmq_fd (self->link), .events = POLLIN };
    if (self->heeded >= 0)
        fds[count++] = (struct pollfd){ .fd = self->heeded, .events = POLLIN };
    for (const brd_list_t *i = self->pools.next; i != &self->pools;
         i = i->next) {
        const brd_host_pool_t *pool = BRD_LIST_ITEM (i, brd_host_pool_t, link);
        if (pool->fd >= 0)
            fds[count++] = (struct pollfd){ .fd = pool->fd, .events = POLLIN };
    }
    return count;
}

static void
s_answer_bell (brd_host_t *self)
{
    uint64_t rings;
    (void) brd_sys_read (self->doorbell, &rings, sizeof rings);
}

static struct timespec
s_sleep_time (int64_t until)
{
    const int64_t left = until - brd_clock_now ();
    return (struct timespec){
        .tv_sec = left > 0 ? (time_t) (left / 1000000000) : 0,
        .tv_nsec = left > 0 ? (long) (left % 1000000000) : 0,
    };
}

static void
s_wake (brd_host_follower_t *self)
{
    const uint64_t one = 1;
    atomic_store (&self->word, 1);
    if (self->bell < 0)
        brd_futex_wake (&self->word, 1, 0);
    else
        (void) brd_sys_write (self->bell, &one, sizeof one);
}

static void
s_wake_all (brd_host_t *self)
{
    for (brd_list_t *i = self->followers.next; i != &self->followers;
         i = i->next)
        s_wake (BRD_LIST_ITEM (i, brd_host_follower_t, link));
}

// A foreign loop sleeps at most until something is due; callbacks are at once,
// because the bell that told of them may have been answered by a leader.
static void
s_arm (brd_host_t *self)
{
    if (self->foreign < 0)
        return;
    const int waits =
        !self->callbacks_running
        && (self->callbacks || atomic_load (&self->callbacks_inbox));
    const int64_t due = waits ? 1 : brd_host_deadline (self);
    struct itimerspec spec = { 0 };
    if (due != BRD_NEVER) {
        spec.it_value.tv_sec = (time_t) (due / 1000000000);
        spec.it_value.tv_nsec = (long) (due % 1000000000);
    }
    if (!self->leader)
        self->leader_wakes = due;
    (void) timerfd_settime (self->timer, TFD_TIMER_ABSTIME, &spec, NULL);
}

void
brd_host_hurry (brd_host_t *self)
{
    if ((!self->leader && self->foreign < 0)
        || brd_host_deadline (self) >= self->leader_wakes)
        return;
    if (self->leader)
        brd_host_ring (self);
    else
        s_arm (self);
}

void
brd_host_lead (brd_host_t *self, int64_t deadline, int also)
{
    struct pollfd fds[BRD_HOST_POOLS_MAX + 4];
    const uint32_t interrupts = brd_sleep_interrupts ();
    int64_t until = brd_host_deadline (self);
    if (deadline < until)
        until = deadline;
    const size_t count = s_poll_set (self, fds, also);
    self->leader = 1;
    self->leader_wakes = until;
    pthread_mutex_unlock (&self->lock);

    const struct timespec left = s_sleep_time (until);
    const int ready =
        ppoll (fds, count, until == BRD_NEVER ? NULL : &left, NULL);

    pthread_mutex_lock (&self->lock);
    self->leader = 0;
    self->leader_wakes = BRD_NEVER;
    self->turns++;
    int reports = 0;
    for (size_t i = self->link ? 3 : 2; ready > 0 && i < count; i++)
        reports |= fds[i].revents != 0;
    if (ready > 0 && fds[0].revents) {
        s_answer_bell (self);
        s_arm (self);  // It may have rung for a foreign loop
    }
    if (brd_sleep_interrupts () != interrupts)
        s_wake_all (self);
    const int64_t now = brd_clock_now ();
    if (now >= until)
        brd_host_tick (self, now);
    brd_host_turn (self, reports);
}

void
brd_host_hand_on (brd_host_t *self)
{
    self->changed = 0;
    int woken = 0;
    for (brd_list_t *i = self->followers.next; i != &self->followers;
         i = i->next) {
        brd_host_follower_t *follower =
            BRD_LIST_ITEM (i, brd_host_follower_t, link);
        if (atomic_load (&follower->word) != 0
            || !follower->done (follower->arg))
            continue;
        s_wake (follower);
        woken = 1;
    }
    // What the leader sleeps for may have come without a descriptor: a promise
    // kept, a stream closed, a call cancelled, each by another thread.
    if (self->leader && self->leader_done
        && self->leader_done (self->leader_arg))
        brd_host_ring (self);
    // One that wakes for its own sake leads or hands on as it leaves.
    if (self->leader || woken || brd_list_empty (&self->followers))
        return;
    s_wake (BRD_LIST_ITEM (self->followers.next, brd_host_follower_t, link));
}

// --- Waiting ---------------------------------------------------------------

static void
s_follow (brd_host_t *self, brd_host_follower_t *me, int64_t deadline, int also)
{
    atomic_store (&me->word, 0);
    brd_list_append (&self->followers, &me->link);
    if (self->keeper_leads) {
        self->keeper_off = brd_clock_now () + 10000000;
        brd_host_ring (self);
    }
    pthread_mutex_unlock (&self->lock);
    if (me->bell < 0)
        (void) brd_futex_wait (&me->word, 0, deadline, 0);
    else {
        struct pollfd fds[2] = { { .fd = me->bell, .events = POLLIN },
                                 { .fd = also, .events = POLLIN } };
        uint64_t rings;
        (void) poll (fds, 2, brd_clock_left_ms (deadline));
        (void) brd_sys_read (me->bell, &rings, sizeof rings);
    }
    pthread_mutex_lock (&self->lock);
    brd_list_remove (&me->link);
}

static int
s_is_readable (int fd)
{
    struct pollfd one = { .fd = fd, .events = POLLIN };
    return poll (&one, 1, 0) == 1;
}

// Nothing is held back from a worker while its caller sleeps.
static void
s_push (brd_host_t *self)
{
    const brd_core_event_t event = { .type = BRD_CORE_FLUSH };
    self->now = brd_clock_now ();
    self->turns++;
    (void) brd_host_step (self, &event);
    // The socket was taken to EAGAIN when it was last touched.
    if (brd_host_owes (self))
        brd_host_turn (self, 0);
}

static int
s_wait (brd_host_t *self, brd_host_follower_t *me, int64_t deadline, int also)
{
    int rc = 0;
    brd_sleep_t sleep;
    pthread_mutex_lock (&self->lock);
    brd_sleep_begin (&sleep, deadline);
    if (!me->done (me->arg))
        s_push (self);
    while (!me->done (me->arg) && !(also >= 0 && s_is_readable (also))) {
        rc = brd_sleep_check (&sleep);
        if (rc < 0)
            break;
        if (self->leader)
            s_follow (self, me, deadline, also);
        else {
            self->leader_done = me->done;
            self->leader_arg = me->arg;
            brd_host_lead (self, deadline, also);
            self->leader_done = NULL;
        }
    }
    const int saved_errno = errno;
    brd_host_hand_on (self);
    brd_host_keeper_call (self);
    s_arm (self);
    pthread_mutex_unlock (&self->lock);
    errno = saved_errno;
    return rc;
}

int
brd_host_wait (brd_host_t *self,
               int (*done) (void *arg),
               void *arg,
               int64_t deadline)
{
    brd_host_follower_t me = { .done = done, .arg = arg, .bell = -1 };
    return s_wait (self, &me, deadline, -1);
}

int
brd_host_wait_also (brd_host_t *self,
                    int (*done) (void *arg),
                    void *arg,
                    int64_t deadline,
                    int also)
{
    brd_host_follower_t me = { .done = done, .arg = arg };
    me.bell = brd_sys_eventfd ();
    if (me.bell < 0)
        return brd_error_system ("a descriptor to wait with");
    const int rc = s_wait (self, &me, deadline, also);
    brd_sys_close (&me.bell);
    return rc;
}

// --- A foreign loop --------------------------------------------------------

void
brd_host_watch (brd_host_t *self, int fd)
{
    struct epoll_event event = { .events = EPOLLIN };
    if (self->foreign >= 0 && fd >= 0)
        (void) epoll_ctl (self->foreign, EPOLL_CTL_ADD, fd, &event);
}

void
brd_host_unwatch (brd_host_t *self, int fd)
{
    if (self->foreign >= 0 && fd >= 0)
        (void) epoll_ctl (self->foreign, EPOLL_CTL_DEL, fd, NULL);
}

static void
s_watch_all (brd_host_t *self)
{
    brd_host_watch (self, self->doorbell);
    brd_host_watch (self, self->timer);
    if (self->link)
        brd_host_watch (self, brd_zmq_fd (self->link));
    brd_host_watch (self, self->heeded);
    for (brd_list_t *i = self->pools.next; i != &self->pools; i = i->next)
        brd_host_watch (self, BRD_LIST_ITEM (i, brd_host_pool_t, link)->fd);
}

int
brd_host_fd (brd_host_t *self)
{
    brd_host_lock (self);
    if (self->foreign < 0) {
        self->timer = brd_sys_timerfd ();
        self->foreign = self->timer < 0 ? -1 : brd_sys_epoll ();
        if (self->foreign < 0) {
            brd_error_system ("a descriptor for a foreign loop");
            brd_sys_close (&self->timer);
        }
        else {
            s_watch_all (self);
            brd_host_ring (self);  // What is due is not known to the timer yet
        }
    }
    const int fd = self->foreign;
    brd_host_unlock (self);
    // From here on nobody but the loop drives.
    if (fd >= 0)
        brd_host_keeper_stop (self);
    return fd;
}

static int
s_callbacks_wait (void *arg)
{
    const brd_host_t *self = arg;
    return self->callbacks != NULL && !self->callbacks_running;
}

long
brd_host_dispatch (brd_host_t *self, int64_t deadline)
{
    uint64_t expired;
    brd_host_lock (self);
    // The bell is a sleeping leader's if there is one: he must see it.
    if (!self->leader)
        s_answer_bell (self);
    if (self->timer >= 0)
        (void) brd_sys_read (self->timer, &expired, sizeof expired);
    brd_host_tick (self, brd_clock_now ());
    s_push (self);
    brd_host_turn (self, 1);
    brd_host_unlock (self);

    long ran = brd_host_callbacks_take (self);
    int rc = 0;
    if (ran == 0 && deadline > brd_clock_now ()) {
        rc = brd_host_wait (self, s_callbacks_wait, self, deadline);
        ran = brd_host_callbacks_take (self);
    }
    brd_host_lock (self);
    s_arm (self);
    brd_host_unlock (self);
    return rc < 0 && errno == EINTR && ran == 0 ? -1 : ran;
}
