// names_loop.c - the keeper: hands out what has a name
//
// SPDX-License-Identifier: MPL-2.0
//
//     epoll --+-- control   family: one request, one answer    s_guest, s_serve
//             +-- door      a stranger knows the name: answer  s_door
//             +-- owner     it has ended: so do we
//             +-- pair      the owner has ended, or become another program
//
// Of a table of entries each is a name: a listening socket, which is the name,
// and a descriptor of the memory. Guests of the control socket have sent their
// request before we see them, nearly always; those who have not wait in a short
// row, and who waits longest makes room.
//
// A process forked from anywhere, so async-signal-safe: no malloc, no stdio.
//
// Read next: lib/client/brd_names.c, the other end.

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/brd_segment.h"
#include "base/brd_sys.h"
#include "client/brd_names.h"
#include "names/names_internal.h"
#include "transport/brd_endpoint.h"

enum {
    S_GUESTS = 64,
    S_EVENTS = 32,
    S_SPARE_FDS = S_GUESTS + 32,  // Besides two for each name
    S_ENTRIES_FIRST = 64,
    S_ENTRIES_MAX = 1 << 16,
    S_FULL_MS = 10,        // To wait when the system has no descriptor for us
    S_NO_PIDFD_MS = 1000,  // Between two looks whether the owner lives
    S_EXIT_BROKEN = 70     // sysexits' EX_SOFTWARE
};

// What epoll says of a descriptor: this, and for two of them which, in the
// lower half.
typedef enum {
    S_CONTROL,
    S_OWNER,
    S_PAIR,
    S_GUEST,
    S_DOOR
} s_source_t;

typedef struct {
    int door;  // Listens under its name; -1: the entry is free
    int memory;
    uint64_t number;
    uint32_t kind;
    char name[BROOD_NAME_SIZE];
} s_entry_t;

typedef struct {
    brd_names_seed_t seed;
    int epoll;
    int guests[S_GUESTS];  // -1: free
    size_t oldest;         // Of guests, taken in turn
    s_entry_t *entries;
    size_t room;
    size_t entries_max;
} s_keeper_t;

// --- Descriptors watched ---------------------------------------------------

static int
s_watch (const s_keeper_t *self, int fd, s_source_t source, size_t which)
{
    struct epoll_event event = { .events = EPOLLIN,
                                 .data.u64 = (uint64_t) source << 32 | which };
    return epoll_ctl (self->epoll, EPOLL_CTL_ADD, fd, &event);
}

// A visitor of this user, or -1.
static int
s_accept (int listener)
{
    int fd = brd_sys_accept (listener);
    if (fd < 0) {
        // He stays at the door, and so would we, looking.
        if (errno == EMFILE || errno == ENFILE || errno == ENOMEM
            || errno == ENOBUFS)
            (void) poll (NULL, 0, S_FULL_MS);
        return -1;
    }
    if (brd_endpoint_check_same_user (fd) < 0)
        brd_sys_close (&fd);
    return fd;
}

// --- Entries ---------------------------------------------------------------

static s_entry_t *
s_find (s_keeper_t *self, uint64_t number)
{
    for (size_t i = 0; i < self->room; i++) {
        if (self->entries[i].door >= 0 && self->entries[i].number == number)
            return &self->entries[i];
    }
    return NULL;
}

static int
s_grow (s_keeper_t *self)
{
    size_t room = self->room == 0 ? S_ENTRIES_FIRST : self->room * 2;
    if (room > self->entries_max)
        room = self->entries_max;
    if (room <= self->room)
        return ENOSPC;
    s_entry_t *entries = brd_sys_map_private (room * sizeof *entries);
    if (!entries)
        return ENOMEM;
    if (self->room > 0) {
        memcpy (entries, self->entries, self->room * sizeof *entries);
        brd_sys_unmap (self->entries, self->room * sizeof *entries);
    }
    for (size_t i = self->room; i < room; i++)
        entries[i].door = entries[i].memory = -1;
    self->entries = entries;
    self->room = room;
    return 0;
}

static int
s_free_entry (s_keeper_t *self, size_t *ret_i)
{
    for (size_t i = 0; i < self->room; i++) {
        if (self->entries[i].door < 0) {
            *ret_i = i;
            return 0;
        }
    }
    *ret_i = self->room;
    return s_grow (self);
}

static int
s_open_door (const char *name)
{
    char address[BRD_NAMES_ADDRESS_SIZE];
    brd_endpoint_t at;
    brd_names_address (name, address);
    return brd_endpoint_parse (&at, address, 1) < 0 ? -1
                                                    : brd_endpoint_listen (&at);
}

static void
s_close (s_entry_t *entry)
{
    brd_sys_close (&entry->door);
    brd_sys_close (&entry->memory);
}

// --- Requests: 0 or an errno -----------------------------------------------

static int
s_put (s_keeper_t *self, const brd_names_request_t *request, int *memory_p)
{
    size_t i;
    if (s_find (self, request->number))
        return 0;  // Said twice
    if (*memory_p < 0)
        return *memory_p == BRD_SYS_LOST_FD ? EMFILE : EPROTO;
    if (brd_names_check (request->name) < 0)
        return EINVAL;
    const int error = s_free_entry (self, &i);
    if (error != 0)
        return error;
    s_entry_t *entry = &self->entries[i];
    const int door = s_open_door (request->name);
    if (door < 0)
        return errno == EADDRINUSE ? EEXIST : errno;
    *entry = (s_entry_t){ .door = door,
                          .memory = *memory_p,
                          .number = request->number,
                          .kind = request->kind };
    memcpy (entry->name, request->name, sizeof entry->name);
    if (s_watch (self, door, S_DOOR, i) < 0) {
        const int saved_errno = errno;
        entry->memory = -1;
        s_close (entry);
        return saved_errno;
    }
    *memory_p = -1;
    return 0;
}

