// brd_conn.h - a connection from a stream, for the listener
//
// SPDX-License-Identifier: MPL-2.0

#ifndef BRD_CONN_H
#define BRD_CONN_H

#include "brood/brood_conn.h"
#include "transport/brd_stream.h"

// Takes the stream, which is open, on success. NULL with ENOMEM.
brood_conn_t *
brd_conn_new (brd_stream_t **stream_p);

#endif  // BRD_CONN_H
