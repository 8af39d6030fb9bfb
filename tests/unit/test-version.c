/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdio.h>
#include <string.h>

#include "lab-error.h"
#include "lab-proc.h"
#include "lab-version.h"

/* From rpm's own tests/rpmvercmp.at. */
static const struct {
    const char *a, *b;
    int order;
} rpm_vectors[] = {
    {"1.0", "1.0", 0},
    {"1.0", "2.0", -1},
    {"2.0", "1.0", 1},
    {"2.0.1", "2.0.1", 0},
    {"2.0", "2.0.1", -1},
    {"2.0.1", "2.0", 1},
    {"2.0.1a", "2.0.1a", 0},
    {"2.0.1a", "2.0.1", 1},
    {"2.0.1", "2.0.1a", -1},
    {"5.5p1", "5.5p1", 0},
    {"5.5p1", "5.5p2", -1},
    {"5.5p2", "5.5p1", 1},
    {"5.5p10", "5.5p10", 0},
    {"5.5p1", "5.5p10", -1},
    {"5.5p10", "5.5p1", 1},
    {"10xyz", "10.1xyz", -1},
    {"10.1xyz", "10xyz", 1},
    {"xyz10", "xyz10", 0},
    {"xyz10", "xyz10.1", -1},
    {"xyz10.1", "xyz10", 1},
    {"xyz.4", "xyz.4", 0},
    {"xyz.4", "8", -1},
    {"8", "xyz.4", 1},
    {"xyz.4", "2", -1},
    {"2", "xyz.4", 1},
    {"5.5p2", "5.6p1", -1},
    {"5.6p1", "5.5p2", 1},
    {"5.6p1", "6.5p1", -1},
    {"6.5p1", "5.6p1", 1},
    {"6.0.rc1", "6.0", 1},
    {"6.0", "6.0.rc1", -1},
    {"10b2", "10a1", 1},
    {"10a2", "10b2", -1},
    {"1.0aa", "1.0aa", 0},
    {"1.0a", "1.0aa", -1},
    {"1.0aa", "1.0a", 1},
    {"10.0001", "10.0001", 0},
    {"10.0001", "10.1", 0},
    {"10.1", "10.0001", 0},
    {"10.0001", "10.0039", -1},
    {"10.0039", "10.0001", 1},
    {"4.999.9", "5.0", -1},
    {"5.0", "4.999.9", 1},
    {"20101121", "20101121", 0},
    {"20101121", "20101122", -1},
    {"20101122", "20101121", 1},
    {"2_0", "2_0", 0},
    {"2.0", "2_0", 0},
    {"2_0", "2.0", 0},
    {"a", "a", 0},
    {"a+", "a+", 0},
    {"a+", "a_", 0},
    {"a_", "a+", 0},
    {"+a", "+a", 0},
    {"+a", "_a", 0},
    {"_a", "+a", 0},
    {"+_", "+_", 0},
    {"_+", "+_", 0},
    {"_+", "_+", 0},
    {"+", "_", 0},
    {"_", "+", 0},
    {"1.0~rc1", "1.0~rc1", 0},
    {"1.0~rc1", "1.0", -1},
    {"1.0", "1.0~rc1", 1},
    {"1.0~rc1", "1.0~rc2", -1},
    {"1.0~rc2", "1.0~rc1", 1},
    {"1.0~rc1~git123", "1.0~rc1~git123", 0},
    {"1.0~rc1~git123", "1.0~rc1", -1},
    {"1.0~rc1", "1.0~rc1~git123", 1},
    {"1.0^", "1.0^", 0},
    {"1.0^", "1.0", 1},
    {"1.0", "1.0^", -1},
    {"1.0^git1", "1.0^git1", 0},
    {"1.0^git1", "1.0", 1},
    {"1.0", "1.0^git1", -1},
    {"1.0^git1", "1.0^git2", -1},
    {"1.0^git2", "1.0^git1", 1},
    {"1.0^git1", "1.01", -1},
    {"1.01", "1.0^git1", 1},
    {"1.0^20160101", "1.0^20160101", 0},
    {"1.0^20160101", "1.0.1", -1},
    {"1.0.1", "1.0^20160101", 1},
    {"1.0^20160101^git1", "1.0^20160101^git1", 0},
    {"1.0^20160102", "1.0^20160101^git1", 1},
    {"1.0^20160101^git1", "1.0^20160102", -1},
    {"1.0~rc1^git1", "1.0~rc1^git1", 0},
    {"1.0~rc1^git1", "1.0~rc1", 1},
    {"1.0~rc1", "1.0~rc1^git1", -1},
    {"1.0^git1~pre", "1.0^git1~pre", 0},
    {"1.0^git1", "1.0^git1~pre", 1},
    {"1.0^git1~pre", "1.0^git1", -1},
    {"1b.fc17", "1b.fc17", 0},
    {"1b.fc17", "1.fc17", -1},
    {"1.fc17", "1b.fc17", 1},
    {"1g.fc17", "1g.fc17", 0},
    {"1g.fc17", "1.fc17", 1},
    {"1.fc17", "1g.fc17", -1},
};

