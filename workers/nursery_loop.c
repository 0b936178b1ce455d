// nursery_loop.c - the nursery itself: commands, deaths, reports
//
// SPDX-License-Identifier: MPL-2.0
//
//     brd_nursery_loop_run
//       become a clean process of our own                 s_set_up, once
//       READY
//       for ever: say what is to be said                  s_flush
//                 sleep on  the pair         a command    s_command
//                           signalfd         a death      s_reap, s_sweep
//                           life pipes       one closed   s_closed
//                           owner's pidfd    its end      s_end
//
// With an only child (brd_nursery_once_t) its death is the end too, once it is
// told; its life pipe is that of its birth alone, and closed before user code
// runs.
//
// One thread, and after READY no malloc, no stdio, no ZeroMQ. All signals are
// blocked for ever: only SIGKILL, SIGSTOP and its owner's end reach it.
//
// It leads a session of its own. A mere process group in the background of the
// owner's terminal would be stopped when a worker prints after `stty tostop`.
// Without a terminal there is nobody to stop it, and Ctrl-C and hang-ups are
// the owner's affair alone.
//
// A report waits in its worker's slot until there is room for it in the pair,
// so none is lost and the nursery never blocks. A slot is free again when the
// last of its worker is said. Commands are read as long as a slot is free.
//
// Read next: nursery_child.c.

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/brd_clock.h"
#include "base/brd_process.h"
#include "base/brd_sys.h"
#include "brood/brood_pool.h"
#include "workers/nursery_internal.h"

enum {
    S_SLOTS = 2 * BROOD_POOL_WORKERS_MAX,  // The dead not yet reported too
    S_BUCKETS = 4096,
    S_CLOSED_MS = 20,  // From closing everything to being dead
    S_END_MS = 500,    // For all processes to be gone
    S_END_LOOK_MS = 5,
    S_EXIT_NOT_READY = 1
};

// What is to be said of a worker, lowest first.
enum {
    S_SAY_STARTED = 1,
    S_SAY_FAILED = 2,
    S_SAY_STOPPED = 4,
    S_SAY_CONTINUED = 8,
    S_SAY_ENDED = 16
};

// The descriptors we sleep on; life pipes follow, each at its slot's number.
enum {
    S_PAIR,
    S_SIGNALS,
    S_OWNER,
    S_LIVES
};

typedef struct {
    uint32_t worker;
    pid_t pid;  // Not reaped yet: the number is ours
    int says;   // S_SAY_*, not yet sent
    int status;
    int error;
    int wish;          // Which had that error
    int unborn;        // 1: an only child that has not got its wishes yet
    int closing;       // 1: its life pipe is closed
    int killed;        // 1: we killed it for that
    int64_t due;       // When we shall
    uint32_t next;     // Slot in the same bucket, plus one
    int32_t said_pid;  // pid, as reported also after the reaping
    char name[BRD_NURSERY_NAME_SIZE];
} s_slot_t;

// Mapped, zeroed, and touched only as far as used.
typedef struct {
    const brd_nursery_seed_t *seed;
    pid_t pid;
    struct rlimit files;          // As they were, for the workers
    uint32_t used;                // Slots that ever were
    uint32_t saying;              // Slots with something to say
    uint32_t closing;             // Slots with due set
    int asked;                    // 1: there was a START
    int deaf;                     // 1: the pair fails, but is not full
    uint32_t buckets[S_BUCKETS];  // Slots by pid, plus one
    s_slot_t slots[S_SLOTS];
    struct pollfd fds[S_LIVES + S_SLOTS];
} s_nursery_t;

// --- Slots -----------------------------------------------------------------

static s_slot_t *
s_slot_free (s_nursery_t *self)
{
    for (uint32_t i = 0; i < self->used; i++) {
        if (self->slots[i].pid == 0 && self->slots[i].says == 0)
            return &self->slots[i];
    }
    if (self->used == S_SLOTS)
        return NULL;
    self->fds[S_LIVES + self->used].fd = -1;
    return &self->slots[self->used++];
}

