// brood_value.c - one number, or one struct, in shared memory
//
// SPDX-License-Identifier: MPL-2.0
//
//     get set add max exchange swap_if   the compiler's atomics, 1 to 8 bytes
//
// Inside, a number is 64 bits of its type's value, sign or zeros in front; only
// as many bytes as the type has go to memory. What the processor cannot do in
// one step is a loop around a compare and swap.
//
// Read next: brd_cells.c, where the value is.

#include "brood/brood_value.h"

#include <errno.h>
#include <stddef.h>

#include "api/brd_cells.h"
#include "api/brd_rlock_loan.h"
#include "base/brd_check.h"

struct brood_value {
    brd_shared_handle_t base;  // First
    brood_rlock_t lock;
};

// --- Life ------------------------------------------------------------------

static brood_value_t *
s_with_lock (brood_value_t *self)
{
    if (self)
        brd_rlock_loan_begin (&self->lock, &self->base);
    return self;
}

static brood_value_t *
s_new (brood_ctype_t type, size_t size)
{
    return s_with_lock (brd_cells_new (sizeof (brood_value_t),
                                       BRD_KIND_VALUE,
                                       type,
                                       size,
                                       1,
                                       _Alignof(max_align_t)));
}

brood_value_t *
brood_value_new (brood_ctype_t type)
{
    const size_t size = brd_cells_type_size (type);
    BRD_REQUIRE (size > 0, NULL);
    return s_new (type, size);
}

brood_value_t *
brood_value_new_sized (size_t size_bytes)
{
    BRD_REQUIRE (size_bytes > 0, NULL);
    return s_new (0, size_bytes);
}

brood_value_t *
brood_value_from (void *ref)
{
    return s_with_lock (
        brd_shared_handle_from (sizeof (brood_value_t), BRD_KIND_VALUE, ref));
}

void
brood_value_destroy (brood_value_t **self_p)
{
    if (self_p && *self_p)
        brd_rlock_loan_end (&(*self_p)->lock);
    brd_shared_handle_destroy (self_p);
}

void *
brood_value_ptr (const brood_value_t *self)
{
    BRD_REQUIRE_SHARED (self, BRD_KIND_VALUE, NULL);
    return brd_cells_data (&self->base);
}

brood_rlock_t *
brood_value_lock (const brood_value_t *self)
{
    BRD_REQUIRE_SHARED (self, BRD_KIND_VALUE, NULL);
    return &((brood_value_t *) self)->lock;
}

// --- Atomics ---------------------------------------------------------------

typedef struct {
    void *at;
    size_t size;
    int is_signed;
} s_number_t;

// 0, or -1 with EINVAL: not a number these can work on.
static int
s_number (const brood_value_t *self,
          const char *function,
          s_number_t *ret_number)
{
    const brood_ctype_t type = (brood_ctype_t) brd_cells_of (&self->base)->type;
    switch (type) {
    case BROOD_CHAR:
        ret_number->is_signed = (char) -1 < 0;
        break;
    case BROOD_INT:
    case BROOD_LONG:
    case BROOD_INT8:
    case BROOD_INT16:
    case BROOD_INT32:
    case BROOD_INT64:
        ret_number->is_signed = 1;
        break;
    case BROOD_UINT:
    case BROOD_ULONG:
    case BROOD_UINT8:
    case BROOD_UINT16:
    case BROOD_UINT32:
    case BROOD_UINT64:
        ret_number->is_signed = 0;
        break;
    default:
        return brd_error_set (
            EINVAL, "%s: the value is not an integer: use its lock", function);
    }
    ret_number->at = brd_cells_data (&self->base);
    ret_number->size = brd_cells_type_size (type);
    return 0;
}

// What public functions begin with that need a number.
#define S_REQUIRE_NUMBER(self, number, result) \
    do { \
        BRD_REQUIRE_SHARED (self, BRD_KIND_VALUE, result); \
        if (s_number ((self), __func__, (number)) < 0) \
            return result; \
    } while (0)

