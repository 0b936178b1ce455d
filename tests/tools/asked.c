// asked.c - a program whose broker is asked: it works until its input ends
//
// SPDX-License-Identifier: MPL-2.0
//
// Prints where its pool is said to run, and how many workers it has.

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <brood.h>

static int
s_nap (brood_task_t *task, const brood_msg_t *in, brood_msg_t *out)
{
    (void) task;
    (void) in;
    (void) out;
    usleep (1000);
    return 0;
}
BROOD_TASK (s_nap);

int
main (int argc, char **argv)
{
    char bytes[64];
    const char *place = getenv ("BROOD_POOL");
    if (brood_init (&argc, &argv) < 0)
        return 1;
    BROOD_AUTO (pool)
    pool = brood_pool_new_with (&(brood_pool_options_t){ .name = "asked" });
    if (!pool) {
        fprintf (stderr, "%s\n", brood_error ());
        return 1;
    }
    BROOD_AUTO (msg) out = brood_pool_apply (pool, s_nap, "nil");
    if (!out)
        return 1;
    printf ("%s %d\n", place ? place : "none", brood_pool_workers (pool));
    (void) fflush (stdout);
    while (read (0, bytes, sizeof bytes) > 0)
        continue;
    return argc > 1 ? (int) strtol (argv[1], NULL, 10) : 0;
}
