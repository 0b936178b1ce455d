// brd_hosts.c - the hosts that a text or a file names
//
// SPDX-License-Identifier: MPL-2.0
//
//     n[1-2]:22/8,m   -> items at the commas outside brackets
//     n[1-2]:22/8     -> slots and port taken off the end
//     n[1-2]          -> n1, n2: each bracket in turn
//
// Read next: brd_place.c, who asks.

#include "client/brd_hosts.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/brd_error.h"
#include "base/brd_mem.h"
#include "base/brd_text.h"

enum {
    S_FILE_MAX = 1 << 20,
    S_GROUPS_MAX = 4,  // Brackets in one name
    S_PORT_MAX = 65535,
    S_DIGITS_MAX = 8
};

// One item of the list, and what goes into each of its entries.
typedef struct {
    brd_hosts_t *hosts;
    const char *text;  // The whole, for complaints
    const char *begin;
    const char *end;
    int port;
    int slots;
    char name[BRD_HOSTS_NAME_MAX + 1];
} s_item_t;

static int
s_bad (const char *text, const char *at, const char *what)
{
    return brd_error_set (
        EINVAL, "hosts \"%s\": %s at %td", text, what, at - text);
}

// --- Entries ---------------------------------------------------------------

void
brd_hosts_fini (brd_hosts_t *self)
{
    for (size_t i = 0; i < self->count; i++)
        brd_mem_free (self->entries[i].name);
    brd_mem_free (self->entries);
    *self = (brd_hosts_t){ 0 };
}

static int
s_grow (brd_hosts_t *self)
{
    const size_t room = self->room > 0 ? 2 * self->room : 8;
    brd_hosts_entry_t *entries =
        brd_mem_resize (self->entries, room * sizeof *entries);
    if (!entries)
        return -1;
    self->entries = entries;
    self->room = room;
    return 0;
}

static int
s_add (const s_item_t *item)
{
    brd_hosts_t *hosts = item->hosts;
    if (hosts->count == BRD_HOSTS_MAX)
        return brd_error_set (EINVAL,
                              "hosts \"%s\": more than %d of them",
                              item->text,
                              BRD_HOSTS_MAX);
    if (hosts->count == hosts->room && s_grow (hosts) < 0)
        return -1;
    char *name = brd_mem_strdup (item->name);
    if (!name)
        return -1;
    hosts->entries[hosts->count++] = (brd_hosts_entry_t){
        .name = name, .port = item->port, .slots = item->slots
    };
    return 0;
}

// --- Names -----------------------------------------------------------------

// Digits from *at_p up to end, which are *at_p then. -1 if there are none, or
// too many.
static long
s_number (const char **at_p, const char *end)
{
    long number = 0;
    const char *at = *at_p;
    while (at < end && *at >= '0' && *at <= '9' && at - *at_p <= S_DIGITS_MAX)
        number = 10 * number + (*at++ - '0');
    const int ok = at > *at_p && at - *at_p <= S_DIGITS_MAX;
    if (ok)
        *at_p = at;
    return ok ? number : -1;
}

static int
s_append (s_item_t *item, size_t *size, const char *at, const char *end)
{
    const size_t length = (size_t) (end - at);
    if (*size + length > BRD_HOSTS_NAME_MAX)
        return s_bad (item->text, at, "a name that is too long");
    memcpy (item->name + *size, at, length);
    *size += length;
    item->name[*size] = '\0';
    return 0;
}

static int
s_expand (s_item_t *item, const char *at, size_t size, int groups);

// The names with each number of one range: "3", "1-4", "08-12".
static int
s_range (s_item_t *item,
         const char **at_p,
         const char *close,
         size_t size,
         int groups)
{
    const char *begin = *at_p;
    const long first = s_number (at_p, close);
    const int width = (int) (*at_p - begin);
    long last = first;
    if (first < 0)
        return s_bad (item->text, begin, "wanted a number");
    if (*at_p < close && **at_p == '-') {
        begin = ++*at_p;
        last = s_number (at_p, close);
        if (last < 0)
            return s_bad (item->text, begin, "wanted a number");
    }
    if (last < first)
        return s_bad (item->text, begin, "a range that runs backwards");
    for (long i = first; i <= last; i++) {
        char digits[16];
        size_t more = size;
        const int length = snprintf (digits, sizeof digits, "%0*ld", width, i);
        if (s_append (item, &more, digits, digits + length) < 0)
            return s_bad (item->text, *at_p, "a name that is too long");
        if (s_expand (item, close + 1, more, groups + 1) < 0)
            return -1;
    }
    return 0;
}

// The names that begin with what is in item->name and go on at at.
static int
s_expand (s_item_t *item, const char *at, size_t size, int groups)
{
    const char *open = memchr (at, '[', (size_t) (item->end - at));
    if (s_append (item, &size, at, open ? open : item->end) < 0)
        return -1;
    if (!open)
        return s_add (item);
    const char *close = memchr (open, ']', (size_t) (item->end - open));
    if (!close)
        return s_bad (item->text, open, "a bracket that is not closed");
    if (groups == S_GROUPS_MAX)
        return s_bad (item->text, open, "too many brackets");
    at = open + 1;
    for (;;) {
        if (s_range (item, &at, close, size, groups) < 0)
            return -1;
        if (at == close)
            return 0;
        if (*at++ != ',')
            return s_bad (item->text, at - 1, "wanted , - or ]");
    }
}

