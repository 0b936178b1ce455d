// tool_completion.c - brood completion: the commands, for a shell
//
// SPDX-License-Identifier: MPL-2.0
//
// Made from the table and each command's options, as help is.

#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#include "tools/tool.h"

static error_t
s_option (int key, char *arg, struct argp_state *state)
{
    if (key != ARGP_KEY_ARG)
        return ARGP_ERR_UNKNOWN;
    if (strcmp (arg, "bash") != 0)
        argp_error (state, "%s: bash is the shell that is known", arg);
    return 0;
}

const struct argp brd_tool_completion_argp = {
    .parser = s_option,
    .args_doc = "[bash]",
    .doc = "Prints a script; where completions are kept, "
           "/etc/bash_completion.d/brood say, the shell finds it.",
};

static void
s_options (const struct argp_option *options)
{
    for (; options && (options->name || options->key || options->doc);
         options++) {
        if (options->name && !(options->flags & OPTION_HIDDEN))
            printf (" --%s", options->name);
    }
}

int
brd_tool_completion (int argc, char **argv)
{
    brd_tool_parse (&brd_tool_completion_argp, argc, argv, NULL);
    printf ("_brood ()\n"
            "{\n"
            "    local words word=${COMP_WORDS[COMP_CWORD]}\n"
            "    case $COMP_CWORD:${COMP_WORDS[1]} in\n"
            "    1:*) words=\"--help --version");
    for (const brd_tool_command_t *i = brd_tool_commands; i->name; i++)
        printf (" %s", i->name);
    printf ("\" ;;\n");
    for (const brd_tool_command_t *i = brd_tool_commands; i->name; i++) {
        printf ("    *:%s) words=\"--help --usage", i->name);
        s_options (i->argp->options);
        printf ("\" ;;\n");
    }
    printf ("    esac\n"
            "    COMPREPLY=( $(compgen -W \"$words\" -- \"$word\") )\n"
            "    [[ ${#COMPREPLY[@]} -gt 0 || $COMP_CWORD -eq 1 ]] ||\n"
            "        COMPREPLY=( $(compgen -f -- \"$word\") )\n"
            "}\n"
            "complete -F _brood brood\n");
    return fflush (stdout) == 0 ? TOOL_OK : EX_IOERR;
}
