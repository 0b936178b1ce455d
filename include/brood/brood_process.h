// brood_process.h - one function in a process of its own
//
// SPDX-License-Identifier: MPL-2.0

#ifndef BROOD_PROCESS_H
#define BROOD_PROCESS_H

#include <limits.h>

#include "brood/brood_msg.h"

#ifdef __cplusplus
extern "C" {
#endif

// What Python's multiprocessing.Process is to Python.
//
//     static int consume (void *arg)
//     {
//         brood_queue_t *q = arg;
//         ...
//         return 0;                     // The exit code
//     }
//
//     BROOD_AUTO (process) p = brood_process_new (consume, q);
//     brood_process_start (p);
//     brood_process_join (p, -1);
//
// A subclass of Process is a struct and its run:
//
//     typedef struct { int x, y; } Clock;
//
//     BROOD_PROCESS (Clock, self)
//     {
//         for (int i = 0; i < self->x; i++) ...
//         return 0;
//     }
//
//     p = brood_process_new_of (Clock, &(Clock){ .x = 5, .y = 1 });
//
// The object is copied into the handle. brood_process_self () gives the copy,
// before start to change it. Processes of it are called Clock-1, Clock-2, …;
// all objects a process makes are counted together, and those that Clock-2
// makes are Clock-2:1 and so on.
//
// The child is a copy of the caller as it is at start: arg and everything else
// it points to is there, and changes made on either side stay there. Its
// handles (queues, locks) are the same things; other descriptors are closed but
// for 0 to 2 and those of keep_fds. It has one thread, no signal blocked and
// all at their defaults, and a session of its own, so that a terminal's Ctrl-C
// is its parent's affair. What the parent has not flushed is the parent's to
// print; what the child prints goes out line by line, and all of it before join
// returns. Its own brood_log () goes to stderr.
//
// With start_exec the child is no copy: this program is executed once more
// (/proc/self/exe, with the arguments and environment, folder and so on that
// this process has), comes to brood_init () in the first line of main, and
// there becomes the child. So its globals are as main finds them; it has none
// of its parent's memory, secrets, or locks that another thread of the parent
// may hold just then; and a large parent need not be copied. Instead it is sent
//
//     arg_size_bytes    a copy of so many bytes of arg: a struct of numbers,
//                       say; pointers in it lead nowhere
//     args              a message, which may have refs of queues, locks and so
//                       on in it: run's arg is a const brood_msg_t *
//     run               any function of the program, or of a library that is
//                       there when it starts
//
// All else is as above, and what main does after brood_init () never happens
// there. If brood_init () comes later, what comes before it is done once more.
// If it does not come in 10 s, or what starts is not the same program, start ()
// fails and nothing is left running.
//
// executable is another program to execute instead: a build of this one for
// profiling, say, or a smaller one for the work alone. A path, not looked for
// in PATH, argv[0] there; it must be there and begin with brood_init () too,
// and both must have the same libbrood, the shared one. Functions are then
// known by name (BROOD_TASK, BROOD_MAPPER, brood_function_register ()), or by
// their place in a library that both have.
//
// It leaves by returning from run or by exit (), which are the same: handlers
// it registered with atexit () are called, the parent's are not. pthread_exit
// () from run is exit (0).
//
// The end. When a process ends normally (leaves main or run, calls exit () or
// brood_fini ()), those it has started are seen to first: daemons get SIGTERM,
// and SIGKILL a second later; the others are waited for, as long as they take.
// brood_interrupt () ends that wait: then they are ended like daemons. A pool's
// worker does the same before it leaves. keep_exit of brood_options_t leaves it
// all to brood_fini ().
//
// When it ends otherwise (_exit (), a signal), they are killed at once, and so
// is everything below them; so are, at the end of any process, whatever other
// processes it has forked. Nothing outlives an owner that was killed.
//
// destroy gives up the handle only: the process runs on, under these rules.
//
// The program's own wait (), SIGCHLD, signal handlers and output never notice.
// A running process costs two processes, this one and one that looks after it,
// and two descriptors here, until its handle is destroyed.
//
// Threads and fork. Any thread. Only the process that started it can join,
// signal or watch it (EPERM elsewhere). A child that has the handle from its
// parent's memory can ask for the rest, and is told what was so when it was
// born.

typedef int
brood_process_fn (void *arg);

// As brood_process_exitcode () while there is none.
#define BROOD_NO_EXITCODE INT_MIN

// As setrlimit (2): RLIMIT_NOFILE, RLIMIT_AS and so on, but not RLIMIT_LOCKS,
// which is brood's own. RLIM_INFINITY, UINT64_MAX, is no limit.
typedef struct brood_rlimit {
    int resource;
    uint64_t soft;
    uint64_t hard;
} brood_rlimit_t;

// All of it is copied. What cannot be had (a folder that is not there, a limit
// above the hard one, a CPU that is not ours) makes start () fail with the
// system's errno.
typedef struct brood_process_options {
    const char *name;     // Default: type, number
    const char *type;     // Default: "Process"
    int daemon;           // 1: terminated, not joined, at its parent's exit
    int start_exec;       // 1: the program anew, not a copy; see above
    int keep_stdin;       // 1: its parent's; default /dev/null
    const int *keep_fds;  // Descriptors to keep, n_keep_fds of them
    size_t n_keep_fds;
    const char *cwd;        // Default: its parent's
    char *const *env;       // "NAME=value", up to a NULL; default: its parent's
    int nice;               // Added to its parent's niceness
    int cpu;                // CPU number + 1; 0: any
    size_t arg_size_bytes;  // Copy so many bytes of arg into the handle
    const brood_rlimit_t *rlimits;  // n_rlimits of them
    size_t n_rlimits;
    const brood_msg_t *args;  // Copied: run's arg then; instead of arg
    const char *executable;   // With start_exec: another program; see above
    BROOD_RESERVED (8);
} brood_process_options_t;

// Made, not yet running. arg is lent until start, or copied if the options give
// its size. NULL with
//     EINVAL        the options cannot be; start_exec without brood_init (), or
//                   with an arg that is not copied
//     EPERM         start_exec in a set-user-ID program, which would have those
//                   rights again
//     ENOENT, EACCES  executable is not there, or not one
BROOD_EXPORT BROOD_MUST_USE brood_process_t *
brood_process_new (brood_process_fn *run, void *arg);
BROOD_EXPORT BROOD_MUST_USE brood_process_t *
brood_process_new_with (brood_process_fn *run,
                        void *arg,
                        const brood_process_options_t *options);

// A process of a type made with BROOD_PROCESS; object is a pointer to its
// struct, copied. NULL: all zeros.
//     brood_process_t *brood_process_new_of (type, object)
#define brood_process_new_of(type_, ...) \
    brood_process_new_class (&type_##_class, (__VA_ARGS__))

typedef struct brood_process_class {
    const char *type;
    size_t size_bytes;
    brood_process_fn *run;
    BROOD_RESERVED (5);
} brood_process_class_t;

BROOD_EXPORT BROOD_MUST_USE brood_process_t *
brood_process_new_class (const brood_process_class_t *type, const void *object);

#define BROOD_PROCESS(type_, self_) \
    static int type_##_run_ (type_ *self_); \
    static int type_##_run (void *arg_) \
    { \
        return type_##_run_ ((type_ *) arg_); \
    } \
    static const brood_process_class_t type_##_class BROOD_UNUSED = { \
        #type_, sizeof (type_), type_##_run, { 0 } \
    }; \
    static int type_##_run_ (type_ *self_ BROOD_UNUSED)

// Gives up the handle; see the end, above. What current (), parent () and
// children () return is not yours, and stays.
BROOD_EXPORT void
brood_process_destroy (brood_process_t **self_p);

// Runs it; when this returns it has a pid, and all that its options wanted. One
// that could not be started can be started again.
//     EBUSY         it was started before
//     EPERM         it is another process's
//     EAGAIN        the system has no processes left
//     EMFILE        no descriptors left
//     ENOTSUP       after brood_fini (), or with inline_calls (brood_options_t)
// and the system's errno for what an option wanted, which the text names. With
// start_exec also
//     ENOEXEC       the program, started anew, does not become the child: the
//                   text says how far it came
//     EINVAL        it does not have run: that was loaded later (dlopen)
//     EBADF         the program has closed the descriptor of shared memory
BROOD_EXPORT int
brood_process_start (brood_process_t *self);

// Waits for its end; as often as you like, and in any number of threads.
//     ETIMEDOUT     it runs on
//     ECHILD        it was not started
//     EPERM         it is not one that this process started
BROOD_EXPORT int
brood_process_join (brood_process_t *self, int timeout_ms);

// SIGTERM, SIGKILL, or any signal, to it. Nothing happens to one that has
// ended, and a reused pid is never hit. Signals arrive in the order they were
// sent, a moment after these return.
//     ECHILD        it was not started
//     EPERM         it is not one that this process started
BROOD_EXPORT int
brood_process_terminate (brood_process_t *self);
BROOD_EXPORT int
brood_process_kill (brood_process_t *self);
BROOD_EXPORT int
brood_process_signal (brood_process_t *self, int signal);

// 1 from start until join would return at once.
BROOD_EXPORT int
brood_process_is_alive (const brood_process_t *self);

// What it returned or gave to exit () (0 .. 255), or minus the signal that
// ended it; BROOD_NO_EXITCODE while it has not ended, and for NULL. -SIGKILL
// also stands for an end that nobody could see.
BROOD_EXPORT int
brood_process_exitcode (const brood_process_t *self);

// 0 before start, -1 for NULL.
BROOD_EXPORT int
brood_process_pid (const brood_process_t *self);

// A descriptor for poll and the like: readable once join would return at once,
// and from then on. Do not read it. Owned by the handle.
//     ECHILD        it was not started
//     EPERM         it is not one that this process started
BROOD_EXPORT int
brood_process_sentinel (const brood_process_t *self);

// Shown in logs, and, its first 15 bytes, in ps and top. Shorter than
// BROOD_NAME_SIZE; set before start, or by the process itself (its log goes on
// under the old one).
//     EBUSY         it was started
//     EPERM         it is another process's
BROOD_EXPORT const char *
brood_process_name (const brood_process_t *self);
BROOD_EXPORT int
brood_process_set_name (brood_process_t *self, const char *name);

// A child of a daemon is none unless it is made one.
BROOD_EXPORT int
brood_process_daemon (const brood_process_t *self);
//     EBUSY         it was started
//     EPERM         it is another process's
BROOD_EXPORT int
brood_process_set_daemon (brood_process_t *self, int daemon);

// "<Process(Process-1, stopped exitcode=-SIGTERM)>", or initial, or started;
// with " daemon" behind it if it is one. On loan.
BROOD_EXPORT const char *
brood_process_repr (const brood_process_t *self);

// The object of a process made with new_of, or its arg.
BROOD_EXPORT void *
brood_process_self (const brood_process_t *self);

// This process: in the owner one named "MainProcess", in a pool's worker
// "PoolWorker-" and its place, in a child the one whose run this is. On loan
// for ever.
BROOD_EXPORT brood_process_t *
brood_process_current (void);

// Who started it, or the pool it works for; NULL in the owner, with errno
// ESRCH. Name, pid, sentinel, is_alive and join work on it, but this process
// ends as soon as that one has. On loan for ever.
BROOD_EXPORT brood_process_t *
brood_process_parent (void);

// The caller's children that are alive: their number, of which up to n are
// written, on loan until they are destroyed. Those whose handle was given up,
// and workers of pools, are not among them.
BROOD_EXPORT long
brood_process_children (brood_process_t **ret_children, size_t n);

#ifdef __cplusplus
}
#endif

#endif  // BROOD_PROCESS_H
