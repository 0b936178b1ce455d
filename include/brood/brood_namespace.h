// brood_namespace.h - named attributes that processes share
//
// SPDX-License-Identifier: MPL-2.0

#ifndef BROOD_NAMESPACE_H
#define BROOD_NAMESPACE_H

#include "brood/brood_msg.h"

#ifdef __cplusplus
extern "C" {
#endif

// What manager.Namespace () is to Python.
//
//     BROOD_AUTO (namespace) ns = brood_namespace_new (m);
//     brood_namespace_set (ns, "x", "%d", 1);
//
// Values, threads and fork: as brood_dict.h.
//
// Errors. ENOENT: there is no such attribute.

BROOD_EXPORT BROOD_MUST_USE brood_namespace_t *
brood_namespace_new (brood_manager_t *manager);

// The one called name, made if there is none.
BROOD_EXPORT BROOD_MUST_USE brood_namespace_t *
brood_namespace_open (brood_manager_t *manager, const char *name);

BROOD_EXPORT BROOD_MUST_USE brood_namespace_t *
brood_namespace_from (void *ref);

BROOD_EXPORT void
brood_namespace_destroy (brood_namespace_t **self_p);

BROOD_EXPORT int
brood_namespace_set (brood_namespace_t *self,
                     const char *attribute,
                     const char *picture,
                     ...) BROOD_PRINTF (3, 4);
BROOD_EXPORT int
brood_namespace_get (brood_namespace_t *self,
                     const char *attribute,
                     const char *picture,
                     ...) BROOD_SCANF (3, 4);
BROOD_EXPORT int
brood_namespace_del (brood_namespace_t *self, const char *attribute);

// All attributes as a map of yours, but those whose names begin with '_'.
BROOD_EXPORT BROOD_MUST_USE brood_msg_t *
brood_namespace_copy (brood_namespace_t *self);

#ifdef __cplusplus
}
#endif

#endif  // BROOD_NAMESPACE_H
