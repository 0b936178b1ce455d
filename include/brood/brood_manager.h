// brood_manager.h - a home for objects that processes share
//
// SPDX-License-Identifier: MPL-2.0

#ifndef BROOD_MANAGER_H
#define BROOD_MANAGER_H

#include "brood/brood_task.h"

#ifdef __cplusplus
extern "C" {
#endif

// What multiprocessing.Manager is to Python.
//
//     BROOD_AUTO (manager) m = brood_manager_new ();
//     BROOD_AUTO (dict) d = brood_dict_new (m);
//     BROOD_AUTO (lock) l = brood_lock_open (m, "printer");
//
// brood_dict_new (m), brood_list_new (m) and brood_namespace_new (m) make
// managed objects; brood_<class>_open (m, name) opens, or makes, one by name:
// dict, list, namespace, queue, lock, rlock, semaphore, event, condition,
// barrier. They behave the same wherever the manager is.
//
// Where it lives. brood_manager_new: in a process of its own, for this brood's
// processes on this host. brood_manager_serve: the same, and listening for
// other programs. brood_manager_connect: one that another program serves.
//
// The end. A manager's process ends when its maker destroys it, or ends itself,
// however that is. Its objects go with it: calls then fail at once, with
// EHOSTDOWN, or with ECONNRESET where one was under way. A named object stays
// until the manager ends; an unnamed one while somebody has a handle of it, or
// it stands in another object that lives, or a call waits in it. Objects that
// contain each other in a circle end when somebody counts them.
//
// A client that dies loses its handles, and what it held goes on: see each
// class.
//
// Calls. Each is atomic, and done once: over tcp a connection that breaks is
// made again within 5 s, and what was not answered is asked again, not done
// again. A call that waits for nobody ends within BROOD_MANAGER_TIMEOUT_MS; one
// that waits for somebody ends 2 s after its own time, should the connection
// not be there by then: ETIMEDOUT and it was not done, or ECONNRESET, not
// known.
//
// Limits. Half of the host's memory for all values and keys, 1000000 objects,
// 100000 clients, 4096 calls of one client at a time, 30 containers within each
// other in one value: ENOSPC, or EINVAL for the last.
//
// Other hosts. Workers on other hosts use the managers of the program, made by
// new or serve, as those of this host do: what they say goes the way that tasks
// and results go. A manager that was connected to is another program's: they
// connect to it themselves, at its address.
//
// Threads and fork. Any thread, any process of the brood. A child of the
// program's own fork () is none: ENOTSUP.

// Waits of calls that do not wait for somebody, before ECONNRESET.
#define BROOD_MANAGER_TIMEOUT_MS 10000

BROOD_EXPORT BROOD_MUST_USE brood_manager_t *
brood_manager_new (void);

// Addresses as in brood_listener.h; the key is that of brood_set_authkey () as
// of now. Whoever has it may do anything to the objects, but not bring code.
//     EADDRINUSE    somebody listens there
BROOD_EXPORT BROOD_MUST_USE brood_manager_t *
brood_manager_serve (const char *address);

//     ECONNREFUSED  nobody listens
//     EACCES        the keys differ
//     ETIMEDOUT
BROOD_EXPORT BROOD_MUST_USE brood_manager_t *
brood_manager_connect (const char *address, int timeout_ms);

// From a ref that brood_ref () of a manager was packed as: for a process that
// opens objects by name. Destroying it ends nothing.
//     EHOSTDOWN     the manager has ended, or is not of this brood
BROOD_EXPORT BROOD_MUST_USE brood_manager_t *
brood_manager_from (void *ref);

// One made by new or serve ends with it, if this is the process that made it.
BROOD_EXPORT void
brood_manager_destroy (brood_manager_t **self_p);

// Ends it for everybody. Python's shutdown ().
BROOD_EXPORT int
brood_manager_shutdown (brood_manager_t *self);

// Where it listens, with the real port; "" if it does not, or another process
// made it. On loan.
BROOD_EXPORT const char *
brood_manager_address (const brood_manager_t *self);

// Objects alive in it.
BROOD_EXPORT long
brood_manager_number_of_objects (brood_manager_t *self);

// --- Classes of one's own --------------------------------------------------

// A method gets the object, its arguments and a message for its answer, as a
// task does. It runs in the manager's process, in one of eight threads; the
// calls on one object run one at a time, in the order in which they came. It
// may use other managed objects, also of this manager.
typedef int
brood_method_fn (void *object, const brood_msg_t *in, brood_msg_t *out);

typedef struct brood_method {
    const char *name;
    brood_method_fn *fn;
} brood_method_t;

typedef struct brood_class {
    const char *name;
    void *(*new_fn) (const brood_msg_t *in);  // NULL and errno: it failed
    void (*destroy_fn) (void *object);
    const brood_method_t *methods;  // Ends with a NULL name
    BROOD_RESERVED (4);
} brood_class_t;

// Lets brood_proxy_new () make objects of the class in this manager, which must
// be one of new or serve. The functions must be those of the program as it was
// when the manager was made. What is registered is copied.
//     EEXIST        it has a class of that name
//     EACCES        the manager is another program's
BROOD_EXPORT int
brood_manager_register (brood_manager_t *self, const brood_class_t *type);

#ifdef __cplusplus
}
#endif

#endif  // BROOD_MANAGER_H
