// tool_look.c - what commands that look at brokers share
//
// SPDX-License-Identifier: MPL-2.0
//
// What a broker says is checked bytes of somebody else: keys may be missing or
// of another kind, and texts may hold anything.

#include "tools/tool_look.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/brd_clock.h"
#include "base/brd_error.h"
#include "base/brd_mem.h"
#include "client/brd_scale.h"
#include "tools/ask_dial.h"
#include "tools/ask_door.h"
#include "tools/tool.h"
#include "wire/brd_json.h"

// --- The command line ------------------------------------------------------

const struct argp_option brd_tool_look_options[] = {
    { "json", 'j', NULL, 0, "One line of JSON for each of them", 0 },
    { 0 },
};

error_t
brd_tool_look_option (int key, char *arg, struct argp_state *state)
{
    brd_tool_look_wanted_t *wanted = state->input;
    if (key == 'j')
        wanted->json = 1;
    else if (key == ARGP_KEY_ARG && !wanted->broker)
        wanted->broker = arg;
    else if (key == ARGP_KEY_ARG)
        argp_error (state, "one broker, or none for all");
    else
        return ARGP_ERR_UNKNOWN;
    return 0;
}

// --- Asking ----------------------------------------------------------------

int64_t
brd_tool_look_deadline (void)
{
    double scale;
    if (brd_scale_read (&scale) < 0 || scale < 1.0)
        scale = 1.0;
    return brd_clock_deadline ((int) (BRD_TOOL_LOOK_MS * scale));
}

// 1: there was an answer.
static int
s_ask (const char *broker, brd_buf_t *answer)
{
    brd_ask_dial_t *dial = brd_ask_dial_new (broker);
    if (!dial)
        return -1;
    const int rc =
        brd_ask_dial_ask (dial, "report", brd_tool_look_deadline (), answer);
    brd_ask_dial_destroy (&dial);
    return rc;
}

// An exit code; -1: it has gone, and nobody has asked for this one.
static int
s_look_at (const char *what,
           const char *broker,
           int is_named,
           void (*see) (void *arg, const brd_value_cursor_t *report),
           void *arg)
{
    brd_buf_t answer;
    brd_buf_init (&answer, SIZE_MAX / 2);
    int rc = TOOL_OK;
    if (s_ask (broker, &answer) < 0)
        rc = is_named || errno != EHOSTUNREACH ? brd_tool_fail (what) : -1;
    else {
        const brd_value_cursor_t report = { answer.bytes,
                                            answer.bytes + answer.size };
        see (arg, &report);
    }
    brd_buf_fini (&answer);
    return rc;
}

int
brd_tool_look (const char *what,
               const char *broker,
               void (*see) (void *arg, const brd_value_cursor_t *report),
               void *arg)
{
    char text[32];
    brd_ask_door_t *doors = NULL;
    int worst = -1;
    if (broker)
        return s_look_at (what, broker, 1, see, arg);
    const long count = brd_ask_door_list (&doors);
    if (count < 0)
        return brd_tool_fail (what);
    for (long i = 0; i < count; i++) {
        snprintf (text, sizeof text, "%ld", (long) doors[i].pid);
        const int rc = s_look_at (what, text, 0, see, arg);
        worst = rc > worst ? rc : worst;
    }
    brd_mem_free (doors);
    if (worst >= 0)
        return worst;
    fprintf (stderr, "brood: %s: no broker is running here\n", what);
    return EX_UNAVAILABLE;
}

// --- Reading ---------------------------------------------------------------

int
brd_tool_look_find (const brd_value_cursor_t *map,
                    const char *key,
                    brd_value_cursor_t *ret_value)
{
    brd_value_cursor_t at = *map;
    brd_value_t head;
    return brd_value_read (&at, &head) == 0 && head.type == BROOD_MAP
           && brd_value_find_text (&at, head.size, key, strlen (key), ret_value)
                  == 1;
}

int64_t
brd_tool_look_number (const brd_value_cursor_t *map, const char *key)
{
    brd_value_cursor_t at;
    brd_value_t value;
    if (!brd_tool_look_find (map, key, &at) || brd_value_read (&at, &value) < 0
        || value.type != BROOD_INTEGER
        || (!value.negative && value.number.u > INT64_MAX))
        return 0;
    return value.number.i;
}

