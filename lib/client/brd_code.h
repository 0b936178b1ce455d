// brd_code.h - which functions another process has, and where
//
// SPDX-License-Identifier: MPL-2.0
//
// A worker is a copy of its owner, so a function is where the owner has it, if
// it was there when the copy was made. In a worker of a program that was
// started anew (exec) all code lies somewhere else: the same files, loaded at
// other addresses. A function is then known by its file and its place in it.
//
//     owner     brd_code_look      what is here
//     started   brd_code_match     where that is here: brd_code_answer
//     owner     brd_code_take
//               brd_code_there     of a function: its address in the workers
//
// The other program may not be this one (brd_code_add_names). Then what both
// have registered under one name is the same function, and what is in libraries
// of both.
//
// A file is recognised by what the linker wrote into it: its build-id, if it
// has one, and the layout of its segments. The program itself is certain to be
// the same; a library may have been replaced since.

#ifndef BRD_CODE_H
#define BRD_CODE_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

enum {
    BRD_CODE_SEGMENTS_MAX = 512
};

// The executable segments of a program. Plain memory, but for last.
typedef struct {
    size_t count;
    int moved;              // 1: the other process is no copy of this one
    int named;              // 1: it may be another program
    _Atomic uint32_t last;  // Where a function was found, to be quick about the
                            // next
    struct {
        uint64_t start;  // Here
        uint64_t end;
        uint64_t file;   // Which it is of
        uint64_t there;  // Where start is in the other process; 0: nowhere
    } segments[BRD_CODE_SEGMENTS_MAX];
} brd_code_t;

// What is loaded here, for copies of this process.
void
brd_code_look (brd_code_t *ret_code);

// Functions that are registered are known by their names too.
void
brd_code_add_names (brd_code_t *self);

// In another program: fills in where it has each of these. -1 with ENOMEM.
int
brd_code_match (brd_code_t *self);

// What that has filled in, one number a segment, for the one who looked.
void
brd_code_answer (const brd_code_t *self,
                 uint64_t ret_there[BRD_CODE_SEGMENTS_MAX]);
void
brd_code_take (brd_code_t *self, const uint64_t there[BRD_CODE_SEGMENTS_MAX]);

// The function's address in the other process; 0 if it does not have it. A
// function from a library that was opened later does not exist there.
uint64_t
brd_code_there (brd_code_t *self, uint64_t fn);

// A number for the file a function is in; 0 for one that is in none.
uint64_t
brd_code_file (uint64_t fn);

// The same, and for where this process has it: in two processes with the same
// mark an address means the same function.
uint64_t
brd_code_mark (uint64_t fn);

// --- Numbers ---------------------------------------------------------------

enum {
    BRD_CODE_BUILD = 16  // Bytes of what a program was built from
};

// The function's number, of a file that is loaded now. 0 with EINVAL and a
// text: it is code of no file, or two files that are loaded would share its
// number. Quick for the function asked about last, by this thread.
uint64_t
brd_code_number (uint64_t fn);

// The address here of the function with that number; 0 with EINVAL and a text
// if its file is not loaded here, or two are that it could be, or it is no code
// there. As quick.
uint64_t
brd_code_find (uint64_t number);

// What this program was built from: eight bytes for the executable, and eight
// for the file that brood is in. Numbers of one process mean something to
// another only where these are equal; a library besides may still differ, and
// then has other numbers.
void
brd_code_build (unsigned char ret_build[BRD_CODE_BUILD]);

// --- Forks -----------------------------------------------------------------

// For pthread_atfork (): before, and in both processes after. Between them no
// other thread is in here.
void
brd_code_fork_begins (void);
void
brd_code_forked (void);

#endif  // BRD_CODE_H
