// ask.c - who looks at a broker: the broker's end
//
// SPDX-License-Identifier: MPL-2.0
//
//     turn of an asker
//       recv   QUERY -> what is asked -> REPORT       one after the other
//              anything else                          it is cut off
//       too many questions, answers not read, a minute of silence: the same
//     turn of the door
//       accept, of this user's and of root -> an asker more
//
// Each is a source of its own, which may remove itself in its turn.
//
// Read next: ask_door.c; broker/host/host_report.c, the answer.

#include "tools/ask.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/brd_clock.h"
#include "base/brd_error.h"
#include "base/brd_log.h"
#include "base/brd_mem.h"
#include "base/brd_sys.h"
#include "brood/brood_init.h"
#include "tools/ask_door.h"
#include "transport/brd_peer_fd.h"
#include "wire/brd_frame.h"
#include "wire/brd_value.h"

#define S_SECOND INT64_C (1000000000)
#define S_IDLE (BRD_ASK_IDLE_MS * INT64_C (1000000))
#define S_PAUSE (S_SECOND / 10)
#define S_LONG_AGO (INT64_MIN / 2)

enum {
    S_TURN_MAX = 16,      // Questions of one asker in one turn
    S_ROOM = 256 * 1024,  // In an answer, beside workers and guests
    S_MESSAGE_MAX = BRD_ASK_ANSWER_MAX + 64,
    S_KEYS = 7
};

struct brd_ask {
    brd_host_t *host;
    brd_list_t askers;
    size_t count;
    char place[256];
    size_t (*free_hosts) (void *arg);  // NULL: all are in pools
    void *arg;
    int64_t since;
    brd_host_source_t door;  // turn is NULL: there is none
    int listening;
    int64_t open_at;  // The door is not looked at before
};

typedef struct {
    brd_host_source_t source;  // First
    brd_list_t link;
    brd_ask_t *ask;
    brd_peer_t *peer;
    int may_change;
    int more;         // 1: there may be questions that it has sent before
    int64_t heard;    // When it asked last
    int64_t counted;  // Questions since then, for a second
    int questions;
} s_asker_t;

// --- Answers ---------------------------------------------------------------

static int
s_put_text (brd_buf_t *out, const char *key, const char *text)
{
    return brd_value_put_text (out, key, strlen (key)) < 0
                   || brd_value_put_text (out, text, strlen (text)) < 0
               ? -1
               : 0;
}

static int
s_put_int (brd_buf_t *out, const char *key, int64_t number)
{
    return brd_value_put_text (out, key, strlen (key)) < 0
                   || brd_value_put_int (out, number) < 0
               ? -1
               : 0;
}

static int
s_report (const brd_ask_t *self, brd_buf_t *out)
{
    char name[256] = "";
    (void) gethostname (name, sizeof name - 1);
    if (brd_value_put_map (out, S_KEYS) < 0
        || s_put_int (out, "pid", getpid ()) < 0
        || s_put_text (out, "host", name) < 0
        || s_put_text (out, "version", brood_version ()) < 0
        || s_put_text (out, "place", self->place) < 0
        || s_put_int (out, "up_ms", (brd_clock_now () - self->since) / 1000000)
               < 0
        || s_put_int (out,
                      "free",
                      self->free_hosts ? (int64_t) self->free_hosts (self->arg)
                                       : 0)
               < 0
        || brd_value_put_text (out, "pools", 5) < 0)
        return -1;
    return brd_host_report (self->host, out, BRD_ASK_ANSWER_MAX - S_ROOM);
}

// The rest of question if it is this word and one more, else NULL.
static const char *
s_after (const char *question, const char *word)
{
    const size_t size = strlen (word);
    return strncmp (question, word, size) == 0 && question[size] == ' '
                   && question[size + 1] != '\0'
               ? question + size + 1
               : NULL;
}

static int
s_drain (const s_asker_t *self, const char *name, int on)
{
    if (!self->may_change)
        return brd_error_set (EPERM, "who is only let in to look may not");
    return brd_host_drain (self->ask->host, name, on);
}

// What is asked for in out; -1: why not is the error.
static int
s_do (const s_asker_t *self, const char *question, brd_buf_t *out)
{
    const char *name;
    if (strcmp (question, "report") == 0)
        return s_report (self->ask, out);
    if (strcmp (question, "ping") == 0)
        return brd_value_put_nil (out);
    if ((name = s_after (question, "drain")) != NULL
        && s_drain (self, name, 1) == 0)
        return brd_value_put_nil (out);
    if (!name && (name = s_after (question, "undrain")) != NULL
        && s_drain (self, name, 0) == 0)
        return brd_value_put_nil (out);
    return name ? -1
                : brd_error_set (EINVAL, "there is no question %s", question);
}

