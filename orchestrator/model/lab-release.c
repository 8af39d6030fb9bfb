/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lab-release.h"

#include <string.h>

const char *const lab_family_words[] = {"upstream", "debian", "ubuntu",    "el7", "el8",
                                        "el9",      "alinux", "openeuler", NULL};

const char *
lab_family_name(LabFamily family)
{
    return family == LAB_FAMILY_OTHER ? "other" : lab_family_words[family - LAB_FAMILY_UPSTREAM];
}

LabFamily
lab_family_from_name(const char *name)
{
    for (gsize i = 0; name && lab_family_words[i]; i++)
        if (strcmp(name, lab_family_words[i]) == 0)
            return (LabFamily)(i + LAB_FAMILY_UPSTREAM);
    return LAB_FAMILY_OTHER;
}

void
lab_release_free(LabRelease *release)
{
    if (!release)
        return;
    g_free(release->release);
    g_free(release->upstream);
    g_free(release->version);
    g_free(release->abi);
    g_free(release->flavour);
    g_free(release);
}

/* First match of 'pattern' in 'text', its groups into the places given (NULL-terminated; each may
 * be replaced). */
static gboolean
match(const char *pattern, const char *text, char **first, char **second)
{
    g_autoptr(GRegex) regex = g_regex_new(pattern, 0, 0, NULL);
    g_autoptr(GMatchInfo) info = NULL;

    if (!text || !g_regex_match(regex, text, 0, &info))
        return FALSE;
    if (first) {
        g_free(*first);
        *first = g_match_info_fetch(info, 1);
    }
    if (second) {
        g_free(*second);
        *second = g_match_info_fetch(info, 2);
    }
    return TRUE;
}

/* "kernel-3.10.0-1160.el7.x86_64.rpm" and "linux-image-4.4.0-47-generic" are releases, too. */
static const char *
without_package_name(const char *text)
{
    while (*text && !g_ascii_isdigit(*text)) {
        const char *hyphen = strchr(text, '-');

        if (!hyphen)
            return text;
        text = hyphen + 1;
    }
    return text;
}

/* rpm: VERSION-RELEASE.ARCH, and whose. Kernels that only carry the tag (elrepo's el7 of 5.4,
 * Oracle's uek) are not of the family: its base tells. */
static gboolean
parse_rpm(LabRelease *r, const char *text)
{
    static const struct {
        const char *tag, *base;
        LabFamily family;
    } tags[] = {
        {"\\.el7(_[0-9]+)?(\\.|$|\\+)", "3.10.0", LAB_FAMILY_EL7},
        {"\\.el8(_[0-9]+)?(\\.|$|\\+)", "4.18.0", LAB_FAMILY_EL8},
        {"\\.el9(_[0-9]+)?(\\.|$|\\+)", "5.14.0", LAB_FAMILY_EL9},
        {"\\.al[0-9]+(\\.|$)", NULL, LAB_FAMILY_ALINUX},
        {"\\.oe[0-9]+(sp[0-9]+)?(\\.|$)", NULL, LAB_FAMILY_OPENEULER},
    };

    if (lab_version_family(text) != LAB_VERSION_RPM)
        return FALSE;
    r->upstream_base = TRUE;
    if (!match("^(.*?)\\.((?:x86_64|aarch64|i[3-6]86|ppc64le|ppc64|s390x|riscv64|loongarch64|"
               "noarch|src)(?:[.+_].*)?)$",
               text, &r->version, &r->flavour))
        r->version = g_strdup(text);
    for (gsize i = 0; i < G_N_ELEMENTS(tags); i++) {
        if (!match(tags[i].tag, text, NULL, NULL))
            continue;
        if (!tags[i].base || g_str_has_prefix(text, tags[i].base))
            r->family = tags[i].family;
    }
    if (r->family == LAB_FAMILY_OTHER && strstr(text, ".elrepo")) {
        r->family = LAB_FAMILY_UPSTREAM;
        r->upstream_base = FALSE;
        g_clear_pointer(&r->version, g_free);
    }
    return TRUE;
}

