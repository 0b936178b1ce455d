// launch_ssh.c - agents through ssh
//
// SPDX-License-Identifier: MPL-2.0
//
//     ssh -T ... -p 2222 -- anna@n1 'exec env A=b sh -c ... /path/prog arg'
//
// exec, so that the user's shell does not stay between sshd and the agent. No
// terminal: it would echo the secret, and sshd's hang-up would come before the
// agent's own end. Passwords cannot be asked for, as there is nobody at the
// keyboard of a hundred hosts. What is configured to be forwarded is not: the
// second session of a user would fail at the ports of the first.

#include <stdio.h>
#include <stdlib.h>

#include "base/brd_error.h"
#include "base/brd_mem.h"
#include "tools/launch_engine.h"

static int
s_begin (brd_launch_t *self)
{
    const brd_hosts_t *named = &self->options.place->ssh;
    brd_hosts_t *hosts = &self->hosts;
    hosts->entries = brd_mem_array (named->count, sizeof *hosts->entries);
    if (!hosts->entries)
        return -1;
    hosts->room = named->count;
    for (; hosts->count < named->count; hosts->count++) {
        brd_hosts_entry_t *entry = &hosts->entries[hosts->count];
        *entry = named->entries[hosts->count];
        entry->name = brd_mem_strdup (entry->name);
        if (!entry->name)
            return -1;
    }
    return 0;
}

// ssh takes the first of what is said twice, so that BROOD_SSH has its way.
static void
s_command (const brd_launch_t *self,
           const brd_hosts_entry_t *host,
           brd_launch_words_t *words)
{
    const char *ssh = getenv ("BROOD_SSH");
    brd_launch_words_split (words, ssh && *ssh ? ssh : "ssh");
    brd_launch_words_split (words,
                            "-T -a -x -o BatchMode=yes -o ConnectTimeout=15"
                            " -o ServerAliveInterval=15"
                            " -o ClearAllForwardings=yes");
    if (host->port > 0) {
        char port[16];
        (void) snprintf (port, sizeof port, "%d", host->port);
        brd_launch_words_add (words, "-p");
        brd_launch_words_add (words, port);
    }
    brd_launch_words_add (words, "--");
    brd_launch_words_add (words, host->name);
    brd_launch_words_remote (words, self->options.env, self->options.argv);
}

const brd_launch_engine_t brd_launch_ssh = {
    .kind = BRD_PLACE_SSH,
    .begin = s_begin,
    .command = s_command,
};
