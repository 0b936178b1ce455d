// brood_conn.c - one end of a pipe, or of a connection over a socket
//
// SPDX-License-Identifier: MPL-2.0
//
//     send    picture -> bytes ----+--> lib/shared/brd_pipe_move.c  (a pipe)
//                                  +--> brd_line.c -> transport     (a socket)
//     recv    peek: the message where it lies, nobody else receives
//             does it fit?  take : leave
//
// Both kinds give the next message on loan, so what does not fit a picture or a
// buffer is never taken in the first place. What comes over a socket, or was
// sent as bytes, is checked before a picture looks at it.
//
// Read next: lib/shared/brd_pipe.c, brd_line.c.

#include "brood/brood_conn.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>

#include "api/brd_conn.h"
#include "api/brd_line.h"
#include "api/brd_runtime.h"
#include "api/brd_waitable.h"
#include "base/brd_check.h"
#include "base/brd_clock.h"
#include "base/brd_mem.h"
#include "client/brd_msg.h"
#include "shared/brd_pipe.h"
#include "wire/brd_limits.h"
#include "wire/brd_picture.h"
#include "wire/brd_value.h"

struct brood_conn {
    brd_handle_t handle;
    brd_line_t *line;  // NULL: a pipe
    brd_pipe_end_t pipe;
    _Atomic (brood_msg_t *) kept;  // Where what "%p" gave last points to
};

// --- Making and ending -----------------------------------------------------

static brood_conn_t *
s_new (void)
{
    brood_conn_t *self = brd_mem_zalloc (sizeof *self);
    if (self)
        brd_handle_init (&self->handle, BRD_KIND_CONN);
    return self;
}

// Its ref travels.
static void
s_use_pipe (brood_conn_t *self, const brd_pipe_end_t *end)
{
    self->pipe.hold.object = end->hold.object;
    atomic_store (&self->pipe.hold.share, atomic_load (&end->hold.share));
    self->pipe.end = end->end;
    brd_pipe_ref (&self->pipe, brd_runtime_brood (), &self->handle.ref);
}

brood_conn_t *
brd_conn_new (brd_stream_t **stream_p)
{
    brood_conn_t *self = s_new ();
    if (!self)
        return NULL;
    self->line = brd_line_new (stream_p);
    if (!self->line)
        brood_conn_destroy (&self);
    return self;
}

int
brood_pipe_new (int duplex, brood_conn_t **ret_first, brood_conn_t **ret_second)
{
    BRD_REQUIRE (ret_first && ret_second, -1);
    if (brd_runtime_need () < 0)
        return -1;
    brd_pipe_end_t ends[2];
    brood_conn_t *first = s_new (), *second = first ? s_new () : NULL;
    if (!second
        || brd_pipe_new (brd_runtime_shared (), duplex != 0, ends) < 0) {
        brd_mem_free (first);
        brd_mem_free (second);
        return -1;
    }
    s_use_pipe (first, &ends[0]);
    s_use_pipe (second, &ends[1]);
    *ret_first = first;
    *ret_second = second;
    return 0;
}

brood_conn_t *
brood_conn_connect (const char *address, int timeout_ms)
{
    BRD_REQUIRE (address != NULL, NULL);
    BRD_REQUIRE (timeout_ms >= BROOD_FOREVER, NULL);
    if (brd_runtime_need () < 0)
        return NULL;
    brd_sleep_t sleep;
    brd_sleep_begin (&sleep, brd_clock_deadline (timeout_ms));
    brd_authkey_t key;
    brd_runtime_authkey (&key);
    brood_conn_t *self = s_new ();
    if (self) {
        self->line = brd_line_connect (address, key.bytes, key.size, &sleep);
        if (!self->line)
            brood_conn_destroy (&self);
    }
    explicit_bzero (&key, sizeof key);
    return self;
}

brood_conn_t *
brood_conn_from (void *ref)
{
    brd_ref_t found;
    brd_pipe_end_t end;
    if (brd_ref_resolve (ref, BRD_KIND_CONN, &found) < 0
        || brd_runtime_need () < 0)
        return NULL;
    brood_conn_t *self = s_new ();
    if (!self)
        return NULL;
    if (brd_pipe_from (
            brd_runtime_shared (), brd_runtime_brood (), &found, &end)
        < 0) {
        brd_mem_free (self);
        return NULL;
    }
    s_use_pipe (self, &end);
    return self;
}

