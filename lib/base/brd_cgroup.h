// brd_cgroup.h - how much of the machine the system lets this process have
//
// SPDX-License-Identifier: MPL-2.0
//
// Reads only; nothing here fails or allocates: what cannot be read sets no
// limit. root is where cgroups are mounted, NULL for /sys/fs/cgroup; self is
// the text of /proc/self/cgroup, NULL for this process's.

#ifndef BRD_CGROUP_H
#define BRD_CGROUP_H

#include <stdint.h>

// CPUs that the quotas of the group and all above it leave, rounded up, at
// least 1; INT_MAX if there is none. v1 and v2.
int
brd_cgroup_cpus (const char *root, const char *self);

// Bytes of memory they leave; UINT64_MAX if there is no limit.
uint64_t
brd_cgroup_memory (const char *root, const char *self);

#endif  // BRD_CGROUP_H
