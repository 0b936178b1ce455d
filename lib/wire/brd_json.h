// brd_json.h - values as JSON, the way people see them
//
// SPDX-License-Identifier: MPL-2.0
//
// What JSON has no word for: bytes are base64 text, a handle is {"$handle":
// "pool"}, an extension {"$ext": type, "data": base64}, numbers that are not
// finite are null, and so is nil. Keys that are not text are written as one.

#ifndef BRD_JSON_H
#define BRD_JSON_H

#include <stddef.h>

#include "base/brd_buf.h"

// Appends one line of JSON, without a newline, valid UTF-8 whatever the texts
// hold. -1 with EBADMSG (not a value), EMSGSIZE or ENOMEM, and out as it was.
int
brd_json_write (brd_buf_t *out, const void *bytes, size_t size);

// Appends the value a JSON text says. null is nil, numbers with a point or an
// exponent are floats. -1 with EBADMSG and line and column, EMSGSIZE, ENOMEM,
// or ENOTSUP when built without jansson; and out as it was.
int
brd_json_read (brd_buf_t *out, const char *json);

#endif  // BRD_JSON_H
