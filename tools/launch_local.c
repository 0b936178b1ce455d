// launch_local.c - agents on this host, each as if it were another
//
// SPDX-License-Identifier: MPL-2.0
//
//     local:8?hosts=3    local1/3 local2/3 local3/2

#include <stdio.h>

#include "tools/launch_engine.h"

static int
s_begin (brd_launch_t *self)
{
    char text[32];
    const brd_place_t *place = self->options.place;
    const int count = place->hosts_here > 0 ? place->hosts_here : 1;
    (void) snprintf (text, sizeof text, "local[1-%d]", count);
    if (brd_hosts_read (&self->hosts, text, text) < 0)
        return -1;
    for (int i = 0; i < count; i++)
        self->hosts.entries[i].slots =
            place->workers / count + (i < place->workers % count);
    return 0;
}

static void
s_command (const brd_launch_t *self,
           const brd_hosts_entry_t *host,
           brd_launch_words_t *words)
{
    (void) host;
    for (const char *const *word = self->options.argv; *word; word++)
        brd_launch_words_add (words, *word);
}

const brd_launch_engine_t brd_launch_local = {
    .kind = BRD_PLACE_LOCAL,
    .begin = s_begin,
    .command = s_command,
    .passes_env = 1,
};
