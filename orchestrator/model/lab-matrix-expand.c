/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A matrix to cells. What depends on recipe and variant alone is merged once, into a template; a
 * cell is a copy of it with kernel and repetition filled in.
 */
#include <fcntl.h>
#include <string.h>

#include "lab-affected.h"
#include "lab-error.h"
#include "lab-file.h"
#include "lab-log.h"
#include "lab-matrix.h"
#include "lab-schema.h"
#include "lab-tables.h"
#include "lab-units.h"
#include "lab-version.h"

#define HOTFIX_MAX_BYTES (64u << 20)
#define MAX_CELLS        250000 /* the first repetition has some 2 kB, the others share it */
#define RUN_MARGIN_MS    60000  /* after the stressor's duration */

typedef struct {
    const LabMatrix *matrix;
    const GPtrArray *kernels;  /* LabKernel: all there are */
    GHashTable *kernel_chosen; /* LabKernel */
    GPtrArray *recipes;        /* LabRecipe: the chosen ones as named, then the rest */
    guint n_chosen;            /* of recipes */
    GPtrArray *cells;
    GHashTable *ids; /* of cells, to find kernels that are the same */
} Expansion;

/* Names of 'all' for messages. g_free. */
static char *
recipe_names(const GPtrArray *all)
{
    GString *text = g_string_new(NULL);

    for (guint i = 0; i < all->len; i++)
        g_string_append_printf(text, "%s%s", i > 0 ? ", " : "",
                               ((const LabRecipe *)all->pdata[i])->name);
    return g_string_free(text, FALSE);
}

static gboolean
choose_kernels(Expansion *e, GError **error)
{
    g_autoptr(GPtrArray) found = g_ptr_array_new();

    for (char **pattern = e->matrix->kernels; *pattern; pattern++)
        if (!lab_kernel_match(e->kernels, *pattern, found, error))
            return FALSE;
    for (guint i = 0; i < found->len; i++)
        g_hash_table_add(e->kernel_chosen, found->pdata[i]);
    return TRUE;
}

static gboolean
no_recipe(const GPtrArray *all, const char *pattern, GError **error)
{
    g_autofree char *names = recipe_names(all);
    g_auto(GStrv) words = g_strsplit(names, ", ", -1);
    const char *meant = lab_did_you_mean(pattern, (const char *const *)words);

    g_set_error(error, LAB_CONFIG_ERROR, LAB_ERROR_NOT_FOUND, "no recipe '%s'%s%s%s; there is: %s",
                pattern, meant ? ": did you mean '" : "", meant ? meant : "", meant ? "'?" : "",
                names);
    return FALSE;
}

static gboolean
choose_recipes(Expansion *e, const GPtrArray *all, GError **error)
{
    g_autoptr(GHashTable) seen = g_hash_table_new(NULL, NULL);

    for (char **pattern = e->matrix->recipes; *pattern; pattern++) {
        gboolean found = FALSE;

        for (guint i = 0; i < all->len; i++) {
            LabRecipe *recipe = all->pdata[i];

            if (!g_pattern_match_simple(*pattern, recipe->name))
                continue;
            found = TRUE;
            if (g_hash_table_add(seen, recipe))
                g_ptr_array_add(e->recipes, recipe);
        }
        if (!found)
            return no_recipe(all, *pattern, error);
    }
    e->n_chosen = e->recipes->len;
    for (guint i = 0; i < all->len && e->matrix->include->len > 0; i++)
        if (!g_hash_table_contains(seen, all->pdata[i]))
            g_ptr_array_add(e->recipes, all->pdata[i]);
    return TRUE;
}

static gboolean
variant_is_named(const LabMatrix *matrix, const char *name)
{
    if (!matrix->variants[0])
        return TRUE;
    for (char **pattern = matrix->variants; *pattern; pattern++)
        if (g_pattern_match_simple(*pattern, name))
            return TRUE;
    return FALSE;
}

