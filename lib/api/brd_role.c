// brd_role.c - what this process was started to be
//
// SPDX-License-Identifier: MPL-2.0
//
// brood starts copies of the program that are not for its main. Each kind finds
// out for itself whether it is meant, from something that whoever started it
// left and nobody else can have left by chance.

#include "api/brd_role.h"

#include <stddef.h>

#include "api/brd_agent.h"
#include "api/brd_exec.h"

// Returns if this process is not that.
typedef void
s_role_fn (int is_main);

static s_role_fn *const s_roles[] = {
    brd_exec_role,   // A nursery by exec: start_exec
    brd_agent_role,  // Workers of another host
};

void
brd_role_take (int is_main)
{
    for (size_t i = 0; i < sizeof s_roles / sizeof *s_roles; i++)
        s_roles[i](is_main);
}
