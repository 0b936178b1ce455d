// broker_keys.c - what of a standing broker survives it: keys, join strings
//
// SPDX-License-Identifier: MPL-2.0
//
//     DIR (0700)    key                      the secret half of its pair
//                   work give watch admin    a join string for each role
//
// All of them 0600, and made when they are missing. A string that has expired
// is made anew, with another token. One whose addresses are not today's is
// written again with the token it had, so that copies of it stay good.
//
// A file appears under its name when it is whole: it is written beside, and
// renamed.

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/brd_error.h"
#include "base/brd_secret.h"
#include "base/brd_sys.h"
#include "client/brd_ticket.h"
#include "tools/broker.h"
#include "tools/tool.h"

enum {
    S_PATH = 4096
};

static const struct {
    const char *file;
    brd_join_role_t role;
} s_roles[] = {
    { "work", BRD_JOIN_BELOW },
    { "give", BRD_JOIN_ABOVE },
    { "watch", BRD_JOIN_WATCH },
    { "admin", BRD_JOIN_ADMIN },
};

static int
s_path (const char *folder, const char *file, char ret_path[S_PATH])
{
    const int size = snprintf (ret_path, S_PATH, "%s/%s", folder, file);
    return size < S_PATH ? 0 : brd_error_set (ENAMETOOLONG, "%s", folder);
}

static int
s_write (const char *path, const char *line)
{
    char beside[S_PATH];
    if (snprintf (beside, sizeof beside, "%s.new", path) >= S_PATH)
        return brd_error_set (ENAMETOOLONG, "%s", path);
    (void) unlink (beside);  // Of one that was killed
    if (brd_secret_write_file (beside, line) < 0)
        return -1;
    if (rename (beside, path) == 0)
        return 0;
    (void) brd_error_system ("%s", path);
    (void) unlink (beside);
    return -1;
}

// --- The folder, and the pair ----------------------------------------------

static int
s_check_folder (const char *folder)
{
    struct stat at;
    if (mkdir (folder, S_IRWXU) == 0)
        return 0;
    if (errno != EEXIST)
        return brd_error_system ("%s", folder);
    if (stat (folder, &at) < 0)
        return brd_error_system ("%s", folder);
    if (!S_ISDIR (at.st_mode))
        return brd_error_set (ENOTDIR, "%s: not a folder", folder);
    if (at.st_uid != geteuid ())
        return brd_error_set (EACCES,
                              "%s: belongs to user %ld, not to %ld",
                              folder,
                              (long) at.st_uid,
                              (long) geteuid ());
    if ((at.st_mode & (S_IRWXG | S_IRWXO)) != 0)
        return brd_error_set (EACCES,
                              "%s: others may use it (mode %04o): chmod 700 "
                              "it, and empty it if they might have",
                              folder,
                              (unsigned) (at.st_mode & 07777));
    return 0;
}

static int
s_make_key (const char *path, brd_curve_t *ret_pair)
{
    char text[BRD_TOOL_KEYGEN_TEXT];
    if (brd_curve_make (ret_pair) < 0)
        return -1;
    brd_tool_keygen_print (ret_pair->secret_key, text);
    const int rc = s_write (path, text);
    brd_secret_wipe (text, sizeof text);
    return rc;
}

static int
s_read_key (const char *path, brd_curve_t *ret_pair)
{
    char text[BRD_TOOL_KEYGEN_TEXT + 1];
    unsigned char key[BRD_CURVE_KEY];
    const int size = brd_secret_read_file (path, text, sizeof text);
    if (size < 0 && errno == ENOENT)
        return s_make_key (path, ret_pair);
    if (size < 0)
        return -1;
    int rc = brd_tool_keygen_parse (text, key);
    rc = rc < 0 ? brd_error_prefix ("%s", path)
                : brd_curve_of_secret (key, ret_pair);
    brd_secret_wipe (text, sizeof text);
    brd_secret_wipe (key, sizeof key);
    return rc;
}

