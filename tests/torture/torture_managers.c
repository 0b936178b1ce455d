// torture_managers.c - managers from birth to end
//
// SPDX-License-Identifier: MPL-2.0
//
// One is there whole or not at all. Faults go on counting in its nursery and in
// its process, from where the copy stood, so these fail, too.

#include "torture.h"

#include <errno.h>

static void
s_use (brood_manager_t *manager)
{
    int n;
    BROOD_AUTO (dict) dict = brood_dict_open (manager, "d");
    if (!TORTURE_OK (dict) || !TORTURE_OK (brood_dict_set (dict, "n", "7") == 0)
        || !TORTURE_OK (brood_dict_get (dict, "n", "%d", &n) == 0))
        return;
    TORTURE_MUST (n == 7);
}

static void
s_new (void)
{
    BROOD_AUTO (manager) manager = brood_manager_new ();
    if (TORTURE_OK (manager))
        s_use (manager);
}

// Served, and connected to from here as well: both are the same.
static void
s_serve (void)
{
    BROOD_AUTO (manager) manager = brood_manager_serve ("tcp://127.0.0.1:0");
    if (!TORTURE_OK (manager))
        return;
    for (int i = 0; i < 2; i++) {
        BROOD_AUTO (manager)
        other =
            brood_manager_connect (brood_manager_address (manager), TORTURE_MS);
        if (TORTURE_OK (other))
            s_use (other);
    }
}

static void
s_shutdown (void)
{
    BROOD_AUTO (manager) manager = brood_manager_new ();
    if (!TORTURE_OK (manager))
        return;
    BROOD_AUTO (dict) dict = brood_dict_new (manager);
    if (!TORTURE_OK (dict)
        || !TORTURE_OK (brood_manager_shutdown (manager) == 0))
        return;
    TORTURE_MUST (brood_dict_set (dict, "n", "7") == -1);
    TORTURE_MUST (errno == EHOSTDOWN || errno == ECONNRESET || errno == ENOMEM);
}

const torture_scenario_t torture_managers[] = {
    { "new", s_new },
    { "serve", s_serve },
    { "shutdown", s_shutdown },
    { NULL, NULL },
};
