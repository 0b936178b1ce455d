// tool_status.c - brood status: what brokers do
//
// SPDX-License-Identifier: MPL-2.0
//
//     broker 4711 on node0, local:8?hosts=4, up 3 m
//       POOL    SLOTS  WAITING  RUNNING  DONE  FAILED  RETRIED  HOSTS  GIVERS
//       render      8       12        8   140       0        0      4       1
//
// With --json, a line for each broker. Read next: tool_look.h.

#include <inttypes.h>
#include <stdio.h>
#include <sysexits.h>

#include "tools/tool.h"
#include "tools/tool_look.h"

typedef struct {
    brd_tool_look_wanted_t look;  // First
    int failed;
} s_wanted_t;

const struct argp brd_tool_status_argp = {
    .options = brd_tool_look_options,
    .parser = brd_tool_look_option,
    .args_doc = "[BROKER]",
    .doc = "Tells what brokers do: their pools, and the tasks in them. BROKER "
           "is the number of its process on this host, or "
           "tcp://HOST:PORT?join=FILE, where FILE has a join string; without "
           "?join= the file is $BROOD_JOIN. Without BROKER, all of yours on "
           "this host.",
};

static void
s_pools (const brd_value_cursor_t *report)
{
    static const char *const heads[] = { "POOL",    "SLOTS", "WAITING",
                                         "RUNNING", "DONE",  "FAILED",
                                         "RETRIED", "HOSTS", "GIVERS" };
    static const char *const numbers[] = { "slots", "waiting", "running",
                                           "done",  "failed",  "retried" };
    const size_t columns = sizeof heads / sizeof *heads;
    char text[BRD_TOOL_LOOK_TEXT];
    brd_tool_look_table_t table;
    brd_value_cursor_t at, items;
    size_t count = brd_tool_look_list (report, "pools", &at);
    brd_tool_look_table (&table, columns, ~1u);
    for (size_t i = 0; i < columns && count > 0; i++)
        brd_tool_look_cell (&table, heads[i]);
    for (; count > 0; count--) {
        brd_tool_look_text (&at, "name", text);
        brd_tool_look_cell (&table, text);
        for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
            brd_tool_look_cell_number (&table,
                                       brd_tool_look_number (&at, numbers[i]));
        brd_tool_look_cell_number (
            &table,
            (int64_t) brd_tool_look_list (&at, "workers", &items)
                + brd_tool_look_number (&at, "left_out"));
        brd_tool_look_cell_number (
            &table, (int64_t) brd_tool_look_list (&at, "guests", &items));
        if (brd_value_skip (&at) < 0)
            break;
    }
    brd_tool_look_print (&table, 2);
}

static void
s_broken (const brd_value_cursor_t *report)
{
    char name[BRD_TOOL_LOOK_TEXT], why[BRD_TOOL_LOOK_TEXT];
    brd_value_cursor_t at;
    for (size_t count = brd_tool_look_list (report, "pools", &at); count > 0;
         count--) {
        brd_tool_look_text (&at, "name", name);
        brd_tool_look_text (&at, "broken", why);
        if (why[0] != '\0')
            printf ("  %s: %s\n", name, why);
        if (brd_value_skip (&at) < 0)
            break;
    }
}

static void
s_see (void *arg, const brd_value_cursor_t *report)
{
    char host[BRD_TOOL_LOOK_TEXT], place[BRD_TOOL_LOOK_TEXT],
        up[BRD_TOOL_LOOK_TEXT];
    s_wanted_t *wanted = arg;
    if (wanted->look.json) {
        wanted->failed |=
            brd_tool_look_json (report->at, (size_t) (report->end - report->at))
            < 0;
        return;
    }
    brd_tool_look_text (report, "host", host);
    brd_tool_look_text (report, "place", place);
    brd_tool_look_time (brd_tool_look_number (report, "up_ms"), up);
    const int64_t idle = brd_tool_look_number (report, "free");
    printf ("broker %" PRId64 " on %s, %s, up %s",
            brd_tool_look_number (report, "pid"),
            host,
            place,
            up);
    if (idle > 0)
        printf (", %" PRId64 " free %s", idle, idle == 1 ? "host" : "hosts");
    printf ("\n");
    s_pools (report);
    s_broken (report);
}

int
brd_tool_status (int argc, char **argv)
{
    s_wanted_t wanted = { .failed = 0 };
    brd_tool_parse (&brd_tool_status_argp, argc, argv, &wanted);
    const int code =
        brd_tool_look ("status", wanted.look.broker, s_see, &wanted);
    if (wanted.failed)
        return EX_OSERR;
    return fflush (stdout) != 0 ? EX_IOERR : code;
}
