// test_brd_arena_death.c - whoever dies, whenever: only what is his is freed
//
// SPDX-License-Identifier: MPL-2.0
//
// Ways of dying:
//
//   at each instruction  a child works step by step under ptrace, and before
//                        each step the parent sweeps the arena's words as if
//                        the child had just been killed, and puts them back
//   in the middle of     the same for what a sweep does only when a process is
//   giving back          really gone: many children, each killed a bit later
//   falling asleep       not dead, but so late with its free that the block has
//                        become another's
//   at any time          children that allocate, give to each other and free,
//                        killed at random; all blocks are stamped, and no stamp
//                        may ever change under its owner
//
// All but the last are skipped where ptrace is not allowed.

#include "tests/t.h"

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/brd_arena.h"
#include "base/brd_check.h"
#include "base/brd_sys.h"

enum {
    RUN = BRD_ARENA_RUN,
    OWNER = 1,
    CHILD = 2,
    HEIR = 3,
    STEPPED_RUNS = 12,
    POINTS = 24
};

// Bytes in front of the first run: all that the arena knows.
static size_t
s_front (brd_arena_t *arena)
{
    char *first = brd_arena_alloc (arena, 1, OWNER, 0);
    const size_t front = brd_arena_offset (arena, first);
    brd_arena_free (arena, first);
    return front;
}

typedef void
s_work_fn (brd_arena_t *arena);

// A child that stops before it begins. -1 where this is not allowed.
static pid_t
s_start (brd_arena_t *arena, s_work_fn *work)
{
    const pid_t pid = fork ();
    if (pid == 0) {
        if (ptrace (PTRACE_TRACEME, 0, NULL, NULL) < 0)
            _exit (99);
        raise (SIGSTOP);
        work (arena);
        _exit (0);
    }
    int status;
    assert_int_equal (waitpid (pid, &status, 0), pid);
    if (WIFEXITED (status)) {
        assert_int_equal (WEXITSTATUS (status), 99);
        return -1;
    }
    assert_true (WIFSTOPPED (status));
    return pid;
}

// One instruction on; 0 when the child has ended.
static int
s_step (pid_t pid)
{
    assert_int_equal (ptrace (PTRACE_SINGLESTEP, pid, NULL, NULL), 0);
    int status;
    assert_int_equal (waitpid (pid, &status, 0), pid);
    if (WIFSTOPPED (status))
        return 1;
    assert_int_equal (status, 0);
    return 0;
}

static void
s_kill (pid_t pid)
{
    assert_int_equal (kill (pid, SIGKILL), 0);
    int status;
    assert_int_equal (waitpid (pid, &status, 0), pid);
    assert_true (WIFSIGNALED (status));
}

static void
s_work (brd_arena_t *arena)
{
    void *a = brd_arena_alloc (arena, 3 * RUN, CHILD, 0);
    void *b = brd_arena_alloc (arena, RUN, CHILD, 0);
    brd_arena_free (arena, a);
    // Over the parts of a, one of which is another's meanwhile.
    a = brd_arena_alloc (arena, RUN, CHILD, 0);
    void *c = brd_arena_alloc (arena, 4 * RUN, CHILD, 0);
    (void) brd_arena_give (arena, c, HEIR);
    brd_arena_free (arena, b);
    brd_arena_free (arena, c);
    brd_arena_free (arena, a);
}

typedef struct {
    brd_arena_t *arena;
    char *first;              // First run
    char *mine;               // The parent's one block
    int dirty[STEPPED_RUNS];  // Was somebody's at some time
} s_stepped_t;

// What was ever in a block has other bytes than zeros, and keeps them.
static void
s_soil (s_stepped_t *stepped)
{
    for (size_t i = 0; i < STEPPED_RUNS; i++) {
        char *run = stepped->first + i * RUN;
        if (brd_arena_holds (stepped->arena, run, 1))
            stepped->dirty[i] = 1;
        if (stepped->dirty[i])
            run[0] = 1;
    }
}

