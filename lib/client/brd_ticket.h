// brd_ticket.h - join strings, from the files they are kept in
//
// SPDX-License-Identifier: MPL-2.0
//
// A file of this user's with mode 0600 or less (base/brd_secret.h), and one
// line, which is good for one role.

#ifndef BRD_TICKET_H
#define BRD_TICKET_H

#include "client/brd_place.h"
#include "wire/brd_join.h"

// One that was read. address: "tcp://HOST:PORT" in place of those in it; NULL:
// those. -1 with EINVAL: no join string, one for another role, an address that
// is too long.
int
brd_ticket_parse (const char *text,
                  brd_join_role_t role,
                  const char *address,
                  brd_join_t *ret_join);

// The same of a file. -1 also with EACCES, ENOENT and the like; the text names
// the file.
int
brd_ticket_read (const char *path,
                 brd_join_role_t role,
                 const char *address,
                 brd_join_t *ret_join);

// The one for a place at tcp://: that of its ?join=FILE, else of the file
// $BROOD_JOIN names. Its address is the place's. -1 as above; EINVAL also if
// neither is said.
int
brd_ticket_of_place (const brd_place_t *place,
                     brd_join_role_t role,
                     brd_join_t *ret_join);

#endif  // BRD_TICKET_H