int
brd_broker_keys_open (const char *folder, brd_curve_t *ret_pair)
{
    char path[S_PATH];
    if (s_check_folder (folder) < 0 || s_path (folder, "key", path) < 0)
        return -1;
    return s_read_key (path, ret_pair);
}

// --- Join strings ----------------------------------------------------------

static int
s_has_expired (const brd_join_t *join)
{
    return join->expires != 0 && (int64_t) time (NULL) >= join->expires;
}

// 1 if both name the same, in the same order.
static int
s_is_there (const brd_join_t *left, const brd_join_t *right)
{
    if (left->n_addresses != right->n_addresses)
        return 0;
    for (int i = 0; i < left->n_addresses; i++)
        if (strcmp (left->addresses[i], right->addresses[i]) != 0)
            return 0;
    return 1;
}

static int
s_print (const char *path, const brd_join_t *join)
{
    char text[BRD_JOIN_TEXT_MAX];
    int rc = brd_join_print (join, text);
    if (rc == 0)
        rc = s_write (path, text);
    brd_secret_wipe (text, sizeof text);
    return rc;
}

static int
s_make (const char *path,
        const brd_broker_keys_options_t *options,
        const brd_curve_t *pair,
        brd_join_role_t role,
        brd_join_t *ret_join)
{
    brd_curve_t token;
    if (brd_curve_make (&token) < 0)
        return -1;
    *ret_join = options->addresses;
    ret_join->role = role;
    ret_join->expires =
        options->lasts_s > 0 ? (int64_t) time (NULL) + options->lasts_s : 0;
    memcpy (ret_join->key, pair->public_key, sizeof ret_join->key);
    memcpy (ret_join->token, token.secret_key, sizeof ret_join->token);
    brd_curve_wipe (&token);
    return s_print (path, ret_join);
}

static int
s_renew (const char *path,
         const brd_broker_keys_options_t *options,
         brd_join_t *join)
{
    const brd_join_t *now = &options->addresses;
    if (s_is_there (join, now))
        return 0;
    memcpy (join->addresses, now->addresses, sizeof join->addresses);
    join->n_addresses = now->n_addresses;
    return s_print (path, join);
}

// The one that is there, or a new one.
static int
s_have (const char *path,
        const brd_broker_keys_options_t *options,
        const brd_curve_t *pair,
        brd_join_role_t role,
        brd_join_t *ret_join)
{
    if (brd_ticket_read (path, role, NULL, ret_join) < 0)
        return errno == ENOENT ? s_make (path, options, pair, role, ret_join)
                               : -1;
    if (memcmp (ret_join->key, pair->public_key, sizeof ret_join->key) != 0)
        return brd_error_set (EINVAL,
                              "%s: of another key than the one beside it; "
                              "remove the one that is wrong",
                              path);
    return s_has_expired (ret_join)
               ? s_make (path, options, pair, role, ret_join)
               : s_renew (path, options, ret_join);
}

static int
s_enter (brd_token_book_t *book, const brd_join_t *join)
{
    brd_curve_t token;
    if (brd_curve_of_secret (join->token, &token) < 0)
        return -1;
    const int rc = brd_token_add (
        book, token.public_key, join->role, BRD_TOKEN_ALWAYS, join->expires);
    brd_curve_wipe (&token);
    return rc;
}

int
brd_broker_keys_strings (const brd_broker_keys_options_t *options,
                         const brd_curve_t *pair,
                         brd_token_book_t *book)
{
    char path[S_PATH];
    brd_join_t join;
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < sizeof s_roles / sizeof *s_roles; i++) {
        rc = s_path (options->folder, s_roles[i].file, path);
        if (rc == 0)
            rc = s_have (path, options, pair, s_roles[i].role, &join);
        if (rc == 0)
            rc = s_enter (book, &join);
    }
    brd_join_wipe (&join);
    return rc;
}
