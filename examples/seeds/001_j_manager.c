// 001_j_manager.c - seed 001-J: a dict and a list that a child changes
//
// SPDX-License-Identifier: MPL-2.0
//
// The manager is the home of both; what the processes hold are handles, which
// a child has from its parent. Keys and values keep their types and their
// order. What main looks at is a copy of one moment. brood_msg_print () would
// show it as JSON, whose keys are all text; so the pairs are read with
// pictures, which also say of what type they must be.
//
// Read next: 001_k_queue.c.

#include <brood.h>
#include <stdio.h>

typedef struct {
    brood_dict_t *d;
    brood_list_t *l;
} Filler;

BROOD_PROCESS (Filler, self)
{
    brood_dict_set_at (self->d, brood_key_int (1), "%s", "1");
    brood_dict_set (self->d, "2", "%d", 2);
    brood_dict_set_at (self->d, brood_key_double (0.25), "nil");
    return brood_list_append (self->l, "%d", 666) < 0;
}

// As Python does.
static int
print_dict (const brood_msg_t *dict)
{
    int one, two;
    double quarter;
    char text[8], key[8];
    brood_iter_t it = brood_msg_iter (dict, "");
    if (brood_iter_next (&it, "%d: %7s", &one, text) != 1
        || brood_iter_next (&it, "%7s: %d", key, &two) != 1
        || brood_iter_next (&it, "%lf: nil", &quarter) != 1
        || brood_iter_next (&it, "*: *") != 0)
        return -1;
    printf ("{%d: '%s', '%s': %d, %g: None}\n", one, text, key, two, quarter);
    return 0;
}

int
main (void)
{
    BROOD_AUTO (manager) manager = brood_manager_new ();
    BROOD_AUTO (dict) d = brood_dict_new (manager);
    BROOD_AUTO (list) l = brood_list_new (manager);

    BROOD_AUTO (process) p = brood_process_new_of (Filler, &(Filler){ d, l });
    brood_process_start (p);
    if (brood_process_join (p, -1) < 0)
        return brood_perror ("f");

    BROOD_AUTO (msg) dict = brood_dict_copy (d);
    BROOD_AUTO (msg) list = brood_list_copy (l);
    if (print_dict (dict) < 0 || brood_msg_print (list, stdout) < 0)
        return brood_perror ("print");
    return brood_process_exitcode (p);
}
