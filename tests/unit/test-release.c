/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Releases as they are found, and pairs of real kernel versions: rpm (its own 'vercmp') and dpkg
 * are the referees.
 */
#include <string.h>

#include "lab-affected.h"
#include "lab-proc.h"
#include "lab-release.h"

static const struct {
    const char *release, *text, *package_version;
    const char *family, *upstream, *version, *abi, *flavour;
} releases[] = {
    {"3.10.0-1160.62.1.el7.x86_64", NULL, NULL, "el7", "3.10.0", "3.10.0-1160.62.1.el7", NULL,
     "x86_64"},
    {"3.10.0-862.14.4.el7.x86_64", "#1 SMP Wed Sep 26 15:12:11 UTC 2018", "3.10.0-862.14.4.el7",
     "el7", "3.10.0", "3.10.0-862.14.4.el7", NULL, "x86_64"},
    {"kernel-debug-3.10.0-1160.el7.x86_64.rpm", NULL, NULL, "el7", "3.10.0", "3.10.0-1160.el7",
     NULL, "x86_64"},
    {"3.10.0-1160.el7.x86_64.debug", NULL, NULL, "el7", "3.10.0", "3.10.0-1160.el7", NULL,
     "x86_64.debug"},
    {"5.4.278-1.el7.elrepo.x86_64", NULL, NULL, "upstream", "5.4.278", NULL, NULL, "x86_64"},
    {"5.4.17-2136.307.3.1.el7uek.x86_64", NULL, NULL, "other", "5.4.17",
     "5.4.17-2136.307.3.1.el7uek", NULL, "x86_64"},
    {"4.14.0-115.el7a.aarch64", NULL, NULL, "other", "4.14.0", "4.14.0-115.el7a", NULL, "aarch64"},
    {"4.18.0-477.10.1.el8_8.x86_64", NULL, NULL, "el8", "4.18.0", "4.18.0-477.10.1.el8_8", NULL,
     "x86_64"},
    {"5.14.0-427.13.1.el9_4.x86_64+rt", NULL, NULL, "el9", "5.14.0", "5.14.0-427.13.1.el9_4", NULL,
     "x86_64+rt"},
    {"4.19.91-19.1.al7.x86_64", NULL, NULL, "alinux", "4.19.91", "4.19.91-19.1.al7", NULL,
     "x86_64"},
    {"5.10.134-13.al8.x86_64", NULL, NULL, "alinux", "5.10.134", "5.10.134-13.al8", NULL, "x86_64"},
    {"4.19.90-2112.8.0.0131.oe1.x86_64", NULL, NULL, "openeuler", "4.19.90",
     "4.19.90-2112.8.0.0131.oe1", NULL, "x86_64"},
    {"5.10.0-60.18.0.50.oe2203.aarch64", NULL, NULL, "openeuler", "5.10.0",
     "5.10.0-60.18.0.50.oe2203", NULL, "aarch64"},
    {"5.10.0-136.12.0.86.oe2203sp1.x86_64", NULL, NULL, "openeuler", "5.10.0",
     "5.10.0-136.12.0.86.oe2203sp1", NULL, "x86_64"},
    {"6.5.6-300.fc39.x86_64", NULL, NULL, "other", "6.5.6", "6.5.6-300.fc39", NULL, "x86_64"},
    {"4.4.0-47-generic", NULL, NULL, "ubuntu", "4.4.0", NULL, "4.4.0-47", "generic"},
    {"4.4.0-47-generic", "#68-Ubuntu SMP Wed Oct 26 19:39:52 UTC 2016", NULL, "ubuntu", "4.4.0",
     "4.4.0-47.68", "4.4.0-47", "generic"},
    {"linux-image-4.4.0-47-generic", NULL, "4.4.0-47.68", "ubuntu", "4.4.0", "4.4.0-47.68",
     "4.4.0-47", "generic"},
    {"4.15.0-45-generic", "#48~16.04.1-Ubuntu SMP Tue Jan 29 18:03:48 UTC 2019", NULL, "ubuntu",
     "4.15.0", "4.15.0-45.48", "4.15.0-45", "generic"},
    {"4.4.0-1101-aws", "#112-Ubuntu SMP", NULL, "ubuntu", "4.4.0", "4.4.0-1101.112", "4.4.0-1101",
     "aws"},
    {"6.8.0-51-lowlatency", NULL, NULL, "ubuntu", "6.8.0", NULL, "6.8.0-51", "lowlatency"},
    {"6.1.0-49-amd64", NULL, NULL, "debian", "6.1.0", NULL, "6.1.0-49", "amd64"},
    {"6.1.0-56-cloud-amd64", "#1 SMP PREEMPT_DYNAMIC Debian 6.1.192-2 (2026-11-16)", NULL, "debian",
     "6.1.192", "6.1.192-2", "6.1.0-56", "cloud-amd64"},
    {"5.10.0-46-cloud-amd64", NULL, "5.10.262-1", "debian", "5.10.262", "5.10.262-1", "5.10.0-46",
     "cloud-amd64"},
    {"6.12.117+deb12-cloud-amd64", NULL, NULL, "debian", "6.12.117", "6.12.117", NULL,
     "cloud-amd64"},
    {"6.12.117+deb12-cloud-amd64", NULL, "6.12.117-1~deb12u1", "debian", "6.12.117",
     "6.12.117-1~deb12u1", NULL, "cloud-amd64"},
    {"4.19.0-27-686-pae", NULL, NULL, "debian", "4.19.0", NULL, "4.19.0-27", "686-pae"},
    {"6.1.0-0.deb11.13-amd64", "#1 SMP PREEMPT_DYNAMIC Debian 6.1.55-1~bpo11+1 (2023-10-08)", NULL,
     "debian", "6.1.55", "6.1.55-1~bpo11+1", NULL, NULL},
    {"6.1.170", NULL, NULL, "upstream", "6.1.170", NULL, NULL, NULL},
    {"6.12.0-rc1", NULL, NULL, "upstream", "6.12.0~rc1", NULL, NULL, NULL},
    {"7.3.0-lab", NULL, NULL, "upstream", "7.3.0", NULL, NULL, NULL},
    {"5.3.18-150300.59.106-default", NULL, NULL, "other", "5.3.18", NULL, NULL, NULL},
    {"6.6.1-arch1-1", NULL, NULL, "other", "6.6.1", NULL, NULL, NULL},
    {"4.14.336-253.554.amzn2.x86_64", NULL, NULL, "other", "4.14.336", "4.14.336-253.554.amzn2",
     NULL, "x86_64"},
};