static struct pollfd *
s_life (s_nursery_t *self, const s_slot_t *slot)
{
    return &self->fds[S_LIVES + (slot - self->slots)];
}

static uint32_t *
s_bucket (s_nursery_t *self, pid_t pid)
{
    return &self->buckets[(uint32_t) pid % S_BUCKETS];
}

// The living worker with this pid, or NULL.
static s_slot_t *
s_slot_of (s_nursery_t *self, pid_t pid)
{
    uint32_t i = *s_bucket (self, pid);
    while (i != 0 && self->slots[i - 1].pid != pid)
        i = self->slots[i - 1].next;
    return i != 0 ? &self->slots[i - 1] : NULL;
}

// The living worker with this number, or NULL.
static s_slot_t *
s_slot_find (s_nursery_t *self, uint32_t worker)
{
    for (uint32_t i = 0; i < self->used; i++) {
        if (self->slots[i].pid > 0 && self->slots[i].worker == worker)
            return &self->slots[i];
    }
    return NULL;
}

static void
s_slot_live (s_nursery_t *self, s_slot_t *slot, pid_t pid)
{
    uint32_t *bucket = s_bucket (self, pid);
    slot->pid = slot->said_pid = pid;
    slot->next = *bucket;
    *bucket = (uint32_t) (slot - self->slots) + 1;
}

static void
s_slot_die (s_nursery_t *self, s_slot_t *slot)
{
    uint32_t *at = s_bucket (self, slot->pid);
    while (&self->slots[*at - 1] != slot)
        at = &self->slots[*at - 1].next;
    *at = slot->next;
    slot->pid = 0;
    brd_sys_close (&s_life (self, slot)->fd);
    if (slot->closing) {
        slot->closing = 0;
        self->closing--;
    }
}

// --- Reports ---------------------------------------------------------------

static void
s_say (s_nursery_t *self, s_slot_t *slot, int what)
{
    if (slot->says == 0)
        self->saying++;
    slot->says |= what;
}

static int
s_send (int fd, const brd_nursery_report_t *report)
{
    return brd_sys_send (fd, report, sizeof *report, MSG_DONTWAIT) < 0 ? -1 : 0;
}

static brd_nursery_report_type_t
s_type (int what)
{
    switch (what) {
    case S_SAY_STARTED:
        return BRD_NURSERY_STARTED;
    case S_SAY_FAILED:
        return BRD_NURSERY_FAILED;
    case S_SAY_STOPPED:
        return BRD_NURSERY_STOPPED;
    case S_SAY_CONTINUED:
        return BRD_NURSERY_CONTINUED;
    default:
        return BRD_NURSERY_ENDED;
    }
}

static int
s_tell (s_nursery_t *self, s_slot_t *slot)
{
    const int what = slot->says & -slot->says;
    brd_nursery_report_t report = {
        .type = s_type (what),
        .worker = slot->worker,
        .pid = slot->said_pid,
        .error = slot->error,
        .wish = slot->wish,
    };
    if (what == S_SAY_STARTED)
        memcpy (report.name, slot->name, sizeof report.name);
    if (what == S_SAY_ENDED) {
        report.status = slot->status;
        // It may have died of itself in the last moment.
        report.closed = slot->killed && WIFSIGNALED (slot->status)
                        && WTERMSIG (slot->status) == SIGKILL;
    }
    if (s_send (self->seed->pair[1], &report) < 0)
        return -1;
    slot->says &= ~what;
    if (slot->says == 0)
        self->saying--;
    return 0;
}

// As much as there is room for.
static void
s_flush (s_nursery_t *self)
{
    self->deaf = 0;
    for (uint32_t i = 0; i < self->used && self->saying > 0; i++) {
        while (self->slots[i].says != 0) {
            if (s_tell (self, &self->slots[i]) < 0) {
                self->deaf = errno != EAGAIN;
                return;
            }
        }
    }
}

// --- START -----------------------------------------------------------------

