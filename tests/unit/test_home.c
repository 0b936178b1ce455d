// test_home.c - the home's door: slots, names, handles, limits
//
// SPDX-License-Identifier: MPL-2.0

#include "t_home.h"

static void
s_test_names (void **state)
{
    (void) state;
    static const t_home_line_t story[] = {
        { "a OPEN dict ages", "a 1" },
        { "b OPEN dict ages", "b 1" },
        { "b OPEN dict", "b 2" },
        { "b OPEN list ages", "b EEXIST" },
        { "b OPEN dict ''", "b EINVAL" },
        { "b OPEN pool", "b EINVAL" },
        { "a OBJECTS", "a 2" },
        { "gone b", "" },
        { "a OBJECTS", "a 1" },
        { "gone a", "" },
        // A name keeps it.
        { "c OPEN dict ages", "c 1" },
        { "c OBJECTS", "c 1" },
        { "c DESCRIBE", "c [[1, dict, ages, 1, 0, 0]]" },
    };
    T_HOME_STORY (story);
}

static void
s_test_handles (void **state)
{
    (void) state;
    static const t_home_line_t story[] = {
        { "a OPEN dict", "a 1" },       { "b HOLD 1 23", "b EINVAL" },
        { "b HOLD 1 22", "b nil" },     { "a DROP 1 1", "" },
        { "b DICT_LEN 1", "b 0" },      { "a DROP 1 1", "" },
        { "b DROP 1 7", "" },           { "b DICT_LEN 1", "b ENOENT" },
        { "b HOLD 1 22", "b ENOENT" },  { "b OBJECTS", "b 0" },
        { "b LIST_LEN 1", "b ENOENT" }, { "b OPEN list", "b 2" },
        { "b DICT_LEN 2", "b EINVAL" },
    };
    T_HOME_STORY (story);
}

// What a value holds lives, however deep, and comes with handles.
static void
s_test_contained (void **state)
{
    (void) state;
    static const t_home_line_t story[] = {
        { "a OPEN list", "a 1" },
        { "a OPEN dict", "a 2" },
        { "a DICT_SET 2 inner [[#1]]", "a nil" },
        { "a DROP 1 1", "" },
        { "b HOLD 2 22", "b nil" },
        { "a LIST_APPEND 1 5", "a nil" },
        { "b DICT_GET 2 inner", "b [[#1]]+" },
        { "b LIST_GET 1 0", "b 5" },
        // b was lent one handle: the list outlives the dict.
        { "a DICT_DEL 2 inner", "a nil" },
        { "b LIST_GET 1 0", "b 5" },
        { "b DROP 1 1", "" },
        { "b LIST_GET 1 0", "b ENOENT" },
        { "a DICT_SET 2 gone #1", "a ENOENT" },
        { "a OBJECTS", "a 1" },
    };
    T_HOME_STORY (story);
}

// Each way out of a container lends a handle before the container lets go.
static void
s_test_lent (void **state)
{
    (void) state;
    static const t_home_line_t story[] = {
        { "a OPEN list", "a 1" },
        { "a OPEN list", "a 2" },
        { "a LIST_EXTEND 1 [#2, #2]", "a nil" },
        { "a DROP 2 1", "" },
        { "b LIST_SLICE 1 0 9", "b [#2, #2]+" },
        { "b LIST_POP 1 0 nil", "b #2+" },
        { "b LIST_POP 1 0 '@%p'", "b #2+" },
        { "b DROP 2 3", "" },
        { "b LIST_LEN 2", "b 0" },
        { "b DROP 2 1", "" },
        { "b LIST_LEN 2", "b ENOENT" },
        { "b OPEN queue q [0, 0, 0, 0, 0, 0, 0]", "b 3" },
        { "b OPEN list", "b 4" },
        { "c QUEUE_GET 3 nil", "" },
        { "b QUEUE_PUT 3 #4", "c #4+; b nil" },
        { "b DROP 4 1", "" },
        { "c.1 LIST_LEN 4", "c.1 0" },
        { "c ACK", "" },
        { "c.1 LIST_LEN 4", "c.1 0" },
        { "gone c", "" },
        { "b LIST_LEN 4", "b ENOENT" },
    };
    T_HOME_STORY (story);
}

