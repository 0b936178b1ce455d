// sim_rand.c - chance that can be repeated
//
// SPDX-License-Identifier: MPL-2.0
//
// xoshiro256** (Blackman and Vigna), seeded through splitmix64 so that the
// seeds 1, 2, 3 ... give worlds that have nothing in common.

#include "sim_kit.h"

void
sim_rand_seed (sim_rand_t *self, uint64_t seed)
{
    for (int i = 0; i < 4; i++) {
        seed += UINT64_C (0x9e3779b97f4a7c15);
        uint64_t z = seed;
        z = (z ^ (z >> 30)) * UINT64_C (0xbf58476d1ce4e5b9);
        z = (z ^ (z >> 27)) * UINT64_C (0x94d049bb133111eb);
        self->words[i] = z ^ (z >> 31);
    }
}

static uint64_t
s_rotate (uint64_t word, int bits)
{
    return (word << bits) | (word >> (64 - bits));
}

uint64_t
sim_rand_next (sim_rand_t *self)
{
    uint64_t *w = self->words;
    uint64_t result = s_rotate (w[1] * 5, 7) * 9;
    uint64_t shifted = w[1] << 17;
    w[2] ^= w[0];
    w[3] ^= w[1];
    w[1] ^= w[2];
    w[0] ^= w[3];
    w[2] ^= shifted;
    w[3] = s_rotate (w[3], 45);
    return result;
}

uint64_t
sim_rand_below (sim_rand_t *self, uint64_t n)
{
    return sim_rand_next (self) % n;
}

int64_t
sim_rand_between (sim_rand_t *self, int64_t low, int64_t high)
{
    if (high <= low)
        return low;
    return low + (int64_t) sim_rand_below (self, (uint64_t) (high - low) + 1);
}

int64_t
sim_rand_log (sim_rand_t *self, int64_t low, int64_t high)
{
    int doublings = 0;
    while (low << doublings < high)
        doublings++;
    int64_t most = low << sim_rand_between (self, 0, doublings);
    return sim_rand_between (self, low, most < high ? most : high);
}

int
sim_rand_chance (sim_rand_t *self, unsigned per_mille)
{
    return per_mille > 0 && sim_rand_below (self, 1000) < per_mille;
}
