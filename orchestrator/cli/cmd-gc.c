/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdio.h>
#include <string.h>

#include "lab-cli.h"
#include "lab-config.h"
#include "lab-error.h"
#include "lab-gc.h"
#include "lab-json.h"
#include "lab-log.h"
#include "lab-table.h"
#include "lab-units.h"

G_STATIC_ASSERT(LAB_GC_KINDS == LAB_CONFIG_GC_KINDS);

static gboolean
is_chosen(const LabCli *cli, LabGcKind kind)
{
    const char *const *kinds = lab_cli_strings(cli, "kind");

    return !*kinds || g_strv_contains(kinds, lab_gc_kind_names[kind]);
}

/* The command line goes over the user's settings, and those over the defaults. */
static LabGcBudget
budget_of(const LabCli *cli, const LabConfig *config, LabGcKind kind)
{
    const LabConfigBudget *set = &config->gc[kind];
    LabGcBudget budget = lab_gc_default_budget(kind);

    if (set->max_bytes > 0)
        budget.max_bytes = set->max_bytes;
    if (set->max_age_ms > 0)
        budget.max_age_ms = set->max_age_ms;
    if (lab_cli_given(cli, "max-size"))
        budget.max_bytes = MAX(lab_cli_size_bytes(cli, "max-size"), 1);
    if (lab_cli_given(cli, "max-age"))
        budget.max_age_ms = MAX(lab_cli_duration_ms(cli, "max-age"), 1);
    return budget;
}

typedef struct {
    guint items, dropped;
    guint64 bytes, dropped_bytes;
} Total;

/* In a dry run what would go counts as gone. */
static Total
total_of(const GPtrArray *items, LabGcKind kind, gboolean dry)
{
    Total total = {0};

    for (guint i = 0; i < items->len; i++) {
        const LabGcItem *item = items->pdata[i];

        if (item->kind != kind)
            continue;
        total.items++;
        total.bytes += item->bytes;
        if (dry ? item->drop != NULL : item->gone) {
            total.dropped++;
            total.dropped_bytes += item->bytes;
        }
    }
    return total;
}

static json_t *
item_json(const LabGcItem *item)
{
    return json_pack("{s:s, s:o, s:I, s:I, s:o, s:o}", "kind", lab_gc_kind_names[item->kind],
                     "name", lab_json_text(item->name), "bytes", (json_int_t)item->bytes, "used",
                     (json_int_t)item->used_s, "why", lab_json_text(item->drop), "kept",
                     lab_json_text(item->kept_why));
}

static void
print_json(const LabCli *cli, const GPtrArray *items, gboolean dry)
{
    json_t *kinds = json_object();
    json_t *freed = json_array();
    json_t *kept = json_array();

    for (LabGcKind kind = 0; kind < LAB_GC_KINDS; kind++) {
        Total t = total_of(items, kind, dry);

        if (is_chosen(cli, kind))
            json_object_set_new(kinds, lab_gc_kind_names[kind],
                                json_pack("{s:i, s:I, s:i, s:I}", "items", (int)t.items, "bytes",
                                          (json_int_t)t.bytes, "freed", (int)t.dropped,
                                          "freed_bytes", (json_int_t)t.dropped_bytes));
    }
    for (guint i = 0; i < items->len; i++) {
        const LabGcItem *item = items->pdata[i];

        if (dry ? item->drop != NULL : item->gone)
            json_array_append_new(freed, item_json(item));
        else if (item->kept_why)
            json_array_append_new(kept, item_json(item));
    }
    lab_cli_print_json(json_pack("{s:i, s:b, s:o, s:o, s:o}", "schema_version", 1, "dry_run", dry,
                                 "kinds", kinds, "freed", freed, "kept", kept));
}

