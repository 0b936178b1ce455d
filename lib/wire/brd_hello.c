// brd_hello.c - what is said before a session, to bytes and back
//
// SPDX-License-Identifier: MPL-2.0
//
//     0      4    5 6       8
//     |"BRJN"|type|0|version|  as the type says:
//
//     HELLO    |role|build's size|host's size|0|slots|pid|lease|scale
//              |session|epoch|peer's epoch|build|host
//     WELCOME  |epoch
//     REFUSED  |reason|text's size|text
//
// A value is always the same bytes, so that nothing hides in them.
//
// Read next: docs/rfc/5-security.md, then transport/brd_wan_admit.c.

#include "wire/brd_hello.h"

#include <errno.h>
#include <string.h>

#include "base/brd_error.h"
#include "wire/brd_le.h"

enum {
    S_HEAD = 8,
    S_HELLO = 60,
    S_WELCOME = 16,
    S_REFUSED = 10,
    S_SESSION_AT = 28
};

static const unsigned char s_magic[4] = { 'B', 'R', 'J', 'N' };

// --- To bytes --------------------------------------------------------------

static size_t
s_put_hello (unsigned char *out, const brd_hello_t *self)
{
    const brd_hello_who_t *who = &self->who;
    const size_t host = strnlen (who->host, BRD_HELLO_HOST_MAX);
    out[8] = (unsigned char) who->role;
    out[9] = (unsigned char) who->build_size;
    out[10] = (unsigned char) host;
    out[11] = 0;
    brd_le_put (out + 12, who->slots, 4);
    brd_le_put (out + 16, who->pid, 4);
    brd_le_put (out + 20, who->lease_ms, 4);
    brd_le_put (out + 24, who->scale_millionths, 4);
    memcpy (out + S_SESSION_AT, self->session, BRD_HELLO_SESSION);
    brd_le_put (out + 44, self->epoch, 8);
    brd_le_put (out + 52, self->peer, 8);
    memcpy (out + S_HELLO, who->build, who->build_size);
    memcpy (out + S_HELLO + who->build_size, who->host, host);
    return S_HELLO + who->build_size + host;
}

static size_t
s_put_refused (unsigned char *out, const brd_hello_t *self)
{
    const size_t size = strnlen (self->text, BRD_HELLO_TEXT_MAX);
    out[8] = (unsigned char) self->reason;
    out[9] = (unsigned char) size;
    memcpy (out + S_REFUSED, self->text, size);
    return S_REFUSED + size;
}

size_t
brd_hello_put (unsigned char out[BRD_HELLO_SIZE_MAX], const brd_hello_t *self)
{
    memcpy (out, s_magic, sizeof s_magic);
    out[4] = (unsigned char) self->type;
    out[5] = 0;
    brd_le_put (out + 6, self->version, 2);
    switch (self->type) {
    case BRD_HELLO_HELLO:
        return s_put_hello (out, self);
    case BRD_HELLO_REFUSED:
        return s_put_refused (out, self);
    default:
        brd_le_put (out + S_HEAD, self->epoch, 8);
        return S_WELCOME;
    }
}

// --- And back --------------------------------------------------------------

static int
s_bad (const char *what)
{
    return brd_error_set (
        EPROTO, "not what is said before a session: %s", what);
}

static int
s_text (char *to, const unsigned char *from, size_t size)
{
    for (size_t i = 0; i < size; i++)
        if (from[i] < 0x20 || from[i] > 0x7e)
            return s_bad ("a text that is not printable");
    memcpy (to, from, size);
    to[size] = '\0';
    return 0;
}

static int
s_get_hello (const unsigned char *at, size_t size, brd_hello_t *self)
{
    static const unsigned char nobody[BRD_HELLO_SESSION];
    brd_hello_who_t *who = &self->who;
    if (size < S_HELLO)
        return s_bad ("it is cut short");
    const size_t host = at[10];
    who->role = (brd_join_role_t) at[8];
    who->build_size = at[9];
    if (who->build_size > BRD_HELLO_BUILD_MAX
        || size != S_HELLO + who->build_size + host || at[11] != 0)
        return s_bad ("its size");
    who->slots = (uint32_t) brd_le_get (at + 12, 4);
    who->pid = (uint32_t) brd_le_get (at + 16, 4);
    who->lease_ms = (uint32_t) brd_le_get (at + 20, 4);
    who->scale_millionths = (uint32_t) brd_le_get (at + 24, 4);
    memcpy (self->session, at + S_SESSION_AT, BRD_HELLO_SESSION);
    self->epoch = brd_le_get (at + 44, 8);
    self->peer = brd_le_get (at + 52, 8);
    memcpy (who->build, at + S_HELLO, who->build_size);
    if (who->role < BRD_JOIN_BELOW || who->role > BRD_JOIN_ADMIN)
        return s_bad ("its role");
    if (who->pid == 0 || who->scale_millionths == 0 || host == 0)
        return s_bad ("it does not say who it is");
    if (self->epoch == 0 || self->epoch == self->peer
        || memcmp (self->session, nobody, sizeof nobody) == 0)
        return s_bad ("it does not say of which session");
    return s_text (who->host, at + S_HELLO + who->build_size, host);
}

static int
s_get_welcome (const unsigned char *at, size_t size, brd_hello_t *self)
{
    if (size != S_WELCOME)
        return s_bad ("its size");
    self->epoch = brd_le_get (at + S_HEAD, 8);
    return self->epoch != 0 ? 0 : s_bad ("an epoch of 0");
}

static int
s_get_refused (const unsigned char *at, size_t size, brd_hello_t *self)
{
    if (size < S_REFUSED || size != (size_t) S_REFUSED + at[9])
        return s_bad ("its size");
    self->reason = (brd_hello_reason_t) at[8];
    if (self->reason != BRD_HELLO_NO && self->reason != BRD_HELLO_OVER)
        return s_bad ("its reason");
    return s_text (self->text, at + S_REFUSED, at[9]);
}

int
brd_hello_get (const void *bytes, size_t size, brd_hello_t *ret_hello)
{
    const unsigned char *at = bytes;
    if (size < S_HEAD || memcmp (at, s_magic, sizeof s_magic) != 0)
        return s_bad ("no header");
    brd_hello_t hello = {
        .type = (brd_hello_type_t) at[4],
        .version = (uint16_t) brd_le_get (at + 6, 2),
    };
    int rc;
    if (at[5] != 0)
        return s_bad ("no header");
    if (hello.type == BRD_HELLO_REFUSED)
        rc = s_get_refused (at, size, &hello);
    else if (hello.type != BRD_HELLO_HELLO && hello.type != BRD_HELLO_WELCOME)
        rc = s_bad ("its type");
    else if (hello.version != BRD_HELLO_VERSION)
        rc = brd_error_set (EPROTONOSUPPORT,
                            "protocol version %u, and this is version %d",
                            hello.version,
                            BRD_HELLO_VERSION);
    else if (hello.type == BRD_HELLO_HELLO)
        rc = s_get_hello (at, size, &hello);
    else
        rc = s_get_welcome (at, size, &hello);
    if (rc == 0 || errno == EPROTONOSUPPORT)
        *ret_hello = hello;
    return rc;
}
