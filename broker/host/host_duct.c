// host_duct.c - what workers on other hosts say to managers, on its way
//
// SPDX-License-Identifier: MPL-2.0
//
//     from below   OPEN              the program's: a socket to the manager
//                                    a broker's: on to the guest, by a number
//                                    of its own
//     both ways    BYTES, CREDIT     to the other end of the same duct
//                  END               the same, and it is forgotten
//     a host, or the guest, is lost  END to all that had to do with it
//
// Whoever sends has a window, which only the far end of the whole duct gives
// back: so what is on the way, or waits for somebody slow, is bounded, and
// nobody in between has to hold anything up. Who does not keep to it is ended.
//
// A broker finds the guest by the family's secret, which both have said.
//
// Read next: host_duct_socket.c; docs/decisions/0029-objects-from-afar.md.

#include "host/host_duct.h"

#include <errno.h>
#include <string.h>

#include "base/brd_check.h"
#include "base/brd_clock.h"
#include "base/brd_mem.h"
#include "wire/brd_frame.h"
#include "wire/brd_limits.h"

enum {
    S_DUCTS_MAX = 16384  // Of one process
};

brd_host_duct_t *
brd_host_duct_new (brd_host_t *host)
{
    if (host->ducts.count >= S_DUCTS_MAX) {
        brd_error_set (EMFILE, "%d ducts", S_DUCTS_MAX);
        return NULL;
    }
    brd_host_duct_t *self = brd_mem_zalloc (sizeof *self);
    if (!self)
        return NULL;
    self->host = host;
    self->up = self->down = BRD_WIRE_DUCT_WINDOW;
    self->fd = -1;
    self->retry_at = BRD_NEVER;
    brd_list_init (&self->link);
    brd_buf_init (&self->out, BRD_WIRE_DUCT_WINDOW);
    host->ducts.count++;
    return self;
}

// From who is below, or above, and has said its last about it.
static void
s_detach (brd_host_duct_t *self, int below)
{
    if (below && self->far) {
        (void) brd_map_remove (&self->far->ducts, self->below);
        self->far = NULL;
    }
    if (!below && self->guest) {
        (void) brd_map_remove (&self->guest->ducts, self->above);
        self->guest = NULL;
    }
}

void
brd_host_duct_free (brd_host_duct_t *self)
{
    s_detach (self, 1);
    s_detach (self, 0);
    brd_list_remove (&self->link);
    brd_buf_fini (&self->out);
    self->host->ducts.count--;
    brd_mem_free (self);
}

// --- Telling ---------------------------------------------------------------

void
brd_host_duct_tell (brd_host_duct_t *self,
                    int up,
                    brd_op_t op,
                    brd_wire_duct_t *entry)
{
    brd_buf_t out;
    entry->duct = up ? self->above : self->below;
    brd_buf_init (&out, BRD_WIRE_SIZE_MAX);
    const int made = brd_frame_begin (&out, op) == 0
                     && brd_frame_add_duct (&out, entry) == 0;
    if (made)
        brd_frame_close (&out, 1);
    if (up && self->guest)
        brd_host_given_pass (self->guest, made ? &out : NULL);
    else if (!up && self->far)
        brd_host_far_pass (self->far, made ? &out : NULL);
    brd_buf_fini (&out);
}

// What goes up is said by who is below, about whom nobody is told any more.
static void
s_end (brd_host_duct_t *self, int up, uint32_t error)
{
    brd_wire_duct_t end = { .count = error };
    s_detach (self, up);
    if (self->state != BRD_HOST_DUCT_NONE) {
        brd_host_duct_socket_end (self);
        return;
    }
    brd_host_duct_tell (self, up, BRD_OP_DUCT_END, &end);
    brd_host_duct_free (self);
}

// --- Opening ---------------------------------------------------------------

brd_host_guest_t *
brd_host_duct_guest (brd_host_t *host,
                     const unsigned char family[BRD_WIRE_FAMILY])
{
    for (brd_list_t *i = host->guests.next; i != &host->guests; i = i->next) {
        brd_host_guest_t *guest = BRD_LIST_ITEM (i, brd_host_guest_t, link);
        if (guest->line && guest->here
            && memcmp (guest->family, family, BRD_WIRE_FAMILY) == 0)
            return guest;
    }
    return NULL;
}

int
brd_host_duct_ask (brd_host_duct_t *self, brd_host_guest_t *guest)
{
    brd_wire_duct_t open = { .manager = self->manager };
    const uint64_t number = ++self->host->ducts.made;
    if (brd_map_set (&guest->ducts, number, self) < 0)
        return -1;
    self->guest = guest;
    self->above = number;
    brd_host_duct_tell (self, 1, BRD_OP_DUCT_OPEN, &open);
    return 0;
}

// On to a guest that is a program of this brood, or that leads to it; else this
// is the program. -1 with errno: it cannot be, and is no more.
static int
s_lead_on (brd_host_duct_t *self, const brd_host_pool_t *pool)
{
    brd_host_guest_t *guest = brd_host_duct_guest (self->host, pool->family);
    if (!guest && pool->only) {
        brd_host_duct_socket_connect (self, self->manager);
        return 0;
    }
    if (guest && brd_host_duct_ask (self, guest) == 0)
        return 0;
    const int error = guest ? ENOMEM : ECONNRESET;
    brd_host_duct_free (self);
    errno = error;
    return -1;
}

