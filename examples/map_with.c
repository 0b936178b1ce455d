// map_with.c - a map with an argument for all, a bar, and errors item by item
//
// SPDX-License-Identifier: MPL-2.0
//
// A map does not stop at the first error: it runs all items, fills the outputs
// of those that succeed and leaves the others as they were. It then returns -1
// with the story of the first failed item, and ret_errors says for each item
// what became of it. Pass .stop_at_error = 1 to give up early instead.
//
// The argument is copied to the workers: point it at plain data.
//
// Read next: map_async.c for a map that runs while the owner does other things.

#include <brood.h>
#include <stdio.h>
#include <string.h>

enum {
    DATES = 6
};

typedef struct {
    int year;
    int month;
    int day;
} date;

typedef struct {
    char names[7][4];
} week;

typedef struct {
    char text[16];
} label;

BROOD_MAPPER (weekday, date, d, label, out)
{
    static const int offset[] = { 0, 3, 2, 5, 0, 3, 5, 1, 4, 6, 2, 4 };
    const week *names = arg;
    if (d->month < 1 || d->month > 12)
        return brood_task_fail (
            brood_task_current (), "there is no month %d", d->month);
    const int year = d->year - (d->month < 3);
    const int day = (year + year / 4 - year / 100 + year / 400
                     + offset[d->month - 1] + d->day)
                    % 7;
    snprintf (out->text, sizeof out->text, "%s", names->names[day]);
    return 0;
}

int
main (int argc, char **argv)
{
    const week english = {
        { "Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat" }
    };
    const date dates[DATES] = { { 1938, 6, 22 },  { 1941, 9, 9 },
                                { 1969, 13, 1 },  { 1978, 2, 22 },
                                { 1999, 12, 31 }, { 2000, 0, 1 } };
    label labels[DATES];
    int errors[DATES];
    brood_init (&argc, &argv);

    BROOD_AUTO (pool) pool = brood_pool_new (NULL);
    const brood_map_options_t options = { .arg = &english,
                                          .arg_size_bytes = sizeof english,
                                          .ret_errors = errors,
                                          .progress = brood_progress_bar,
                                          .progress_arg = "dates" };
    if (brood_pool_map_with (pool, weekday, dates, labels, DATES, &options)
        < 0) {
        brood_error_info_t info;
        brood_error_info (&info);
        if (info.kind != BROOD_TASK_FAILED)
            return brood_perror ("weekday");
        printf ("the first that failed is item %ld\n", info.item);
    }
    for (int i = 0; i < DATES; i++)
        printf ("%d-%02d-%02d  %s\n",
                dates[i].year,
                dates[i].month,
                dates[i].day,
                errors[i] ? strerror (errors[i]) : labels[i].text);
    return 0;
}
