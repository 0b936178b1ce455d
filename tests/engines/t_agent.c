// t_agent.c - what the launchers' tests have in the place of an agent
//
// SPDX-License-Identifier: MPL-2.0
//
//     t_agent REPORTS ARG...
//
// Reads its secret, adds a line to the file REPORTS that tells what it was
// given, and waits for the end of its standard input. T_MODE has it do
// otherwise: a number is an exit code, "stubborn" stays when it is told to go.
// No brood in it: this is all that launchers know of agents.

#include <ctype.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/brd_hash.h"

enum {
    S_FDS = 1024
};

// Descriptors other than 0, 1 and 2.
static int
s_count_fds (void)
{
    struct stat status;
    int n = 0;
    for (int fd = 3; fd < S_FDS; fd++)
        n += fstat (fd, &status) == 0;
    return n;
}

// Signals that are ignored or blocked.
static int
s_count_signals (void)
{
    sigset_t blocked;
    int n = 0;
    sigprocmask (SIG_BLOCK, NULL, &blocked);
    for (int i = 1; i < 32; i++) {
        struct sigaction action;
        if (sigaction (i, NULL, &action) == 0)
            n += action.sa_handler == SIG_IGN || sigismember (&blocked, i);
    }
    return n;
}

static void
s_put_hex (FILE *file, const char *text)
{
    fputs (*text ? " " : " .", file);
    for (; *text; text++)
        fprintf (file, "%02x", (unsigned char) *text);
}

// The last of that name, where getenv finds the first: there is to be one.
static const char *
s_value (const char *name)
{
    const size_t size = strlen (name);
    const char *value = "";
    for (char **at = environ; *at; at++)
        if (strncmp (*at, name, size) == 0 && (*at)[size] == '=')
            value = *at + size + 1;
    return value;
}

// In one write, so that lines of several do not mix.
static int
s_report (char **argv, const char *secret)
{
    const char *node = getenv ("SLURMD_NODENAME");
    char *line = NULL;
    size_t size = 0;
    FILE *file = open_memstream (&line, &size);
    fprintf (file,
             "%ld %016llx %d %d %s",
             (long) getpid (),
             (unsigned long long) brd_hash_add (
                 BRD_HASH_EMPTY, secret, strlen (secret)),
             s_count_fds (),
             s_count_signals (),
             node ? node : "-");
    s_put_hex (file, s_value ("T_VALUE"));
    for (int i = 2; argv[i]; i++)
        s_put_hex (file, argv[i]);
    fputc ('\n', file);
    fclose (file);
    const int fd = open (argv[1], O_WRONLY | O_APPEND | O_CREAT, 0600);
    const int whole = fd >= 0 && write (fd, line, size) == (ssize_t) size;
    free (line);
    return whole ? 0 : -1;
}

int
main (int argc, char **argv)
{
    char secret[8192];
    const char *mode = getenv ("T_MODE") ? getenv ("T_MODE") : "";
    const int is_stubborn = strcmp (mode, "stubborn") == 0;
    if (is_stubborn)
        signal (SIGTERM, SIG_IGN);
    if (argc < 2 || !fgets (secret, sizeof secret, stdin))
        return 2;
    secret[strcspn (secret, "\n")] = '\0';
    if (s_report (argv, secret) < 0)
        return 3;
    printf ("this is out\n");
    fflush (stdout);
    fprintf (stderr, "this is err\n");
    if (isdigit ((unsigned char) *mode))
        return atoi (mode);
    while (fgetc (stdin) != EOF)
        continue;
    while (is_stubborn)
        pause ();
    return 0;
}
