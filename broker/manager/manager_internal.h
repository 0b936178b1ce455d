// manager_internal.h - what the manager process's files share
//
// SPDX-License-Identifier: MPL-2.0

#ifndef BRD_MANAGER_INTERNAL_H
#define BRD_MANAGER_INTERNAL_H

#include <errno.h>

#include "base/brd_buf.h"
#include "base/brd_check.h"
#include "base/brd_list.h"
#include "base/brd_map.h"
#include "base/brd_mem.h"
#include "core/home.h"
#include "manager/manager.h"
#include "transport/brd_listener.h"
#include "workers/nursery.h"

enum {
    BRD_MANAGER_LISTENERS = 2,     // The family's, and one for other programs
    BRD_MANAGER_LINGER_MS = 5000,  // For a client over tcp to come back
    BRD_MANAGER_TURN = 64          // Frames of one client at a time
};

// A client that has so much to read and gets another answer is parted with.
#define BRD_MANAGER_QUEUED_MAX ((size_t) 256 << 20)

// A frame's buffer up to this size is kept for the next.
#define BRD_MANAGER_KEEP ((size_t) 1 << 20)

typedef struct brd_manager brd_manager_t;
typedef struct brd_manager_methods brd_manager_methods_t;

// Begins with what it is, for epoll.
typedef enum {
    BRD_MANAGER_LISTENER,
    BRD_MANAGER_CLIENT,
    BRD_MANAGER_BELL
} brd_manager_source_t;

typedef struct {
    brd_manager_source_t source;
    brd_listener_t *listener;
    int family;
    int64_t open_due;  // 0: it is open
} brd_manager_door_t;

typedef struct {
    brd_manager_source_t source;
    brd_list_t link;       // Of all, or of those that linger
    brd_list_t ready;      // Of those who may have more frames
    brd_stream_t *stream;  // NULL: its connection broke, it may come back
    uint32_t events;       // What epoll watches for
    uint64_t session;      // 0: has not said HELLO
    int family;
    int broken;  // Ended when it is read next
    int64_t linger_due;
} brd_manager_client_t;

struct brd_manager {
    brd_manager_options_t options;
    brd_home_t *home;
    brd_manager_methods_t *methods;
    int epoll;
    brd_manager_door_t doors[BRD_MANAGER_LISTENERS];
    brd_manager_source_t bell;
    brd_list_t clients;
    brd_list_t lingering;  // Oldest first
    brd_list_t ready;
    brd_map_t sessions;  // To clients
    uint64_t last;       // Session number given
    brd_buf_t out;       // The frame being made
    int starved;         // Somebody in ready waits for memory
    int ending;
};

// --- manager_loop.c --------------------------------------------------------

// The nursery's worker_main; never returns.
void
brd_manager_main (const brd_nursery_birth_t *birth);

// One event for the home, and what follows from it. 0, or -1 as
// brd_home_step ().
int
brd_manager_step (brd_manager_t *self, const brd_home_event_t *event);

// What the owner has put into the snapshot, and waits for through report_fd.
typedef struct {
    brd_manager_options_t options;
    int report_fd;
} brd_manager_seed_t;

typedef struct {
    int error;
    char text[160];
    char address[BRD_ENDPOINT_TEXT_MAX];
} brd_manager_report_t;

// --- manager_client.c ------------------------------------------------------

// Everybody who waits at a door.
void
brd_manager_client_admit (brd_manager_t *self, brd_manager_door_t *door);

// Opens it again if it is time; when that will be.
int64_t
brd_manager_client_unlock (brd_manager_t *self,
                           brd_manager_door_t *door,
                           int64_t now);

// Frames that have come, BRD_MANAGER_TURN at most.
void
brd_manager_client_read (brd_manager_t *self, brd_manager_client_t *client);

// An answer to whoever has the session; nobody, if its client is away.
void
brd_manager_client_answer (brd_manager_t *self,
                           uint64_t session,
                           const brd_request_answer_t *answer);

// Those whose time to come back is over; and when the next one's is.
int64_t
brd_manager_client_expire (brd_manager_t *self, int64_t now);

// Writes what is queued for all, for a moment at most: the end.
void
brd_manager_client_flush_all (brd_manager_t *self);

// --- manager_methods.c -----------------------------------------------------

// NULL with errno.
brd_manager_methods_t *
brd_manager_methods_new (void);

// Readable when something has returned.
int
brd_manager_methods_fd (const brd_manager_methods_t *self);

// A class, as a REGISTER call's arguments say. -1 with EEXIST, EINVAL, ENOMEM.
int
brd_manager_methods_register (brd_manager_methods_t *self,
                              const brd_request_t *call);

// Begins what the effect wants. 0, or an errno: it has not begun.
int
brd_manager_methods_invoke (brd_manager_methods_t *self,
                            const brd_home_effect_t *effect);
void
brd_manager_methods_destroy (brd_manager_methods_t *self,
                             const brd_home_effect_t *effect);

// Tells the home of everything that has returned.
void
brd_manager_methods_collect (brd_manager_methods_t *self,
                             brd_manager_t *manager);

// Destroys the objects that no method is in, at the end.
void
brd_manager_methods_end (brd_manager_methods_t *self);

#endif  // BRD_MANAGER_INTERNAL_H