// -1: it cannot be told.
static int
s_answer (const s_asker_t *self, uint64_t number, const char *question)
{
    brd_buf_t value, out;
    brd_buf_init (&value, BRD_ASK_ANSWER_MAX);
    brd_buf_init (&out, S_MESSAGE_MAX);
    brd_wire_note_t note = { .seq = number };
    if (s_do (self, question, &value) == 0) {
        note.body = value.bytes;
        note.size = (uint32_t) value.size;
    }
    else {
        note.count = (uint32_t) brd_error_get ()->error;
        note.body = brd_error_get ()->text;
        note.size = (uint32_t) strlen (note.body);
    }
    int rc = brd_frame_begin (&out, BRD_OP_REPORT);
    if (rc == 0)
        rc = brd_frame_add_note (&out, &note);
    if (rc == 0) {
        brd_frame_close (&out, 1);
        rc = self->peer->send (self->peer, &out);
    }
    brd_buf_fini (&value);
    brd_buf_fini (&out);
    return rc;
}

// --- Questions -------------------------------------------------------------

// -1 with EPROTO: not a question.
static int
s_read (const void *bytes,
        size_t size,
        uint64_t *ret_number,
        char ret_question[BRD_ASK_QUESTION_MAX + 1])
{
    brd_frame_t frame;
    brd_wire_note_t note, none;
    if (size > BRD_FRAME_HEADER + BRD_FRAME_NOTE + BRD_ASK_QUESTION_MAX
        || brd_frame_open (&frame, bytes, size) < 0 || frame.op != BRD_OP_QUERY
        || brd_frame_next_note (&frame, &note) != 1
        || brd_frame_next_note (&frame, &none) != 0
        || note.size > BRD_ASK_QUESTION_MAX)
        return brd_error_set (EPROTO, "not a question");
    for (uint32_t i = 0; i < note.size; i++) {
        ret_question[i] = ((const char *) note.body)[i];
        if (ret_question[i] < ' ' || ret_question[i] > '~')
            return brd_error_set (EPROTO, "a question that cannot be read");
    }
    ret_question[note.size] = '\0';
    *ret_number = note.seq;
    return 0;
}

// Not too often.
static int
s_may_ask (s_asker_t *self, int64_t now)
{
    if (now - self->counted >= S_SECOND) {
        self->counted = now;
        self->questions = 0;
    }
    return ++self->questions <= BRD_ASK_QUESTIONS_MAX
               ? 0
               : brd_error_set (EPROTO, "it asks too often");
}

// Takes one question: 1, 0 if there is none, -1: it is to go.
static int
s_take (s_asker_t *self, int64_t now)
{
    char question[BRD_ASK_QUESTION_MAX + 1];
    uint64_t number = 0;  // gcc cannot see that it is set
    const void *bytes;
    size_t size;
    if (self->peer->recv (self->peer, &bytes, &size) < 0)
        return errno == EAGAIN ? 0 : -1;
    const int rc = s_read (bytes, size, &number, question);
    self->peer->done (self->peer);
    if (rc < 0 || s_may_ask (self, now) < 0)
        return -1;
    self->heard = now;
    return s_answer (self, number, question) < 0 ? -1 : 1;
}

void
brd_ask_set_free (brd_ask_t *self, size_t (*count) (void *arg), void *arg)
{
    self->free_hosts = count;
    self->arg = arg;
}

// --- Coming and going ------------------------------------------------------

static void
s_send_away (s_asker_t *self)
{
    brd_host_source_remove (self->ask->host, &self->source);
    brd_list_remove (&self->link);
    self->ask->count--;
    self->peer->destroy (self->peer);
    brd_mem_free (self);
}

static void
s_turn (brd_host_source_t *source, int64_t now)
{
    s_asker_t *self = (s_asker_t *) (void *) source;
    brd_peer_t *peer = self->peer;
    int taken = 1, count = 0;
    if (peer->turn)
        peer->turn (peer, now);
    for (; taken == 1 && count < S_TURN_MAX; count++)
        taken = s_take (self, now);
    self->more = taken == 1;
    if (taken >= 0 && now - self->heard < S_IDLE
        && !(peer->silent && peer->silent (peer, now)))
        return;
    if (taken < 0 && errno == EPROTO)
        brd_log (BROOD_LOG_WARNING,
                 "an asker is sent away: %s",
                 brd_error_get ()->text);
    s_send_away (self);
}

static int64_t
s_due (brd_host_source_t *source, int64_t now)
{
    const s_asker_t *self = (s_asker_t *) (void *) source;
    const int64_t idle = self->heard + S_IDLE;
    const int64_t due =
        self->peer->due ? self->peer->due (self->peer, now) : BRD_NEVER;
    return self->more ? now : due < idle ? due : idle;
}

