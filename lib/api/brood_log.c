// brood_log.c - what brood has to say, to whoever wants to hear it
//
// SPDX-License-Identifier: MPL-2.0
//
// Lines are written by lib/base/brd_log.c; a worker's reach the owner as LOG
// messages (workers/worker_main.c, broker/host/host_turn.c). The user's
// function is user code and runs as such: queued here, called by the callbacks
// thread.

#include "brood/brood_log.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>

#include "api/brd_runtime.h"
#include "base/brd_log.h"
#include "base/brd_mem.h"

typedef struct {
    brd_callback_t callback;  // First
    brood_log_fn *fn;
    void *arg;
    brood_log_line_t line;
    char process[BROOD_NAME_SIZE];
    char host[BROOD_NAME_SIZE];
    char text[];
} s_line_t;

// Where lines go; set before the sink is switched on.
static struct {
    brood_log_fn *fn;
    void *arg;
} s_reader;

static void
s_call (brd_callback_t *callback)
{
    s_line_t *line = (s_line_t *) (void *) callback;
    line->fn (&line->line, line->arg);
    brd_mem_free (line);
}

static void
s_copy (char *to, size_t size, const char *from)
{
    const size_t length = from ? strlen (from) : 0;
    const size_t kept = length < size ? length : size - 1;
    memcpy (to, from ? from : "", kept);
    to[kept] = '\0';
}

// May be called with the host's lock held: so it does not take it, and a line
// that cannot be queued is dropped rather than hold anybody up.
static void
s_queue (const brood_log_line_t *line, void *arg)
{
    (void) arg;
    brd_host_t *host = brd_runtime_host_or_null ();
    const size_t size = strlen (line->text) + 1;
    s_line_t *copy = host ? brd_mem_alloc (sizeof *copy + size) : NULL;
    if (!copy)
        return;
    copy->callback.call = s_call;
    copy->fn = s_reader.fn;
    copy->arg = s_reader.arg;
    copy->line = *line;
    s_copy (copy->process, sizeof copy->process, line->process);
    s_copy (copy->host, sizeof copy->host, line->host);
    memcpy (copy->text, line->text, size);
    copy->line.process = copy->process;
    copy->line.host = copy->host;
    copy->line.text = copy->text;
    brd_host_callback_from_anywhere (host, &copy->callback);
}

void
brood_log_set (int level, brood_log_fn *fn, void *arg)
{
    const int saved_errno = errno;
    brd_log_set_sink (0, NULL, NULL);
    s_reader.fn = fn;
    s_reader.arg = arg;
    brd_host_t *host = fn && level > 0 ? brd_runtime_host () : NULL;
    if (host)
        (void) brd_host_callbacks_start (host);
    brd_log_set_sink (level, fn ? s_queue : NULL, NULL);
    errno = saved_errno;
}

void
brood_log (brood_log_level_t level, const char *format, ...)
{
    if (!format || !brd_log_on (level))
        return;
    const int saved_errno = errno;
    va_list args;
    va_start (args, format);
    brd_log_vwrite (level, format, args);
    va_end (args);
    errno = saved_errno;
}