// As if the child had been killed and were swept at once.
static void
s_check_swept (const s_stepped_t *stepped)
{
    brd_arena_t *arena = stepped->arena;
    (void) brd_arena_sweep (arena, CHILD);
    (void) brd_arena_sweep (arena, HEIR);
    assert_int_equal (brd_arena_used (arena), RUN);
    assert_true (brd_arena_holds (arena, stepped->mine, RUN));
    // All of it can be had again, in one piece.
    assert_non_null (brd_arena_alloc (arena, 6 * RUN, OWNER, 0));
}

// As if it had been killed, and another took all that it could get before
// anybody swept.
static void
s_check_used (const s_stepped_t *stepped)
{
    brd_arena_t *arena = stepped->arena;
    size_t taken = 1;
    char *run;
    while ((run = brd_arena_alloc (arena, RUN, OWNER, 1)) != NULL) {
        assert_int_equal (run[0], 0);
        taken++;
    }
    (void) brd_arena_sweep (arena, CHILD);
    (void) brd_arena_sweep (arena, HEIR);
    assert_int_equal (brd_arena_used (arena), taken * RUN);
    for (; taken < STEPPED_RUNS; taken++)
        assert_non_null (brd_arena_alloc (arena, RUN, OWNER, 0));
    assert_null (brd_arena_alloc (arena, RUN, OWNER, 0));
}

static void
s_test_each_instruction (void **state)
{
    (void) state;
    s_stepped_t stepped = { .arena = brd_arena_new (STEPPED_RUNS * RUN) };
    brd_arena_t *arena = stepped.arena;
    const size_t front = s_front (arena);
    stepped.first = brd_arena_at (arena, front);
    // Somebody else's, in the middle.
    char *bystander = brd_arena_alloc (arena, 6 * RUN, OWNER, 0);
    stepped.mine = brd_arena_alloc (arena, RUN, OWNER, 0);
    brd_arena_free (arena, bystander);
    const pid_t pid = s_start (arena, s_work);
    if (pid < 0)
        skip ();
    void *copy = calloc (1, front);
    assert_non_null (copy);
    long states = 0;
    do {
        // Most instructions change nothing that others see.
        if (memcmp (copy, arena, front) == 0)
            continue;
        states++;
        memcpy (copy, arena, front);
        s_soil (&stepped);
        s_check_used (&stepped);
        memcpy (arena, copy, front);
        s_soil (&stepped);
        s_check_swept (&stepped);
        memcpy (arena, copy, front);
    } while (s_step (pid));
    free (copy);
    assert_true (states > 40);
    brd_arena_destroy (&arena);
}

// What the child has to free, made by the parent on its account.
static void *s_block;

static void
s_work_beyond_mark (brd_arena_t *arena)
{
    brd_arena_free (arena, s_block);
}

// An arena where the child's block is one whose pages are given back.
typedef struct {
    brd_arena_t *arena;
    size_t front;
    size_t used;  // Without the child's block
    void *copy;   // Of the arena's words, before the child did anything
} s_marked_t;

static void
s_marked_init (s_marked_t *self)
{
    const size_t kept = 64 * 1024 * 1024 / RUN - 1;
    const size_t runs = kept / 2 * 3 + 3;
    brd_arena_t *arena = brd_arena_new ((runs + 16) * RUN);
    const size_t front = s_front (arena);
    char *first = brd_arena_at (arena, front);
    for (size_t i = 0; i < runs; i++)
        assert_non_null (brd_arena_alloc (arena, RUN, OWNER, 0));
    // Now all but one of those that keep their pages are there, but never
    // three in a row: of the child's three fresh ones two are given back.
    size_t freed = 0;
    for (size_t i = 0; i < runs && freed < kept; i++) {
        if (i % 3 != 0) {
            brd_arena_free (arena, first + i * RUN);
            freed++;
        }
    }
    const size_t used = brd_arena_used (arena);
    // The first time also looks functions up in libraries; not in the children,
    // who must all be alike to the instruction.
    s_block = brd_arena_alloc (arena, 3 * RUN, CHILD, 0);
    s_work_beyond_mark (arena);
    s_block = brd_arena_alloc (arena, 3 * RUN, CHILD, 0);
    void *copy = malloc (front);
    assert_non_null (copy);
    memcpy (copy, arena, front);
    *self = (s_marked_t){ arena, front, used, copy };
}

