// brd_log.c - what brood has to say, inside
//
// SPDX-License-Identifier: MPL-2.0
//
//     brd_log (level, ...) -> level off: nothing
//                          -> a line on the stack -> sink (line, arg)
//                                                 -> or stderr, one write (2)
//
// A sink is two words that must be read together. A lock would do, and would
// be held for ever in a child forked while another thread had it; so they are
// guarded by a count that is odd while they change, and a reader that sees it
// change drops its line.

#include "base/brd_log.h"

#include <errno.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include "base/brd_sys.h"

typedef void
s_sink_fn (const brood_log_line_t *line, void *arg);

_Atomic int brd_log_level;

static struct {
    _Atomic uint32_t changes;  // Odd while the next two change
    _Atomic (s_sink_fn *) fn;
    _Atomic (void *) arg;
    char process[BROOD_NAME_SIZE];
} s_log;

static const char *const s_levels[] = {
    [BROOD_LOG_ERROR] = "error",
    [BROOD_LOG_WARNING] = "warning",
    [BROOD_LOG_INFO] = "info",
    [BROOD_LOG_DEBUG] = "debug",
};
enum {
    LEVELS = sizeof s_levels / sizeof s_levels[0]
};

static const char *
s_level_text (brood_log_level_t level)
{
    const unsigned index = (unsigned) level;
    return index > 0 && index < LEVELS ? s_levels[index] : "note";
}

static void
s_to_stderr (const brood_log_line_t *line)
{
    char text[1300];
    const int n = snprintf (text,
                            sizeof text,
                            "brood: %s: %s[%d]: %s\n",
                            s_level_text (line->level),
                            line->process,
                            line->pid,
                            line->text);
    if (n <= 0)
        return;
    const size_t size = (size_t) n < sizeof text ? (size_t) n : sizeof text - 1;
    text[size - 1] = '\n';
    // One call, so that lines of several processes do not mix; what does not
    // go out at once is dropped.
    (void) brd_sys_write (STDERR_FILENO, text, size);
}

// 0, or -1 if it is being changed.
static int
s_get_sink (s_sink_fn **ret_fn, void **ret_arg)
{
    const uint32_t before = atomic_load (&s_log.changes);
    s_sink_fn *fn = atomic_load (&s_log.fn);
    void *arg = atomic_load (&s_log.arg);
    if (before % 2 != 0 || atomic_load (&s_log.changes) != before)
        return -1;
    *ret_fn = fn;
    *ret_arg = arg;
    return 0;
}

// A newline inside would be a second line that nobody wrote.
static void
s_flatten (char *text)
{
    for (char *at = text; *at != '\0'; at++) {
        if ((unsigned char) *at < ' ')
            *at = ' ';
    }
}

static int64_t
s_wall_clock (void)
{
    struct timespec now;
    (void) clock_gettime (CLOCK_REALTIME, &now);
    return now.tv_sec * INT64_C (1000000000) + now.tv_nsec;
}

void
brd_log_vwrite (brood_log_level_t level, const char *format, va_list args)
{
    const int saved_errno = errno;
    char text[1024] = "";
    (void) vsnprintf (text, sizeof text, format, args);
    s_flatten (text);
    struct utsname host;
    if (uname (&host) < 0)
        host.nodename[0] = '\0';
    const brood_log_line_t line = {
        .level = level,
        .pid = (int) getpid (),
        .time_ns = s_wall_clock (),
        .process = s_log.process[0] != '\0' ? s_log.process : "owner",
        .host = host.nodename,
        .text = text,
    };
    s_sink_fn *fn;
    void *arg;
    if (s_get_sink (&fn, &arg) == 0) {
        if (fn)
            fn (&line, arg);
        else
            s_to_stderr (&line);
    }
    errno = saved_errno;
}

void
brd_log_write (brood_log_level_t level, const char *format, ...)
{
    va_list args;
    va_start (args, format);
    brd_log_vwrite (level, format, args);
    va_end (args);
}

void
brd_log_set_sink (int level,
                  void (*fn) (const brood_log_line_t *line, void *arg),
                  void *arg)
{
    // Two that set it at once may mix their words only if both make the count
    // odd; the second waits. A parent that forked in between leaves it odd in
    // the child for good, hence the bound.
    uint32_t changes = atomic_load (&s_log.changes);
    for (int i = 0; i < 1000; i++) {
        changes = atomic_load (&s_log.changes);
        if (changes % 2 == 0
            && atomic_compare_exchange_strong (
                &s_log.changes, &changes, changes + 1))
            break;
    }
    atomic_store (&s_log.fn, fn);
    atomic_store (&s_log.arg, arg);
    atomic_store (&s_log.changes, (changes | 1) + 1);
    atomic_store (&brd_log_level, level);
}

void
brd_log_set_process (const char *name)
{
    const size_t size = strnlen (name, sizeof s_log.process - 1);
    memcpy (s_log.process, name, size);
    s_log.process[size] = '\0';
}

void
brd_log_init_from_env (void)
{
    const char *word = getenv ("BROOD_LOG");
    if (!word || word[0] == '\0')
        return;
    for (int level = BROOD_LOG_ERROR; level < LEVELS; level++) {
        if (strcmp (word, s_levels[level]) == 0) {
            brd_log_set_sink (level, NULL, NULL);
            return;
        }
    }
    brd_log_set_sink (BROOD_LOG_WARNING, NULL, NULL);
    brd_log (BROOD_LOG_WARNING,
             "BROOD_LOG=%s: not error, warning, info or debug",
             word);
}
