// brd_waitable.h - what a class tells of itself to brood_wait_any ()
//
// SPDX-License-Identifier: MPL-2.0

#ifndef BRD_WAITABLE_H
#define BRD_WAITABLE_H

#include "base/brd_handle.h"
#include "shared/brd_object.h"

typedef struct {
    // Before each look, NULL: nothing is to be done. Not locked.
    int (*prepare) (void *handle);
    // 1 if a call that waits would not, 0, or -1 with errno. It has changed
    // nothing that others see. Of classes on the host: under the host's lock.
    int (*ready) (void *handle);
    // The object whose changes ring (brd_bell.h); NULL, or NULL: none.
    brd_hold_t *(*hold) (void *handle);
    // A descriptor that is readable when it may be ready; NULL, or -1: none.
    int (*fd) (void *handle);
    int on_host;  // 1: it becomes ready by what the host does
} brd_waitable_t;

extern const brd_waitable_t brd_event_waitable;
extern const brd_waitable_t brd_future_waitable;
extern const brd_waitable_t brd_process_waitable;
extern const brd_waitable_t brd_queue_waitable;
extern const brd_waitable_t brd_stream_waitable;
extern const brd_waitable_t brd_conn_waitable;
extern const brd_waitable_t brd_listener_waitable;

#endif  // BRD_WAITABLE_H
