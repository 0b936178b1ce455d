// brd_named.c - what shm and shmlist are: a handle on memory with a name
//
// SPDX-License-Identifier: MPL-2.0
//
//     new      segment, mapped, filled; put: ask the keeper to have it, under a
//              number drawn here; is there no keeper? start one, ask again
//     open     ask whoever has the name; map what comes
//     from     ask the keeper for the number in the ref; map what comes
//     unlink   ask the keeper to drop it
//     destroy  unmap
//
// Every question may be asked again when the answer did not come: the number
// says that it is the same one.
//
// Read next: lib/client/brd_names.h, broker/names/names.h.

#include "api/brd_named.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "api/brd_runtime.h"
#include "base/brd_check.h"
#include "base/brd_mem.h"
#include "base/brd_process.h"
#include "base/brd_segment.h"
#include "base/brd_sys.h"
#include "client/brd_msg.h"
#include "client/brd_names.h"
#include "names/names.h"

enum {
    S_TRIES = 5  // Keepers that die one after the other
};

// The keeper this process has started: one of the globals of a process.
static struct {
    pthread_mutex_t lock;
    brd_names_keeper_t keeper;
    uint32_t birth;  // Of the process that has; 0: none
    uid_t user;
} s_started = { .lock = PTHREAD_MUTEX_INITIALIZER };

// --- The keeper ------------------------------------------------------------

// Where another process or thread was faster, nothing is started.
static int
s_start_keeper (void)
{
    brd_names_keeper_t fresh;
    pthread_mutex_lock (&s_started.lock);
    const int rc =
        brd_names_keeper_start (&fresh,
                                brd_runtime_brood (),
                                brd_shared_keeper (brd_runtime_shared ()));
    if (fresh.pid > 0) {
        // The last one must have died, since its address was free. But one of
        // another user, before this program changed its own, has another
        // address: its pair stays open, or it would end.
        if (s_started.birth == brd_process_birth ()
            && s_started.user == geteuid ())
            brd_names_keeper_end (&s_started.keeper);
        s_started.keeper = fresh;
        s_started.birth = brd_process_birth ();
        s_started.user = geteuid ();
    }
    pthread_mutex_unlock (&s_started.lock);
    return rc;
}

void
brd_named_end (void)
{
    // Most programs have no keeper, and what went wrong before is the story.
    const brood_error_info_t story = *brd_error_get ();
    pthread_mutex_lock (&s_started.lock);
    if (s_started.birth == brd_process_birth ())
        brd_names_keeper_end (&s_started.keeper);
    s_started.birth = 0;
    pthread_mutex_unlock (&s_started.lock);
    // A worker may have started another.
    brd_names_end (brd_runtime_brood ());
    if (story.error != 0)
        (void) brd_error_take (&story);
    else
        brd_error_forget ();
}

void
brd_named_forget (void)
{
    (void) pthread_mutex_init (&s_started.lock, NULL);
}

// As brd_names_ask (), as often as it takes; a keeper is started to put what is
// new, if there is none.
static int
s_ask (uint64_t brood,
       const brd_names_request_t *request,
       int fd,
       brd_names_answer_t *ret_answer,
       int *ret_fd)
{
    for (int i = 0; i < S_TRIES; i++) {
        if (brd_names_ask (brood, request, fd, ret_answer, ret_fd) == 0)
            return 0;
        if (errno == ECONNRESET)
            continue;
        if (errno != ECONNREFUSED || request->op != BRD_NAMES_PUT
            || s_start_keeper () < 0)
            return -1;
    }
    return brd_error_set (EAGAIN,
                          "who is to keep the names of shared memory dies "
                          "again and again");
}

// --- Handles ---------------------------------------------------------------

static brd_named_t *
s_memory (size_t handle_size, brd_kind_t kind)
{
    brd_assert (handle_size >= sizeof (brd_named_t));
    if (brd_runtime_need () < 0)
        return NULL;
    brd_named_t *self = brd_mem_zalloc (handle_size);
    if (self)
        brd_handle_init (&self->handle, kind);
    return self;
}

void
brd_named_destroy (void *self_p)
{
    brd_named_t *self = NULL;
    // Bytes: the pointer there is of the class's own type.
    if (self_p)
        memcpy (&self, self_p, sizeof (void *));
    if (!self)
        return;
    memset (self_p, 0, sizeof (void *));
    if (self->memory)
        brd_sys_unmap (self->memory, self->size);
    brd_handle_fini (&self->handle);
    brd_mem_free (self);
}

// --- New -------------------------------------------------------------------

static int
s_name (brd_named_t *self, const char *name)
{
    uint64_t number;
    if (name) {
        memcpy (self->name, name, strlen (name) + 1);
        return 0;
    }
    if (brd_sys_random (&number, sizeof number) < 0)
        return brd_error_system ("random bytes");
    (void) snprintf (self->name,
                     sizeof self->name,
                     "brood-%016llx",
                     (unsigned long long) number);
    return 0;
}

