// launch_slurm.c - agents in an allocation of Slurm's
//
// SPDX-License-Identifier: MPL-2.0
//
//     salloc -N2 awk ...     "17 n[1-2] 4(x2)", then reads until there is no
//                            more: the allocation ends when we do, however
//     srun --jobid=17 --nodelist=n1 ... /path/prog arg
//     srun --jobid=17 --nodelist=n2 ... /path/prog arg
//
// In an allocation already, its variables say all that, and no arguments are
// used: whoever asked for it has said what is wanted.
//
// A step for each node, not one for all: each has a secret of its own, and can
// be lost and started again without the others. awk, since it is the program
// that can print variables and wait, and no shell.

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/brd_error.h"
#include "base/brd_log.h"
#include "tools/launch_engine.h"

static const char s_awk[] =
    "BEGIN { print ENVIRON[\"SLURM_JOB_ID\"], ENVIRON[\"SLURM_JOB_NODELIST\"],"
    " ENVIRON[\"SLURM_JOB_CPUS_PER_NODE\"]; fflush () } END { }";

// "4(x2),8" for three hosts; ours from the first of them on. What is not
// understood leaves the number to the agents.
static void
s_set_slots (brd_hosts_t *hosts, const char *cpus)
{
    size_t i = 0;
    while (i < hosts->count && *cpus >= '0' && *cpus <= '9') {
        char *end;
        const long slots = strtol (cpus, &end, 10);
        long times = 1;
        if (strncmp (end, "(x", 2) == 0) {
            times = strtol (end + 2, &end, 10);
            end += *end == ')';
        }
        for (; times > 0 && i < hosts->count; times--)
            hosts->entries[i++].slots =
                slots < BRD_HOSTS_SLOTS_MAX ? (int) slots : BRD_HOSTS_SLOTS_MAX;
        cpus = end + (*end == ',');
    }
}

static int
s_set_job (brd_launch_t *self,
           const char *job,
           const char *nodes,
           const char *cpus)
{
    if (strlen (job) >= sizeof self->job)
        return brd_error_set (EINVAL, "job \"%s\" is none of Slurm's", job);
    memcpy (self->job, job, strlen (job) + 1);
    if (brd_hosts_read (&self->hosts, nodes, nodes) < 0)
        return -1;
    s_set_slots (&self->hosts, cpus);
    return 0;
}

static int
s_begin (brd_launch_t *self)
{
    const char *job = getenv ("SLURM_JOB_ID");
    const char *nodes = getenv ("SLURM_JOB_NODELIST");
    const char *cpus = getenv ("SLURM_JOB_CPUS_PER_NODE");
    if (!job || !nodes)
        return 0;
    if (self->options.place->rest)
        brd_log (BROOD_LOG_INFO,
                 "in job %s already: \"%s\" is not asked for",
                 job,
                 self->options.place->rest);
    return s_set_job (self, job, nodes, cpus ? cpus : "");
}

// salloc would wait for awk though the allocation has been taken from it.
static void
s_hold (const brd_launch_t *self, brd_launch_words_t *words)
{
    const char *arguments = self->options.place->rest;
    brd_launch_words_split (words, "salloc --kill-command --job-name=brood");
    brd_launch_words_split (words, arguments ? arguments : "");
    brd_launch_words_add (words, "awk");
    brd_launch_words_add (words, s_awk);
}

static int
s_held (brd_launch_t *self, char *line)
{
    char *rest;
    const char *job = strtok_r (line, " ", &rest);
    const char *nodes = strtok_r (NULL, " ", &rest);
    const char *cpus = strtok_r (NULL, " ", &rest);
    if (!job || !nodes)
        return brd_error_set (EPROTO, "salloc does not say which nodes");
    return s_set_job (self, job, nodes, cpus ? cpus : "");
}

// All of the job's share of the node, though other steps are there: agents
// come beside what the job is. The environment comes along, whatever the job
// was submitted with.
static void
s_command (const brd_launch_t *self,
           const brd_hosts_entry_t *host,
           brd_launch_words_t *words)
{
    char text[BRD_HOSTS_NAME_MAX + 32];
    brd_launch_words_add (words, "srun");
    (void) snprintf (text, sizeof text, "--jobid=%s", self->job);
    brd_launch_words_add (words, text);
    (void) snprintf (text, sizeof text, "--nodelist=%s", host->name);
    brd_launch_words_add (words, text);
    brd_launch_words_split (words,
                            "--nodes=1 --ntasks=1 --ntasks-per-node=1"
                            " --overlap --mem=0 --cpu-bind=none --mpi=none"
                            " --input=all --export=ALL --kill-on-bad-exit=0");
    for (const char *const *word = self->options.argv; *word; word++)
        brd_launch_words_add (words, *word);
}

const brd_launch_engine_t brd_launch_slurm = {
    .kind = BRD_PLACE_SLURM,
    .begin = s_begin,
    .hold = s_hold,
    .held = s_held,
    .command = s_command,
    .passes_env = 1,
};
