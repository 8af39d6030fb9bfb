/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lab-policy.h"

#include <fcntl.h>
#include <stddef.h>

#include "lab-error.h"
#include "lab-file.h"
#include "lab-yaml.h"

static const char *const same_words[] = {"go", "no-go", NULL};
static const char *const skipped_words[] = {"hole", "ignore", NULL};

static const LabField waiver_fields[] = {
    {"signature", LAB_FIELD_STRING, offsetof(LabWaiver, signature),
     "K0 or K1 of the crash (kreglab signature, kreglab show), or its first digits, at least eight",
     .required = TRUE, .form = "(v[0-9]+:)?[0-9a-f]{8,64}",
     .form_help = "8 to 64 hexadecimal digits", .example = "0123456789abcdef"},
    {"recipe", LAB_FIELD_STRING, offsetof(LabWaiver, recipe),
     "glob over recipes in which it counts (default: all)", .example = "ksm-*"},
    {"owner", LAB_FIELD_STRING, offsetof(LabWaiver, owner), "who answers for it", .required = TRUE,
     .example = "someone@example.org"},
    {"reason", LAB_FIELD_STRING, offsetof(LabWaiver, reason), "why the crash is put up with",
     .required = TRUE, .example = "only with a debug option that production does not set"},
    {"expires", LAB_FIELD_STRING, offsetof(LabWaiver, expires),
     "the last day on which it counts; later it is itself a reason against", .required = TRUE,
     .form = "[0-9]{4}-[0-9]{2}-[0-9]{2}", .form_help = "YYYY-MM-DD", .example = "2027-01-31"},
    {NULL},
};
static const LabSchema waiver_table = {"waivers", sizeof(LabWaiver), waiver_fields, NULL};

static const LabField policy_fields[] = {
    {"confidence", LAB_FIELD_DOUBLE, offsetof(LabPolicy, confidence_percent),
     "how sure a verdict has to be, in percent", .fallback = "95", .min = 50, .max = 99.9999},
    {"baseline", LAB_FIELD_STRING, offsetof(LabPolicy, baseline),
     "the kernel that is in use now: an id, a release, or a prefix or glob that means one of them "
     "(default: the first of the run, by release)",
     .example = "6.1.0-55-cloud-amd64"},
    {"kernels", LAB_FIELD_STRINGS, offsetof(LabPolicy, kernels),
     "kernels that are judged: globs over ids and releases (default: all but the baseline)",
     .example = "6.1.0-56*"},
    {"require", LAB_FIELD_STRINGS, offsetof(LabPolicy, require),
     "what each judged kernel has to have run: a recipe, or one variant of it",
     .form = "[^/]+(/[^/]+)?", .form_help = "RECIPE or RECIPE/VARIANT",
     .example = "ksm-migrate/default-cap"},
    {"max_bad_percent", LAB_FIELD_DOUBLE, offsetof(LabPolicy, max_bad_percent),
     "runs without a failure have to be so many that under this share of runs goes bad, with the "
     "confidence above (default: as many as a comparison needs)",
     .min = 0, .max = 100, .example = "10"},
    {"same_as_baseline", LAB_FIELD_STRING, offsetof(LabPolicy, same_as_baseline),
     "what it is when both crash in the same way", .fallback = "go", .choices = same_words},
    {"skipped", LAB_FIELD_STRING, offsetof(LabPolicy, skipped),
     "what a cell is that the kernel lacks something for: a hole in the evidence, or nothing",
     .fallback = "hole", .choices = skipped_words},
    {"waivers", LAB_FIELD_LIST, offsetof(LabPolicy, waivers), "known crashes that are put up with",
     .schema = &waiver_table},
    {NULL},
};
const LabSchema lab_policy_table = {"policy", sizeof(LabPolicy), policy_fields, "policy.yaml"};

/* "2026-02-30" has the form of a day and is none. */
static gboolean
is_day(const char *text)
{
    GDateTime *day;
    g_autofree char *whole = g_strconcat(text, "T00:00:00Z", NULL);

    day = g_date_time_new_from_iso8601(whole, NULL);
    if (!day)
        return FALSE;
    g_date_time_unref(day);
    return TRUE;
}

static void
check(const LabPolicy *policy, LabYaml *yaml)
{
    g_autoptr(GHashTable) seen = g_hash_table_new(g_str_hash, g_str_equal);

    for (guint i = 0; i < policy->waivers->len; i++) {
        const LabWaiver *waiver = policy->waivers->pdata[i];
        g_autofree char *path = g_strdup_printf("waivers[%u]", i);
        g_autofree char *expires = g_strconcat(path, ".expires", NULL);

        if (!is_day(waiver->expires))
            lab_yaml_problem(yaml, expires, "'%s' is no day of the calendar", waiver->expires);
        if (!waiver->recipe && !g_hash_table_add(seen, waiver->signature))
            lab_yaml_problem(yaml, path, "'%s': another waiver has that signature",
                             waiver->signature);
    }
}

LabPolicy *
lab_policy_load(const char *path, GError **error)
{
    g_autoptr(LabYaml) yaml = lab_yaml_new(path);
    g_autoptr(LabPolicy) policy = g_new0(LabPolicy, 1);
    g_autoptr(GError) local = NULL;
    gsize length;
    g_autofree char *text = lab_file_read(AT_FDCWD, path, LAB_YAML_MAX_BYTES, &length, &local);

    if (!text) {
        g_set_error(error, LAB_CONFIG_ERROR, LAB_ERROR_NOT_FOUND, "policy '%s': %s", path,
                    local->message);
        return NULL;
    }
    if (lab_yaml_load(yaml, text, length, &lab_policy_table, policy))
        check(policy, yaml);
    return lab_yaml_finish(yaml, error) ? g_steal_pointer(&policy) : NULL;
}

void
lab_policy_free(LabPolicy *policy)
{
    lab_schema_free(&lab_policy_table, policy);
}

char *
lab_policy_help(void)
{
    return lab_yaml_help(&lab_policy_table);
}
