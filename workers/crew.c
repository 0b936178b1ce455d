// crew.c - workers that are threads of this process
//
// SPDX-License-Identifier: MPL-2.0
//
//     START   a member: its socket, its thread       -> s_member_main
//     thread  dressed, STARTED, brd_worker_serve, ENDED, and it returns
//     report  ENDED: the member is freed; its thread, which nobody waits for
//             because it may run the program's own last words (keys'
//             destructors), has nothing more to do with us
//
// pthread_exit () in a task ends the member as an error in it would end a
// process; exit () is the program's.
//
// Read next: worker_main.c.

#include "workers/crew.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/brd_check.h"
#include "base/brd_list.h"
#include "base/brd_mem.h"
#include "base/brd_sys.h"
#include "workers/nursery_internal.h"

// What is to be said of a member, lowest first.
enum {
    S_SAY_STARTED = 1,
    S_SAY_ENDED = 2
};

typedef struct {
    brd_list_t link;  // In crew.members
    brd_crew_t *crew;
    int says;  // S_SAY_*
    int32_t tid;
    int code;  // It left with
    int wake_fd;
    brd_nursery_birth_t birth;
    brd_worker_t worker;
} s_member_t;

struct brd_crew {
    const brd_worker_setup_t *setup;
    brd_nursery_options_t options;
    int bell;              // eventfd: somebody has something to say
    pthread_mutex_t lock;  // Over members and what they say
    brd_list_t members;
};

static s_member_t *
s_member (brd_list_t *link)
{
    return BRD_LIST_ITEM (link, s_member_t, link);
}

static void
s_ring (int fd)
{
    const uint64_t one = 1;
    (void) !write (fd, &one, sizeof one);
}

static void
s_say (s_member_t *self, int what)
{
    brd_crew_t *crew = self->crew;
    pthread_mutex_lock (&crew->lock);
    self->says |= what;
    // Locked: once ENDED is said we may be freed, and the crew after us.
    s_ring (crew->bell);
    pthread_mutex_unlock (&crew->lock);
}

// --- A member --------------------------------------------------------------

static void
s_ended (void *arg)
{
    s_member_t *self = arg;
    if (self->worker.link)
        self->birth.listen_fd = -1;  // The link's
    brd_worker_fini (&self->worker);
    s_say (self, S_SAY_ENDED);
}

static void *
s_member_main (void *arg)
{
    s_member_t *self = arg;
    self->tid = gettid ();
    self->code = BRD_WORKER_EXIT_BROKEN;  // If it does not return
    brd_nursery_child_suit (&self->crew->options, self->birth.place);
    s_say (self, S_SAY_STARTED);
    pthread_cleanup_push (s_ended, self);
    self->code = brd_worker_serve (&self->worker, &self->birth);
    pthread_cleanup_pop (1);
    return NULL;
}

static void
s_member_free (s_member_t *self)
{
    brd_sys_close (&self->birth.listen_fd);
    brd_sys_close (&self->wake_fd);
    brd_mem_free (self);
}

static int
s_start (brd_crew_t *self, const brd_nursery_command_t *command)
{
    s_member_t *member = brd_mem_zalloc (sizeof *member);
    if (!member)
        return -1;
    member->crew = self;
    member->birth = (brd_nursery_birth_t){
        .worker = command->worker,
        .place = command->place,
        .page = command->page,
        .listen_fd = -1,
        .life_fd = -1,
        .owner_fd = -1,
        .owner = getpid (),
        .arg = (void *) (uintptr_t) self->setup,
    };
    member->wake_fd = member->birth.wake_fd = brd_sys_eventfd ();
    if (member->wake_fd < 0)
        goto error;
    member->birth.listen_fd = brd_nursery_listen (member->birth.name);
    if (member->birth.listen_fd < 0)
        goto error;
    pthread_mutex_lock (&self->lock);
    brd_list_append (&self->members, &member->link);
    pthread_mutex_unlock (&self->lock);
    pthread_t thread;
    if (brd_sys_thread (&thread, s_member_main, member) == 0) {
        (void) pthread_detach (thread);
        return 0;
    }
    pthread_mutex_lock (&self->lock);
    brd_list_remove (&member->link);
    pthread_mutex_unlock (&self->lock);

error:
    s_member_free (member);
    return -1;
}