static void
s_marked_fini (s_marked_t *self)
{
    free (self->copy);
    brd_arena_destroy (&self->arena);
}

// A child that has done so many steps of freeing its block. -1 without ptrace.
static pid_t
s_marked_start (s_marked_t *self, long steps)
{
    memcpy (self->arena, self->copy, self->front);
    const pid_t pid = s_start (self->arena, s_work_beyond_mark);
    for (long i = 0; pid > 0 && i < steps; i++)
        assert_int_equal (s_step (pid), 1);
    return pid;
}

typedef struct {
    long first;  // The first step after which a sweep cannot have the block...
    long last;   // ...and the last: the child is alive and busy with it
    long all;
} s_steps_t;

// 0, or -1 without ptrace.
static int
s_count_steps (s_marked_t *self, s_steps_t *ret_steps)
{
    const pid_t pid = s_marked_start (self, 0);
    if (pid < 0)
        return -1;
    void *copy = calloc (1, self->front);
    assert_non_null (copy);
    s_steps_t steps = { .first = 0 };
    int leaving = 0;
    do {
        if (memcmp (copy, self->arena, self->front) != 0) {
            memcpy (copy, self->arena, self->front);
            (void) brd_arena_sweep (self->arena, CHILD);
            leaving = brd_arena_used (self->arena) > self->used;
            memcpy (self->arena, copy, self->front);
        }
        if (leaving && steps.first == 0)
            steps.first = steps.all;
        if (leaving)
            steps.last = steps.all;
        steps.all++;
    } while (s_step (pid));
    free (copy);
    assert_true (steps.last > steps.first);
    *ret_steps = steps;
    return 0;
}

// Killed while it gives pages back: the sweep ends it.
static void
s_test_giving_back (void **state)
{
    (void) state;
    s_marked_t marked;
    s_marked_init (&marked);
    s_steps_t steps;
    if (s_count_steps (&marked, &steps) < 0)
        skip ();
    // Not every run takes the same steps, so the last may come too late.
    int during = 0;
    for (long i = 0; i <= POINTS; i++) {
        const long n = steps.first + (steps.last - steps.first) * i / POINTS;
        const pid_t pid = s_marked_start (&marked, n);
        s_kill (pid);
        during += brd_arena_used (marked.arena) > marked.used;
        (void) brd_arena_sweep (marked.arena, CHILD);
        assert_int_equal (brd_arena_used (marked.arena), marked.used);
    }
    assert_true (during > POINTS / 2);
    (void) brd_arena_sweep (marked.arena, OWNER);
    assert_int_equal (brd_arena_used (marked.arena), 0);
    s_marked_fini (&marked);
}

// Falls asleep while it frees; meanwhile its block is freed by another and
// becomes a third one's. Had it not looked at the block yet, it frees that one
// (nobody may free what he does not know to be there); otherwise it must leave
// its bytes and its pages alone.
static void
s_test_late (void **state)
{
    (void) state;
    s_marked_t marked;
    s_marked_init (&marked);
    s_steps_t steps;
    if (s_count_steps (&marked, &steps) < 0)
        skip ();
    int late = 0;
    for (long i = 0; i <= POINTS; i++) {
        const long n = (steps.first - 1) * i / POINTS;
        const pid_t pid = s_marked_start (&marked, n);
        brd_arena_free (marked.arena, s_block);
        char *block = brd_arena_alloc (marked.arena, 3 * RUN, HEIR, 0);
        const int taken = block == s_block;
        if (taken)
            memset (block, 'h', 3 * RUN);
        assert_int_equal (ptrace (PTRACE_CONT, pid, NULL, NULL), 0);
        int status;
        assert_int_equal (waitpid (pid, &status, 0), pid);
        assert_int_equal (status, 0);
        if (!taken) {
            // Not every run takes the same steps: this one was further.
            brd_arena_free (marked.arena, block);
            continue;
        }
        if (brd_arena_used (marked.arena) == marked.used) {
            assert_int_equal (late, 0);
            continue;
        }
        late++;
        assert_true (brd_arena_holds (marked.arena, block, 3 * RUN));
        for (size_t at = 0; at < 3 * RUN; at++)
            assert_int_equal (block[at], 'h');
    }
    assert_true (late > 0);
    s_marked_fini (&marked);
}

