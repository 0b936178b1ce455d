// tool_broker.c - brood broker: between programs and other hosts
//
// SPDX-License-Identifier: MPL-2.0
//
//     brood broker --listen tcp://HOST:PORT --keys DIR    broker_standing.c
//     brood broker --fd N PLACE PROGRAM [ARG...]          broker_program.c
//
// People start the first, or a supervisor does; programs start the second.

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "tools/broker.h"
#include "tools/tool.h"

enum {
    S_HOSTS_MAX = 1000,
    S_CLIENTS_MAX = 64,
    S_STRANGERS_MAX = 64,
    S_MOST_HOSTS = 10000,
    S_MOST_CLIENTS = 240,  // Each may have a pool of its own
    S_MOST_STRANGERS = 4096,
    S_KEY_ADDRESS = 256,  // Options without a letter
    S_KEY_EXPIRES,
    S_KEY_HOSTS,
    S_KEY_CLIENTS,
    S_KEY_STRANGERS
};

typedef struct {
    brd_broker_given_t given;
    brd_broker_standing_t standing;
} s_wanted_t;

static const struct argp_option s_options[] = {
    { "listen",
      'l',
      "tcp://HOST:PORT",
      0,
      "Stand there, for any programs and agents that come; port 0 is any that "
      "is free. Where it is, is printed",
      0 },
    { "keys",
      'k',
      "DIR",
      0,
      "What is to survive a restart: a key, and a join string for each role, "
      "in files: work, give, watch, admin. Made, with mode 0700, if it is not "
      "there",
      0 },
    { "address",
      S_KEY_ADDRESS,
      "tcp://NAME:PORT",
      0,
      "What join strings say, instead of this host's addresses; up to eight "
      "times",
      0 },
    { "expires",
      S_KEY_EXPIRES,
      "SECONDS",
      0,
      "Join strings that are made now are good for so long; otherwise for ever",
      0 },
    { "hosts-max", S_KEY_HOSTS, "N", 0, "No more agents than these (1000)", 0 },
    { "clients-max",
      S_KEY_CLIENTS,
      "N",
      0,
      "No more programs that give work (64)",
      0 },
    { "strangers-max",
      S_KEY_STRANGERS,
      "N",
      0,
      "No more connections that are not admitted yet (64)",
      0 },
    { "fd", 'f', "N", 0, "The program that gives work is at descriptor N", 0 },
    { "build",
      'b',
      "HEX",
      0,
      "Only agents that were built from the same may come in",
      0 },
    { 0 },
};

static void
s_read_build (brd_broker_given_t *given,
              const char *text,
              struct argp_state *state)
{
    unsigned byte;
    for (size_t i = 0; i < BRD_CODE_BUILD; i++) {
        if (sscanf (text + 2 * i, "%2x", &byte) != 1)
            argp_error (state, "%s: %d bytes in hex", text, BRD_CODE_BUILD);
        given->build[i] = (unsigned char) byte;
    }
    given->build_size = BRD_CODE_BUILD;
}

static long
s_number (const char *text, long most, struct argp_state *state)
{
    char *end;
    errno = 0;
    const long number = strtol (text, &end, 10);
    if (errno != 0 || end == text || *end != '\0' || number < 1
        || number > most)
        argp_error (state, "%s: wanted a number, 1 to %ld", text, most);
    return number;
}

static void
s_add_address (brd_join_t *join, const char *text, struct argp_state *state)
{
    if (strncmp (text, "tcp://", 6) != 0
        || strlen (text) > BRD_JOIN_ADDRESS_MAX)
        argp_error (state, "%s: wanted tcp://NAME:PORT", text);
    if (join->n_addresses == BRD_JOIN_ADDRESSES)
        argp_error (state, "%d addresses at most", BRD_JOIN_ADDRESSES);
    strcpy (join->addresses[join->n_addresses++], text);  // lint: measured
}

static void
s_check (const s_wanted_t *wanted, struct argp_state *state)
{
    const brd_broker_given_t *given = &wanted->given;
    const brd_broker_standing_t *standing = &wanted->standing;
    if (!standing->listen && (given->fd < 3 || given->count < 2))
        argp_error (state,
                    "where is it to stand? --listen and --keys say that "
                    "(programs start theirs with --fd, a place and what is to "
                    "run there)");
    if (standing->listen && (given->fd >= 0 || given->count > 0))
        argp_error (state, "a standing broker has no program of its own");
    if (standing->listen && !standing->keys)
        argp_error (state, "--keys says where its keys are to be");
    if (standing->listen
        && (strncmp (standing->listen, "tcp://", 6) != 0
            || !strchr (standing->listen + 6, ':')))
        argp_error (state, "%s: wanted tcp://HOST:PORT", standing->listen);
}

static error_t
s_option (int key, char *arg, struct argp_state *state)
{
    s_wanted_t *wanted = state->input;
    brd_broker_given_t *given = &wanted->given;
    brd_broker_standing_t *standing = &wanted->standing;
    switch (key) {
    case 'l':
        standing->listen = arg;
        return 0;
    case 'k':
        standing->keys = arg;
        return 0;
    case S_KEY_ADDRESS:
        s_add_address (&standing->addresses, arg, state);
        return 0;
    case S_KEY_EXPIRES:
        standing->lasts_s = s_number (arg, INT32_MAX, state);
        return 0;
    case S_KEY_HOSTS:
        standing->hosts_max = (int) s_number (arg, S_MOST_HOSTS, state);
        return 0;
    case S_KEY_CLIENTS:
        standing->clients_max = (int) s_number (arg, S_MOST_CLIENTS, state);
        return 0;
    case S_KEY_STRANGERS:
        standing->strangers_max = (int) s_number (arg, S_MOST_STRANGERS, state);
        return 0;
    case 'f':
        given->fd = (int) strtol (arg, NULL, 10);
        return 0;
    case 'b':
        s_read_build (given, arg, state);
        return 0;
    case ARGP_KEY_ARGS:
        given->words = state->argv + state->next;
        given->count = state->argc - state->next;
        return 0;
    case ARGP_KEY_END:
        s_check (wanted, state);
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

const struct argp brd_tool_broker_argp = {
    .options = s_options,
    .parser = s_option,
    .args_doc = "--listen tcp://HOST:PORT --keys DIR\n"
                "--fd N PLACE PROGRAM [ARG...]",
    .doc = "Brings the work of programs to other hosts. A standing broker "
           "serves all that come with a join string of its keys: agents (brood "
           "agent) to do work, programs with BROOD_POOL=tcp://HOST:PORT to "
           "give it. It ends, with 0, at SIGTERM or SIGINT. The other kind "
           "serves one program, which starts it itself.",
};

int
brd_tool_broker (int argc, char **argv)
{
    static s_wanted_t wanted = { .given = { .fd = -1 },
                                 .standing = { .hosts_max = S_HOSTS_MAX,
                                               .clients_max = S_CLIENTS_MAX,
                                               .strangers_max =
                                                   S_STRANGERS_MAX } };
    const struct sigaction ignored = { .sa_handler = SIG_IGN };
    brd_tool_parse (&brd_tool_broker_argp, argc, argv, &wanted);
    (void) sigaction (SIGPIPE, &ignored, NULL);
    return wanted.standing.listen ? brd_broker_standing (&wanted.standing)
                                  : brd_broker_program (&wanted.given);
}
