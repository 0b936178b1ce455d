// manager_methods.c - the user's own classes: objects, and threads for methods
//
// SPDX-License-Identifier: MPL-2.0
//
//     loop: INVOKE --> jobs --> a thread: new, or a method --> done --+
//              ^                                                      | bell
//              +---------------- RETURNED <-- loop: collect <---------+
//
// Methods may take their time, and may use managed objects themselves, also of
// this manager, so they run beside the loop: in up to eight threads, made when
// needed. That those of one object never run at a time is the home's doing.
//
// Read next: broker/core/home_proxy.c.

#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/brd_sys.h"
#include "brood/brood_manager.h"
#include "client/brd_msg.h"
#include "manager/manager_internal.h"

enum {
    S_THREADS_MAX = 8
};

typedef struct {
    brd_list_t link;
    char name[BROOD_NAME_SIZE];
    void *(*new_fn) (const brood_msg_t *in);
    void (*destroy_fn) (void *object);
    size_t count;
    struct {
        char name[BROOD_NAME_SIZE];
        brood_method_fn *fn;
    } methods[];
} s_class_t;

typedef struct {
    brd_list_t link;  // Of jobs, or done
    uint64_t object;
    s_class_t *type;
    brood_method_fn *fn;  // NULL: new, or destroy
    const char *fn_name;
    void **thing;  // The object itself
    int ends;      // destroy
    void *in;      // A copy of the arguments
    size_t in_size;
    int error;
    char text[256];
    brood_msg_t *out;
} s_job_t;

// An object there is, or is being made. Has the job that ends it.
typedef struct {
    void *thing;
    s_job_t last;
} s_instance_t;

struct brd_manager_methods {
    int bell;
    brd_list_t classes;
    brd_map_t instances;  // By number; the loop's alone
    pthread_mutex_t lock;
    pthread_cond_t more;
    brd_list_t jobs;
    brd_list_t done;
    int threads;
    int idle;
};

brd_manager_methods_t *
brd_manager_methods_new (void)
{
    brd_manager_methods_t *self = brd_mem_zalloc (sizeof *self);
    if (!self)
        return NULL;
    self->bell = brd_sys_eventfd ();
    if (self->bell < 0) {
        (void) brd_error_system ("eventfd");
        brd_mem_free (self);
        return NULL;
    }
    brd_list_init (&self->classes);
    brd_list_init (&self->jobs);
    brd_list_init (&self->done);
    brd_map_init (&self->instances);
    (void) pthread_mutex_init (&self->lock, NULL);
    (void) pthread_cond_init (&self->more, NULL);
    return self;
}

int
brd_manager_methods_fd (const brd_manager_methods_t *self)
{
    return self->bell;
}

// --- Classes ---------------------------------------------------------------

static s_class_t *
s_class (const brd_manager_methods_t *self, const char *name)
{
    for (brd_list_t *at = self->classes.next; at != &self->classes;
         at = at->next) {
        s_class_t *type = BRD_LIST_ITEM (at, s_class_t, link);
        if (strcmp (type->name, name) == 0)
            return type;
    }
    return NULL;
}

static int
s_read_name (brd_value_cursor_t *at, char *ret_name)
{
    brd_value_t value;
    if (brd_value_read (at, &value) < 0 || value.type != BROOD_TEXT
        || value.size == 0 || value.size >= BROOD_NAME_SIZE)
        return brd_error_set (EINVAL, "a name of a class or a method");
    memcpy (ret_name, value.bytes, value.size);
    ret_name[value.size] = '\0';
    return 0;
}

static int
s_read_address (brd_value_cursor_t *at, uint64_t *ret_address)
{
    brd_value_t value;
    if (brd_value_read (at, &value) < 0 || value.type != BROOD_INTEGER) {
        brd_error_set (EINVAL, "an address");
        return -1;
    }
    *ret_address = value.number.u;
    return 0;
}

static int
s_read_methods (brd_value_cursor_t *at, s_class_t *type)
{
    for (size_t i = 0; i < type->count; i++) {
        brd_value_t pair;
        uint64_t address;
        if (brd_value_read (at, &pair) < 0 || pair.type != BROOD_LIST
            || pair.size != 2 || s_read_name (at, type->methods[i].name) < 0
            || s_read_address (at, &address) < 0)
            return brd_error_set (EINVAL, "a method and its address");
        type->methods[i].fn = (brood_method_fn *) (uintptr_t) address;
    }
    return 0;
}

