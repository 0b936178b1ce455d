// brd_auth.c - two strangers prove to each other that they know a key
//
// SPDX-License-Identifier: MPL-2.0
//
//     K                    SHA-256 of the program's key
//     hello                "brood", 0, version, sealed?, 32 bytes
//     H                    the connector's hello, then the listener's
//     proof of R           HMAC-SHA256 (K, "brood proof R" | H), 24 bytes more
//     key of R's records   HMAC-SHA256 (K, "brood seal R" | H | shared secret)
//
// R is the role, so nobody's proof can be sent back as his own. The whole
// hellos are under the proof: who changes a bit of them on the way (to have the
// records in the clear, say) makes both proofs wrong. The 32 bytes are random;
// if records are sealed, they are a fresh X25519 public key, from which the
// shared secret comes. The 24 bytes are where libsodium's secretstream of that
// side begins.
//
// Who proves first? The connector: it chose whom to talk to. A listener that
// proved first would give everybody who connects something to try keys against
// at home.
//
// libsodium is in this file only. Read brd_stream.c next.

#include "transport/brd_auth.h"

#include <errno.h>
#include <string.h>

#include <sodium.h>

#include "base/brd_check.h"
#include "base/brd_mem.h"

enum {
    MAC = crypto_auth_hmacsha256_BYTES,
    BEGIN = crypto_secretstream_xchacha20poly1305_HEADERBYTES
};

_Static_assert(BRD_AUTH_RANDOM == crypto_scalarmult_SCALARBYTES
                   && BRD_AUTH_RANDOM == crypto_scalarmult_BYTES,
               "the random bytes are an X25519 key");
_Static_assert(BRD_AUTH_PROOF == MAC + BEGIN,
               "a proof and where records begin");
_Static_assert(BRD_AUTH_SEAL == crypto_secretstream_xchacha20poly1305_ABYTES,
               "what a sealed record has more");

static const unsigned char s_magic[6] = { 'b', 'r', 'o', 'o', 'd', 0 };

static const char *const s_roles[] = {
    [BRD_AUTH_CONNECTOR] = "connector",
    [BRD_AUTH_LISTENER] = "listener",
};

typedef crypto_secretstream_xchacha20poly1305_state s_records_t;

struct brd_auth {
    brd_auth_role_t role;
    int sealed;
    unsigned char key[crypto_hash_sha256_BYTES];
    unsigned char secret[BRD_AUTH_RANDOM];
    unsigned char shared[crypto_scalarmult_BYTES];
    unsigned char hellos[2][BRD_AUTH_HELLO];  // By role
    s_records_t out;
    s_records_t out_before;  // The last record
    s_records_t in;
};

brd_auth_t *
brd_auth_new (brd_auth_role_t role,
              int sealed,
              const void *key,
              size_t key_size,
              const unsigned char random[BRD_AUTH_RANDOM])
{
    // Any number of times, by any thread.
    brd_assert (sodium_init () >= 0);
    brd_auth_t *self = brd_mem_zalloc (sizeof *self);
    if (!self)
        return NULL;
    self->role = role;
    self->sealed = sealed;
    crypto_hash_sha256 (self->key, key, key_size);
    memcpy (self->secret, random, BRD_AUTH_RANDOM);
    unsigned char *hello = self->hellos[role];
    memcpy (hello, s_magic, sizeof s_magic);
    hello[6] = BRD_AUTH_VERSION;
    hello[7] = sealed ? 1 : 0;
    if (sealed)
        (void) crypto_scalarmult_base (hello + 8, random);
    else
        memcpy (hello + 8, random, BRD_AUTH_RANDOM);
    return self;
}

void
brd_auth_destroy (brd_auth_t **self_p)
{
    if (!*self_p)
        return;
    const int saved_errno = errno;
    sodium_memzero (*self_p, sizeof **self_p);
    brd_mem_free (*self_p);
    *self_p = NULL;
    errno = saved_errno;
}

void
brd_auth_hello (const brd_auth_t *self, unsigned char ret[BRD_AUTH_HELLO])
{
    memcpy (ret, self->hellos[self->role], BRD_AUTH_HELLO);
}

static brd_auth_role_t
s_peer (const brd_auth_t *self)
{
    return self->role == BRD_AUTH_CONNECTOR ? BRD_AUTH_LISTENER
                                            : BRD_AUTH_CONNECTOR;
}