static void
test_rpm(void)
{
    for (gsize i = 0; i < G_N_ELEMENTS(rpm_vectors); i++) {
        int order = lab_version_compare(LAB_VERSION_RPM, rpm_vectors[i].a, rpm_vectors[i].b);

        if (order != rpm_vectors[i].order)
            g_error("'%s' to '%s': %d, not %d", rpm_vectors[i].a, rpm_vectors[i].b, order,
                    rpm_vectors[i].order);
    }
    g_assert_cmpint(lab_version_compare(LAB_VERSION_RPM, "1:1.0-1", "2.0-1"), >, 0);
    g_assert_cmpint(lab_version_compare(LAB_VERSION_RPM, "3.10.0-862.el7", "3.10.0-957.el7"), <, 0);
    g_assert_cmpint(lab_version_compare(LAB_VERSION_RPM, "4.18.0", "4.18.0-80.el8"), ==, 0);
    g_assert_cmpint(lab_version_compare(LAB_VERSION_RPM, "4.18.0-80.11.2.el8_0", "4.18.0-80.el8"),
                    >, 0);
}

static const char *const deb_versions[] = {
    "0",         "1.0",       "1.0~rc1",    "1.0~~",       "1.0~",      "1.0-1", "1.0-1~bpo1",
    "1.0-10",    "1.0-9",     "1.0+b1",     "1.0.1",       "1.0a",      "1.00",  "1:0.1",
    "6.1.0-49",  "6.1.170-1", "6.12~rc1-1", "6.12.1-1",    "5.10.0-39", "2:1.0", "1.0+dfsg-1",
    "1.0-1+b10", "1.0-1+b9",  "4.4.0-47",   "4.4.0-47.68", "09",        "9",     "1.0-1.1",
};

/* Every pair, asked of dpkg itself. */
static void
test_deb(void)
{
    guint asked = 0;

    for (gsize i = 0; i < G_N_ELEMENTS(deb_versions); i++) {
        for (gsize j = 0; j <= i; j++) {
            int order = lab_version_compare(LAB_VERSION_DEB, deb_versions[i], deb_versions[j]);
            const char *word = order < 0 ? "lt" : order > 0 ? "gt" : "eq";
            const char *const argv[] = {"dpkg", "--compare-versions", deb_versions[i],
                                        word,   deb_versions[j],      NULL};
            g_auto(LabProcResult) result = {0};
            g_autoptr(GError) error = NULL;

            g_assert_cmpint(
                order, ==, -lab_version_compare(LAB_VERSION_DEB, deb_versions[j], deb_versions[i]));
            if (!lab_proc_run(argv, NULL, &result, &error)) {
                g_test_skip(error->message);
                return;
            }
            if (result.status != 0)
                g_error("dpkg says that '%s' is not %s '%s'", deb_versions[i], word,
                        deb_versions[j]);
            asked++;
        }
    }
    g_assert_cmpuint(asked, ==, G_N_ELEMENTS(deb_versions) * (G_N_ELEMENTS(deb_versions) + 1) / 2);
}