/* Every name has to be of some variant, and every chosen recipe has to have one of the names. */
static gboolean
check_variants(const Expansion *e, GError **error)
{
    const LabMatrix *matrix = e->matrix;

    for (guint i = 0; i < e->n_chosen; i++) {
        const LabRecipe *recipe = e->recipes->pdata[i];
        g_autoptr(GString) names = g_string_new(NULL);
        gboolean any = matrix->own_variants->len > 0;

        for (guint n = 0; n < recipe->variants->len; n++) {
            const LabVariant *variant = recipe->variants->pdata[n];

            any = any || variant_is_named(matrix, variant->name);
            g_string_append_printf(names, "%s%s", n > 0 ? ", " : "", variant->name);
        }
        if (!any) {
            g_autofree char *asked = g_strjoinv("', '", matrix->variants);

            g_set_error(error, LAB_CONFIG_ERROR, LAB_ERROR_NOT_FOUND,
                        "recipe '%s' has no variant '%s'; it has: %s", recipe->name, asked,
                        names->str);
            return FALSE;
        }
    }
    for (char **pattern = matrix->variants; *pattern; pattern++) {
        gboolean any = FALSE;

        for (guint i = 0; i < e->n_chosen && !any; i++) {
            const LabRecipe *recipe = e->recipes->pdata[i];

            for (guint n = 0; n < recipe->variants->len && !any; n++)
                any = g_pattern_match_simple(*pattern,
                                             ((LabVariant *)recipe->variants->pdata[n])->name);
        }
        if (!any) {
            g_set_error(error, LAB_CONFIG_ERROR, LAB_ERROR_NOT_FOUND,
                        "none of the recipes has a variant '%s'", *pattern);
            return FALSE;
        }
    }
    return TRUE;
}

static void
append_strings(char ***to, char **more)
{
    g_autoptr(GStrvBuilder) builder = g_strv_builder_new();

    if (!more || !*more)
        return;
    g_strv_builder_addv(builder, (const char **)*to);
    g_strv_builder_addv(builder, (const char **)more);
    g_strfreev(*to);
    *to = g_strv_builder_end(builder);
}

static void
append_cmdline(char **to, const char *more)
{
    char *joined;

    if (!more || !*more)
        return;
    joined = *to ? g_strdup_printf("%s %s", *to, more) : g_strdup(more);
    g_free(*to);
    *to = joined;
}

static void
override_text(char **to, const char *from)
{
    if (!from)
        return;
    g_free(*to);
    *to = g_strdup(from);
}

static void
override_guest(LabGuestShape *to, const LabGuestShape *from)
{
    guint n = 0;

    if (!from)
        return;
    if (from->cpus > 0)
        to->cpus = from->cpus;
    if (from->memory_bytes > 0)
        to->memory_bytes = from->memory_bytes;
    if (from->numa_nodes > 0)
        to->numa_nodes = from->numa_nodes;
    override_text(&to->cpu_model, from->cpu_model);
    override_text(&to->network, from->network);
    if (from->disks) {
        while (from->disks[n])
            n++;
        g_free(to->disks);
        to->disks = g_memdup2(from->disks, (n + 1) * sizeof(*from->disks));
    }
    if (from->devices[0]) {
        g_strfreev(to->devices);
        to->devices = g_strdupv(from->devices);
    }
}

/* Lays a variant over what the cell has. */
static void
apply_variant(LabCell *cell, const LabVariant *variant)
{
    append_cmdline(&cell->setup.cmdline, variant->setup.cmdline);
    append_strings(&cell->setup.sysctl, variant->setup.sysctl);
    append_strings(&cell->setup.sysfs, variant->setup.sysfs);
    append_strings(&cell->setup.modules, variant->setup.modules);
    override_text(&cell->setup.hotfix, variant->setup.hotfix);
    override_guest(&cell->guest, variant->setup.guest);
    if (variant->setup.args) {
        g_strfreev(cell->stressor.args);
        cell->stressor.args = g_strdupv(variant->setup.args);
    }
}

