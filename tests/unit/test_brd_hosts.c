// test_brd_hosts.c - hosts in a text, in brackets, in files
//
// SPDX-License-Identifier: MPL-2.0

#include "t.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/brd_error.h"
#include "base/brd_fault.h"
#include "client/brd_hosts.h"

// As "name:port/slots" with spaces between.
static char *
s_print (const brd_hosts_t *hosts)
{
    size_t size;
    char *text = NULL;
    FILE *out = open_memstream (&text, &size);
    assert_non_null (out);
    for (size_t i = 0; i < hosts->count; i++) {
        const brd_hosts_entry_t *entry = &hosts->entries[i];
        fprintf (out, "%s%s", i > 0 ? " " : "", entry->name);
        if (entry->port > 0)
            fprintf (out, ":%d", entry->port);
        if (entry->slots > 0)
            fprintf (out, "/%d", entry->slots);
    }
    fclose (out);
    return text;
}

static const struct {
    const char *text;
    const char *hosts;  // NULL: refused,
    const char *why;    // and the text has this
} s_texts[] = {
    { "n1", "n1", NULL },
    { "n1,n2/8", "n1 n2/8", NULL },
    { "anna@n1:2222/8", "anna@n1:2222/8", NULL },
    { "n1.example.org:22", "n1.example.org:22", NULL },
    { "n[1-3]", "n1 n2 n3", NULL },
    { "n[1-3,7]/2,m", "n1/2 n2/2 n3/2 n7/2 m", NULL },
    { "n[08-11]", "n08 n09 n10 n11", NULL },
    { "n[007]", "n007", NULL },
    { "n[3,1,3]", "n3 n1 n3", NULL },
    { "r[0-1]n[1-2]:22", "r0n1:22 r0n2:22 r1n1:22 r1n2:22", NULL },
    { "n[1-2].cluster", "n1.cluster n2.cluster", NULL },
    { "anna@n[1-2]", "anna@n1 anna@n2", NULL },
    { "[fe80::1]", "fe80::1", NULL },
    { "[fe80::1]:22/4", "fe80::1:22/4", NULL },
    { "anna@[::1],n1", "anna@::1 n1", NULL },
    { "[fe80::1%eth0]:22", "fe80::1%eth0:22", NULL },
    { "[-oProxyCommand=x:]", NULL, "not an address at 1" },
    { "[::1%]x]", NULL, "not an address at 5" },
    { "a[1-2]@[::1]", NULL, "not an address" },
    { "", NULL, "wanted a host at 0" },
    { ",", NULL, "wanted a host at 0" },
    { "n1,", NULL, "wanted a host at 3" },
    { "n1,,n2", NULL, "wanted a host at 3" },
    { "/8", NULL, "wanted a host at 0" },
    { "anna@", NULL, "wanted a host" },
    { "n1/", NULL, "wanted a number at 3" },
    { "n1/0", NULL, "wanted a number at 3" },
    { "n1/4097", NULL, "wanted a number at 3" },
    { "n1/8x", NULL, "wanted a number at 3" },
    { "n1:0", NULL, "wanted a number at 3" },
    { "n1:65536", NULL, "wanted a number at 3" },
    { "n1:999999999999999999", NULL, "wanted a number at 3" },
    { "n[", NULL, "not closed at 1" },
    { "n[1-2", NULL, "not closed at 1" },
    { "n[]", NULL, "wanted a number at 2" },
    { "n[a]", NULL, "wanted a number at 2" },
    { "n[1-]", NULL, "wanted a number at 4" },
    { "n[1,]", NULL, "wanted a number at 4" },
    { "n[1;2]", NULL, "wanted , - or ] at 3" },
    { "n[3-1]", NULL, "backwards at 4" },
    { "n[000000000000000000000000000001]", NULL, "wanted a number at 2" },
    { "n[1-99999999]", NULL, "more than 10000" },
    { "[1-2][1-2][1-2][1-2][1-2]", NULL, "too many brackets" },
    { "-oProxyCommand=reboot", NULL, "no name begins so at 0" },
    { "anna@-n1", NULL, "no name begins so at 5" },
    { "n1,-n2", NULL, "no name begins so at 3" },
    { "n 1", NULL, "a blank in a name at 1" },
    { "n\n", NULL, "a blank in a name at 1" },
};

static void
s_test_texts (void **state)
{
    (void) state;
    for (size_t i = 0; i < sizeof s_texts / sizeof *s_texts; i++) {
        brd_hosts_t hosts = { 0 };
        const int rc =
            brd_hosts_read (&hosts, s_texts[i].text, s_texts[i].text);
        if (s_texts[i].hosts) {
            if (rc < 0)
                fail_msg ("%s: %s", s_texts[i].text, brd_error_get ()->text);
            char *printed = s_print (&hosts);
            assert_string_equal (printed, s_texts[i].hosts);
            free (printed);
        }
        else {
            assert_int_equal (rc, -1);
            assert_int_equal (errno, EINVAL);
            if (!strstr (brd_error_get ()->text, s_texts[i].why))
                fail_msg ("%s: %s", s_texts[i].text, brd_error_get ()->text);
        }
        brd_hosts_fini (&hosts);
    }
}

static void
s_test_long_names (void **state)
{
    (void) state;
    char text[600];
    brd_hosts_t hosts = { 0 };
    memset (text, 'n', sizeof text);
    text[BRD_HOSTS_NAME_MAX] = '\0';
    assert_int_equal (brd_hosts_read (&hosts, text, text), 0);
    assert_string_equal (hosts.entries[0].name, text);
    text[BRD_HOSTS_NAME_MAX] = 'n';
    text[BRD_HOSTS_NAME_MAX + 1] = '\0';
    assert_int_equal (brd_hosts_read (&hosts, text, text), -1);
    assert_int_equal (errno, EINVAL);
    strcpy (text + BRD_HOSTS_NAME_MAX - 1, "[10]");
    assert_int_equal (brd_hosts_read (&hosts, text, text), -1);
    assert_int_equal (errno, EINVAL);
    brd_hosts_fini (&hosts);
}

