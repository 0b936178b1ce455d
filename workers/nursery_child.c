// nursery_child.c - from fork to the worker's main
//
// SPDX-License-Identifier: MPL-2.0
//
//     nursery_loop.c: fork, the nursery's descriptors closed
//       brd_nursery_child_run
//         own process group, dies with the nursery, marked as kin
//         name, niceness, processor, random numbers
//         no signal blocked
//         an only child: what it is to be like    (nursery_once.c)
//         worker_main
//
// Signal actions, descriptors and stdio it has from the nursery, clean
// (nursery_clean.c). All calls here are async-signal-safe but those of
// s_reseed, which is why that is rehearsed.

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "base/brd_clock.h"
#include "base/brd_process.h"
#include "base/brd_sys.h"
#include "workers/nursery_internal.h"

enum {
    S_EXIT_UNBORN = 127,
    S_CPU_SETS = 64  // 65536 processors: the kernel refuses a set too small
};

// What this process was told, or, in one that was not born of a nursery, NULL.
static const brd_nursery_birth_t *s_birth;

// --- Random numbers --------------------------------------------------------

// Born of one snapshot, all workers would draw the same.
static void
s_reseed (void)
{
    uint64_t seed;
    if (brd_sys_random (&seed, sizeof seed) < 0)
        seed = (uint64_t) brd_clock_now () ^ (uint64_t) getpid () << 32;
    srandom ((unsigned) seed);  // lint: reseeds a newborn
    srand48 ((long) (seed >> 32));
}

// Not for us: what user code asks libc for in almost every program, and libc
// does not set right in a fork. Threads that write a log are in it often.
static void
s_tell_time (void)
{
    struct tm tm;
    const time_t now = time (NULL);
    (void) localtime_r (&now, &tm);
}

#ifdef BRD_NURSERY_SANITIZED
// Nor for us. libc sets its malloc right in a fork; that of the sanitizers
// stays locked. Each of its sizes has a lock of its own, met only when what the
// thread has of that size is used up. They are 16 apart up to 256, then four to
// a doubling, after what ASan adds to a block: steps of a quarter miss some.
static void
s_ask_malloc (void)
{
    for (size_t size = 16; size <= 65536; size += size < 256 ? 16 : size / 8) {
        void **chain = NULL;
        for (size_t i = 0; i < (size <= 1024 ? 300 : 262144 / size); i++) {
            void **chunk = malloc (size);  // lint: rehearses the sanitizers'
            if (!chunk)
                break;
            *chunk = chain;
            chain = chunk;
        }
        while (chain) {
            void **next = *chain;
            free (chain);  // lint: rehearses the sanitizers'
            chain = next;
        }
    }
}
#endif

int
brd_nursery_child_rehearse (int timeout_ms)
{
    const struct itimerval never = { 0 };
    const struct itimerval once = { .it_value = { .tv_sec = timeout_ms / 1000,
                                                  .tv_usec = timeout_ms % 1000
                                                             * 1000L } };
    sigset_t set;
    sigemptyset (&set);
    sigaddset (&set, SIGALRM);
    if (setitimer (ITIMER_REAL, &once, NULL) < 0)
        return -1;
    (void) sigprocmask (SIG_UNBLOCK, &set, NULL);
    s_reseed ();
    s_tell_time ();
#ifdef BRD_NURSERY_SANITIZED
    s_ask_malloc ();
#endif
    brd_nursery_clean_output ();
    const int rc = brd_nursery_clean_exit ();
    (void) sigprocmask (SIG_BLOCK, &set, NULL);
    (void) setitimer (ITIMER_REAL, &never, NULL);
    return rc;
}

// --- Birth -----------------------------------------------------------------

// "brood-pool/7". The kernel keeps 15 characters: the place is worth more than
// the end of the title.
static void
s_name (const char *title, uint32_t place)
{
    char name[16];
    char digits[12];
    size_t n_digits = 0;
    do {
        digits[n_digits++] = (char) ('0' + place % 10);
        place /= 10;
    } while (place > 0);
    size_t size = strlen (title);
    if (size > sizeof name - 2 - n_digits)
        size = sizeof name - 2 - n_digits;
    memcpy (name, title, size);
    name[size++] = '/';
    while (n_digits > 0)
        name[size++] = digits[--n_digits];
    name[size] = '\0';
    (void) prctl (PR_SET_NAME, name);
}

// To the place-th of the processors this process may use.
static void
s_pin (uint32_t place)
{
    cpu_set_t sets[S_CPU_SETS];
    if (sched_getaffinity (0, sizeof sets, sets) < 0)
        return;
    const int count = CPU_COUNT_S (sizeof sets, sets);
    if (count < 1)
        return;
    uint32_t left = place % (uint32_t) count;
    for (size_t cpu = 0; cpu < sizeof sets * 8; cpu++) {
        if (!CPU_ISSET_S (cpu, sizeof sets, sets) || left-- > 0)
            continue;
        CPU_ZERO_S (sizeof sets, sets);
        CPU_SET_S (cpu, sizeof sets, sets);
        (void) sched_setaffinity (0, sizeof sets, sets);
        return;
    }
}

void
brd_nursery_child_suit (const brd_nursery_options_t *options, uint32_t place)
{
    s_name (options->title ? options->title : "brood", place);
    // Wishes: a worker that may not have them works all the same.
    if (options->nice != 0)
        (void) !nice (options->nice);
    if (options->pin)
        s_pin (place);
}

const brd_nursery_birth_t *
brd_nursery_birth (void)
{
    return s_birth;
}

// Its parent hears whether it got all it was to have, and why not.
static void
s_settle (const brd_nursery_once_t *once, int life_fd)
{
    brd_nursery_wish_t wish;
    if (brd_nursery_once_apply (once, &wish) < 0) {
        const brd_nursery_complaint_t complaint = { .error = errno,
                                                    .wish = (int32_t) wish };
        (void) !write (life_fd, &complaint, sizeof complaint);
        _exit (S_EXIT_UNBORN);
    }
    brd_sys_close (&life_fd);
}

void
brd_nursery_child_run (const brd_nursery_options_t *options,
                       const brd_nursery_birth_t *birth,
                       const struct rlimit *files)
{
    (void) setpgid (0, 0);
    // The order matters: a nursery that dies before the first line is seen by
    // the second, one that dies after it takes us along.
    (void) prctl (PR_SET_PDEATHSIG, SIGKILL);
    if (getppid () != birth->nursery)
        _exit (S_EXIT_UNBORN);
    brd_nursery_kin_mark (getpid ());
    (void) setrlimit (RLIMIT_NOFILE, files);
    if (!options->once)
        brd_nursery_child_suit (options, birth->place);
    s_reseed ();
    s_birth = birth;
    if (brd_process_become (BRD_ROLE_WORKER) < 0)
        _exit (S_EXIT_UNBORN);
    if (options->once)
        s_settle (options->once, birth->life_fd);

    sigset_t none;
    sigemptyset (&none);
    (void) sigprocmask (SIG_SETMASK, &none, NULL);
    options->worker_main (birth);
    _exit (0);
}
