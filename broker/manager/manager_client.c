// manager_client.c - one connection of a manager's
//
// SPDX-License-Identifier: MPL-2.0
//
//     door --> stranger, proven --HELLO--> has a session --calls--> home
//                                            | connection ends
//                    over ipc: gone  <-------+-------> over tcp: lingers, and
//                                                      comes back or is gone
//
// Over ipc a connection ends only with its process. Over tcp it may break while
// the process lives: then its session waits a little, and what the client sends
// again is not done again.
//
// What ends a client is noted and done when it is next read, since it may be
// found while answering somebody else.
//
// Read next: manager_methods.c.

#include <poll.h>
#include <stdio.h>
#include <sys/epoll.h>

#include "base/brd_clock.h"
#include "base/brd_log.h"
#include "manager/manager_internal.h"

enum {
    S_FLUSH_MS = 500,
    S_CLOSED_MS = 100  // A door for which there is no descriptor
};

// --- Doors -----------------------------------------------------------------

static void
s_mind_door (brd_manager_t *self, brd_manager_door_t *door, uint32_t events)
{
    struct epoll_event event = { .events = events, .data.ptr = door };
    (void) epoll_ctl (
        self->epoll, EPOLL_CTL_MOD, brd_listener_fd (door->listener), &event);
}

static void
s_watch (brd_manager_t *self, brd_manager_client_t *client, int how)
{
    struct epoll_event event = { .events = client->events, .data.ptr = client };
    (void) epoll_ctl (self->epoll, how, brd_stream_fd (client->stream), &event);
}

static brd_manager_client_t *
s_client_new (brd_manager_t *self, brd_stream_t *stream, int family)
{
    brd_manager_client_t *client = brd_mem_zalloc (sizeof *client);
    if (!client)
        return NULL;
    client->source = BRD_MANAGER_CLIENT;
    client->stream = stream;
    client->family = family;
    client->events = EPOLLIN;
    brd_list_append (&self->clients, &client->link);
    brd_list_init (&client->ready);
    s_watch (self, client, EPOLL_CTL_ADD);
    // A frame may have come behind the proof.
    brd_list_append (&self->ready, &client->ready);
    return client;
}

int64_t
brd_manager_client_unlock (brd_manager_t *self,
                           brd_manager_door_t *door,
                           int64_t now)
{
    if (door->open_due == 0)
        return BRD_NEVER;
    if (door->open_due > now)
        return door->open_due;
    door->open_due = 0;
    s_mind_door (self, door, EPOLLIN);
    return BRD_NEVER;
}

void
brd_manager_client_admit (brd_manager_t *self, brd_manager_door_t *door)
{
    for (;;) {
        brd_stream_t *stream = brd_listener_accept (door->listener);
        if (stream && s_client_new (self, stream, door->family))
            continue;
        const int error = errno;
        if (stream)
            brd_stream_destroy (&stream);
        if (error == EACCES)
            continue;
        // Out of descriptors: closed until a client leaves one, or something
        // else has.
        if (error == EMFILE || error == ENFILE) {
            s_mind_door (self, door, 0);
            door->open_due = brd_clock_deadline (S_CLOSED_MS);
        }
        return;
    }
}

// --- Ends ------------------------------------------------------------------

static void
s_close (brd_manager_t *self, brd_manager_client_t *client)
{
    brd_list_remove (&client->ready);
    if (!client->stream)
        return;
    (void) epoll_ctl (
        self->epoll, EPOLL_CTL_DEL, brd_stream_fd (client->stream), NULL);
    brd_stream_destroy (&client->stream);
    for (int i = 0; i < BRD_MANAGER_LISTENERS; i++) {
        if (self->doors[i].listener)
            s_mind_door (self, &self->doors[i], EPOLLIN);
    }
}

static void
s_end (brd_manager_t *self, brd_manager_client_t *client)
{
    s_close (self, client);
    brd_list_remove (&client->link);
    if (client->session != 0) {
        const brd_home_event_t gone = { .type = BRD_HOME_GONE,
                                        .session = client->session };
        (void) brd_map_remove (&self->sessions, client->session);
        (void) brd_manager_step (self, &gone);
    }
    brd_mem_free (client);
}