// What the nursery has is not for its workers. Numbers the owner's code could
// know are not among them: these were free when the snapshot was taken.
static _Noreturn void
s_newborn (s_nursery_t *self, const brd_nursery_birth_t *birth)
{
    const brd_nursery_options_t *options = self->seed->options;
    const struct rlimit files = self->files;
    for (uint32_t i = 0; i < S_LIVES + self->used; i++) {
        int fd = self->fds[i].fd;  // Not in place: the page is shared
        if (i != S_OWNER)
            brd_sys_close (&fd);
    }
    brd_sys_unmap (self, sizeof *self);
    brd_nursery_child_run (options, birth, &files);
}

// What only a worker has: a name to be connected to by.
static int
s_bear_worker (brd_nursery_birth_t *birth)
{
    birth->listen_fd = brd_nursery_listen (birth->name);
    return birth->listen_fd < 0 ? -1 : 0;
}

// 0, or -1 with errno and nothing left behind.
static int
s_bear (s_nursery_t *self, s_slot_t *slot, brd_nursery_birth_t *birth)
{
    int life[2] = { -1, -1 };
    struct pollfd *fd = s_life (self, slot);
    birth->listen_fd = -1;
    if (!birth->once && s_bear_worker (birth) < 0)
        return -1;
    if (brd_sys_pipe (life) < 0)
        goto error;
    birth->life_fd = life[1];
    *fd = (struct pollfd){ .fd = life[0] };  // HUP needs no asking
    const pid_t pid = brd_sys_fork ();
    if (pid == 0)
        s_newborn (self, birth);
    if (pid < 0)
        goto error;

    (void) setpgid (pid, pid);  // Both sides do: a KILL may be next
    s_slot_live (self, slot, pid);
    memcpy (slot->name, birth->name, sizeof slot->name);
    slot->unborn = birth->once;
    brd_sys_close (&birth->listen_fd);
    brd_sys_close (&life[1]);
    return 0;

error:
    fd->fd = -1;
    brd_sys_close (&birth->listen_fd);
    brd_sys_close (&life[0]);
    brd_sys_close (&life[1]);
    return -1;
}

static void
s_start (s_nursery_t *self, const brd_nursery_command_t *command)
{
    brd_nursery_birth_t birth = {
        .worker = command->worker,
        .place = command->place,
        .page = command->page,
        .owner_fd = self->seed->owner_fd,
        .wake_fd = -1,
        .once = self->seed->options->once != NULL,
        .owner = self->seed->owner,
        .nursery = self->pid,
        .arg = self->seed->options->arg,
    };
    const int known = s_slot_find (self, command->worker) != NULL
                      || (birth.once && self->asked);
    self->asked = 1;
    s_slot_t *slot = s_slot_free (self);
    if (!slot)
        return;  // No command is read then
    memset (slot, 0, sizeof *slot);
    slot->worker = command->worker;
    if (known)
        errno = EEXIST;
    if (!known && s_bear (self, slot, &birth) == 0) {
        if (!birth.once)
            s_say (self, slot, S_SAY_STARTED);
    }
    else {
        slot->error = errno;
        s_say (self, slot, S_SAY_FAILED);
    }
}

// --- Deaths ----------------------------------------------------------------

// Not reaped yet, so the numbers can be nobody else's.
static void
s_kill (const s_slot_t *slot)
{
    (void) kill (-slot->pid, SIGKILL);
    (void) kill (slot->pid, SIGKILL);
}

// 0, or -1 if it is not dead.
static int
s_bury (const s_nursery_t *self, pid_t pid, int *ret_status)
{
    const brd_nursery_options_t *options = self->seed->options;
    if (options->ending)
        options->ending (options->arg, pid);
    return waitpid (pid, ret_status, WNOHANG) == pid ? 0 : -1;
}

// An only child's pipe has something to say: silence is success. The child
// exits after a complaint.
static void
s_born (s_nursery_t *self, s_slot_t *slot)
{
    brd_nursery_complaint_t complaint;
    struct pollfd *fd = s_life (self, slot);
    const int failed = read (fd->fd, &complaint, sizeof complaint)
                       == (ssize_t) sizeof complaint;
    brd_sys_close (&fd->fd);
    slot->unborn = 0;
    if (failed) {
        slot->error = complaint.error;
        slot->wish = complaint.wish;
    }
    s_say (self, slot, failed ? S_SAY_FAILED : S_SAY_STARTED);
}

