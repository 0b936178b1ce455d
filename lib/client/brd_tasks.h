// brd_tasks.h - the registry: task name <-> function
//
// SPDX-License-Identifier: MPL-2.0
//
// One of the permitted globals: constructors fill it before main. Names are
// what travels between hosts; on one, addresses do (brd_code.h).

#ifndef BRD_TASKS_H
#define BRD_TASKS_H

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

// The i-th by name, NULL behind the last. One that is registered meanwhile
// moves those behind it.
const brd_tasks_entry_t *
brd_tasks_at (size_t i);

// -1 with EEXIST and the name if a constructor was refused: brood_init ()
// reports what constructors cannot.
int
brd_tasks_verdict (void);

#endif  // BRD_TASKS_H
