// brd_check.c - the end of a process that has found a bug in brood
//
// SPDX-License-Identifier: MPL-2.0
//
// The line is put together by hand and leaves by one write (2): the process may
// be a child between fork and exec, where another thread's copy of a lock in
// stdio is held for ever.

#include "base/brd_check.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef struct {
    char text[512];
    size_t size;
} s_line_t;

static void
s_add (s_line_t *line, const char *text)
{
    const size_t left = sizeof line->text - line->size;
    const size_t size = strnlen (text, left);
    memcpy (line->text + line->size, text, size);
    line->size += size;
}

static void
s_add_number (s_line_t *line, int number)
{
    char digits[12];
    size_t at = sizeof digits - 1;
    digits[at] = '\0';
    do {
        digits[--at] = (char) ('0' + number % 10);
        number /= 10;
    } while (number > 0 && at > 0);
    s_add (line, digits + at);
}

_Noreturn void
brd_assert_failed (const char *expression, const char *file, int line)
{
    s_line_t out = { .size = 0 };
    s_add (&out, "brood: bug: ");
    s_add (&out, file);
    s_add (&out, ":");
    s_add_number (&out, line);
    s_add (&out, ": ");
    s_add (&out, expression);
    s_add (&out, " does not hold\n");
    // Nobody is left to be told that it could not be written.
    const ssize_t rc = write (STDERR_FILENO, out.text, out.size);
    (void) rc;
    abort ();
}