static void
apply_recipe(LabCell *cell, const LabRecipe *recipe)
{
    cell->recipe = g_strdup(recipe->name);
    cell->recipe_digest = g_strdup(recipe->digest);
    cell->recipe_directory = g_strdup(recipe->directory);
    append_strings(&cell->setup.modules, recipe->needs_modules);
    append_cmdline(&cell->setup.cmdline, recipe->setup.cmdline);
    append_strings(&cell->setup.sysctl, recipe->setup.sysctl);
    append_strings(&cell->setup.sysfs, recipe->setup.sysfs);
    append_strings(&cell->setup.modules, recipe->setup.modules);
    append_strings(&cell->needs_config, recipe->needs_config);
    lab_schema_clear(&lab_guest_shape_table, &cell->guest);
    lab_schema_copy_into(&lab_guest_shape_table, &cell->guest, &recipe->guest);
    lab_schema_clear(&lab_stressor_table, &cell->stressor);
    lab_schema_copy_into(&lab_stressor_table, &cell->stressor, &recipe->stressor);
    lab_schema_clear(&lab_reached_table, &cell->reached);
    lab_schema_copy_into(&lab_reached_table, &cell->reached, &recipe->reached);
    for (guint i = 0; i < recipe->detectors->len; i++) {
        const LabDetector *detector = recipe->detectors->pdata[i];

        if (detector->after_ms > 0)
            cell->deadlines.heartbeat_ms = detector->after_ms;
        g_ptr_array_add(cell->detectors, lab_schema_copy(&lab_detector_table, detector));
    }
    cell->ends_in_panic = recipe->ends_in_panic;
    if (!recipe->warm)
        cell->cold_why = g_strdup("the recipe says 'warm: false'");
    cell->kdump = recipe->kdump;
    cell->deadlines.run_ms = recipe->stressor.duration_ms + RUN_MARGIN_MS;
    if (recipe->run_timeout_ms > 0)
        cell->deadlines.run_ms = recipe->run_timeout_ms;
    if (recipe->boot_timeout_ms > 0)
        cell->deadlines.boot_ms = recipe->boot_timeout_ms;
}

static void
apply_matrix(LabCell *cell, const LabMatrix *matrix)
{
    append_cmdline(&cell->setup.cmdline, matrix->cmdline);
    if (matrix->memory_bytes > 0)
        cell->guest.memory_bytes = matrix->memory_bytes;
    if (matrix->cpus > 0)
        cell->guest.cpus = matrix->cpus;
    if (matrix->boot_timeout_ms > 0)
        cell->deadlines.boot_ms = matrix->boot_timeout_ms;
    if (matrix->run_timeout_ms > 0)
        cell->deadlines.run_ms = matrix->run_timeout_ms;
    cell->kdump = cell->kdump && matrix->kdump;
    override_text(&cell->boot, matrix->boot);
    override_text(&cell->accelerator, matrix->accelerator);
    override_text(&cell->connect_uri, matrix->connect_uri);
    override_text(&cell->replay, matrix->replay);
    override_text(&cell->keep_dumps, matrix->keep_dumps);
    cell->templates = matrix->templates;
    if (matrix->replay)
        override_text(&cell->cold_why, "a recording is played");
    else if (matrix->connect_uri)
        override_text(&cell->cold_why, "libvirt is not the embedded one");
    else if (matrix->cold)
        override_text(&cell->cold_why, "the run is cold");
}

static void
apply_needs(LabCell *cell, const LabRecipe *recipe)
{
    cell->guest.cpus = MAX(cell->guest.cpus, recipe->needs_cpus);
    cell->guest.memory_bytes = MAX(cell->guest.memory_bytes, recipe->needs_memory_bytes);
    cell->guest.numa_nodes = MAX(cell->guest.numa_nodes, recipe->needs_numa_nodes);
    /* A node without CPUs is legal, but no kernel balances or migrates to it as recipes expect. */
    cell->guest.cpus = MAX(cell->guest.cpus, cell->guest.numa_nodes);
}

/* A matrix's own hotfix lies outside the recipe's folder: its content has to be in the id too. */
static gboolean
digest_hotfix(LabCell *cell, GError **error)
{
    g_autofree char *content = NULL;
    g_autoptr(GError) local = NULL;
    gsize length;

    if (!cell->setup.hotfix || !g_path_is_absolute(cell->setup.hotfix))
        return TRUE;
    content = lab_file_read(AT_FDCWD, cell->setup.hotfix, HOTFIX_MAX_BYTES, &length, &local);
    if (!content) {
        g_set_error(error, LAB_CONFIG_ERROR, LAB_ERROR_NOT_FOUND, "hotfix of variant '%s': %s",
                    cell->variant, local->message);
        return FALSE;
    }
    cell->setup.hotfix_digest =
        g_compute_checksum_for_data(G_CHECKSUM_SHA256, (const guchar *)content, length);
    return TRUE;
}

