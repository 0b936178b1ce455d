// test_home_values.c - dicts, namespaces and lists of a home
//
// SPDX-License-Identifier: MPL-2.0

#include "t_home.h"

static void
s_test_dict (void **state)
{
    (void) state;
    static const t_home_line_t story[] = {
        { "a OPEN dict", "a 1" },
        { "a DICT_SET 1 tom 42", "a nil" },
        { "a DICT_GET 1 tom", "a 42" },
        { "a DICT_SET 1 tom [1, {x: nil}]", "a nil" },
        { "a DICT_GET 1 tom", "a [1, {x: nil}]" },
        { "a DICT_GET 1 ann", "a ENOENT" },
        { "a DICT_CONTAINS 1 tom", "a 1" },
        { "a DICT_CONTAINS 1 ann", "a 0" },
        { "a DICT_DEL 1 ann", "a ENOENT" },
        { "a DICT_DEL 1 tom", "a nil" },
        { "a DICT_LEN 1", "a 0" },
        { "a DICT_SETDEFAULT 1 x 1", "a 1" },
        { "a DICT_SETDEFAULT 1 x 2", "a 0" },
        { "a DICT_GET 1 x", "a 1" },
        { "a DICT_UPDATE 1 {x: 3, y: 4, x: 5}", "a nil" },
        { "a DICT_COPY 1", "a {x: 5, y: 4}" },
        { "a DICT_KEYS 1", "a [x, y]" },
        { "a DICT_VALUES 1", "a [5, 4]" },
        { "a DICT_POPITEM 1 nil", "a [y, 4]" },
        { "a DICT_CLEAR 1", "a nil" },
        { "a DICT_POPITEM 1 nil", "a ENOENT" },
        { "a DICT_COPY 1", "a {}" },
    };
    T_HOME_STORY (story);
}

// 1, 1.0, true and '1' are four keys, in the order in which they came.
static void
s_test_keys (void **state)
{
    (void) state;
    static const t_home_line_t story[] = {
        { "a OPEN dict", "a 1" },
        { "a DICT_SET 1 '1' text", "a nil" },
        { "a DICT_SET 1 1 int", "a nil" },
        { "a DICT_SET 1 1.0 float", "a nil" },
        { "a DICT_SET 1 true bool", "a nil" },
        { "a DICT_SET 1 nil nothing", "a nil" },
        { "a DICT_SET 1 <1> bin", "a nil" },
        { "a DICT_SET 1 0.0 zero", "a nil" },
        { "a DICT_GET 1 -0.0", "a zero" },
        { "a DICT_LEN 1", "a 7" },
        { "a DICT_SET 1 1 again", "a nil" },
        { "a DICT_KEYS 1", "a [1, 1, 1.0, true, nil, <1>, 0.0]" },
        { "a DICT_VALUES 1",
          "a [text, again, float, bool, nothing, bin, zero]" },
        { "a DICT_DEL 1 1", "a nil" },
        { "a DICT_SET 1 1 last", "a nil" },
        { "a DICT_VALUES 1",
          "a [text, float, bool, nothing, bin, zero, last]" },
    };
    T_HOME_STORY (story);
}

// Keys packed wider than need be are the same number, or refused as text.
static void
s_test_wide_keys (void **state)
{
    (void) state;
    t_home_t *self = t_home_new (NULL);
    t_home_do (self, "a OPEN dict");
    t_home_do (self, "a DICT_SET 1 7 seven");
    unsigned char wide[] = { 0xd3, 0, 0, 0, 0, 0, 0, 0, 7 };
    brd_request_t call = { .op = BRD_REQUEST_DICT_GET,
                           .seq = 3,
                           .object = 1,
                           .body = wide,
                           .size = sizeof wide };
    brd_home_event_t event = { .type = BRD_HOME_CALL,
                               .session = 1,
                               .call = &call };
    self->seq[0][0] = 3;
    self->said[0] = '\0';
    t_home_step (self, &event);
    assert_string_equal (self->said, "a seven");
    unsigned char text[] = { 0xd9, 1, 'x' };
    call.body = text;
    call.size = sizeof text;
    call.seq = self->seq[0][0] = 4;
    self->said[0] = '\0';
    t_home_step (self, &event);
    assert_string_equal (self->said, "a EINVAL");
    t_home_destroy (self);
}

