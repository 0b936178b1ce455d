// host_internal.h - what the files of the host share
//
// SPDX-License-Identifier: MPL-2.0

#ifndef BRD_HOST_INTERNAL_H
#define BRD_HOST_INTERNAL_H

#include <stdatomic.h>

#include "base/brd_list.h"
#include "base/brd_map.h"
#include "client/brd_tasks.h"
#include "host/host.h"
#include "transport/brd_zmq.h"
#include "wire/brd_frame.h"
#include "workers/crew.h"

// Pools of one process at a time; each has a descriptor to sleep on.
#define BRD_HOST_POOLS_MAX 256

// Of a host: as long as one says it is when it joins.
#define BRD_HOST_NAME_SIZE 256

// A name of hosts that get nothing new.
typedef struct {
    brd_list_t link;  // In host.drains
    char name[BRD_HOST_NAME_SIZE];
} brd_host_drained_t;

// A host below: another program, or the owner of a task's pool.
typedef struct {
    brd_list_t link;  // In pool.fars
    brd_host_pool_t *pool;
    brd_peer_t *peer;               // NULL: it is lost
    brd_host_worker_t *worker;      // It is to the core; NULL before it came
    char name[BRD_HOST_NAME_SIZE];  // "": it has none
    uint32_t pid;                   // Its process's there, 0: not known
    int64_t since;                  // When its state last changed
    int draining;                   // 1: brd_host_drain (), or parting
    int parting;                    // 1: it is told to end when it has nothing
    uint32_t slots;                 // That it has, as it says
    int64_t behind;                 // ns from it to these and back, as it says
    int64_t rtt;                    // ns to these and back, as told to the core
    uint64_t sent;     // seq: what it was offered later is with us still
    int silent;        // 1: it is not to get anything new
    int failed;        // 1: something did not get through to it
    int stopped;       // 1: it was told to leave
    int left;          // 1: it has, and is not buried yet
    int64_t retry_at;  // When it is told again, BRD_NEVER
    char why[160];     // How its peer ended, ""
    brd_map_t ducts;   // That lead through it, by their numbers there
    uint64_t last_duct;
} brd_host_far_t;

struct brd_host_worker {
    brd_host_pool_t *pool;
    uint32_t number;  // The core's
    uint32_t place;
    int32_t pid;           // 0 until the nursery has said it
    brd_page_t *page;      // NULL: a host, which is reached by messages alone
    brd_host_far_t *far;   // Then: how
    brd_list_t far_calls;  // And what it has, in the order of seq
    unsigned char peer[BRD_ZMQ_ID];
    char name[BRD_NURSERY_NAME_SIZE];
    int connected;
    int ended;          // Its death is known
    int stopped;        // By a signal, not by us
    int closed;         // It had closed its descriptors
    int status;         // As waitpid gives it
    int64_t bury_at;    // Results under way may come until then
    brd_list_t buried;  // In host.graves while ended
    brd_list_t ghosts;  // Legs whose end waits for this worker's
    brd_list_t dirty;   // In host.dirty while out has tasks
    brd_buf_t out;      // A TASKS message being filled
    uint32_t out_count;
    uint32_t held;  // Slots in use
    uint32_t free_count;
    uint16_t free_slots[BRD_PAGE_SLOTS];
    brd_call_t *slots[BRD_PAGE_SLOTS];
};