/* Everything but kernel, expectations and repetition. */
static LabCell *
make_template(const LabMatrix *matrix, const LabRecipe *recipe, const LabVariant *variant,
              gboolean own)
{
    LabCell *cell = lab_cell_new();

    apply_recipe(cell, recipe);
    if (own)
        apply_variant(cell, lab_recipe_baseline(recipe));
    apply_variant(cell, variant);
    apply_matrix(cell, matrix);
    apply_needs(cell, recipe);
    cell->variant = g_strdup(variant->name);
    cell->baseline = variant->baseline;
    return cell;
}

static void
add_expectations(LabCell *cell, const LabKernel *kernel, const LabRecipe *recipe)
{
    g_autoptr(LabRelease)
        release = lab_release_new(kernel->release, kernel->version, kernel->package_version);
    const LabApplies applies = lab_recipe_applies_to(recipe, kernel, release, NULL, NULL);

    for (guint i = 0; i < recipe->expect->len; i++) {
        const LabExpect *expect = recipe->expect->pdata[i];

        if (expect->variants[0] &&
            !g_strv_contains((const char *const *)expect->variants, cell->variant))
            continue;
        if (expect->kernels && !lab_version_in_range(cell->kernel_release, expect->kernels, NULL))
            continue;
        if (expect->affected &&
            applies != (strcmp(expect->affected, "yes") == 0 ? LAB_APPLIES_YES : LAB_APPLIES_NO))
            continue;
        g_ptr_array_add(cell->expect, lab_schema_copy(&lab_expect_table, expect));
    }
}

static gboolean
matches(const LabMatrixRule *rule, const LabKernel *kernel, const char *recipe, const char *variant)
{
    return (!rule->kernel || g_pattern_match_simple(rule->kernel, kernel->id) ||
            g_pattern_match_simple(rule->kernel, kernel->release)) &&
           (!rule->recipe || g_pattern_match_simple(rule->recipe, recipe)) &&
           (!rule->variant || g_pattern_match_simple(rule->variant, variant));
}

/* How often a cell runs: 0 when it is not in the matrix. */
static int
repetitions(const Expansion *e, const LabKernel *kernel, const LabRecipe *recipe, gboolean chosen,
            const LabVariant *variant, gboolean own)
{
    const LabMatrix *matrix = e->matrix;
    int most = matrix->adaptive ? matrix->adaptive->max : matrix->repeat;
    int repeat = 0;

    if (chosen && g_hash_table_contains(e->kernel_chosen, kernel) &&
        (own || variant_is_named(matrix, variant->name)))
        repeat = most;
    for (guint i = 0; i < matrix->exclude->len && repeat > 0; i++)
        if (matches(matrix->exclude->pdata[i], kernel, recipe->name, variant->name))
            repeat = 0;
    for (guint i = 0; i < matrix->include->len; i++) {
        const LabMatrixRule *rule = matrix->include->pdata[i];

        if (matches(rule, kernel, recipe->name, variant->name))
            repeat = MAX(repeat, rule->repeat > 0 ? rule->repeat : most);
    }
    return repeat;
}

static void
add_cells(Expansion *e, const LabCell *template, const LabKernel *kernel, const LabRecipe *recipe,
          int repeat)
{
    LabCell *first = lab_cell_copy(template);
    g_autoptr(GChecksum) checksum = NULL;

    first->kernel_id = g_strdup(kernel->id);
    first->kernel_release = g_strdup(kernel->release);
    first->kernel_digest = g_strdup(kernel->digest);
    first->kernel_directory = g_strdup(kernel->directory);
    add_expectations(first, kernel, recipe);
    checksum = lab_cell_id_begin(first);
    for (int i = 1; i <= repeat; i++) {
        LabCell *cell = i == 1 ? first : lab_cell_repeat(first, i, checksum);

        if (i == 1)
            lab_cell_id_finish(cell, checksum);
        if (!g_hash_table_add(e->ids, cell->id)) {
            lab_warn("kernel '%s' is left out of recipe '%s': it is the same build as another one",
                     kernel->id, recipe->name);
            lab_cell_free(cell);
            return;
        }
        g_ptr_array_add(e->cells, cell);
    }
}

/* The templates of one recipe: its variants, then the matrix's own. */
typedef struct {
    const LabRecipe *recipe;
    GPtrArray *variants; /* LabVariant */
    GPtrArray *cells;    /* LabCell */
    guint n_of_recipe;
} Templates;