// [fe80::1], which is a name and no range.
static int
s_is_address (const s_item_t *item)
{
    const char *host =
        memchr (item->begin, '@', (size_t) (item->end - item->begin));
    host = host ? host + 1 : item->begin;
    return host < item->end && *host == '[' && item->end[-1] == ']'
           && memchr (host, ':', (size_t) (item->end - host)) != NULL;
}

// Digits and colons, and a zone behind them.
static int
s_check_address (const s_item_t *item, const char *at, const char *end)
{
    static const char digits[] = "0123456789abcdefABCDEF:.";
    const char *begin = at;
    while (at < end && strchr (digits, *at))
        at++;
    if (at > begin && at < end && *at == '%') {
        do
            at++;
        while (at < end && !strchr ("[]@,", *at));
    }
    return at == end && at > begin ? 0
                                   : s_bad (item->text, at, "not an address");
}

static int
s_add_address (s_item_t *item)
{
    size_t size = 0;
    const char *open =
        memchr (item->begin, '[', (size_t) (item->end - item->begin));
    if (s_check_address (item, open + 1, item->end - 1) < 0
        || s_append (item, &size, item->begin, open) < 0
        || s_append (item, &size, open + 1, item->end - 1) < 0)
        return -1;
    return s_add (item);
}

static int
s_check_name (const s_item_t *item)
{
    if (item->begin == item->end)
        return s_bad (item->text, item->begin, "wanted a host");
    for (const char *at = item->begin; at < item->end; at++) {
        if ((unsigned char) *at <= ' ' || *at == 0x7f)
            return s_bad (item->text, at, "a blank in a name");
        const int first = at == item->begin || at[-1] == '@';
        if (first && (*at == '-' || *at == '@'))
            return s_bad (item->text, at, "no name begins so");
    }
    return item->end[-1] == '@' ? s_bad (item->text, item->end, "wanted a host")
                                : 0;
}

// --- Items -----------------------------------------------------------------

// Takes ":22" or "/8" off the item's end; *ret_number stays if it has none.
static int
s_take_number (s_item_t *item, char mark, long max, int *ret_number)
{
    const char *at = item->end;
    while (at > item->begin && at[-1] != mark && at[-1] != ']')
        at--;
    if (at == item->begin || at[-1] != mark)
        return 0;
    const char *begin = at;
    const long number = s_number (&at, item->end);
    if (number < 1 || number > max || at != item->end)
        return s_bad (item->text, begin, "wanted a number");
    item->end = begin - 1;
    *ret_number = (int) number;
    return 0;
}

static int
s_read_item (s_item_t *item)
{
    if (s_take_number (item, '/', BRD_HOSTS_SLOTS_MAX, &item->slots) < 0
        || s_take_number (item, ':', S_PORT_MAX, &item->port) < 0
        || s_check_name (item) < 0)
        return -1;
    return s_is_address (item) ? s_add_address (item)
                               : s_expand (item, item->begin, 0, 0);
}

// Where the item at at ends: at a comma outside brackets.
static const char *
s_item_end (const char *at)
{
    int inside = 0;
    for (; *at != '\0' && (inside || *at != ','); at++) {
        if (*at == '[')
            inside = 1;
        else if (*at == ']')
            inside = 0;
    }
    return at;
}

int
brd_hosts_read (brd_hosts_t *self, const char *text, const char *at)
{
    for (;;) {
        s_item_t item = { .hosts = self, .text = text, .begin = at };
        item.end = at = s_item_end (at);
        if (s_read_item (&item) < 0)
            return -1;
        if (*at++ == '\0')
            return 0;
    }
}

// --- Files -----------------------------------------------------------------

// "n1 slots=8" becomes "n1/8".
static int
s_read_words (brd_hosts_t *self, char *line)
{
    static const char slots[] = "slots=";
    char *rest = NULL;
    const char *host = strtok_r (line, " \t\r", &rest);
    if (!host)
        return 0;
    const char *word = strtok_r (NULL, " \t\r", &rest);
    const size_t before = self->count;
    if (brd_hosts_read (self, host, host) < 0)
        return -1;
    for (; word; word = strtok_r (NULL, " \t\r", &rest)) {
        const char *at = word + sizeof slots - 1;
        const int named = strncmp (word, slots, sizeof slots - 1) == 0;
        const long number = named ? s_number (&at, word + strlen (word)) : -1;
        if (number < 1 || number > BRD_HOSTS_SLOTS_MAX || *at != '\0')
            return brd_error_set (
                EINVAL, "\"%s\" is not slots=, 1 to 4096", word);
        for (size_t i = before; i < self->count; i++)
            self->entries[i].slots = (int) number;
    }
    return 0;
}

static int
s_read_lines (brd_hosts_t *self, const char *path, char *text)
{
    char *rest = text;
    for (int number = 1; rest; number++) {
        char *line = strsep (&rest, "\n");
        line[strcspn (line, "#")] = '\0';
        if (s_read_words (self, line) < 0)
            return brd_error_prefix ("%s:%d", path, number);
    }
    return 0;
}

int
brd_hosts_read_file (brd_hosts_t *self, const char *path)
{
    brd_buf_t text;
    if (brd_text_read (path, S_FILE_MAX, &text) < 0)
        return -1;
    const int rc = s_read_lines (self, path, (char *) text.bytes);
    brd_buf_fini (&text);
    return rc;
}