struct brd_host_pool {
    brd_host_t *host;
    brd_list_t link;  // In host.pools
    uint32_t number;
    int fd;  // To its nursery, or its crew's; -1
    pid_t nursery;
    brd_crew_t *crew;  // Instead of a nursery, NULL
    int snapshot;      // Its number in what is shared, -1
    brd_code_t *code;
    uint32_t size;  // Workers the program wants
    uint32_t lent;  // And so many more: brd_host_pool_lend ()
    brd_host_reach_t reach;
    uint32_t workers_wanted;   // That must be up for open to return
    int ending;                // 1: the nursery is being ended
    int left;                  // 1: its threads were left to themselves
    int gone;                  // 1: it has been, with all its workers
    int ended;                 // 1: no worker, no task will be
    int broken;                // errno, 0: not
    uint32_t up;               // Workers that have been started
    uint32_t down;             // Starts that failed
    int down_error;            // errno of the last
    long live;                 // Workers known
    long cancelled;            // Calls that ended so
    long retried;              // That came from above as a further attempt
    brd_worker_setup_t setup;  // The snapshot has a copy
    char name[BROOD_NAME_SIZE];
    char reason[BRD_PAGE_TEXT];  // Why it is broken
    // Of a pool of hosts, which has no nursery
    int hosts;            // 1: it is one
    int only;             // 1: it has one host, whose loss breaks it
    int remote;           // 1: they are other programs, and share no memory
    int refused;          // 1: the only one will never take work
    brd_list_t fars;      // brd_host_far_t
    uint32_t far_joined;  // The number DO_JOIN gave to who joins
    uint32_t width;       // Slots of those that may be given something
    int64_t rtt;          // ns to a slot and back, on average
    brd_buf_t opening;    // What each is told first; empty: nothing
    unsigned char family[BRD_WIRE_FAMILY];  // Who may have ducts through it
};

// What a worker says to a manager far away, on its way: host_duct.h.
typedef struct brd_host_duct brd_host_duct_t;

typedef struct {
    brd_host_source_t source;  // fd: an epoll of the sockets, once there is one
    int watched;               // 1: it is one of the host's
    brd_list_t sockets;        // Ducts that end here in one
    uint32_t retrying;         // Of these, that are not connected yet
    uint32_t count;            // Of all ducts
    uint64_t made;
    int door;          // The gateway's, -1
    int64_t door_due;  // When it is tried again, BRD_NEVER
} brd_host_ducts_t;

// Who gives work to a pool of ours from above or aside: host_guest.c.
typedef struct brd_host_guest brd_host_guest_t;

// Who sleeps until something is done; on its own stack.
typedef struct {
    brd_list_t link;
    _Atomic uint32_t word;  // 1: wake up and look
    int bell;               // eventfd it sleeps on instead of word, -1
    int (*done) (void *arg);
    void *arg;
} brd_host_follower_t;

struct brd_host {
    pthread_mutex_t lock;
    brd_shared_t *shared;
    brd_arena_t *arena;
    brd_core_t *core;
    brd_core_effects_t *effects;
    brd_zmq_t *link;  // Made with the first connection
    unsigned char id[BRD_ZMQ_ID];
    int doorbell;  // eventfd
    int timer;     // timerfd, once a foreign loop drives
    int foreign;   // epoll of all, once asked for; else -1
    uint32_t pools_made;
    int pool_count;
    uint64_t seq;  // Last one used
    brd_list_t pools;
    brd_list_t dirty;   // Workers with tasks to send
    brd_list_t graves;  // Workers that ended, not buried yet
    brd_map_t workers;  // By number
    brd_list_t later;   // Calls to answer for, or to submit
    brd_list_t guests;
    uint32_t guests_made;
    uint32_t pools_of_hosts;
    uint32_t remotes;    // Hosts below that are other programs
    brd_list_t drains;   // brd_host_drained_t
    brd_list_t sources;  // brd_host_source_t
    brd_host_ducts_t ducts;
    int heeded;  // epoll of peers and sources, once there are any; -1
    uint32_t downs[2 * BRD_CORE_EFFECTS_MAX];  // Workers that never were
    size_t down_count;
    int stepping;  // 1: the core's effects are being done
    int changed;   // 1: followers should look again
    int turning;   // 1: within brd_host_turn
    int touched;   // 1: the link was used since it was read to the end
    int64_t now;   // The clock, as of the turn under way

    // Driving
    int leader;        // 1: somebody sleeps on the sockets
    int keeper_leads;  // 1: it is the keeper
    brd_list_t followers;
    uint64_t turns;                  // Grows with each look at the sockets
    int64_t leader_wakes;            // The deadline the leader sleeps with
    int (*leader_done) (void *arg);  // What it waits for; NULL: a keeper
    void *leader_arg;
    int64_t harvest_at;  // Next look into the pages, BRD_NEVER
    int64_t harvest_gap;

    // Keeper
    int keeper_made;
    pthread_t keeper;
    _Atomic uint32_t keeper_word;  // Bell: wake up
    int keeper_parked;
    int64_t keeper_off;  // Leads no earlier
    int quit;

