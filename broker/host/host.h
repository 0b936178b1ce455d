// host.h - feeds the core and does what it says
//
// SPDX-License-Identifier: MPL-2.0
//
// The embedded host: it lives in the user's process and has no thread in the
// way. Whoever waits drives; while nobody waits and work is outstanding, the
// keeper does.
//
//     brd_host_submit      lock, step the core, send what it offers
//     brd_host_wait        the first to wait leads: it sleeps on the sockets
//                          and steps the core; others sleep on a word of
//                          their own until their thing has ended or the lead
//                          is handed to them          host_drive.c
//     a turn               drain, step, flush           host_turn.c
//     an effect            one function for each        host_effects.c
//     a worker             slots, offers, burial        host_worker.c
//     a pool               its nursery and its reports  host_pool.c
//     hosts below          as workers of a pool         host_hosts.c, _far.c
//     hosts above          as guests of a pool          host_guest.c, _given.c
//     who looks at it      pools, hosts, guests         host_report.c
//     descriptors besides  peers and sources            host_source.c
//     managers' clients    ducts, through hosts         host_duct.c, _gateway.c
//     nobody waits         the keeper                   host_keeper.c
//     user's callbacks     no lock held, in order       host_callbacks.c
//
// Threads. Every function may be called by any thread, unless it says "locked".
// Sinks (ended, noted) run under the lock, in whichever thread drives: they
// store and signal, and never call user code.

#ifndef BRD_HOST_H
#define BRD_HOST_H

#include <pthread.h>
#include <stdint.h>

#include "base/brd_arena.h"
#include "client/brd_code.h"
#include "core/core.h"
#include "shared/brd_shared.h"
#include "transport/brd_peer.h"
#include "wire/brd_page.h"
#include "wire/brd_wire.h"
#include "workers/worker.h"

typedef struct brd_host brd_host_t;
typedef struct brd_host_pool brd_host_pool_t;
typedef struct brd_host_worker brd_host_worker_t;
typedef struct brd_call brd_call_t;

// What became of a call, for its sink; everything on loan for that moment.
typedef struct {
    int error;  // As brd_core_outcome_t
    int attempt;
    int status;     // What the function returned, or the exit code
    int signal;     // That ended the worker, 0
    int pid;        // Of the worker that had it last, 0
    int lost;       // 1: it had finished, the result is gone with its worker
    int maybe;      // 1: who had it cannot be asked, it may have run
    int stopped;    // 1: its worker was stopped (SIGSTOP)
    int closed;     // 1: its worker had closed its descriptors
    uint64_t item;  // Of a leg of a map: index + 1 of the item its worker
    uint64_t claim_first;  // died in, and what it had claimed; 0: none
    uint64_t claim_end;
    const void *bytes;  // The result, or a text
    size_t size;
    void **block;  // NULL, or bytes lie in this block of the arena, which is
                   // yours if you set it to NULL
    const brd_page_t *page;  // Of that worker, if it was ours; NULL
    const void *report;      // Of a chunk of a map its worker died in, what had
    size_t report_size;  // been done of it (wire/brd_chunk.h); NULL: unknown
} brd_call_end_t;

// One task of the core with all the host needs; inside the caller's struct.
// The caller sets core's first fields, kind, fn, body (which must stay until
// the end) and the sinks.
struct brd_call {
    brd_core_task_t core;  // First
    uint64_t fn;           // Of a remote pool: its number (brd_code_number ())
    const void *body;      // core.size_bytes long
    void (*ended) (brd_call_t *self, const brd_call_end_t *end);
    void (*noted) (brd_call_t *self, brd_op_t op, const brd_wire_note_t *note);
    uint8_t kind;       // brd_task_kind_t
    uint8_t returning;  // 1: who has given it wants it back, if unstarted
    // The host's
    uint16_t slot;
    int status;  // Of the attempt that has just ended
    uint64_t seq;
    brd_host_worker_t *worker;  // That has it, NULL
    const void *bytes;  // Result of that attempt, while the core is stepped
    size_t size;
    void **block;                   // As in brd_call_end_t
    int64_t time_ns;                // How long that attempt took
    uint16_t attempts_before;       // That a host above has made
    const brd_wire_story_t *story;  // What a host told of it, likewise
    brd_list_t held;                // In far.calls of the worker that has it
    int asked;         // What is put off till the step is done, as bits
    int64_t grace_ns;  // Of a cancel that is put off
    brd_list_t later;  // In host.later while asked is not 0
};

