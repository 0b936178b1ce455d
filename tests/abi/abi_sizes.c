// abi_sizes.c - what a program compiled against these headers was promised
//
// SPDX-License-Identifier: MPL-2.0
//
// It is enough that this compiles. A size or number that changes breaks
// programs built before: members come out of reserved_, enumerators go to the
// end. Until 1.0 the lists may change, in a commit whose subject says so. The
// exported names are tests/lint/exports'.

#include <brood.h>

#define SAME(expression, value) \
    _Static_assert((expression) == (value), #expression " has changed")

#if defined __LP64__
SAME (sizeof (brood_error_info_t), 1760);
SAME (sizeof (brood_flow_options_t), 128);
SAME (sizeof (brood_flow_result_t), 64);
SAME (sizeof (brood_iter_t), 40);
SAME (sizeof (brood_lock_stats_t), 64);
SAME (sizeof (brood_log_line_t), 40);
SAME (sizeof (brood_map_options_t), 176);
SAME (sizeof (brood_options_t), 80);
SAME (sizeof (brood_pool_options_t), 208);
SAME (sizeof (brood_pool_stats_t), 128);
SAME (sizeof (brood_process_class_t), 64);
SAME (sizeof (brood_process_options_t), 176);
SAME (sizeof (brood_rlimit_t), 24);
SAME (sizeof (brood_queue_options_t), 144);
SAME (sizeof (brood_task_options_t), 144);
#endif

SAME (BROOD_FOREVER, -1);
SAME (BROOD_NAME_SIZE, 64);
SAME (BROOD_ORDERED, 0);
SAME (BROOD_UNORDERED, 1);

// The last of each: that none was put between.
SAME (BROOD_EXTENSION, 10);
SAME (BROOD_LOG_DEBUG, 4);
SAME (BROOD_SYSTEM, 25);
SAME (BROOD_UINT64, 15);