    // Callbacks
    int callbacks_made;
    pthread_t callbacks_thread;
    _Atomic uint32_t callbacks_word;
    _Atomic (brd_callback_t *) callbacks_inbox;  // Last first
    int callbacks_quit;
    brd_callback_t *callbacks;
    brd_callback_t **callbacks_end;
    uint64_t callbacks_queued;
    uint64_t callbacks_run;
    int callbacks_running;   // 1: a thread runs them
    pthread_t callbacks_by;  // That thread
};

// --- host.c ----------------------------------------------------------------

// Locked, and within a turn: as brd_host_submit (), of a call that was tried so
// often before.
int
brd_host_take (brd_host_t *self, brd_call_t *call, uint16_t attempts_before);

// -1 with ENOTSUP for a leg of a map where memory is not shared.
int
brd_host_check_reach (const brd_host_t *self, const brd_call_t *call);

// --- host_turn.c -----------------------------------------------------------

// Locked. One event to the core, all its effects, and what follows from them.
// -1 only as brd_core_step () for the event itself.
int
brd_host_step (brd_host_t *self, const brd_core_event_t *event);

// Locked. Takes what has come and sends what is due, until both are done;
// reports: look at the nurseries too.
void
brd_host_turn (brd_host_t *self, int reports);

// Locked. 1 if a turn is needed before anybody may sleep: something is to be
// sent, or was, or a worker is to be buried.
int
brd_host_owes (const brd_host_t *self);

// Locked. The next time something is due whatever happens.
int64_t
brd_host_deadline (const brd_host_t *self);

// Locked. What is due by the clock.
void
brd_host_tick (brd_host_t *self, int64_t now);

// --- host_effects.c --------------------------------------------------------

// What is put off for a call, in brd_call_t.asked; done lowest bit first.
enum {
    BRD_HOST_ASKED_SUBMIT = 1,
    BRD_HOST_ASKED_RECLAIM = 2,  // By the core
    BRD_HOST_ASKED_PROBE = 4,    // By the core
    BRD_HOST_ASKED_CANCEL = 8
};

// Locked. To be done for the call when the step under way is done.
void
brd_host_put_off (brd_host_t *self, brd_call_t *call, int what);

// Locked. Does one effect.
void
brd_host_effect (brd_host_t *self, const brd_core_effect_t *effect);

// --- host_worker.c ---------------------------------------------------------

brd_host_worker_t *
brd_host_worker_find (brd_host_t *self, uint32_t number);

// A worker to be: its page, its number. NULL with ENOMEM, ENOSPC.
brd_host_worker_t *
brd_host_worker_new (brd_host_pool_t *pool, uint32_t number, uint32_t place);
// One that is a host: it has no page.
brd_host_worker_t *
brd_host_worker_new_far (brd_host_far_t *far, uint32_t number);
void
brd_host_worker_free (brd_host_worker_t *self);

// Which attempt it is, those a host above has made included.
uint16_t
brd_host_attempt (const brd_call_t *call);

// Puts a call into a slot and into the message being filled.
void
brd_host_worker_offer (brd_host_worker_t *self, brd_call_t *call);

// Takes a call back: 1, or 0 if it has started.
int
brd_host_worker_reclaim (brd_host_worker_t *self, brd_call_t *call);

// Adds a task to that message, and has it sent when the turn ends. -1 with
// ENOMEM.
int
brd_host_worker_add (brd_host_worker_t *self, const brd_wire_task_t *task);

// Sends the message being filled.
void
brd_host_worker_flush (brd_host_worker_t *self);

// Sends an operation without tasks: STOP, or CREDIT with note.
void
brd_host_worker_tell (brd_host_worker_t *self,
                      brd_op_t op,
                      const brd_wire_note_t *note);

// A result that has come; bytes NULL: it lies in the page.
void
brd_host_worker_result (brd_host_worker_t *self,
                        const brd_wire_result_t *result);

// Takes what is DONE in the page; returns how many.
uint32_t
brd_host_worker_harvest (brd_host_worker_t *self);

