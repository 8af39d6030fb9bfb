/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Changelogs and the catalogue: forms as they are found, and damage. */
#include <string.h>

#include "lab-catalogue.h"
#include "lab-changelog.h"
#include "lab-error.h"

static const char deb_log[] =
    "linux-signed-6.12-amd64 (6.12.117+1~deb12u1) bookworm-security; urgency=high\n"
    "\n"
    "  * Sign kernel from linux-6.12 6.12.117-1~deb12u1\n"
    "\n"
    "  [ Ben Hutchings ]\n"
    "  * Rebuild for\n"
    "    bookworm\n"
    "\n"
    " -- Ben Hutchings <benh@debian.org>  Sat, 14 Nov 2026 13:56:01 +0100\n"
    "\n"
    "linux (6.12.117-1) trixie-security; urgency=high\n"
    "\n"
    "  * New upstream stable update:\n"
    "    https://www.kernel.org/pub/linux/kernel/v6.x/ChangeLog-6.12.117\n"
    "    - mm: prevent page_frag_alloc() from\n"
    "      corrupting the memory\n"
    "\n"
    " -- Salvatore Bonaccorso <carnil@debian.org>  Fri, 13 Nov 2026 13:56:01 +0100\n";

static const char rpm_log[] =
    "* Wed Mar 02 2022 A B <a@b.org> [3.10.0-1160.62.1.el7]\n- one\n- two [1]\n\n"
    "* Tue Apr 21 2020 A B <a@b.org> - 4.19.90-2003.4.0.0036\n- three\n\n"
    "* Mon Apr 20 2020 A B <a@b.org> 4.19.91-19.1.al7\n- four\n  goes on\n\n"
    "* Sun Apr 19 2020 A B <a@b.org>\n- five\n";

static void
check(const GPtrArray *log, guint i, const char *version, const char *date, const char *items)
{
    const LabChange *change = log->pdata[i];
    g_autoptr(GString) text = g_string_new(NULL);

    for (guint n = 0; n < change->items->len; n++)
        g_string_append_printf(text, "%s%s", n > 0 ? "|" : "", (char *)change->items->pdata[n]);
    g_assert_cmpstr(change->version, ==, version);
    g_assert_cmpstr(change->date, ==, date);
    g_assert_cmpstr(text->str, ==, items);
}

static void
test_forms(void)
{
    g_autoptr(GPtrArray) deb = lab_changelog_parse(deb_log, strlen(deb_log));
    g_autoptr(GPtrArray) rpm = lab_changelog_parse(rpm_log, strlen(rpm_log));
    const LabChange *change = NULL;

    g_assert_cmpuint(deb->len, ==, 2);
    check(deb, 0, "6.12.117-1~deb12u1", "Sat, 14 Nov 2026 13:56:01 +0100",
          "Sign kernel from linux-6.12 6.12.117-1~deb12u1|Rebuild for bookworm");
    check(deb, 1, "6.12.117-1", "Fri, 13 Nov 2026 13:56:01 +0100",
          "New upstream stable update: "
          "https://www.kernel.org/pub/linux/kernel/v6.x/ChangeLog-6.12.117|mm: prevent "
          "page_frag_alloc() from corrupting the memory");
    g_assert_nonnull(lab_changelog_find(deb, "MM: prevent page_frag_alloc() from", &change));
    g_assert_cmpstr(change->version, ==, "6.12.117-1");
    g_assert_null(lab_changelog_find(deb, "page_frag_alloc.. from", NULL));
    g_assert_cmpuint(rpm->len, ==, 4);
    check(rpm, 0, "3.10.0-1160.62.1.el7", "Wed Mar 02 2022", "one|two [1]");
    check(rpm, 1, "4.19.90-2003.4.0.0036", "Tue Apr 21 2020", "three");
    check(rpm, 2, "4.19.91-19.1.al7", "Mon Apr 20 2020", "four goes on");
    check(rpm, 3, NULL, "Sun Apr 19 2020", "five");
    g_assert_null(lab_changelog_common(deb, rpm));
    g_assert_cmpstr(lab_changelog_common(deb, deb), ==, "6.12.117-1~deb12u1");
}

/* An rpm's entry leaves the distribution's tag out. */
static void
test_since(void)
{
    static const struct {
        const char *release, *version;
        gboolean found;
        guint newer;
    } rows[] = {
        {"3.10.0-1160.62.1.el7.x86_64", "3.10.0-1160.62.1.el7", TRUE, 0},
        {"4.19.90-2003.4.0.0036.oe1.x86_64", "4.19.90-2003.4.0.0036.oe1", TRUE, 1},
        {"4.19.91-19.1.al7.x86_64", "4.19.91-19.1.al7", TRUE, 2},
        {"4.19.91-19.al7.x86_64", "4.19.91-19.al7", FALSE, 0},
        {"3.10.0-1160.62.el7.x86_64", "3.10.0-1160.62.el7", FALSE, 0},
    };
    g_autoptr(GPtrArray) log = lab_changelog_parse(rpm_log, strlen(rpm_log));

    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autoptr(GPtrArray) found = g_ptr_array_new();
        g_autofree char *release = g_strdup(rows[i].release);
        g_autofree char *version = g_strdup(rows[i].version);
        LabKernel kernel = {.release = release, .package_version = version};

        g_assert_cmpint(lab_changelog_since(log, &kernel, found), ==, rows[i].found);
        g_assert_cmpuint(found->len, ==, rows[i].newer);
    }
}

