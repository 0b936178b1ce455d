// brd_list.h - a doubly linked list whose links live in its items
//
// SPDX-License-Identifier: MPL-2.0

#ifndef BRD_LIST_H
#define BRD_LIST_H

#include <stddef.h>

// As an item: its place. As a head: the first and last of a ring.
typedef struct brd_list {
    struct brd_list *next;
    struct brd_list *prev;
} brd_list_t;

// The struct of type that has link as its member.
#define BRD_LIST_ITEM(link, type, member) \
    ((type *) (void *) ((char *) (link) -offsetof (type, member)))

static inline void
brd_list_init (brd_list_t *head)
{
    head->next = head->prev = head;
}

static inline int
brd_list_empty (const brd_list_t *head)
{
    return head->next == head;
}

static inline void
brd_list_append (brd_list_t *head, brd_list_t *item)
{
    item->next = head;
    item->prev = head->prev;
    head->prev->next = item;
    head->prev = item;
}

static inline void
brd_list_prepend (brd_list_t *head, brd_list_t *item)
{
    brd_list_append (head->next, item);
}

// The item may be in no list (initialised); afterwards it is.
static inline void
brd_list_remove (brd_list_t *item)
{
    item->prev->next = item->next;
    item->next->prev = item->prev;
    item->next = item->prev = item;
}

// The first item, taken out, or NULL.
static inline brd_list_t *
brd_list_pop (brd_list_t *head)
{
    brd_list_t *item = head->next;
    if (item == head)
        return NULL;
    brd_list_remove (item);
    return item;
}

#endif  // BRD_LIST_H