// It has ended: buried now, or when what is under way has come or is late.
void
brd_host_worker_ended (brd_host_worker_t *self, int status, int closed);
// 1 if it was.
int
brd_host_worker_bury (brd_host_worker_t *self, int64_t now);

// A body that lies in the arena stays there, and its place travels: in place.
void
brd_host_worker_place (const brd_host_worker_t *self,
                       const brd_call_t *call,
                       brd_wire_task_t *task,
                       unsigned char place[BRD_FRAME_PLACE]);

// The block a result lies in, by its place of *size_p bytes: ours from now on,
// of *size_p bytes. NULL if there is none.
void *
brd_host_worker_block (const brd_host_worker_t *self,
                       const void *place,
                       size_t *size_p);

// --- host_far.c ------------------------------------------------------------

// As the functions of a worker that has a page.
void
brd_host_far_offer (brd_host_worker_t *self, brd_call_t *call);
void
brd_host_far_flush (brd_host_worker_t *self);
// One of RECLAIM, CANCEL, KILL, CREDIT about a call it has.
void
brd_host_far_tell (brd_host_worker_t *self,
                   const brd_call_t *call,
                   brd_op_t op,
                   uint32_t count);

// Nothing more will come from here: it leaves when all has ended.
void
brd_host_far_stop (brd_host_far_t *self);

// It gets nothing new and is asked for what it has not started; or as before.
void
brd_host_far_rest (brd_host_far_t *self, int on);
// The same, for good: it leaves when it has nothing.
void
brd_host_far_part (brd_host_far_t *self);

// It is not to be relied on any more.
void
brd_host_far_give_up (brd_host_far_t *self);

// Takes its messages, and buries it if it has left: then it is no more.
// Returns how many there were.
int
brd_host_far_drain (brd_host_far_t *self);

// It has left, or is not waited for: what it had goes back to the core.
void
brd_host_far_lost (brd_host_far_t *self);

// When something is due for it; BRD_NEVER.
int64_t
brd_host_far_deadline (const brd_host_far_t *self);

// Sends it a message that is not about tasks; NULL: there was no memory for it.
// What cannot be sent is the end of the host.
void
brd_host_far_pass (brd_host_far_t *self, brd_buf_t *out);

// --- host_duct.c -----------------------------------------------------------

// A message about ducts. -1: not one that may come from there.
int
brd_host_duct_from_below (brd_host_far_t *far, brd_frame_t *frame);
int
brd_host_duct_from_above (brd_host_guest_t *guest, brd_frame_t *frame);

// All that leads there ends.
void
brd_host_duct_far_lost (brd_host_far_t *far);
void
brd_host_duct_guest_lost (brd_host_guest_t *guest);

// --- host_duct_socket.c ----------------------------------------------------

// When all hosts and guests are gone.
void
brd_host_duct_socket_stop (brd_host_t *self);

// --- host_hosts.c ----------------------------------------------------------

// Takes messages from all hosts below; returns how many.
int
brd_host_hosts_drain (brd_host_t *self);

// When something is due for one of them; BRD_NEVER.
int64_t
brd_host_hosts_deadline (const brd_host_t *self);

// Slots have come or gone, or are at another distance: who gives work to this
// pool is told.
void
brd_host_hosts_count (brd_host_pool_t *pool);

// Asks the hosts to end all they have from us and waits until they have, until
// then or for a while at most; then they have left. Not locked.
void
brd_host_hosts_end (brd_host_pool_t *pool, int64_t deadline);

// --- host_drain.c ----------------------------------------------------------

// 1 if hosts of this name are to get nothing.
int
brd_host_drain_is_on (const brd_host_t *self, const char *name);
void
brd_host_drain_free (brd_host_t *self);

// --- host_source.c ---------------------------------------------------------

// Whoever sleeps for this host sleeps on this too from now on, or no more; -1
// is nothing. -1 with EMFILE, ENOMEM.
int
brd_host_heed (brd_host_t *self, int fd);
void
brd_host_ignore (brd_host_t *self, int fd);

// Lets each of them do what is due.
void
brd_host_sources_turn (brd_host_t *self);
int64_t
brd_host_sources_deadline (const brd_host_t *self);

// --- host_guest.c ----------------------------------------------------------

