// nursery.h - the fork server of one pool, or of one process
//
// SPDX-License-Identifier: MPL-2.0
//
// A nursery is a single-threaded process that forks workers on command, reaps
// them, and says how they ended. Forked from the thread that makes the pool,
// its pages are the snapshot from which every worker of the pool is made, the
// first as the last.
//
//     owner --(fork)--> intermediate --(fork)--> nursery
//       reaped by pid ----^ (exits at once)        |
//                                                  +--> worker, worker ...
//       <======== one SOCK_SEQPACKET pair ========>
//
// So the program's own wait () never sees a child of ours, and whichever way
// the owner ends, the nursery sees its end of the pair closed (or the owner's
// pidfd readable), kills the workers and everything they have forked, and goes.
//
// The nursery of a single process (brd_nursery_once_t) has one child, which is
// the user's own and no worker: it may close what it likes, is in no dialogue
// with its owner, and the nursery goes with it.
//
// A nursery can also be the program anew (brd_nursery_exec_t): the snapshot is
// then what main found, and what its owner's other threads did is no matter.
//
// Between fork and the worker's main only async-signal-safe calls are made, and
// in the nursery itself for ever: no malloc, no stdio, no ZeroMQ.

#ifndef BRD_NURSERY_H
#define BRD_NURSERY_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "brood/brood_process.h"

// An abstract socket name: "@brood/" and 32 hex digits, as ZeroMQ writes it.
#define BRD_NURSERY_NAME_SIZE 48

// What a newborn worker is told. Lives on its stack for ever.
typedef struct {
    uint32_t worker;  // The core's number for it
    uint32_t place;   // 0 .. workers - 1
    uint64_t page;    // Arena offset of its page
    int listen_fd;    // Bound to name and listening, close-on-exec
    int life_fd;      // Pipe the nursery watches: closed = we are broken
    int owner_fd;     // A pidfd of the owner, -1 where there are none
    int wake_fd;      // Readable: it is to leave; -1: nobody asks that so
    int once;         // 1: the only child of its nursery; has no name and no
                      // listen_fd, and life_fd is closed
    pid_t owner;
    pid_t nursery;
    char name[BRD_NURSERY_NAME_SIZE];
    void *arg;  // brd_nursery_options_t.arg
} brd_nursery_birth_t;

// What an only child is to be like. All of it is had, or the child is not born
// and FAILED says which could not be.
typedef struct {
    const char *cwd;   // NULL: the owner's
    char *const *env;  // NULL: the owner's
    const brood_rlimit_t *rlimits;
    size_t n_rlimits;
    int nice;
    int cpu;         // Its number + 1, 0: any
    int keep_stdin;  // 1: the owner's, 0: /dev/null
} brd_nursery_once_t;

// The program anew: it is executed, comes to brood_init (), and is told there
// where in shared memory it finds what it is to be.
typedef struct {
    void *arena;  // As brd_arena_join () wants it
    size_t arena_span;
    int arena_fd;
    const char *executable;  // NULL: /proc/self/exe
    uint64_t library;        // The file brood is in (client/brd_code.h)
    uint64_t story;          // Arena offset
    void *answer;            // Where its answer goes, if that has this size
    size_t answer_size;
} brd_nursery_exec_t;

typedef struct {
    // Runs in the worker, never returns (leaves by _exit).
    void (*worker_main) (const brd_nursery_birth_t *birth);
    void *arg;
    // Called in the nursery with each dead process just before it is reaped, a
    // worker or one adopted from it, while nobody else can have its number.
    // Async-signal-safe calls only. NULL: none.
    void (*ending) (void *arg, pid_t pid);
    const char *title;    // For ps: "brood-pool"; workers add their place
    const int *keep_fds;  // Descriptors workers inherit besides 0, 1, 2
    int keep_count;
    int nice;
    int pin;  // 1: one CPU each, by place
    // NULL: many workers, until the end is asked for. Else the first START is
    // the only one; when that child has ENDED, and its kin after it, the
    // nursery ends. Nothing is said of its being stopped or continued.
    const brd_nursery_once_t *once;
    // Not NULL: no fork server, but a process that serves the whole brood. It
    // runs this, with its end of the pair and the pidfd of owner (-1 where
    // there are none), both of which are its to watch and close. It is nobody's
    // kin: if the one that started it ends, in whichever nursery, it stays.
    // Async-signal-safe calls only.
    void (*serve) (void *arg, int pair_fd, int owner_fd);
    pid_t owner;   // Whose pidfd; 0: the one that starts it
    int arena_fd;  // Kept for nurseries of its workers; 0: none
    const brd_nursery_exec_t *exec;  // NULL: a copy of the owner
} brd_nursery_options_t;