static void
s_ask_to_leave (s_member_t *self)
{
    atomic_store (&self->worker.leave, 1);
    s_ring (self->wake_fd);
}

// --- The crew --------------------------------------------------------------

brd_crew_t *
brd_crew_new (const brd_worker_setup_t *setup,
              const brd_nursery_options_t *options)
{
    brd_crew_t *self = brd_mem_zalloc (sizeof *self);
    if (!self)
        return NULL;
    self->bell = brd_sys_eventfd ();
    if (self->bell < 0) {
        brd_error_system ("eventfd");
        brd_mem_free (self);
        return NULL;
    }
    self->setup = setup;
    self->options = *options;
    pthread_mutex_init (&self->lock, NULL);
    brd_list_init (&self->members);
    return self;
}

int
brd_crew_fd (const brd_crew_t *self)
{
    return self->bell;
}

int
brd_crew_command (brd_crew_t *self, const brd_nursery_command_t *command)
{
    if (command->type == BRD_NURSERY_START)
        return s_start (self, command);
    brd_assert (command->type == BRD_NURSERY_KILL
                || command->type == BRD_NURSERY_KILL_DEAF);
    for (brd_list_t *i = self->members.next; i != &self->members; i = i->next) {
        if (s_member (i)->birth.worker == command->worker)
            s_ask_to_leave (s_member (i));
    }
    return 0;
}

// Locked. One that has something to say, or NULL.
static s_member_t *
s_speaker (brd_crew_t *self)
{
    for (brd_list_t *i = self->members.next; i != &self->members; i = i->next) {
        if (s_member (i)->says != 0)
            return s_member (i);
    }
    return NULL;
}

int
brd_crew_report (brd_crew_t *self, brd_nursery_report_t *ret_report)
{
    uint64_t rings;
    pthread_mutex_lock (&self->lock);
    s_member_t *member = s_speaker (self);
    const int what = member ? member->says & -member->says : 0;
    if (!member)
        (void) !read (self->bell, &rings, sizeof rings);
    else
        member->says &= ~what;
    if (what == S_SAY_ENDED)
        brd_list_remove (&member->link);
    pthread_mutex_unlock (&self->lock);
    if (!member)
        return 0;
    *ret_report = (brd_nursery_report_t){
        .type = what == S_SAY_STARTED ? BRD_NURSERY_STARTED : BRD_NURSERY_ENDED,
        .worker = member->birth.worker,
        .pid = member->tid,
    };
    // As of a process that exited. Before, it is still the thread's own.
    if (what == S_SAY_ENDED)
        ret_report->status = member->code << 8;
    memcpy (ret_report->name, member->birth.name, sizeof ret_report->name);
    if (what == S_SAY_ENDED)
        s_member_free (member);
    return 1;
}

int
brd_crew_is_mine (const brd_crew_t *self)
{
    const brood_task_t *task = brd_worker_current ();
    return task && task->worker && task->worker->setup == self->setup;
}

void
brd_crew_leave (brd_crew_t *self)
{
    for (brd_list_t *i = self->members.next; i != &self->members; i = i->next)
        s_ask_to_leave (s_member (i));
}

int
brd_crew_empty (const brd_crew_t *self)
{
    return brd_list_empty (&self->members);
}

void
brd_crew_destroy (brd_crew_t **self_p)
{
    brd_crew_t *self = *self_p;
    if (!self)
        return;
    const int saved_errno = errno;
    brd_assert (brd_crew_empty (self));
    pthread_mutex_destroy (&self->lock);
    brd_sys_close (&self->bell);
    brd_mem_free (self);
    *self_p = NULL;
    errno = saved_errno;
}
