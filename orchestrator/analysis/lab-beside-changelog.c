/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Entries of the package's changelog between the two kernels that name what crashed. */
#include <string.h>

#include "lab-beside-private.h"
#include "lab-changelog.h"
#include "lab-json.h"

#define MAX_CHANGES 50 /* entries that name something */

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

/* Unless the file is among them, or none. */
static void
add_file(GPtrArray *names, guint at, const char *source)
{
    Name *file = source ? file_name(source) : NULL;

    for (guint i = 0; file && i < names->len; i++)
        if (strcmp(((Name *)names->pdata[i])->name, file->name) == 0)
            g_clear_pointer(&file, name_free);
    if (file)
        g_ptr_array_insert(names, (gint)MIN(names->len, at), file);
}

/* What the crash names: the function on top of the stack, the file that the report says, the other
 * functions; after each the file that a decoded trace has for it. */
static GPtrArray *
stack_names(const LabBesideSide *a, const LabBesideSide *b)
{
    GPtrArray *names = g_ptr_array_new_with_free_func((GDestroyNotify)name_free);
    const LabBesideSide *const sides[] = {b, a};

    for (gsize s = 0; s < G_N_ELEMENTS(sides); s++)
        for (guint i = 0; i < sides[s]->results->len && names->len == 0; i++) {
            const json_t *crash = lab_json_member(sides[s]->results->pdata[i], "crash");
            const char *source = lab_json_string(lab_json_member(crash, "attributes"), "source");
            json_t *frame;
            size_t n;

            json_array_foreach (lab_json_member(crash, "frames"), n, frame) {
                const char *function = lab_json_string(frame, "function");

                if (!function || !lab_json_bool(frame, "reliable", FALSE))
                    continue;
                g_ptr_array_add(names, function_name(function));
                if (names->len == 1)
                    add_file(names, 1, source);
                add_file(names, G_MAXUINT, lab_json_string(frame, "source"));
            }
            add_file(names, 1, source);
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

json_t *
lab_beside_changelog(const LabBesideSide *a, const LabBesideSide *b, json_t *missing)
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