void
brd_tool_look_text (const brd_value_cursor_t *map,
                    const char *key,
                    char ret_text[BRD_TOOL_LOOK_TEXT])
{
    brd_value_cursor_t at;
    brd_value_t value;
    ret_text[0] = '\0';
    if (!brd_tool_look_find (map, key, &at) || brd_value_read (&at, &value) < 0
        || value.type != BROOD_TEXT)
        return;
    snprintf (ret_text,
              BRD_TOOL_LOOK_TEXT,
              "%.*s",
              value.size < BRD_TOOL_LOOK_TEXT ? (int) value.size
                                              : BRD_TOOL_LOOK_TEXT - 1,
              (const char *) value.bytes);
    for (char *i = ret_text; *i != '\0'; i++) {
        if ((unsigned char) *i < ' ' || (unsigned char) *i >= 127)
            *i = '?';
    }
}

size_t
brd_tool_look_list (const brd_value_cursor_t *map,
                    const char *key,
                    brd_value_cursor_t *ret_items)
{
    brd_value_t head;
    return brd_tool_look_find (map, key, ret_items)
                   && brd_value_read (ret_items, &head) == 0
                   && head.type == BROOD_LIST
               ? head.size
               : 0;
}

// --- Printing --------------------------------------------------------------

int
brd_tool_look_json (const void *bytes, size_t size)
{
    brd_buf_t json;
    brd_buf_init (&json, SIZE_MAX / 2);
    const int rc = brd_json_write (&json, bytes, size);
    if (rc == 0)
        printf ("%.*s\n", (int) json.size, (const char *) json.bytes);
    brd_buf_fini (&json);
    return rc;
}

void
brd_tool_look_time (int64_t ms, char ret_text[BRD_TOOL_LOOK_TEXT])
{
    const int64_t s = ms / 1000;
    const int64_t n = s < 120            ? s
                      : s < 120 * 60     ? s / 60
                      : s < 48 * 60 * 60 ? s / 3600
                                         : s / 86400;
    const char unit = s < 120            ? 's'
                      : s < 120 * 60     ? 'm'
                      : s < 48 * 60 * 60 ? 'h'
                                         : 'd';
    snprintf (ret_text, BRD_TOOL_LOOK_TEXT, "%" PRId64 " %c", n, unit);
}

void
brd_tool_look_table (brd_tool_look_table_t *self,
                     size_t columns,
                     unsigned numbers)
{
    memset (self, 0, sizeof *self);
    self->columns = columns;
    self->numbers = numbers;
    brd_buf_init (&self->cells, SIZE_MAX / 2);
}

void
brd_tool_look_cell (brd_tool_look_table_t *self, const char *text)
{
    const char *shown = text[0] == '\0' ? "-" : text;
    const size_t size = strlen (shown);
    size_t *width = &self->widths[self->count % self->columns];
    if (brd_buf_add (&self->cells, shown, size + 1) < 0) {
        self->failed = 1;
        return;
    }
    self->count++;
    *width = size > *width ? size : *width;
}

void
brd_tool_look_cell_number (brd_tool_look_table_t *self, int64_t number)
{
    char text[32];
    snprintf (text, sizeof text, "%" PRId64, number);
    brd_tool_look_cell (self, text);
}

static int
s_is_lively (void)
{
    const char *off = getenv ("NO_COLOR");
    return isatty (STDOUT_FILENO) && (!off || *off == '\0');
}

// The last column is not filled up.
static void
s_row (const brd_tool_look_table_t *self, const char **at_p, int indent)
{
    printf ("%*s", indent, "");
    for (size_t i = 0; i < self->columns; i++) {
        const int width = (int) self->widths[i];
        const int right = (self->numbers >> i) & 1;
        const int last = i + 1 == self->columns;
        printf ("%*s%s",
                right  ? width
                : last ? 0
                       : -width,
                *at_p,
                last ? "" : "  ");
        *at_p += strlen (*at_p) + 1;
    }
}

void
brd_tool_look_print (brd_tool_look_table_t *self, int indent)
{
    const char *at = (const char *) self->cells.bytes;
    const int lively = s_is_lively ();
    const size_t rows = self->failed ? 0 : self->count / self->columns;
    for (size_t i = 0; i < rows; i++) {
        const int head = lively && i == 0;
        fputs (head ? "\033[1m" : "", stdout);
        s_row (self, &at, indent);
        fputs (head ? "\033[0m\n" : "\n", stdout);
    }
    if (self->failed)
        fprintf (stderr, "brood: no memory for a table\n");
    brd_buf_fini (&self->cells);
    brd_tool_look_table (self, self->columns, self->numbers);
}