static void
test_parse(void)
{
    for (gsize i = 0; i < G_N_ELEMENTS(releases); i++) {
        g_autoptr(LabRelease)
            r = lab_release_new(releases[i].release, releases[i].text, releases[i].package_version);

        g_test_message("%s", releases[i].release);
        g_assert_cmpstr(lab_family_name(r->family), ==, releases[i].family);
        g_assert_cmpstr(r->upstream, ==, releases[i].upstream);
        g_assert_cmpstr(r->version, ==, releases[i].version);
        g_assert_cmpstr(r->abi, ==, releases[i].abi);
        g_assert_cmpstr(r->flavour, ==, releases[i].flavour);
        g_assert_true(r->family == LAB_FAMILY_OTHER ||
                      lab_family_from_name(releases[i].family) == r->family);
    }
    g_assert_cmpint(lab_family_from_name("el6"), ==, LAB_FAMILY_OTHER);
    g_assert_cmpint(lab_family_from_name(NULL), ==, LAB_FAMILY_OTHER);
}

/* Versions of kernel packages that were released (centos and RHEL 7 to 9, Alibaba Cloud Linux,
 * openEuler): every pair of a list is asked of rpm. */
static const char *const rpm_versions[] = {
    "3.10.0-123.el7",
    "3.10.0-327.36.3.el7",
    "3.10.0-514.el7",
    "3.10.0-693.21.1.el7",
    "3.10.0-862.el7",
    "3.10.0-862.14.4.el7",
    "3.10.0-957.27.2.el7",
    "3.10.0-1062.12.1.el7",
    "3.10.0-1160.el7",
    "3.10.0-1160.2.1.el7",
    "3.10.0-1160.62.1.el7",
    "3.10.0-1160.86.1.el7",
    "3.10.0-1160.95.1.el7",
    "3.10.0-1160.119.1.el7",
    "4.18.0-80.el8",
    "4.18.0-80.11.2.el8_0",
    "4.18.0-477.10.1.el8_8",
    "5.14.0-427.13.1.el9_4",
    "4.19.91-19.1.al7",
    "4.19.91-22.2.al7",
    "4.19.91-23.al7",
    "4.19.91-26.al7",
    "5.10.134-13.al8",
    "4.19.90-2003.4.0.0036.oe1",
    "4.19.90-2112.8.0.0131.oe1",
    "5.10.0-60.18.0.50.oe2203",
    "5.10.0-136.12.0.86.oe2203sp1",
    "5.10.0-60.18.0.50.oe1",
};

