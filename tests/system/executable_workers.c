// executable_workers.c - another program than its owner, for test_executable
//
// SPDX-License-Identifier: MPL-2.0
//
// Functions of the same names that do something else, so that it shows whose
// were called. The one that names a way ends before brood_init () instead.

#include <stdlib.h>
#include <string.h>

#include <brood.h>

static int
twice (brood_task_t *task, const brood_msg_t *in, brood_msg_t *out)
{
    int n;
    if (brood_msg_unpack (in, "%d", &n) < 0)
        return brood_task_fail (task, "wanted a number");
    return brood_msg_pack (out, "%d", 2 * n + 1000);
}
BROOD_TASK (twice);

BROOD_MAPPER (square, int, x, long, y)
{
    *y = (long) *x * *x + 1000;
    return 0;
}

// The same name and other sizes: not the owner's.
BROOD_MAPPER (cube, int, x, int, y)
{
    *y = *x;
    return 0;
}

static int
run (void *arg)
{
    int n;
    return brood_msg_unpack (arg, "%d", &n) < 0 ? 1 : n + 1;
}

static int
begin (brood_task_t *worker, const brood_msg_t *in, brood_msg_t *out)
{
    (void) worker;
    (void) in;
    (void) out;
    return 0;
}
BROOD_TASK (begin);

int
main (int argc, char **argv)
{
    const char *way = getenv ("T_EXECUTABLE_WAY");
    if (way && strcmp (way, "leave") == 0)
        return 0;
    if (brood_function_register ("run", (void (*) (void)) run) < 0
        || brood_init (&argc, &argv) < 0)
        return brood_perror (argv[0]);
    return 3;
}