/* Ubuntu: BASE-ABI-FLAVOUR, and "#UPLOAD-Ubuntu" in uname -v: the package is BASE-ABI.UPLOAD. */
static gboolean
parse_ubuntu(LabRelease *r, const char *text, const char *uname_v, const char *package_version)
{
    static const char flavours[] =
        "^([0-9]+\\.[0-9]+\\.[0-9]+-[0-9]+)(?:\\.[0-9]+)?-((?:generic|lowlatency|virtual|server|"
        "generic-pae|aws|azure|gcp|gke|gkeop|kvm|oracle|oem|raspi2?|ibm|nvidia|snapdragon|"
        "intel|xilinx|fips|realtime|bluefield|dell300x|euclid)(?:-[a-z0-9-]+)?)$";
    g_autofree char *upload = NULL;

    if (!match(flavours, text, &r->abi, &r->flavour) &&
        !(match("-Ubuntu( |$)", uname_v, NULL, NULL) &&
          match("^([0-9]+\\.[0-9]+\\.[0-9]+-[0-9]+)-(.+)$", text, &r->abi, &r->flavour)))
        return FALSE;
    r->family = LAB_FAMILY_UBUNTU;
    r->upstream_base = TRUE;
    r->own_line = !match("^(generic|lowlatency|virtual|server)(-|$)", r->flavour, NULL, NULL);
    if (package_version && g_str_has_prefix(package_version, r->abi))
        r->version = g_strdup(package_version);
    else if (match("#([0-9]+)(?:~[0-9.]+)?-Ubuntu", uname_v, &upload, NULL))
        r->version = g_strconcat(r->abi, ".", upload, NULL);
    return TRUE;
}

/* Debian: the release has an ABI number, or the upstream release since 6.12; the version is in
 * uname -v. */
static gboolean
parse_debian(LabRelease *r, const char *text, const char *uname_v, const char *package_version)
{
    static const char arches[] =
        "((?:cloud-|rt-|powerpc-|vserver-|xen-|grsec-)*(?:amd64|arm64|armmp|armmp-lpae|i386|486|"
        "686|686-pae|686-bigmem|marvell|powerpc64le|powerpc64|ppc64el|riscv64|s390x|mips[a-z0-9-]*|"
        "4kc-malta|5kc-malta|loongson-3|octeon|rpi|loong64)(?:-16k|-unsigned|-dbg)?)$";
    g_autofree char *abi =
        g_strconcat("^([0-9]+\\.[0-9]+(?:\\.[0-9]+)?-[0-9]+(?:\\.bpo\\.[0-9]+)?)-", arches, NULL);
    g_autofree char *named = g_strconcat(
        "^([0-9]+\\.[0-9]+(?:\\.[0-9]+)?(?:~rc[0-9]+|-rc[0-9]+)?)\\+[a-z0-9.~+]+-", arches, NULL);
    g_autofree char *plain =
        g_strconcat("^([0-9]+\\.[0-9]+\\.[0-9]+(?:~rc[0-9]+|-rc[0-9]+)?)-", arches, NULL);
    g_autofree char *upstream = NULL;

    if (!match(abi, text, &r->abi, &r->flavour) && !match(named, text, &r->version, &r->flavour) &&
        !match(plain, text, &r->version, &r->flavour) &&
        !match("Debian [0-9]", uname_v, NULL, NULL))
        return FALSE;
    r->family = LAB_FAMILY_DEBIAN;
    if (package_version)
        match("^([0-9].*)$", package_version, &r->version, NULL);
    else
        match("Debian ([0-9][0-9A-Za-z.+~:-]*)", uname_v, &r->version, NULL);
    r->upstream_base = !r->version;
    if (match("^(?:[0-9]+:)?([0-9]+(?:\\.[0-9]+)+(?:~rc[0-9]+)?)", r->version, &upstream, NULL)) {
        g_free(r->upstream);
        r->upstream = lab_version_upstream(upstream);
    }
    return TRUE;
}

/* Kernels of distributions that the lab knows nothing of but that they have patches of their own:
 * SUSE, Arch, Gentoo, Android, Microsoft's WSL … */
static gboolean
is_of_another_distribution(const char *text)
{
    return match("-(default|arch[0-9]|zen[0-9]|lts|hardened|MANJARO|gentoo|android|"
                 "microsoft|pve|chromeos|xanmod|liquorix|tegra|yocto)(-|$|[0-9])|amzn|uek",
                 text, NULL, NULL);
}

LabRelease *
lab_release_new(const char *release, const char *text, const char *package_version)
{
    LabRelease *r = g_new0(LabRelease, 1);
    const char *start = without_package_name(release);
    g_autofree char *bare = g_str_has_suffix(start, ".rpm")
                                ? g_strndup(start, strlen(start) - strlen(".rpm"))
                                : g_strdup(start);

    r->release = g_strdup(release);
    r->upstream = lab_version_upstream(bare);
    if (parse_rpm(r, bare) || parse_ubuntu(r, bare, text, package_version) ||
        parse_debian(r, bare, text, package_version))
        return r;
    if (is_of_another_distribution(bare))
        r->upstream_base = TRUE;
    else
        r->family = LAB_FAMILY_UPSTREAM;
    return r;
}