typedef struct {
    brd_core_pool_options_t core;
    brd_worker_setup_t setup;  // initargs is taken on success
    const char *name;
    int nice;
    int pin;
    int threads;                     // 1: workers are threads of this process
    const brd_nursery_exec_t *exec;  // NULL: workers are copies
    brd_code_t *code;  // What workers have, NULL: all; must outlive the pool
} brd_host_pool_options_t;

// How workers get at this process's memory.
typedef enum {
    BRD_HOST_REACH_NONE,
    BRD_HOST_REACH_PEEK,  // By process_vm_readv
    BRD_HOST_REACH_ALL    // It is theirs
} brd_host_reach_t;

// In a worker: a line at which its owner, and nobody else, can call back at
// ret_name. NULL with ENOMEM, EMFILE.
brd_peer_t *
brd_host_line_listen (const unsigned char owner[BRD_ZMQ_ID],
                      pid_t pid,
                      char ret_name[BRD_NURSERY_NAME_SIZE]);

// NULL with ENOMEM or EMFILE. shared, with its arena, must outlive it.
brd_host_t *
brd_host_new (brd_shared_t *shared);

// Ends pools that are left and its threads, closes its descriptors. A pool's
// threads that are in a task for long are left in it. Nobody may be waiting.
// Handles that know it may still be destroyed, so its memory stays. Idempotent.
void
brd_host_stop (brd_host_t *self);

// Stops it and frees the memory; for when nothing knows it any more.
void
brd_host_destroy (brd_host_t **self_p);

void
brd_host_lock (brd_host_t *self);
// Also hands on what the holder has caused: see brd_host_wait ().
void
brd_host_unlock (brd_host_t *self);

// BRD_ZMQ_ID bytes: whom workers obey.
const unsigned char *
brd_host_id (const brd_host_t *self);

// --- Pools -----------------------------------------------------------------

// What a pool's nursery is to be, but for exec; what they point to must stay as
// long as it does.
void
brd_host_pool_nursery (const brd_host_pool_options_t *options,
                       const brd_worker_setup_t *setup,
                       brd_nursery_options_t *ret_nursery);

// Forks the nursery from the calling thread, or starts threads, and waits until
// all workers run.
// NULL with EAGAIN, EMFILE, ENOMEM, ENOSPC, and as brd_nursery_start (); then
// nothing is left.
brd_host_pool_t *
brd_host_pool_open (brd_host_t *self, brd_host_pool_options_t *options);

// --- Pools of hosts --------------------------------------------------------

typedef struct {
    const char *name;             // NULL: open's
    const brd_wire_open_t *open;  // What each is to make; NULL: it has it
    int only;    // 1: there is one host, whose loss breaks the pool
    int remote;  // 1: hosts are other programs: brd_host_pool_is_remote ()
} brd_host_hosts_options_t;

// A pool whose workers are hosts, none at first: its tasks wait. One that is
// lost leaves, and the pool goes on: what it had is tried elsewhere if it may
// be, or ends with ECHILD, as maybe run. NULL with ENOMEM, EMSGSIZE, ENOSPC.
brd_host_pool_t *
brd_host_pool_open_hosts (brd_host_t *self,
                          const brd_host_hosts_options_t *options);

// Locked; also in a source's turn. A host, which will join when it has said how
// many slots it has. peer is taken on success. -1 with EPIPE (also from the
// peer), ENOMEM, EMFILE.
int
brd_host_pool_add_peer (brd_host_pool_t *pool, brd_peer_t *peer);