/* Of Debian's and Ubuntu's packages: every pair is asked of dpkg. */
static const char *const deb_versions[] = {
    "4.19.249-2",     "4.19.316-1",         "5.10.46-4",           "5.10.148-1",
    "5.10.262-1",     "5.10.262-1~deb10u1", "6.1.55-1~bpo11+1",    "6.1.55-1",
    "6.1.170-1",      "6.1.192-2",          "6.12~rc6-1~exp1",     "6.12.6-1",
    "6.12.117-1",     "6.12.117-1~deb12u1", "4.4.0-9.24",          "4.4.0-47.68",
    "4.4.0-97.120",   "4.4.0-101.124",      "4.15.0-45.48",        "4.15.0-45.48~16.04.1",
    "4.4.0-1101.112", "5.15.0-25.25",       "6.8.0-51.52~22.04.1", "6.8.0-51.52",
};

static int
ask_rpm(const char *a, const char *b, GError **error)
{
    /* One process for a pair: rpm's macros know Lua, and its Lua rpm.vercmp(). */
    g_autofree char *lua = g_strdup_printf("%%{lua: print(rpm.vercmp('%s', '%s'))}", a, b);
    const char *const argv[] = {"rpm", "--eval", lua, NULL};
    g_auto(LabProcResult) result = {0};

    if (!lab_proc_run(argv, NULL, &result, error))
        return G_MAXINT;
    g_assert_cmpint(result.status, ==, 0);
    return (int)g_ascii_strtoll(result.output, NULL, 10);
}

static void
test_rpm_pairs(void)
{
    guint asked = 0;

    for (gsize i = 0; i < G_N_ELEMENTS(rpm_versions); i++) {
        for (gsize j = 0; j <= i; j++) {
            g_autoptr(GError) error = NULL;
            const char *a = rpm_versions[i], *b = rpm_versions[j];
            int order = lab_version_compare(LAB_VERSION_RPM, a, b);
            int theirs = ask_rpm(a, b, &error);

            if (theirs == G_MAXINT) {
                g_test_skip(error->message);
                return;
            }
            if ((order > 0) - (order < 0) != theirs)
                g_error("rpm orders '%s' and '%s' as %d, the lab as %d", a, b, theirs, order);
            asked++;
        }
    }
    g_test_message("%u pairs", asked);
    g_assert_cmpuint(asked, >=, 60);
}

static void
test_deb_pairs(void)
{
    guint asked = 0;

    for (gsize i = 0; i < G_N_ELEMENTS(deb_versions); i++) {
        for (gsize j = 0; j <= i; j++) {
            const char *a = deb_versions[i], *b = deb_versions[j];
            int order = lab_version_compare(LAB_VERSION_DEB, a, b);
            const char *word = order < 0 ? "lt" : order > 0 ? "gt" : "eq";
            const char *const argv[] = {"dpkg", "--compare-versions", a, word, b, NULL};
            g_auto(LabProcResult) result = {0};
            g_autoptr(GError) error = NULL;

            if (!lab_proc_run(argv, NULL, &result, &error)) {
                g_test_skip(error->message);
                return;
            }
            if (result.status != 0)
                g_error("dpkg says that '%s' is not %s '%s'", a, word, b);
            asked++;
        }
    }
    g_test_message("%u pairs", asked);
    g_assert_cmpuint(asked, >=, 60);
}

