// brd_check.h - the three answers to something that must not be
//
// SPDX-License-Identifier: MPL-2.0
//
// A caller's mistake is EINVAL (BRD_REQUIRE), our own is an abort
// (brd_assert, on in release builds too), and a peer's is data, which is
// nobody's assert: decoders return EPROTO.

#ifndef BRD_CHECK_H
#define BRD_CHECK_H

#include <errno.h>

#include "base/brd_error.h"

// Prints the expression to stderr with write (2) alone and aborts. Callable
// between fork and exec.
_Noreturn void
brd_assert_failed (const char *expression, const char *file, int line);

#define brd_assert(expression) \
    ((expression) ? (void) 0 \
                  : brd_assert_failed (#expression, __FILE__, __LINE__))

// The one macro that returns: public functions check arguments with it. The
// text names the function and the broken condition.
#define BRD_REQUIRE(condition, result) \
    do { \
        if (!(condition)) { \
            brd_error_set ( \
                EINVAL, "%s: %s does not hold", __func__, #condition); \
            return result; \
        } \
    } while (0)

// Options: a word set in reserved_ asks for something this library is too old
// for.
#define BRD_REQUIRE_ZERO(words, result) \
    do { \
        for (size_t i_ = 0; i_ < sizeof (words) / sizeof (words)[0]; i_++) { \
            if ((words)[i_] != 0) { \
                brd_error_set (EINVAL, \
                               "%s: an option this library does not " \
                               "know (reserved_ is not 0)", \
                               __func__); \
                return result; \
            } \
        } \
    } while (0)

// A handle must be of its class, alive, and not in a child of the program's
// own fork (ENOTSUP).
#define BRD_REQUIRE_HANDLE(self, kind, result) \
    do { \
        if (brd_handle_check ( \
                (self) ? &(self)->handle : NULL, (kind), __func__) \
            < 0) \
            return result; \
    } while (0)

// The same for what is of use only in the process that made it: ENOTSUP
// elsewhere.
#define BRD_REQUIRE_MINE(self, kind, result) \
    do { \
        if (brd_handle_check_mine ( \
                (self) ? &(self)->handle : NULL, (kind), __func__) \
            < 0) \
            return result; \
    } while (0)

#endif  // BRD_CHECK_H
