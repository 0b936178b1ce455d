// namespace.c - attributes that processes share
//
// SPDX-License-Identifier: MPL-2.0
//
// As manager.Namespace () in Python: a place for a handful of named values.
// Those whose names begin with '_' are not shown.

#include <brood.h>
#include <stdio.h>

int
main (int argc, char **argv)
{
    brood_init (&argc, &argv);
    BROOD_AUTO (manager) manager = brood_manager_new ();
    BROOD_AUTO (namespace) ns = brood_namespace_open (manager, "settings");
    if (!ns)
        return brood_perror ("namespace");
    brood_namespace_set (ns, "size", "[%d, %d]", 640, 480);
    brood_namespace_set (ns, "title", "%s", "hello");
    brood_namespace_set (ns, "_secret", "%d", 42);

    int width, height;
    if (brood_namespace_get (ns, "size", "[%d, %d]", &width, &height) < 0)
        return brood_perror ("size");
    printf ("%d x %d\n", width, height);

    brood_namespace_del (ns, "title");
    BROOD_AUTO (msg) all = brood_namespace_copy (ns);
    if (!all)
        return brood_perror ("copy");
    brood_msg_print (all, stdout);
    return 0;
}
