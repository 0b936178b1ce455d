// tool_help.c - brood help: about a command, and the manual page of all
//
// SPDX-License-Identifier: MPL-2.0

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <time.h>

#include <brood.h>

#include "tools/tool.h"

typedef struct {
    const char *command;
    int man;
} s_wanted_t;

static const struct argp_option s_options[] = {
    { "man", 'm', NULL, 0, "Print the manual page brood(1), in roff", 0 },
    { 0 },
};

static error_t
s_option (int key, char *arg, struct argp_state *state)
{
    s_wanted_t *wanted = state->input;
    if (key == 'm')
        wanted->man = 1;
    else if (key == ARGP_KEY_ARG && !wanted->command)
        wanted->command = arg;
    else
        return ARGP_ERR_UNKNOWN;
    return 0;
}

const struct argp brd_tool_help_argp = {
    .options = s_options,
    .parser = s_option,
    .args_doc = "[COMMAND]",
    .doc = "Tells what COMMAND does and takes; without one, which there are.",
};

// --- The manual page -------------------------------------------------------

static void
s_text (const char *text, size_t size)
{
    for (const char *end = text + size; text < end; text++) {
        if (*text == '-' || *text == '\\')
            putchar ('\\');
        putchar (*text);
    }
}

static void
s_man_option (const struct argp_option *option)
{
    const char *doc = option->doc ? option->doc : "";
    printf (".TP\n.B ");
    if (option->key > ' ' && option->key < 127)
        printf ("\\-%c, ", option->key);
    printf ("\\-\\-");
    s_text (option->name, strlen (option->name));
    if (option->arg)
        printf ("\\fR=\\fI%s", option->arg);
    printf ("\n");
    s_text (doc, strlen (doc));
    printf (".\n");
}

// As argp's help has it: each line of args_doc is another way to call it.
static void
s_man_usage (const char *name, const char *args, int has_options)
{
    for (;;) {
        const size_t size = strcspn (args, "\n");
        printf (".B brood %s\n%s", name, has_options ? "[OPTION...] " : "");
        s_text (args, size);
        args += size;
        if (*args == '\0')
            break;
        printf ("\n.br\n");
        args++;
    }
    printf ("\n.PP\n");
}

static void
s_man_command (const brd_tool_command_t *command)
{
    const struct argp *argp = command->argp;
    printf (".SS brood %s\n", command->name);
    s_man_usage (command->name,
                 argp->args_doc ? argp->args_doc : "",
                 argp->options && argp->options[0].name);
    s_text (argp->doc, strlen (argp->doc));
    printf ("\n");
    for (const struct argp_option *i = argp->options;
         i && (i->name || i->key || i->doc);
         i++) {
        if (i->name && !(i->flags & OPTION_HIDDEN))
            s_man_option (i);
    }
}

// SOURCE_DATE_EPOCH's, for builds that are to be the same again, else today's.
static void
s_date (char ret_text[16])
{
    const char *epoch = getenv ("SOURCE_DATE_EPOCH");
    const time_t now = epoch ? (time_t) strtoll (epoch, NULL, 10) : time (NULL);
    struct tm day;
    if (!gmtime_r (&now, &day)
        || strftime (ret_text, 16, "%Y-%m-%d", &day) == 0)
        snprintf (ret_text, 16, "1970-01-01");
}

static int
s_man (void)
{
    char date[16];
    s_date (date);
    printf (".TH BROOD 1 \"%s\" \"brood %s\" \"brood\"\n"
            ".SH NAME\nbrood \\- processes and pools, also on other hosts\n"
            ".SH SYNOPSIS\n.B brood\n.I COMMAND\n[ARG...]\n"
            ".SH COMMANDS\n",
            date,
            brood_version ());
    for (const brd_tool_command_t *i = brd_tool_commands; i->name; i++)
        s_man_command (i);
    printf (".SH EXIT STATUS\n"
            "0: done. 1: a task failed. 64 to 78: as sysexits.h says; "
            "64 is a command line that cannot be read. 124 to 127, and 128 "
            "and a signal's number: as of timeout(1).\n"
            ".SH SEE ALSO\n.BR brood (7)\n");
    return fflush (stdout) == 0 ? TOOL_OK : EX_IOERR;
}

int
brd_tool_help (int argc, char **argv)
{
    s_wanted_t wanted = { .command = NULL };
    brd_tool_parse (&brd_tool_help_argp, argc, argv, &wanted);
    if (wanted.man)
        return s_man ();
    if (!wanted.command)
        return brd_tool_usage (stdout);
    const brd_tool_command_t *command = brd_tool_find (wanted.command);
    if (!command) {
        fprintf (stderr, "brood: there is no command %s\n", wanted.command);
        return EX_USAGE;
    }
    char name[64];
    snprintf (name, sizeof name, "brood %s", command->name);
    argp_help (command->argp, stdout, ARGP_HELP_STD_HELP, name);
    return ferror (stdout) ? EX_IOERR : TOOL_OK;
}
