// brd_names.h - asking the process that keeps the names of shared memory
//
// SPDX-License-Identifier: MPL-2.0
//
// One process for each brood and user that has names, its keeper
// (broker/names). It listens at
//
//     @brood/names-BROOD-UID      for all who know a ref, or have a segment to
//                                 put: one request, one answer, the end
//     @brood/shm-UID-NAME         for those who know the name: one answer,
//                                 without a word, the end
//
// and an answer that is an object has its descriptor with it. Both sides look
// whether the other is of the same user. A request may be repeated when its
// answer did not come.
//
// Threads and fork. Nothing is kept here: any thread, any process.

#ifndef BRD_NAMES_H
#define BRD_NAMES_H

#include <stdint.h>

#include "brood/brood_prelude.h"

enum {
    BRD_NAMES_ADDRESS_SIZE = 160,
    BRD_NAMES_MS = 10000  // For an answer that waits for nobody
};

// The first word of everything: changes when what follows does.
#define BRD_NAMES_MAGIC UINT32_C (0x62726e31)  // "brn1"

typedef enum {
    BRD_NAMES_PUT = 1,  // name, kind, number, and the descriptor
    BRD_NAMES_GET,      // number -> the descriptor
    BRD_NAMES_DROP,  // number: it has no name any more; done if there is none
    BRD_NAMES_END    // The keeper ends, and all names with it
} brd_names_op_t;

typedef struct {
    uint32_t magic;
    uint32_t op;
    uint64_t number;  // Random, chosen by who puts: told twice, done once
    uint32_t kind;    // brd_kind_t
    uint32_t spare;
    char name[BROOD_NAME_SIZE];
} brd_names_request_t;

typedef struct {
    uint32_t magic;
    int32_t error;   // 0, or EEXIST, ENOENT, ENOSPC, ...
    uint64_t brood;  // Whose it is
    uint64_t number;
    uint32_t kind;
    uint32_t spare;
    char name[BROOD_NAME_SIZE];
} brd_names_answer_t;

// The two addresses, as lib/transport/brd_endpoint.h has them, for this user.
void
brd_names_keeper_address (uint64_t brood,
                          char ret_address[BRD_NAMES_ADDRESS_SIZE]);
void
brd_names_address (const char *name, char ret_address[BRD_NAMES_ADDRESS_SIZE]);

// 0 if it can be a name: 1 to BROOD_NAME_SIZE - 1 bytes, no slash, no control
// characters. -1 with EINVAL.
int
brd_names_check (const char *name);

// What is called name, and its descriptor. -1 with
//     ENOENT        nothing is
//     EACCES        a process of another user sits there
//     EPROTO        something else than a keeper does
//     ETIMEDOUT     its keeper does not answer
int
brd_names_open (const char *name, brd_names_answer_t *ret_answer, int *ret_fd);

// Asks the keeper of that brood; passes fd unless that is -1. *ret_fd, which
// may be NULL, is the descriptor that came or -1. -1 with the errno answered,
// and with
//     ECONNREFUSED  there is no keeper
//     ECONNRESET    it went before it answered
//     EACCES, EPROTO, ETIMEDOUT   as above
int
brd_names_ask (uint64_t brood,
               const brd_names_request_t *request,
               int fd,
               brd_names_answer_t *ret_answer,
               int *ret_fd);

// Ends the keeper, if there is one, and waits for that. Keeps errno.
void
brd_names_end (uint64_t brood);

#endif  // BRD_NAMES_H
