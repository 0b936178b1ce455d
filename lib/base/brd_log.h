// brd_log.h - what brood has to say, inside
//
// SPDX-License-Identifier: MPL-2.0
//
// One logger per process, one of the two globals there are: a line must be
// sayable from the deepest function. Silent until somebody asks.
//
// Threads and fork. Any thread, any process; a child begins with its parent's
// settings. No locks, no allocation, errno is kept.

#ifndef BRD_LOG_H
#define BRD_LOG_H

#include <stdarg.h>
#include <stdatomic.h>

#include "brood/brood_log.h"

// Read through brd_log_on (), written by brd_log.c alone.
extern _Atomic int brd_log_level;

static inline int
brd_log_on (brood_log_level_t level)
{
    return (int) level
           <= atomic_load_explicit (&brd_log_level, memory_order_relaxed);
}

// One line, printf's way, without a newline. Costs one relaxed load when the
// level is off, and then does not evaluate the arguments.
#define brd_log(level, ...) \
    (brd_log_on (level) ? brd_log_write ((level), __VA_ARGS__) : (void) 0)

// What brd_log () calls; also writes when the level is off.
void
brd_log_write (brood_log_level_t level, const char *format, ...)
    BROOD_PRINTF (2, 3);
void
brd_log_vwrite (brood_log_level_t level, const char *format, va_list args)
    BROOD_PRINTF (2, 0);

// Lines up to level go to fn from now on, to stderr if it is NULL; 0 is
// silence. fn may be called by several threads at once. A line that meets the
// change half made is dropped.
void
brd_log_set_sink (int level,
                  void (*fn) (const brood_log_line_t *line, void *arg),
                  void *arg);

// The name of this process in its lines, at most 63 bytes of it. Call it while
// the process has one thread.
void
brd_log_set_process (const char *name);

// BROOD_LOG=error|warning|info|debug: such lines go to stderr. Not set or
// empty changes nothing; any other word is taken as warning, with a warning.
void
brd_log_init_from_env (void);

#endif  // BRD_LOG_H
