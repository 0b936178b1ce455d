// brd_kept.c - what a thread has been given on loan by its last getter
//
// SPDX-License-Identifier: MPL-2.0
//
// Read next: brd_remote.c, who keeps.

#include "client/brd_kept.h"

#include <pthread.h>
#include <string.h>

#include "base/brd_error.h"
#include "client/brd_msg.h"
#include "wire/brd_picture.h"

static pthread_once_t s_once = PTHREAD_ONCE_INIT;
static pthread_key_t s_key;
static int s_key_error;

static void
s_thread_ends (void *arg)
{
    brood_msg_t *msg = arg;
    brood_msg_destroy (&msg);
}

static void
s_make_key (void)
{
    s_key_error = pthread_key_create (&s_key, s_thread_ends);
}

int
brd_kept_lends (const char *picture)
{
    return strpbrk (picture, "<@") != NULL;
}

int
brd_kept_unpack (brood_msg_t **msg_p, const char *picture, va_list *args)
{
    (void) pthread_once (&s_once, s_make_key);
    if (s_key_error != 0)
        return brd_error_set (s_key_error, "no room for a thread's own value");
    const brd_picture_source_t source = { .bytes = (*msg_p)->bytes,
                                          .size = (*msg_p)->size,
                                          .ref = brd_ref_add,
                                          .arg = *msg_p };
    if (brd_picture_unpack (&source, picture, args) < 0)
        return -1;
    brood_msg_t *before = pthread_getspecific (s_key);
    const int error = pthread_setspecific (s_key, *msg_p);
    if (error != 0)
        return brd_error_set (error, "no room for a thread's own value");
    *msg_p = NULL;
    brood_msg_destroy (&before);
    return 0;
}
