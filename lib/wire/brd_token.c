// brd_token.c - the tokens a broker has given out, and what they are good for
//
// SPDX-License-Identifier: MPL-2.0
//
//     add --> | id, role, uses left, expires | --use--> one less
//             | ...                          |
//
// Every look goes through the whole book and compares whole ids, so that how
// long it takes tells nothing about what is in it. Thousands of tokens, and a
// look for each handshake, which costs a thousand times as much.

#include "wire/brd_token.h"

#include <errno.h>
#include <string.h>

#include "base/brd_error.h"
#include "base/brd_mem.h"
#include "base/brd_secret.h"

typedef struct {
    unsigned char id[BRD_JOIN_KEY];
    brd_join_role_t role;
    int uses;         // Left; 0: used up, and kept to say so
    int64_t expires;  // 0: never
} s_token_t;

struct brd_token_book {
    s_token_t *tokens;
    size_t count;
    size_t room;
};

brd_token_book_t *
brd_token_new (void)
{
    return brd_mem_zalloc (sizeof (brd_token_book_t));
}

void
brd_token_destroy (brd_token_book_t **self_p)
{
    if (!self_p || !*self_p)
        return;
    brd_token_book_t *self = *self_p;
    brd_mem_free (self->tokens);
    brd_mem_free (self);
    *self_p = NULL;
}

static s_token_t *
s_find (const brd_token_book_t *self, const unsigned char id[BRD_JOIN_KEY])
{
    s_token_t *found = NULL;
    for (size_t i = 0; i < self->count; i++)
        if (!brd_secret_differ (self->tokens[i].id, id, BRD_JOIN_KEY))
            found = &self->tokens[i];
    return found;
}

static int
s_has_expired (const s_token_t *token, int64_t now)
{
    return token->expires != 0 && now >= token->expires;
}

static int
s_grow (brd_token_book_t *self)
{
    if (self->count < self->room)
        return 0;
    const size_t room = self->room > 0 ? self->room * 2 : 16;
    s_token_t *tokens =
        brd_mem_resize (self->tokens, room * sizeof (s_token_t));
    if (!tokens)
        return -1;
    self->tokens = tokens;
    self->room = room;
    return 0;
}

int
brd_token_add (brd_token_book_t *self,
               const unsigned char id[BRD_JOIN_KEY],
               brd_join_role_t role,
               int n_uses,
               int64_t expires)
{
    if (n_uses < 1)
        return brd_error_set (EINVAL, "a token is good for one use at least");
    if (s_find (self, id))
        return brd_error_set (EEXIST, "this token was given out before");
    if (self->count == BRD_TOKEN_MAX)
        return brd_error_set (
            ENOSPC, "%d tokens are given out already", BRD_TOKEN_MAX);
    if (s_grow (self) < 0)
        return -1;
    s_token_t *token = &self->tokens[self->count++];
    *token = (s_token_t){ .role = role, .uses = n_uses, .expires = expires };
    memcpy (token->id, id, sizeof token->id);
    return 0;
}

int
brd_token_is_good (const brd_token_book_t *self,
                   const unsigned char id[BRD_JOIN_KEY],
                   int64_t now)
{
    const s_token_t *token = s_find (self, id);
    return token && token->uses > 0 && !s_has_expired (token, now);
}

int
brd_token_check (const brd_token_book_t *self,
                 const unsigned char id[BRD_JOIN_KEY],
                 brd_join_role_t role,
                 int64_t now)
{
    const s_token_t *token = s_find (self, id);
    if (!token)
        return brd_error_set (EACCES, "an unknown token");
    if (s_has_expired (token, now))
        return brd_error_set (EACCES, "a token that has expired");
    if (token->uses == 0)
        return brd_error_set (EACCES, "a token that is used up");
    if (token->role != role)
        return brd_error_set (EACCES, "a token of another role");
    return 0;
}

int
brd_token_use (brd_token_book_t *self,
               const unsigned char id[BRD_JOIN_KEY],
               brd_join_role_t role,
               int64_t now)
{
    if (brd_token_check (self, id, role, now) < 0)
        return -1;
    s_token_t *token = s_find (self, id);
    token->uses -= token->uses != BRD_TOKEN_ALWAYS;
    return 0;
}

static void
s_remove (brd_token_book_t *self, s_token_t *token)
{
    *token = self->tokens[--self->count];
}

void
brd_token_revoke (brd_token_book_t *self, const unsigned char id[BRD_JOIN_KEY])
{
    s_token_t *token = s_find (self, id);
    if (token)
        s_remove (self, token);
}

size_t
brd_token_sweep (brd_token_book_t *self, int64_t now)
{
    for (size_t i = 0; i < self->count;)
        if (self->tokens[i].uses == 0 || s_has_expired (&self->tokens[i], now))
            s_remove (self, &self->tokens[i]);
        else
            i++;
    return self->count;
}