/* Cut anywhere, and with every byte changed: it ends, and what comes out is text. */
static void
test_damage(void)
{
    const char *const logs[] = {deb_log, rpm_log};

    for (gsize l = 0; l < G_N_ELEMENTS(logs); l++) {
        gsize length = strlen(logs[l]);

        for (gsize i = 0; i <= length; i++) {
            g_autofree char *text = g_memdup2(logs[l], length);
            g_autoptr(GPtrArray) cut = lab_changelog_parse(text, i);
            g_autoptr(GPtrArray) changed = NULL;

            if (i < length)
                text[i] = (char)(text[i] ^ (char)(1 << (i % 8)));
            changed = lab_changelog_parse(text, length);
            for (guint n = 0; n < changed->len; n++) {
                const LabChange *change = changed->pdata[n];

                for (guint k = 0; k < change->items->len; k++)
                    g_assert_true(g_utf8_validate(change->items->pdata[k], -1, NULL));
            }
        }
    }
}

#define HEAD "kernels:\n  - {name: a, summary: s, family: el7"

static const struct {
    const char *text, *message;
} mistakes[] = {
    {HEAD "}\n", "c.yaml:2:5: kernels[0]: expected either 'source' or 'files'"},
    {HEAD ", files: [a.rpm]}\n", "c.yaml:2:5: kernels[0]: 'files' needs 'from' and 'release'"},
    {HEAD ", source: \"debian:a/b\", debug: [a.rpm]}\n",
     "c.yaml:2:5: kernels[0]: 'debug' needs 'debug_from'"},
    {HEAD
     ", source: \"debian:a/b\"}\n  - {name: a, summary: s, family: el7, source: \"debian:a/c\"}\n",
     "c.yaml:3:12: kernels[1].name: 'a': another kernel has that name"},
    {HEAD ", source: \"debian:a/b\", sha256: "
          "[b.rpm=0000000000000000000000000000000000000000000000000000000000000000]}\n",
     "c.yaml:2:5: kernels[0]: sha256: 'b.rpm' is none of its files"},
    {HEAD ", source: \"debian:a/b\", key: abc}\n",
     "c.yaml:2:67: kernels[0].key: 'abc': expected 40 hexadecimal digits"},
    {HEAD ", release: r, from: \"https://h/p\", files: [../a.rpm]}\n",
     "c.yaml:2:58: kernels[0].from: 'https://h/p': expected a URL that ends in /\n"
     "c.yaml:2:81: kernels[0].files[0]: '../a.rpm': expected a package's file name"},
};

static void
test_catalogue_mistakes(void)
{
    for (gsize i = 0; i < G_N_ELEMENTS(mistakes); i++) {
        g_autoptr(GError) error = NULL;
        g_autoptr(LabCatalogue) catalogue =
            lab_catalogue_load_text(mistakes[i].text, strlen(mistakes[i].text), "c.yaml", &error);

        g_assert_null(catalogue);
        g_assert_error(error, LAB_CONFIG_ERROR, LAB_ERROR_FAILED);
        g_assert_cmpstr(error->message, ==, mistakes[i].message);
    }
}

static void
test_catalogue_sources(void)
{
    static const char text[] = HEAD
        ", release: 1-2.el7, from: \"https://h/p/\", files: [a.rpm], headers: [d.rpm], "
        "debug_from: \"http://h/d/\", debug: [s.rpm, t.rpm], sha256: "
        "[s.rpm=00000000000000000000000000000000000000000000000000000000000000ff]}\n";
    g_autoptr(GError) error = NULL;
    g_autoptr(LabCatalogue)
        catalogue = lab_catalogue_load_text(text, strlen(text), "c.yaml", &error);
    const LabCatalogueEntry *entry;
    g_auto(GStrv) plain = NULL;
    g_auto(GStrv) all = NULL;
    g_autofree char *joined = NULL;

    g_assert_no_error(error);
    entry = lab_catalogue_find(catalogue, "1-2.el7");
    g_assert_true(entry && entry == lab_catalogue_find(catalogue, "a"));
    g_assert_null(lab_catalogue_find(catalogue, "b"));
    plain = lab_catalogue_sources(entry, FALSE, FALSE);
    g_assert_cmpuint(g_strv_length(plain), ==, 1);
    g_assert_cmpstr(plain[0], ==, "https://h/p/a.rpm");
    /* What is neither protected nor pinned is not fetched. */
    all = lab_catalogue_sources(entry, TRUE, TRUE);
    joined = g_strjoinv(" ", all);
    g_assert_cmpstr(joined, ==,
                    "https://h/p/a.rpm https://h/p/d.rpm http://h/d/s.rpm#sha256="
                    "00000000000000000000000000000000000000000000000000000000000000ff");
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/changelog/forms", test_forms);
    g_test_add_func("/changelog/since", test_since);
    g_test_add_func("/changelog/damage", test_damage);
    g_test_add_func("/catalogue/mistakes", test_catalogue_mistakes);
    g_test_add_func("/catalogue/sources", test_catalogue_sources);
    return g_test_run();
}
