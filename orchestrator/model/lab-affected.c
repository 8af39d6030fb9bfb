/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lab-affected.h"

#include <string.h>

const char *
lab_applies_name(LabApplies applies)
{
    static const char *const names[] = {"unknown", "affected", "not affected"};

    return names[applies];
}

gboolean
lab_affected_bound_is_sane(const char *text)
{
    return g_ascii_isdigit(*text) && !text[strcspn(text, " \t,<>=")];
}

LabFamily
lab_affected_family(const LabAffected *entry)
{
    return lab_family_from_name(entry->family ? entry->family : entry->line);
}

/* The first version without the defect, as far as the entry says it. */
static const char *
end_of(const LabAffected *entry)
{
    return entry->before ? entry->before : entry->until ? NULL : entry->range ? NULL : entry->fixed;
}

char *
lab_affected_range(const LabAffected *entry)
{
    g_autoptr(GString) text = g_string_new(entry->range);
    const char *before = end_of(entry);

    if (entry->from)
        g_string_append_printf(text, "%sfrom %s", text->len > 0 ? ", " : "", entry->from);
    if (before)
        g_string_append_printf(text, "%sbefore %s", text->len > 0 ? ", " : "", before);
    if (entry->until)
        g_string_append_printf(text, "%sup to %s", text->len > 0 ? ", " : "", entry->until);
    if (entry->seen)
        g_string_append_printf(text, "%sseen with %s", text->len > 0 ? ", " : "", entry->seen);
    return g_strdup(text->len > 0 ? text->str : "all");
}

typedef gboolean (*Order)(const LabRelease *release, const char *bound, int *order);

/* One bound: NO when it leaves the release out, UNKNOWN when it cannot be compared. */
static LabApplies
bound_applies(const LabRelease *release, const char *bound, Order order, int least, int most)
{
    int found;

    if (!bound)
        return LAB_APPLIES_YES;
    if (!order(release, bound, &found))
        return LAB_APPLIES_UNKNOWN;
    return found >= least && found <= most ? LAB_APPLIES_YES : LAB_APPLIES_NO;
}

/* All have to hold: one NO is a NO, whatever is not known. */
static LabApplies
both(LabApplies a, LabApplies b)
{
    if (a == LAB_APPLIES_NO || b == LAB_APPLIES_NO)
        return LAB_APPLIES_NO;
    return a == LAB_APPLIES_YES && b == LAB_APPLIES_YES ? LAB_APPLIES_YES : LAB_APPLIES_UNKNOWN;
}

static LabApplies
entry_applies(const LabAffected *entry, const LabRelease *release, Order order)
{
    LabApplies result = LAB_APPLIES_YES;

    if (entry->range && !lab_version_in_range(release->release, entry->range, NULL))
        result = LAB_APPLIES_NO;
    result = both(result, bound_applies(release, entry->from, order, 0, 1));
    result = both(result, bound_applies(release, end_of(entry), order, -1, -1));
    result = both(result, bound_applies(release, entry->until, order, -1, 0));
    /* 'until' says that all up to it have the defect; 'before' only who has the fix for sure. */
    if (result == LAB_APPLIES_YES && !entry->until &&
        bound_applies(release, entry->seen, order, -1, 0) != LAB_APPLIES_YES)
        result = LAB_APPLIES_UNKNOWN;
    return result;
}

/* The union of a family's entries; *any says whether there are some, *near one to speak of. */
static LabApplies
family_applies(const LabRecipe *recipe, LabFamily family, const LabRelease *release, Order order,
               const LabAffected **near)
{
    LabApplies result = LAB_APPLIES_NO;

    *near = NULL;
    for (guint i = 0; i < recipe->affected->len && result != LAB_APPLIES_YES; i++) {
        const LabAffected *entry = recipe->affected->pdata[i];
        LabApplies one;

        if (lab_affected_family(entry) != family)
            continue;
        one = entry_applies(entry, release, order);
        /* Of those that leave it out the last that begins before it speaks nearest. */
        if (!*near || one != LAB_APPLIES_NO ||
            (result == LAB_APPLIES_NO &&
             bound_applies(release, entry->from, order, 0, 1) == LAB_APPLIES_YES))
            *near = entry;
        if (one != LAB_APPLIES_NO)
            result = one;
    }
    return result;
}

