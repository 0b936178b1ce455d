// 001_i_my_process.c - seed 001-I: a subclass, and nobody joins it
//
// SPDX-License-Identifier: MPL-2.0
//
// main goes on while the child starts, and at its end waits for the child, as
// Python does: no call is needed for that. MyProcess has no fields in the seed
// but the args it passes; a struct of C has at least one.
//
// Read next: 001_j_manager.c.

#include <brood.h>
#include <stdio.h>

typedef struct {
    int args;
} MyProcess;

BROOD_PROCESS (MyProcess, self)
{
    puts ("执行此进程...");
    return self->args;
}

int
main (void)
{
    // Line by line, also into a file: main's lines keep their place then.
    setvbuf (stdout, NULL, _IOLBF, BUFSIZ);
    BROOD_AUTO (process) p =
        brood_process_new_of (MyProcess, &(MyProcess){ 0 });
    if (brood_process_start (p) < 0)
        return brood_perror ("MyProcess");
    puts ("继续执行...");
    return 0;
}
