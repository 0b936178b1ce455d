// 002_i_one_way.c - seed 002-I: a pipe that is not duplex
//
// SPDX-License-Identifier: MPL-2.0
//
// The text says: then the first end only receives and the second only sends.
// The wrong direction is EPERM.
//
// Read next: 002_j_primitives.c.

#include <brood.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

static int
say (void *arg)
{
    if (brood_conn_send (arg, -1, "%s", "through the pipe") < 0)
        return brood_perror ("send");
    return 0;
}

int
main (void)
{
    char text[32];
    brood_conn_t *conn1, *conn2;
    if (brood_pipe_new (0, &conn1, &conn2) < 0)
        return brood_perror ("pipe");

    BROOD_AUTO (process) p = brood_process_new (say, conn2);
    if (brood_process_start (p) < 0
        || brood_conn_recv (conn1, -1, "%31s", text) < 0)
        return brood_perror ("recv");
    printf ("conn1 received: %s\n", text);
    if (brood_conn_send (conn1, -1, "%s", text) < 0)
        printf ("conn1 cannot send: %s\n", strerror (errno));
    if (brood_conn_recv (conn2, -1, "%31s", text) < 0)
        printf ("conn2 cannot receive: %s\n", strerror (errno));
    brood_conn_destroy (&conn1);
    brood_conn_destroy (&conn2);
    return 0;
}