// Objects that contain each other end when somebody counts.
static void
s_test_circles (void **state)
{
    (void) state;
    static const t_home_line_t story[] = {
        { "a OPEN list", "a 1" },
        { "a OPEN dict", "a 2" },
        { "a OPEN queue nil [0, 0, 0, 0, 0, 0, 0]", "a 3" },
        { "a LIST_APPEND 1 #2", "a nil" },
        { "a DICT_SET 2 x #3", "a nil" },
        { "a QUEUE_PUT 3 #1", "a nil" },
        { "a OPEN list", "a 4" },
        { "a LIST_APPEND 4 #4", "a nil" },
        { "a DROP 1 1", "" },
        { "a DROP 2 1", "" },
        { "a OBJECTS", "a 4" },
        { "a DROP 4 1", "" },
        { "a OBJECTS", "a 3" },
        { "a DROP 3 1", "" },
        { "a OBJECTS", "a 0" },
    };
    T_HOME_STORY (story);
}

static void
s_test_once (void **state)
{
    (void) state;
    static const t_home_line_t story[] = {
        { "a OPEN dict", "a 1" },
        { "a again", "a 1" },
        { "a DICT_ADD 1 n 5", "a 5" },
        { "a again", "a 5" },
        { "a again", "a 5" },
        { "a DICT_GET 1 n", "a 5" },
        { "a.1 DICT_ADD 1 n 1", "a.1 6" },
        // Reading may be done anew.
        { "a again", "a 6" },
        { "a DICT_POP 1 n nil", "a 6" },
        { "a again", "a 6" },
        { "a DICT_POP 1 n nil", "a ENOENT" },
        { "a again", "a ENOENT" },
        { "a OPEN lock", "a 2" },
        { "a LOCK_ACQUIRE 2", "a 0" },
        { "a.1 LOCK_ACQUIRE 2", "" },
        { "a.1 again", "" },
        { "a LOCK_RELEASE 2", "a.1 0; a nil" },
        { "a.1 again", "a.1 0" },
        { "a again", "a nil" },
        { "a.3 OBJECTS", "step EPROTO" },
    };
    T_HOME_STORY (story);
}

// What was lent is lent once, also when the answer is sent twice.
static void
s_test_once_lent (void **state)
{
    (void) state;
    static const t_home_line_t story[] = {
        { "a OPEN list", "a 1" },           { "a OPEN list", "a 2" },
        { "a LIST_APPEND 1 #2", "a nil" },  { "a DROP 2 1", "" },
        { "b LIST_GET 1 0", "b #2+" },      { "b again", "b #2+" },
        { "a LIST_CLEAR 1", "a nil" },      { "b again", "b #2+" },
        { "b.1 LIST_LEN 2", "b.1 0" },      { "b DROP 2 1", "" },
        { "b.1 LIST_LEN 2", "b.1 ENOENT" },
    };
    T_HOME_STORY (story);
}

static void
s_test_out_of_turn (void **state)
{
    (void) state;
    t_home_t *self = t_home_new (NULL);
    t_home_do (self, "a OPEN dict");
    self->seq[0][0] += 5;
    t_home_do (self, "a OBJECTS");
    assert_string_equal (self->said, "step EPROTO");
    const brd_request_t call = { .op = BRD_REQUEST_OBJECTS, .seq = 1 };
    const brd_home_event_t stranger = { .type = BRD_HOME_CALL,
                                        .session = 99,
                                        .call = &call };
    self->said[0] = '\0';
    t_home_step (self, &stranger);
    assert_string_equal (self->said, "step EPROTO");
    const brd_home_event_t twice = { .type = BRD_HOME_SESSION,
                                     .session = 1,
                                     .text = "a" };
    self->said[0] = '\0';
    t_home_step (self, &twice);
    assert_string_equal (self->said, "step EINVAL");
    t_home_destroy (self);
}