static void
test_family(void)
{
    static const char *const rpm[] = {"3.10.0-862.el7.x86_64", "4.18.0-80.el8.x86_64",
                                      "4.19.91-26.al7.x86_64", "4.19.90-2112.8.0.0131.oe1.x86_64",
                                      "6.5.6-300.fc39.x86_64"};
    static const char *const deb[] = {"6.1.0-49-amd64", "4.4.0-47-generic", "7.3.0", "6.12-rc1"};

    for (gsize i = 0; i < G_N_ELEMENTS(rpm); i++)
        g_assert_cmpint(lab_version_family(rpm[i]), ==, LAB_VERSION_RPM);
    for (gsize i = 0; i < G_N_ELEMENTS(deb); i++)
        g_assert_cmpint(lab_version_family(deb[i]), ==, LAB_VERSION_DEB);
}

static void
test_release_order(void)
{
    static const char *const ordered[] = {
        "3.10.0-862.el7.x86_64",
        "3.10.0-957.el7.x86_64",
        "4.4.0-47-generic",
        "4.18.0-80.el8.x86_64",
        "5.10.0-39-amd64",
        "6.1.0-9-amd64",
        "6.1.0-49-amd64",
        "6.1.170",
        "6.12.0-rc1",
        "6.12.0",
        "6.12.1",
        "7.3.0",
    };

    for (gsize i = 0; i < G_N_ELEMENTS(ordered); i++) {
        for (gsize j = 0; j < G_N_ELEMENTS(ordered); j++) {
            int order = lab_release_compare(ordered[i], ordered[j]);

            if ((i < j && order >= 0) || (i > j && order <= 0) || (i == j && order != 0))
                g_error("'%s' to '%s': %d", ordered[i], ordered[j], order);
        }
    }
}

static const struct {
    const char *release, *range;
    gboolean in;
} ranges[] = {
    {"4.4.0-47-generic", ">= 4.4, < 4.13", TRUE},
    {"4.13.0-37-generic", ">= 4.4, < 4.13", FALSE},
    {"4.13.0-37-generic", ">= 4.13", TRUE},
    {"4.13.1", "= 4.13", FALSE},
    {"4.13.0", "== 4.13", TRUE},
    {"4.12.14", "< 4.13", TRUE},
    {"4.13.0-rc7", "< 4.13", TRUE},
    {"4.13.0-rc7", ">= 4.13-rc1", TRUE},
    {"3.10.0-862.el7.x86_64", "< 3.10.0-957.el7", TRUE},
    {"3.10.0-1160.el7.x86_64", "< 3.10.0-957.el7", FALSE},
    {"6.1.0-49-amd64", "!= 6.1", FALSE},
    {"6.1.0-49-amd64", ">6.0,<6.2", TRUE},
    {"6.1.0-49-amd64", "<= 6.1", TRUE},
    {"10.0.0", "> 9.9", TRUE},
};

static void
test_ranges(void)
{
    static const char *const bad[] = {"", "4.4", ">= ", "< 4.4,", "~ 4", "< four", "< 4.4 5"};

    for (gsize i = 0; i < G_N_ELEMENTS(ranges); i++) {
        g_autoptr(GError) error = NULL;
        gboolean in = lab_version_in_range(ranges[i].release, ranges[i].range, &error);

        g_assert_no_error(error);
        if (in != ranges[i].in)
            g_error("'%s' in '%s': %d", ranges[i].release, ranges[i].range, in);
    }
    for (gsize i = 0; i < G_N_ELEMENTS(bad); i++) {
        g_autoptr(GError) error = NULL;

        g_assert_false(lab_version_in_range("6.1.0", bad[i], &error));
        g_assert_error(error, LAB_CONFIG_ERROR, LAB_ERROR_FAILED);
    }
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/version/rpm", test_rpm);
    g_test_add_func("/version/deb", test_deb);
    g_test_add_func("/version/family", test_family);
    g_test_add_func("/version/release-order", test_release_order);
    g_test_add_func("/version/ranges", test_ranges);
    return g_test_run();
}