static void
s_ended (s_nursery_t *self, pid_t pid)
{
    s_slot_t *slot = s_slot_of (self, pid);
    int status = 0;
    if (slot)
        (void) kill (-pid, SIGKILL);  // What it leaves in its group
    if (slot && slot->unborn)
        s_born (self, slot);
    if (s_bury (self, pid, &status) < 0 || !slot)
        return;
    slot->status = status;
    s_slot_die (self, slot);
    s_say (self, slot, S_SAY_ENDED);
}

static void
s_turned (s_nursery_t *self, pid_t pid)
{
    siginfo_t info = { 0 };
    const int turns = WSTOPPED | WCONTINUED | WNOHANG;
    if (waitid (P_PID, (id_t) pid, &info, turns) < 0 || info.si_pid != pid)
        return;
    s_slot_t *slot = s_slot_of (self, pid);
    if (!slot || self->seed->options->once)
        return;
    // Of turns not yet told, only the last is news.
    const int was_saying = slot->says != 0;
    slot->says &= ~(S_SAY_STOPPED | S_SAY_CONTINUED);
    if (was_saying && slot->says == 0)
        self->saying--;
    s_say (self,
           slot,
           info.si_code == CLD_CONTINUED ? S_SAY_CONTINUED : S_SAY_STOPPED);
}

// Looks before it reaps: until a worker is reaped its group can be killed by
// number. All children are ours, born or adopted.
static void
s_reap (s_nursery_t *self)
{
    const int any = WEXITED | WSTOPPED | WCONTINUED | WNOHANG | WNOWAIT;
    for (;;) {
        siginfo_t info = { 0 };
        if (waitid (P_ALL, 0, &info, any) < 0 || info.si_pid == 0)
            return;
        if (info.si_code == CLD_STOPPED || info.si_code == CLD_CONTINUED
            || info.si_code == CLD_TRAPPED)
            s_turned (self, info.si_pid);
        else
            s_ended (self, info.si_pid);
    }
}

// The adopted child of a worker that lives is left alone; that of one who does
// not is killed. Marked with a number not known here it comes from a nursery
// below this one, which has died.
static int
s_sweep_one (void *arg, pid_t pid)
{
    s_nursery_t *self = arg;
    if (s_slot_of (self, pid))
        return 0;
    const pid_t worker = brd_nursery_kin_of (pid);
    if (worker == 0 || s_slot_of (self, worker))
        return 0;
    (void) kill (pid, SIGKILL);
    return 1;
}

// After each round of deaths: whatever a dead process had for children is ours
// now. Those killed here die in a later round, and then come theirs.
static void
s_sweep (s_nursery_t *self)
{
    (void) brd_nursery_kin_children (s_sweep_one, self);
}

static void
s_drain_signals (s_nursery_t *self)
{
    struct signalfd_siginfo infos[8];
    while (read (self->fds[S_SIGNALS].fd, infos, sizeof infos) > 0)
        continue;
}

// A worker without descriptors can neither work nor say so. One that is dying
// closes them too: it is given the time to.
static void
s_closed (s_nursery_t *self)
{
    for (uint32_t i = 0; i < self->used; i++) {
        s_slot_t *slot = &self->slots[i];
        struct pollfd *fd = s_life (self, slot);
        if (fd->fd < 0 || fd->revents == 0 || slot->pid == 0)
            continue;
        if (slot->unborn) {
            s_born (self, slot);
            continue;
        }
        brd_sys_close (&fd->fd);
        slot->closing = 1;
        slot->due = brd_clock_deadline (S_CLOSED_MS);
        self->closing++;
    }
}

// It is not merely dying, which may take its time on a busy machine.
static int
s_has_closed (const s_slot_t *slot)
{
    return !brd_process_is_ending (slot->pid);
}