// The connection is over.
static void
s_lost (brd_manager_t *self, brd_manager_client_t *client)
{
    if (client->session == 0 || !brd_stream_is_tcp (client->stream)) {
        s_end (self, client);
        return;
    }
    s_close (self, client);
    client->linger_due = brd_clock_deadline (BRD_MANAGER_LINGER_MS);
    brd_list_remove (&client->link);
    brd_list_append (&self->lingering, &client->link);
}

int64_t
brd_manager_client_expire (brd_manager_t *self, int64_t now)
{
    while (!brd_list_empty (&self->lingering)) {
        brd_manager_client_t *oldest =
            BRD_LIST_ITEM (self->lingering.next, brd_manager_client_t, link);
        if (oldest->linger_due > now)
            return oldest->linger_due;
        s_end (self, oldest);
    }
    return BRD_NEVER;
}

// --- Writing ---------------------------------------------------------------

// Found out while it is not its turn: ended when it is.
static void
s_part (brd_manager_t *self, brd_manager_client_t *client)
{
    client->broken = 1;
    brd_list_remove (&client->ready);
    brd_list_append (&self->ready, &client->ready);
}

static void
s_mind_room (brd_manager_t *self, brd_manager_client_t *client)
{
    const uint32_t events =
        EPOLLIN
        | (brd_stream_wants_write (client->stream) ? (uint32_t) EPOLLOUT : 0);
    if (events == client->events)
        return;
    client->events = events;
    s_watch (self, client, EPOLL_CTL_MOD);
}

static void
s_send (brd_manager_t *self, brd_manager_client_t *client)
{
    if (brd_stream_queued (client->stream) > BRD_MANAGER_QUEUED_MAX
        || brd_stream_send (client->stream, self->out.bytes, self->out.size)
               < 0)
        s_part (self, client);
    else
        s_mind_room (self, client);
}

void
brd_manager_client_answer (brd_manager_t *self,
                           uint64_t session,
                           const brd_request_answer_t *answer)
{
    brd_manager_client_t *client = brd_map_get (&self->sessions, session);
    if (!client || !client->stream || client->broken)
        return;
    if (brd_request_put_answer (&self->out, answer) < 0)
        s_part (self, client);
    else
        s_send (self, client);
    if (self->out.room > BRD_MANAGER_KEEP)
        brd_buf_fini (&self->out);
}

void
brd_manager_client_flush_all (brd_manager_t *self)
{
    const int64_t deadline = brd_clock_deadline (S_FLUSH_MS);
    for (brd_list_t *at = self->clients.next; at != &self->clients;
         at = at->next) {
        brd_stream_t *stream =
            BRD_LIST_ITEM (at, brd_manager_client_t, link)->stream;
        while (brd_stream_flush (stream) < 0 && errno == EAGAIN) {
            struct pollfd fd = { .fd = brd_stream_fd (stream),
                                 .events = POLLOUT };
            if (poll (&fd, 1, brd_clock_left_ms (deadline)) <= 0)
                break;
        }
    }
}

// --- HELLO -----------------------------------------------------------------

// The connection is that of a session there is. Its old one, if it has not been
// seen to break, is over.
static brd_manager_client_t *
s_resume (brd_manager_t *self, brd_manager_client_t *client, uint64_t session)
{
    brd_manager_client_t *old = brd_map_get (&self->sessions, session);
    if (!old || old->family != client->family)
        return NULL;
    s_close (self, old);
    old->stream = client->stream;
    old->events = EPOLLIN;
    old->broken = 0;
    client->stream = NULL;
    brd_list_remove (&old->link);
    brd_list_append (&self->clients, &old->link);
    brd_list_append (&self->ready, &old->ready);
    s_watch (self, old, EPOLL_CTL_MOD);
    return old;
}

static int
s_new_session (brd_manager_t *self,
               brd_manager_client_t *client,
               const brd_request_hello_t *hello)
{
    char who[BRD_REQUEST_WHO_SIZE];
    (void) snprintf (who, sizeof who, "%.*s", (int) hello->size, hello->who);
    const brd_home_event_t event = { .type = BRD_HOME_SESSION,
                                     .session = self->last + 1,
                                     .text = who };
    if (brd_map_set (&self->sessions, event.session, client) < 0)
        return -1;
    if (brd_manager_step (self, &event) < 0) {
        (void) brd_map_remove (&self->sessions, event.session);
        return -1;
    }
    client->session = ++self->last;
    return 0;
}

