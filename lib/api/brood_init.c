// brood_init.c - starting, ending, and driving from a foreign event loop
//
// SPDX-License-Identifier: MPL-2.0
//
// Thin: the state is in brd_runtime.c, the driving in broker/host/host_drive.c.

#include "brood/brood_init.h"

#include <errno.h>
#include <string.h>

#include "api/brd_role.h"
#include "api/brd_runtime.h"
#include "base/brd_check.h"
#include "base/brd_clock.h"
#include "base/brd_process.h"

static int
s_take_option (const char *text)
{
    static const char pool[] = "--brood-pool=";
    if (strncmp (text, pool, sizeof pool - 1) == 0)
        return brd_runtime_set_pool_spec (text + sizeof pool - 1);
    return brd_error_set (EPROTO, "%s: not an option of brood", text);
}

// Takes --brood-* out of argv, up to "--".
static int
s_take_options (int *argc, char **argv)
{
    int kept = 0, rc = 0, rest = 0;
    for (int i = 0; i < *argc; i++) {
        rest |= strcmp (argv[i], "--") == 0;
        if (i > 0 && !rest && strncmp (argv[i], "--brood-", 8) == 0)
            rc |= s_take_option (argv[i]);
        else
            argv[kept++] = argv[i];
    }
    argv[kept] = NULL;
    *argc = kept;
    return rc;
}

int
brood_init_with (int *argc, char ***argv, const brood_options_t *options)
{
    if (brd_process_role () == BRD_ROLE_NONE)
        brd_role_take (1);
    BRD_REQUIRE ((argc == NULL) == (argv == NULL), -1);
    if (options)
        BRD_REQUIRE_ZERO (options->reserved_, -1);
    if (argc && *argv && s_take_options (argc, *argv) < 0)
        return -1;
    return brd_runtime_start (options);
}

int
brood_init (int *argc, char ***argv)
{
    return brood_init_with (argc, argv, NULL);
}

void
brood_fini (void)
{
    brd_runtime_stop ();
}

int
brood_cpu_count (void)
{
    return brd_process_cpus ();
}

void
brood_interrupt (void)
{
    brd_runtime_interrupt ();
}

int
brood_fd (void)
{
    brd_host_t *host = brd_runtime_host ();
    return host ? brd_host_fd (host) : -1;
}

long
brood_dispatch (int timeout_ms)
{
    BRD_REQUIRE (timeout_ms >= BROOD_FOREVER, -1);
    brd_host_t *host = brd_runtime_host ();
    return host ? brd_host_dispatch (host, brd_clock_deadline (timeout_ms))
                : -1;
}

int
brood_set_authkey (const void *key, size_t size_bytes)
{
    BRD_REQUIRE (key != NULL, -1);
    BRD_REQUIRE (size_bytes > 0 && size_bytes <= BROOD_AUTHKEY_SIZE_MAX, -1);
    if (brd_runtime_need () < 0)
        return -1;
    brd_authkey_t copy = { .size = size_bytes };
    memcpy (copy.bytes, key, size_bytes);
    brd_runtime_set_authkey (&copy);
    explicit_bzero (&copy, sizeof copy);
    return 0;
}

#define S_TEXT_(number) #number
#define S_VERSION_(major, minor, patch) \
    S_TEXT_ (major) "." S_TEXT_ (minor) "." S_TEXT_ (patch)

const char *
brood_version (void)
{
    return S_VERSION_ (
        BROOD_VERSION_MAJOR, BROOD_VERSION_MINOR, BROOD_VERSION_PATCH);
}
