/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lab-version.h"

#include <string.h>

#include "lab-error.h"

LabVersionFamily
lab_version_family(const char *release)
{
    return g_regex_match_simple("\\.(el|al|oe|fc|amzn|uel|an|ky|ns|tl|lns|cm|mga|ocs|os)[0-9]",
                                release, 0, 0)
               ? LAB_VERSION_RPM
               : LAB_VERSION_DEB;
}

/* Length of the run of digits, or of letters, that 'text' begins with. */
static gsize
run_length(const char *text, gboolean digits)
{
    gsize n = 0;

    while (text[n] && (digits ? g_ascii_isdigit(text[n]) : g_ascii_isalpha(text[n])))
        n++;
    return n;
}

static int
sign(gint64 number)
{
    return (number > 0) - (number < 0);
}

/* Two runs of digits of any length, without overflow. */
static int
compare_digits(const char *a, gsize length_a, const char *b, gsize length_b)
{
    for (; length_a > 0 && *a == '0'; length_a--)
        a++;
    for (; length_b > 0 && *b == '0'; length_b--)
        b++;
    if (length_a != length_b)
        return length_a < length_b ? -1 : 1;
    return sign(strncmp(a, b, length_a));
}

static gboolean
is_rpm_separator(char c)
{
    return c && !g_ascii_isalnum(c) && c != '~' && c != '^';
}

/* '~' sorts before everything, also before the end; '^' after the end, but before anything else.
 * TRUE: *result is the answer; FALSE: neither has one, or both have (*both) and go on behind it. */
static gboolean
rpm_marks(const char *a, const char *b, gboolean *both, int *result)
{
    *both = FALSE;
    if (*a == '~' || *b == '~') {
        *both = *a == *b;
        *result = *a != '~' ? 1 : -1;
        return !*both;
    }
    if (*a == '^' || *b == '^') {
        *both = *a == *b;
        if (*a == '^')
            *result = *b ? -1 : 1;
        else
            *result = *a ? 1 : -1;
        return !*both;
    }
    return FALSE;
}

/* rpm's rpmvercmp() (rpmio/rpmvercmp.c of rpm 4.18). */
static int
rpm_compare_part(const char *a, const char *b)
{
    while (*a || *b) {
        gboolean both, digits;
        gsize length_a, length_b;
        int result;

        while (is_rpm_separator(*a))
            a++;
        while (is_rpm_separator(*b))
            b++;
        if (rpm_marks(a, b, &both, &result))
            return result;
        if (both) {
            a++;
            b++;
            continue;
        }
        if (!*a || !*b)
            break;
        digits = g_ascii_isdigit(*a);
        length_a = run_length(a, digits);
        length_b = run_length(b, digits);
        /* A number is newer than a word. */
        if (length_b == 0)
            return digits ? 1 : -1;
        if (digits) {
            result = compare_digits(a, length_a, b, length_b);
        } else {
            result = sign(strncmp(a, b, MIN(length_a, length_b)));
            if (result == 0)
                result = (length_a > length_b) - (length_a < length_b);
        }
        if (result)
            return result;
        a += length_a;
        b += length_b;
    }
    return (*a != '\0') - (*b != '\0');
}

/* dpkg's order() (lib/dpkg/version.c): '~' before the end, letters before the rest. */
static int
deb_order(char c)
{
    if (c == '~')
        return -1;
    if (!c || g_ascii_isdigit(c))
        return 0;
    return g_ascii_isalpha(c) ? c : c + 256;
}

/* dpkg's verrevcmp(). */
static int
deb_compare_part(const char *a, const char *b)
{
    while (*a || *b) {
        gsize length_a, length_b;
        int result;

        while ((*a && !g_ascii_isdigit(*a)) || (*b && !g_ascii_isdigit(*b))) {
            int order_a = deb_order(*a), order_b = deb_order(*b);

            if (order_a != order_b)
                return sign(order_a - order_b);
            a++;
            b++;
        }
        length_a = run_length(a, TRUE);
        length_b = run_length(b, TRUE);
        result = compare_digits(a, length_a, b, length_b);
        if (result)
            return result;
        a += length_a;
        b += length_b;
    }
    return 0;
}

typedef struct {
    char *epoch, *version, *release; /* release NULL: has none */
} Parts;

static void
parts_clear(Parts *parts)
{
    g_free(parts->epoch);
    g_free(parts->version);
    g_free(parts->release);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Parts, parts_clear)

/* [EPOCH:]VERSION[-RELEASE]; the last hyphen parts, as both families define it. */
static void
split(const char *text, Parts *parts)
{
    const char *colon = strchr(text, ':');
    const char *start = colon ? colon + 1 : text;
    const char *hyphen = strrchr(start, '-');

    parts->epoch = colon ? g_strndup(text, (gsize)(colon - text)) : g_strdup("0");
    parts->version = hyphen ? g_strndup(start, (gsize)(hyphen - start)) : g_strdup(start);
    parts->release = hyphen ? g_strdup(hyphen + 1) : NULL;
}

