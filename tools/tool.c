// tool.c - the brood command
//
// SPDX-License-Identifier: MPL-2.0
//
//     brood [OPTION] COMMAND [ARG...]
//
// Finds the command in the table and gives it the rest. Read next: tool.h, and
// the file of a command.

#include "tools/tool.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sysexits.h>

#include <brood.h>

#include "base/brd_error.h"
#include "base/brd_sys.h"

const brd_tool_command_t brd_tool_commands[] = {
    { "run",
      "runs a program with its pools elsewhere, or on each host",
      &brd_tool_run_argp,
      brd_tool_run },
    { "broker",
      "brings the work of programs to other hosts",
      &brd_tool_broker_argp,
      brd_tool_broker },
    { "agent",
      "keeps a program's agent at a standing broker",
      &brd_tool_agent_argp,
      brd_tool_agent },
    { "status",
      "tells what brokers do",
      &brd_tool_status_argp,
      brd_tool_status },
    { "workers",
      "tells who works for brokers",
      &brd_tool_workers_argp,
      brd_tool_workers },
    { "ping",
      "tells how far away a broker is",
      &brd_tool_ping_argp,
      brd_tool_ping },
    { "drain",
      "has a host get nothing new",
      &brd_tool_drain_argp,
      brd_tool_drain },
    { "keygen",
      "makes a key pair for a broker",
      &brd_tool_keygen_argp,
      brd_tool_keygen },
    { "completion",
      "prints what a shell needs to complete these commands",
      &brd_tool_completion_argp,
      brd_tool_completion },
    { "help", "tells about a command", &brd_tool_help_argp, brd_tool_help },
    { NULL, NULL, NULL, NULL },
};

const brd_tool_command_t *
brd_tool_find (const char *name)
{
    for (const brd_tool_command_t *i = brd_tool_commands; i->name; i++) {
        if (strcmp (i->name, name) == 0)
            return i;
    }
    return NULL;
}

static void
s_parse (
    const struct argp *argp, int argc, char **argv, unsigned flags, void *input)
{
    argp_err_exit_status = EX_USAGE;
    const int error = argp_parse (argp, argc, argv, flags, NULL, input);
    if (error != 0) {
        fprintf (stderr, "%s: %s\n", argv[0], strerror (error));
        exit (error == ENOMEM ? EX_OSERR : EX_USAGE);
    }
}

void
brd_tool_parse (const struct argp *argp, int argc, char **argv, void *input)
{
    s_parse (argp, argc, argv, 0, input);
}

void
brd_tool_parse_first (const struct argp *argp,
                      int argc,
                      char **argv,
                      void *input)
{
    s_parse (argp, argc, argv, ARGP_IN_ORDER, input);
}

int
brd_tool_catch_end (void)
{
    sigset_t set;
    sigemptyset (&set);
    sigaddset (&set, SIGTERM);
    sigaddset (&set, SIGINT);
    (void) pthread_sigmask (SIG_BLOCK, &set, NULL);
    const int fd = signalfd (-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    return fd < 0 ? brd_error_system ("signalfd") : fd;
}

int
brd_tool_caught_end (int fd)
{
    struct signalfd_siginfo signal;
    int caught = 0;
    while (brd_sys_read (fd, &signal, sizeof signal) == sizeof signal)
        caught = 1;
    return caught;
}

int
brd_tool_fail (const char *what)
{
    static const struct {
        int error;
        int code;
    } codes[] = {
        { EINVAL, EX_USAGE },     { ENOENT, EX_NOINPUT },
        { EACCES, EX_NOPERM },    { EPERM, EX_NOPERM },
        { EEXIST, EX_CANTCREAT }, { ENOTSUP, EX_UNAVAILABLE },
        { EPROTO, EX_PROTOCOL },  { ETIMEDOUT, EX_TEMPFAIL },
        { EAGAIN, EX_TEMPFAIL },  { EHOSTUNREACH, EX_UNAVAILABLE },
    };
    const int error = errno;
    fprintf (stderr, "brood: %s: %s\n", what, brood_error ());
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++) {
        if (codes[i].error == error)
            return codes[i].code;
    }
    return EX_OSERR;
}

// --- brood itself ----------------------------------------------------------

int
brd_tool_usage (FILE *out)
{
    fprintf (out,
             "Usage: brood COMMAND [ARG...]\n"
             "Processes, pools and what they share, also on other hosts.\n\n");
    for (const brd_tool_command_t *i = brd_tool_commands; i->name; i++)
        fprintf (out, "  %-12s %s\n", i->name, i->summary);
    fprintf (out, "\nbrood help COMMAND tells more; brood --version.\n");
    return ferror (out) ? EX_IOERR : TOOL_OK;
}

// "brood NAME", for the command's own messages.
static int
s_run (const brd_tool_command_t *command, int argc, char **argv)
{
    char name[64];
    snprintf (name, sizeof name, "brood %s", command->name);
    argv[0] = name;
    return command->run (argc, argv);
}

int
main (int argc, char **argv)
{
    const char *first = argc > 1 ? argv[1] : "";
    if (strcmp (first, "--version") == 0 || strcmp (first, "-V") == 0) {
        printf ("brood %s\n", brood_version ());
        return fflush (stdout) == 0 ? TOOL_OK : EX_IOERR;
    }
    if (strcmp (first, "--help") == 0 || strcmp (first, "-?") == 0)
        return brd_tool_usage (stdout);
    const brd_tool_command_t *command = brd_tool_find (first);
    if (command)
        return s_run (command, argc - 1, argv + 1);
    if (argc > 1)
        fprintf (stderr, "brood: there is no command %s\n", first);
    (void) brd_tool_usage (stderr);
    return EX_USAGE;
}
