// t_fixture.h - an engine for a test program, by a script of this folder
//
// SPDX-License-Identifier: MPL-2.0
//
// In main, after t_mark ():
//
//     if (!t_fixture_start ("sshd"))
//         return T_FIXTURE_SKIP;  // It has said why
//     ...
//     t_fixture_stop ();

#ifndef T_FIXTURE_H
#define T_FIXTURE_H

#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    T_FIXTURE_SKIP = 77
};

static char t_fixture_dir[] = "/tmp/t_fixture.XXXXXX";
static char t_fixture_script[512];

// Returns its exit code. word may be NULL.
static inline int
t_fixture_run (const char *program,
               const char *verb,
               const char *dir,
               const char *word)
{
    char *argv[] = {
        (char *) program, (char *) verb, (char *) dir, (char *) word, NULL
    };
    pid_t pid;
    int status = -1;
    fflush (NULL);
    if (posix_spawnp (&pid, program, NULL, NULL, argv, environ) != 0
        || waitpid (pid, &status, 0) != pid)
        return -1;
    return WIFEXITED (status) ? WEXITSTATUS (status) : -1;
}

static inline void
t_fixture_stop (void)
{
    if (t_fixture_run (t_fixture_script, "stop", t_fixture_dir, NULL) != 0
        || t_fixture_run ("rm", "-rf", t_fixture_dir, NULL) != 0)
        fprintf (stderr, "%s: does not stop\n", t_fixture_script);
}

// A path in the fixture's folder, on loan until the next call.
static inline const char *
t_fixture_path (const char *name)
{
    static char path[256];
    snprintf (path, sizeof path, "%s/%s", t_fixture_dir, name);
    return path;
}

// netns: what its wire is to do from now on.
static inline void
t_fixture_set (const char *line)
{
    if (t_fixture_run (t_fixture_script, "set", t_fixture_dir, line) != 0)
        abort ();
}

// 0: this machine cannot, and has said why.
static inline int
t_fixture_start (const char *name)
{
    snprintf (t_fixture_script, sizeof t_fixture_script, T_ENGINES "/%s", name);
    if (!mkdtemp (t_fixture_dir))
        abort ();
    setenv ("T_WIRE", T_WIRE, 1);
    const int rc =
        t_fixture_run (t_fixture_script, "start", t_fixture_dir, NULL);
    if (rc == 0)
        return 1;
    t_fixture_stop ();
    if (rc != T_FIXTURE_SKIP)
        exit (1);
    return 0;
}

#endif  // T_FIXTURE_H
