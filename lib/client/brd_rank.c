// brd_rank.c - which of a job's processes this one is, and where they meet
//
// SPDX-License-Identifier: MPL-2.0
//
//     environment -> rank, size, job        a row for each who starts jobs
//     rank 0         JOB.new, then JOB      a reader never sees half of it
//     the others     JOB? JOB? JOB          asked for, as inotify knows nothing
//                                           of what another host does
//
// PMIx would do without a folder, but every rank that has called it must live
// to call it again at its end, or the job is aborted: no place for processes
// that may be killed.

#include "client/brd_rank.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/brd_clock.h"
#include "base/brd_error.h"
#include "base/brd_secret.h"

enum {
    S_FIRST_PAUSE_MS = 5,
    S_LAST_PAUSE_MS = 500
};

// The names' values, one after the other, are the job's name.
typedef struct {
    const char *rank;
    const char *size;
    const char *job[3];
} s_starter_t;

// In this order: mpirun in a Slurm job leaves Slurm's variables be. The key is
// made at random for each job; numbers of jobs come again.
static const s_starter_t s_starters[] = {
    { "BROOD_RANK", "BROOD_SIZE", { "BROOD_JOB" } },
    { "OMPI_COMM_WORLD_RANK",
      "OMPI_COMM_WORLD_SIZE",
      { "PMIX_NAMESPACE", "OMPI_MCA_orte_precondition_transports" } },
    { "PMI_RANK", "PMI_SIZE", { "I_MPI_HYDRA_UUID" } },
    { "SLURM_PROCID",
      "SLURM_NTASKS",
      { "SLURM_JOB_ID", "SLURM_STEP_ID", "SLURM_RESTART_COUNT" } },
};

// --- Who this is -----------------------------------------------------------

static int
s_read_number (const char *name, int *ret_number)
{
    char *end;
    const char *text = getenv (name);
    errno = 0;
    const long number = text ? strtol (text, &end, 10) : -1;
    if (!text || end == text || *end != '\0' || errno != 0 || number < 0
        || number > BRD_RANK_SIZE_MAX)
        return brd_error_set (
            EINVAL, "%s=%s is no number of processes", name, text ? text : "");
    *ret_number = (int) number;
    return 0;
}

// A file's name: what is none of its characters is another one.
static int
s_add_job (brd_rank_t *self, const char *text)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyz"
                                "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-";
    size_t n = strlen (self->job);
    if (n > 0 && n + 1 < sizeof self->job)
        self->job[n++] = '.';
    for (; *text; text++) {
        if (n + 1 >= sizeof self->job)
            return brd_error_set (EINVAL, "the job's name is too long");
        self->job[n++] = strchr (plain, *text) ? *text : '_';
    }
    self->job[n] = '\0';
    return 0;
}

static int
s_read (brd_rank_t *self, const s_starter_t *starter)
{
    if (s_read_number (starter->rank, &self->rank) < 0
        || s_read_number (starter->size, &self->size) < 0)
        return -1;
    if (self->rank >= self->size)
        return brd_error_set (EINVAL, "rank %d of %d", self->rank, self->size);
    for (size_t i = 0; i < 3; i++) {
        const char *text = starter->job[i] ? getenv (starter->job[i]) : NULL;
        if (text && s_add_job (self, text) < 0)
            return -1;
    }
    if (self->job[0] != '\0')
        return 0;
    return brd_error_set (EINVAL,
                          "which job this is, %s does not say: set BROOD_JOB",
                          starter->rank);
}

int
brd_rank_read (brd_rank_t *ret_self)
{
    for (size_t i = 0; i < sizeof s_starters / sizeof *s_starters; i++) {
        brd_rank_t self = { .rank = -1 };
        if (!getenv (s_starters[i].rank))
            continue;
        if (s_read (&self, &s_starters[i]) < 0)
            return -1;
        *ret_self = self;
        return 0;
    }
    return brd_error_set (
        ENOENT, "this is no process of an MPI job: nobody says which");
}

// --- Where they meet -------------------------------------------------------

static int
s_folder (char ret_path[BRD_RANK_PATH_MAX])
{
    static const struct {
        const char *name;
        const char *below;
    } places[] = {
        { "BROOD_MPI_DIR", "" },
        { "XDG_CACHE_HOME", "/brood" },
        { "HOME", "/.cache/brood" },
    };
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        const char *value = getenv (places[i].name);
        if (!value || *value != '/')
            continue;
        const int n = snprintf (
            ret_path, BRD_RANK_PATH_MAX, "%s%s", value, places[i].below);
        if (n < BRD_RANK_PATH_MAX)
            return 0;
        return brd_error_set (ENAMETOOLONG, "%s", places[i].name);
    }
    return brd_error_set (ENOENT, "no HOME to meet in: set BROOD_MPI_DIR");
}

int
brd_rank_path (const brd_rank_t *self, char ret_path[BRD_RANK_PATH_MAX])
{
    char folder[BRD_RANK_PATH_MAX];
    if (s_folder (folder) < 0)
        return -1;
    const int n =
        snprintf (ret_path, BRD_RANK_PATH_MAX, "%s/mpi-%s", folder, self->job);
    if (n + (int) sizeof ".new" <= BRD_RANK_PATH_MAX)
        return 0;
    return brd_error_set (ENAMETOOLONG, "%s", folder);
}

// Each folder on the way, for this user alone.
static int
s_make_folders (char *path)
{
    for (char *at = path + 1; (at = strchr (at, '/')) != NULL; at++) {
        *at = '\0';
        const int rc = mkdir (path, 0700);
        if (rc < 0 && errno != EEXIST)
            return brd_error_system ("%s", path);
        *at = '/';
    }
    return 0;
}

int
brd_rank_publish (const brd_rank_t *self, const char *line)
{
    char path[BRD_RANK_PATH_MAX];
    char fresh[BRD_RANK_PATH_MAX + sizeof ".new"];
    if (brd_rank_path (self, path) < 0 || s_make_folders (path) < 0)
        return -1;
    (void) snprintf (fresh, sizeof fresh, "%s.new", path);
    (void) unlink (fresh);
    if (brd_secret_write_file (fresh, line) < 0)
        return -1;
    if (rename (fresh, path) == 0)
        return 0;
    (void) brd_error_system ("%s", path);
    (void) unlink (fresh);
    return -1;
}

void
brd_rank_withdraw (const brd_rank_t *self)
{
    const int saved_errno = errno;
    char path[BRD_RANK_PATH_MAX];
    if (brd_rank_path (self, path) == 0)
        (void) unlink (path);
    errno = saved_errno;
}

int
brd_rank_await (const brd_rank_t *self,
                char *ret_line,
                size_t size,
                int64_t deadline)
{
    char path[BRD_RANK_PATH_MAX];
    if (brd_rank_path (self, path) < 0)
        return -1;
    for (int pause_ms = S_FIRST_PAUSE_MS;; pause_ms *= 2) {
        const int rc = brd_secret_read_file (path, ret_line, size);
        if (rc >= 0 || errno != ENOENT)
            return rc;
        if (brd_clock_now () >= deadline)
            return brd_error_set (
                ETIMEDOUT, "rank 0 has left nothing in %s", path);
        pause_ms = pause_ms < S_LAST_PAUSE_MS ? pause_ms : S_LAST_PAUSE_MS;
        (void) nanosleep (&(struct timespec){ .tv_nsec = pause_ms * 1000000L },
                          NULL);
    }
}
