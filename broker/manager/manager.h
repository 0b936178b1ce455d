// manager.h - the process in which managed objects live
//
// SPDX-License-Identifier: MPL-2.0
//
//     owner --nursery--> manager process
//       |                  manager_loop.c     drain, step, flush
//       |                  manager_client.c   one connection
//       |                  manager_methods.c  threads for the user's classes
//       +-- any process of the brood --stream--> the same
//
// It is a child of a nursery as a worker is: it has the owner's memory as of
// its start, and ends with its owner. What it decides is broker/core/home.h's;
// what is said, docs/rfc/2-manager.md's.

#ifndef BRD_MANAGER_H
#define BRD_MANAGER_H

#include <stdint.h>
#include <sys/types.h>

#include "shared/brd_shared.h"
#include "transport/brd_endpoint.h"

typedef struct {
    uint64_t id;          // Of its objects' refs, random
    const char *address;  // To listen at for other programs, too; NULL: not
    const void *key;      // Theirs
    size_t key_size;
    brd_shared_t *shared;  // Swept when it has died
} brd_manager_options_t;

// What its owner has of it.
typedef struct {
    int fd;  // The nursery's
    pid_t nursery;
    char address[BRD_ENDPOINT_TEXT_MAX];  // "" if it listens for nobody else
} brd_manager_process_t;

// Starts one, listening when this returns; its family's key and address are
// those of brd_session.h. -1 with errno as brd_nursery_start (), or as
// brd_listener_new () for the address.
int
brd_manager_start (brd_manager_process_t *self,
                   const brd_manager_options_t *options);

// Ends it, within three seconds. Also when it is gone already.
void
brd_manager_end (brd_manager_process_t *self);

#endif  // BRD_MANAGER_H
