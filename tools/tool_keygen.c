// tool_keygen.c - brood keygen: a key pair for a broker
//
// SPDX-License-Identifier: MPL-2.0
//
// The secret half goes into a new file that nobody else can read, the public
// half, which those who dial must know, to standard output.

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#include "base/brd_error.h"
#include "base/brd_secret.h"
#include "tools/tool.h"

static error_t
s_option (int key, char *arg, struct argp_state *state)
{
    const char **file = state->input;
    if (key == ARGP_KEY_ARG && !*file)
        *file = arg;
    else if (key == ARGP_KEY_ARG)
        argp_error (state, "one file");
    else if (key == ARGP_KEY_END && !*file)
        argp_error (state, "which file is the secret key to be in?");
    else
        return ARGP_ERR_UNKNOWN;
    return 0;
}

const struct argp brd_tool_keygen_argp = {
    .parser = s_option,
    .args_doc = "FILE",
    .doc = "Makes a key pair. FILE, which must not exist, gets the secret key "
           "and mode 0600; the public key is printed.",
};

void
brd_tool_keygen_print (const unsigned char key[BRD_CURVE_KEY],
                       char ret_text[BRD_TOOL_KEYGEN_TEXT])
{
    for (int i = 0; i < BRD_CURVE_KEY; i++)
        snprintf (ret_text + 2 * i, 3, "%02x", key[i]);
}

int
brd_tool_keygen_parse (const char *text, unsigned char ret_key[BRD_CURVE_KEY])
{
    if (strlen (text) != BRD_TOOL_KEYGEN_TEXT - 1
        || strspn (text, "0123456789abcdef") != BRD_TOOL_KEYGEN_TEXT - 1)
        return brd_error_set (EINVAL, "not a key: 64 digits in hex are one");
    for (int i = 0; i < BRD_CURVE_KEY; i++)
        (void) sscanf (text + 2 * i, "%2hhx", &ret_key[i]);
    return 0;
}

int
brd_tool_keygen (int argc, char **argv)
{
    const char *file = NULL;
    char text[BRD_TOOL_KEYGEN_TEXT];
    brd_curve_t pair;
    brd_tool_parse (&brd_tool_keygen_argp, argc, argv, &file);
    if (brd_curve_make (&pair) < 0)
        return brd_tool_fail ("keygen");
    brd_tool_keygen_print (pair.secret_key, text);
    const int rc = brd_secret_write_file (file, text);
    brd_tool_keygen_print (pair.public_key, text);
    brd_curve_wipe (&pair);
    if (rc < 0)
        return brd_tool_fail ("keygen");
    printf ("%s\n", text);
    return fflush (stdout) == 0 ? TOOL_OK : EX_IOERR;
}
