// brd_role.h - what this process was started to be
//
// SPDX-License-Identifier: MPL-2.0

#ifndef BRD_ROLE_H
#define BRD_ROLE_H

// Before brood is started: returns in a program that a person started. In one
// that brood started it serves as what it was started for, and never returns.
// is_main: 0 when it is not brood_init () that asks; such a program has come
// past its first line, and ends.
void
brd_role_take (int is_main);

#endif  // BRD_ROLE_H