static void
print_text(const LabCli *cli, const GPtrArray *items, gboolean dry)
{
    static const char *const headings[] = {"KIND", ">ITEMS", ">SIZE", ">FREED", ">SIZE", NULL};
    g_autoptr(LabTable) table = lab_table_new(headings);

    for (guint i = 0; i < items->len; i++) {
        const LabGcItem *item = items->pdata[i];
        g_autofree char *size = lab_size_human(item->bytes);

        if (dry ? item->drop != NULL : item->gone)
            lab_cli_print("%s %s %s (%s, %s)\n", dry ? "would remove" : "removed",
                          lab_gc_kind_names[item->kind], item->name, size, item->drop);
        else if (item->kept_why)
            lab_debug("%s %s stays: %s", lab_gc_kind_names[item->kind], item->name, item->kept_why);
    }
    for (LabGcKind kind = 0; kind < LAB_GC_KINDS; kind++) {
        Total t = total_of(items, kind, dry);
        g_autofree char *n = g_strdup_printf("%u", t.items);
        g_autofree char *size = lab_size_human(t.bytes);
        g_autofree char *freed = g_strdup_printf("%u", t.dropped);
        g_autofree char *freed_size = lab_size_human(t.dropped_bytes);

        if (t.items > 0)
            lab_table_add(table, lab_gc_kind_names[kind], n, size, freed, freed_size);
    }
    lab_table_print(table);
}

static int
pin(const LabCli *cli, const char *name, gboolean pinned, GError **error)
{
    g_autoptr(LabRun) run = lab_run_open(cli->paths->data, name, error);

    if (run && lab_run_pin(run, pinned, error))
        printf("run %s %s\n", lab_run_id(run), pinned ? "is pinned" : "is not pinned");
    return LAB_EXIT_OK;
}

static int
clean(const LabCli *cli, const LabConfig *config, GError **error)
{
    gboolean dry = lab_cli_flag(cli, "dry-run");
    LabGcBudget budgets[LAB_GC_KINDS];
    const LabGcBudget *chosen[LAB_GC_KINDS] = {NULL};
    g_autoptr(GPtrArray) items = NULL;
    g_autoptr(GError) no_index = NULL;
    g_autoptr(LabIndex) index = NULL;

    for (LabGcKind kind = 0; kind < LAB_GC_KINDS; kind++) {
        budgets[kind] = budget_of(cli, config, kind);
        chosen[kind] = is_chosen(cli, kind) ? &budgets[kind] : NULL;
    }
    items = lab_gc_plan(cli->paths, chosen, error);
    if (!items)
        return LAB_EXIT_OK;
    if (!dry) {
        index = lab_index_open(cli->paths->data, &no_index);
        if (!index)
            lab_warn("%s", no_index->message);
        if (!lab_gc_sweep(cli->paths, items, index, error))
            return LAB_EXIT_OK;
    }
    if (lab_cli_flag(cli, "json"))
        print_json(cli, items, dry);
    else
        print_text(cli, items, dry);
    return LAB_EXIT_OK;
}

static int
cmd_gc(LabCli *cli, GError **error)
{
    LabConfig config;

    if (lab_cli_given(cli, "pin"))
        return pin(cli, lab_cli_string(cli, "pin"), TRUE, error);
    if (lab_cli_given(cli, "unpin"))
        return pin(cli, lab_cli_string(cli, "unpin"), FALSE, error);
    return lab_config_load(&config, error) ? clean(cli, &config, error) : LAB_EXIT_OK;
}

static const LabOption options[] = {
    {"kind", 0, LAB_OPTION_STRINGS, "KIND", "clean these alone (may be repeated; default: all)",
     .choices = lab_gc_kind_names},
    {"max-size", 0, LAB_OPTION_SIZE, "SIZE",
     "let each kind take so much, the oldest go first (default: the settings')"},
    {"max-age", 0, LAB_OPTION_DURATION, "TIME",
     "what was of no use for so long goes (default: the settings')"},
    {"pin", 0, LAB_OPTION_STRING, "RUN", "keep this run whatever the budgets say; clean nothing",
     .hint = LAB_HINT_RUN},
    {"unpin", 0, LAB_OPTION_STRING, "RUN", "let go of a pinned run; clean nothing",
     .hint = LAB_HINT_RUN},
    {"dry-run", 0, LAB_OPTION_FLAG, NULL, "show what would go; remove nothing"},
    {"json", 0, LAB_OPTION_FLAG, NULL, "print JSON"},
    {NULL},
};

const LabVerb lab_verb_gc = {
    .name = "gc",
    .summary = "keep runs, vmcores and caches under budgets of size and age",
    .options = {options},
    .run = cmd_gc,
};
