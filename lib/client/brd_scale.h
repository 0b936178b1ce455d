// brd_scale.h - how fast time runs between hosts: BROOD_TIME_SCALE
//
// SPDX-License-Identifier: MPL-2.0
//
// Heartbeats, leases and all that is made of them are multiplied by it, so that
// tests need not wait for minutes. Whoever joins must have the same.

#ifndef BRD_SCALE_H
#define BRD_SCALE_H

// From 0.001 to 1000; 1.0 if it is not set. -1 with EINVAL and a text.
int
brd_scale_read (double *ret_scale);

#endif  // BRD_SCALE_H
