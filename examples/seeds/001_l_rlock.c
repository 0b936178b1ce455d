// 001_l_rlock.c - seed 001-L: a lock given to processes that share a dict
//
// SPDX-License-Identifier: MPL-2.0
//
// BROOD_WITH holds the lock for its block, whichever way the block is left.
// Each single call on a dict or list is atomic anyway; the lock makes the two
// one.
//
// Read next: 001_m_tickets.c, where it is needed.

#include <brood.h>
#include <stdio.h>

typedef struct {
    int n;
    brood_dict_t *d;
    brood_list_t *l;
    brood_rlock_t *lock;
} Marker;

BROOD_PROCESS (Marker, self)
{
    char key[12];
    snprintf (key, sizeof key, "%d", self->n);
    BROOD_WITH (rlock, self->lock)
    {
        brood_dict_set (self->d, key, "%d", self->n);
        brood_list_set (self->l, self->n, "%d", -99);
    }
    return 0;
}

int
main (void)
{
    BROOD_AUTO (rlock) lock = brood_rlock_new ();
    BROOD_AUTO (manager) manager = brood_manager_new ();
    BROOD_AUTO (dict) d = brood_dict_new (manager);
    BROOD_AUTO (list) l = brood_list_new (manager);
    for (int i = 0; i < 10; i++)
        brood_list_append (l, "%d", i);

    for (int i = 0; i < 10; i++) {
        BROOD_AUTO (process) p =
            brood_process_new_of (Marker, &(Marker){ i, d, l, lock });
        brood_process_start (p);
        if (brood_process_join (p, -1) < 0)
            return brood_perror ("f");
    }

    BROOD_AUTO (msg) dict = brood_dict_copy (d);
    BROOD_AUTO (msg) list = brood_list_copy (l);
    if (brood_msg_print (dict, stdout) < 0
        || brood_msg_print (list, stdout) < 0)
        return brood_perror ("print");
    return 0;
}