// Returns when to look again.
static int64_t
s_kill_closed (s_nursery_t *self)
{
    int64_t next = BRD_NEVER;
    if (self->closing == 0)
        return next;
    const int64_t now = brd_clock_now ();
    for (uint32_t i = 0; i < self->used; i++) {
        s_slot_t *slot = &self->slots[i];
        if (!slot->closing || slot->due == BRD_NEVER)
            continue;
        if (slot->due <= now) {
            // Not if it is dying already; of our hand, maybe, and then it had.
            slot->killed |= s_has_closed (slot);
            slot->due = BRD_NEVER;
            s_kill (slot);
        }
        else if (slot->due < next)
            next = slot->due;
    }
    return next;
}

// --- The end ---------------------------------------------------------------

// 1 for each that is to go; arg counts those that stay.
static int
s_kill_one (void *arg, pid_t pid)
{
    int *spared = arg;
    if (brd_nursery_kin_is_spared (pid)) {
        (*spared)++;
        return 0;
    }
    (void) kill (pid, SIGKILL);
    return 1;
}

// Reaps the dead. -1 when no child is left, dead or alive.
static int
s_bury_all (const s_nursery_t *self)
{
    for (;;) {
        siginfo_t info = { 0 };
        int status;
        if (waitid (P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) < 0)
            return -1;
        if (info.si_pid == 0 || s_bury (self, info.si_pid, &status) < 0)
            return 0;
    }
}

// Workers are not asked: the owner either had time to, or has died. What they
// leave is adopted, found and killed, generation by generation.
static _Noreturn void
s_end (s_nursery_t *self)
{
    const int64_t deadline = brd_clock_deadline (S_END_MS);
    for (uint32_t i = 0; i < self->used; i++) {
        if (self->slots[i].pid > 0)
            s_kill (&self->slots[i]);
    }
    do {
        int spared = 0;
        s_drain_signals (self);
        if (s_bury_all (self) < 0)
            break;
        if (brd_nursery_kin_children (s_kill_one, &spared) == 0 && spared > 0)
            break;
        (void) poll (&self->fds[S_SIGNALS], 1, S_END_LOOK_MS);
    } while (brd_clock_now () < deadline);
    _exit (0);
}

static void
s_command (s_nursery_t *self)
{
    brd_nursery_command_t command;
    const ssize_t size = brd_sys_recv (
        self->seed->pair[1], &command, sizeof command, MSG_DONTWAIT);
    if (size == 0)
        s_end (self);
    if (size != (ssize_t) sizeof command)
        return;
    if (command.type == BRD_NURSERY_START) {
        s_start (self, &command);
        return;
    }
    s_slot_t *slot = s_slot_find (self, command.worker);
    if (!slot)
        return;  // Its ENDED is on the way
    if (command.type == BRD_NURSERY_SIGNAL)
        (void) kill (slot->pid, (int) command.signal);
    else if (command.type == BRD_NURSERY_KILL
             || command.type == BRD_NURSERY_KILL_DEAF) {
        // The owner may see the broken link before we see the pipe: the reason
        // is the same.
        if (slot->closing || command.type == BRD_NURSERY_KILL_DEAF)
            slot->killed |= s_has_closed (slot);
        s_kill (slot);
    }
}

// --- The loop --------------------------------------------------------------

static void
s_sleep (s_nursery_t *self, int64_t until)
{
    struct pollfd *pair = &self->fds[S_PAIR];
    pair->events = POLLRDHUP;
    if (s_slot_free (self))
        pair->events |= POLLIN;
    if (self->saying > 0 && !self->deaf)
        pair->events |= POLLOUT;
    int timeout_ms = brd_clock_left_ms (until);
    if (self->deaf && (timeout_ms < 0 || timeout_ms > 1))
        timeout_ms = 1;
    const nfds_t count = S_LIVES + self->used;
    if (poll (self->fds, count, timeout_ms) >= 0)
        return;
    for (nfds_t i = 0; i < count; i++)
        self->fds[i].revents = 0;
}

// 1 if there was an only child, and all is said of it.
static int
s_is_over (const s_nursery_t *self)
{
    return self->seed->options->once && self->asked && self->saying == 0
           && self->slots[0].pid == 0;
}

