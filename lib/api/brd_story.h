// brd_story.h - what became of a call, in words
//
// SPDX-License-Identifier: MPL-2.0

#ifndef BRD_STORY_H
#define BRD_STORY_H

#include "brood/brood_error.h"
#include "host/host.h"

// Fills *ret_info from a call's end: "area: worker 411 was killed by SIGSEGV
// (attempt 1)". item < 0: none. text, text_size: the task's own words.
void
brd_story (brood_error_info_t *ret_info,
           const char *task,
           long item,
           const brd_call_end_t *end);

#endif  // BRD_STORY_H