/* A release against a bound of its family; 9: it does not tell. */
static const struct {
    const char *release, *text, *bound;
    int order;
} bounds[] = {
    {"3.10.0-1160.62.1.el7.x86_64", NULL, "3.10.0-1160.86.1.el7", -1},
    {"3.10.0-1160.86.1.el7.x86_64", NULL, "3.10.0-1160.86.1.el7", 0},
    {"3.10.0-1160.95.1.el7.x86_64", NULL, "3.10.0-1160.86.1.el7", 1},
    {"4.19.91-19.1.al7.x86_64", NULL, "4.19.91-23.al7", -1},
    {"4.19.91-23.al7.x86_64", NULL, "4.19.91-23.al7", 0},
    {"4.19.91-26.al7.x86_64", NULL, "4.19.91-23.al7", 1},
    {"5.10.134-13.al8.x86_64", NULL, "4.19.91-23.al7", 1},
    {"4.4.0-47-generic", NULL, "4.4.0-97.120", -1},
    {"4.4.0-97-generic", NULL, "4.4.0-97.120", 0},
    {"4.4.0-101-generic", NULL, "4.4.0-97.120", 1},
    {"4.4.0-9-generic", NULL, "4.4.0-47", -1},
    {"4.4.0-47-generic", "#68-Ubuntu SMP", "4.4.0-47.69", -1},
    {"4.4.0-47-generic", "#68-Ubuntu SMP", "4.4.0-47.68", 0},
    {"4.15.0-45-generic", "#48~16.04.1-Ubuntu SMP", "4.15.0-45.48", 0},
    {"4.15.0-45-generic", NULL, "4.13", 1},
    {"4.4.0-1101-aws", "#112-Ubuntu SMP", "4.4.0-97.120", 9},
    {"6.1.0-49-amd64", NULL, "6.1.170-1", 9},
    {"6.1.0-49-amd64", NULL, "6.1.0-50", -1},
    {"6.1.0-49-amd64", NULL, "5.10.148-1", 1},
    {"6.1.0-49-amd64", NULL, "6.12.6-1", -1},
    {"6.1.0-49-amd64", "Debian 6.1.170-1 (2026)", "6.1.170-1", 0},
    {"6.1.0-49-amd64", "Debian 6.1.55-1~bpo11+1 (2023)", "6.1.55-1", -1},
    {"6.12.117+deb12-amd64", NULL, "6.12.118-1", -1},
    {"6.12.117+deb12-amd64", NULL, "6.12.117-1", 9},
    {"6.12.117+deb12-amd64", NULL, "6.12.6-1", 1},
    {"6.1.170", NULL, "6.1.9", 1},
    {"4.13.0-rc7", NULL, "4.13", -1},
    {"6.5.6-300.fc39.x86_64", NULL, "6.5.6-301.fc39", 9},
};

static void
test_bounds(void)
{
    for (gsize i = 0; i < G_N_ELEMENTS(bounds); i++) {
        g_autoptr(LabRelease) r = lab_release_new(bounds[i].release, bounds[i].text, NULL);
        int order = 9;

        if (lab_release_order(r, bounds[i].bound, &order) != (bounds[i].order != 9) ||
            order != bounds[i].order)
            g_error("'%s' to '%s': %d", bounds[i].release, bounds[i].bound, order);
    }
}

typedef struct {
    const char *family, *line, *range, *from, *before, *until, *seen, *fixed;
} Row;

static const Row page_frag[] = {
    {.family = "el7", .fixed = "3.10.0-1160.86.1.el7"},
    {.family = "alinux", .from = "4.19.91-19.1.al7", .until = "4.19.91-23.al7"},
    {.family = "el9", .seen = "5.14.0-70.el9", .before = "5.14.0-300.el9"},
    {.family = "upstream", .from = "4.10", .before = "4.19.261"},
    {.family = "upstream", .from = "4.20", .before = "5.10.147"},
    {.family = "upstream", .from = "5.11", .fixed = "6.0"},
    {.line = "el8", .range = "< 4.18.0-425.el8"},
    {.line = "an old embedded tree", .range = "< 4.4"},
};

static void
affected_free(gpointer pointer)
{
    LabAffected *entry = pointer;

    g_free(entry->family);
    g_free(entry->line);
    g_free(entry->range);
    g_free(entry->from);
    g_free(entry->before);
    g_free(entry->until);
    g_free(entry->seen);
    g_free(entry->fixed);
    g_free(entry);
}

static LabAffected *
affected_new(const Row *row)
{
    LabAffected *entry = g_new0(LabAffected, 1);

    entry->family = g_strdup(row->family);
    entry->line = g_strdup(row->line);
    entry->range = g_strdup(row->range);
    entry->from = g_strdup(row->from);
    entry->before = g_strdup(row->before);
    entry->until = g_strdup(row->until);
    entry->seen = g_strdup(row->seen);
    entry->fixed = g_strdup(row->fixed);
    return entry;
}

