// brd_tasks.c - the registry: task name <-> function
//
// SPDX-License-Identifier: MPL-2.0
//
// Filled by constructors, one thread, before main; by hand, under a lock. A
// sorted array by name and a map by address: read often, written seldom.
// Entries never move and never leave, so readers may keep pointers.

#include "client/brd_tasks.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>

#include "base/brd_error.h"
#include "base/brd_map.h"
#include "base/brd_mem.h"

static struct {
    pthread_mutex_t lock;
    brd_tasks_entry_t **by_name;
    size_t count;
    size_t room;
    brd_map_t by_fn;
    char refused[BROOD_NAME_SIZE];  // A constructor's, for brood_init ()
} s_registry = { .lock = PTHREAD_MUTEX_INITIALIZER };

// Where name is, or where it would go.
static size_t
s_place (const char *name)
{
    size_t low = 0, high = s_registry.count;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        if (strcmp (s_registry.by_name[middle]->name, name) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static brd_tasks_entry_t *
s_find (const char *name)
{
    const size_t place = s_place (name);
    if (place < s_registry.count
        && strcmp (s_registry.by_name[place]->name, name) == 0)
        return s_registry.by_name[place];
    return NULL;
}

static int
s_grow (void)
{
    if (s_registry.count < s_registry.room)
        return 0;
    const size_t room = s_registry.room > 0 ? 2 * s_registry.room : 32;
    brd_tasks_entry_t **by_name =
        brd_mem_resize (s_registry.by_name, room * sizeof *by_name);
    if (!by_name)
        return -1;
    s_registry.by_name = by_name;
    s_registry.room = room;
    return 0;
}

static int
s_insert (const brd_tasks_entry_t *entry)
{
    brd_tasks_entry_t *copy = brd_mem_alloc (sizeof *copy);
    char *name = brd_mem_strdup (entry->name);
    if (!copy || !name || s_grow () < 0
        || brd_map_set (&s_registry.by_fn, entry->fn, copy) < 0) {
        brd_mem_free (copy);
        brd_mem_free (name);
        return -1;
    }
    *copy = *entry;
    copy->name = name;
    const size_t place = s_place (name);
    memmove (s_registry.by_name + place + 1,
             s_registry.by_name + place,
             (s_registry.count - place) * sizeof *s_registry.by_name);
    s_registry.by_name[place] = copy;
    s_registry.count++;
    return 0;
}

int
brd_tasks_add (const brd_tasks_entry_t *entry)
{
    const size_t size = entry->name ? strlen (entry->name) : 0;
    if (size == 0 || size >= BROOD_NAME_SIZE || entry->fn == 0)
        return brd_error_set (EINVAL,
                              "a task needs a function and a name of "
                              "1 to 63 characters");
    pthread_mutex_lock (&s_registry.lock);
    int rc = 0;
    const brd_tasks_entry_t *there = s_find (entry->name);
    if (!there)
        rc = s_insert (entry);
    else if (there->fn != entry->fn || there->in_size != entry->in_size
             || there->out_size != entry->out_size) {
        memcpy (s_registry.refused, entry->name, size + 1);
        rc = brd_error_set (
            EEXIST, "two functions are registered as %s", entry->name);
    }
    pthread_mutex_unlock (&s_registry.lock);
    return rc;
}

const brd_tasks_entry_t *
brd_tasks_find (const char *name)
{
    pthread_mutex_lock (&s_registry.lock);
    const brd_tasks_entry_t *entry = s_find (name);
    pthread_mutex_unlock (&s_registry.lock);
    return entry;
}

const brd_tasks_entry_t *
brd_tasks_of (uint64_t fn)
{
    pthread_mutex_lock (&s_registry.lock);
    const brd_tasks_entry_t *entry =
        fn != 0 ? brd_map_get (&s_registry.by_fn, fn) : NULL;
    pthread_mutex_unlock (&s_registry.lock);
    return entry;
}

const brd_tasks_entry_t *
brd_tasks_at (size_t i)
{
    pthread_mutex_lock (&s_registry.lock);
    const brd_tasks_entry_t *entry =
        i < s_registry.count ? s_registry.by_name[i] : NULL;
    pthread_mutex_unlock (&s_registry.lock);
    return entry;
}

int
brd_tasks_verdict (void)
{
    if (s_registry.refused[0] == '\0')
        return 0;
    return brd_error_set (
        EEXIST, "two functions are registered as %s", s_registry.refused);
}
