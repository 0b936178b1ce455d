// listener.c - programs that find each other by an address
//
// SPDX-License-Identifier: MPL-2.0
//
// A listener waits at an address, over tcp or on this host, and whoever has the
// key may connect. Here both sides are one program: the worker is told the
// address and inherits the key. Programs of different origin would set the same
// one with brood_set_authkey () before they meet.

#include <brood.h>
#include <stdio.h>

static int
call_home (brood_task_t *task, const brood_msg_t *in, brood_msg_t *out)
{
    char address[100], answer[100];
    if (brood_msg_unpack (in, "%99s", address) < 0)
        return brood_task_fail (task, "wanted an address");
    BROOD_AUTO (conn) home = brood_conn_connect (address, 10000);
    if (brood_conn_send (home, 10000, "{from: %s, n: %d}", "worker", 42) < 0
        || brood_conn_recv (home, 10000, "%99s", answer) < 0)
        return brood_task_fail (task, "%s", brood_error ());
    return brood_msg_pack (out, "%s", answer);
}
BROOD_TASK (call_home);

int
main (int argc, char **argv)
{
    char name[20], answer[100];
    int n;
    brood_init (&argc, &argv);
    // Port 0 is one that is free; which, the address tells.
    BROOD_AUTO (listener) listener = brood_listener_new ("tcp://127.0.0.1:0");
    if (!listener)
        return brood_perror ("listener");
    BROOD_AUTO (pool) pool = brood_pool_new ("1");
    BROOD_AUTO (future) called = brood_pool_submit (
        pool, call_home, "%s", brood_listener_address (listener));

    BROOD_AUTO (conn) guest = brood_listener_accept (listener, 10000);
    if (brood_conn_recv (guest, 10000, "{from: %19s, n: %d}", name, &n) < 0)
        return brood_perror ("listener");
    printf ("%s says %d\n", name, n);
    if (brood_conn_send (guest, 10000, "%s", "welcome") < 0
        || brood_future_get (called, BROOD_FOREVER, "%99s", answer) < 0)
        return brood_perror ("listener");
    printf ("and was told: %s\n", answer);
    return 0;
}
