// tool_run.c - brood run: a program, with its pools at a place
//
// SPDX-License-Identifier: MPL-2.0
//
//     place read, names resolved: what is wrong is told before anything runs
//     --each             tool_run_each.c
//     mpi, in no job     mpirun ARGS env BROOD_POOL=mpi PROGRAM
//     else               BROOD_POOL, BROOD_BIN, and exec
//
// The program takes this one's place, so that signals, descriptors and the exit
// code are its own.

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/brd_error.h"
#include "base/brd_mem.h"
#include "client/brd_config.h"
#include "client/brd_rank.h"
#include "tools/launch_words.h"
#include "tools/tool.h"
#include "tools/tool_run.h"

#define S_MPI "mpi:"

typedef struct {
    const char *place;
    int each;
    char **words;  // The program, and what it is given
} s_wanted_t;

// --- The command line ------------------------------------------------------

static const struct argp_option s_options[] = {
    { "pool", 'p', "PLACE", 0, "Where its pools run; see brood_pool(3)", 0 },
    { "each",
      'e',
      NULL,
      0,
      "Run the program, whatever it is, once on each host of PLACE",
      0 },
    { 0 },
};

static error_t
s_option (int key, char *arg, struct argp_state *state)
{
    s_wanted_t *wanted = state->input;
    switch (key) {
    case 'p':
        wanted->place = arg;
        return 0;
    case 'e':
        wanted->each = 1;
        return 0;
    case ARGP_KEY_ARGS:
        wanted->words = state->argv + state->next;
        return 0;
    case ARGP_KEY_END:
        if (!wanted->place)
            argp_error (state, "where? --pool=PLACE");
        if (!wanted->words)
            argp_error (state, "which program?");
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

const struct argp brd_tool_run_argp = {
    .options = s_options,
    .parser = s_option,
    .args_doc = "PROGRAM [ARG...]",
    .doc = "Runs PROGRAM with its pools at PLACE, as BROOD_POOL does: what a "
           "program that names no place uses. With PLACE mpi, or mpi:ARGS, it "
           "is started by mpirun with these arguments, unless it is in a job "
           "already. The exit code is the program's; 127 says that there is "
           "none, 126 that it cannot be executed. With --each PROGRAM need not "
           "know brood: it runs on each host of ssh:, slurm, or "
           "local:N?hosts=M, what it prints comes behind the host's name, and "
           "the exit code is 1 if one has failed.",
};

// --- Executing -------------------------------------------------------------

static int
s_exec (char *const *argv)
{
    (void) execvp (argv[0], argv);
    const int error = errno;
    fprintf (stderr, "brood: run: %s: %s\n", argv[0], strerror (error));
    return error == ENOENT ? TOOL_NOT_FOUND : TOOL_NOT_EXECUTABLE;
}

// Which this command is, for the program's brokers to be of the same version.
static int
s_set_command (char ret_path[PATH_MAX])
{
    const ssize_t size = readlink ("/proc/self/exe", ret_path, PATH_MAX - 1);
    if (size < 0)
        return brd_error_system ("/proc/self/exe");
    ret_path[size] = '\0';
    return setenv ("BROOD_BIN", ret_path, 1) < 0
               ? brd_error_system ("the environment")
               : 0;
}

static int
s_run_here (const char *place, char **words)
{
    char path[PATH_MAX];
    if (s_set_command (path) < 0)
        return brd_tool_fail ("run");
    if (setenv ("BROOD_POOL", place, 1) < 0) {
        brd_error_system ("the environment");
        return brd_tool_fail ("run");
    }
    return s_exec (words);
}

// Each mpirun has its own way to pass variables on to other hosts; env(1) is
// everywhere.
static int
s_run_mpi (const char *args, char **words)
{
    char path[PATH_MAX], command[PATH_MAX + 16];
    brd_launch_words_t all = { 0 };
    if (s_set_command (path) < 0)
        return brd_tool_fail ("run");
    snprintf (command, sizeof command, "BROOD_BIN=%s", path);
    brd_launch_words_add (&all, "mpirun");
    brd_launch_words_split (&all, args);
    brd_launch_words_add (&all, "env");
    brd_launch_words_add (&all, "BROOD_POOL=mpi");
    brd_launch_words_add (&all, command);
    for (; *words; words++)
        brd_launch_words_add (&all, *words);
    char *const *argv = brd_launch_words_get (&all);
    if (!argv)
        brd_error_system ("the command line");
    const int code = argv ? s_exec (argv) : brd_tool_fail ("run");
    brd_launch_words_fini (&all);
    return code;
}

static int
s_is_in_job (void)
{
    brd_rank_t rank;
    return brd_rank_read (&rank) == 0;
}

static int
s_run_at (const char *text, const s_wanted_t *wanted)
{
    brd_place_t place;
    int code;
    const int is_mpi = strncmp (text, S_MPI, strlen (S_MPI)) == 0;
    if (brd_place_read (is_mpi ? "mpi" : text, &place) < 0)
        return brd_tool_fail ("run");
    if (wanted->each)
        code = brd_tool_run_each (&place, wanted->words);
    else if (place.kind == BRD_PLACE_MPI && !s_is_in_job ())
        code = s_run_mpi (is_mpi ? text + strlen (S_MPI) : "", wanted->words);
    else
        code = s_run_here (is_mpi ? "mpi" : text, wanted->words);
    brd_place_fini (&place);
    return code;
}

int
brd_tool_run (int argc, char **argv)
{
    s_wanted_t wanted = { .place = NULL };
    char *named = NULL;
    brd_tool_parse_first (&brd_tool_run_argp, argc, argv, &wanted);
    const char *text = wanted.place;
    if (text[0] == '@' && brd_config_place (text + 1, &named) < 0)
        return brd_tool_fail ("run");
    const int code = s_run_at (named ? named : text, &wanted);
    brd_mem_free (named);
    return code;
}