// The same of one that has a name to be known by, which need not be the only
// one of that name, and whose process has this number there, 0: not known.
int
brd_host_pool_add_host (brd_host_pool_t *pool,
                        brd_peer_t *peer,
                        const char *name,
                        uint32_t pid);

// Locked; also in a source's turn. One host of several that work for it leaves:
// it gets nothing new, finishes what it has, and is told to end. -1: there are
// no two.
int
brd_host_pool_spare (brd_host_pool_t *pool);

// Locked. Hosts of this name, in all pools, get nothing new, and what they have
// not started goes elsewhere; what they have, they finish. They stay, and so it
// is with those that come later, until it is undone by on = 0. -1 with ENOENT:
// there is none of this name, and none was drained; ENOMEM.
int
brd_host_drain (brd_host_t *self, const char *name, int on);

// A pool whose only host comes by itself, by invitation: behind line, which is
// taken on success. NULL as above.
brd_host_pool_t *
brd_host_pool_open_far (brd_host_t *self, const char *name, brd_peer_t *line);

// What a pool of these options is to be on another host: what ret_open points
// to is options'. -1 with EINVAL if the initializer has no number, EMSGSIZE.
int
brd_host_pool_describe (const brd_host_pool_options_t *options,
                        brd_wire_open_t *ret_open);

// And there: the options of a local pool, whose workers are still to be said.
// setup.initargs is the caller's until it is taken. -1 with EINVAL if the
// initializer is not here, ENOMEM.
int
brd_host_pool_undescribe (const brd_wire_open_t *open,
                          char ret_name[BROOD_NAME_SIZE],
                          brd_host_pool_options_t *ret_options);

// Locked; also in a source's turn. How many it has, those that have not said
// yet how many slots they have among them.
size_t
brd_host_pool_hosts (const brd_host_pool_t *pool);

// Locked. 1 if it takes no hosts any more: it is broken, or ending.
int
brd_host_pool_is_broken (const brd_host_pool_t *pool);

// Locked; also in a source's turn. It is broken: calls end as if it were
// terminated, guests are told error and why, and no more hosts are taken. One
// that is broken, or ending, stays as it is.
void
brd_host_pool_break (brd_host_pool_t *pool, int error, const char *why);

// Locked. 1 when a host has come, or will not any more: see
// brd_host_pool_check ().
int
brd_host_pool_has_host (const brd_host_pool_t *pool);

// 1 if the host that was invited will never take work from here.
int
brd_host_pool_is_refused (const brd_host_pool_t *pool);

// How many tasks the hosts run at a time: those that have come, are heard, and
// have not left.
uint32_t
brd_host_pool_slots (brd_host_pool_t *pool);

// --- Any pool --------------------------------------------------------------

// Kills what is left and waits for it: within 2 s, also when another thread is
// at it already. Threads cannot be killed, and are waited for as long as their
// tasks take. Calls not ended get EPIPE.
// The pool is idle ground then: only brd_host_pool_free () follows.
void
brd_host_pool_end (brd_host_pool_t *pool);
// The same at the end of the program, which threads do not hold up: those that
// are still in a task after a while are left in it, with their pool.
void
brd_host_pool_stop (brd_host_pool_t *pool);
void
brd_host_pool_free (brd_host_pool_t **pool_p);

// Ends what waits, flags what runs; how many it has ended.
long
brd_host_pool_cancel (brd_host_pool_t *pool);

// POOL_CLOSE or POOL_RESIZE (count). -1 with the core's errno.
int
brd_host_pool_do (brd_host_pool_t *pool,
                  brd_core_event_type_t type,
                  uint32_t count);

// 0, or -1 with EPIPE or ENOEXEC and the reason, once it is broken.
int
brd_host_pool_check (brd_host_pool_t *pool);