void
brood_conn_destroy (brood_conn_t **self_p)
{
    if (!self_p || !*self_p)
        return;
    const int saved_errno = errno;
    brood_conn_t *self = *self_p;
    *self_p = NULL;
    brood_msg_t *kept = atomic_load (&self->kept);
    brood_msg_destroy (&kept);
    // A socket that came along through a fork is not here, and its number may
    // be somebody else's.
    if (self->line && brd_handle_is_mine (&self->handle))
        brd_line_destroy (&self->line);
    else if (self->pipe.hold.object)
        brd_pipe_drop (&self->pipe);
    brd_handle_fini (&self->handle);
    brd_mem_free (self);
    errno = saved_errno;
}

// Alive, of this class, and of use in this process.
static int
s_check (const brood_conn_t *self, const char *function)
{
    if (brd_handle_check (self ? &self->handle : NULL, BRD_KIND_CONN, function)
        < 0)
        return -1;
    return self->line
               ? brd_handle_check_mine (&self->handle, BRD_KIND_CONN, function)
               : 0;
}

#define S_REQUIRE_CONN(self, result) \
    do { \
        if (s_check ((self), __func__) < 0) \
            return result; \
    } while (0)

int
brood_conn_close (brood_conn_t *self)
{
    S_REQUIRE_CONN (self, -1);
    if (!self->line)
        return brd_pipe_close (&self->pipe);
    brd_line_close (self->line);
    return 0;
}

// --- The two kinds ---------------------------------------------------------

static int
s_send (brood_conn_t *self,
        int timeout_ms,
        const void *bytes,
        size_t size,
        int is_value)
{
    if (size > BROOD_MSG_SIZE_MAX)
        return brd_error_set (EMSGSIZE,
                              "%zu bytes are more than a message may have, %d",
                              size,
                              BROOD_MSG_SIZE_MAX);
    brd_sleep_t sleep;
    brd_sleep_begin (&sleep, brd_clock_deadline (timeout_ms));
    return self->line
               ? brd_line_send (self->line, &sleep, bytes, size)
               : brd_pipe_send (&self->pipe, &sleep, bytes, size, is_value);
}

static int
s_peek_any (brood_conn_t *self, int timeout_ms, brd_pipe_view_t *ret_view)
{
    brd_sleep_t sleep;
    brd_sleep_begin (&sleep, brd_clock_deadline (timeout_ms));
    return self->line ? brd_line_peek (self->line, &sleep, ret_view)
                      : brd_pipe_peek (&self->pipe, &sleep, ret_view);
}

static void
s_take (brood_conn_t *self, brd_pipe_view_t *view)
{
    if (self->line)
        brd_line_take (self->line, NULL);
    else
        brd_pipe_take (&self->pipe, view, 0);
}

static void
s_leave (brood_conn_t *self)
{
    const int saved_errno = errno;
    if (self->line)
        brd_line_leave (self->line);
    else
        brd_pipe_leave (&self->pipe);
    errno = saved_errno;
}

static int
s_peek (brood_conn_t *self, int timeout_ms, brd_pipe_view_t *ret_view)
{
    if (s_peek_any (self, timeout_ms, ret_view) < 0)
        return -1;
    if (!ret_view->is_fd)
        return 0;
    s_leave (self);
    return brd_error_set (EBADMSG, "the next is a descriptor");
}

// The same, for whoever wants a value.
static int
s_peek_value (brood_conn_t *self, int timeout_ms, brd_pipe_view_t *ret_view)
{
    if (s_peek (self, timeout_ms, ret_view) < 0)
        return -1;
    if (ret_view->is_value
        || brd_value_check (
               ret_view->bytes, ret_view->size, BRD_WIRE_DEPTH_MAX, NULL)
               == 0)
        return 0;
    s_leave (self);
    return brd_error_prefix ("the next was not sent as a message");
}

// --- Messages --------------------------------------------------------------

