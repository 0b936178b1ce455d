// brd_wan_admit.c - who comes in, and why not
//
// SPDX-License-Identifier: MPL-2.0
//
//     handshake: a good token's key, or a session's?    no: ERROR 400
//     HELLO      none of ours                           no answer
//                a session, by key, id and epochs  -->  WELCOME, connected anew
//                a good token, of this build ...   -->  joined () --> WELCOME
//                else                              -->  REFUSED
//
// Who is refused hangs up, or is sent away as a stranger when its time is over:
// if we hung up the reason might not arrive.
//
// What a token is good for is only for this side's log; what is wrong with the
// program that comes with a good one, it is told.
//
// Read next: docs/rfc/5-security.md.

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/brd_check.h"
#include "base/brd_log.h"
#include "base/brd_secret.h"
#include "transport/brd_wan_private.h"

// --- Answers ---------------------------------------------------------------

static int
s_say (brd_wan_listen_t *self,
       const unsigned char peer[BRD_TCP_ID],
       const brd_hello_t *hello)
{
    unsigned char bytes[BRD_HELLO_SIZE_MAX];
    const size_t size = brd_hello_put (bytes, hello);
    brd_assert (brd_buf_add (&self->out, bytes, size) == 0);
    const int rc = brd_tcp_listen_send (self->tcp, peer, &self->out);
    self->out.size = 0;
    return rc;
}

// One who cannot be told hears nothing, and is sent away.
static void
s_refuse (brd_wan_listen_t *self,
          const brd_zmq_msg_t *msg,
          brd_hello_reason_t reason,
          const char *told)
{
    brd_hello_t answer = { .type = BRD_HELLO_REFUSED,
                           .version = BRD_HELLO_VERSION,
                           .reason = reason };
    snprintf (answer.text, sizeof answer.text, "%s", told);
    for (char *at = answer.text; *at; at++)
        if (*at < 0x20 || *at > 0x7e)
            *at = '?';
    self->stats.refused++;
    (void) s_say (self, msg->peer, &answer);
}

// --- Sessions that there are -----------------------------------------------

// The next that is not over, or NULL.
static brd_wan_session_t *
s_next (const brd_wan_listen_t *self, const brd_list_t *at)
{
    for (brd_list_t *i = at->next; i != &self->sessions; i = i->next) {
        brd_wan_session_t *session = BRD_LIST_ITEM (i, brd_wan_session_t, link);
        if (!session->line.over)
            return session;
    }
    return NULL;
}

int
brd_wan_admit_key (void *arg,
                   const unsigned char key[BRD_CURVE_KEY],
                   const char *host)
{
    brd_wan_listen_t *self = arg;
    (void) host;
    int good = brd_token_is_good (self->book, key, (int64_t) time (NULL));
    for (brd_wan_session_t *i = s_next (self, &self->sessions); i;
         i = s_next (self, &i->link))
        good |= !brd_secret_differ (i->key, key, BRD_CURVE_KEY);
    return good;
}

static brd_wan_session_t *
s_find (const brd_wan_listen_t *self,
        const brd_hello_t *hello,
        const unsigned char key[BRD_CURVE_KEY])
{
    brd_wan_session_t *found = NULL;
    for (brd_wan_session_t *i = s_next (self, &self->sessions); i;
         i = s_next (self, &i->link))
        if (!(brd_secret_differ (i->key, key, BRD_CURVE_KEY)
              | brd_secret_differ (
                  i->session, hello->session, BRD_HELLO_SESSION)))
            found = i;
    return found;
}

// The connection it came by is the session's from now on. If it is gone
// already, there will be another.
static void
s_connect (brd_wan_listen_t *self,
           brd_wan_session_t *session,
           const brd_zmq_msg_t *msg,
           int64_t now)
{
    const brd_hello_t answer = { .type = BRD_HELLO_WELCOME,
                                 .version = BRD_HELLO_VERSION,
                                 .epoch = session->epoch };
    if (brd_tcp_listen_admit (self->tcp, msg) < 0)
        return;
    if (brd_wan_session_attach (session, msg->peer) < 0) {
        brd_tcp_listen_drop (self->tcp, msg->peer);
        return;
    }
    if (s_say (self, msg->peer, &answer) < 0) {
        brd_wan_session_detach (session);
        return;
    }
    brd_channel_reconnected (session->line.channel, now);
    brd_wan_session_touch (session);
}