uint32_t
brd_host_pool_number (const brd_host_pool_t *pool);
brd_host_reach_t
brd_host_pool_reach (const brd_host_pool_t *pool);

// 1 if its workers are on other hosts, and so nothing in memory is shared with
// them, the arena included: calls have numbers of functions
// (client/brd_code.h), and all they need is in their bodies.
int
brd_host_pool_is_remote (const brd_host_pool_t *pool);

#ifdef BRD_FAULTS
// For tests: pools that are opened while it is 1 are used as if they were
// remote, though their workers are next door.
extern int brd_host_pool_pretends;
#endif

// Locked. How many tasks it can run at a time, 1 at least.
long
brd_host_pool_parallel (const brd_host_pool_t *pool);

// 1 if the calling thread is one of its workers.
int
brd_host_pool_is_mine (const brd_host_pool_t *pool);
// 1 when closed or ended and no worker is left.
int
brd_host_pool_ended (const brd_host_pool_t *pool);
// Locked. 1 when nothing is pending or running.
int
brd_host_pool_idle (const brd_host_pool_t *pool);
void
brd_host_pool_stats (brd_host_pool_t *pool, brd_core_pool_stats_t *ret_stats);

// Locked. How all pools are, as one msgpack value of about size_max bytes at
// most: a list, and for each
//     name, kind      "hosts", "processes", "threads"
//     slots           tasks it runs at a time
//     waiting         tasks that do not run yet, wherever they are
//     running         as far as is known here
//     done, failed    ended with a result, otherwise
//     retried         attempts after another
//     restarts        workers or hosts replaced because they died
//     broken          why it is, nil
//     workers         those below: name, pid (nil: not known), slots, waiting
//                     and running as above, state, for_ms (it has been so for)
//     left_out        how many of them there was no room for
//     guests          who gives it work, as many as there is room for: kind
//                     ("program", "task"), pid, given (tasks not ended)
// A worker is "joining" or "up"; "suspect": it is not heard, or was stopped by
// a signal; "draining": see above; "leaving".
// Appended to out. -1 with ENOMEM, EMSGSIZE, and out as it was.
int
brd_host_report (brd_host_t *self, brd_buf_t *out, size_t size_max);

// --- Guests ----------------------------------------------------------------

// Locked. Who gives work to the pool from another program, through peer, which
// is taken on success. When the peer is gone, or pool, what it gave is ended:
// asked to, and killed a second later. A peer that says what it may not is
// ended too. -1 with ENOMEM, EMFILE, ENOSPC.
int
brd_host_guest_add (brd_host_t *self, brd_host_pool_t *pool, brd_peer_t *peer);

// Not locked; blocks. The same for one that says first what pool it wants:
// open, which is called with no lock held, makes one, or chooses one that is
// there. NULL with errno and a text: the guest is told. Returns when the guest
// is gone and nothing of it runs. The pool stays: it is the caller's. -1 as
// above, and nothing was taken.
int
brd_host_guest_serve (brd_host_t *self,
                      brd_peer_t *peer,
                      brd_host_pool_t *(*open) (void *arg,
                                                const brd_wire_open_t *open),
                      void *arg);

// --- Ducts -----------------------------------------------------------------

// Not locked. Workers of pools that are opened from now on, on this host, are
// of that brood, and reach the managers of its program through a guest that has
// said the same in its OPEN: brd_gateway.h. -1 with EMFILE, ENOMEM.
int
brd_host_gateway_open (brd_host_t *self,
                       const unsigned char family[BRD_WIRE_FAMILY]);

// --- Sources ---------------------------------------------------------------

// Something besides work that a host is to look after while it sleeps and
// drives. The caller's, until it is removed.
typedef struct brd_host_source brd_host_source_t;
struct brd_host_source {
    int fd;  // Readable when a turn is due; -1: only the clock tells
    // With every turn of the host, in any thread, locked. It must leave fd
    // unreadable, and may add peers and guests, or remove itself.
    void (*turn) (brd_host_source_t *self, int64_t now);
    // When a turn is due though fd is quiet; NULL: never.
    int64_t (*due) (brd_host_source_t *self, int64_t now);
    brd_list_t link;  // The host's
};

