// event_loop.c - brood inside the program's own event loop
//
// SPDX-License-Identifier: MPL-2.0
//
// One descriptor, brood_fd (), is readable when brood has something to do, and
// brood_dispatch () does it: sockets, results, callbacks. Once it was asked for
// brood starts no thread, so everything happens in this loop, in its turn,
// beside whatever else the loop serves (here: a clock).
//
// The same two calls fit poll, libev, libuv, GLib and the rest.
//
// Read next: then.c, where brood drives itself.

#include <brood.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <unistd.h>

enum {
    TASKS = 6,
    TICK_NS = 5000000
};

typedef struct {
    int left;
    long sum;
} state;

static int
slow_twice (brood_task_t *task, const brood_msg_t *in, brood_msg_t *out)
{
    int n;
    if (brood_msg_unpack (in, "%d", &n) < 0)
        return brood_task_fail (task, "wanted a number");
    usleep (20000);
    return brood_msg_pack (out, "%d", 2 * n);
}
BROOD_TASK (slow_twice);

static void
done (brood_future_t *future, void *arg)
{
    state *s = arg;
    int n;
    if (brood_future_get (future, 0, "%d", &n) < 0)
        brood_perror ("slow_twice");
    else
        s->sum += n;
    s->left--;
}

static int
watch (int loop, int fd)
{
    struct epoll_event event = { .events = EPOLLIN, .data.fd = fd };
    return epoll_ctl (loop, EPOLL_CTL_ADD, fd, &event);
}

// One turn of the loop; returns how often the clock has ticked, or -1.
static long
turn (int loop, int clock)
{
    struct epoll_event event;
    uint64_t ticks;
    if (epoll_wait (loop, &event, 1, -1) < 0)
        return -1;
    if (event.data.fd == brood_fd ())
        return brood_dispatch (0) < 0 ? -1 : 0;
    return read (clock, &ticks, sizeof ticks) < 0 ? -1 : (long) ticks;
}

int
main (int argc, char **argv)
{
    const struct itimerspec every = { { .tv_nsec = TICK_NS },
                                      { .tv_nsec = TICK_NS } };
    state s = { 0, 0 };
    long ticks = 0, now = 0;
    brood_init (&argc, &argv);
    BROOD_AUTO (pool) pool = brood_pool_new ("2");
    int loop = epoll_create1 (EPOLL_CLOEXEC);
    int clock = timerfd_create (CLOCK_MONOTONIC, TFD_CLOEXEC);
    if (loop < 0 || clock < 0 || timerfd_settime (clock, 0, &every, NULL) < 0
        || watch (loop, clock) < 0 || watch (loop, brood_fd ()) < 0) {
        perror ("event_loop");
        return 1;
    }
    for (; s.left < TASKS; s.left++) {
        BROOD_AUTO (future) f =
            brood_pool_submit (pool, slow_twice, "%d", s.left);
        if (brood_future_then (f, done, &s) < 0)
            return brood_perror ("slow_twice");
    }
    for (; s.left > 0 && now >= 0; ticks += now)
        now = turn (loop, clock);
    printf ("sum %ld, and the clock %s meanwhile\n",
            s.sum,
            ticks > 0 ? "went on" : "stood still");
    close (clock);
    close (loop);
    return now < 0;
}
