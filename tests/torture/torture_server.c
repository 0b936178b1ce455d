// torture_server.c - a manager whose own calls fail
//
// SPDX-License-Identifier: MPL-2.0
//
//     torture --+-- brood_manager_new ()              own
//               +-- tcp --> program that serves       other: a child made
//                                                     before brood_init (),
//                                                     which ends with us
//
// Faults are armed in its process by a method of a class of its own.
//
// Read torture_managed.c next.

#include "torture.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/brd_clock.h"
#include "base/brd_fault.h"
#include "base/brd_sleep.h"

static brood_manager_t *s_manager;
static brood_proxy_t *s_fault;
static char s_address[1200];
static int s_alive[2] = { -1, -1 };  // Closed when we end

// --- In the manager --------------------------------------------------------

// One for all of them.
static void *
s_new (const brood_msg_t *in)
{
    static int object;
    (void) in;
    return &object;
}

static int
s_arm (void *object, const brood_msg_t *in, brood_msg_t *out)
{
    int kind, error;
    long n;
    (void) object;
    if (brood_msg_unpack (in, "[%d, %ld, %d]", &kind, &n, &error) < 0)
        return -1;
    const long count = brd_fault_count ((brd_fault_t) kind);
    brd_fault_arm ((brd_fault_t) kind, n, error);
    return brood_msg_pack (out, "%ld", count);
}

static int
s_count (void *object, const brood_msg_t *in, brood_msg_t *out)
{
    static int calls;
    (void) object;
    (void) in;
    return brood_msg_pack (out, "%d", ++calls);
}

static const brood_method_t s_methods[] = { { "arm", s_arm },
                                            { "count", s_count },
                                            { NULL, NULL } };

static const brood_class_t s_class = { .name = "Fault",
                                       .new_fn = s_new,
                                       .methods = s_methods };

// --- Another program -------------------------------------------------------

static const char s_key[] = "a key for the torture's managers";

static void
s_serve (int say)
{
    char nothing;
    int rc = 1;
    close (s_alive[1]);
    brood_set_authkey (s_key, sizeof s_key);
    brood_manager_t *manager = brood_manager_serve ("tcp://127.0.0.1:0");
    if (manager && brood_manager_register (manager, &s_class) == 0) {
        const char *address = brood_manager_address (manager);
        rc = write (say, address, strlen (address) + 1) < 0
             || read (s_alive[0], &nothing, 1) != 0;
    }
    brood_manager_destroy (&manager);
    _exit (rc);
}

void
torture_server_fork (void)
{
    int say[2];
    TORTURE_MUST (pipe (say) == 0 && pipe (s_alive) == 0);
    const pid_t pid = fork ();
    TORTURE_MUST (pid >= 0);
    if (pid == 0)
        s_serve (say[1]);
    close (say[1]);
    close (s_alive[0]);
    TORTURE_MUST (read (say[0], s_address, sizeof s_address - 1) > 0);
    close (say[0]);
    brood_set_authkey (s_key, sizeof s_key);
}

// --- Ours ------------------------------------------------------------------

brood_manager_t *
torture_manager (void)
{
    return s_manager;
}

// What an interrupt rings: made when first needed, which is a matter of who is
// quicker.
static void
s_make_bell (void)
{
    struct pollfd fds[1];
    brd_sleep_t sleep;
    brd_sleep_begin (&sleep, brd_clock_deadline (1));
    (void) brd_sleep_poll (&sleep, fds, 0);
}

void
torture_server_make (torture_manager_t where)
{
    s_make_bell ();
    const int other = where == TORTURE_OTHER_MANAGER;
    s_manager = other ? brood_manager_connect (s_address, TORTURE_MS)
                      : brood_manager_new ();
    TORTURE_MUST (s_manager != NULL);
    TORTURE_MUST (other || brood_manager_register (s_manager, &s_class) == 0);
    s_fault = brood_proxy_new (s_manager, "Fault", "nil");
    TORTURE_MUST (s_fault != NULL);
}

void
torture_server_end (void)
{
    brood_proxy_destroy (&s_fault);
    brood_manager_destroy (&s_manager);
}

int
torture_server_mend (torture_manager_t where)
{
    if (brood_manager_number_of_objects (s_manager) >= 0)
        return 1;
    TORTURE_MUST (errno == EHOSTDOWN || errno == ECONNRESET);
    torture_server_end ();
    torture_server_make (where);
    return 0;
}

long
torture_server_arm (int kind, long n, int error)
{
    long count;
    BROOD_AUTO (msg)
    out = brood_proxy_call (s_fault, "arm", "[%d, %ld, %d]", kind, n, error);
    if (!out || brood_msg_unpack (out, "%ld", &count) < 0)
        return -1;
    return count;
}