// The client that has the connection now, or NULL: it is not to be one.
static brd_manager_client_t *
s_greet (brd_manager_t *self,
         brd_manager_client_t *client,
         const void *bytes,
         size_t size)
{
    brd_request_hello_t hello;
    if (brd_request_decode_hello (bytes, size, &hello) < 0)
        return NULL;
    brd_manager_client_t *old =
        hello.session != 0 ? s_resume (self, client, hello.session) : NULL;
    if (!old && s_new_session (self, client, &hello) < 0)
        return NULL;
    brd_manager_client_t *now = old ? old : client;
    const brd_request_welcome_t welcome = { .manager = self->options.id,
                                            .session = now->session };
    if (brd_request_put_welcome (&self->out, &welcome) < 0)
        s_part (self, now);
    else
        s_send (self, now);
    return now;
}

// --- Calls -----------------------------------------------------------------

// Addresses of code come from the family alone, whose snapshot is ours. What
// became of it is written where the home looks for it.
static void
s_register (brd_manager_t *self,
            const brd_manager_client_t *client,
            brd_request_t *call)
{
    if (!client->family)
        call->object = EACCES;
    else if (brd_manager_methods_register (self->methods, call) < 0)
        call->object = (uint64_t) errno;
    else
        call->object = 0;
}

static int
s_is_register (const void *bytes, size_t size)
{
    brd_request_t call;
    return brd_request_decode (bytes, size, &call) == 0
           && call.op == BRD_REQUEST_REGISTER;
}

static int
s_take_call (brd_manager_t *self,
             brd_manager_client_t *client,
             const void *bytes,
             size_t size)
{
    brd_request_t call;
    if (brd_request_decode (bytes, size, &call) < 0)
        return -1;
    if (call.op == BRD_REQUEST_REGISTER)
        s_register (self, client, &call);
    const brd_home_event_t event = { .type = BRD_HOME_CALL,
                                     .session = client->session,
                                     .call = &call };
    return brd_manager_step (self, &event);
}

// The frame stays where it is, and is read when there may be memory.
static int
s_take_later (brd_manager_t *self, brd_manager_client_t *client)
{
    self->starved = 1;
    brd_list_remove (&client->ready);
    brd_list_append (&self->ready, &client->ready);
    return 0;
}

// 1: the next may be read, 0: not now, or the client is another's, -1: it is to
// end.
static int
s_take (brd_manager_t *self, brd_manager_client_t *client)
{
    const void *bytes;
    size_t size;
    if (brd_stream_recv (client->stream, &bytes, &size) < 0) {
        if (errno == ENOMEM)
            return s_take_later (self, client);
        return errno == EAGAIN ? 0 : -1;
    }
    if (client->session != 0) {
        const int rc = s_take_call (self, client, bytes, size);
        // The home has changed nothing then; but a class may have come.
        if (rc < 0 && errno == ENOMEM && !client->broken
            && !s_is_register (bytes, size))
            return s_take_later (self, client);
        brd_stream_done (client->stream);
        return rc < 0 || client->broken ? -1 : 1;
    }
    const brd_manager_client_t *now = s_greet (self, client, bytes, size);
    if (!now)
        return -1;
    brd_stream_done (now->stream);
    if (now == client)
        return 1;
    s_end (self, client);
    return 0;
}

void
brd_manager_client_read (brd_manager_t *self, brd_manager_client_t *client)
{
    if (client->broken
        || (brd_stream_flush (client->stream) < 0 && errno != EAGAIN)) {
        s_lost (self, client);
        return;
    }
    s_mind_room (self, client);
    for (int i = 0; i < BRD_MANAGER_TURN; i++) {
        // What comes behind a shutdown is not done.
        if (self->ending)
            return;
        const int rc = s_take (self, client);
        if (rc == 0)
            return;
        if (rc < 0) {
            s_lost (self, client);
            return;
        }
    }
    brd_list_remove (&client->ready);
    brd_list_append (&self->ready, &client->ready);
}