int
lab_version_compare(LabVersionFamily family, const char *a, const char *b)
{
    g_auto(Parts) parts_a = {0};
    g_auto(Parts) parts_b = {0};
    int result;

    split(a, &parts_a);
    split(b, &parts_b);
    result =
        compare_digits(parts_a.epoch, strlen(parts_a.epoch), parts_b.epoch, strlen(parts_b.epoch));
    if (result)
        return result;
    if (family == LAB_VERSION_RPM) {
        result = rpm_compare_part(parts_a.version, parts_b.version);
        /* rpm compares releases only where both have one. */
        if (result || !parts_a.release || !parts_b.release)
            return result;
        return rpm_compare_part(parts_a.release, parts_b.release);
    }
    result = deb_compare_part(parts_a.version, parts_b.version);
    if (result)
        return result;
    return deb_compare_part(parts_a.release ? parts_a.release : "",
                            parts_b.release ? parts_b.release : "");
}

char *
lab_version_upstream(const char *release)
{
    gsize n = strspn(release, "0123456789.");
    g_autoptr(GString) text = g_string_new_len(release, (gssize)n);
    const char *rest = release + n;
    int dots = 0;

    while (text->len > 0 && text->str[text->len - 1] == '.')
        g_string_truncate(text, text->len - 1);
    for (const char *p = text->str; *p; p++)
        dots += *p == '.';
    for (; dots < 2; dots++)
        g_string_append(text, ".0");
    if (g_str_has_prefix(rest, "-rc") || g_str_has_prefix(rest, "~rc"))
        g_string_append_printf(text, "~rc%.*s", (int)run_length(rest + 3, TRUE), rest + 3);
    return g_strdup(text->str);
}

int
lab_release_compare(const char *a, const char *b)
{
    g_autofree char *upstream_a = lab_version_upstream(a);
    g_autofree char *upstream_b = lab_version_upstream(b);
    int result = deb_compare_part(upstream_a, upstream_b);
    LabVersionFamily family = lab_version_family(a);

    if (result)
        return result;
    if (family == lab_version_family(b))
        result = lab_version_compare(family, a, b);
    return result ? result : sign(strcmp(a, b));
}

typedef enum { OP_LT, OP_LE, OP_EQ, OP_NE, OP_GE, OP_GT } Operator;

static gboolean
parse_operator(const char **text, Operator *operator_)
{
    static const struct {
        const char *text;
        Operator operator_;
    } operators[] = {{"<=", OP_LE}, {">=", OP_GE}, {"!=", OP_NE}, {"==", OP_EQ},
                     {"<", OP_LT},  {">", OP_GT},  {"=", OP_EQ}};

    for (gsize i = 0; i < G_N_ELEMENTS(operators); i++) {
        if (g_str_has_prefix(*text, operators[i].text)) {
            *operator_ = operators[i].operator_;
            *text += strlen(operators[i].text);
            return TRUE;
        }
    }
    return FALSE;
}

/* A bound without a package part ("4.13") speaks of the upstream version alone: 4.13.0-37-generic
 * is not less than it. One with ("3.10.0-957.el7") is compared whole. */
static int
compare_with_bound(const char *release, const char *bound)
{
    gsize numbers = strspn(bound, "0123456789.");
    const char *rest = bound + numbers;
    g_autofree char *upstream = NULL;
    g_autofree char *own = NULL;

    if (g_str_has_prefix(rest, "-rc"))
        rest += 3 + run_length(rest + 3, TRUE);
    if (*rest)
        return lab_release_compare(release, bound);
    upstream = lab_version_upstream(bound);
    own = lab_version_upstream(release);
    return deb_compare_part(own, upstream);
}

static gboolean
holds(Operator operator_, int order)
{
    switch (operator_) {
    case OP_LT:
        return order < 0;
    case OP_LE:
        return order <= 0;
    case OP_EQ:
        return order == 0;
    case OP_NE:
        return order != 0;
    case OP_GE:
        return order >= 0;
    case OP_GT:
        return order > 0;
    }
    return FALSE;
}

gboolean
lab_version_range_holds(const char *range, const char *release, gboolean *result, GError **error)
{
    /* An empty text would have no parts. */
    g_auto(GStrv) parts = g_strsplit(*range ? range : " ", ",", -1);
    gboolean all = TRUE;

    for (char **part = parts; *part; part++) {
        const char *text = g_strstrip(*part);
        Operator operator_;

        if (!parse_operator(&text, &operator_) || !g_ascii_isdigit(*(text += strspn(text, " "))) ||
            strchr(text, ' ')) {
            g_set_error(error, LAB_CONFIG_ERROR, LAB_ERROR_FAILED,
                        "'%s': expected comparisons such as \">= 4.4, < 4.13\"", range);
            return FALSE;
        }
        all = all && holds(operator_, compare_with_bound(release, text));
    }
    *result = all;
    return TRUE;
}

gboolean
lab_version_in_range(const char *release, const char *range, GError **error)
{
    gboolean result = FALSE;

    return lab_version_range_holds(range, release, &result, error) && result;
}
