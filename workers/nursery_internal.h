// nursery_internal.h - what the parts of the nursery share
//
// SPDX-License-Identifier: MPL-2.0
//
//     nursery.c        the owner's side: two forks, READY, the end
//     nursery_loop.c   the nursery itself: commands, deaths, reports
//     nursery_listen.c a worker's socket
//     nursery_clean.c  what it and its workers must not inherit
//     nursery_child.c  from fork to the worker's main
//     nursery_once.c   what an only child is to be like
//     nursery_exec.c   the program anew, instead of a copy
//     nursery_kin.c    whose descendant is this process?

#ifndef BRD_NURSERY_INTERNAL_H
#define BRD_NURSERY_INTERNAL_H

#if defined __SANITIZE_ADDRESS__ || defined __SANITIZE_THREAD__
#define BRD_NURSERY_SANITIZED
#elif defined __has_feature
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define BRD_NURSERY_SANITIZED
#endif
#endif

#include <stdint.h>
#include <sys/resource.h>
#include <sys/types.h>

#include "workers/nursery.h"

enum {
    BRD_NURSERY_MAIN_MS = 10000,  // From exec to brood_init ()
    BRD_NURSERY_ANSWER_MAX = 8192
};

// What is said before READY: a report, and behind ANSWER so many bytes.
typedef struct {
    brd_nursery_report_t report;
    unsigned char answer[BRD_NURSERY_ANSWER_MAX];
} brd_nursery_early_t;

typedef struct brd_nursery_image brd_nursery_image_t;

// What the owner leaves on its stack for the nursery to find in the snapshot.
typedef struct {
    const brd_nursery_options_t *options;
    int pair[2];   // [0] the owner's end, [1] the nursery's
    int owner_fd;  // A pidfd of the owner, -1 where there are none
    pid_t owner;
    int rehearse_ms;             // See brd_nursery_child_rehearse
    const uint64_t *token_at;    // Where in the owner's memory is
    uint64_t token;              // this
    brd_nursery_image_t *image;  // By exec: what is executed
} brd_nursery_seed_t;

// --- nursery_loop.c --------------------------------------------------------

// Lives until the owner does not.
_Noreturn void
brd_nursery_loop_run (const brd_nursery_seed_t *seed);

// --- nursery_clean.c -------------------------------------------------------

// Default actions, SIGPIPE ignored. Everything is blocked meanwhile.
void
brd_nursery_clean_signals (void);

// Room for one descriptor per worker. What it was is for the workers.
void
brd_nursery_clean_limits (struct rlimit *ret_files);

// Leaves 0 (now /dev/null), 1, 2, the nursery's end, the pidfd and those kept.
// -1 with errno.
int
brd_nursery_clean_descriptors (const brd_nursery_seed_t *seed);

// Before exec: the same are left, and the arena's descriptor; all others go
// with the exec. -1 with errno.
int
brd_nursery_clean_for_exec (const brd_nursery_seed_t *seed);

// Drops unwritten output and unread input.
void
brd_nursery_clean_streams (void);

// Lines of several workers do not mix, and one that was printed is out when its
// worker crashes: stdout is line-buffered, with a buffer of our own, since libc
// does not forget how far the owner had filled the old one.
void
brd_nursery_clean_output (void);

// Makes exit () stop before the owner's handlers. -1 with errno.
int
brd_nursery_clean_exit (void);

// --- nursery_child.c -------------------------------------------------------

// Takes, and gives back, each lock of libc's that a newborn will need, and the
// time zone's, which user code will. One that
// another thread of the owner held at the fork is held for ever in this
// snapshot: then the process dies of SIGALRM after timeout_ms, and the owner
// takes another one. -1 with errno.
int
brd_nursery_child_rehearse (int timeout_ms);

// What a worker of a pool is to be like: the calling thread is called "title/7"
// and has its wishes, as far as it may.
void
brd_nursery_child_suit (const brd_nursery_options_t *options, uint32_t place);

// The rest of a newborn's life. The nursery's descriptors are closed already.
_Noreturn void
brd_nursery_child_run (const brd_nursery_options_t *options,
                       const brd_nursery_birth_t *birth,
                       const struct rlimit *files);

// --- nursery_once.c --------------------------------------------------------

// What an only child writes into its life pipe when a wish fails; it closes the
// pipe without a word when it has all.
typedef struct {
    int32_t error;
    int32_t wish;  // brd_nursery_wish_t
} brd_nursery_complaint_t;

// In the child. -1 with errno, and which wish it was.
int
brd_nursery_once_apply (const brd_nursery_once_t *once,
                        brd_nursery_wish_t *ret_wish);

// --- nursery_exec.c --------------------------------------------------------

// "BROOD_EXEC=7.<token in hex>"
#define BRD_NURSERY_VARIABLE "BROOD_EXEC"
#define BRD_NURSERY_MAGIC "brood/1"

enum {
    BRD_NURSERY_TOKEN = 16
};

// What a program that was started anew finds in the pair.
typedef struct {
    char magic[8];
    unsigned char token[BRD_NURSERY_TOKEN];
    pid_t pid;    // Whom it is for
    pid_t owner;  // Who made the pair
    int32_t owner_fd;
    brd_nursery_exec_t exec;
    uint64_t token_at;
    uint64_t peek_token;
} brd_nursery_hello_t;

// The pair is open. What exec needs, while memory can be had. -1 with errno.
int
brd_nursery_exec_prepare (brd_nursery_seed_t *seed);
void
brd_nursery_exec_forget (brd_nursery_seed_t *seed);

// In the nursery to be. Async-signal-safe.
_Noreturn void
brd_nursery_exec_run (const brd_nursery_seed_t *seed);

// --- nursery_kin.c ---------------------------------------------------------

// Marks this process, and all it will fork or execute, as worker's kin.
void
brd_nursery_kin_mark (pid_t worker);

// Marks this process as nobody's: no nursery ends it, whoever's child it is.
void
brd_nursery_kin_spare (void);

// The worker it descends from; 0 if it does not say, or is nobody's.
pid_t
brd_nursery_kin_of (pid_t pid);

// 1 if it is marked as nobody's.
int
brd_nursery_kin_is_spared (pid_t pid);

// Calls fn with each child of this process, born here or adopted; returns the
// sum of what fn returned, 0 without /proc.
int
brd_nursery_kin_children (int (*fn) (void *arg, pid_t pid), void *arg);

#endif  // BRD_NURSERY_INTERNAL_H