// A position counts from the beginning of the whole.
static void
s_test_position (void **state)
{
    (void) state;
    brd_hosts_t hosts = { 0 };
    static const char text[] = "ssh:n1,n[";
    assert_int_equal (brd_hosts_read (&hosts, text, text + 4), -1);
    assert_non_null (strstr (brd_error_get ()->text, "\"ssh:n1,n[\""));
    assert_non_null (strstr (brd_error_get ()->text, "at 8"));
    brd_hosts_fini (&hosts);
}

// --- Files -----------------------------------------------------------------

static char s_path[200];

static void
s_write (const void *bytes, size_t size)
{
    FILE *file = fopen (s_path, "w");
    assert_non_null (file);
    assert_int_equal (fwrite (bytes, 1, size, file), size);
    fclose (file);
}

static const struct {
    const char *lines;
    const char *hosts;
    const char *why;
} s_files[] = {
    { "n1\nn2/8\n", "n1 n2/8", NULL },
    { "# all of them\n\n  n1 slots=4 # the old one\r\n\tn2\n",
      "n1/4 n2",
      NULL },
    { "n[1-2]:22 slots=3\nm", "n1:22/3 n2:22/3 m", NULL },
    { "n1,n2\nn3", "n1 n2 n3", NULL },
    { "", "", NULL },
    { "n1\nn2 slots=x\n", NULL, ":2: \"slots=x\"" },
    { "n1 max-slots=4\n", NULL, ":1: \"max-slots=4\"" },
    { "n1 4\n", NULL, ":1: \"4\"" },
    { "n1\n\nn[2\n", NULL, ":3: hosts \"n[2\"" },
};

static void
s_test_files (void **state)
{
    (void) state;
    for (size_t i = 0; i < sizeof s_files / sizeof *s_files; i++) {
        brd_hosts_t hosts = { 0 };
        s_write (s_files[i].lines, strlen (s_files[i].lines));
        const int rc = brd_hosts_read_file (&hosts, s_path);
        if (s_files[i].hosts) {
            if (rc < 0)
                fail_msg ("%zu: %s", i, brd_error_get ()->text);
            char *printed = s_print (&hosts);
            assert_string_equal (printed, s_files[i].hosts);
            free (printed);
        }
        else {
            assert_int_equal (rc, -1);
            assert_int_equal (errno, EINVAL);
            if (!strstr (brd_error_get ()->text, s_files[i].why))
                fail_msg ("%zu: %s", i, brd_error_get ()->text);
        }
        brd_hosts_fini (&hosts);
    }
}

static void
s_test_bad_files (void **state)
{
    (void) state;
    brd_hosts_t hosts = { 0 };
    s_write ("n1\0n2", 5);
    assert_int_equal (brd_hosts_read_file (&hosts, s_path), -1);
    assert_int_equal (errno, EINVAL);
    FILE *file = fopen (s_path, "w");
    assert_non_null (file);
    for (int i = 0; i < 20000; i++)
        fprintf (file, "# %060d\n", i);
    fclose (file);
    assert_int_equal (brd_hosts_read_file (&hosts, s_path), -1);
    assert_int_equal (errno, EFBIG);
    assert_int_equal (brd_hosts_read_file (&hosts, "/"), -1);
    assert_int_equal (errno, EISDIR);
    unlink (s_path);
    assert_int_equal (brd_hosts_read_file (&hosts, s_path), -1);
    assert_int_equal (errno, ENOENT);
    assert_non_null (strstr (brd_error_get ()->text, s_path));
    assert_int_equal (hosts.count, 0);
    brd_hosts_fini (&hosts);
}

// Each allocation fails once, and each read.
static void
s_test_faults (void **state)
{
    static const struct {
        brd_fault_t kind;
        int error;
    } kinds[] = { { BRD_FAULT_MEMORY, ENOMEM }, { BRD_FAULT_SYSTEM, EIO } };
    static const char lines[] = "n[1-20]\nm[1-20] slots=2\n";
    (void) state;
    for (size_t kind = 0; kind < 2; kind++) {
        int rc = -1;
        long n = 0;
        while (rc < 0) {
            brd_hosts_t hosts = { 0 };
            s_write (lines, sizeof lines - 1);
            brd_fault_arm (kinds[kind].kind, ++n, kinds[kind].error);
            rc = brd_hosts_read_file (&hosts, s_path);
            brd_fault_arm (kinds[kind].kind, 0, 0);
            assert_int_equal (rc < 0 ? errno : 0,
                              rc < 0 ? kinds[kind].error : 0);
            assert_true (rc < 0 || hosts.count == 40);
            brd_hosts_fini (&hosts);
        }
        assert_true (n > 1);
    }
}

int
main (void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test (s_test_texts),
        cmocka_unit_test (s_test_long_names),
        cmocka_unit_test (s_test_position),
        cmocka_unit_test (s_test_files),
        cmocka_unit_test (s_test_bad_files),
        cmocka_unit_test (s_test_faults),
    };
    const char *folder = getenv ("TMPDIR");
    snprintf (s_path,
              sizeof s_path,
              "%s/brood-hosts.%ld",
              folder ? folder : "/tmp",
              (long) getpid ());
    t_watchdog (60);
    const int failed = cmocka_run_group_tests (tests, NULL, NULL);
    unlink (s_path);
    return failed;
}
