// brood_proxy.h - an object of one's own class in a manager
//
// SPDX-License-Identifier: MPL-2.0

#ifndef BROOD_PROXY_H
#define BROOD_PROXY_H

#include "brood/brood_msg.h"

#ifdef __cplusplus
extern "C" {
#endif

// What BaseManager.register and its proxies are to Python. The class is given
// to brood_manager_register () where the manager lives; proxies call it from
// anywhere.
//
//     BROOD_AUTO (proxy) bank = brood_proxy_open (m, "bank", "Bank", "nil");
//     BROOD_AUTO (msg) answer = brood_proxy_call (bank, "pay", "%d", 100);
//
// Threads and fork. Any thread, any process.
//
// Errors. EIO: the method returned non-zero. ESRCH: no such class or method.
// EINTR: brood_interrupt (); the method goes on, its answer is lost. Calls wait
// until the method returns, as long as the manager lives.

// A new object of the class called type; the picture is its new_fn's in.
//     EIO           new_fn returned NULL
BROOD_EXPORT BROOD_MUST_USE brood_proxy_t *
brood_proxy_new (brood_manager_t *manager,
                 const char *type,
                 const char *picture,
                 ...) BROOD_PRINTF (3, 4);

// The object called name, made if there is none.
//     EEXIST        it is of another class
BROOD_EXPORT BROOD_MUST_USE brood_proxy_t *
brood_proxy_open (brood_manager_t *manager,
                  const char *name,
                  const char *type,
                  const char *picture,
                  ...) BROOD_PRINTF (4, 5);

BROOD_EXPORT BROOD_MUST_USE brood_proxy_t *
brood_proxy_from (void *ref);

BROOD_EXPORT void
brood_proxy_destroy (brood_proxy_t **self_p);

// Calls a method and returns its answer, yours to destroy.
BROOD_EXPORT BROOD_MUST_USE brood_msg_t *
brood_proxy_call (brood_proxy_t *self,
                  const char *method,
                  const char *picture,
                  ...) BROOD_PRINTF (3, 4);

#ifdef __cplusplus
}
#endif

#endif  // BROOD_PROXY_H