static void
s_answer (s_keeper_t *self, int fd, const s_entry_t *entry, int error)
{
    brd_names_answer_t answer = { .magic = BRD_NAMES_MAGIC,
                                  .error = error,
                                  .brood = self->seed.brood };
    if (entry) {
        answer.number = entry->number;
        answer.kind = entry->kind;
        memcpy (answer.name, entry->name, sizeof answer.name);
        (void) brd_sys_send_fd (fd, &answer, sizeof answer, entry->memory);
    }
    else
        (void) brd_sys_send (fd, &answer, sizeof answer, 0);
}

static void
s_do (s_keeper_t *self,
      int fd,
      const brd_names_request_t *request,
      int *memory_p)
{
    s_entry_t *entry = s_find (self, request->number);
    switch (request->op) {
    case BRD_NAMES_PUT:
        s_answer (self, fd, NULL, s_put (self, request, memory_p));
        return;
    case BRD_NAMES_GET:
        s_answer (self, fd, entry, entry ? 0 : ENOENT);
        return;
    case BRD_NAMES_DROP:
        if (entry)
            s_close (entry);
        s_answer (self, fd, NULL, 0);
        return;
    case BRD_NAMES_END:
        _exit (0);
    default:
        s_answer (self, fd, NULL, EPROTO);
    }
}

// --- Visitors --------------------------------------------------------------

// 1 if the guest is done with, 0 if he has said nothing yet.
static int
s_serve (s_keeper_t *self, int fd)
{
    brd_names_request_t request;
    int memory = BRD_SYS_NO_FD;
    const ssize_t size =
        brd_sys_recv_fd (fd, &request, sizeof request, &memory);
    if (size < 0 && errno == EAGAIN)
        return 0;
    if (size == (ssize_t) sizeof request && request.magic == BRD_NAMES_MAGIC)
        s_do (self, fd, &request, &memory);
    brd_sys_close (&memory);
    return 1;
}

static void
s_guest (s_keeper_t *self, size_t i)
{
    if (self->guests[i] >= 0 && s_serve (self, self->guests[i]))
        brd_sys_close (&self->guests[i]);
}

static void
s_control (s_keeper_t *self)
{
    int fd = s_accept (self->seed.control_fd);
    if (fd < 0)
        return;
    if (s_serve (self, fd)) {
        brd_sys_close (&fd);
        return;
    }
    const size_t i = self->oldest;
    self->oldest = (self->oldest + 1) % S_GUESTS;
    brd_sys_close (&self->guests[i]);
    if (s_watch (self, fd, S_GUEST, i) < 0)
        brd_sys_close (&fd);
    self->guests[i] = fd;
}

static void
s_door (s_keeper_t *self, size_t i)
{
    // A name that was dropped by an event before this one.
    if (i >= self->room || self->entries[i].door < 0)
        return;
    int fd = s_accept (self->entries[i].door);
    if (fd >= 0)
        s_answer (self, fd, &self->entries[i], 0);
    brd_sys_close (&fd);
}

// --- The loop --------------------------------------------------------------

static void
s_turn (s_keeper_t *self, uint64_t tag)
{
    const size_t which = (size_t) (tag & UINT32_MAX);
    switch ((s_source_t) (tag >> 32)) {
    case S_CONTROL:
        s_control (self);
        return;
    case S_OWNER:
    case S_PAIR:
        _exit (0);
    case S_GUEST:
        s_guest (self, which);
        return;
    case S_DOOR:
        s_door (self, which);
        return;
    }
}

static void
s_limit (s_keeper_t *self)
{
    struct rlimit files;
    self->entries_max = S_ENTRIES_MAX;
    if (getrlimit (RLIMIT_NOFILE, &files) == 0
        && files.rlim_cur < 2 * S_ENTRIES_MAX + S_SPARE_FDS)
        self->entries_max = files.rlim_cur > S_SPARE_FDS
                                ? (files.rlim_cur - S_SPARE_FDS) / 2
                                : 0;
}

static int
s_init (s_keeper_t *self, int pair_fd, int owner_fd)
{
    for (size_t i = 0; i < S_GUESTS; i++)
        self->guests[i] = -1;
    s_limit (self);
    brd_segment_unmap_all ();
    self->epoll = brd_sys_epoll ();
    if (self->epoll < 0
        || s_watch (self, self->seed.control_fd, S_CONTROL, 0) < 0)
        return -1;
    if (owner_fd >= 0 && s_watch (self, owner_fd, S_OWNER, 0) < 0)
        return -1;
    if (self->seed.by_owner)
        return s_watch (self, pair_fd, S_PAIR, 0);
    brd_sys_close (&pair_fd);
    return 0;
}

void
brd_names_loop_run (void *arg, int pair_fd, int owner_fd)
{
    s_keeper_t self = { .seed = *(const brd_names_seed_t *) arg };
    struct epoll_event events[S_EVENTS];
    const int timeout_ms = owner_fd < 0 ? S_NO_PIDFD_MS : -1;
    if (s_init (&self, pair_fd, owner_fd) < 0)
        _exit (S_EXIT_BROKEN);
    for (;;) {
        const int n = epoll_wait (self.epoll, events, S_EVENTS, timeout_ms);
        for (int i = 0; i < n; i++)
            s_turn (&self, events[i].data.u64);
        if (owner_fd < 0 && kill (self.seed.owner, 0) < 0 && errno == ESRCH)
            _exit (0);
    }
}