// As the type converts it.
static int64_t
s_fit (const s_number_t *number, int64_t value)
{
    switch (number->size) {
    case 1:
        return number->is_signed ? (int8_t) value : (uint8_t) value;
    case 2:
        return number->is_signed ? (int16_t) value : (uint16_t) value;
    case 4:
        return number->is_signed ? (int32_t) value : (int64_t) (uint32_t) value;
    default:
        return value;
    }
}

// operation (pointer, argument, order) on as many bytes as there are.
#define S_BY_SIZE(operation, number, argument) \
    ((number)->size == 1 ? (int64_t) operation ( \
         (uint8_t *) (number)->at, (uint8_t) (argument), __ATOMIC_SEQ_CST) \
     : (number)->size == 2 ? (int64_t) operation ( \
           (uint16_t *) (number)->at, (uint16_t) (argument), __ATOMIC_SEQ_CST) \
     : (number)->size == 4 ? (int64_t) operation ( \
           (uint32_t *) (number)->at, (uint32_t) (argument), __ATOMIC_SEQ_CST) \
                           : (int64_t) operation ((uint64_t *) (number)->at, \
                                                  (uint64_t) (argument), \
                                                  __ATOMIC_SEQ_CST))

static int64_t
s_load (const s_number_t *number)
{
    switch (number->size) {
    case 1:
        return __atomic_load_n ((uint8_t *) number->at, __ATOMIC_SEQ_CST);
    case 2:
        return __atomic_load_n ((uint16_t *) number->at, __ATOMIC_SEQ_CST);
    case 4:
        return __atomic_load_n ((uint32_t *) number->at, __ATOMIC_SEQ_CST);
    default:
        return (int64_t) __atomic_load_n ((uint64_t *) number->at,
                                          __ATOMIC_SEQ_CST);
    }
}

// 1 if it was expected and is value now.
#define S_SWAP(type, number, expected, value) \
    __atomic_compare_exchange_n ((type *) (number)->at, \
                                 &(type){ (type) (expected) }, \
                                 (type) (value), \
                                 0, \
                                 __ATOMIC_SEQ_CST, \
                                 __ATOMIC_SEQ_CST)

static int
s_swap_if (const s_number_t *number, int64_t expected, int64_t value)
{
    switch (number->size) {
    case 1:
        return S_SWAP (uint8_t, number, expected, value);
    case 2:
        return S_SWAP (uint16_t, number, expected, value);
    case 4:
        return S_SWAP (uint32_t, number, expected, value);
    default:
        return S_SWAP (uint64_t, number, expected, value);
    }
}

int64_t
brood_value_get (const brood_value_t *self)
{
    s_number_t number;
    S_REQUIRE_NUMBER (self, &number, 0);
    return s_fit (&number, s_load (&number));
}

int
brood_value_set (brood_value_t *self, int64_t number)
{
    s_number_t place;
    S_REQUIRE_NUMBER (self, &place, -1);
    (void) S_BY_SIZE (__atomic_exchange_n, &place, number);
    return 0;
}

int64_t
brood_value_add (brood_value_t *self, int64_t number)
{
    s_number_t place;
    S_REQUIRE_NUMBER (self, &place, 0);
    return s_fit (&place, S_BY_SIZE (__atomic_add_fetch, &place, number));
}

int64_t
brood_value_max (brood_value_t *self, int64_t number)
{
    s_number_t place;
    S_REQUIRE_NUMBER (self, &place, 0);
    const int64_t wanted = s_fit (&place, number);
    for (;;) {
        const int64_t is = s_fit (&place, s_load (&place));
        const int less =
            place.is_signed ? is < wanted : (uint64_t) is < (uint64_t) wanted;
        if (!less)
            return is;
        if (s_swap_if (&place, is, wanted))
            return wanted;
    }
}

int64_t
brood_value_exchange (brood_value_t *self, int64_t number)
{
    s_number_t place;
    S_REQUIRE_NUMBER (self, &place, 0);
    return s_fit (&place, S_BY_SIZE (__atomic_exchange_n, &place, number));
}

int
brood_value_swap_if (brood_value_t *self, int64_t expected, int64_t number)
{
    s_number_t place;
    S_REQUIRE_NUMBER (self, &place, -1);
    return s_swap_if (&place, expected, number);
}
