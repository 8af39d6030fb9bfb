/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Loaded modules and settings of the two kernels (model/lab-environment.h), from the runs that
 * recorded them. */
#include <string.h>

#include "lab-beside-private.h"
#include "lab-json.h"

#define MAX_SHOWN 120 /* characters of a value, for people */

GList *
lab_beside_names(const LabBesideSide *a, const LabBesideSide *b, const char *kind)
{
    g_autoptr(GHashTable) all = g_hash_table_new(g_str_hash, g_str_equal);
    const LabBesideSide *const sides[] = {a, b};

    for (gsize s = 0; s < G_N_ELEMENTS(sides); s++)
        for (guint i = 0; i < sides[s]->environments->len; i++) {
            const char *name;
            json_t *value;

            json_object_foreach (lab_json_member(sides[s]->environments->pdata[i], kind), name,
                                 value)
                g_hash_table_add(all, (gpointer)name);
        }
    return g_list_sort(g_hash_table_get_keys(all), (GCompareFunc)strcmp);
}

/* "NAME" or "NAME (TAINTS)" of those that each run of the one side has, and none of the other. */
static json_t *
only_modules(const LabBesideSide *in, const LabBesideSide *not_in, GList *names)
{
    json_t *array = json_array();

    for (; names; names = names->next) {
        const char *name = names->data, *taints = NULL;
        guint have = 0, others = 0;

        for (guint i = 0; i < in->environments->len; i++) {
            const json_t *one = in->environments->pdata[i];

            have += lab_json_member(lab_json_member(one, "modules"), name) != NULL;
            taints = lab_json_string(lab_json_member(one, "taints"), name);
        }
        for (guint i = 0; i < not_in->environments->len; i++) {
            const json_t *one = not_in->environments->pdata[i];

            others +=
                lab_json_int(one, "left_out", 0) > 0 ||
                (lab_json_member(lab_json_member(one, "modules"), name) &&
                 g_strcmp0(lab_json_string(lab_json_member(one, "taints"), name), taints) == 0);
        }
        if (have == in->environments->len && others == 0) {
            g_autofree char *text = taints ? g_strdup_printf("%s (%s)", name, taints)
                                           : g_strdup(name);

            json_array_append_new(array, lab_json_text(text));
        }
    }
    return array;
}

void
lab_beside_environment(const LabBesideSide *a, const LabBesideSide *b, json_t *json,
                       json_t *missing)
{
    gboolean in_a = a->environments->len > 0, in_b = b->environments->len > 0;
    g_autoptr(GList) modules = NULL;

    if (!in_a || !in_b) {
        g_autofree char *text = g_strdup_printf(
            "loaded modules and settings were not recorded (%s)", in_a   ? "candidate"
                                                                  : in_b ? "baseline"
                                                                         : "either side");

        json_array_append_new(missing, json_string(text));
        return;
    }
    modules = lab_beside_names(a, b, "modules");
    json_object_set_new(json, "modules",
                        json_pack("{s:o, s:o}", "baseline", only_modules(a, b, modules),
                                  "candidate", only_modules(b, a, modules)));
    json_object_set_new(json, "values", lab_beside_values(a, b));
}

char *
lab_beside_value_text(const json_t *values)
{
    GString *text = g_string_new(NULL);
    json_t *one;
    size_t i;

    json_array_foreach (values, i, one) {
        const char *value = json_string_value(one);

        g_string_append_printf(text, "%s%s", i ? " or " : "",
                               !value   ? "absent"
                               : *value ? value
                                        : "empty");
    }
    if (g_utf8_strlen(text->str, -1) > MAX_SHOWN) {
        g_string_truncate(text,
                          (gsize)(g_utf8_offset_to_pointer(text->str, MAX_SHOWN - 1) - text->str));
        g_string_append(text, "…");
    }
    return g_string_free(text, FALSE);
}

gboolean
lab_beside_is_one_sided(const json_t *value)
{
    return !lab_json_bool(value, "needed", FALSE) &&
           (lab_beside_is_absent(lab_json_member(value, "baseline")) ||
            lab_beside_is_absent(lab_json_member(value, "candidate")));
}

char *
lab_beside_only_names(const json_t *values, const char *side, guint max)
{
    GString *text = g_string_new(NULL);
    guint n = 0;
    json_t *one;
    size_t i;

    json_array_foreach (values, i, one)
        if (lab_beside_is_one_sided(one) && !lab_beside_is_absent(lab_json_member(one, side)) &&
            n++ < max)
            g_string_append_printf(text, "%s%s", n > 1 ? ", " : "", lab_json_string(one, "name"));
    if (n > max)
        g_string_append_printf(text, " and %u more", n - max);
    return g_string_free(text, n == 0);
}
