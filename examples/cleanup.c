// cleanup.c - things that end with their scope
//
// SPDX-License-Identifier: MPL-2.0
//
// BROOD_AUTO (class) declares a handle that is destroyed when its scope is
// left, whichever way: at the end, by return, break, continue or goto. It needs
// gcc or clang. The second half does the same by hand, for other compilers:
// destroy takes NULL, so one label is enough, and it leaves errno alone.
//
// Read next: lifecycle.c for the ways a pool can end.

#include <brood.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

static int
shout (brood_task_t *task, const brood_msg_t *in, brood_msg_t *out)
{
    char word[32], louder[40];
    if (brood_msg_unpack (in, "%31s", word) < 0)
        return brood_task_fail (task, "wanted a word");
    snprintf (louder, sizeof louder, "%s!", word);
    return brood_msg_pack (out, "%s", louder);
}
BROOD_TASK (shout);

// The future, the result and the pool all go when they should.
static int
with_scopes (void)
{
    static const char *const words[] = { "stop", "thief" };
    BROOD_AUTO (pool) pool = brood_pool_new ("2");
    for (int i = 0; i < 2; i++) {
        char text[40];
        BROOD_AUTO (future) f = brood_pool_submit (pool, shout, "%s", words[i]);
        if (brood_future_get (f, -1, "%39s", text) < 0)
            return -1;
        puts (text);
    }
    return 0;
}

static int
by_hand (void)
{
    char text[40];
    int rc = -1;
    brood_pool_t *pool = brood_pool_new ("2");
    brood_future_t *f = brood_pool_submit (pool, shout, "%s", "fire");
    brood_msg_t *m = NULL;
    if (brood_future_get (f, -1, "%39s", text) < 0)
        goto done;
    puts (text);
    m = brood_pool_apply (pool, shout, "%d", 42);
    if (m)
        goto done;
    printf ("42: %s\n", strerror (errno));
    rc = 0;
done:
    brood_msg_destroy (&m);
    brood_future_destroy (&f);
    brood_pool_destroy (&pool);
    return rc;
}

int
main (int argc, char **argv)
{
    brood_init (&argc, &argv);
    if (with_scopes () < 0 || by_hand () < 0)
        return brood_perror ("cleanup");
    return 0;
}
