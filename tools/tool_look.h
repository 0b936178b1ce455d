// tool_look.h - what commands that look at brokers share
//
// SPDX-License-Identifier: MPL-2.0

#ifndef TOOL_LOOK_H
#define TOOL_LOOK_H

#include <argp.h>
#include <stddef.h>
#include <stdint.h>

#include "base/brd_buf.h"
#include "wire/brd_value.h"

enum {
    BRD_TOOL_LOOK_MS = 10000,   // Patience with a broker, before the scale
    BRD_TOOL_LOOK_TEXT = 128,   // A text, cut
    BRD_TOOL_LOOK_COLUMNS = 12  // Of a table, at most
};

// What such a command takes: a broker, and whether it is to be JSON. Input is
// this, or begins with it.
typedef struct {
    const char *broker;  // NULL: all of them
    int json;
} brd_tool_look_wanted_t;

extern const struct argp_option brd_tool_look_options[];
error_t
brd_tool_look_option (int key, char *arg, struct argp_state *state);

// Asks the broker for a report, or all of this user's on this host if it is
// NULL, and gives each to see, as a map. Returns an exit code: the highest,
// EX_UNAVAILABLE if there is none.
int
brd_tool_look (const char *what,
               const char *broker,
               void (*see) (void *arg, const brd_value_cursor_t *report),
               void *arg);

// When patience with a broker ends.
int64_t
brd_tool_look_deadline (void);

// --- Reading ---------------------------------------------------------------
// Of a map that was checked: what is not there, or is something else, is 0, ""
// or an empty list.

// 1 and the place of the value, or 0.
int
brd_tool_look_find (const brd_value_cursor_t *map,
                    const char *key,
                    brd_value_cursor_t *ret_value);

int64_t
brd_tool_look_number (const brd_value_cursor_t *map, const char *key);

// What a terminal would obey is '?' in it.
void
brd_tool_look_text (const brd_value_cursor_t *map,
                    const char *key,
                    char ret_text[BRD_TOOL_LOOK_TEXT]);

// Its items begin at *ret_items; brd_value_skip () leads to the next.
size_t
brd_tool_look_list (const brd_value_cursor_t *map,
                    const char *key,
                    brd_value_cursor_t *ret_items);

// --- Printing --------------------------------------------------------------

// One line of JSON. -1 with ENOMEM.
int
brd_tool_look_json (const void *bytes, size_t size);

// "12 s", "3 m", "4 h", "2 d".
void
brd_tool_look_time (int64_t ms, char ret_text[BRD_TOOL_LOOK_TEXT]);

// Cells, row by row, the first row being the heads. Texts are on the left,
// columns whose bit is in numbers on the right.
typedef struct {
    size_t columns;
    unsigned numbers;
    brd_buf_t cells;  // One behind the other, each with its zero
    size_t count;
    size_t widths[BRD_TOOL_LOOK_COLUMNS];
    int failed;  // 1: no memory for one of them
} brd_tool_look_table_t;

void
brd_tool_look_table (brd_tool_look_table_t *self,
                     size_t columns,
                     unsigned numbers);
void
brd_tool_look_cell (brd_tool_look_table_t *self, const char *text);
void
brd_tool_look_cell_number (brd_tool_look_table_t *self, int64_t number);
// indent blanks in front of each line. Prints it and is empty.
void
brd_tool_look_print (brd_tool_look_table_t *self, int indent);

#endif  // TOOL_LOOK_H
