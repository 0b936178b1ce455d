// home_internal.h - what the home's files share
//
// SPDX-License-Identifier: MPL-2.0
//
//     session --- slots: one call each, done, waiting, or its answer kept
//        |    --- holds: object and how many handles
//        |    --- grants -+  what it has of an object and must not die with:
//        |                |  a lock, permits, an item
//     object ---- grants -+
//        |    --- waiters: slots
//        +------- blobs: values, which may contain other objects
//
// What a step leaves to do for the host is linked, not copied: slots, proxies
// and dropped items are their own effects, so that telling cannot fail.

#ifndef BRD_HOME_INTERNAL_H
#define BRD_HOME_INTERNAL_H

#include <errno.h>
#include <string.h>

#include "base/brd_check.h"
#include "base/brd_clock.h"
#include "base/brd_heap.h"
#include "base/brd_list.h"
#include "base/brd_map.h"
#include "base/brd_mem.h"
#include "core/home.h"

// An answer's buffer up to this size is kept for the slot's next.
#define BRD_HOME_KEEP 4096

// What a small allocation costs beside its bytes.
#define BRD_HOME_COST 32

typedef struct brd_home_session brd_home_session_t;
typedef struct brd_home_object brd_home_object_t;
typedef struct brd_home_slot brd_home_slot_t;
typedef struct brd_home_grant brd_home_grant_t;

// --- Values ----------------------------------------------------------------

typedef struct {
    size_t size;
    size_t refs;  // Objects of this home in it
    unsigned char bytes[];
} brd_home_blob_t;

// An entry of a table: found by bytes.
typedef struct brd_home_node {
    struct brd_home_node *next;  // Of the same hash
    uint64_t hash;
    const void *key;
    size_t size;
} brd_home_node_t;

typedef struct {
    brd_map_t map;  // Hash to the first node
} brd_home_table_t;

// --- Effects ---------------------------------------------------------------

typedef struct {
    brd_list_t link;  // Of brd_home_t.todo
    brd_home_effect_type_t type;
} brd_home_todo_t;

// --- Clients ---------------------------------------------------------------

typedef enum {
    BRD_HOME_SLOT_FREE,     // No call yet
    BRD_HOME_SLOT_WAITING,  // In object's waiters, or its method runs
    BRD_HOME_SLOT_DONE,     // Answered; the answer is kept
    BRD_HOME_SLOT_SEEN      // And the client has it
} brd_home_slot_state_t;

struct brd_home_slot {
    brd_home_todo_t todo;
    brd_home_session_t *session;
    uint32_t index;
    brd_home_slot_state_t state;
    uint64_t seq;
    uint64_t thread;
    brd_request_op_t op;

    // While it waits.
    brd_home_object_t *object;
    brd_list_t link;  // Of object's waiters
    brd_timer_t timer;
    brd_home_object_t *condition;  // CONDITION_WAIT: whose
    uint64_t number;               // CONDITION_WAIT: the lock's depth
    int notified;                  // CONDITION_WAIT: got one, may pass it on
    int saved;                     // CONDITION_WAIT: the error to come

    // Its answer; the body is the first there is of lent, blob, got, out.
    int error;
    uint32_t flags;
    const unsigned char *lent;  // Stays the object's; until the next step
    size_t lent_size;
    brd_home_blob_t *blob;    // What it took; what it puts; its arguments
    brd_home_grant_t *got;    // A queue's item
    brd_home_grant_t *grant;  // Made in advance, so that giving cannot fail
    brd_buf_t out;
};

typedef struct {
    brd_home_object_t *object;
    uint64_t count;
} brd_home_hold_t;

struct brd_home_session {
    uint64_t number;
    int gone;
    char who[BRD_REQUEST_WHO_SIZE];
    brd_home_slot_t **slots;
    uint32_t slots_count;
    uint32_t slots_room;
    brd_map_t holds;    // Object's number to brd_home_hold_t
    brd_list_t grants;  // Oldest first
};

// --- Objects ---------------------------------------------------------------

struct brd_home_grant {
    brd_list_t of_session;
    brd_list_t of_object;
    brd_home_session_t *session;
    brd_home_object_t *object;
    uint64_t thread;
    uint64_t count;         // Depth of a lock, permits of a semaphore
    void *item;             // Of a queue
    brd_home_slot_t *slot;  // Whose kept answer it is, or NULL
};

