// sim_scenario.c - draws a world
//
// SPDX-License-Identifier: MPL-2.0
//
// Most worlds are small, since small ones find more bugs a second: everything
// in them touches everything else. Some have a thousand workers, for what only
// numbers show. Each kind of trouble is off in some worlds, so that promises
// which hold only without it (order, for one) are looked at too.

#include "sim.h"

static uint32_t
s_workers (sim_rand_t *rand)
{
    uint64_t kind = sim_rand_below (rand, 100);
    if (kind < 15)
        return 1;
    if (kind < 80)
        return (uint32_t) sim_rand_between (rand, 2, 8);
    if (kind < 97)
        return (uint32_t) sim_rand_log (rand, 9, 100);
    return (uint32_t) sim_rand_log (rand, 100, 1000);
}

// A rate of some trouble: none in half of the worlds.
static unsigned
s_rate (sim_rand_t *rand, unsigned most)
{
    if (sim_rand_below (rand, 2))
        return 0;
    return (unsigned) sim_rand_log (rand, 1, (int64_t) most);
}

static void
s_draw_troubles (sim_scenario_t *self, sim_rand_t *rand)
{
    self->copy_per_mille = s_rate (rand, 300);
    self->fancy_per_mille = s_rate (rand, 1000);
    self->fail_per_mille = s_rate (rand, 500);
    self->pool_per_mille = s_rate (rand, 100);
    self->memory_per_mille = s_rate (rand, 20);
    if (sim_rand_below (rand, 3) == 0)
        return;  // Nothing dies in this one
    self->fault_delay_ns = sim_rand_below (rand, 4)
                               ? sim_rand_log (rand, 100 * SIM_US, 10 * SIM_S)
                               : 0;
    self->fault_per_mille = s_rate (rand, 100);
    self->down_per_mille = s_rate (rand, 300);
    self->cruel_per_mille = s_rate (rand, 50);
    if (sim_rand_below (rand, 8) == 0)
        self->bad_per_mille = sim_rand_below (rand, 2)
                                  ? 1000
                                  : (unsigned) sim_rand_between (rand, 1, 300);
}

void
sim_scenario_draw (sim_scenario_t *self,
                   sim_rand_t *rand,
                   const sim_options_t *options)
{
    *self = (sim_scenario_t){ .workers_max = s_workers (rand) };
    if (options->workers_max > 0)
        self->workers_max = options->workers_max;
    self->actions = (int) sim_rand_log (rand, 50, 3000);
    self->burst_max = (int) sim_rand_log (rand, 1, 400);
    self->live_max = (int) sim_rand_log (rand, 20, 4000);
    if (self->workers_max >= 100) {
        // Enough for all of them, and no more than a second can do.
        self->burst_max = (int) self->workers_max * 2;
        self->live_max = (int) self->workers_max * 6;
        self->actions = (int) sim_rand_log (rand, 10, 60);
    }
    self->action_delay_ns = sim_rand_log (rand, 10 * SIM_US, 300 * SIM_MS);
    self->link_delay_ns = sim_rand_log (rand, 1 * SIM_US, 5 * SIM_MS);
    self->start_delay_ns = sim_rand_log (rand, 100 * SIM_US, 2 * SIM_S);
    self->report_delay_ns = sim_rand_log (rand, 50 * SIM_US, 50 * SIM_MS);
    self->late_ns =
        sim_rand_below (rand, 2) ? 0 : sim_rand_log (rand, SIM_US, 5 * SIM_MS);
    self->remote = sim_rand_below (rand, 3) == 0;
    self->batch = (int) sim_rand_log (rand, 1, 64);
    s_draw_troubles (self, rand);
    if (options->plant == SIM_PLANT_DOUBLE_DONE)
        self->copy_per_mille = 300;
}