static void
s_test_atomic (void **state)
{
    (void) state;
    static const t_home_line_t story[] = {
        { "a OPEN dict", "a 1" },
        { "a DICT_ADD 1 n 5", "a 5" },
        { "a DICT_ADD 1 n -7", "a -2" },
        { "a DICT_ADD 1 n 9223372036854775807", "a 9223372036854775805" },
        { "a DICT_ADD 1 n 3", "a ERANGE" },
        { "a DICT_GET 1 n", "a 9223372036854775805" },
        { "a DICT_SET 1 t word", "a nil" },
        { "a DICT_ADD 1 t 1", "a EBADMSG" },
        { "a DICT_SWAP 1 c [] 1", "a 1" },
        { "a DICT_SWAP 1 c [] 2", "a 0" },
        { "a DICT_SWAP 1 c [2] 3", "a 0" },
        { "a DICT_SWAP 1 c [1] {x: [1]}", "a 1" },
        { "a DICT_SWAP 1 c [{x: [1]}] 4", "a 1" },
        { "a DICT_GET 1 c", "a 4" },
        { "a DICT_SWAP 1 none [1] 2", "a 0" },
        { "a DICT_SWAP 1 none [1, 2] 2", "a EINVAL" },
        { "a DICT_CONTAINS 1 none", "a 0" },
        // A picture that does not fit leaves the value.
        { "a DICT_POP 1 t '%d'", "a EBADMSG" },
        { "a DICT_POP 1 t '%3s'", "a EBADMSG" },
        { "a DICT_POP 1 t '%d%d'", "a EBADMSG" },
        { "a DICT_POP 1 t '['", "a EBADMSG" },
        { "a DICT_POP 1 t '%9s'", "a word" },
        { "a DICT_POP 1 t '%9s'", "a ENOENT" },
    };
    T_HOME_STORY (story);
}

// An update that fails at its last value has set none.
static void
s_test_update_whole (void **state)
{
    (void) state;
    static const t_home_line_t story[] = {
        { "a OPEN dict", "a 1" },
        { "a DICT_SET 1 x 1", "a nil" },
        { "a DICT_UPDATE 1 {x: 2, y: 3, z: #77}", "a ENOENT" },
        { "a DICT_COPY 1", "a {x: 1}" },
    };
    T_HOME_STORY (story);
}

static void
s_test_namespace (void **state)
{
    (void) state;
    static const t_home_line_t story[] = {
        { "a OPEN namespace", "a 1" },         { "a DICT_SET 1 x 1", "a nil" },
        { "a DICT_SET 1 _hidden 2", "a nil" }, { "a DICT_COPY 1", "a {x: 1}" },
        { "a DICT_GET 1 _hidden", "a 2" },
    };
    T_HOME_STORY (story);
}

