// brd_error.c - the calling thread's last error
//
// SPDX-License-Identifier: MPL-2.0
//
// One struct per thread. A failing function writes it and errno together:
//
//     brd_sys_* fails    -> errno alone
//     its caller         -> brd_error_system ("mapping %zu bytes", n)
//     whoever knows more -> brd_error_prefix ("brood_init")
//
// The arguments of a format may point into the very text it replaces, so each
// text is first made aside. Nothing here allocates or takes a lock: the C
// library's words come from strerrordesc_np and sigabbrev_np, which do not
// translate, and so this also works between fork and exec.
//
// The storage is of the default TLS model on purpose. Programs linked with the
// library have it in the block each thread is born with. As initial-exec it
// would be too big for what the C library keeps for libraries that come later,
// and dlopen () of this one would fail.

#include "base/brd_error.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/brd_check.h"

static _Thread_local brood_error_info_t s_info;

// Takes the text as it is now, which is why callers make it aside.
static int
s_story (int error, const char *text)
{
    s_info = (brood_error_info_t){ .kind = brd_error_kind (error),
                                   .error = error,
                                   .item = -1 };
    memcpy (s_info.text, text, sizeof s_info.text);
    errno = error;
    return -1;
}

static const char *
s_error_text (int error)
{
    const char *text = strerrordesc_np (error);
    return text ? text : "an error without a name";
}

int
brd_error_set (int error, const char *format, ...)
{
    brd_assert (error > 0);
    char text[sizeof s_info.text] = "";
    va_list args;
    va_start (args, format);
    (void) vsnprintf (text, sizeof text, format, args);
    va_end (args);
    return s_story (error, text);
}

int
brd_error_system (const char *format, ...)
{
    // 0 would be a callee that failed and did not say why.
    const int error = errno > 0 ? errno : EIO;
    char what[sizeof s_info.text];
    char text[sizeof s_info.text] = "";
    va_list args;
    va_start (args, format);
    (void) vsnprintf (what, sizeof what, format, args);
    va_end (args);
    // The reason matters more than the end of a long what.
    (void) snprintf (
        text, sizeof text, "%.400s: %s", what, s_error_text (error));
    return s_story (error, text);
}

int
brd_error_take (const brood_error_info_t *info)
{
    if (info != &s_info)
        s_info = *info;
    // It may have come from another process: no number there is trusted.
    if (s_info.error <= 0) {
        s_info.error = EIO;
        s_info.kind = brd_error_kind (EIO);
    }
    s_info.host[sizeof s_info.host - 1] = '\0';
    s_info.task[sizeof s_info.task - 1] = '\0';
    s_info.text[sizeof s_info.text - 1] = '\0';
    s_info.output[sizeof s_info.output - 1] = '\0';
    errno = s_info.error;
    return -1;
}

// Cut short where it does not fit.
static void
s_append (char *text, size_t size, const char *more)
{
    const size_t used = strlen (text);
    const size_t fits = strnlen (more, size - 1 - used);
    memcpy (text + used, more, fits);
    text[used + fits] = '\0';
}

int
brd_error_prefix (const char *format, ...)
{
    const int saved_errno = errno;
    char text[sizeof s_info.text] = "";
    va_list args;
    va_start (args, format);
    (void) vsnprintf (text, sizeof text, format, args);
    va_end (args);
    if (s_info.text[0] != '\0') {
        s_append (text, sizeof text, ": ");
        s_append (text, sizeof text, s_info.text);
    }
    memcpy (s_info.text, text, sizeof text);
    errno = saved_errno;
    return -1;
}

const brood_error_info_t *
brd_error_get (void)
{
    return &s_info;
}

static const struct {
    int error;
    brood_kind_t kind;
} s_kinds[] = {
    { 0, BROOD_OK },
    { EINVAL, BROOD_BAD_ARGUMENT },
    { ENOMEM, BROOD_NO_MEMORY },
    { ENOSPC, BROOD_LIMIT },
    { ETIMEDOUT, BROOD_TIMEOUT },
    { EINTR, BROOD_INTERRUPTED },
    { ECANCELED, BROOD_CANCELLED },
    { EPIPE, BROOD_CLOSED },
    { EBADMSG, BROOD_BAD_PICTURE },
    { EIO, BROOD_TASK_FAILED },
    { ECHILD, BROOD_WORKER_DIED },
    { ENOEXEC, BROOD_INIT_FAILED },
    { ESRCH, BROOD_NO_FUNCTION },
    { ELOOP, BROOD_POISON },
    { EHOSTUNREACH, BROOD_RESULT_LOST },
    { EBUSY, BROOD_BUSY },
    { EPERM, BROOD_NOT_HOLDER },
    { EDEADLK, BROOD_DEADLOCK },
    { EACCES, BROOD_AUTH },
    { EHOSTDOWN, BROOD_HOST_DOWN },
    { ECONNRESET, BROOD_NOT_KNOWN },
    { ENOENT, BROOD_NOT_FOUND },
    { EEXIST, BROOD_EXISTS },
    { EMSGSIZE, BROOD_TOO_LARGE },
    { ENOTSUP, BROOD_UNSUPPORTED },
};

brood_kind_t
brd_error_kind (int error)
{
    for (size_t i = 0; i < sizeof s_kinds / sizeof s_kinds[0]; i++) {
        if (s_kinds[i].error == error)
            return s_kinds[i].kind;
    }
    return BROOD_SYSTEM;
}

const char *
brd_error_signal_name (int signal, char *buf, size_t size)
{
    const char *name = sigabbrev_np (signal);
    if (name)
        (void) snprintf (buf, size, "SIG%s", name);
    else
        (void) snprintf (buf, size, "signal %d", signal);
    return buf;
}

void
brd_error_forget (void)
{
    s_info.text[0] = '\0';
}