static void
s_turn (s_nursery_t *self)
{
    s_flush (self);
    if (s_is_over (self))
        s_end (self);
    s_sleep (self, s_kill_closed (self));
    if (self->fds[S_OWNER].revents != 0)
        s_end (self);
    s_closed (self);
    if (self->fds[S_SIGNALS].revents != 0) {
        s_drain_signals (self);
        s_reap (self);
        s_flush (self);  // The owner first: it may have a task to report lost
        s_sweep (self);
    }
    // Before the commands there may still be: nobody is there to have them.
    const short pair = self->fds[S_PAIR].revents;
    if (pair & (POLLRDHUP | POLLHUP | POLLERR))
        s_end (self);
    if (pair & POLLIN)
        s_command (self);
}

// --- Set-up ----------------------------------------------------------------

// Whether workers may read the owner's memory, which a system can forbid
// between relatives too.
static int
s_peek (const brd_nursery_seed_t *seed)
{
    uint64_t token = 0;
    const struct iovec here = { .iov_base = &token, .iov_len = sizeof token };
    const struct iovec there = { .iov_base =
                                     (void *) (uintptr_t) seed->token_at,
                                 .iov_len = sizeof token };
    return process_vm_readv (seed->owner, &here, 1, &there, 1, 0)
               == (ssize_t) sizeof token
           && token == seed->token;
}

static s_nursery_t *
s_set_up (const brd_nursery_seed_t *seed)
{
    const brd_nursery_options_t *options = seed->options;
    struct rlimit files;
    int owner_end = seed->pair[0];
    brd_sys_close (&owner_end);
    (void) prctl (PR_SET_NAME, options->title ? options->title : "brood");
    (void) setsid ();
    // Before its maker, whose kin it still is, can hear that it is there.
    if (options->serve)
        brd_nursery_kin_spare ();
    brd_nursery_clean_signals ();
    brd_nursery_clean_limits (&files);
    if (prctl (PR_SET_CHILD_SUBREAPER, 1) < 0
        || brd_nursery_clean_descriptors (seed) < 0
        || brd_nursery_child_rehearse (seed->rehearse_ms) < 0
        || brd_process_become (BRD_ROLE_NURSERY) < 0)
        return NULL;
    s_nursery_t *self = brd_sys_map_private (sizeof *self);
    if (!self)
        return NULL;
    self->seed = seed;
    self->pid = getpid ();
    self->files = files;
    sigset_t children;
    sigemptyset (&children);
    sigaddset (&children, SIGCHLD);
    const int signals = signalfd (-1, &children, SFD_CLOEXEC | SFD_NONBLOCK);
    self->fds[S_PAIR].fd = seed->pair[1];
    self->fds[S_SIGNALS] = (struct pollfd){ .fd = signals, .events = POLLIN };
    self->fds[S_OWNER] =
        (struct pollfd){ .fd = seed->owner_fd, .events = POLLIN };
    return signals < 0 ? NULL : self;
}

// No nursery after all. What it sleeps on is for the other kind.
static _Noreturn void
s_serve (s_nursery_t *self)
{
    const brd_nursery_options_t *options = self->seed->options;
    const int pair_fd = self->seed->pair[1];
    const int owner_fd = self->seed->owner_fd;
    brd_sys_close (&self->fds[S_SIGNALS].fd);
    brd_sys_unmap (self, sizeof *self);
    options->serve (options->arg, pair_fd, owner_fd);
    _exit (0);
}

void
brd_nursery_loop_run (const brd_nursery_seed_t *seed)
{
    brd_nursery_report_t report = { .type = BRD_NURSERY_BORN,
                                    .pid = getpid () };
    if (s_send (seed->pair[1], &report) < 0)
        _exit (S_EXIT_NOT_READY);
    report.type = BRD_NURSERY_READY;
    s_nursery_t *self = s_set_up (seed);
    if (!self) {
        report.type = BRD_NURSERY_FAILED;
        report.error = errno;
    }
    else if (!seed->options->serve)
        report.peek = s_peek (seed);
    if (s_send (seed->pair[1], &report) < 0 || !self)
        _exit (S_EXIT_NOT_READY);
    if (seed->options->serve)
        s_serve (self);
    for (;;)
        s_turn (self);
}
