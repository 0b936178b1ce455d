// fuzz_place.c - any text as a place to run
//
// SPDX-License-Identifier: MPL-2.0
//
// What is taken names no more hosts than there may be, each with a name that
// can stand in a command line, and numbers in their bounds.

#include <stdint.h>
#include <string.h>

#include "base/brd_check.h"
#include "client/brd_place.h"

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);

static void
s_check (const brd_hosts_entry_t *entry)
{
    const size_t length = strlen (entry->name);
    brd_assert (length > 0 && length <= BRD_HOSTS_NAME_MAX);
    brd_assert (entry->name[0] != '-' && !strpbrk (entry->name, " \t\n\r"));
    brd_assert (entry->port >= 0 && entry->port <= 65535);
    brd_assert (entry->slots >= 0 && entry->slots <= BRD_HOSTS_SLOTS_MAX);
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
    char text[512];
    brd_place_t place;
    if (size >= sizeof text)
        return 0;
    memcpy (text, data, size);
    text[size] = '\0';
    // A file of any name is none of ours.
    if (strncmp (text, "ssh:@", 5) == 0 || brd_place_read (text, &place) < 0)
        return 0;
    brd_assert (place.ssh.count <= BRD_HOSTS_MAX);
    for (size_t i = 0; i < place.ssh.count; i++)
        s_check (&place.ssh.entries[i]);
    brd_place_fini (&place);
    return 0;
}