int
brd_manager_methods_register (brd_manager_methods_t *self,
                              const brd_request_t *call)
{
    brd_value_cursor_t at = { call->body, call->body + call->size };
    char name[BROOD_NAME_SIZE];
    uint64_t new_fn;
    uint64_t destroy_fn;
    brd_value_t methods;
    if (s_read_name (&at, name) < 0 || s_read_address (&at, &new_fn) < 0
        || s_read_address (&at, &destroy_fn) < 0
        || brd_value_read (&at, &methods) < 0 || methods.type != BROOD_LIST
        || methods.size > (size_t) (at.end - at.at))
        return brd_error_set (EINVAL, "not a class");
    if (s_class (self, name))
        return brd_error_set (EEXIST, "there is a class %s", name);
    s_class_t *type =
        brd_mem_zalloc (sizeof *type + methods.size * sizeof type->methods[0]);
    if (!type)
        return -1;
    memcpy (type->name, name, sizeof name);
    type->new_fn = (void *(*) (const brood_msg_t *) ) (uintptr_t) new_fn;
    type->destroy_fn = (void (*) (void *)) (uintptr_t) destroy_fn;
    type->count = methods.size;
    if (s_read_methods (&at, type) < 0) {
        brd_mem_free (type);
        return -1;
    }
    brd_list_append (&self->classes, &type->link);
    return 0;
}

// --- In a thread -----------------------------------------------------------

static int
s_failed (s_job_t *job, int error, const char *format, ...) BROOD_PRINTF (3, 4);
static int
s_failed (s_job_t *job, int error, const char *format, ...)
{
    va_list args;
    va_start (args, format);
    (void) vsnprintf (job->text, sizeof job->text, format, args);
    va_end (args);
    job->error = error;
    return -1;
}

static int
s_make (s_job_t *job, const brood_msg_t *in)
{
    errno = 0;
    *job->thing = job->type->new_fn ? job->type->new_fn (in) : NULL;
    if (*job->thing)
        return 0;
    return s_failed (job,
                     EIO,
                     "a %s could not be made: %s",
                     job->type->name,
                     strerrordesc_np (errno ? errno : EIO));
}

static int
s_call (s_job_t *job, const brood_msg_t *in)
{
    const int status = job->fn (*job->thing, in, job->out);
    if (status != 0)
        return s_failed (job,
                         EIO,
                         "%s.%s returned %d",
                         job->type->name,
                         job->fn_name,
                         status);
    size_t size;
    const void *bytes = brd_msg_data (job->out, &size);
    if (!bytes)
        return s_failed (
            job, EBADMSG, "%s.%s left no value", job->type->name, job->fn_name);
    // As deep as a value of the home's may be.
    if (brd_value_check (bytes, size, BRD_HOME_VALUE_DEPTH, NULL) < 0)
        return s_failed (job,
                         EMSGSIZE,
                         "the answer of %s.%s is too deep",
                         job->type->name,
                         job->fn_name);
    return 0;
}

static void
s_do (s_job_t *job)
{
    if (job->ends) {
        if (job->type->destroy_fn && *job->thing)
            job->type->destroy_fn (*job->thing);
        return;
    }
    brood_msg_t *in = brd_msg_new_view (job->in, job->in_size);
    job->out = brd_msg_new_empty ();
    if (!in || !job->out)
        (void) s_failed (job, ENOMEM, "out of memory in the manager");
    else if (job->fn)
        (void) s_call (job, in);
    else
        (void) s_make (job, in);
    brood_msg_destroy (&in);
}

// Whoever waits for the method would wait for ever if this were not heard.
static void
s_ring (const brd_manager_methods_t *self)
{
    const uint64_t one = 1;
    while (brd_sys_write (self->bell, &one, sizeof one) < 0)
        (void) sched_yield ();
}

static void *
s_thread (void *arg)
{
    brd_manager_methods_t *self = arg;
    pthread_mutex_lock (&self->lock);
    for (;;) {
        brd_list_t *link = brd_list_pop (&self->jobs);
        if (!link) {
            self->idle++;
            (void) pthread_cond_wait (&self->more, &self->lock);
            self->idle--;
            continue;
        }
        s_job_t *job = BRD_LIST_ITEM (link, s_job_t, link);
        pthread_mutex_unlock (&self->lock);
        s_do (job);
        pthread_mutex_lock (&self->lock);
        brd_list_append (&self->done, &job->link);
        s_ring (self);
    }
    return NULL;
}

// --- In the loop -----------------------------------------------------------

// 0, or EAGAIN when there is no thread to do it and none can be made.
static int
s_start (brd_manager_methods_t *self, s_job_t *job)
{
    pthread_t thread;
    pthread_mutex_lock (&self->lock);
    brd_list_append (&self->jobs, &job->link);
    if (self->idle == 0 && self->threads < S_THREADS_MAX
        && brd_sys_thread (&thread, s_thread, self) == 0) {
        (void) pthread_detach (thread);
        self->threads++;
    }
    const int rc = self->threads > 0 ? 0 : EAGAIN;
    if (rc != 0)
        brd_list_remove (&job->link);
    (void) pthread_cond_signal (&self->more);
    pthread_mutex_unlock (&self->lock);
    return rc;
}

