// install_czmq.c - somebody else's program, with czmq as well
//
// SPDX-License-Identifier: MPL-2.0

#include <brood.h>
#include <brood/brood_czmq.h>
#include <stdio.h>

int
main (int argc, char **argv)
{
    int one, eight, more;
    brood_init (&argc, &argv);
    zloop_t *loop = zloop_new ();
    BROOD_AUTO (msg) there = brood_msg_new ("[1, 8, %d]", 27);
    zmsg_t *zmsg = brood_msg_zmsg (there);
    BROOD_AUTO (msg) back = brood_msg_new_zmsg (&zmsg);
    if (brood_zloop_add (loop) < 0
        || brood_msg_unpack (back, "[%d, %d, %d]", &one, &eight, &more) < 0)
        return brood_perror (argv[0]);
    printf ("%d %d %d\n", one, eight, more);
    zloop_destroy (&loop);
    return 0;
}
