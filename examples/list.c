// list.c - a list that processes share, and one in the other
//
// SPDX-License-Identifier: MPL-2.0
//
// As manager.list () in Python. A list that is put into another with "@%p" is
// not copied: what is done to it is seen by whoever comes to it, whichever way.

#include <brood.h>
#include <stdio.h>

int
main (int argc, char **argv)
{
    brood_init (&argc, &argv);
    BROOD_AUTO (manager) manager = brood_manager_new ();
    BROOD_AUTO (list) list = brood_list_new (manager);
    BROOD_AUTO (list) inner = brood_list_new (manager);
    if (!list || !inner)
        return brood_perror ("list");

    brood_list_extend (list, "[3, 1, 2.5, %s, true]", "word");
    brood_list_insert (list, 1, "nil");
    brood_list_sort (list);
    BROOD_AUTO (msg) sorted = brood_list_copy (list);
    brood_msg_print (sorted, stdout);

    int last = 0;
    brood_list_remove (list, "%s", "word");
    if (brood_list_pop (list, -1, "%d", &last) < 0)
        return brood_perror ("pop");
    printf ("the last was %d, %ld are left\n", last, brood_list_len (list));

    // One list, by two ways.
    void *ref;
    brood_list_append (list, "@%p", brood_ref (inner));
    if (brood_list_get (list, -1, "@%p", &ref) < 0)
        return brood_perror ("inner");
    BROOD_AUTO (list) same = brood_list_from (ref);
    brood_list_append (same, "%d", 42);
    printf ("inner has %ld item\n", brood_list_len (inner));
    return 0;
}