static int
s_taken (const char *name)
{
    brd_names_answer_t answer;
    int fd = -1;
    const int rc = brd_names_open (name, &answer, &fd);
    brd_sys_close (&fd);
    if (rc < 0 && errno == EACCES)
        return -1;
    return brd_error_set (EEXIST, "there is a \"%s\" already", name);
}

static int
s_put (brd_named_t *self, int fd)
{
    const uint64_t brood = brd_runtime_brood ();
    brd_names_request_t request = { .magic = BRD_NAMES_MAGIC,
                                    .op = BRD_NAMES_PUT,
                                    .kind = self->handle.ref.kind };
    brd_names_answer_t answer;
    if (brd_sys_random (&request.number, sizeof request.number) < 0)
        return brd_error_system ("random bytes");
    request.number |= 1;  // 0 leads nowhere
    memcpy (request.name, self->name, sizeof request.name);
    if (s_ask (brood, &request, fd, &answer, NULL) < 0)
        return errno == EEXIST ? s_taken (self->name) : -1;
    self->handle.ref.brood = brood;
    self->handle.ref.object = request.number;
    return 0;
}

static int
s_make (brd_named_t *self, size_t size, brd_named_fill_t *fill, void *arg)
{
    int fd = brd_segment_new (size);
    if (fd < 0)
        return -1;
    self->memory = brd_segment_map (fd, &self->size);
    int rc = self->memory ? 0 : -1;
    if (rc == 0 && fill)
        rc = fill (self->memory, size, arg);
    if (rc == 0)
        rc = s_put (self, fd);
    brd_sys_close (&fd);
    return rc;
}

void *
brd_named_new (size_t handle_size,
               brd_kind_t kind,
               const char *name,
               size_t size,
               brd_named_fill_t *fill,
               void *arg)
{
    if (name && brd_names_check (name) < 0)
        return NULL;
    brd_named_t *self = s_memory (handle_size, kind);
    if (!self)
        return NULL;
    if (s_name (self, name) < 0 || s_make (self, size, fill, arg) < 0)
        brd_named_destroy (&self);
    return self;
}

// --- Open, from ------------------------------------------------------------

// fd is taken.
static int
s_enter (brd_named_t *self, const brd_names_answer_t *answer, int fd)
{
    int rc = -1;
    if (answer->kind != self->handle.ref.kind)
        brd_error_set (EINVAL,
                       "\"%s\" is a %s, not a %s",
                       answer->name,
                       brd_kind_text ((brd_kind_t) answer->kind),
                       brd_kind_text ((brd_kind_t) self->handle.ref.kind));
    else {
        self->memory = brd_segment_map (fd, &self->size);
        rc = self->memory ? 0 : -1;
    }
    brd_sys_close (&fd);
    self->handle.ref.brood = answer->brood;
    self->handle.ref.object = answer->number;
    memcpy (self->name, answer->name, sizeof self->name);
    return rc;
}

void *
brd_named_open (size_t handle_size, brd_kind_t kind, const char *name)
{
    brd_names_answer_t answer;
    int fd = -1;
    if (brd_names_check (name) < 0)
        return NULL;
    brd_named_t *self = s_memory (handle_size, kind);
    if (!self)
        return NULL;
    if (brd_names_open (name, &answer, &fd) < 0
        || s_enter (self, &answer, fd) < 0)
        brd_named_destroy (&self);
    return self;
}

static int
s_get (const brd_ref_t *ref, brd_names_answer_t *ret_answer, int *ret_fd)
{
    const brd_names_request_t request = { .magic = BRD_NAMES_MAGIC,
                                          .op = BRD_NAMES_GET,
                                          .number = ref->object };
    if (s_ask (ref->brood, &request, -1, ret_answer, ret_fd) == 0)
        return 0;
    if (errno != ENOENT && errno != ECONNREFUSED)
        return -1;
    return brd_error_set (ENOENT,
                          "the %s is gone: it was unlinked, or the brood "
                          "that made it has ended",
                          brd_kind_text ((brd_kind_t) ref->kind));
}

void *
brd_named_from (size_t handle_size, brd_kind_t kind, void *ref)
{
    brd_ref_t found;
    brd_names_answer_t answer;
    int fd = -1;
    if (brd_ref_resolve (ref, kind, &found) < 0)
        return NULL;
    brd_named_t *self = s_memory (handle_size, kind);
    if (!self)
        return NULL;
    if (s_get (&found, &answer, &fd) < 0 || s_enter (self, &answer, fd) < 0)
        brd_named_destroy (&self);
    return self;
}

// --- Unlink ----------------------------------------------------------------

int
brd_named_unlink (const brd_named_t *self)
{
    const brd_names_request_t request = { .magic = BRD_NAMES_MAGIC,
                                          .op = BRD_NAMES_DROP,
                                          .number = self->handle.ref.object };
    brd_names_answer_t answer;
    if (s_ask (self->handle.ref.brood, &request, -1, &answer, NULL) == 0)
        return 0;
    // With its keeper it has lost its name.
    return errno == ECONNREFUSED ? 0 : -1;
}