static int
sign(int number)
{
    return (number > 0) - (number < 0);
}

/* "4.15.0-45.48~16.04.1" is the upload 4.15.0-45.48, built for an older release of Ubuntu. */
static char *
without_backport(const char *version)
{
    return g_strndup(version, strcspn(version, "~"));
}

static gboolean
order_ubuntu(const LabRelease *release, const char *bound, int *order)
{
    g_autofree char *bound_abi = NULL;
    g_autofree char *version = NULL;
    g_autofree char *plain = without_backport(bound);

    if (release->own_line)
        return FALSE;
    if (!match("^([0-9]+\\.[0-9]+\\.[0-9]+-[0-9]+)", bound, &bound_abi, NULL)) {
        *order = sign(lab_version_compare(LAB_VERSION_DEB, release->abi, bound));
        return TRUE;
    }
    /* An ABI number stands for the upload that was released with it. */
    if (!release->version || strcmp(bound_abi, plain) == 0) {
        *order = sign(lab_version_compare(LAB_VERSION_DEB, release->abi, bound_abi));
        return TRUE;
    }
    version = without_backport(release->version);
    *order = sign(lab_version_compare(LAB_VERSION_DEB, version, plain));
    return TRUE;
}

static gboolean
order_debian(const LabRelease *release, const char *bound, int *order)
{
    gboolean bound_is_abi = match("^[0-9]+\\.[0-9]+\\.0-[0-9]+$", bound, NULL, NULL);
    gboolean known = release->version != NULL;
    g_autofree char *bound_upstream = NULL;
    int upstream;

    if (bound_is_abi && release->abi) {
        *order = sign(lab_version_compare(LAB_VERSION_DEB, release->abi, bound));
        return TRUE;
    }
    if (known && !bound_is_abi && strchr(release->version, '-')) {
        *order = sign(lab_version_compare(LAB_VERSION_DEB, release->version, bound));
        return TRUE;
    }
    bound_upstream = lab_version_upstream(bound);
    if (!lab_release_order_upstream(release, bound_upstream, &upstream))
        return FALSE;
    /* The same upstream release: the revision would tell. */
    if (upstream == 0 && strchr(bound, '-'))
        return FALSE;
    *order = upstream;
    return TRUE;
}

gboolean
lab_release_order(const LabRelease *release, const char *bound, int *order)
{
    switch (release->family) {
    case LAB_FAMILY_EL7:
    case LAB_FAMILY_EL8:
    case LAB_FAMILY_EL9:
    case LAB_FAMILY_ALINUX:
    case LAB_FAMILY_OPENEULER:
        *order = sign(lab_version_compare(LAB_VERSION_RPM, release->version, bound));
        return TRUE;
    case LAB_FAMILY_UBUNTU:
        return order_ubuntu(release, bound, order);
    case LAB_FAMILY_DEBIAN:
        return order_debian(release, bound, order);
    case LAB_FAMILY_UPSTREAM:
        return lab_release_order_upstream(release, bound, order);
    case LAB_FAMILY_OTHER:
        return FALSE;
    }
    return FALSE;
}

/* "6.1" of "6.1.170" or of "6.1~rc3"; g_free. */
static char *
series(const char *upstream)
{
    const char *dot = strchr(upstream, '.');
    gsize n = dot ? (gsize)(dot - upstream) + 1 + strspn(dot + 1, "0123456789") : strlen(upstream);

    return g_strndup(upstream, n);
}

gboolean
lab_release_order_upstream(const LabRelease *release, const char *bound, int *order)
{
    g_autofree char *to = lab_version_upstream(bound);
    g_autofree char *series_own = series(release->upstream);
    g_autofree char *series_bound = series(to);
    int result = sign(lab_version_compare(LAB_VERSION_DEB, series_own, series_bound));

    if (!release->upstream_base || result != 0) {
        *order = sign(lab_version_compare(LAB_VERSION_DEB, release->upstream, to));
        return TRUE;
    }
    /* Of the same series, and no more is known: it is the series' first release or a later one. */
    if (!g_str_has_suffix(to, ".0") && !strstr(to, "~rc"))
        return FALSE;
    *order = strstr(to, "~rc") ? 1 : 0;
    return TRUE;
}
