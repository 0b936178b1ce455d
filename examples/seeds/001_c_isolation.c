// 001_c_isolation.c - seed 001-C: what a child writes its parent does not see
//
// SPDX-License-Identifier: MPL-2.0
//
// Both have an array called name; after the start they are two. Which of the
// lines comes first is not said, here as there.
//
// Read next: 001_d_current_process.c. For memory that is shared,
// 003_d_value.c.

#include <brood.h>
#include <stdio.h>

enum {
    COUNT = 1000
};

static int name[COUNT];
static int name_len;

static void
print_name (const char *whose)
{
    printf ("%s的name [", whose);
    for (int i = 0; i < name_len; i++)
        printf ("%s%d", i > 0 ? ", " : "", name[i]);
    puts ("]");
}

static int
task (void *arg)
{
    (void) arg;
    for (int i = 0; i < COUNT; i++)
        name[name_len++] = i;
    print_name ("子进程");
    return 0;
}

int
main (void)
{
    BROOD_AUTO (process) p1 = brood_process_new (task, NULL);
    if (brood_process_start (p1) < 0)
        return brood_perror ("p1");
    print_name ("主进程");
    return 0;
}