static s_asker_t *
s_quietest (const brd_ask_t *self)
{
    s_asker_t *found = NULL;
    for (brd_list_t *i = self->askers.next; i != &self->askers; i = i->next) {
        s_asker_t *asker = BRD_LIST_ITEM (i, s_asker_t, link);
        if (asker->heard > S_LONG_AGO
            && (!found || asker->heard < found->heard))
            found = asker;
    }
    return found;
}

int
brd_ask_add (brd_ask_t *self, brd_peer_t *peer, int may_change)
{
    s_asker_t *asker = brd_mem_zalloc (sizeof *asker);
    if (!asker)
        return -1;
    asker->ask = self;
    asker->peer = peer;
    asker->may_change = may_change;
    asker->heard = asker->counted = brd_clock_now ();
    asker->source =
        (brd_host_source_t){ .fd = peer->fd, .turn = s_turn, .due = s_due };
    if (brd_host_source_add (self->host, &asker->source) < 0) {
        brd_mem_free (asker);
        return -1;
    }
    // It goes in a turn of its own: this may be that of all sources, where it
    // may be the next.
    s_asker_t *quietest =
        self->count >= BRD_ASK_ASKERS_MAX ? s_quietest (self) : NULL;
    if (quietest)
        quietest->heard = S_LONG_AGO;
    brd_list_append (&self->askers, &asker->link);
    self->count++;
    return 0;
}

size_t
brd_ask_count (const brd_ask_t *self)
{
    return self->count;
}

// --- The door --------------------------------------------------------------

// Sleeps on the door, or, with fd -1, on the clock alone for a moment.
static void
s_watch_door (brd_ask_t *self, int fd, int64_t now)
{
    brd_host_source_remove (self->host, &self->door);
    self->door.fd = fd;
    self->open_at = fd < 0 ? now + S_PAUSE : 0;
    if (brd_host_source_add (self->host, &self->door) < 0 && fd >= 0)
        s_watch_door (self, -1, now);
}

static void
s_welcome (brd_ask_t *self, int fd)
{
    brd_peer_t *peer = brd_peer_fd_new (fd, S_MESSAGE_MAX);
    if (!peer)
        brd_sys_close (&fd);
    else if (brd_ask_add (self, peer, 1) < 0)
        peer->destroy (peer);
}

// While no descriptor can be had for who waits there it stays readable, so it
// is left alone for a moment.
static void
s_door_turn (brd_host_source_t *source, int64_t now)
{
    brd_ask_t *self = BRD_LIST_ITEM (source, brd_ask_t, door);
    if (now < self->open_at)
        return;
    if (source->fd < 0)
        s_watch_door (self, self->listening, now);
    for (int i = 0; i < S_TURN_MAX; i++) {
        const int fd = brd_ask_door_accept (self->listening);
        if (fd >= 0)
            s_welcome (self, fd);
        else if (errno == EAGAIN)
            return;
        else if (errno == EACCES)
            brd_log (BROOD_LOG_WARNING, "%s", brd_error_get ()->text);
        else if (errno != ECONNABORTED) {
            s_watch_door (self, -1, now);
            return;
        }
    }
}

static int64_t
s_door_due (brd_host_source_t *source, int64_t now)
{
    const brd_ask_t *self = BRD_LIST_ITEM (source, brd_ask_t, door);
    (void) now;
    return self->open_at > 0 ? self->open_at : BRD_NEVER;
}

int
brd_ask_open_door (brd_ask_t *self)
{
    if (self->listening >= 0)
        return brd_error_set (EADDRINUSE, "the door is open");
    self->listening = brd_ask_door_listen ();
    if (self->listening < 0)
        return -1;
    brd_host_lock (self->host);
    self->door = (brd_host_source_t){ .fd = self->listening,
                                      .turn = s_door_turn,
                                      .due = s_door_due };
    const int rc = brd_host_source_add (self->host, &self->door);
    brd_host_unlock (self->host);
    if (rc < 0)
        brd_sys_close (&self->listening);
    return rc;
}

// --- Its life --------------------------------------------------------------

brd_ask_t *
brd_ask_new (brd_host_t *host, const char *place)
{
    brd_ask_t *self = brd_mem_zalloc (sizeof *self);
    if (!self)
        return NULL;
    self->host = host;
    self->listening = -1;
    self->since = brd_clock_now ();
    brd_list_init (&self->askers);
    snprintf (self->place, sizeof self->place, "%s", place);
    return self;
}

void
brd_ask_destroy (brd_ask_t **self_p)
{
    brd_ask_t *self = *self_p;
    if (!self)
        return;
    *self_p = NULL;
    brd_host_lock (self->host);
    if (self->listening >= 0)
        brd_host_source_remove (self->host, &self->door);
    while (!brd_list_empty (&self->askers))
        s_send_away (BRD_LIST_ITEM (self->askers.next, s_asker_t, link));
    brd_host_unlock (self->host);
    brd_sys_close (&self->listening);
    brd_mem_free (self);
}
