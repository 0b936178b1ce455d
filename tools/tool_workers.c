// tool_workers.c - brood workers: who works for brokers
//
// SPDX-License-Identifier: MPL-2.0
//
//     BROKER  POOL    HOST    PID   SLOTS  RUNNING  WAITING  STATE  FOR
//     4711    render  node1   4712      8        8        3  up     3 m
//
// With --json, a line for each of them. Read next: tool_look.h.

#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#include "tools/tool.h"
#include "tools/tool_look.h"

#define S_NUMBERS ((1u << 3) | (1u << 4) | (1u << 5) | (1u << 6))

typedef struct {
    brd_tool_look_wanted_t look;  // First
    int failed;
    brd_tool_look_table_t table;
} s_wanted_t;

// Whose they are.
typedef struct {
    s_wanted_t *wanted;
    int64_t broker;
    char pool[BRD_TOOL_LOOK_TEXT];
} s_of_t;

const struct argp brd_tool_workers_argp = {
    .options = brd_tool_look_options,
    .parser = brd_tool_look_option,
    .args_doc = "[BROKER]",
    .doc = "Tells who works for brokers: hosts, with their slots and what they "
           "do. A host is up; suspect, when it is not heard; draining, when it "
           "gets nothing new; joining or leaving. BROKER is as for brood "
           "status.",
};

static void
s_row (const s_of_t *of, const brd_value_cursor_t *worker)
{
    static const char *const numbers[] = { "slots", "running", "waiting" };
    char text[BRD_TOOL_LOOK_TEXT];
    brd_tool_look_table_t *table = &of->wanted->table;
    brd_tool_look_cell_number (table, of->broker);
    brd_tool_look_cell (table, of->pool);
    brd_tool_look_text (worker, "name", text);
    brd_tool_look_cell (table, text);
    const int64_t pid = brd_tool_look_number (worker, "pid");
    if (pid > 0)
        brd_tool_look_cell_number (table, pid);
    else
        brd_tool_look_cell (table, "");
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        brd_tool_look_cell_number (table,
                                   brd_tool_look_number (worker, numbers[i]));
    brd_tool_look_text (worker, "state", text);
    brd_tool_look_cell (table, text);
    brd_tool_look_time (brd_tool_look_number (worker, "for_ms"), text);
    brd_tool_look_cell (table, text);
}

// The worker's map, with two pairs in front. -1 with ENOMEM.
static int
s_line (const s_of_t *of, const brd_value_cursor_t *worker)
{
    brd_value_cursor_t at = *worker, end = *worker;
    brd_value_t head;
    brd_buf_t out;
    if (brd_value_read (&at, &head) < 0 || head.type != BROOD_MAP
        || brd_value_skip (&end) < 0)
        return 0;
    brd_buf_init (&out, SIZE_MAX / 2);
    int rc = brd_value_put_map (&out, head.size + 2);
    if (rc == 0)
        rc = brd_value_put_text (&out, "broker", 6);
    if (rc == 0)
        rc = brd_value_put_int (&out, of->broker);
    if (rc == 0)
        rc = brd_value_put_text (&out, "pool", 4);
    if (rc == 0)
        rc = brd_value_put_text (&out, of->pool, strlen (of->pool));
    if (rc == 0)
        rc = brd_value_put_raw (&out, at.at, (size_t) (end.at - at.at));
    if (rc == 0)
        rc = brd_tool_look_json (out.bytes, out.size);
    brd_buf_fini (&out);
    return rc;
}

static void
s_pool (s_of_t *of, const brd_value_cursor_t *pool)
{
    brd_value_cursor_t at;
    brd_tool_look_text (pool, "name", of->pool);
    for (size_t count = brd_tool_look_list (pool, "workers", &at); count > 0;
         count--) {
        if (of->wanted->look.json)
            of->wanted->failed |= s_line (of, &at) < 0;
        else
            s_row (of, &at);
        if (brd_value_skip (&at) < 0)
            break;
    }
    const long long left = (long long) brd_tool_look_number (pool, "left_out");
    if (left > 0)
        fprintf (stderr, "brood: workers: %lld more of %s\n", left, of->pool);
}

static void
s_see (void *arg, const brd_value_cursor_t *report)
{
    s_of_t of = { .wanted = arg,
                  .broker = brd_tool_look_number (report, "pid") };
    brd_value_cursor_t at;
    for (size_t count = brd_tool_look_list (report, "pools", &at); count > 0;
         count--) {
        s_pool (&of, &at);
        if (brd_value_skip (&at) < 0)
            break;
    }
}

int
brd_tool_workers (int argc, char **argv)
{
    static const char *const heads[] = { "BROKER",  "POOL",  "HOST",
                                         "PID",     "SLOTS", "RUNNING",
                                         "WAITING", "STATE", "FOR" };
    const size_t columns = sizeof heads / sizeof *heads;
    s_wanted_t wanted = { .failed = 0 };
    brd_tool_parse (&brd_tool_workers_argp, argc, argv, &wanted);
    brd_tool_look_table (&wanted.table, columns, S_NUMBERS);
    for (size_t i = 0; i < columns; i++)
        brd_tool_look_cell (&wanted.table, heads[i]);
    const int code =
        brd_tool_look ("workers", wanted.look.broker, s_see, &wanted);
    if (!wanted.look.json && wanted.table.count > columns)
        brd_tool_look_print (&wanted.table, 0);
    brd_buf_fini (&wanted.table.cells);
    if (wanted.failed)
        return EX_OSERR;
    return fflush (stdout) != 0 ? EX_IOERR : code;
}
