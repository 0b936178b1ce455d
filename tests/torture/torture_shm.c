// torture_shm.c - shared memory by name: each call fails once
//
// SPDX-License-Identifier: MPL-2.0
//
// The keeper of the names is forked with the fault in it, so its calls fail as
// well: then the question is asked again, or has an answer that says why. What
// could not be made has no name, and what could not be dropped still has it.

#include "torture.h"

#include <errno.h>
#include <string.h>

enum {
    S_SIZE = 10000
};

static void
s_must_have (brood_shm_t *self, brood_shm_t *other)
{
    TORTURE_MUST (brood_shm_size (other) == S_SIZE);
    TORTURE_MUST (strcmp (brood_shm_name (self), brood_shm_name (other)) == 0);
    TORTURE_MUST (strcmp (brood_shm_ptr (other), "here") == 0);
}

static void
s_memory (void)
{
    BROOD_AUTO (shm) self = brood_shm_new (NULL, S_SIZE);
    if (!TORTURE_OK (self))
        return;
    strcpy (brood_shm_ptr (self), "here");
    BROOD_AUTO (shm) by_name = brood_shm_open (brood_shm_name (self));
    if (TORTURE_OK (by_name))
        s_must_have (self, by_name);
    BROOD_AUTO (shm) by_ref = brood_shm_from (brood_ref (self));
    if (TORTURE_OK (by_ref))
        s_must_have (self, by_ref);
    while (!TORTURE_OK (brood_shm_unlink (self) == 0))
        continue;
    BROOD_AUTO (shm) gone = brood_shm_open (brood_shm_name (self));
    TORTURE_MUST (!gone);
}

static void
s_list (void)
{
    int n = 0;
    BROOD_AUTO (shmlist)
    self = brood_shmlist_new (NULL, "[%d, %s]", 1, "some text");
    if (!TORTURE_OK (self))
        return;
    const int set = TORTURE_OK (brood_shmlist_set (self, 0, "%d", 2) == 0);
    if (TORTURE_OK (brood_shmlist_get (self, 0, "%d", &n) == 0))
        TORTURE_MUST (n == (set ? 2 : 1));
    BROOD_AUTO (shmlist) again = brood_shmlist_from (brood_ref (self));
    (void) TORTURE_OK (again);
    BROOD_AUTO (msg) all = brood_shmlist_copy (self);
    if (TORTURE_OK (all))
        TORTURE_MUST (brood_msg_len (all, "") == 2);
    const long place = brood_shmlist_index (self, "%s", "some text");
    if (TORTURE_OK (place >= 0))
        TORTURE_MUST (place == 1);
    while (!TORTURE_OK (brood_shmlist_unlink (self) == 0))
        continue;
}

const torture_scenario_t torture_shm[] = {
    { "memory", s_memory },
    { "list", s_list },
    { NULL, NULL },
};
