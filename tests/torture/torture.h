// torture.h - scenarios that may fail, but only cleanly
//
// SPDX-License-Identifier: MPL-2.0
//
// A scenario uses brood as a program would, and is run once for every n with
// the n-th allocation, or system call, failing (base/brd_fault.h). So any of
// its calls may fail, once; a call that does says so as it promises to, and
// whatever a call delivers is right:
//
//     brood_future_t *f = brood_pool_submit (torture_pool (), twice, "%d", 4);
//     if (TORTURE_OK (f)) {
//         if (TORTURE_OK (brood_future_get (f, TORTURE_MS, "%d", &n) == 0))
//             TORTURE_MUST (n == 8);
//         brood_future_destroy (&f);
//     }
//
// After each run it is run again with nothing failing, and then every call must
// work: nothing was damaged. Waits have a limit that is never reached unless
// something was lost, and ETIMEDOUT is nothing a call may fail with.

#ifndef TORTURE_H
#define TORTURE_H

#include <stddef.h>

#include <brood.h>

// For waits: long enough for anything that was not lost.
#define TORTURE_MS 5000

typedef struct {
    const char *name;
    void (*run) (void);
} torture_scenario_t;

// Where the group's manager is: a connection may break, and that is an error,
// too, where there is one.
typedef enum {
    TORTURE_NO_MANAGER,
    TORTURE_OWN_MANAGER,    // torture_manager () is the program's
    TORTURE_OTHER_MANAGER,  // It is another program's, connected to over tcp
    TORTURE_MADE_MANAGER    // Scenarios make theirs
} torture_manager_t;

typedef struct {
    const char *name;
    const char *spec;  // Of the pool there is before the first fault, or NULL
    int birth;         // 1: faults begin before brood_init ()
    int values;        // 1: no processes; only what was armed may be met
    torture_manager_t manager;
    int remote;  // 1: that pool is used as if its workers were elsewhere
    const torture_scenario_t *scenarios;  // Up to one without a name
} torture_group_t;

// Each in the file of its name.
extern const torture_scenario_t torture_values[];
extern const torture_scenario_t torture_state[];
extern const torture_scenario_t torture_channel[];
extern const torture_scenario_t torture_sync[];
extern const torture_scenario_t torture_calls[];
extern const torture_scenario_t torture_maps[];
extern const torture_scenario_t torture_life[];
extern const torture_scenario_t torture_queues[];
extern const torture_scenario_t torture_deaths[];
extern const torture_scenario_t torture_guests[];
extern const torture_scenario_t torture_relay[];
extern const torture_scenario_t torture_birth[];
extern const torture_scenario_t torture_streams[];
extern const torture_scenario_t torture_processes[];
extern const torture_scenario_t torture_czmq[];  // Where czmq is found
extern const torture_scenario_t torture_shm[];
extern const torture_scenario_t torture_exec[];
extern const torture_scenario_t torture_managed[];
extern const torture_scenario_t torture_managers[];

// Did the call work? If not, that must have been allowed now, and errno and the
// text must say why; else the program ends here.
#define TORTURE_OK(good) torture_ok ((good) ? 1 : 0, #good, __FILE__, __LINE__)

// What holds whatever fails.
#define TORTURE_MUST(good) \
    torture_must ((good) ? 1 : 0, #good, __FILE__, __LINE__)

int
torture_ok (int good, const char *what, const char *file, int line);
void
torture_must (int good, const char *what, const char *file, int line);

// 1 while nothing may fail.
int
torture_strict (void);

// The group's pool. One that a fault has broken is replaced for the run in
// which nothing may fail. NULL if brood could not make it.
brood_pool_t *
torture_pool (void);

// The spec of the group's pool: scenarios that need one of their own make it
// so.
const char *
torture_spec (void);

// --- torture_server.c ------------------------------------------------------

// The group's manager, NULL if it has none.
brood_manager_t *
torture_manager (void);

// Makes it; before brood_init () for another program's.
void
torture_server_fork (void);
void
torture_server_make (torture_manager_t where);

// Still good? If not it is replaced, and 0.
int
torture_server_mend (torture_manager_t where);
void
torture_server_end (void);

// In the manager's process, as brd_fault_arm (). Returns how many calls there
// were since it was armed before; -1 if it cannot be asked.
long
torture_server_arm (int kind, long n, int error);

#endif  // TORTURE_H
