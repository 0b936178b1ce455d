// fuzz_stream.c - any bytes from a peer that is proven, or from a stranger
//
// SPDX-License-Identifier: MPL-2.0
//
// The first byte says which, and how long the pieces are in which the rest
// comes. A stranger is never let in, and costs at most his own connection; what
// a peer that is proven sends is frames, descriptors or EPROTO.

#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/brd_check.h"
#include "transport/brd_listener.h"
#include "wire/brd_limits.h"

int
LLVMFuzzerTestOneInput (const uint8_t *bytes, size_t size);

static brd_listener_t *s_listener;

static void
s_begin (void)
{
    char address[64];
    if (s_listener)
        return;
    snprintf (address, sizeof address, "ipc://@brood-fuzz/%d", (int) getpid ());
    s_listener = brd_listener_new (address, "key", 3);
    brd_assert (s_listener);
}

static void
s_receive (brd_stream_t *stream)
{
    const void *frame;
    size_t size;
    for (;;) {
        if (brd_stream_recv (stream, &frame, &size) == 0) {
            brd_assert ((frame == NULL) == (size == 0));
            brd_assert (size <= BRD_WIRE_SIZE_MAX);
            volatile unsigned char last =
                size > 0 ? ((const unsigned char *) frame)[size - 1] : 0;
            (void) last;
            brd_stream_done (stream);
        }
        else
            break;
    }
    // Nobody sent a descriptor, so none is believed in.
    brd_assert (errno == EAGAIN || errno == EPROTO || errno == EPIPE);
}

int
LLVMFuzzerTestOneInput (const uint8_t *bytes, size_t size)
{
    if (size == 0)
        return 0;
    s_begin ();
    const int proven = bytes[0] & 1;
    const size_t piece = (size_t) (bytes[0] >> 1) + 1;
    brd_stream_t *near = brd_stream_connect (
        brd_listener_address (s_listener), proven ? "key" : "yek", 3);
    brd_stream_t *far = NULL;
    brd_assert (near);
    while (proven && (brd_stream_open (near) < 0 || !far)) {
        far = far ? far : brd_listener_accept (s_listener);
        brd_assert (far || errno == EAGAIN);
    }
    const int raw = brd_stream_fd (near);
    for (size_t at = 1; at < size; at += piece) {
        const size_t n = size - at < piece ? size - at : piece;
        (void) send (raw, bytes + at, n, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (far)
            s_receive (far);
        else
            brd_assert (!brd_listener_accept (s_listener));
    }
    brd_stream_destroy (&near);
    if (far)
        s_receive (far);
    else
        brd_assert (!brd_listener_accept (s_listener));
    brd_stream_destroy (&far);
    return 0;
}
