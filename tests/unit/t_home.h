// t_home.h - the home told a story, line by line
//
// SPDX-License-Identifier: MPL-2.0
//
// A test of the home is a table: what a client does, and who is told what.
//
//     { "a OPEN dict ages", "a 1" },
//     { "a DICT_SET 1 tom 42", "a nil" },
//     { "b LOCK_ACQUIRE 2 ~500", "" },
//     { "@500", "b ETIMEDOUT" },
//
// Clients are letters, who come by being named; a.1 is their slot 1, and its
// thread; "gone a" is their end; "a again" sends the slot's last call once
// more; ~500 is a timeout in ms, without it a call waits for ever; @500 sets
// the clock. Calls other than OPEN name their object first. "return 3 5" and
// "return 3 EIO" end a method. "step" prefixes what the step itself returned.
//
// Values: 42 2.5 nil true word 'any text' [1, 2] {a: 1} #3 (a handle) <bytes>.
// An answer with handles lent ends in +. After each line all invariants are
// checked.

#ifndef T_HOME_H
#define T_HOME_H

#include "tests/t.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/brd_clock.h"
#include "base/brd_error.h"
#include "core/home.h"

#define T_HOME_BROOD UINT64_C (0xb400d)
#define T_HOME_SLOTS 8
#define T_HOME_MS INT64_C (1000000)

typedef struct {
    const char *what;
    const char *then;
} t_home_line_t;

typedef struct {
    brd_home_t *home;
    int64_t now;
    int known[26];
    uint64_t seq[26][T_HOME_SLOTS];
    brd_request_t last[26][T_HOME_SLOTS];
    unsigned char body[26][T_HOME_SLOTS][512];
    char said[4096];
} t_home_t;

// --- Values ----------------------------------------------------------------

static inline void
t_home_blank (const char **at)
{
    while (**at == ' ' || **at == ',')
        ++*at;
}

static inline void
t_home_pack (const char **at, brd_buf_t *out);

static inline void
t_home_pack_many (const char **at, brd_buf_t *out, char end)
{
    const size_t head = out->size;
    size_t count = 0;
    ++*at;
    assert_int_equal (end == ']' ? brd_value_put_list (out, 0)
                                 : brd_value_put_map (out, 0),
                      0);
    for (t_home_blank (at); **at != end; t_home_blank (at)) {
        t_home_pack (at, out);
        if (end == '}') {
            assert_int_equal (**at, ':');
            ++*at;
            t_home_blank (at);
            t_home_pack (at, out);
        }
        count++;
    }
    ++*at;
    assert_int_equal (brd_value_set_count (out, head, count), 0);
}

static inline void
t_home_pack_word (const char *word, size_t size, brd_buf_t *out)
{
    char text[256];
    memcpy (text, word, size);
    text[size] = '\0';
    char *end;
    const long long number = strtoll (text, &end, 10);
    if (strcmp (text, "nil") == 0)
        brd_value_put_nil (out);
    else if (strcmp (text, "true") == 0 || strcmp (text, "false") == 0)
        brd_value_put_bool (out, text[0] == 't');
    else if (*end == '\0')
        brd_value_put_int (out, number);
    else if (isdigit ((unsigned char) text[0]) || text[0] == '-')
        brd_value_put_float (out, strtod (text, NULL));
    else
        brd_value_put_text (out, text, size);
}

static inline void
t_home_pack (const char **at, brd_buf_t *out)
{
    const char *start = *at;
    if (*start == '[' || *start == '{') {
        t_home_pack_many (at, out, *start == '[' ? ']' : '}');
        return;
    }
    if (*start == '#') {
        const brd_ref_t ref = { .brood = T_HOME_BROOD,
                                .object = strtoull (start + 1, NULL, 10),
                                .kind = BRD_KIND_LIST };
        brd_value_put_ref (out, &ref);
        *at += 1 + strspn (start + 1, "0123456789");
        return;
    }
    if (*start == '\'' || *start == '<') {
        const size_t size = strcspn (start + 1, "'>");
        if (*start == '<')
            brd_value_put_bytes (out, start + 1, size);
        else
            brd_value_put_text (out, start + 1, size);
        *at += size + 2;
        return;
    }
    const size_t size = strcspn (start, " ,:]}");
    t_home_pack_word (start, size, out);
    *at += size;
}

