// t_exec.h - programs that are started anew, and how their main goes astray
//
// SPDX-License-Identifier: MPL-2.0
//
// A test program is an owner in a forked child of its main; so its main begins
// with t_exec_main (), which is brood_init () in a program started anew, and
// nothing in any other. T_EXEC_WAY in the environment says what such a main
// does before it, or instead.

#ifndef T_EXEC_H
#define T_EXEC_H

#include "t_process.h"

#define T_EXEC_WAY "T_EXEC_WAY"

// TSan must be told of each fork, and has addresses of its own.
#if defined __SANITIZE_THREAD__
#define T_EXEC_TSAN 1
#elif defined __has_feature
#if __has_feature(thread_sanitizer)
#define T_EXEC_TSAN 1
#endif
#endif
#ifndef T_EXEC_TSAN
#define T_EXEC_TSAN 0
#endif

static inline void
t_exec_main (int argc, char **argv, void (*stray) (const char *way))
{
    const char *way = getenv (T_EXEC_WAY);
    if (!getenv ("BROOD_EXEC"))
        return;
    if (way && stray)
        stray (way);
    brood_init (&argc, &argv);
    _exit (98);
}

// Runs fn as a program of its own, which must leave nobody behind.
static inline void
t_exec_program (void (*fn) (void *arg), void *arg)
{
    free (t_process_program (fn, arg));
    assert_int_equal (t_marked_wait (0, 20), 0);
}

// Options of a pool of n workers.
#define T_BY_EXEC(n, ...) \
    (&(brood_pool_options_t){ .workers = (n), .start_exec = 1, __VA_ARGS__ })

static inline brood_process_t *
t_exec_start (brood_process_fn *run,
              void *arg,
              size_t size,
              const brood_process_options_t *like)
{
    brood_process_options_t options = *like;
    options.start_exec = 1;
    options.arg_size_bytes = size;
    brood_process_t *p = brood_process_new_with (run, arg, &options);
    T_MUST (p && brood_process_start (p) == 0);
    T_MUST (brood_process_pid (p) > 0 && brood_process_is_alive (p) >= 0);
    return p;
}

static inline void
t_exec_must_exit (brood_process_t *p, int code)
{
    T_MUST (brood_process_join (p, 30000) == 0);
    if (brood_process_exitcode (p) != code)
        fprintf (stderr, "%s\n", brood_process_repr (p));
    T_MUST (brood_process_exitcode (p) == code);
    brood_process_destroy (&p);
}

#endif  // T_EXEC_H
