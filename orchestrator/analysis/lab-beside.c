/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lab-beside.h"

#include <fcntl.h>
#include <string.h>

#include "lab-changelog.h"
#include "lab-crash.h"
#include "lab-file.h"
#include "lab-json.h"
#include "lab-kernel.h"

#define MAX_RUNS         8  /* of a side that are read */
#define MAX_CHANGES      50 /* entries of the changelog that name something */
#define CONFIG_MAX_BYTES (16u << 20)
#define LOG_MAX_BYTES    (64u << 20)

/* One side: its first cell, results, and what their logs warned of. */
typedef struct {
    LabCell *cell;
    LabKernel *kernel;   /* NULL: no longer in the store */
    GPtrArray *results;  /* json_t */
    GHashTable *warned;  /* titles */
    GHashTable *options; /* of the configuration: name -> value; NULL: none */
} Side;

static void
side_clear(Side *side)
{
    lab_cell_free(side->cell);
    lab_kernel_free(side->kernel);
    g_clear_pointer(&side->results, g_ptr_array_unref);
    g_clear_pointer(&side->warned, g_hash_table_unref);
    g_clear_pointer(&side->options, g_hash_table_unref);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Side, side_clear)

/* Titles of the console's reports, but for the crash's own, which the verdict is about. */
static void
read_warnings(Side *side, const char *directory, const json_t *result)
{
    const char *own = lab_json_string(lab_json_member(result, "crash"), "title");
    g_autofree char *path = g_build_filename(directory, "console.log", NULL);
    gsize length;
    g_autofree char *text = lab_file_read(AT_FDCWD, path, LOG_MAX_BYTES, &length, NULL);
    g_autoptr(LabCrashLog) log = text ? lab_crash_log_parse(text, length) : NULL;

    for (guint i = 0; log && i < log->reports->len; i++) {
        const LabCrashReport *report = log->reports->pdata[i];

        if (report->title && g_strcmp0(report->title, own) != 0 && !report->harmless)
            g_hash_table_add(side->warned, g_strdup(report->title));
    }
}

/* "CONFIG_A=y" and "# CONFIG_A is not set" lines. NULL: no file. */
static GHashTable *
read_config(const char *directory)
{
    g_autofree char *path = g_build_filename(directory, "config", NULL);
    g_autofree char *text = lab_file_read(AT_FDCWD, path, CONFIG_MAX_BYTES, NULL, NULL);
    g_auto(GStrv) lines = text ? g_strsplit(text, "\n", -1) : NULL;
    GHashTable *options;

    if (!lines)
        return NULL;
    options = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    for (char **line = lines; *line; line++) {
        const char *equals = strchr(*line, '=');

        if (g_str_has_prefix(*line, "CONFIG_") && equals)
            g_hash_table_insert(options, g_strndup(*line, (gsize)(equals - *line)),
                                g_strdup(equals + 1));
    }
    return options;
}

static void
read_kernel(Side *side)
{
    const char *directory = side->cell->kernel_directory;
    g_autofree char *path = directory ? g_build_filename(directory, "kernel.json", NULL) : NULL;
    g_autoptr(json_t) json = path ? lab_json_read(AT_FDCWD, path, LAB_KERNEL_SCHEMA, NULL) : NULL;

    if (!json)
        return;
    side->kernel = lab_kernel_new_from_json(json, directory, NULL);
    side->options = read_config(directory);
}

static void
read_side(LabRun *run, const LabGroup *group, Side *side)
{
    side->results = g_ptr_array_new_with_free_func((GDestroyNotify)json_decref);
    side->warned = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    for (guint i = 0; i < group->observations->len && side->results->len < MAX_RUNS; i++) {
        const LabObservation *one = group->observations->pdata[i];
        const LabRunCell *cell = lab_run_find_cell(run, one->cell, NULL);
        json_t *result = cell ? lab_run_read_result(run, cell, NULL) : NULL;
        g_autofree char *directory = cell ? lab_run_cell_directory(run, cell) : NULL;

        if (cell && !side->cell) {
            side->cell = lab_run_read_cell(run, cell, NULL);
            if (side->cell)
                read_kernel(side);
        }
        if (!result)
            continue;
        if (one->state != LAB_STATE_RAN) { /* the lab's failure says nothing of the kernel */
            json_decref(result);
            continue;
        }
        g_ptr_array_add(side->results, result);
        read_warnings(side, directory, result);
    }
}

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

