// t_process.h - programs of processes, run in a child and judged from outside
//
// SPDX-License-Identifier: MPL-2.0

#ifndef T_PROCESS_H
#define T_PROCESS_H

#include "t_brood.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <brood.h>

// For what is not in cmocka's hands: says what is wrong, and ends.
#define T_MUST(condition) \
    ((condition) ? (void) 0 : t_must_failed (#condition, __LINE__))

static inline void
t_must_failed (const char *condition, int line)
{
    fprintf (stderr,
             "line %d: %s: %s, %s\n",
             line,
             condition,
             strerror (errno),
             brood_error ());
    fflush (NULL);
    _exit (99);
}

// Runs fn as a program of its own, which has not used brood yet, and which must
// end with 0. What it printed; yours to free.
static inline char *
t_process_program (void (*fn) (void *arg), void *arg)
{
    int status;
    char *said = t_run_child (fn, arg, 60, &status);
    if (status != 0) {
        print_error ("%s\n", said);
        free (said);
        fail_msg ("status %x", status);
    }
    return said;
}

static inline void
t_process_alone (void (*fn) (void *arg))
{
    free (t_process_program (fn, NULL));
}

#endif  // T_PROCESS_H
