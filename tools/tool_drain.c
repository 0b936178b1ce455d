// tool_drain.c - brood drain: a host is to be left alone
//
// SPDX-License-Identifier: MPL-2.0

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#include "tools/ask.h"
#include "tools/ask_dial.h"
#include "tools/tool.h"
#include "tools/tool_look.h"

typedef struct {
    const char *broker;
    const char *host;
    int undo;
} s_wanted_t;

static const struct argp_option s_options[] = {
    { "undo", 'u', NULL, 0, "The host gets work again", 0 },
    { 0 },
};

static int
s_is_name (const char *text)
{
    size_t size = 0;
    for (; text[size] > ' ' && text[size] <= '~'; size++)
        continue;
    return size > 0 && size < 256 && text[size] == '\0';
}

static error_t
s_option (int key, char *arg, struct argp_state *state)
{
    s_wanted_t *wanted = state->input;
    switch (key) {
    case 'u':
        wanted->undo = 1;
        return 0;
    case ARGP_KEY_ARG:
        if (state->arg_num > 1)
            argp_error (state, "a broker and one of its hosts");
        if (state->arg_num == 1 && !s_is_name (arg))
            argp_error (state, "%s: not the name of a host", arg);
        *(state->arg_num == 0 ? &wanted->broker : &wanted->host) = arg;
        return 0;
    case ARGP_KEY_END:
        if (!wanted->host)
            argp_error (state, "which broker, and which of its hosts?");
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

const struct argp brd_tool_drain_argp = {
    .options = s_options,
    .parser = s_option,
    .args_doc = "BROKER HOST",
    .doc = "Gives HOST nothing new: what it runs it finishes, what it has not "
           "started goes to others, and it stays joined. So it is with agents "
           "of that name that come later. brood workers tells the names, and "
           "when nothing runs there any more. BROKER is as for brood status; "
           "by tcp, the join string must be one that may change something.",
};

// An errno that is told apart from the file's not being there.
static int
s_fail (void)
{
    const int error = errno;
    const int code = brd_tool_fail ("drain");
    return error == ENOENT ? EX_NOHOST : code;
}

int
brd_tool_drain (int argc, char **argv)
{
    char question[BRD_ASK_QUESTION_MAX + 1];
    s_wanted_t wanted = { .broker = NULL };
    brd_buf_t answer;
    brd_tool_parse (&brd_tool_drain_argp, argc, argv, &wanted);
    brd_ask_dial_t *dial = brd_ask_dial_new (wanted.broker);
    if (!dial)
        return brd_tool_fail ("drain");
    snprintf (question,
              sizeof question,
              "%s %s",
              wanted.undo ? "undrain" : "drain",
              wanted.host);
    brd_buf_init (&answer, SIZE_MAX / 2);
    const int rc =
        brd_ask_dial_ask (dial, question, brd_tool_look_deadline (), &answer);
    const int code = rc < 0 ? s_fail () : TOOL_OK;
    brd_buf_fini (&answer);
    brd_ask_dial_destroy (&dial);
    return code;
}