static s_job_t *
s_job_new (const brd_home_effect_t *effect, s_class_t *type)
{
    s_job_t *job = brd_mem_zalloc (sizeof *job);
    if (!job)
        return NULL;
    job->object = effect->object;
    job->type = type;
    job->in = brd_mem_alloc (effect->size);
    if (!job->in) {
        brd_mem_free (job);
        return NULL;
    }
    memcpy (job->in, effect->bytes, effect->size);
    job->in_size = effect->size;
    return job;
}

static void
s_job_free (s_job_t *job)
{
    brood_msg_destroy (&job->out);
    brd_mem_free (job->in);
    brd_mem_free (job);
}

static int
s_find_method (s_job_t *job, const char *method)
{
    if (!method)
        return 0;
    for (size_t i = 0; i < job->type->count; i++) {
        if (strcmp (job->type->methods[i].name, method) != 0)
            continue;
        job->fn = job->type->methods[i].fn;
        job->fn_name = job->type->methods[i].name;
        return 0;
    }
    return ESRCH;
}

static s_instance_t *
s_instance (brd_manager_methods_t *self, s_job_t *job)
{
    s_instance_t *instance = brd_map_get (&self->instances, job->object);
    if (instance)
        return instance;
    instance = brd_mem_zalloc (sizeof *instance);
    if (!instance)
        return NULL;
    instance->last.object = job->object;
    instance->last.type = job->type;
    instance->last.thing = &instance->thing;
    instance->last.ends = 1;
    brd_list_init (&instance->last.link);
    if (brd_map_set (&self->instances, job->object, instance) == 0)
        return instance;
    brd_mem_free (instance);
    return NULL;
}

int
brd_manager_methods_invoke (brd_manager_methods_t *self,
                            const brd_home_effect_t *effect)
{
    s_class_t *type = s_class (self, effect->class_name);
    if (!type)
        return ESRCH;
    s_job_t *job = s_job_new (effect, type);
    if (!job)
        return ENOMEM;
    int rc = s_find_method (job, effect->method);
    s_instance_t *instance = rc == 0 ? s_instance (self, job) : NULL;
    if (rc == 0 && !instance)
        rc = ENOMEM;
    if (rc == 0) {
        job->thing = &instance->thing;
        rc = s_start (self, job);
    }
    if (rc != 0)
        s_job_free (job);
    return rc;
}

void
brd_manager_methods_destroy (brd_manager_methods_t *self,
                             const brd_home_effect_t *effect)
{
    s_instance_t *instance = brd_map_remove (&self->instances, effect->object);
    // Without a thread nothing was ever made.
    if (instance && s_start (self, &instance->last) != 0)
        brd_mem_free (instance);
}

static void
s_returned (const s_job_t *job, brd_manager_t *manager)
{
    size_t size = 0;
    const void *bytes = job->error == 0 ? brd_msg_data (job->out, &size) : NULL;
    const brd_home_event_t event = { .type = BRD_HOME_RETURNED,
                                     .object = job->object,
                                     .error = job->error,
                                     .text = job->text,
                                     .bytes = bytes,
                                     .size = size };
    (void) brd_manager_step (manager, &event);
}

void
brd_manager_methods_collect (brd_manager_methods_t *self,
                             brd_manager_t *manager)
{
    uint64_t rung;
    (void) !brd_sys_read (self->bell, &rung, sizeof rung);
    for (;;) {
        pthread_mutex_lock (&self->lock);
        brd_list_t *link = brd_list_pop (&self->done);
        pthread_mutex_unlock (&self->lock);
        if (!link)
            return;
        s_job_t *job = BRD_LIST_ITEM (link, s_job_t, link);
        if (job->ends) {
            brd_mem_free (BRD_LIST_ITEM (job, s_instance_t, last));
            continue;
        }
        s_returned (job, manager);
        s_job_free (job);
    }
}

void
brd_manager_methods_end (brd_manager_methods_t *self)
{
    pthread_mutex_lock (&self->lock);
    // While a method runs, its object is not to be touched, and whose it is
    // does not show: then all are left to the end of the process.
    size_t place = 0;
    const s_instance_t *instance;
    while (self->idle == self->threads
           && (instance = brd_map_next (&self->instances, &place, NULL))) {
        if (instance->last.type->destroy_fn && instance->thing)
            instance->last.type->destroy_fn (instance->thing);
    }
    pthread_mutex_unlock (&self->lock);
}