/* The base that a distribution began with has the fix: it is behind the end of every range. */
static gboolean
base_is_past_all(const LabRecipe *recipe, const LabRelease *release)
{
    guint n = 0;

    for (guint i = 0; i < recipe->affected->len; i++) {
        const LabAffected *entry = recipe->affected->pdata[i];
        int order;

        if (lab_affected_family(entry) != LAB_FAMILY_UPSTREAM)
            continue;
        n++;
        if (!end_of(entry) || !lab_release_order_upstream(release, end_of(entry), &order) ||
            order < 0)
            return FALSE;
    }
    return n > 0;
}

static char *
own_family_why(LabApplies applies, const LabAffected *entry, const LabRelease *release)
{
    g_autofree char *range = lab_affected_range(entry);
    const char *family = lab_family_name(lab_affected_family(entry));
    const char *version = release->version ? release->version
                          : release->abi   ? release->abi
                                           : release->upstream;

    if (applies == LAB_APPLIES_UNKNOWN && release->own_line)
        return g_strdup_printf("%s's '%s' kernels are numbered apart from the range (%s)", family,
                               release->flavour, range);
    if (applies == LAB_APPLIES_UNKNOWN && entry->seen)
        return g_strdup_printf("it was seen with %s of %s; nothing is known of later ones",
                               entry->seen, family);
    if (applies == LAB_APPLIES_UNKNOWN)
        return g_strdup_printf("the release alone does not say whether it lies in %s's range (%s): "
                               "its package's version would",
                               family, range);
    return g_strdup_printf("%s lies %s %s's range (%s)", version,
                           applies == LAB_APPLIES_YES ? "in" : "outside of", family, range);
}

static LabApplies
upstream_of_distribution(const LabRecipe *recipe, const LabRelease *release,
                         const LabAffected *entry, char **why)
{
    g_autofree char *range = lab_affected_range(entry);

    if (base_is_past_all(recipe, release)) {
        *why = g_strdup_printf("it is made from %s, which has upstream's fix (%s)",
                               release->upstream, range);
        return LAB_APPLIES_NO;
    }
    *why = g_strdup_printf("no range is known for this distribution; upstream's (%s) does not "
                           "tell, as its kernels get fixes and features apart",
                           range);
    return LAB_APPLIES_UNKNOWN;
}

static LabApplies
judge(const LabRecipe *recipe, const LabRelease *release, const LabAffected **entry, char **why)
{
    gboolean follows = release->family == LAB_FAMILY_UPSTREAM ||
                       release->family == LAB_FAMILY_DEBIAN;
    LabApplies result = LAB_APPLIES_UNKNOWN;

    if (recipe->affected->len == 0) {
        *why = g_strdup("the recipe names no ranges");
        return LAB_APPLIES_UNKNOWN;
    }
    if (release->family != LAB_FAMILY_OTHER)
        result = family_applies(recipe, release->family, release, lab_release_order, entry);
    if (*entry) {
        *why = own_family_why(result, *entry, release);
        return result;
    }
    result =
        family_applies(recipe, LAB_FAMILY_UPSTREAM, release, lab_release_order_upstream, entry);
    if (!*entry) {
        *why =
            g_strdup_printf("no range is known for %s kernels", lab_family_name(release->family));
        return LAB_APPLIES_UNKNOWN;
    }
    if (!follows)
        return upstream_of_distribution(recipe, release, *entry, why);
    *why = own_family_why(result, *entry, release);
    return result;
}

LabApplies
lab_recipe_applies(const LabRecipe *recipe, const LabRelease *release, const LabAffected **entry,
                   char **why)
{
    const LabAffected *found = NULL;
    g_autofree char *text = NULL;
    LabApplies result = judge(recipe, release, &found, &text);

    if (entry)
        *entry = found;
    if (why)
        *why = g_steal_pointer(&text);
    return result;
}

LabApplies
lab_recipe_applies_to(const LabRecipe *recipe, const LabKernel *kernel, const LabRelease *release,
                      const LabAffected **entry, char **why)
{
    if (!kernel || !kernel->defects ||
        !g_strv_contains((const char *const *)kernel->defects, recipe->name))
        return lab_recipe_applies(recipe, release, entry, why);
    if (entry)
        *entry = NULL;
    if (why)
        *why = g_strdup("it was built with the defect put back (kernel build --defect)");
    return LAB_APPLIES_YES;
}
