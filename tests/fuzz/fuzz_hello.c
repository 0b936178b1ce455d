// fuzz_hello.c - any bytes for what is said before a session
//
// SPDX-License-Identifier: MPL-2.0
//
// What is taken is one value, and that is those bytes again.

#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/brd_check.h"
#include "wire/brd_hello.h"

int
LLVMFuzzerTestOneInput (const uint8_t *bytes, size_t size);

int
LLVMFuzzerTestOneInput (const uint8_t *bytes, size_t size)
{
    brd_hello_t hello;
    unsigned char again[BRD_HELLO_SIZE_MAX];
    memset (&hello, 0, sizeof hello);
    if (brd_hello_get (bytes, size, &hello) < 0) {
        brd_assert (errno == EPROTO || errno == EPROTONOSUPPORT);
        brd_assert (errno == EPROTO || hello.version != BRD_HELLO_VERSION);
        return 0;
    }
    brd_assert (brd_hello_put (again, &hello) == size);
    brd_assert (memcmp (again, bytes, size) == 0);
    return 0;
}