static inline void
t_home_say (t_home_t *self, const char *format, ...) BROOD_PRINTF (2, 3);
static inline void
t_home_say (t_home_t *self, const char *format, ...)
    __attribute__ ((format (printf, 2, 3)));

static inline void
t_home_say (t_home_t *self, const char *format, ...)
{
    const size_t size = strlen (self->said);
    va_list args;
    va_start (args, format);
    vsnprintf (self->said + size, sizeof self->said - size, format, args);
    va_end (args);
}

static inline void
t_home_print (t_home_t *self, brd_value_cursor_t *at)
{
    brd_value_t value;
    brd_ref_t ref;
    assert_int_equal (brd_value_read (at, &value), 0);
    switch (value.type) {
    case BROOD_NIL:
        t_home_say (self, "nil");
        break;
    case BROOD_BOOL:
        t_home_say (self, value.number.i ? "true" : "false");
        break;
    case BROOD_INTEGER:
        t_home_say (self, "%lld", (long long) value.number.i);
        break;
    case BROOD_FLOAT:
        t_home_say (self, "%.1f", value.number.f);
        break;
    case BROOD_TEXT:
        t_home_say (self, "%.*s", (int) value.size, (const char *) value.bytes);
        break;
    case BROOD_HANDLE:
        brd_value_ref (&value, &ref);
        t_home_say (self, "#%llu", (unsigned long long) ref.object);
        break;
    case BROOD_LIST:
    case BROOD_MAP:
        t_home_say (self, value.type == BROOD_LIST ? "[" : "{");
        for (size_t i = 0; i < value.size; i++) {
            t_home_say (self, i > 0 ? ", " : "");
            t_home_print (self, at);
            if (value.type == BROOD_LIST)
                continue;
            t_home_say (self, ": ");
            t_home_print (self, at);
        }
        t_home_say (self, value.type == BROOD_LIST ? "]" : "}");
        break;
    default:
        t_home_say (
            self, "<%.*s>", (int) value.size, (const char *) value.bytes);
        break;
    }
}

// --- What is said ----------------------------------------------------------

static const struct {
    int error;
    const char *name;
} t_home_errors[] = {
    { EINVAL, "EINVAL" },     { ENOMEM, "ENOMEM" },
    { ENOSPC, "ENOSPC" },     { ETIMEDOUT, "ETIMEDOUT" },
    { EINTR, "EINTR" },       { ECANCELED, "ECANCELED" },
    { EPIPE, "EPIPE" },       { EBADMSG, "EBADMSG" },
    { EIO, "EIO" },           { ESRCH, "ESRCH" },
    { EPERM, "EPERM" },       { EDEADLK, "EDEADLK" },
    { ENOENT, "ENOENT" },     { EEXIST, "EEXIST" },
    { EMSGSIZE, "EMSGSIZE" }, { ENOTSUP, "ENOTSUP" },
    { ERANGE, "ERANGE" },     { EOVERFLOW, "EOVERFLOW" },
    { EAGAIN, "EAGAIN" },     { EPROTO, "EPROTO" },
};

static inline const char *
t_home_error (int error)
{
    for (size_t i = 0; i < sizeof t_home_errors / sizeof *t_home_errors; i++)
        if (t_home_errors[i].error == error)
            return t_home_errors[i].name;
    return "?";
}

static inline void
t_home_tell_answer (t_home_t *self, const brd_home_effect_t *effect)
{
    const brd_request_answer_t *answer = &effect->answer;
    const unsigned who = (unsigned) effect->session - 1;
    t_home_say (self, "%c", 'a' + (int) who);
    if (answer->slot > 0)
        t_home_say (self, ".%u", answer->slot);
    t_home_say (self, " ");
    assert_int_equal (answer->seq, self->seq[who][answer->slot]);
    if (answer->error != 0) {
        t_home_say (self, "%s", t_home_error (answer->error));
        return;
    }
    brd_value_cursor_t at = { answer->body, answer->body + answer->size };
    t_home_print (self, &at);
    assert_ptr_equal (at.at, at.end);
    if (answer->flags & BRD_REQUEST_LENT)
        t_home_say (self, "+");
}

