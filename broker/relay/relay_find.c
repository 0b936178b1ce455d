// relay_find.c - where the brood command is
//
// SPDX-License-Identifier: MPL-2.0
//
// A program that is linked with one libbrood should not start the command of
// another, so the neighbourhood comes before PATH.

#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/brd_error.h"
#include "relay/relay.h"

#define S_NAME "brood"

// 1 if folder/name, length bytes of folder, can be executed.
static int
s_is_in (const char *folder,
         size_t length,
         const char *name,
         char ret_path[PATH_MAX])
{
    const int n =
        snprintf (ret_path, PATH_MAX, "%.*s/%s", (int) length, folder, name);
    return n > 0 && n < PATH_MAX && access (ret_path, X_OK) == 0;
}

// lib/libbrood.so has bin/brood at its folder's side, lib/x86_64/libbrood.so
// one further up.
static int
s_is_near (const char *file, char ret_path[PATH_MAX])
{
    char bin[PATH_MAX];
    const char *slash = strrchr (file, '/');
    if (!slash)
        return 0;
    size_t length = (size_t) (slash - file);
    if (s_is_in (file, length, S_NAME, ret_path))
        return 1;
    for (int up = 0; up < 2; up++) {
        while (length > 0 && file[length - 1] != '/')
            length--;
        const int n = snprintf (bin, sizeof bin, "%.*sbin", (int) length, file);
        if (n > 0 && n < (int) sizeof bin
            && s_is_in (bin, (size_t) n, S_NAME, ret_path))
            return 1;
        length -= length > 0;
    }
    return 0;
}

int
brd_relay_find_in_path (const char *name, char ret_path[PATH_MAX])
{
    const char *path = getenv ("PATH");
    while (path && *path) {
        const size_t length = strcspn (path, ":");
        if (length > 0 && s_is_in (path, length, name, ret_path))
            return 1;
        path += length + (path[length] == ':');
    }
    return 0;
}

int
brd_relay_find (char ret_path[PATH_MAX])
{
    Dl_info here;
    const char *set = getenv ("BROOD_BIN");
    if (set && *set) {
        if (strlen (set) < PATH_MAX && access (set, X_OK) == 0) {
            strcpy (ret_path, set);  // lint: measured
            return 0;
        }
        return brd_error_set (ENOENT, "BROOD_BIN: there is no %s", set);
    }
    if (dladdr ((const void *) (size_t) brd_relay_find, &here)
        && s_is_near (here.dli_fname, ret_path))
        return 0;
    if (brd_relay_find_in_path (S_NAME, ret_path))
        return 0;
    return brd_error_set (
        ENOENT,
        "the brood command, which other hosts need, is not "
        "beside libbrood, nor in PATH, nor named by BROOD_BIN");
}
