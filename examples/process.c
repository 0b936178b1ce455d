// process.c - functions in processes of their own
//
// SPDX-License-Identifier: MPL-2.0
//
// A process is a copy of the program as it is at start: its argument, and all
// else, is there, and what either side changes then stays there. It says one
// number when it leaves; what ended it otherwise is a negative one. A process
// with several arguments is a struct and its run.
//
// Whoever forgets to join loses nothing: at the end of main brood waits for the
// processes that still run, and terminates those that are daemons.
//
// Read next: nested.c for pools in workers; array.c for memory that is shared.

#include <brood.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static int balance = 100;

static int
spend (void *arg)
{
    const int *amount = arg;
    balance -= *amount;
    printf ("%s has %d left\n",
            brood_process_name (brood_process_current ()),
            balance);
    return balance < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}

static int
hang (void *arg)
{
    (void) arg;
    for (;;)
        pause ();
    return 0;
}

typedef struct {
    const char *what;
    int from, to;
} Counter;

BROOD_PROCESS (Counter, self)
{
    for (int i = self->from; i <= self->to; i++)
        printf ("%s %d\n", self->what, i);
    return self->to - self->from + 1;
}

static int
finish (brood_process_t *process)
{
    if (brood_process_join (process, BROOD_FOREVER) < 0)
        return brood_perror ("process");
    printf ("%s\n", brood_process_repr (process));
    fflush (stdout);  // Before the next one prints
    return 0;
}

int
main (int argc, char **argv)
{
    int little = 30, much = 300;
    brood_init (&argc, &argv);
    BROOD_AUTO (process) careful = brood_process_new (spend, &little);
    brood_process_start (careful);
    if (finish (careful) != 0)
        return EXIT_FAILURE;

    const brood_process_options_t options = { .name = "spender", .cwd = "/" };
    BROOD_AUTO (process)
    spender = brood_process_new_with (spend, &much, &options);
    brood_process_start (spender);
    if (finish (spender) != 0)
        return EXIT_FAILURE;
    printf (
        "%s has %d\n", brood_process_name (brood_process_current ()), balance);
    fflush (stdout);

    Counter sheep = { "sheep", 1, 3 };
    BROOD_AUTO (process) counter = brood_process_new_of (Counter, &sheep);
    brood_process_start (counter);
    if (finish (counter) != 0)
        return EXIT_FAILURE;

    // One that does not end by itself.
    BROOD_AUTO (process) stuck = brood_process_new (hang, NULL);
    brood_process_start (stuck);
    printf ("%s, alive: %d, of %ld\n",
            brood_process_repr (stuck),
            brood_process_is_alive (stuck),
            brood_process_children (NULL, 0));
    fflush (stdout);
    brood_process_terminate (stuck);
    return finish (stuck);
}
