// brd_ticket.c - join strings, from the files they are kept in
//
// SPDX-License-Identifier: MPL-2.0
//
//     spec ?join=FILE | $BROOD_JOIN -> brd_secret_read_file -> brd_join_parse
//         -> the role it is for? -> the address that was asked for

#include "client/brd_ticket.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/brd_error.h"
#include "base/brd_secret.h"

static int
s_set_address (brd_join_t *join, const char *address)
{
    const int size =
        snprintf (join->addresses[0], sizeof join->addresses[0], "%s", address);
    join->n_addresses = 1;
    return size <= BRD_JOIN_ADDRESS_MAX
               ? 0
               : brd_error_set (EINVAL, "an address is not that long");
}

int
brd_ticket_parse (const char *text,
                  brd_join_role_t role,
                  const char *address,
                  brd_join_t *ret_join)
{
    brd_join_t join;
    int rc = 0;
    if (brd_join_parse (&join, text, strlen (text)) < 0)
        return -1;
    if (join.role != role)
        rc = brd_error_set (EINVAL,
                            "this join string is %s, and not %s",
                            brd_join_purpose (join.role),
                            brd_join_purpose (role));
    else if (address)
        rc = s_set_address (&join, address);
    if (rc == 0)
        *ret_join = join;
    brd_join_wipe (&join);
    return rc;
}

int
brd_ticket_read (const char *path,
                 brd_join_role_t role,
                 const char *address,
                 brd_join_t *ret_join)
{
    char text[BRD_JOIN_TEXT_MAX];
    if (brd_secret_read_file (path, text, sizeof text) < 0)
        return errno == ENODATA || errno == EMSGSIZE
                   ? brd_error_set (EINVAL, "%s: not a join string", path)
                   : -1;
    const int rc = brd_ticket_parse (text, role, address, ret_join);
    brd_secret_wipe (text, sizeof text);
    return rc < 0 ? brd_error_prefix ("%s", path) : 0;
}

int
brd_ticket_of_place (const brd_place_t *place,
                     brd_join_role_t role,
                     brd_join_t *ret_join)
{
    char address[BRD_JOIN_ADDRESS_MAX + 2];  // One that is too long is seen
    const char *path = place->join ? place->join : getenv ("BROOD_JOIN");
    (void) snprintf (address,
                     sizeof address,
                     "tcp://%.*s",
                     (int) place->rest_size,
                     place->rest);
    if (!path || *path == '\0')
        return brd_error_set (EINVAL,
                              "%s: which join string? A standing broker lets "
                              "in nobody without; %s?join=FILE or "
                              "BROOD_JOIN=FILE says where it is",
                              address,
                              address);
    return brd_ticket_read (path, role, address, ret_join);
}
