// tool.h - what the brood command is made of: a table of commands
//
// SPDX-License-Identifier: MPL-2.0
//
// Each command is a row in tool.c and a file tool_NAME.c. Its argp says what it
// takes; help, the manual page and the shell's completion are read from that
// too, so a command is described once.

#ifndef TOOL_H
#define TOOL_H

#include <argp.h>
#include <stddef.h>
#include <stdio.h>

#include "transport/brd_curve.h"

// Beside those of sysexits.h, from 64 on: brood's own trouble.
enum {
    TOOL_OK = 0,
    TOOL_TASK_FAILED = 1,
    TOOL_NOT_EXECUTABLE = 126,
    TOOL_NOT_FOUND = 127
};

typedef struct {
    const char *name;
    const char *summary;  // One line: "makes a key pair"
    const struct argp *argp;
    int (*run) (int argc, char **argv);  // argv[0] is "brood NAME"
} brd_tool_command_t;

// All of them, in the order of the help; ends with one without a name.
extern const brd_tool_command_t brd_tool_commands[];

// What there is, a line each; an exit code.
int
brd_tool_usage (FILE *out);

// NULL if there is none of that name.
const brd_tool_command_t *
brd_tool_find (const char *name);

// As argp_parse (), for arguments a command does not take: those end the
// program with EX_USAGE and a hint.
void
brd_tool_parse (const struct argp *argp, int argc, char **argv, void *input);

// The same for a command that ends with another: nothing behind the first word
// that is no option is looked at.
void
brd_tool_parse_first (const struct argp *argp,
                      int argc,
                      char **argv,
                      void *input);

// A descriptor that is readable once SIGTERM or SIGINT has come, which do
// nothing else from now on: before there are threads. -1 with EMFILE, ENOMEM.
int
brd_tool_catch_end (void);

// 1 if one has come; what has is taken.
int
brd_tool_caught_end (int fd);

// The library's error, behind "brood: what: "; returns an exit code for errno.
int
brd_tool_fail (const char *what);

// --- tool_*.c --------------------------------------------------------------

extern const struct argp brd_tool_broker_argp;
int
brd_tool_broker (int argc, char **argv);

extern const struct argp brd_tool_completion_argp;
int
brd_tool_completion (int argc, char **argv);

extern const struct argp brd_tool_drain_argp;
int
brd_tool_drain (int argc, char **argv);

extern const struct argp brd_tool_help_argp;
int
brd_tool_help (int argc, char **argv);

extern const struct argp brd_tool_keygen_argp;
int
brd_tool_keygen (int argc, char **argv);

enum {
    BRD_TOOL_KEYGEN_TEXT = 2 * BRD_CURVE_KEY + 1
};

// A key as a file has it, and back. -1 with EINVAL.
void
brd_tool_keygen_print (const unsigned char key[BRD_CURVE_KEY],
                       char ret_text[BRD_TOOL_KEYGEN_TEXT]);
int
brd_tool_keygen_parse (const char *text, unsigned char ret_key[BRD_CURVE_KEY]);

extern const struct argp brd_tool_agent_argp;
int
brd_tool_agent (int argc, char **argv);

extern const struct argp brd_tool_ping_argp;
int
brd_tool_ping (int argc, char **argv);

extern const struct argp brd_tool_run_argp;
int
brd_tool_run (int argc, char **argv);

extern const struct argp brd_tool_status_argp;
int
brd_tool_status (int argc, char **argv);

extern const struct argp brd_tool_workers_argp;
int
brd_tool_workers (int argc, char **argv);

#endif  // TOOL_H