static json_t *
config_json(const Side *a, const Side *b)
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

static json_t *
both_ways(const char *a, const char *b)
{
    json_t *only_a = json_array(), *only_b = json_array();

    add_missing_words(only_a, a, b);
    add_missing_words(only_b, b, a);
    return json_pack("{s:o, s:o}", "baseline", only_a, "candidate", only_b);
}

static const json_t *
first_result(const Side *side)
{
    return side->results->len > 0 ? side->results->pdata[0] : NULL;
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

static json_t *
settings_json(const Side *a, const Side *b)
{
    json_t *array = json_array();

    add_settings(array, first_result(a), first_result(a), first_result(b));
    add_settings(array, first_result(b), first_result(a), first_result(b));
    return array;
}

/* --- warnings, numbers --- */

static json_t *
warnings_json(const Side *in, const Side *not_in)
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
median_json(const Side *side, gint64 (*get)(const json_t *result))
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

static gint64
boot_ms(const json_t *result)
{
    return lab_json_int(result, "boot_ms", -1);
}

/* What was available when the guest said so first. */
static gint64
memory_kb(const json_t *result)
{
    const json_t *first = json_array_get(lab_json_member(result, "memory"), 0);
    const json_t *value = json_array_get(first, 1);

    return json_is_integer(value) ? json_integer_value(value) : -1;
}

/* --- changelog --- */

/* What an entry may name: a function of the stack, or the file that the report says. */
typedef struct {
    char *name;
    char *words[3]; /* ways to write it; NULL: no more */
} Name;

static void
name_free(Name *name)
{
    g_free(name->name);
    for (gsize i = 0; i < G_N_ELEMENTS(name->words); i++)
        g_free(name->words[i]);
    g_free(name);
}

static Name *
function_name(const char *function)
{
    Name *name = g_new0(Name, 1);

    name->name = g_strdup(function);
    name->words[0] = g_strdup(function);
    return name;
}

/* "/build/linux-X/mm/slub.c:3912" -> "mm/slub.c": some distributions build with whole paths. */
static char *
source_path(const char *source)
{
    static const char *const tops[] = {"arch", "block",    "crypto",   "drivers", "fs",  "include",
                                       "init", "ipc",      "io_uring", "kernel",  "lib", "mm",
                                       "net",  "security", "sound",    "virt"};
    const char *colon = strchr(source, ':');
    g_autofree char *path = g_strndup(source, colon ? (gsize)(colon - source) : strlen(source));
    const char *first = NULL;

    for (gsize i = 0; (*path == '/' || *path == '.') && i < G_N_ELEMENTS(tops); i++) {
        g_autofree char *top = g_strconcat("/", tops[i], "/", NULL);
        const char *at = strstr(path, top);

        if (at && (!first || at + 1 < first))
            first = at + 1;
    }
    return g_strdup(first ? first : path);
}

/* "mm/huge_memory.c:123" is also "mm/huge_memory: fix …", "huge_memory.c", "mm: huge_memory: fix
 * …". NULL: no file of a directory. */
static Name *
file_name(const char *source)
{
    g_autofree char *path = source_path(source);
    g_autofree char *directory = g_path_get_dirname(path);
    g_autofree char *in = g_path_get_basename(directory);
    g_autofree char *base = g_path_get_basename(path);
    const char *dot = strrchr(base, '.');
    Name *name;

    if (!dot || dot == base || !strchr(path, '/'))
        return NULL;
    name = g_new0(Name, 1);
    name->words[0] = g_strndup(path, strlen(path) - strlen(dot));
    name->words[1] = g_strdup(base);
    name->words[2] = g_strdup_printf("%s: %.*s:", in, (int)(dot - base), base);
    name->name = g_steal_pointer(&path);
    return name;
}

/* What the crash names: the function on top of the stack, the file, the other functions. */
static GPtrArray *
stack_names(const Side *a, const Side *b)
{
    GPtrArray *names = g_ptr_array_new_with_free_func((GDestroyNotify)name_free);
    const Side *const sides[] = {b, a};

    for (gsize s = 0; s < G_N_ELEMENTS(sides); s++)
        for (guint i = 0; i < sides[s]->results->len && names->len == 0; i++) {
            const json_t *crash = lab_json_member(sides[s]->results->pdata[i], "crash");
            const char *source = lab_json_string(lab_json_member(crash, "attributes"), "source");
            Name *file = source ? file_name(source) : NULL;
            json_t *frame;
            size_t n;

            json_array_foreach (lab_json_member(crash, "frames"), n, frame) {
                const char *function = lab_json_string(frame, "function");

                if (function && lab_json_bool(frame, "reliable", FALSE))
                    g_ptr_array_add(names, function_name(function));
            }
            if (file)
                g_ptr_array_insert(names, MIN(names->len, 1), file);
        }
    return names;
}

static gboolean
is_word_char(char c)
{
    return g_ascii_isalnum(c) || c == '_';
}

static gboolean
has_word(const char *text, const char *word)
{
    gsize length = strlen(word);

    for (const char *at = strstr(text, word); at; at = strstr(at + 1, word))
        if ((at == text || !is_word_char(at[-1])) && !is_word_char(at[length]))
            return TRUE;
    return FALSE;
}

static gboolean
has_name(const char *text, const Name *name)
{
    for (gsize i = 0; i < G_N_ELEMENTS(name->words) && name->words[i]; i++)
        if (has_word(text, name->words[i]))
            return TRUE;
    return FALSE;
}

/* Which entries name what the crash does: the top of its stack first. */
static json_t *
rank_changes(const GPtrArray *changes, const GPtrArray *names, guint *total)
{
    json_t *array = json_array();
    g_autoptr(GHashTable) told = g_hash_table_new(NULL, NULL);

    *total = 0;
    for (guint c = 0; c < changes->len; c++)
        *total += ((const LabChange *)changes->pdata[c])->items->len;
    for (guint f = 0; f < names->len; f++)
        for (guint c = 0; c < changes->len; c++) {
            const LabChange *change = changes->pdata[c];
            const Name *name = names->pdata[f];

            for (guint i = 0; i < change->items->len; i++) {
                const char *item = change->items->pdata[i];

                if (json_array_size(array) < MAX_CHANGES && has_name(item, name) &&
                    g_hash_table_add(told, (gpointer)item))
                    json_array_append_new(array, json_pack("{s:o, s:o, s:o}", "version",
                                                           lab_json_text(change->version), "item",
                                                           lab_json_text(item), "names",
                                                           lab_json_text(name->name)));
            }
        }
    return array;
}

static json_t *
changelog_json(const Side *a, const Side *b, json_t *missing)
{
    g_autoptr(GPtrArray) names = stack_names(a, b);
    g_autoptr(GPtrArray) changes = g_ptr_array_new();
    g_autoptr(GPtrArray) log = lab_changelog_load(b->kernel, NULL);
    gboolean backwards = FALSE;
    guint total;
    json_t *named;

    if (!log || !lab_changelog_since(log, a->kernel, changes)) {
        g_clear_pointer(&log, g_ptr_array_unref);
        g_ptr_array_set_size(changes, 0);
        log = lab_changelog_load(a->kernel, NULL);
        backwards = log && lab_changelog_since(log, b->kernel, changes);
        if (!backwards) {
            json_array_append_new(missing, json_string("no changelog leads from one kernel to the "
                                                       "other"));
            return json_null();
        }
    }
    named = rank_changes(changes, names, &total);
    return json_pack("{s:b, s:i, s:o}", "backwards", backwards, "entries", (int)total, "named",
                     named);
}

json_t *
lab_beside(LabRun *baseline_run, LabRun *candidate_run, const LabComparison *comparison)
{
    g_auto(Side) a = {0};
    g_auto(Side) b = {0};
    json_t *json = json_object(), *missing = json_array();

    read_side(baseline_run, comparison->baseline, &a);
    read_side(candidate_run, comparison->candidate, &b);
    if (a.options && b.options)
        json_object_set_new(json, "config", config_json(&a, &b));
    else if (baseline_run == candidate_run &&
             strcmp(comparison->baseline->kernel, comparison->candidate->kernel) == 0)
        json_object_set_new(json, "config", json_array());
    else
        json_array_append_new(missing, json_string("a kernel's configuration"));
    json_object_set_new(
        json, "cmdline",
        both_ways(lab_json_string(lab_json_member(first_result(&a), "facts"), "cmdline"),
                  lab_json_string(lab_json_member(first_result(&b), "facts"), "cmdline")));
    json_object_set_new(json, "settings", settings_json(&a, &b));
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
                            ? changelog_json(&a, &b, missing)
                            : json_null());
    json_object_set_new(json, "missing", missing);
    return json;
}
