// brd_manager_handle.h - the inside of a brood_manager_t
//
// SPDX-License-Identifier: MPL-2.0

#ifndef BRD_MANAGER_HANDLE_H
#define BRD_MANAGER_HANDLE_H

#include "base/brd_handle.h"
#include "brood/brood_manager.h"
#include "client/brd_session.h"
#include "manager/manager.h"

struct brood_manager {
    brd_handle_t handle;
    brd_session_t *session;
    int is_maker;  // 1: made by new or serve; process is its
    brd_manager_process_t process;
};

#endif  // BRD_MANAGER_HANDLE_H