static inline void
t_home_tell (t_home_t *self, const brd_home_effect_t *effect)
{
    const unsigned char *bytes = effect->bytes;
    brd_value_cursor_t at = { bytes, bytes ? bytes + effect->size : bytes };
    if (self->said[0] != '\0')
        t_home_say (self, "; ");
    switch (effect->type) {
    case BRD_HOME_DO_ANSWER:
        t_home_tell_answer (self, effect);
        break;
    case BRD_HOME_DO_INVOKE:
        t_home_say (self,
                    "invoke %llu %s.%s ",
                    (unsigned long long) effect->object,
                    effect->class_name,
                    effect->method ? effect->method : "new");
        t_home_print (self, &at);
        break;
    case BRD_HOME_DO_DESTROY:
        t_home_say (self, "destroy %llu", (unsigned long long) effect->object);
        break;
    case BRD_HOME_DO_DROPPED:
        t_home_say (self, "dropped %llu", (unsigned long long) effect->object);
        break;
    case BRD_HOME_DO_END:
        t_home_say (self, "end");
        break;
    }
}

static inline void
t_home_step (t_home_t *self, const brd_home_event_t *event)
{
    brd_home_effect_t effect;
    if (brd_home_step (self->home, self->now, event) < 0)
        t_home_say (self, "step %s", t_home_error (errno));
    while (brd_home_effect (self->home, &effect) == 1)
        t_home_tell (self, &effect);
    brd_home_check (self->home);
}

// --- What happens ----------------------------------------------------------

static inline unsigned
t_home_op (const char *name, size_t size)
{
    for (unsigned op = 0; op < BRD_REQUEST_OPS_END; op++) {
        const brd_request_about_t *about = brd_request_about (op);
        if (about && strlen (about->name) == size
            && memcmp (about->name, name, size) == 0)
            return op;
    }
    fail_msg ("no call %.*s", (int) size, name);
    return 0;
}

static inline void
t_home_meet (t_home_t *self, unsigned who)
{
    char name[] = "client a";
    name[7] = (char) ('a' + (int) who);
    const brd_home_event_t event = { .type = BRD_HOME_SESSION,
                                     .session = who + 1,
                                     .text = name };
    if (!self->known[who])
        t_home_step (self, &event);
    self->known[who] = 1;
}

// OPEN is written with a word for the kind, and options last.
static inline void
t_home_pack_open (const char **at, brd_buf_t *out)
{
    const size_t size = strcspn (*at, " ");
    for (int kind = 0; kind < BRD_KIND_COUNT; kind++) {
        const char *text = brd_kind_text ((brd_kind_t) kind);
        if (strlen (text) == size && memcmp (text, *at, size) == 0)
            brd_value_put_int (out, kind);
    }
    *at += size;
    t_home_blank (at);
    if (**at == '\0' || **at == '[')
        brd_value_put_nil (out);
    else
        t_home_pack (at, out);
    t_home_blank (at);
    if (**at == '\0')
        brd_value_put_list (out, 0);
}

static inline void
t_home_parse (t_home_t *self,
              const char *at,
              unsigned who,
              unsigned slot,
              brd_request_t *ret_call)
{
    unsigned char *body = self->body[who][slot];
    brd_buf_t out = brd_value_fixed (body, sizeof self->body[who][slot]);
    const size_t size = strcspn (at, " ");
    brd_request_t call = { .op = (brd_request_op_t) t_home_op (at, size),
                           .slot = slot,
                           .thread = slot + 1,
                           .timeout_ns = -1 };
    const brd_request_about_t *about = brd_request_about (call.op);
    at += size;
    t_home_blank (&at);
    if (call.op == BRD_REQUEST_OPEN)
        t_home_pack_open (&at, &out);
    else if (about->kind != BRD_KIND_NONE || call.op == BRD_REQUEST_HOLD
             || call.op == BRD_REQUEST_DROP)
        call.object = strtoull (at, (char **) &at, 10);
    for (t_home_blank (&at); *at != '\0'; t_home_blank (&at)) {
        if (*at == '~')
            call.timeout_ns = T_HOME_MS * strtoll (at + 1, (char **) &at, 10);
        else
            t_home_pack (&at, &out);
    }
    self->seq[who][slot] += !about->silent;
    call.seq = self->seq[who][slot];
    call.body = body;
    call.size = out.size;
    *ret_call = call;
}

