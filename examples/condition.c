// condition.c - waiting until something is so
//
// SPDX-License-Identifier: MPL-2.0
//
// A table in shared memory with room for three dishes. The cook waits until
// there is room, the guests until there is something to eat; whoever changes
// that notifies. What they look at is guarded by the condition's own lock,
// which wait lets go of and holds again when it returns.
//
// Read next: lock.c, for what a 1 instead of 0 says.

#include <brood.h>
#include <stdio.h>

enum {
    ROOM = 3,
    DISHES = 30,
    GUESTS = 3
};

struct table {
    int dishes;
    int served;
    int at_most;
};

static brood_condition_t *change;
static struct table *table;

static int
has_room (void *arg)
{
    (void) arg;
    return table->dishes < ROOM;
}

static int
has_dish (void *arg)
{
    (void) arg;
    return table->dishes > 0 || table->served == DISHES;
}

BROOD_MAPPER (eat, int, guest, int, eaten)
{
    (void) guest;
    *eaten = 0;
    for (int hungry = 1; hungry;) {
        BROOD_WITH (condition, change)
        {
            if (brood_condition_wait_for (change, 10000, has_dish, NULL) < 0)
                return -1;
            hungry = table->dishes > 0;
            table->dishes -= hungry;
            *eaten += hungry;
            brood_condition_notify_all (change);
        }
    }
    return 0;
}

static int
cook (void)
{
    for (int i = 0; i < DISHES; i++) {
        BROOD_WITH (condition, change)
        {
            if (brood_condition_wait_for (change, 10000, has_room, NULL) < 0)
                return -1;
            table->dishes++;
            table->served++;
            if (table->dishes > table->at_most)
                table->at_most = table->dishes;
            brood_condition_notify_all (change);
        }
    }
    return 0;
}

int
main (int argc, char **argv)
{
    int guests[GUESTS] = { 0 }, eaten[GUESTS], sum = 0;
    brood_init (&argc, &argv);
    BROOD_AUTO (condition) mine = change = brood_condition_new ();
    BROOD_AUTO (value) value = brood_value_new_of (struct table);
    table = brood_value_ptr (value);
    BROOD_AUTO (pool) pool = brood_pool_new ("3");
    BROOD_AUTO (future)
    meal = brood_pool_map_async (pool, eat, guests, eaten, GUESTS);
    if (!meal || cook () < 0 || brood_future_wait (meal, BROOD_FOREVER) < 0)
        return brood_perror ("condition");
    for (int i = 0; i < GUESTS; i++)
        sum += eaten[i];
    printf ("%d dishes cooked, %d eaten, %d left\n",
            table->served,
            sum,
            table->dishes);
    printf ("never more than %d on the table: %s\n",
            ROOM,
            table->at_most <= ROOM ? "yes" : "no");
    return 0;
}
