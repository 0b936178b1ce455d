// brd_scale.c - how fast time runs between hosts: BROOD_TIME_SCALE
//
// SPDX-License-Identifier: MPL-2.0

#include "client/brd_scale.h"

#include <errno.h>
#include <stdlib.h>

#include "base/brd_error.h"

int
brd_scale_read (double *ret_scale)
{
    const char *text = getenv ("BROOD_TIME_SCALE");
    char *end;
    if (!text || *text == '\0') {
        *ret_scale = 1.0;
        return 0;
    }
    const double scale = strtod (text, &end);
    if (*end != '\0' || !(scale >= 0.001 && scale <= 1000))
        return brd_error_set (
            EINVAL,
            "BROOD_TIME_SCALE: %s is no number from 0.001 to 1000",
            text);
    *ret_scale = scale;
    return 0;
}
