// brd_story.c - what became of a call, in words
//
// SPDX-License-Identifier: MPL-2.0
//
// One place for all sentences about failed tasks, so that futures, streams and
// maps tell the same story: what, which item, whose worker, how it died, which
// attempt.

#include "api/brd_story.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/brd_error.h"

// How a worker ended: "was killed by SIGKILL", "exited with code 3".
static void
s_death (char *buf, size_t size, const brd_call_end_t *end)
{
    char name[32];
    if (end->lost)
        snprintf (buf, size, "finished it and died before its result came");
    else if (end->closed)
        snprintf (buf, size, "closed its descriptors");
    else if (end->signal > 0)
        snprintf (buf,
                  size,
                  "was killed by %s",
                  brd_error_signal_name (end->signal, name, sizeof name));
    else
        snprintf (buf, size, "exited with code %d", end->status);
}

static void
s_sentence (char *buf, size_t size, const brd_call_end_t *end)
{
    char death[96];
    switch (end->error) {
    case EIO:
        snprintf (buf, size, "failed");
        break;
    case ECHILD:
        s_death (death, sizeof death, end);
        if (end->maybe)
            snprintf (buf, size, "its host is gone, and it may have run");
        else
            snprintf (buf, size, "worker %d %s", end->pid, death);
        break;
    case ELOOP:
        s_death (death, sizeof death, end);
        snprintf (buf, size, "poison: worker %d too %s", end->pid, death);
        break;
    case ETIMEDOUT:
        if (end->pid > 0)
            snprintf (buf,
                      size,
                      "timed out in worker %d%s%s",
                      end->pid,
                      end->stopped ? ", which was stopped by a signal" : "",
                      end->signal > 0 ? ", which was killed for it" : "");
        else
            snprintf (buf, size, "timed out before a worker was free");
        break;
    case ECANCELED:
        snprintf (buf, size, "cancelled");
        break;
    case EPIPE:
    case ENOEXEC:
        snprintf (buf, size, "not done");
        break;
    default:
        snprintf (buf, size, "%s", strerror (end->error));
    }
}

void
brd_story (brood_error_info_t *ret_info,
           const char *task,
           long item,
           const brd_call_end_t *end)
{
    char where[32] = "", what[160], words[BRD_PAGE_TEXT] = "";
    const char *name = task && task[0] != '\0' ? task : "task";
    memset (ret_info, 0, sizeof *ret_info);
    ret_info->kind = brd_error_kind (end->error);
    ret_info->error = end->error;
    ret_info->status = end->status;
    ret_info->signal = end->signal;
    ret_info->attempt = end->attempt;
    ret_info->pid = end->pid;
    ret_info->item = item;
    snprintf (ret_info->task, sizeof ret_info->task, "%s", task ? task : "");
    if (end->pid > 0)
        (void) gethostname (ret_info->host, sizeof ret_info->host - 1);
    if (item >= 0)
        snprintf (where, sizeof where, " item %ld", item);
    s_sentence (what, sizeof what, end);
    if (end->bytes && end->size > 0)
        snprintf (words,
                  sizeof words,
                  ": %.*s",
                  (int) (end->size < 480 ? end->size : 480),
                  (const char *) end->bytes);
    if (end->attempt > 0)
        snprintf (ret_info->text,
                  sizeof ret_info->text,
                  "%.63s%s: %s%.240s (attempt %d)",
                  name,
                  where,
                  what,
                  words,
                  end->attempt);
    else
        snprintf (ret_info->text,
                  sizeof ret_info->text,
                  "%.63s%s: %s%.240s",
                  name,
                  where,
                  what,
                  words);
}