static void
s_test_list (void **state)
{
    (void) state;
    static const t_home_line_t story[] = {
        { "a OPEN list", "a 1" },
        { "a LIST_GET 1 0", "a ERANGE" },
        { "a LIST_POP 1 -1 nil", "a ERANGE" },
        { "a LIST_APPEND 1 1", "a nil" },
        { "a LIST_EXTEND 1 [2, 3, [4]]", "a nil" },
        { "a LIST_GET 1 -1", "a [4]" },
        { "a LIST_GET 1 -4", "a 1" },
        { "a LIST_GET 1 -5", "a ERANGE" },
        { "a LIST_GET 1 4", "a ERANGE" },
        { "a LIST_INSERT 1 0 0", "a nil" },
        { "a LIST_INSERT 1 -1 x", "a nil" },
        { "a LIST_INSERT 1 99 end", "a nil" },
        { "a LIST_INSERT 1 -99 begin", "a nil" },
        { "a LIST_SLICE 1 0 99", "a [begin, 0, 1, 2, 3, x, [4], end]" },
        { "a LIST_SLICE 1 -2 99", "a [[4], end]" },
        { "a LIST_SLICE 1 3 1", "a []" },
        { "a LIST_SET 1 -1 last", "a nil" },
        { "a LIST_DEL 1 0", "a nil" },
        { "a LIST_POP 1 0 '%d'", "a 0" },
        { "a LIST_POP 1 3 '%d'", "a EBADMSG" },
        { "a LIST_INSERT 1 0 again", "a nil" },
        { "a LIST_SLICE 1 0 99", "a [again, 1, 2, 3, x, [4], last]" },
        { "a LIST_INDEX 1 [4]", "a 5" },
        { "a LIST_INDEX 1 9", "a ENOENT" },
        { "a LIST_REMOVE 1 3", "a nil" },
        { "a LIST_REMOVE 1 3", "a ENOENT" },
        { "a LIST_COUNT 1 x", "a 1" },
        { "a LIST_REVERSE 1", "a nil" },
        { "a LIST_SLICE 1 0 99", "a [last, [4], x, 2, 1, again]" },
        { "a LIST_LEN 1", "a 6" },
        { "a LIST_CLEAR 1", "a nil" },
        { "a LIST_LEN 1", "a 0" },
    };
    T_HOME_STORY (story);
}

static void
s_test_sort (void **state)
{
    (void) state;
    static const t_home_line_t story[] = {
        { "a OPEN list", "a 1" },
        { "a LIST_SORT 1", "a nil" },
        { "a LIST_EXTEND 1 [b, 2, {a: 1}, 1.5, nil, [2], true, -3, <x>]",
          "a nil" },
        { "a LIST_EXTEND 1 [[1, 9], a, false, 2.0, {a: 0}, [1], 1]", "a nil" },
        { "a LIST_SORT 1", "a nil" },
        { "a LIST_SLICE 1 0 99",
          "a [nil, false, true, -3, 1, 1.5, 2, 2.0, a, b, <x>, [1], [1, 9], "
          "[2], {a: 0}, {a: 1}]" },
    };
    T_HOME_STORY (story);
}

// Both ends of a list in one go, so that its memory turns round.
static void
s_test_list_turns (void **state)
{
    (void) state;
    t_home_t *self = t_home_new (NULL);
    char line[64];
    t_home_do (self, "a OPEN list");
    for (int i = 0; i < 300; i++) {
        snprintf (line, sizeof line, "a LIST_APPEND 1 %d", i);
        t_home_do (self, line);
        if (i % 3 != 0)
            continue;
        t_home_do (self, "a LIST_POP 1 0 nil");
        snprintf (line, sizeof line, "a %d", i / 3);
        assert_string_equal (self->said, line);
    }
    t_home_do (self, "a LIST_LEN 1");
    assert_string_equal (self->said, "a 200");
    t_home_do (self, "a LIST_GET 1 -1");
    assert_string_equal (self->said, "a 299");
    t_home_destroy (self);
}

int
main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (s_test_dict),
        cmocka_unit_test (s_test_keys),
        cmocka_unit_test (s_test_wide_keys),
        cmocka_unit_test (s_test_atomic),
        cmocka_unit_test (s_test_update_whole),
        cmocka_unit_test (s_test_namespace),
        cmocka_unit_test (s_test_list),
        cmocka_unit_test (s_test_sort),
        cmocka_unit_test (s_test_list_turns),
    };
    t_watchdog (60);
    return cmocka_run_group_tests (tests, NULL, NULL);
}
