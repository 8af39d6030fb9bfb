/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lab-beside.h"

#include <string.h>

#include "lab-beside-private.h"
#include "lab-json.h"

static json_t *
warnings_json(const LabBesideSide *in, const LabBesideSide *not_in)
{
    json_t *array = json_array();
    g_autoptr(GList) titles = g_list_sort(g_hash_table_get_keys(in->warned), (GCompareFunc)strcmp);

    for (GList *at = titles; at; at = at->next)
        if (!g_hash_table_contains(not_in->warned, at->data))
            json_array_append_new(array, lab_json_text(at->data));
    return array;
}

static int
by_value(gconstpointer a, gconstpointer b)
{
    gint64 x = *(const gint64 *)a, y = *(const gint64 *)b;

    return (x > y) - (x < y);
}

/* The median of what 'get' says (-1: nothing); null without any. */
static json_t *
median_json(const LabBesideSide *side, gint64 (*get)(const json_t *result))
{
    g_autoptr(GArray) values = g_array_new(FALSE, FALSE, sizeof(gint64));

    for (guint i = 0; i < side->results->len; i++) {
        gint64 value = get(side->results->pdata[i]);

        if (value >= 0)
            g_array_append_val(values, value);
    }
    g_array_sort(values, by_value);
    return values->len > 0 ? json_integer(g_array_index(values, gint64, values->len / 2))
                           : json_null();
}

/* A clone's boot is that of its template. */
static gint64
boot_ms(const json_t *result)
{
    const json_t *facts = lab_json_member(result, "facts");

    return lab_json_bool(facts, "warm", FALSE) ? lab_json_int(facts, "template_boot_ms", -1)
                                               : lab_json_int(result, "boot_ms", -1);
}

/* What was available when the guest said so first. */
static gint64
memory_kb(const json_t *result)
{
    const json_t *first = json_array_get(lab_json_member(result, "memory"), 0);
    const json_t *value = json_array_get(first, 1);

    return json_is_integer(value) ? json_integer_value(value) : -1;
}

json_t *
lab_beside(LabRun *baseline_run, LabRun *candidate_run, const LabComparison *comparison)
{
    g_auto(LabBesideSide) a = {0};
    g_auto(LabBesideSide) b = {0};
    json_t *json = json_object(), *missing = json_array();

    lab_beside_side_read(baseline_run, comparison->baseline, &a);
    lab_beside_side_read(candidate_run, comparison->candidate, &b);
    if (a.options && b.options)
        json_object_set_new(json, "config", lab_beside_config(&a, &b));
    else if (baseline_run == candidate_run &&
             strcmp(comparison->baseline->kernel, comparison->candidate->kernel) == 0)
        json_object_set_new(json, "config", json_array());
    else
        json_array_append_new(missing, json_string("a kernel's configuration"));
    json_object_set_new(
        json, "cmdline",
        lab_beside_cmdline(
            lab_json_string(lab_json_member(lab_beside_first_result(&a), "facts"), "cmdline"),
            lab_json_string(lab_json_member(lab_beside_first_result(&b), "facts"), "cmdline")));
    json_object_set_new(json, "settings", lab_beside_settings(&a, &b));
    lab_beside_environment(&a, &b, json, missing);
    json_object_set_new(json, "warnings",
                        json_pack("{s:o, s:o}", "baseline", warnings_json(&a, &b), "candidate",
                                  warnings_json(&b, &a)));
    json_object_set_new(json, "boot_ms",
                        json_pack("{s:o, s:o}", "baseline", median_json(&a, boot_ms), "candidate",
                                  median_json(&b, boot_ms)));
    json_object_set_new(json, "memory_kb",
                        json_pack("{s:o, s:o}", "baseline", median_json(&a, memory_kb), "candidate",
                                  median_json(&b, memory_kb)));
    json_object_set_new(json, "changelog",
                        a.kernel && b.kernel && strcmp(a.kernel->id, b.kernel->id) != 0
                            ? lab_beside_changelog(&a, &b, missing)
                            : json_null());
    json_object_set_new(json, "missing", missing);
    return json;
}