// --- At any time -----------------------------------------------------------

enum {
    CHILDREN = 4,
    HELD = 8,
    KILLS = 150,
    ARENA_RUNS = 96
};

// Shared by all, outside of the arena.
typedef struct {
    _Atomic long done[CHILDREN];       // Things done, by child
    _Atomic uint32_t lives[CHILDREN];  // How often the slot was born
    _Atomic uint64_t mail[CHILDREN];   // A block for it: place, life
    _Atomic long damaged;
    _Atomic long given;
} s_board_t;

typedef struct {
    brd_arena_t *arena;
    s_board_t *board;
    uint32_t me;
    uint32_t life;
    uint32_t seed;
    uint64_t tags;
    uint64_t *held[HELD];
} s_child_t;

static uint32_t
s_random (uint32_t *seed)
{
    *seed = *seed * 1664525 + 1013904223;
    return *seed >> 8;
}

// A block's first word is its tag, the second its number of runs; every run
// begins and ends with the tag.
static void
s_stamp (uint64_t *block, size_t runs, uint64_t tag)
{
    const size_t words = RUN / sizeof *block;
    for (size_t i = 0; i < runs; i++) {
        block[i * words] = tag;
        block[(i + 1) * words - 1] = tag;
    }
    block[1] = runs;
}

static int
s_intact (const uint64_t *block)
{
    const size_t words = RUN / sizeof *block;
    if (block[1] < 1 || block[1] > ARENA_RUNS)
        return 0;
    for (size_t i = 0; i < block[1]; i++) {
        if (block[i * words] != block[0]
            || block[(i + 1) * words - 1] != block[0])
            return 0;
    }
    return 1;
}

static void
s_drop (s_child_t *child, size_t at)
{
    if (!child->held[at])
        return;
    if (!s_intact (child->held[at]))
        atomic_fetch_add (&child->board->damaged, 1);
    brd_arena_free (child->arena, child->held[at]);
    child->held[at] = NULL;
}

static void
s_make (s_child_t *child, size_t at)
{
    s_drop (child, at);
    const size_t runs = s_random (&child->seed) % 7 + 1;
    const int zero = s_random (&child->seed) % 2 == 0;
    uint64_t *block =
        brd_arena_alloc (child->arena, runs * RUN, child->me + 1, zero);
    if (!block)
        return;
    const size_t words = RUN / sizeof *block;
    for (size_t i = 0; zero && i < runs; i++) {
        if (block[i * words] != 0 || block[(i + 1) * words - 1] != 0)
            atomic_fetch_add (&child->board->damaged, 1);
    }
    const uint64_t who = (uint64_t) child->me + 1;
    s_stamp (
        block, runs, who << 56 | (uint64_t) child->life << 32 | ++child->tags);
    child->held[at] = block;
}

// To one who was of this life when it was given: a block for one who has died
// since was swept with him.
static void
s_post (s_child_t *child, size_t at)
{
    const uint32_t to = s_random (&child->seed) % CHILDREN;
    uint64_t *block = child->held[at];
    if (!block || to == child->me)
        return;
    const uint64_t life = atomic_load (&child->board->lives[to]);
    const uint64_t letter = life << 40 | brd_arena_offset (child->arena, block);
    child->held[at] = NULL;
    if (!s_intact (block))
        atomic_fetch_add (&child->board->damaged, 1);
    // From here on it is not ours: if the box is full, nobody frees it before
    // its owner's death, as when a message is lost.
    if (brd_arena_give (child->arena, block, to + 1) < 0)
        atomic_fetch_add (&child->board->damaged, 1);
    uint64_t empty = 0;
    if (atomic_compare_exchange_strong (
            &child->board->mail[to], &empty, letter))
        atomic_fetch_add (&child->board->given, 1);
}

