/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lab-cell.h"

#include <stddef.h>
#include <string.h>

#include "lab-error.h"
#include "lab-json.h"
#include "lab-tables.h"

/* Deadlines fit TCG, which is ten times slower than hardware; a guest that is done earlier ends
 * earlier. */
static const LabField deadline_fields[] = {
    {"boot", LAB_FIELD_DURATION, offsetof(LabDeadlines, boot_ms), "", .fallback = "120s"},
    {"setup", LAB_FIELD_DURATION, offsetof(LabDeadlines, setup_ms), "", .fallback = "60s"},
    {"run", LAB_FIELD_DURATION, offsetof(LabDeadlines, run_ms), "", .fallback = "60s"},
    {"heartbeat", LAB_FIELD_DURATION, offsetof(LabDeadlines, heartbeat_ms), "", .fallback = "20s"},
    {"evidence", LAB_FIELD_DURATION, offsetof(LabDeadlines, evidence_ms), "", .fallback = "10s"},
    {"kdump", LAB_FIELD_DURATION, offsetof(LabDeadlines, kdump_ms), "", .fallback = "60s"},
    {"dump", LAB_FIELD_DURATION, offsetof(LabDeadlines, dump_ms), "", .fallback = "60s"},
    {NULL},
};
static const LabSchema deadlines_table = {"deadlines", sizeof(LabDeadlines), deadline_fields, NULL};

#define TEXT(key, member, ...)                                            \
    {                                                                     \
        key, LAB_FIELD_STRING, offsetof(LabCell, member), "", __VA_ARGS__ \
    }

static const LabField cell_fields[] = {
    TEXT("id", id),
    TEXT("run", run),
    TEXT("kernel", kernel_id, .required = TRUE),
    TEXT("release", kernel_release),
    TEXT("kernel_digest", kernel_digest),
    TEXT("kernel_directory", kernel_directory),
    TEXT("recipe", recipe, .required = TRUE),
    TEXT("recipe_digest", recipe_digest),
    TEXT("recipe_directory", recipe_directory),
    TEXT("variant", variant, .required = TRUE),
    {"baseline", LAB_FIELD_BOOL, offsetof(LabCell, baseline), ""},
    {"repetition", LAB_FIELD_INT, offsetof(LabCell, repetition), "", .fallback = "1"},
    {"guest", LAB_FIELD_STRUCT, offsetof(LabCell, guest), "", .schema = &lab_guest_shape_table},
    {"setup", LAB_FIELD_STRUCT, offsetof(LabCell, setup), "", .schema = &lab_setup_table},
    {"stressor", LAB_FIELD_STRUCT, offsetof(LabCell, stressor), "", .schema = &lab_stressor_table},
    {"needs_config", LAB_FIELD_STRINGS, offsetof(LabCell, needs_config), ""},
    {"detectors", LAB_FIELD_LIST, offsetof(LabCell, detectors), "", .schema = &lab_detector_table},
    {"reached", LAB_FIELD_STRUCT, offsetof(LabCell, reached), "", .schema = &lab_reached_table},
    {"expect", LAB_FIELD_LIST, offsetof(LabCell, expect), "", .schema = &lab_expect_table},
    {"deadlines", LAB_FIELD_STRUCT, offsetof(LabCell, deadlines), "", .schema = &deadlines_table},
    {"kdump", LAB_FIELD_BOOL, offsetof(LabCell, kdump), "", .fallback = "true"},
    {"ends_in_panic", LAB_FIELD_BOOL, offsetof(LabCell, ends_in_panic), ""},
    TEXT("boot", boot, .fallback = "bzimage", .choices = lab_boot_words),
    TEXT("accelerator", accelerator, .fallback = "auto", .choices = lab_accelerator_words),
    TEXT("connect_uri", connect_uri),
    TEXT("replay", replay),
    TEXT("keep_dumps", keep_dumps, .fallback = "first-per-signature",
         .choices = lab_keep_dumps_words),
    {"templates", LAB_FIELD_INT, offsetof(LabCell, templates), "", .fallback = "2", .min = 1},
    TEXT("cold_why", cold_why),
    {NULL},
};
const LabSchema lab_cell_table = {"cell", sizeof(LabCell), cell_fields, NULL};

LabCell *
lab_cell_new(void)
{
    return lab_schema_new(&lab_cell_table);
}

void
lab_cell_free(LabCell *cell)
{
    if (!cell || !cell->like) {
        lab_schema_free(&lab_cell_table, cell);
        return;
    }
    g_free(cell->id);
    g_free(cell->run);
    g_free(cell);
}

LabCell *
lab_cell_copy(const LabCell *cell)
{
    return lab_schema_copy(&lab_cell_table, cell);
}

json_t *
lab_cell_to_json(const LabCell *cell)
{
    json_t *object = json_object();
    g_autoptr(json_t) fields = lab_schema_to_json(&lab_cell_table, cell);

    json_object_set_new(object, "schema_version", json_integer(LAB_CELL_SCHEMA));
    json_object_update(object, fields);
    return object;
}

