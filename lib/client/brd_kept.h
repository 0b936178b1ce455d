// brd_kept.h - what a thread has been given on loan by its last getter
//
// SPDX-License-Identifier: MPL-2.0
//
// A getter with a picture has no message to hand out, yet "<%zu %p>" and "@%p"
// lend parts of one. So the thread keeps it until its next getter that lends.

#ifndef BRD_KEPT_H
#define BRD_KEPT_H

#include <stdarg.h>

#include "brood/brood_msg.h"

// 1 if what the picture unpacks is on loan from the message.
int
brd_kept_lends (const char *picture);

// Unpacks and keeps: the message is taken on success, and stays until this
// thread's next call of this, or its end. -1 as brood_msg_unpack (), or ENOMEM.
int
brd_kept_unpack (brood_msg_t **msg_p, const char *picture, va_list *args);

#endif  // BRD_KEPT_H