int
brood_conn_send (brood_conn_t *self, int timeout_ms, const char *picture, ...)
{
    S_REQUIRE_CONN (self, -1);
    BRD_REQUIRE (timeout_ms >= BROOD_FOREVER, -1);
    BRD_REQUIRE (picture != NULL, -1);
    unsigned char memory[256];
    brd_buf_t out = brd_value_fixed (memory, sizeof memory), heap;
    brd_buf_init (&heap, BROOD_MSG_SIZE_MAX);
    va_list args, again;
    va_start (args, picture);
    va_copy (again, args);
    int rc = brd_picture_try (&out, 0, picture, &args);
    // Most messages are small; the others need memory.
    if (rc == 1)
        rc = brd_picture_pack (&heap, picture, &again);
    va_end (again);
    va_end (args);
    if (rc == 0)
        rc = heap.size > 0 ? s_send (self, timeout_ms, heap.bytes, heap.size, 1)
                           : s_send (self, timeout_ms, out.bytes, out.size, 1);
    brd_buf_fini (&heap);
    return rc;
}

// A copy that stays, for what is unpacked on loan; else where it lies.
static int
s_unpack (const brd_pipe_view_t *view,
          const char *picture,
          va_list *args,
          brood_msg_t **ret_kept)
{
    const brd_picture_source_t source = { .bytes = view->bytes,
                                          .size = view->size };
    if (!strstr (picture, "%p"))
        return brd_picture_unpack (&source, picture, args);
    brood_msg_t *msg = brd_msg_new_empty ();
    if (!msg || brd_msg_copy (msg, view->bytes, view->size) < 0
        || brd_msg_unpack (msg, picture, args) < 0) {
        brood_msg_destroy (&msg);
        return -1;
    }
    *ret_kept = msg;
    return 0;
}

int
brood_conn_recv (brood_conn_t *self, int timeout_ms, const char *picture, ...)
{
    S_REQUIRE_CONN (self, -1);
    BRD_REQUIRE (timeout_ms >= BROOD_FOREVER, -1);
    BRD_REQUIRE (picture != NULL, -1);
    brd_pipe_view_t view;
    brood_msg_t *kept = NULL;
    if (s_peek_value (self, timeout_ms, &view) < 0)
        return -1;
    va_list args;
    va_start (args, picture);
    const int rc = s_unpack (&view, picture, &args, &kept);
    va_end (args);
    if (rc < 0) {
        s_leave (self);
        return -1;
    }
    s_take (self, &view);
    if (kept) {
        brood_msg_t *before = atomic_exchange (&self->kept, kept);
        brood_msg_destroy (&before);
    }
    return 0;
}

int
brood_conn_send_msg (brood_conn_t *self, int timeout_ms, brood_msg_t **msg_p)
{
    S_REQUIRE_CONN (self, -1);
    BRD_REQUIRE (timeout_ms >= BROOD_FOREVER, -1);
    BRD_REQUIRE (msg_p != NULL, -1);
    BRD_REQUIRE_HANDLE (*msg_p, BRD_KIND_MSG, -1);
    size_t size;
    const void *bytes = brd_msg_data (*msg_p, &size);
    if (!bytes || s_send (self, timeout_ms, bytes, size, 1) < 0)
        return -1;
    brood_msg_destroy (msg_p);
    return 0;
}

// A block of the arena that a message looks at.
typedef struct {
    brd_msg_extra_t extra;
    void *block;
} s_lent_t;

static void
s_give_back (brd_msg_extra_t *extra)
{
    s_lent_t *self = (s_lent_t *) extra;
    brd_arena_free (brd_runtime_arena (), self->block);
    brd_mem_free (self);
}

// Nothing may fail once the message is taken: so what it needs comes first.
static int
s_recv_into (brood_conn_t *self, brd_pipe_view_t *view, brood_msg_t *msg)
{
    if (self->line) {
        void *bytes;
        const size_t size = view->size;
        brd_line_take (self->line, &bytes);
        brd_msg_reset_take (msg, bytes, size);
        return 0;
    }
    if (!view->block) {
        if (brd_msg_copy (msg, view->bytes, view->size) < 0)
            return -1;
        brd_pipe_take (&self->pipe, view, 0);
        return 0;
    }
    s_lent_t *lent = brd_mem_alloc (sizeof *lent);
    if (!lent)
        return -1;
    *lent = (s_lent_t){ .extra.free = s_give_back, .block = view->block };
    brd_pipe_take (&self->pipe, view, 1);
    brd_msg_reset_lent (msg, view->bytes, view->size, &lent->extra);
    return 0;
}

