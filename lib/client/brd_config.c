// brd_config.c - the names that places have on this host
//
// SPDX-License-Identifier: MPL-2.0
//
//     files, the user's before the host's -> lines -> the name -> its place
//
// Read next: brd_place.c, which reads the place.

#include "client/brd_config.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/brd_error.h"
#include "base/brd_mem.h"
#include "base/brd_text.h"

enum {
    S_FILE_MAX = 1 << 20,
    S_FILES = 2
};

// Which are asked, in this order; "" if there is no such folder.
static void
s_paths (char ret_paths[S_FILES][PATH_MAX])
{
    const char *only = getenv ("BROOD_PLACES");
    const char *config = getenv ("XDG_CONFIG_HOME");
    const char *home = getenv ("HOME");
    ret_paths[0][0] = ret_paths[1][0] = '\0';
    if (only) {
        snprintf (ret_paths[0], PATH_MAX, "%s", only);
        return;
    }
    if (config && *config == '/')
        snprintf (ret_paths[0], PATH_MAX, "%s/brood/places", config);
    else if (home && *home == '/')
        snprintf (ret_paths[0], PATH_MAX, "%s/.config/brood/places", home);
    snprintf (ret_paths[1], PATH_MAX, "/etc/brood/places");
}

static char *
s_trim (char *text)
{
    text += strspn (text, " \t\r");
    size_t size = strlen (text);
    while (size > 0 && strchr (" \t\r", text[size - 1]))
        size--;
    text[size] = '\0';
    return text;
}

// 1 if the line is about name; 0 if it is about another, or about nothing.
static int
s_look (char *line, const char *name, const char **ret_place)
{
    line = s_trim (line);
    if (*line == '\0' || *line == '#')
        return 0;
    char *place = strchr (line, '=');
    if (place)
        *place++ = '\0';
    if (!place || *(line = s_trim (line)) == '\0'
        || *(place = s_trim (place)) == '\0' || strchr ("@0123456789", *place))
        return brd_error_set (EINVAL, "wanted NAME = PLACE");
    *ret_place = place;
    return strcmp (line, name) == 0;
}

// 1: found.
static int
s_look_in (const char *path, const char *name, char **ret_text)
{
    brd_buf_t text;
    const char *place = NULL;
    int rc = 0;
    if (*path == '\0')
        return 0;
    if (brd_text_read (path, S_FILE_MAX, &text) < 0)
        return errno == ENOENT || errno == ENOTDIR ? 0 : -1;
    char *rest = (char *) text.bytes;
    for (int number = 1; rest && rc == 0; number++) {
        rc = s_look (strsep (&rest, "\n"), name, &place);
        if (rc < 0)
            brd_error_prefix ("%s:%d", path, number);
    }
    if (rc > 0 && !(*ret_text = brd_mem_strdup (place)))
        rc = -1;
    brd_buf_fini (&text);
    return rc;
}

int
brd_config_place (const char *name, char **ret_text)
{
    char paths[S_FILES][PATH_MAX];
    s_paths (paths);
    for (int i = 0; i < S_FILES; i++) {
        const int rc = s_look_in (paths[i], name, ret_text);
        if (rc != 0)
            return rc < 0 ? -1 : 0;
    }
    return brd_error_set (ENOENT,
                          "no place is called \"%s\" in %s%s%s",
                          name,
                          paths[0],
                          *paths[0] != '\0' && *paths[1] != '\0' ? " or " : "",
                          paths[1]);
}
