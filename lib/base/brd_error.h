// brd_error.h - the calling thread's last error
//
// SPDX-License-Identifier: MPL-2.0
//
// Every failing function below the API ends in one of these, so errno and the
// story are set in the same place and cannot disagree. Kept per thread, in
// storage that needs no allocation: "out of memory" must be sayable.

#ifndef BRD_ERROR_H
#define BRD_ERROR_H

#include "brood/brood_error.h"

// Sets errno and the text, clears all other fields; returns -1. error must be
// an errno value > 0; its brood_kind_t follows from it.
int
brd_error_set (int error, const char *format, ...) BROOD_PRINTF (2, 3);

// The same for a failed system call: "what: strerror", errno kept.
int
brd_error_system (const char *format, ...) BROOD_PRINTF (1, 2);

// Takes over a whole story (a task's outcome); errno becomes info->error.
int
brd_error_take (const brood_error_info_t *info);

// "prefix: " in front of the text there is; errno and fields stay. Returns -1.
int
brd_error_prefix (const char *format, ...) BROOD_PRINTF (1, 2);

// The calling thread's story, never NULL; info->text is "" if there is none.
const brood_error_info_t *
brd_error_get (void);

// Drops the text, so that what is there later was said later.
void
brd_error_forget (void);

// BROOD_CANCELLED for ECANCELED and so on; BROOD_SYSTEM for what has no kind
// of its own, BROOD_OK for 0.
brood_kind_t
brd_error_kind (int error);

// "SIGSEGV" for 11, "signal 63" for what has no name (in buf).
const char *
brd_error_signal_name (int signal, char *buf, size_t size);

#endif  // BRD_ERROR_H