struct brd_home_object {
    uint64_t number;
    brd_kind_t kind;
    int dying;
    int marked;            // By brd_home_collect ()
    brd_home_node_t name;  // key NULL: none
    uint64_t holds;        // Handles, over all sessions
    uint64_t contained;    // Times it stands in values
    uint64_t busy;         // Slots waiting, methods running
    brd_list_t link;       // Of brd_home_t.objects, or dying
    brd_list_t waiters;
    brd_list_t grants;
    // A condition and the lock of its own, which is no object by itself: who
    // holds it or waits for it keeps the condition
    brd_home_object_t *inner;
    brd_home_object_t *outer;
};

// 1 if somebody has it, by name, handle or call, or its inner part.
int
brd_home_is_held (const brd_home_object_t *object);

struct brd_home {
    brd_home_options_t options;
    int64_t now;
    brd_map_t sessions;
    brd_map_t numbers;  // To objects
    brd_home_table_t names;
    brd_list_t objects;
    brd_list_t dying;
    brd_list_t todo;
    brd_heap_t timers;
    size_t slots;  // Over all sessions: timers there can be
    size_t count;  // Of objects
    size_t bytes;
    uint64_t last;  // Number given
    int suspect;    // There may be circles nobody holds
    brd_home_todo_t end;
};

// One call while it is carried out.
typedef struct {
    brd_value_t head;
    const unsigned char *bytes;
    size_t size;
} brd_home_arg_t;

typedef struct {
    brd_home_t *home;
    brd_home_session_t *session;
    brd_home_slot_t *slot;
    brd_home_object_t *object;
    const brd_request_t *call;
    brd_home_arg_t args[BRD_REQUEST_ARGS_MAX];
} brd_home_call_t;

// What a handler returns beside 0 (answered) and -1 (errno and text).
#define BRD_HOME_WAITS 1

typedef int
brd_home_handler_fn (brd_home_call_t *call);

// What differs between classes; NULL where there is nothing to do.
typedef struct {
    size_t size;  // Of its struct, which begins with a brd_home_object_t

    // A new one by its options, a list. -1 with errno, and nothing is kept.
    int (*open) (brd_home_call_t *call,
                 brd_home_object_t *object,
                 const brd_home_arg_t *options);

    // 1 if one there is has these options.
    int (*same) (const brd_home_object_t *object,
                 const brd_home_arg_t *options);

    // A slot gives up waiting: ETIMEDOUT, EINTR, or ECONNRESET when its client
    // is gone. NULL: brd_home_end () is all.
    void (*leave) (brd_home_t *home, brd_home_slot_t *slot, int error);

    // The client is gone that had this; the grant is freed here.
    void (*forfeit) (brd_home_t *home, brd_home_grant_t *grant);

    // Calls visit for each value in it.
    void (*walk) (const brd_home_object_t *object,
                  void (*visit) (const brd_home_blob_t *blob, void *arg),
                  void *arg);

    // Frees every value in it.
    void (*empty) (brd_home_t *home, brd_home_object_t *object);

    // Frees the rest.
    void (*fini) (brd_home_t *home, brd_home_object_t *object);

    void (*check) (const brd_home_t *home, const brd_home_object_t *object);
} brd_home_class_t;

extern const brd_home_class_t brd_home_dict_class;
extern const brd_home_class_t brd_home_list_class;
extern const brd_home_class_t brd_home_queue_class;
extern const brd_home_class_t brd_home_lock_class;
extern const brd_home_class_t brd_home_semaphore_class;
extern const brd_home_class_t brd_home_event_class;
extern const brd_home_class_t brd_home_condition_class;
extern const brd_home_class_t brd_home_barrier_class;
extern const brd_home_class_t brd_home_proxy_class;

// NULL for what is no class of a home.
const brd_home_class_t *
brd_home_class (uint32_t kind);

// --- home_value.c ----------------------------------------------------------

// A copy of a value, counted with the home's bytes; the objects in it are held
// by it. NULL with ENOMEM, ENOSPC, ENOENT (one of them is gone).
brd_home_blob_t *
brd_home_blob_new (brd_home_t *self, const void *bytes, size_t size);

// Takes NULL. Objects that are now nobody's die at the end of the step.
void
brd_home_blob_free (brd_home_t *self, brd_home_blob_t *blob);

// Room for so many more bytes, or -1 with ENOSPC; and back.
int
brd_home_charge (brd_home_t *self, size_t size);
void
brd_home_refund (brd_home_t *self, size_t size);

