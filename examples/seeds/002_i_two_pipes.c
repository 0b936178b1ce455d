// 002_i_two_pipes.c - seed 002-I: numbers in one pipe, squares in another
//
// SPDX-License-Identifier: MPL-2.0
//
//     create_items ==pipe_1==> multiply_items ==pipe_2==> main
//
// A pipe is at its end when nobody holds the other end any more: recv then
// fails with EPIPE, Python's EOFError. In the seed each process must close the
// copies it does not use, and one that is forgotten hangs the program. Here a
// process holds an end from its first use, so there is nothing to close in
// others' names.
//
// Read next: 002_i_one_way.c.

#include <brood.h>
#include <errno.h>
#include <stdio.h>

typedef struct {
    brood_conn_t *output_pipe;
} create_items;

typedef struct {
    brood_conn_t *input_pipe;
    brood_conn_t *output_pipe;
} multiply_items;

BROOD_PROCESS (create_items, self)
{
    for (int item = 0; item < 10; item++)
        if (brood_conn_send (self->output_pipe, -1, "%d", item) < 0)
            return brood_perror ("create_items");
    return brood_conn_close (self->output_pipe) < 0;
}

BROOD_PROCESS (multiply_items, self)
{
    int item;
    while (brood_conn_recv (self->input_pipe, -1, "%d", &item) == 0)
        if (brood_conn_send (self->output_pipe, -1, "%d", item * item) < 0)
            return brood_perror ("multiply_items");
    return brood_conn_close (self->output_pipe) < 0;
}

int
main (void)
{
    brood_conn_t *pipe_1[2], *pipe_2[2];
    if (brood_pipe_new (1, &pipe_1[0], &pipe_1[1]) < 0
        || brood_pipe_new (1, &pipe_2[0], &pipe_2[1]) < 0)
        return brood_perror ("pipe");

    BROOD_AUTO (process) process_pipe_1 =
        brood_process_new_of (create_items, &(create_items){ pipe_1[0] });
    BROOD_AUTO (process) process_pipe_2 = brood_process_new_of (
        multiply_items, &(multiply_items){ pipe_1[1], pipe_2[0] });
    if (brood_process_start (process_pipe_1) < 0
        || brood_process_start (process_pipe_2) < 0)
        return brood_perror ("start");
    brood_conn_destroy (&pipe_1[0]);
    brood_conn_destroy (&pipe_2[0]);

    int item;
    while (brood_conn_recv (pipe_2[1], -1, "%d", &item) == 0)
        printf ("%d\n", item);
    if (errno != EPIPE)
        return brood_perror ("recv");
    puts ("End");
    brood_conn_destroy (&pipe_1[1]);
    brood_conn_destroy (&pipe_2[1]);
    return 0;
}
