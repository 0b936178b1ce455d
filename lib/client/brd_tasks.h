// brd_tasks.h - the registry: task name <-> function
//
// SPDX-License-Identifier: MPL-2.0
//
// One of the permitted globals: constructors fill it before main. Names are
// what travels between programs; within one, addresses do, as long as the
// function was there when the snapshot was taken.

#ifndef BRD_TASKS_H
#define BRD_TASKS_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

typedef struct {
    const char *name;
    uint64_t fn;
    size_t in_size;  // Of a mapper; both 0 for a task
    size_t out_size;
    int mapper;
} brd_tasks_entry_t;

// name is copied; sizes as brood_mapper_register (). -1 with EEXIST when the
// name has another function, EINVAL for a name that is empty or too long,
// ENOMEM. The same once more is nothing.
int
brd_tasks_add (const brd_tasks_entry_t *entry);

// NULL if it is not registered.
const brd_tasks_entry_t *
brd_tasks_find (const char *name);
const brd_tasks_entry_t *
brd_tasks_of (uint64_t fn);

// -1 with EEXIST and the name if a constructor was refused: brood_init ()
// reports what constructors cannot.
int
brd_tasks_verdict (void);

// --- What code a snapshot has ----------------------------------------------

enum {
    BRD_TASKS_SEGMENTS_MAX = 512
};

// The executable segments of the program when the snapshot was taken.
typedef struct {
    size_t count;
    _Atomic uint64_t
        last;  // A function that was found, to be quick about the next
    struct {
        uint64_t start;
        uint64_t end;
    } segments[BRD_TASKS_SEGMENTS_MAX];
} brd_tasks_snapshot_t;

void
brd_tasks_snapshot (brd_tasks_snapshot_t *ret_snapshot);

// 1 if fn was loaded then. A function from a library that was opened later
// does not exist in the workers.
int
brd_tasks_in_snapshot (brd_tasks_snapshot_t *snapshot, uint64_t fn);

#endif  // BRD_TASKS_H