uint64_t
brd_home_hash (const brd_home_t *self, const void *bytes, size_t size);
brd_home_node_t *
brd_home_find (const brd_home_table_t *table,
               uint64_t hash,
               const void *key,
               size_t size);
int
brd_home_insert (brd_home_table_t *table, brd_home_node_t *node);
void
brd_home_remove (brd_home_table_t *table, brd_home_node_t *node);

// 1 if the value looks like the picture (text or nil), else -1 with EBADMSG, or
// EINVAL for a picture that cannot be read.
int
brd_home_fits (const brd_home_arg_t *picture, const brd_home_blob_t *blob);

// The items of a list, each at once: 1 and the next, 0 at the end.
int
brd_home_next (brd_value_cursor_t *items,
               size_t *left,
               brd_home_arg_t *ret_item);
brd_value_cursor_t
brd_home_items (const brd_home_arg_t *list);

// The next option, a number (bool is one, too). -1 with EINVAL.
int
brd_home_option (brd_value_cursor_t *items,
                 size_t *left,
                 int64_t low,
                 int64_t high,
                 int64_t *ret_number);

// --- home_object.c ---------------------------------------------------------

brd_home_object_t *
brd_home_object (const brd_home_t *self, uint64_t number);

// The handlers of OPEN, HOLD and DROP.
int
brd_home_open (brd_home_call_t *call);
int
brd_home_hold (brd_home_call_t *call);
void
brd_home_drop (brd_home_t *self,
               brd_home_session_t *session,
               uint64_t number,
               uint64_t count);

// Handles for a session; -1 with ENOMEM.
int
brd_home_take (brd_home_session_t *session,
               brd_home_object_t *object,
               uint64_t count);

// The session gets a handle of each object in the bytes, and the answer says
// so. -1 with ENOMEM and none was given.
int
brd_home_lend (brd_home_t *self,
               brd_home_slot_t *slot,
               const void *bytes,
               size_t size);

// If nobody has it any more, it dies at the end of the step.
void
brd_home_settle (brd_home_t *self, brd_home_object_t *object);
void
brd_home_bury (brd_home_t *self);

// Finds circles of objects that contain each other and nobody holds, and ends
// them, at a cost that grows with everything there is.
void
brd_home_collect (brd_home_t *self);

// Grants. new does not link it: give does.
brd_home_grant_t *
brd_home_grant_new (brd_home_session_t *session,
                    brd_home_object_t *object,
                    uint64_t thread);
void
brd_home_grant_give (brd_home_grant_t *grant);
void
brd_home_grant_unlink (brd_home_grant_t *grant);
void
brd_home_grant_free (brd_home_t *self, brd_home_grant_t *grant);  // Takes NULL

// --- home_session.c --------------------------------------------------------

int
brd_home_session_new (brd_home_t *self, uint64_t number, const char *who);
void
brd_home_session_gone (brd_home_t *self, brd_home_session_t *session);
void
brd_home_session_free (brd_home_t *self, brd_home_session_t *session);

// NULL with EPROTO or ENOMEM.
brd_home_slot_t *
brd_home_slot (brd_home_t *self, brd_home_session_t *session, uint32_t index);

// Forgets its answer: the client has it, or a new call begins.
void
brd_home_slot_clear (brd_home_t *self, brd_home_slot_t *slot);

// Waits in object until somebody ends it, or the call's time is over: then
// BRD_HOME_WAITS. -1 with ETIMEDOUT if it would not wait at all.
int
brd_home_wait (brd_home_call_t *call, brd_home_object_t *object);

// The same for a slot, until due.
void
brd_home_wait_in (brd_home_t *self,
                  brd_home_slot_t *slot,
                  brd_home_object_t *object,
                  int64_t due);

// It waits no more, and is not answered yet.
void
brd_home_unwait (brd_home_t *self, brd_home_slot_t *slot);

// Ends waiting, if it does, and answers: with what was put into the slot
// before, or with an error and its text. Nothing is told to a client that is
// gone.
void
brd_home_answer (brd_home_t *self, brd_home_slot_t *slot);
void
brd_home_end (brd_home_t *self, brd_home_slot_t *slot, int error);
void
brd_home_end_text (brd_home_t *self,
                   brd_home_slot_t *slot,
                   int error,
                   const char *text);

// The same with this thread's error.
void
brd_home_fail (brd_home_t *self, brd_home_slot_t *slot);

