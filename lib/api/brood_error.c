// brood_error.c - what went wrong, where, and to whom
//
// SPDX-License-Identifier: MPL-2.0
//
// The story itself is kept by lib/base/brd_error.c; that of failed tasks is
// written by brd_story.c.

#include "brood/brood_error.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <sysexits.h>

#include "base/brd_check.h"

const char *
brood_error (void)
{
    return brd_error_get ()->text;
}

void
brood_error_info (brood_error_info_t *ret_info)
{
    if (ret_info)
        *ret_info = *brd_error_get ();
}

int
brood_error_set_ (int error, const char *format, ...)
{
    BRD_REQUIRE (error > 0 && format != NULL, -1);
    char text[sizeof brd_error_get ()->text] = "";
    va_list args;
    va_start (args, format);
    (void) vsnprintf (text, sizeof text, format, args);
    va_end (args);
    return brd_error_set (error, "%s", text);
}

static int
s_exit_code (brood_kind_t kind)
{
    switch (kind) {
    case BROOD_BAD_ARGUMENT:
        return EX_USAGE;
    case BROOD_BAD_PICTURE:
        return EX_DATAERR;
    case BROOD_NO_MEMORY:
    case BROOD_SYSTEM:
        return EX_OSERR;
    case BROOD_LIMIT:
    case BROOD_TIMEOUT:
    case BROOD_BUSY:
    case BROOD_INTERRUPTED:
        return EX_TEMPFAIL;
    case BROOD_AUTH:
        return EX_NOPERM;
    case BROOD_HOST_DOWN:
    case BROOD_NOT_KNOWN:
        return EX_UNAVAILABLE;
    case BROOD_NOT_FOUND:
        return EX_NOINPUT;
    case BROOD_TASK_FAILED:
    case BROOD_WORKER_DIED:
    case BROOD_POISON:
    case BROOD_RESULT_LOST:
    case BROOD_CANCELLED:
        return 1;
    default:
        return EX_SOFTWARE;
    }
}

int
brood_perror (const char *prefix)
{
    const int saved_errno = errno;
    const brood_error_info_t *info = brd_error_get ();
    const char *text = info->text[0] != '\0' ? info->text : "no error";
    fprintf (
        stderr, "%s%s%s\n", prefix ? prefix : "", prefix ? ": " : "", text);
    errno = saved_errno;
    return s_exit_code (info->kind);
}

const char *
brood_kind_name (brood_kind_t kind)
{
    static const char *const names[] = {
        [BROOD_OK] = "no error",
        [BROOD_BAD_ARGUMENT] = "bad argument",
        [BROOD_NO_MEMORY] = "out of memory",
        [BROOD_LIMIT] = "limit reached",
        [BROOD_TIMEOUT] = "timed out",
        [BROOD_INTERRUPTED] = "interrupted",
        [BROOD_CANCELLED] = "cancelled",
        [BROOD_CLOSED] = "closed",
        [BROOD_BAD_PICTURE] = "bad picture",
        [BROOD_TASK_FAILED] = "task failed",
        [BROOD_WORKER_DIED] = "worker died",
        [BROOD_INIT_FAILED] = "initializer failed",
        [BROOD_NO_FUNCTION] = "no such function",
        [BROOD_POISON] = "poison",
        [BROOD_RESULT_LOST] = "result lost",
        [BROOD_BUSY] = "busy",
        [BROOD_NOT_HOLDER] = "not the holder",
        [BROOD_DEADLOCK] = "deadlock",
        [BROOD_AUTH] = "refused",
        [BROOD_HOST_DOWN] = "host down",
        [BROOD_NOT_KNOWN] = "not known",
        [BROOD_NOT_FOUND] = "not found",
        [BROOD_EXISTS] = "exists",
        [BROOD_TOO_LARGE] = "too large",
        [BROOD_UNSUPPORTED] = "not supported",
        [BROOD_SYSTEM] = "system error",
    };
    const size_t index = (size_t) kind;
    if (index >= sizeof names / sizeof *names || !names[index])
        return "unknown";
    return names[index];
}