static int
s_open (brd_host_far_t *far, const brd_wire_duct_t *entry)
{
    brd_host_duct_t *self = brd_host_duct_new (far->pool->host);
    if (!self)
        return -1;
    if (brd_map_set (&far->ducts, entry->duct, self) < 0) {
        brd_host_duct_free (self);
        errno = ENOMEM;
        return -1;
    }
    self->far = far;
    self->below = entry->duct;
    self->manager = entry->manager;
    return s_lead_on (self, far->pool);
}

static int
s_opened (brd_host_far_t *far, const brd_wire_duct_t *entry)
{
    if (entry->duct <= far->last_duct)
        return brd_error_set (EPROTO, "a duct's number was used before");
    far->last_duct = entry->duct;
    if (s_open (far, entry) < 0) {
        brd_host_duct_t none = { .far = far, .below = entry->duct };
        brd_wire_duct_t end = { .count = (uint32_t) errno };
        brd_host_duct_tell (&none, 0, BRD_OP_DUCT_END, &end);
    }
    return 0;
}

// --- Passing on ------------------------------------------------------------

static int
s_bytes (brd_host_duct_t *self, int up, brd_wire_duct_t *entry)
{
    uint32_t *left = up ? &self->up : &self->down;
    if (entry->size > *left)
        return brd_error_set (EPROTO, "more bytes than a duct may have");
    *left -= entry->size;
    if (self->state != BRD_HOST_DUCT_NONE)
        brd_host_duct_socket_take (self, entry->body, entry->size);
    else
        brd_host_duct_tell (self, up, BRD_OP_DUCT_BYTES, entry);
    return 0;
}

// Of who goes the other way.
static int
s_credit (brd_host_duct_t *self, int up, brd_wire_duct_t *entry)
{
    uint32_t *left = up ? &self->down : &self->up;
    if (entry->count > BRD_WIRE_DUCT_WINDOW - *left)
        return brd_error_set (EPROTO, "more credit than a duct has used");
    *left += entry->count;
    if (self->state != BRD_HOST_DUCT_NONE)
        brd_host_duct_socket_more (self);
    else
        brd_host_duct_tell (self, up, BRD_OP_DUCT_CREDIT, entry);
    return 0;
}

static int
s_pass (brd_host_duct_t *self, int up, brd_op_t op, brd_wire_duct_t *entry)
{
    switch (op) {
    case BRD_OP_DUCT_BYTES:
        return s_bytes (self, up, entry);
    case BRD_OP_DUCT_CREDIT:
        return s_credit (self, up, entry);
    default:
        s_end (self, up, entry->count);
        return 0;
    }
}

static int
s_read (brd_frame_t *frame, brd_wire_duct_t *ret_entry)
{
    brd_wire_duct_t none;
    if (brd_frame_next_duct (frame, ret_entry) == 1
        && brd_frame_next_duct (frame, &none) == 0)
        return 0;
    return brd_error_set (EPROTO, "not one entry about a duct");
}

int
brd_host_duct_from_below (brd_host_far_t *far, brd_frame_t *frame)
{
    brd_wire_duct_t entry;
    if (!far->pool->remote)
        return brd_error_set (EPROTO, "a duct from where all is near");
    if (s_read (frame, &entry) < 0)
        return -1;
    if (frame->op == BRD_OP_DUCT_OPEN)
        return s_opened (far, &entry);
    brd_host_duct_t *self = brd_map_get (&far->ducts, entry.duct);
    return self ? s_pass (self, 1, frame->op, &entry) : 0;
}

int
brd_host_duct_from_above (brd_host_guest_t *guest, brd_frame_t *frame)
{
    brd_wire_duct_t entry;
    if (!guest->remote || frame->op == BRD_OP_DUCT_OPEN)
        return brd_error_set (EPROTO, "not for a guest to say of a duct");
    if (s_read (frame, &entry) < 0)
        return -1;
    brd_host_duct_t *self = brd_map_get (&guest->ducts, entry.duct);
    return self ? s_pass (self, 0, frame->op, &entry) : 0;
}

// --- Losses ----------------------------------------------------------------

// The map is empty for who detaches from it meanwhile.
static void
s_lose (brd_map_t *ducts, int up)
{
    brd_map_t lost = *ducts;
    size_t place = 0;
    brd_host_duct_t *self;
    brd_map_init (ducts);
    while ((self = brd_map_next (&lost, &place, NULL)) != NULL)
        s_end (self, up, ECONNRESET);
    brd_map_fini (&lost);
}

void
brd_host_duct_far_lost (brd_host_far_t *far)
{
    s_lose (&far->ducts, 1);
}

void
brd_host_duct_guest_lost (brd_host_guest_t *guest)
{
    s_lose (&guest->ducts, 0);
}