// The slot gives up, as its class wants it.
void
brd_home_leave (brd_home_t *self, brd_home_slot_t *slot, int error);

// Answers of one value. -1 with ENOMEM.
int
brd_home_say_nil (brd_home_call_t *call);
int
brd_home_say_int (brd_home_call_t *call, int64_t value);

// A value that stays where it is, with handles of the objects in it.
int
brd_home_say_value (brd_home_call_t *call, const brd_home_blob_t *blob);

// The slot's buffer holds an integer, whatever comes: it was made before.
void
brd_home_put_small (brd_home_slot_t *slot, int64_t value);

void
brd_home_tell (brd_home_t *self,
               brd_home_todo_t *todo,
               brd_home_effect_type_t type);

// --- One file each ---------------------------------------------------------

brd_home_handler_fn brd_home_dict_set, brd_home_dict_get, brd_home_dict_del,
    brd_home_dict_contains, brd_home_dict_pop, brd_home_dict_popitem,
    brd_home_dict_setdefault, brd_home_dict_add, brd_home_dict_swap,
    brd_home_dict_update, brd_home_dict_len, brd_home_dict_clear,
    brd_home_dict_copy, brd_home_dict_keys, brd_home_dict_values;
brd_home_handler_fn brd_home_list_append, brd_home_list_extend,
    brd_home_list_insert, brd_home_list_set, brd_home_list_get,
    brd_home_list_del, brd_home_list_pop, brd_home_list_remove,
    brd_home_list_index, brd_home_list_count, brd_home_list_sort,
    brd_home_list_reverse, brd_home_list_len, brd_home_list_clear,
    brd_home_list_slice;
brd_home_handler_fn brd_home_queue_put, brd_home_queue_get,
    brd_home_queue_close, brd_home_queue_size, brd_home_queue_done,
    brd_home_queue_failed, brd_home_queue_join, brd_home_queue_refuse;
brd_home_handler_fn brd_home_lock_acquire, brd_home_lock_release,
    brd_home_lock_locked;
brd_home_handler_fn brd_home_semaphore_acquire, brd_home_semaphore_release,
    brd_home_semaphore_value;
brd_home_handler_fn brd_home_event_set, brd_home_event_clear,
    brd_home_event_is_set, brd_home_event_wait;
brd_home_handler_fn brd_home_condition_wait, brd_home_condition_notify;
brd_home_handler_fn brd_home_barrier_wait, brd_home_barrier_reset,
    brd_home_barrier_abort, brd_home_barrier_state;
brd_home_handler_fn brd_home_proxy_call;

// The client has the item that this answer brought.
void
brd_home_queue_seen (brd_home_t *self, brd_home_grant_t *grant);

// It could not keep it: back to the head, as if it had never been given.
void
brd_home_queue_unseen (brd_home_t *self, brd_home_grant_t *grant);

const brd_home_blob_t *
brd_home_queue_blob (const brd_home_grant_t *grant);

// The host has fetched the effect.
void
brd_home_queue_dropped (brd_home_t *self,
                        brd_home_todo_t *todo,
                        brd_home_effect_t *ret_effect);

// A lock and who has it; also inside a condition.
typedef struct {
    brd_home_object_t object;
    brd_home_grant_t *holder;
    int died;  // 1: the last holder did, and nobody was told yet
} brd_home_lock_t;

brd_home_lock_t *
brd_home_lock_of (brd_home_object_t *object);
int
brd_home_lock_is_mine (const brd_home_lock_t *self,
                       const brd_home_slot_t *slot);

// The next who waits has it, with what its slot's grant says.
void
brd_home_lock_pass (brd_home_t *home, brd_home_lock_t *self);

// The slot does not need its condition any more.
void
brd_home_condition_unpin (brd_home_t *home, brd_home_slot_t *slot);

// One more waiter wakes: the one that had been is gone.
void
brd_home_condition_pass (brd_home_t *home, brd_home_object_t *object);

// An object of the user's own class.
void
brd_home_proxy_returned (brd_home_t *self, const brd_home_event_t *event);
void
brd_home_proxy_invoke (brd_home_t *self,
                       brd_home_todo_t *todo,
                       brd_home_effect_t *ret_effect);
void
brd_home_proxy_end_all (brd_home_t *self);
int
brd_home_proxy_wait_born (brd_home_call_t *call, brd_home_object_t *object);

#endif  // BRD_HOME_INTERNAL_H
