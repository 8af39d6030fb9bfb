/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What was to be different: configuration, command line, settings. */
#include <string.h>

#include "lab-beside-private.h"
#include "lab-json.h"

/* --- configuration --- */

static gboolean
is_needed(const LabCell *cell, const char *option)
{
    gsize length = strlen(option);

    for (char **need = cell->needs_config; need && *need; need++)
        if (strncmp(*need, option, length) == 0 && strchr("=", (*need)[length]))
            return TRUE;
    return FALSE;
}

static const char *
value_of(GHashTable *options, const char *option)
{
    const char *value = g_hash_table_lookup(options, option);

    return value ? value : "n";
}

json_t *
lab_beside_config(const LabBesideSide *a, const LabBesideSide *b)
{
    json_t *needed = json_array(), *others = json_array();
    g_autoptr(GHashTable) all = g_hash_table_new(g_str_hash, g_str_equal);
    g_autoptr(GList) names = NULL;
    GHashTableIter iter;
    gpointer name;

    g_hash_table_iter_init(&iter, a->options);
    while (g_hash_table_iter_next(&iter, &name, NULL))
        g_hash_table_add(all, name);
    g_hash_table_iter_init(&iter, b->options);
    while (g_hash_table_iter_next(&iter, &name, NULL))
        g_hash_table_add(all, name);
    names = g_list_sort(g_hash_table_get_keys(all), (GCompareFunc)strcmp);
    for (GList *at = names; at; at = at->next) {
        const char *option = at->data, *x = value_of(a->options, option);
        const char *y = value_of(b->options, option);
        gboolean need = is_needed(b->cell, option);

        if (strcmp(x, y) != 0)
            json_array_append_new(need ? needed : others,
                                  json_pack("{s:o, s:o, s:o, s:b}", "option", lab_json_text(option),
                                            "baseline", lab_json_text(x), "candidate",
                                            lab_json_text(y), "needed", need));
    }
    json_array_extend(needed, others);
    json_decref(others);
    return needed;
}

/* --- words of the command line, settings --- */

static void
add_missing_words(json_t *array, const char *from, const char *in)
{
    g_auto(GStrv) words = g_strsplit_set(from ? from : "", " ", -1);
    g_auto(GStrv) others = g_strsplit_set(in ? in : "", " ", -1);

    for (char **word = words; *word; word++)
        /* The clock's measured frequency is the host's. */
        if (**word && !g_strv_contains((const char *const *)others, *word) &&
            !g_str_has_prefix(*word, "tsc_early_khz="))
            json_array_append_new(array, lab_json_text(*word));
}

json_t *
lab_beside_cmdline(const char *a, const char *b)
{
    json_t *only_a = json_array(), *only_b = json_array();

    add_missing_words(only_a, a, b);
    add_missing_words(only_b, b, a);
    return json_pack("{s:o, s:o}", "baseline", only_a, "candidate", only_b);
}

/* What a setting came to; borrowed. NULL: not asked for. */
static const char *
setting_of(const json_t *result, const char *set)
{
    json_t *one;
    size_t i;

    json_array_foreach (lab_json_member(result, "setup"), i, one)
        if (g_strcmp0(lab_json_string(one, "set"), set) == 0)
            return lab_json_bool(one, "ok", FALSE) ? "ok" : lab_json_string(one, "error");
    return NULL;
}

static void
add_settings(json_t *array, const json_t *of, const json_t *a, const json_t *b)
{
    json_t *one;
    size_t i, n;

    json_array_foreach (lab_json_member(of, "setup"), i, one) {
        const char *set = lab_json_string(one, "set");
        const char *x = setting_of(a, set), *y = setting_of(b, set);
        gboolean known = FALSE;
        json_t *other;

        json_array_foreach (array, n, other)
            known |= g_strcmp0(lab_json_string(other, "set"), set) == 0;
        if (!known && g_strcmp0(x, y) != 0)
            json_array_append_new(array, json_pack("{s:o, s:o, s:o}", "set", lab_json_text(set),
                                                   "baseline", lab_json_text(x), "candidate",
                                                   lab_json_text(y)));
    }
}

json_t *
lab_beside_settings(const LabBesideSide *a, const LabBesideSide *b)
{
    json_t *array = json_array();

    add_settings(array, lab_beside_first_result(a), lab_beside_first_result(a),
                 lab_beside_first_result(b));
    add_settings(array, lab_beside_first_result(b), lab_beside_first_result(a),
                 lab_beside_first_result(b));
    return array;
}