static const struct {
    const char *release, *text;
    LabApplies applies;
} verdicts[] = {
    {"3.10.0-1160.62.1.el7.x86_64", NULL, LAB_APPLIES_YES},
    {"3.10.0-1160.86.1.el7.x86_64", NULL, LAB_APPLIES_NO},
    {"4.19.91-18.al7.x86_64", NULL, LAB_APPLIES_NO},
    {"4.19.91-23.al7.x86_64", NULL, LAB_APPLIES_YES},
    {"4.19.91-23.1.al7.x86_64", NULL, LAB_APPLIES_NO},
    {"4.18.0-372.el8.x86_64", NULL, LAB_APPLIES_YES},
    {"4.18.0-425.el8.x86_64", NULL, LAB_APPLIES_NO},
    {"5.14.0-69.el9.x86_64", NULL, LAB_APPLIES_YES},
    {"5.14.0-70.el9.x86_64", NULL, LAB_APPLIES_YES},
    {"5.14.0-71.el9.x86_64", NULL, LAB_APPLIES_UNKNOWN},
    {"5.14.0-300.el9.x86_64", NULL, LAB_APPLIES_NO},
    {"4.9.9", NULL, LAB_APPLIES_NO},
    {"4.19.260", NULL, LAB_APPLIES_YES},
    {"4.19.261", NULL, LAB_APPLIES_NO},
    {"5.4.1", NULL, LAB_APPLIES_YES},
    {"5.10.148", NULL, LAB_APPLIES_NO},
    {"6.0.0-rc1", NULL, LAB_APPLIES_YES},
    {"6.0.0", NULL, LAB_APPLIES_NO},
    {"5.10.0-46-amd64", NULL, LAB_APPLIES_UNKNOWN},
    {"5.10.0-46-amd64", "Debian 5.10.262-1 (2026-07-31)", LAB_APPLIES_NO},
    {"5.10.0-18-amd64", "Debian 5.10.140-1 (2022-09-02)", LAB_APPLIES_YES},
    {"6.1.0-49-amd64", NULL, LAB_APPLIES_NO},
    {"4.4.0-47-generic", NULL, LAB_APPLIES_UNKNOWN},
    {"6.8.0-51-generic", NULL, LAB_APPLIES_NO},
    {"5.10.0-60.18.0.50.oe2203.x86_64", NULL, LAB_APPLIES_UNKNOWN},
    {"6.6.0-28.0.0.34.oe2403.x86_64", NULL, LAB_APPLIES_NO},
    {"6.5.6-300.fc39.x86_64", NULL, LAB_APPLIES_NO},
    {"5.3.18-150300.59.106-default", NULL, LAB_APPLIES_UNKNOWN},
};

static void
test_applies(void)
{
    g_autofree LabRecipe *recipe = g_new0(LabRecipe, 1);

    recipe->affected = g_ptr_array_new_with_free_func(affected_free);
    for (gsize i = 0; i < G_N_ELEMENTS(page_frag); i++)
        g_ptr_array_add(recipe->affected, affected_new(&page_frag[i]));
    for (gsize i = 0; i < G_N_ELEMENTS(verdicts); i++) {
        g_autoptr(LabRelease) r = lab_release_new(verdicts[i].release, verdicts[i].text, NULL);
        const LabAffected *entry = NULL;
        g_autofree char *why = NULL;
        LabApplies applies = lab_recipe_applies(recipe, r, &entry, &why);

        g_assert_nonnull(why);
        if (applies != verdicts[i].applies)
            g_error("'%s' %s: %s (%s)", verdicts[i].release,
                    verdicts[i].text ? verdicts[i].text : "", lab_applies_name(applies), why);
        g_assert_nonnull(entry);
    }
    g_ptr_array_set_size(recipe->affected, 0);
    {
        g_autoptr(LabRelease) r = lab_release_new("6.1.170", NULL, NULL);

        g_assert_cmpint(lab_recipe_applies(recipe, r, NULL, NULL), ==, LAB_APPLIES_UNKNOWN);
    }
    g_ptr_array_unref(recipe->affected);
}

static void
test_range_words(void)
{
    static const struct {
        Row row;
        const char *words;
    } rows[] = {
        {{.family = "upstream"}, "all"},
        {{.family = "upstream", .fixed = "4.13"}, "before 4.13"},
        {{.family = "upstream", .from = "4.4", .before = "4.13"}, "from 4.4, before 4.13"},
        {{.family = "alinux", .until = "4.19.91-23.al7"}, "up to 4.19.91-23.al7"},
        {{.line = "upstream", .range = "< 4.13", .fixed = "4.13"}, "< 4.13"},
    };

    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
        LabAffected *entry = affected_new(&rows[i].row);
        g_autofree char *words = lab_affected_range(entry);

        g_assert_cmpstr(words, ==, rows[i].words);
        affected_free(entry);
    }
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/release/parse", test_parse);
    g_test_add_func("/release/rpm-pairs", test_rpm_pairs);
    g_test_add_func("/release/deb-pairs", test_deb_pairs);
    g_test_add_func("/release/bounds", test_bounds);
    g_test_add_func("/release/applies", test_applies);
    g_test_add_func("/release/range-words", test_range_words);
    return g_test_run();
}