int
brd_auth_meet (brd_auth_t *self, const unsigned char hello[BRD_AUTH_HELLO])
{
    if (memcmp (hello, s_magic, sizeof s_magic) != 0)
        return brd_error_set (EPROTO, "the peer does not speak this protocol");
    if (hello[6] != BRD_AUTH_VERSION)
        return brd_error_set (EPROTO,
                              "the peer speaks version %u of the protocol, "
                              "this is %u",
                              hello[6],
                              BRD_AUTH_VERSION);
    if (hello[7] != (self->sealed ? 1 : 0))
        return brd_error_set (EPROTO,
                              "one side would encrypt and the other not");
    memcpy (self->hellos[s_peer (self)], hello, BRD_AUTH_HELLO);
    // Some points give zeros whatever the secret; they are nobody's honest key.
    if (self->sealed
        && crypto_scalarmult (self->shared, self->secret, hello + 8) < 0)
        return brd_error_set (EPROTO, "the peer's public key is none");
    return 0;
}

// HMAC (K, "brood WHAT ROLE" | H | more)
static void
s_mac (const brd_auth_t *self,
       const char *what,
       brd_auth_role_t role,
       const void *more,
       size_t more_size,
       unsigned char ret[MAC])
{
    const char *parts[] = { "brood ", what, " ", s_roles[role] };
    crypto_auth_hmacsha256_state mac;
    crypto_auth_hmacsha256_init (&mac, self->key, sizeof self->key);
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++)
        crypto_auth_hmacsha256_update (
            &mac, (const unsigned char *) parts[i], strlen (parts[i]));
    crypto_auth_hmacsha256_update (
        &mac, self->hellos[BRD_AUTH_CONNECTOR], BRD_AUTH_HELLO);
    crypto_auth_hmacsha256_update (
        &mac, self->hellos[BRD_AUTH_LISTENER], BRD_AUTH_HELLO);
    if (more_size > 0)
        crypto_auth_hmacsha256_update (&mac, more, more_size);
    crypto_auth_hmacsha256_final (&mac, ret);
    sodium_memzero (&mac, sizeof mac);
}

void
brd_auth_prove (brd_auth_t *self, unsigned char ret[BRD_AUTH_PROOF])
{
    unsigned char key[MAC];
    memset (ret, 0, BRD_AUTH_PROOF);
    s_mac (self, "proof", self->role, NULL, 0, ret);
    if (!self->sealed)
        return;
    s_mac (self, "seal", self->role, self->shared, sizeof self->shared, key);
    (void) crypto_secretstream_xchacha20poly1305_init_push (
        &self->out, ret + MAC, key);
    sodium_memzero (key, sizeof key);
}

void
brd_auth_refuse (unsigned char ret[BRD_AUTH_PROOF])
{
    memset (ret, 0, BRD_AUTH_PROOF);
}

int
brd_auth_check (brd_auth_t *self, const unsigned char proof[BRD_AUTH_PROOF])
{
    unsigned char right[MAC], key[MAC];
    s_mac (self, "proof", s_peer (self), NULL, 0, right);
    if (sodium_memcmp (right, proof, MAC) != 0)
        return brd_error_set (EACCES, "the two sides have different keys");
    if (!self->sealed)
        return 0;
    s_mac (self, "seal", s_peer (self), self->shared, sizeof self->shared, key);
    (void) crypto_secretstream_xchacha20poly1305_init_pull (
        &self->in, proof + MAC, key);
    sodium_memzero (key, sizeof key);
    return 0;
}

void
brd_auth_seal (brd_auth_t *self,
               const unsigned char header[4],
               const void *bytes,
               size_t size,
               unsigned char *ret)
{
    self->out_before = self->out;
    (void) crypto_secretstream_xchacha20poly1305_push (
        &self->out,
        ret,
        NULL,
        bytes,
        size,
        header,
        4,
        crypto_secretstream_xchacha20poly1305_TAG_MESSAGE);
}

void
brd_auth_unseal (brd_auth_t *self)
{
    // The same key stream over other bytes is safe only because nobody has seen
    // the first ones.
    self->out = self->out_before;
}

int
brd_auth_open (brd_auth_t *self,
               const unsigned char header[4],
               const unsigned char *bytes,
               size_t size,
               unsigned char *ret)
{
    unsigned char tag;
    brd_assert (size >= BRD_AUTH_SEAL);
    if (crypto_secretstream_xchacha20poly1305_pull (
            &self->in, ret, NULL, &tag, bytes, size, header, 4)
        == 0)
        return 0;
    return brd_error_set (EPROTO, "what came was changed on the way");
}