brood_msg_t *
brood_conn_recv_msg (brood_conn_t *self, int timeout_ms)
{
    S_REQUIRE_CONN (self, NULL);
    BRD_REQUIRE (timeout_ms >= BROOD_FOREVER, NULL);
    brood_msg_t *msg = brd_msg_new_empty ();
    brd_pipe_view_t view;
    if (!msg || s_peek_value (self, timeout_ms, &view) < 0)
        brood_msg_destroy (&msg);
    else if (s_recv_into (self, &view, msg) < 0) {
        s_leave (self);
        brood_msg_destroy (&msg);
    }
    return msg;
}

// --- Bytes -----------------------------------------------------------------

int
brood_conn_send_bytes (brood_conn_t *self,
                       int timeout_ms,
                       const void *bytes,
                       size_t size_bytes)
{
    S_REQUIRE_CONN (self, -1);
    BRD_REQUIRE (timeout_ms >= BROOD_FOREVER, -1);
    BRD_REQUIRE (bytes != NULL || size_bytes == 0, -1);
    return s_send (self, timeout_ms, bytes, size_bytes, 0);
}

long
brood_conn_recv_bytes (brood_conn_t *self,
                       int timeout_ms,
                       void *buffer,
                       size_t size_bytes)
{
    S_REQUIRE_CONN (self, -1);
    BRD_REQUIRE (timeout_ms >= BROOD_FOREVER, -1);
    BRD_REQUIRE (buffer != NULL || size_bytes == 0, -1);
    brd_pipe_view_t view;
    if (s_peek (self, timeout_ms, &view) < 0)
        return -1;
    if (view.size > size_bytes) {
        s_leave (self);
        return brd_error_set (EMSGSIZE,
                              "the next message has %zu bytes, the buffer %zu",
                              view.size,
                              size_bytes);
    }
    if (view.size > 0)
        memcpy (buffer, view.bytes, view.size);
    s_take (self, &view);
    return (long) view.size;
}

long
brood_conn_next_size (brood_conn_t *self, int timeout_ms)
{
    S_REQUIRE_CONN (self, -1);
    BRD_REQUIRE (timeout_ms >= BROOD_FOREVER, -1);
    brd_pipe_view_t view;
    if (s_peek (self, timeout_ms, &view) < 0)
        return -1;
    s_leave (self);
    return (long) view.size;
}

int
brood_conn_poll (brood_conn_t *self, int timeout_ms)
{
    S_REQUIRE_CONN (self, -1);
    BRD_REQUIRE (timeout_ms >= BROOD_FOREVER, -1);
    brd_pipe_view_t view;
    if (s_peek_any (self, timeout_ms, &view) == 0) {
        s_leave (self);
        return 1;
    }
    if (errno == EPIPE)
        return 1;
    return errno == ETIMEDOUT ? 0 : -1;
}

// --- Descriptors -----------------------------------------------------------

int
brood_conn_send_fd (brood_conn_t *self, int timeout_ms, int fd)
{
    S_REQUIRE_CONN (self, -1);
    BRD_REQUIRE (timeout_ms >= BROOD_FOREVER, -1);
    BRD_REQUIRE (fd >= 0, -1);
    brd_sleep_t sleep;
    brd_sleep_begin (&sleep, brd_clock_deadline (timeout_ms));
    return self->line ? brd_line_send_fd (self->line, &sleep, fd)
                      : brd_pipe_send_fd (&self->pipe, &sleep, fd);
}

int
brood_conn_recv_fd (brood_conn_t *self, int timeout_ms)
{
    S_REQUIRE_CONN (self, -1);
    BRD_REQUIRE (timeout_ms >= BROOD_FOREVER, -1);
    brd_sleep_t sleep;
    brd_sleep_begin (&sleep, brd_clock_deadline (timeout_ms));
    return self->line ? brd_line_recv_fd (self->line, &sleep)
                      : brd_pipe_recv_fd (&self->pipe, &sleep);
}

// --- For brood_wait_any () -------------------------------------------------

static int
s_ready (void *handle)
{
    return brood_conn_poll (handle, 0);
}

static brd_hold_t *
s_hold (void *handle)
{
    brood_conn_t *self = handle;
    return self->line ? NULL : &self->pipe.hold;
}

static int
s_fd (void *handle)
{
    brood_conn_t *self = handle;
    return self->line ? brd_line_fd (self->line) : -1;
}

const brd_waitable_t brd_conn_waitable = {
    .ready = s_ready,
    .hold = s_hold,
    .fd = s_fd,
};
