// tool_run.h - brood run --each: any program, on each host of a place
//
// SPDX-License-Identifier: MPL-2.0

#ifndef TOOL_RUN_H
#define TOOL_RUN_H

#include "client/brd_place.h"

// Runs it once on each host and prints what it prints, line by line behind the
// host's name. Returns the exit code of brood run.
int
brd_tool_run_each (const brd_place_t *place, char **words);

#endif  // TOOL_RUN_H