static void
templates_free(gpointer pointer)
{
    Templates *templates = pointer;

    g_ptr_array_unref(templates->variants);
    g_ptr_array_unref(templates->cells);
    g_free(templates);
}

/* NULL and error when a hotfix cannot be read. */
static Templates *
make_templates(const Expansion *e, const LabRecipe *recipe, GError **error)
{
    Templates *t = g_new0(Templates, 1);

    t->recipe = recipe;
    t->variants = g_ptr_array_new();
    t->cells = g_ptr_array_new_with_free_func((GDestroyNotify)lab_cell_free);
    t->n_of_recipe = recipe->variants->len;
    g_ptr_array_extend(t->variants, recipe->variants, NULL, NULL);
    g_ptr_array_extend(t->variants, e->matrix->own_variants, NULL, NULL);
    for (guint i = 0; i < t->variants->len; i++) {
        LabCell *cell =
            make_template(e->matrix, recipe, t->variants->pdata[i], i >= t->n_of_recipe);

        g_ptr_array_add(t->cells, cell);
        if (!digest_hotfix(cell, error)) {
            templates_free(t);
            return NULL;
        }
    }
    return t;
}

/* Adds the cells of one kernel, or only counts them. */
static guint64
expand_kernel(Expansion *e, const LabKernel *kernel, const GPtrArray *all_templates,
              gboolean only_count)
{
    guint64 count = 0;

    for (guint r = 0; r < all_templates->len; r++) {
        const Templates *t = all_templates->pdata[r];

        for (guint v = 0; v < t->variants->len; v++) {
            int repeat = repetitions(e, kernel, t->recipe, r < e->n_chosen, t->variants->pdata[v],
                                     v >= t->n_of_recipe);

            count += (guint64)repeat;
            if (repeat > 0 && !only_count)
                add_cells(e, t->cells->pdata[v], kernel, t->recipe, repeat);
        }
    }
    return count;
}

static gboolean
count_is_sane(Expansion *e, const GPtrArray *templates, GError **error)
{
    guint64 count = 0;

    for (guint i = 0; i < e->kernels->len; i++)
        count += expand_kernel(e, e->kernels->pdata[i], templates, TRUE);
    if (count > 0 && count <= MAX_CELLS)
        return TRUE;
    if (count == 0)
        g_set_error(error, LAB_CONFIG_ERROR, LAB_ERROR_NOT_FOUND,
                    "the matrix has no cells: its 'exclude' takes all of them away");
    else
        g_set_error(error, LAB_CONFIG_ERROR, LAB_ERROR_LIMIT,
                    "the matrix has %" G_GUINT64_FORMAT " cells, more than %d: choose fewer "
                    "kernels, recipes or repetitions",
                    count, MAX_CELLS);
    return FALSE;
}

static gboolean
expand(Expansion *e, const GPtrArray *recipes, GError **error)
{
    g_autoptr(GPtrArray) templates = g_ptr_array_new_with_free_func(templates_free);

    if (!choose_kernels(e, error) || !choose_recipes(e, recipes, error) ||
        !check_variants(e, error))
        return FALSE;
    for (guint i = 0; i < e->recipes->len; i++) {
        Templates *t = make_templates(e, e->recipes->pdata[i], error);

        if (!t)
            return FALSE;
        g_ptr_array_add(templates, t);
    }
    if (!count_is_sane(e, templates, error))
        return FALSE;
    for (guint i = 0; i < e->kernels->len; i++)
        expand_kernel(e, e->kernels->pdata[i], templates, FALSE);
    return TRUE;
}

GPtrArray *
lab_matrix_expand(const LabMatrix *matrix, const GPtrArray *kernels, const GPtrArray *recipes,
                  GError **error)
{
    Expansion e = {
        .matrix = matrix,
        .kernels = kernels,
        .kernel_chosen = g_hash_table_new(NULL, NULL),
        .recipes = g_ptr_array_new(),
        .cells = g_ptr_array_new_with_free_func((GDestroyNotify)lab_cell_free),
        .ids = g_hash_table_new(g_str_hash, g_str_equal),
    };
    gboolean ok = expand(&e, recipes, error);

    g_hash_table_unref(e.ids);
    g_hash_table_unref(e.kernel_chosen);
    g_ptr_array_unref(e.recipes);
    if (!ok)
        g_clear_pointer(&e.cells, g_ptr_array_unref);
    return e.cells;
}
