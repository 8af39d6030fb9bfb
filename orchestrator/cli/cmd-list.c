/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdio.h>
#include <string.h>

#include "lab-cli.h"
#include "lab-error.h"
#include "lab-index.h"
#include "lab-json.h"
#include "lab-log.h"
#include "lab-table.h"

static json_t *
run_to_json(const LabIndexRun *run)
{
    return json_pack("{s:s, s:o, s:s, s:i, s:i, s:s, s:i, s:i}", "id", run->id, "title",
                     lab_json_text(run->title), "created", run->created, "cells", run->cells,
                     "done", run->done, "state", run->state, "unexpected", run->unexpected, "infra",
                     run->infra);
}

static void
print_table(const GPtrArray *runs)
{
    static const char *const headings[] = {"RUN",         "CREATED", "STATE", ">DONE",
                                           ">UNEXPECTED", ">INFRA",  "TITLE", NULL};
    g_autoptr(LabTable) table = lab_table_new(headings);

    for (guint i = 0; i < runs->len; i++) {
        const LabIndexRun *run = runs->pdata[i];
        g_autofree char *done = g_strdup_printf("%d/%d", run->done, run->cells);
        g_autofree char *unexpected = g_strdup_printf("%d", run->unexpected);
        g_autofree char *infra = g_strdup_printf("%d", run->infra);
        g_autoptr(GDateTime) utc = g_date_time_new_from_iso8601(run->created, NULL);
        g_autoptr(GDateTime) local = utc ? g_date_time_to_local(utc) : NULL;
        g_autofree char *created = local ? g_date_time_format(local, "%F %T") : NULL;

        lab_table_add(table, run->id, created ? created : run->created, run->state, done,
                      unexpected, infra, run->title);
    }
    lab_table_print(table);
}

static json_t *
cell_to_json(const LabIndexCell *cell)
{
    return json_pack("{s:o, s:o, s:o, s:o, s:o, s:i, s:o, s:o}", "run", lab_json_text(cell->run),
                     "cell", lab_json_text(cell->id), "kernel", lab_json_text(cell->kernel),
                     "recipe", lab_json_text(cell->recipe), "variant", lab_json_text(cell->variant),
                     "repetition", cell->repetition, "title", lab_json_text(cell->title), "k0",
                     lab_json_text(cell->k0));
}

/* The cells that crashed like that, in place of the runs. */
static int
list_crashes(LabCli *cli, LabIndex *index, GError **error)
{
    static const char *const headings[] = {"RUN/CELL", "KERNEL", "RECIPE",
                                           "VARIANT",  "TITLE",  NULL};
    g_autoptr(GPtrArray)
        cells = lab_index_find_crashes(index, lab_cli_string(cli, "signature"), error);
    g_autoptr(LabTable) table = lab_table_new(headings);
    json_t *array;

    if (!cells)
        return 0;
    if (lab_cli_given(cli, "number") && cells->len > (guint)lab_cli_int(cli, "number", 0))
        g_ptr_array_set_size(cells, (int)lab_cli_int(cli, "number", 0));
    if (lab_cli_flag(cli, "json")) {
        array = json_array();
        for (guint i = 0; i < cells->len; i++)
            json_array_append_new(array, cell_to_json(cells->pdata[i]));
        lab_cli_print_json(json_pack("{s:i, s:o}", "schema_version", 1, "cells", array));
        return LAB_EXIT_OK;
    }
    if (!cells->len)
        lab_warn("no cell crashed like '%s'", lab_cli_string(cli, "signature"));
    for (guint i = 0; i < cells->len; i++) {
        const LabIndexCell *cell = cells->pdata[i];
        g_autofree char *name = g_strdup_printf("%s/%s", cell->run, cell->id);

        lab_table_add(table, name, cell->kernel, cell->recipe, cell->variant, cell->title);
    }
    lab_table_print(table);
    return LAB_EXIT_OK;
}

static int
cmd_list(LabCli *cli, GError **error)
{
    g_autoptr(LabIndex) index = lab_index_open(cli->paths->data, error);
    g_autoptr(GPtrArray) runs = index ? lab_index_list(index, error) : NULL;
    json_t *array;

    if (!runs)
        return 0;
    if (lab_cli_given(cli, "signature"))
        return list_crashes(cli, index, error);
    if (lab_cli_given(cli, "number") && runs->len > (guint)lab_cli_int(cli, "number", 0))
        g_ptr_array_set_size(runs, (int)lab_cli_int(cli, "number", 0));
    if (!lab_cli_flag(cli, "json")) {
        print_table(runs);
        return LAB_EXIT_OK;
    }
    array = json_array();
    for (guint i = 0; i < runs->len; i++)
        json_array_append_new(array, run_to_json(runs->pdata[i]));
    lab_cli_print_json(json_pack("{s:i, s:o}", "schema_version", 1, "runs", array));
    return LAB_EXIT_OK;
}

static const LabOption options[] = {
    {"json", 0, LAB_OPTION_FLAG, NULL, "print JSON"},
    {"number", 'n', LAB_OPTION_INT, "N", "only the newest N runs (or cells)", .min = 1},
    {"signature", 's', LAB_OPTION_STRING, "K0|TITLE",
     "the cells that crashed like that, in place of the runs ('*' matches in titles)"},
    {NULL},
};

const LabVerb lab_verb_list = {
    .name = "list",
    .summary = "list the runs, newest first",
    .options = {options},
    .run = cmd_list,
};
