// brd_managed.h - objects at a manager, for the classes that have such
//
// SPDX-License-Identifier: MPL-2.0
//
// A class's struct begins with a brd_remote_t, whose head is its handle:
//
//     struct brood_dict {
//         union {
//             brd_handle_t handle;
//             brd_remote_t remote;
//         };
//     };

#ifndef BRD_MANAGED_H
#define BRD_MANAGED_H

#include <stddef.h>

#include "brood/brood_manager.h"
#include "client/brd_remote.h"

// Memory of size for a handle of the object called name, or of a new one if
// name is NULL. options may be NULL. NULL with errno.
void *
brd_managed_open (brood_manager_t *manager,
                  brd_kind_t kind,
                  const char *name,
                  const brd_buf_t *options,
                  size_t size);

// The same for a ref.
void *
brd_managed_from (void *ref, brd_kind_t kind, size_t size);

// Takes NULL, keeps errno. What the class has beside it must be gone.
void
brd_managed_destroy (brd_remote_t *remote);

// The answer of a call that has been filled: done and ended. rc: what came of
// filling it.
int
brd_managed_finish (brd_remote_t *remote, brd_session_call_t *call, int rc);
int
brd_managed_finish_int (brd_remote_t *remote,
                        brd_session_call_t *call,
                        int rc,
                        int64_t *ret_answer);
int
brd_managed_finish_unpack (brd_remote_t *remote,
                           brd_session_call_t *call,
                           int rc,
                           const char *picture,
                           va_list *args);
brood_msg_t *
brd_managed_finish_msg (brd_remote_t *remote, brd_session_call_t *call, int rc);

#endif  // BRD_MANAGED_H