// Locked. The leader, the keeper, and a foreign loop sleep on it from now on.
// -1 with EMFILE, ENOMEM.
int
brd_host_source_add (brd_host_t *self, brd_host_source_t *source);
// Locked.
void
brd_host_source_remove (brd_host_t *self, brd_host_source_t *source);

// --- Calls -----------------------------------------------------------------

// Gives a call to the core. -1 with EPIPE, ENOEXEC, ENOSPC, ENOMEM; then it is
// the caller's again and its sink is not called.
int
brd_host_submit (brd_host_t *self, brd_call_t *call);

// Locked; also from a sink. The same, as soon as the step under way is done; a
// refusal reaches the sink as its end.
void
brd_host_submit_later (brd_host_t *self, brd_call_t *call);

// Locked. grace_ns < 0: only asks. The sink tells what came of it.
void
brd_host_cancel (brd_host_t *self, brd_call_t *call, int64_t grace_ns);

// Locked; also from a sink. The same as soon as the step under way is done, or
// with the next brd_host_follow_up ().
void
brd_host_cancel_later (brd_host_t *self, brd_call_t *call, int64_t grace_ns);

// Locked. Does what was put off, unless a step is under way, which will.
void
brd_host_follow_up (brd_host_t *self);

// Locked; also from a sink. More partial results of the call may come.
void
brd_host_credit (brd_host_t *self, brd_call_t *call, uint32_t count);

// --- Driving ---------------------------------------------------------------

// Not locked. Waits until done (arg) is not 0, driving as need be. done is
// called under the lock. -1 with ETIMEDOUT or EINTR (brd_sleep.h).
int
brd_host_wait (brd_host_t *self,
               int (*done) (void *arg),
               void *arg,
               int64_t deadline);

// The same, and it ends, with 0, when the descriptor also is readable. -1 also
// with EMFILE.
int
brd_host_wait_also (brd_host_t *self,
                    int (*done) (void *arg),
                    void *arg,
                    int64_t deadline,
                    int also);

// Locked. 1 if the call's function is running in a worker now.
int
brd_host_running (const brd_call_t *call);

// Locked. 1 if a host below has it, who alone knows whether it has started.
int
brd_host_is_away (const brd_call_t *call);

// Locked. Something a done () may look at has changed without a call ending.
void
brd_host_changed (brd_host_t *self);

// Rings the leader's bell: something is to be done, or an interrupt has come
// (brd_sleep.h). Safe in signal handlers.
void
brd_host_ring (brd_host_t *self);

// For a foreign loop: see brood_fd () and brood_dispatch ().
int
brd_host_fd (brd_host_t *self);
long
brd_host_dispatch (brd_host_t *self, int64_t deadline);

// --- Callbacks -------------------------------------------------------------

// A piece of user code to be called once, with no lock held.
typedef struct brd_callback {
    struct brd_callback *next;
    void (*call) (struct brd_callback *self);
} brd_callback_t;

// Locked. Queues it; run by brd_host_dispatch () once brd_host_fd () was asked
// for, else by the callbacks thread.
void
brd_host_callback (brd_host_t *self, brd_callback_t *callback);

// The same from any place, also under the lock or in a signal's shadow; the
// order is that of arrival among its own kind.
void
brd_host_callback_from_anywhere (brd_host_t *self, brd_callback_t *callback);

// Not locked. Starts the callbacks thread unless a foreign loop drives. -1 with
// EAGAIN. To be called before the first brd_host_callback ().
int
brd_host_callbacks_start (brd_host_t *self);

// Not locked. Waits until the callbacks queued so far have run, and runs them
// if nobody else does. Called from within one it returns at once. -1 with
// EINTR.
int
brd_host_callbacks_settle (brd_host_t *self);

#endif  // BRD_HOST_H