static void
s_resume (brd_wan_listen_t *self,
          brd_wan_session_t *session,
          const brd_hello_t *hello,
          const brd_zmq_msg_t *msg,
          int64_t now)
{
    if (hello->epoch != session->peer_epoch
        || (hello->peer != 0 && hello->peer != session->epoch)) {
        s_refuse (self, msg, BRD_HELLO_OVER, "the session is over");
        return;
    }
    self->stats.resumed++;
    s_connect (self, session, msg, now);
}

// --- New ones --------------------------------------------------------------

static int
s_is_other_build (const brd_wan_listen_t *self, const brd_hello_who_t *who)
{
    return self->build_size > 0 && who->role != BRD_JOIN_WATCH
           && who->role != BRD_JOIN_ADMIN
           && (who->build_size != self->build_size
               || memcmp (who->build, self->build, self->build_size) != 0);
}

// NULL, or what it is told. The token comes first: who has none learns nothing
// about us.
static const char *
s_why_not (const brd_wan_listen_t *self,
           const brd_hello_who_t *who,
           const unsigned char key[BRD_CURVE_KEY],
           const char **ret_log)
{
    *ret_log = NULL;
    if (brd_token_check (self->book, key, who->role, (int64_t) time (NULL))
        < 0) {
        *ret_log = brd_error_get ()->text;
        return "not admitted";
    }
    if (s_is_other_build (self, who))
        return "another build of the program: the same executable must be "
               "run on all hosts";
    if (who->scale_millionths != brd_wan_line_millionths (self->time_scale))
        return "another time scale: BROOD_TIME_SCALE must be the same on all "
               "hosts";
    if (who->lease_ms < BRD_WAN_LEASE_MS_MIN
        || who->lease_ms > BRD_WAN_LEASE_MS_MAX)
        return "a lease that is too short or too long";
    if (self->stats.sessions >= self->sessions_max)
        return "there are as many here as there may be";
    return NULL;
}

static void
s_join (brd_wan_listen_t *self,
        const brd_hello_t *hello,
        const unsigned char key[BRD_CURVE_KEY],
        const brd_zmq_msg_t *msg,
        int64_t now)
{
    const brd_hello_who_t *who = &hello->who;
    brd_wan_session_t *session = NULL;
    const char *log, *why = s_why_not (self, who, key, &log);
    if (!why) {
        session = brd_wan_session_new (self, hello, key);
        if (!session)
            return;  // It says it again by another connection
        why = self->joined (self->arg, &session->line.peer, who);
        log = why;
    }
    if (why) {
        brd_log (BROOD_LOG_WARNING,
                 "%s, process %u, is refused: %s",
                 who->host,
                 who->pid,
                 log ? log : why);
        s_refuse (self, msg, BRD_HELLO_NO, why);
        if (session)
            brd_wan_session_free (session);
        return;
    }
    // joined () may have taken it back; then it is gone all the same.
    (void) brd_token_use (self->book, key, who->role, (int64_t) time (NULL));
    self->stats.joined++;
    brd_log (BROOD_LOG_INFO,
             "%s, process %u, has joined %s",
             who->host,
             who->pid,
             brd_join_purpose (who->role));
    s_connect (self, session, msg, now);
}

void
brd_wan_admit_stranger (brd_wan_listen_t *self,
                        const brd_zmq_msg_t *msg,
                        int64_t now)
{
    unsigned char key[BRD_CURVE_KEY];
    brd_hello_t hello;
    brd_tcp_listen_key (msg, key);
    if (brd_hello_get (msg->bytes, msg->size, &hello) < 0) {
        brd_log (BROOD_LOG_WARNING,
                 "a stranger is refused: %s",
                 brd_error_get ()->text);
        if (errno == EPROTONOSUPPORT)
            s_refuse (self, msg, BRD_HELLO_NO, brd_error_get ()->text);
        else {
            self->stats.garbage++;
            brd_tcp_listen_drop (self->tcp, msg->peer);
        }
        return;
    }
    if (hello.type != BRD_HELLO_HELLO) {
        self->stats.garbage++;
        brd_tcp_listen_drop (self->tcp, msg->peer);
        return;
    }
    brd_wan_session_t *session = s_find (self, &hello, key);
    if (session)
        s_resume (self, session, &hello, msg, now);
    else if (hello.peer != 0)
        s_refuse (self, msg, BRD_HELLO_OVER, "the session is over");
    else
        s_join (self, &hello, key, msg, now);
}