// Commands, owner to nursery: one datagram each.
typedef enum {
    BRD_NURSERY_START = 1,  // worker, place, page -> STARTED or FAILED
    BRD_NURSERY_KILL,       // worker: SIGKILL to it and its group -> ENDED
    BRD_NURSERY_KILL_DEAF,  // The same; its end of the link is closed
    BRD_NURSERY_SIGNAL      // worker: signal to it alone
} brd_nursery_command_type_t;

typedef struct {
    uint32_t type;
    uint32_t worker;
    uint32_t place;
    uint32_t signal;
    uint64_t page;
} brd_nursery_command_t;

// Reports, nursery to owner.
typedef enum {
    BRD_NURSERY_READY = 1,  // It runs; peek tells whether workers may read the
                            // owner's memory (process_vm_readv)
    BRD_NURSERY_STARTED,    // worker, pid, name: can be connected to
    BRD_NURSERY_FAILED,     // worker, error, wish: could not be forked, or what
                            // it was to be like could not be had
    BRD_NURSERY_STOPPED,    // worker: got SIGSTOP or the like
    BRD_NURSERY_CONTINUED,  // worker
    BRD_NURSERY_ENDED,      // worker, status (as waitpid gives it), closed
    BRD_NURSERY_BORN,       // Before READY, to its start alone: pid
    BRD_NURSERY_ANSWER      // Likewise, of one by exec: an answer, behind this
} brd_nursery_report_type_t;

// Of what an only child was to be like.
typedef enum {
    BRD_NURSERY_WISH_NONE,
    BRD_NURSERY_WISH_CWD,
    BRD_NURSERY_WISH_RLIMIT,
    BRD_NURSERY_WISH_NICE,
    BRD_NURSERY_WISH_CPU
} brd_nursery_wish_t;

typedef struct {
    uint32_t type;
    uint32_t worker;
    int32_t pid;
    int32_t status;
    int32_t error;
    int32_t closed;  // 1: it had closed its descriptors and was killed for it
    int32_t peek;
    int32_t wish;  // brd_nursery_wish_t
    char name[BRD_NURSERY_NAME_SIZE];
} brd_nursery_report_t;

// Forks a nursery and waits for its READY. Returns the owner's end of the pair
// (non-blocking, close-on-exec), or -1 with EAGAIN, EMFILE, ENOMEM; for one by
// exec, which is then as good as never been, also ENOEXEC (the program does not
// become one), EINVAL (it lacks a function), EPERM. peek is set as reported.
// The calling thread's stdio buffers stay the owner's: the children drop their
// copies.
int
brd_nursery_start (const brd_nursery_options_t *options,
                   pid_t *ret_pid,
                   int *ret_peek);

// Ends it: closes *fd_p and waits until nursery and workers are gone, watching
// its pidfd; after timeout_ms it is killed (and its workers with it, by
// PDEATHSIG). Never waits longer than that and a second.
void
brd_nursery_end (int *fd_p, pid_t pid, int timeout_ms);

// A descriptor that is readable when the nursery has ended, of one just started
// whose end of the pair is fd: -1 with errno 0 where the system has none (then
// the pair tells), else with EMFILE, or ECONNRESET when it has died.
int
brd_nursery_watch (int fd, pid_t pid);

// One that has ended by itself is reaped, if it came to us. watch: as from
// brd_nursery_watch, may be -1.
void
brd_nursery_reap (int watch, pid_t pid);

// --- In a program that was started anew ------------------------------------

// Who called it, and for what.
typedef struct {
    brd_nursery_exec_t exec;
    int pair_fd;
    int owner_fd;
    pid_t owner;
    uint64_t token_at;  // In the owner's memory
    uint64_t token;
} brd_nursery_call_t;

// 1 if this process is to be a nursery; from then on its environment says so no
// more. Else 0, and nothing has been touched.
int
brd_nursery_exec_found (brd_nursery_call_t *ret_call);

// It cannot be one, and ends. Errors that are not the system's own:
//     EEXIST        the arena's address is taken
//     ESTALE        its library is another one
//     ENOSYS        it lacks a function that was asked for
//     EALREADY      brood_init () does not come first
//     ECHILD        the program has forked on its way
_Noreturn void
brd_nursery_exec_refuse (const brd_nursery_call_t *call, int error);

// Before it becomes one: bytes for the owner, who waits for so many.
void
brd_nursery_exec_answer (const brd_nursery_call_t *call,
                         const void *bytes,
                         size_t size);

// It is one, as options say.
_Noreturn void
brd_nursery_exec_become (const brd_nursery_call_t *call,
                         const brd_nursery_options_t *options);

// --- In its children -------------------------------------------------------

// In a worker or an only child: what it was told at its birth. NULL in others.
const brd_nursery_birth_t *
brd_nursery_birth (void);

// A listening, non-blocking socket and its name, which nobody can guess. -1
// with errno.
int
brd_nursery_listen (char ret_name[BRD_NURSERY_NAME_SIZE]);

#endif  // BRD_NURSERY_H
