// brd_text.h - a text file, whole
//
// SPDX-License-Identifier: MPL-2.0

#ifndef BRD_TEXT_H
#define BRD_TEXT_H

#include "base/brd_buf.h"

// Into a buffer that is not initialised yet, with a zero behind it that is not
// counted. -1 with a text, and there is nothing to fini:
//     EFBIG    more than size_max bytes
//     EINVAL   a zero byte is in it
//     ENOMEM, errno of open (2) and read (2)
int
brd_text_read (const char *path, size_t size_max, brd_buf_t *ret_text);

#endif  // BRD_TEXT_H