static void
s_fetch (s_child_t *child, size_t at)
{
    const uint64_t letter = atomic_exchange (&child->board->mail[child->me], 0);
    if (letter == 0 || letter >> 40 != child->life)
        return;
    s_drop (child, at);
    const uint64_t offset = letter & ((UINT64_C (1) << 40) - 1);
    child->held[at] = brd_arena_at (child->arena, offset);
}

static void
s_live (brd_arena_t *arena, s_board_t *board, uint32_t me)
{
    s_child_t child = {
        .arena = arena,
        .board = board,
        .me = me,
        .life = atomic_load (&board->lives[me]),
    };
    child.seed = me * 7919 + child.life * 104729;
    for (;;) {
        const size_t at = s_random (&child.seed) % HELD;
        switch (s_random (&child.seed) % 5) {
        case 0:
            s_drop (&child, at);
            break;
        case 1:
            s_post (&child, at);
            break;
        case 2:
            s_fetch (&child, at);
            break;
        default:
            s_make (&child, at);
            break;
        }
        atomic_fetch_add (&board->done[me], 1);
    }
}

static pid_t
s_bear (brd_arena_t *arena, s_board_t *board, uint32_t me)
{
    atomic_fetch_add (&board->lives[me], 1);
    const pid_t pid = fork ();
    if (pid == 0) {
        // A test that fails leaves nobody behind.
        (void) prctl (PR_SET_PDEATHSIG, SIGKILL);
        s_live (arena, board, me);
    }
    assert_true (pid > 0);
    return pid;
}

// Until it has done so many things more; the watchdog bounds it.
static void
s_await (s_board_t *board, uint32_t child, pid_t pid, long more)
{
    const long until = atomic_load (&board->done[child]) + more;
    while (atomic_load (&board->done[child]) < until) {
        // It has not died by itself.
        assert_int_equal (waitpid (pid, NULL, WNOHANG), 0);
        usleep (50);
    }
}

static s_board_t *
s_new_board (void)
{
    int fd = brd_sys_memfd ("board");
    assert_int_equal (brd_sys_truncate (fd, sizeof (s_board_t)), 0);
    s_board_t *board = brd_sys_map_shared (fd, sizeof *board);
    assert_non_null (board);
    brd_sys_close (&fd);
    return board;
}

static void
s_test_any_time (void **state)
{
    (void) state;
    brd_arena_t *arena = brd_arena_new (ARENA_RUNS * RUN);
    s_board_t *board = s_new_board ();
    pid_t pids[CHILDREN];
    for (uint32_t i = 0; i < CHILDREN; i++)
        pids[i] = s_bear (arena, board, i);
    uint32_t seed = 4711;
    size_t swept = 0;
    for (int kills = 0; kills < KILLS; kills++) {
        const uint32_t victim = s_random (&seed) % CHILDREN;
        s_await (board, victim, pids[victim], s_random (&seed) % 200);
        s_kill (pids[victim]);
        swept += brd_arena_sweep (arena, victim + 1);
        assert_int_equal (atomic_load (&board->damaged), 0);
        pids[victim] = s_bear (arena, board, victim);
    }
    for (uint32_t i = 0; i < CHILDREN; i++)
        s_kill (pids[i]);
    for (uint32_t i = 0; i < CHILDREN; i++)
        swept += brd_arena_sweep (arena, i + 1);
    assert_int_equal (atomic_load (&board->damaged), 0);
    assert_int_equal (brd_arena_used (arena), 0);
    assert_true (swept > 0 && atomic_load (&board->given) > 0);
    assert_non_null (brd_arena_alloc (arena, ARENA_RUNS * RUN, 1, 0));
    brd_sys_unmap (board, sizeof *board);
    brd_arena_destroy (&arena);
}

int
main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (s_test_each_instruction),
        cmocka_unit_test (s_test_giving_back),
        cmocka_unit_test (s_test_late),
        cmocka_unit_test (s_test_any_time),
    };
    t_watchdog (180);
    return cmocka_run_group_tests (tests, NULL, NULL);
}
