/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "golden.h"

#include <string.h>

void
golden_check(const char *folder, const char *name, const char *text)
{
    g_autofree char *path = g_test_build_filename(G_TEST_DIST, "..", "golden", folder, name, NULL);
    g_autofree char *wanted = NULL;
    g_autoptr(GError) error = NULL;

    if (g_strcmp0(g_getenv("LAB_TEST_REGENERATE"), "1") == 0)
        g_file_set_contents(path, text, -1, &error);
    g_assert_no_error(error);
    g_test_message("%s", name);
    g_file_get_contents(path, &wanted, NULL, &error);
    g_assert_no_error(error);
    g_assert_cmpstr(text, ==, wanted);
}

guint
golden_check_logs(const char *folder, char *(*make)(const char *text, gsize length))
{
    g_autofree char *directory = g_test_build_filename(G_TEST_DIST, "..", "golden", folder, NULL);
    g_autoptr(GDir) dir = g_dir_open(directory, 0, NULL);
    const char *name;
    guint n = 0;

    g_assert_nonnull(dir);
    while ((name = g_dir_read_name(dir))) {
        g_autofree char *path = g_build_filename(directory, name, NULL);
        g_autofree char *wanted = NULL;
        g_autofree char *text = NULL;
        g_autofree char *got = NULL;
        gsize length;

        if (!g_str_has_suffix(name, ".log"))
            continue;
        n++;
        wanted = g_strdup_printf("%.*s.json", (int)(strlen(name) - strlen(".log")), name);
        g_assert_true(g_file_get_contents(path, &text, &length, NULL));
        got = make(text, length);
        golden_check(folder, wanted, got);
    }
    return n;
}
