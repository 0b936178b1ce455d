// brd_agent.h - this program, started on another host to be workers there
//
// SPDX-License-Identifier: MPL-2.0
//
//     BROOD_AGENT=1, and on standard input one line:
//     JOIN [SLOTS [NAME]]     wire/brd_join.h; how many workers, what the host
//                             is called; standard input then stays open, and
//                             its end is the agent's
//
// Or BROOD_POOL=mpi in a rank of a job that is not the first: the line is where
// the ranks meet (client/brd_rank.h).
//
// Exit codes: 0 the pool has ended, 77 it was not let in, else as sysexits.h
// says, with a sentence on standard error.

#ifndef BRD_AGENT_H
#define BRD_AGENT_H

// As brd_role_take (): returns if this is no agent.
void
brd_agent_role (int is_main);

#endif  // BRD_AGENT_H