static void
s_test_bad_arguments (void **state)
{
    (void) state;
    static const t_home_line_t story[] = {
        { "a OPEN dict", "a 1" },
        { "a DICT_SET 1 k", "a EINVAL" },
        { "a DICT_SET 1 k 1 2", "a EINVAL" },
        { "a DICT_SET 1 [k] 2", "a EINVAL" },
        { "a DICT_SET 1 #1 2", "a EINVAL" },
        { "a DICT_ADD 1 k word", "a EINVAL" },
        { "a DICT_UPDATE 1 [1]", "a EINVAL" },
        { "a DICT_UPDATE 1 {[1]: 2}", "a EINVAL" },
        { "a DICT_UPDATE 1 {#1: 2}", "a EINVAL" },
        { "a DICT_POP 1 k 5", "a EINVAL" },
        { "a REGISTER Bank 1 2 []", "a nil" },
        { "a REGISTER Bank 1", "a EINVAL" },
        { "a DICT_LEN 1", "a 0" },
        { "a OPEN semaphore nil []", "a EINVAL" },
        { "a OPEN semaphore nil [-1, 0]", "a EINVAL" },
        { "a OPEN barrier nil [0]", "a EINVAL" },
        { "a OPEN condition nil [77]", "a ENOENT" },
        { "a OPEN condition nil [1]", "a ENOENT" },
        { "a OBJECTS", "a 1" },
    };
    T_HOME_STORY (story);
}

static void
s_test_limits (void **state)
{
    (void) state;
    static const t_home_line_t story[] = {
        { "a OPEN list", "a 1" },
        { "a OPEN list", "a 2" },
        { "a OPEN list", "a ENOSPC" },
        { "a DROP 2 1", "" },
        { "a OPEN list", "a 3" },
        // A circle gives way when there is no room.
        { "a LIST_APPEND 3 #3", "a nil" },
        { "a DROP 3 1", "" },
        { "a OPEN list", "a 4" },
        { "a LIST_APPEND 4 'twelve bytes'", "a nil" },
        { "a LIST_EXTEND 4 [1, 2, 3, 4, 5, 6, 7, 8, 9]", "a ENOSPC" },
        { "a LIST_LEN 4", "a 1" },
        { "b OBJECTS", "b 2" },
        { "c OBJECTS", "step ENOSPCstep EPROTO" },
    };
    const brd_home_options_t options = { .objects_max = 2,
                                         .sessions_max = 2,
                                         .bytes_max = 700 };
    t_home_t *self = t_home_new (&options);
    t_home_tell_all (self, story, sizeof story / sizeof *story);
    t_home_destroy (self);
}

// Twenty thousand lists, each in the next, end without recursion.
static void
s_test_deep (void **state)
{
    (void) state;
    t_home_t *self = t_home_new (NULL);
    t_home_do (self, "a OPEN list");
    for (int i = 2; i <= 20000; i++) {
        char line[64];
        brd_home_event_t event = { .type = BRD_HOME_CALL, .session = 1 };
        brd_home_effect_t effect;
        for (int what = 0; what < 3; what++) {
            brd_request_t call;
            if (what == 0)
                snprintf (line, sizeof line, "OPEN list");
            else if (what == 1)
                snprintf (line, sizeof line, "LIST_APPEND %d #%d", i, i - 1);
            else
                snprintf (line, sizeof line, "DROP %d 1", i - 1);
            t_home_parse (self, line, 0, 0, &call);
            event.call = &call;
            assert_int_equal (brd_home_step (self->home, 0, &event), 0);
            while (brd_home_effect (self->home, &effect) == 1)
                assert_int_equal (effect.answer.error, 0);
        }
    }
    assert_int_equal (brd_home_objects (self->home), 20000);
    t_home_do (self, "a DROP 20000 1");
    assert_int_equal (brd_home_objects (self->home), 0);
    assert_int_equal (brd_home_bytes (self->home), 0);
    t_home_destroy (self);
}

static void
s_test_end (void **state)
{
    (void) state;
    static const t_home_line_t story[] = {
        { "a SHUTDOWN", "end; a nil" },
        { "b SHUTDOWN", "b nil" },
    };
    T_HOME_STORY (story);
}

int
main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (s_test_names),
        cmocka_unit_test (s_test_handles),
        cmocka_unit_test (s_test_contained),
        cmocka_unit_test (s_test_lent),
        cmocka_unit_test (s_test_circles),
        cmocka_unit_test (s_test_once),
        cmocka_unit_test (s_test_once_lent),
        cmocka_unit_test (s_test_out_of_turn),
        cmocka_unit_test (s_test_bad_arguments),
        cmocka_unit_test (s_test_limits),
        cmocka_unit_test (s_test_deep),
        cmocka_unit_test (s_test_end),
    };
    t_watchdog (60);
    return cmocka_run_group_tests (tests, NULL, NULL);
}