static inline void
t_home_client (t_home_t *self, const char *at)
{
    const unsigned who = (unsigned) (*at++ - 'a');
    unsigned slot = 0;
    if (*at == '.')
        slot = (unsigned) strtoul (at + 1, (char **) &at, 10);
    t_home_blank (&at);
    t_home_meet (self, who);
    brd_request_t call;
    if (strcmp (at, "again") == 0) {
        call = self->last[who][slot];
    }
    else {
        t_home_parse (self, at, who, slot, &call);
        if (!brd_request_about (call.op)->silent)
            self->last[who][slot] = call;
    }
    const brd_home_event_t event = { .type = BRD_HOME_CALL,
                                     .session = who + 1,
                                     .call = &call };
    t_home_step (self, &event);
}

static inline void
t_home_return (t_home_t *self, const char *at)
{
    unsigned char bytes[256];
    brd_buf_t out = brd_value_fixed (bytes, sizeof bytes);
    brd_home_event_t event = { .type = BRD_HOME_RETURNED,
                               .object = strtoull (at, (char **) &at, 10),
                               .text = "it failed",
                               .bytes = bytes };
    t_home_blank (&at);
    for (size_t i = 0; i < sizeof t_home_errors / sizeof *t_home_errors; i++)
        if (strcmp (at, t_home_errors[i].name) == 0)
            event.error = t_home_errors[i].error;
    if (event.error == 0)
        t_home_pack (&at, &out);
    event.size = out.size;
    t_home_step (self, &event);
}

static inline void
t_home_do (t_home_t *self, const char *what)
{
    self->said[0] = '\0';
    if (*what == '@') {
        const brd_home_event_t tick = { .type = BRD_HOME_TICK };
        self->now = T_HOME_MS * strtoll (what + 1, NULL, 10);
        t_home_step (self, &tick);
    }
    else if (strncmp (what, "gone ", 5) == 0) {
        const unsigned who = (unsigned) (what[5] - 'a');
        const brd_home_event_t event = { .type = BRD_HOME_GONE,
                                         .session = who + 1 };
        t_home_step (self, &event);
        self->known[who] = 0;
        memset (self->seq[who], 0, sizeof self->seq[who]);
    }
    else if (strncmp (what, "return ", 7) == 0) {
        t_home_return (self, what + 7);
    }
    else {
        t_home_client (self, what);
    }
}

static inline t_home_t *
t_home_new (const brd_home_options_t *options)
{
    t_home_t *self = calloc (1, sizeof *self);
    assert_non_null (self);
    brd_home_options_t own = options ? *options : (brd_home_options_t){ 0 };
    own.brood = T_HOME_BROOD;
    own.seed = 42;
    self->home = brd_home_new (&own);
    assert_non_null (self->home);
    return self;
}

static inline void
t_home_destroy (t_home_t *self)
{
    brd_home_destroy (&self->home);
    assert_null (self->home);
    free (self);
}

static inline void
t_home_tell_all (t_home_t *self, const t_home_line_t *lines, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        t_home_do (self, lines[i].what);
        if (strcmp (self->said, lines[i].then) != 0)
            fail_msg ("line %zu: %s\n  wanted: %s\n  found:  %s",
                      i + 1,
                      lines[i].what,
                      lines[i].then,
                      self->said);
    }
}

// A story from beginning to end, in a home of its own.
#define T_HOME_STORY(lines) \
    do { \
        t_home_t *home_ = t_home_new (NULL); \
        t_home_tell_all (home_, lines, sizeof (lines) / sizeof *(lines)); \
        t_home_destroy (home_); \
    } while (0)

#endif  // T_HOME_H