// A task of this worker wants to give work: it listens at the name in note.
void
brd_host_guest_invited (brd_host_worker_t *of, const brd_wire_note_t *note);

// The guest that bears this peer's id, NULL.
brd_host_guest_t *
brd_host_guest_find (brd_host_t *self, const unsigned char peer[BRD_ZMQ_ID]);

// Takes messages of those that have a peer of their own; returns how many.
int
brd_host_guests_drain (brd_host_t *self);

// A message from it; one that it may not send is the end of it.
void
brd_host_guest_message (brd_host_guest_t *self, const void *bytes, size_t size);

// When the next one that has left can be forgotten; BRD_NEVER.
int64_t
brd_host_guests_deadline (const brd_host_t *self);

// Sends results that are gathered, forgets who has left.
void
brd_host_guests_flush (brd_host_t *self);
// 1 if there are any.
int
brd_host_guests_owe (const brd_host_t *self);

// This worker is no more: what its guests gave is not wanted. 1: some of it
// runs still and may use the worker's blocks in the arena, which are swept when
// that has ended.
int
brd_host_guests_bury (brd_host_t *self, const brd_host_worker_t *worker);

// This pool has another size: its guests are told.
void
brd_host_guests_resized (brd_host_t *self, const brd_host_pool_t *pool);

// This pool is broken: guests that can go elsewhere are told.
void
brd_host_guests_broken (brd_host_t *self, const brd_host_pool_t *pool);
// This pool is no more: its guests are told.
void
brd_host_guests_turn_out (brd_host_t *self, const brd_host_pool_t *pool);
// It takes no more work: they are told when what they gave has ended.
void
brd_host_guests_closed (brd_host_t *self, const brd_host_pool_t *pool);

// When all pools have ended.
void
brd_host_guests_free (brd_host_t *self);

// --- host_pool.c -----------------------------------------------------------

// Enters a pool that is all set into the host and its core. -1 with ENOMEM,
// ENOSPC.
int
brd_host_pool_register (brd_host_pool_t *self,
                        const brd_core_pool_options_t *options);

// 1 if this distance is so different that more, or less, is to be given in
// advance: less than a millisecond is nothing, and all of them vary.
static inline int
brd_host_is_other_rtt (int64_t rtt, int64_t before)
{
    const int64_t off = rtt > before ? rtt - before : before - rtt;
    return off > INT64_C (1000000) + before / 4;
}

// So many tasks it runs at a time, as far as it is known.
static inline uint32_t
brd_host_pool_capacity (const brd_host_pool_t *self)
{
    return self->hosts ? self->width : self->size;
}

// Tells the nursery to start or kill a worker. -1 when it is gone.
int
brd_host_pool_command (brd_host_pool_t *self,
                       brd_nursery_command_type_t type,
                       const brd_host_worker_t *worker);

// One worker more, or less again, than the program wants: for a task that waits
// for others of its own pool.
void
brd_host_pool_lend (brd_host_pool_t *self, int more);

// Takes the reports of the nursery.
void
brd_host_pool_reports (brd_host_pool_t *self);

// --- host_drive.c, host_keeper.c, host_callbacks.c --------------------------

// Locked. A foreign loop sleeps on this too from now on, or no more.
void
brd_host_watch (brd_host_t *self, int fd);
void
brd_host_unwatch (brd_host_t *self, int fd);

// Locked; unlocks while it sleeps. One sleep on everything, and on also if that
// is a descriptor, at most until deadline, and the turn after it.
void
brd_host_lead (brd_host_t *self, int64_t deadline, int also);

// Locked. What is due may have changed: whoever sleeps must wake in time.
void
brd_host_hurry (brd_host_t *self);

// Locked. Wakes the followers that have something to see, and one to lead if
// nobody does.
void
brd_host_hand_on (brd_host_t *self);

// Locked. Work is outstanding and maybe nobody drives.
void
brd_host_keeper_call (brd_host_t *self);
void
brd_host_keeper_stop (brd_host_t *self);
void
brd_host_callbacks_stop (brd_host_t *self);
// Runs callbacks until there are none; returns how many. Not locked.
long
brd_host_callbacks_take (brd_host_t *self);

#endif  // BRD_HOST_INTERNAL_H
