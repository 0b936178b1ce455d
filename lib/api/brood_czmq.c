// brood_czmq.c - brood's messages as czmq's, and its waits as czmq's
//
// SPDX-License-Identifier: MPL-2.0
//
// A library of its own, libbrood_czmq, on top of libbrood's public interface:
// nothing of brood's inside is included here, and no file of brood's includes
// czmq but this one.
//
//     zmsg, one frame    -> its bytes, checked            -> msg
//     zmsg, more frames  -> "[]", append each as bytes    -> msg
//     msg                -> its bytes, copied to a frame  -> zmsg
//
//     zloop -> brood_fd () readable -> s_dispatch -> brood_dispatch (0)
//
// No loop is remembered: czmq tells nobody when one is destroyed, and the next
// may have its address. The loop itself knows whether it polls a descriptor.
//
// Read next: docs/decisions/0017-czmq.md, broker/host/host_drive.c.

#include "brood/brood_czmq.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdint.h>
#include <unistd.h>

#include "brood/brood_error.h"
#include "brood/brood_init.h"

// --- Messages --------------------------------------------------------------

static brood_msg_t *
s_refuse (const char *why)
{
    (void) brood_error_set_ (EINVAL, "brood_msg_new_zmsg: %s", why);
    return NULL;
}

// Each frame as bytes.
static brood_msg_t *
s_new_frames (zmsg_t *zmsg)
{
    brood_msg_t *self = brood_msg_new ("[]");
    zframe_t *frame = zmsg_first (zmsg);
    while (self && frame) {
        const size_t size = zframe_size (frame);
        if (brood_msg_append (
                self, "<%zu %p>", size, (void *) zframe_data (frame))
            < 0)
            brood_msg_destroy (&self);
        frame = zmsg_next (zmsg);
    }
    return self;
}

static brood_msg_t *
s_new_frame (zmsg_t *zmsg)
{
    zframe_t *frame = zmsg_first (zmsg);
    return brood_msg_new_bytes (zframe_data (frame), zframe_size (frame));
}

brood_msg_t *
brood_msg_new_zmsg (zmsg_t **zmsg_p)
{
    zmsg_t *zmsg = zmsg_p ? *zmsg_p : NULL;
    // zmsg_recv () gives NULL when it was interrupted.
    if (!zmsg)
        return s_refuse ("NULL");
    if (!zmsg_is (zmsg))
        return s_refuse ("not a zmsg");
    if (zmsg_size (zmsg) == 0)
        return s_refuse ("a zmsg without frames");
    brood_msg_t *self =
        zmsg_size (zmsg) == 1 ? s_new_frame (zmsg) : s_new_frames (zmsg);
    if (self)
        zmsg_destroy (zmsg_p);
    return self;
}

zmsg_t *
brood_msg_zmsg (const brood_msg_t *self)
{
    size_t size;
    const void *bytes = brood_msg_bytes (self, &size);
    if (!bytes)
        return NULL;
    // Not zmsg_addmem (), which takes a failure here for the end of the world.
    zframe_t *frame = zframe_new (bytes, size);
    if (!frame) {
        (void) brood_error_set_ (
            ENOMEM, "out of memory for a frame of %zu bytes", size);
        return NULL;
    }
    zmsg_t *zmsg = zmsg_new ();
    (void) zmsg_append (zmsg, &frame);
    return zmsg;
}

// --- A loop ----------------------------------------------------------------

// The descriptor that was asked for, and the process that did, in one word;
// 0: none. Taking a loop out must not be what asks for it first, since from
// then on brood starts no thread, and a child's descriptor of the same number
// is another one.
static _Atomic uint64_t s_asked;

static uint64_t
s_word (int fd)
{
    return (uint64_t) getpid () << 32 | (uint32_t) fd;
}

static int
s_dispatch (zloop_t *loop, zmq_pollitem_t *item, void *arg)
{
    (void) loop;
    (void) item;
    (void) arg;
    return brood_dispatch (0) < 0 ? -1 : 0;
}

int
brood_zloop_add (zloop_t *loop)
{
    if (!loop)
        return brood_error_set_ (EINVAL, "brood_zloop_add: NULL");
    const int fd = brood_fd ();
    if (fd < 0)
        return -1;
    atomic_store (&s_asked, s_word (fd));
    zmq_pollitem_t item = { .fd = fd, .events = ZMQ_POLLIN };
    // It may be there already, and would be served twice.
    zloop_poller_end (loop, &item);
    if (zloop_poller (loop, &item, s_dispatch, NULL) < 0)
        return brood_error_set_ (ENOMEM, "brood_zloop_add: no room");
    return 0;
}

void
brood_zloop_remove (zloop_t *loop)
{
    const uint64_t asked = atomic_load (&s_asked);
    const int fd = (int) (uint32_t) asked;
    if (!loop || asked == 0 || asked != s_word (fd))
        return;
    zmq_pollitem_t item = { .fd = fd, .events = ZMQ_POLLIN };
    zloop_poller_end (loop, &item);
}