LabCell *
lab_cell_from_json(const json_t *json, GError **error)
{
    gint64 version = lab_json_int(json, "schema_version", 0);
    LabCell *cell;

    if (version < 1 || version > LAB_CELL_SCHEMA) {
        g_set_error(error, LAB_DATA_ERROR, version < 1 ? LAB_ERROR_FAILED : LAB_ERROR_NEWER,
                    version < 1 ? "cell: no schema_version"
                                : "cell: written by a newer kreglab: upgrade kreglab");
        return NULL;
    }
    cell = g_malloc0(sizeof(*cell));
    if (lab_schema_from_json(&lab_cell_table, cell, json, "cell", error))
        return cell;
    g_free(cell);
    return NULL;
}

static void
feed_text(GChecksum *checksum, const char *text)
{
    g_checksum_update(checksum, (const guchar *)(text ? text : ""),
                      (gssize)(text ? strlen(text) : 0) + 1);
}

/* How the kernel gets into memory counts as shape: PVH passes other boot code. */
GChecksum *
lab_cell_id_begin(const LabCell *cell)
{
    GChecksum *checksum = g_checksum_new(G_CHECKSUM_SHA256);

    feed_text(checksum, cell->kernel_digest);
    feed_text(checksum, cell->recipe_digest);
    feed_text(checksum, cell->variant);
    lab_schema_digest(&lab_setup_table, &cell->setup, checksum);
    lab_schema_digest(&lab_stressor_table, &cell->stressor, checksum);
    lab_schema_digest(&lab_guest_shape_table, &cell->guest, checksum);
    feed_text(checksum, g_strcmp0(cell->boot, "pvh") == 0 ? "pvh" : "");
    return checksum;
}

void
lab_cell_id_finish(LabCell *cell, const GChecksum *begun)
{
    g_autoptr(GChecksum) checksum = g_checksum_copy(begun);
    g_autofree char *repetition = g_strdup_printf("%d", cell->repetition);

    feed_text(checksum, repetition);
    g_free(cell->id);
    cell->id = g_strndup(g_checksum_get_string(checksum), 12);
}

LabCell *
lab_cell_repeat(const LabCell *like, int repetition, const GChecksum *begun)
{
    LabCell *cell = g_memdup2(like, sizeof *like);

    cell->like = like;
    cell->id = cell->run = NULL;
    cell->repetition = repetition;
    lab_cell_id_finish(cell, begun);
    return cell;
}

void
lab_cell_compute_id(LabCell *cell)
{
    g_autoptr(GChecksum) checksum = lab_cell_id_begin(cell);

    lab_cell_id_finish(cell, checksum);
}

int
lab_cell_template_index(const LabCell *cell)
{
    return (MAX(cell->repetition, 1) - 1) % MAX(cell->templates, 1);
}

char *
lab_cell_share(const LabCell *cell)
{
    g_autoptr(GChecksum) checksum = g_checksum_new(G_CHECKSUM_SHA256);

    feed_text(checksum, cell->kernel_id);
    feed_text(checksum, cell->kernel_digest);
    feed_text(checksum, cell->setup.cmdline);
    feed_text(checksum, cell->boot);
    feed_text(checksum, cell->accelerator);
    feed_text(checksum, cell->connect_uri);
    feed_text(checksum, cell->replay);
    feed_text(checksum, cell->kdump ? "kdump" : "");
    for (char **module = cell->setup.modules; module && *module; module++)
        feed_text(checksum, *module);
    for (char **tool = cell->stressor.tools; tool && *tool; tool++)
        feed_text(checksum, *tool);
    lab_schema_digest(&lab_guest_shape_table, &cell->guest, checksum);
    return g_strndup(g_checksum_get_string(checksum), 16);
}

/* Appends NAME=VALUE; takes 'value'. */
static void
add_variable(GPtrArray *env, const char *name, char *value)
{
    g_ptr_array_add(env, g_strdup_printf("%s=%s", name, value));
    g_free(value);
}

char **
lab_cell_environment(const LabCell *cell)
{
    GPtrArray *env = g_ptr_array_new();
    gint64 seconds = (cell->stressor.duration_ms + 999) / 1000;

    if (seconds > 0)
        add_variable(env, "KREGLAB_DURATION", g_strdup_printf("%" G_GINT64_FORMAT, seconds));
    add_variable(env, "KREGLAB_CPUS", g_strdup_printf("%d", cell->guest.cpus));
    add_variable(env, "KREGLAB_MEMORY_MB",
                 g_strdup_printf("%" G_GUINT64_FORMAT, cell->guest.memory_bytes >> 20));
    add_variable(env, "KREGLAB_NODES", g_strdup_printf("%d", MAX(cell->guest.numa_nodes, 1)));
    add_variable(env, "KREGLAB_RELEASE",
                 g_strdup(cell->kernel_release ? cell->kernel_release : ""));
    add_variable(env, "KREGLAB_RECIPE", g_strdup(cell->recipe));
    add_variable(env, "KREGLAB_VARIANT", g_strdup(cell->variant));
    add_variable(env, "KREGLAB_REPETITION", g_strdup_printf("%d", cell->repetition));
    g_ptr_array_add(env, NULL);
    return (char **)g_ptr_array_free(env, FALSE);
}
