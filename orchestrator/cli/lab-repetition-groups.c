/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which cells are repetitions of each other, and which groups of them are compared. */
#include "lab-repetition-private.h"

/* "" stands for any variant. */
static char *
name_of(const char *kernel, const char *recipe, const char *variant)
{
    return g_strjoin("\n", kernel, recipe, variant, NULL);
}

/* The number of a group by its name, -1: none. */
static int
find(GHashTable *by_name, const char *kernel, const char *recipe, const char *variant)
{
    g_autofree char *name = name_of(kernel, recipe, variant);
    gpointer number;

    return g_hash_table_lookup_extended(by_name, name, NULL, &number) ? GPOINTER_TO_INT(number)
                                                                      : -1;
}

static void
set_name(GHashTable *by_name, const LabRunCell *cell, const char *variant, guint number)
{
    g_hash_table_insert(by_name, name_of(cell->kernel, cell->recipe, variant),
                        GINT_TO_POINTER((int)number));
}

static Group *
add_group(LabRepetition *repetition, GHashTable *by_name, const LabRunCell *cell)
{
    Group *group = g_new0(Group, 1);
    int baseline = find(by_name, cell->kernel, cell->recipe, "");

    group->cells = g_ptr_array_new();
    group->baseline = cell->baseline;
    set_name(by_name, cell, cell->variant, repetition->groups->len);
    if (baseline < 0 ||
        (group->baseline && !((Group *)repetition->groups->pdata[baseline])->baseline))
        set_name(by_name, cell, "", repetition->groups->len);
    g_ptr_array_add(repetition->groups, group);
    return group;
}

static void
add_cells(LabRepetition *repetition, GHashTable *by_name)
{
    for (guint i = 0; i < repetition->cells->len; i++) {
        const LabRunCell *cell = repetition->cells->pdata[i];
        int number = find(by_name, cell->kernel, cell->recipe, cell->variant);
        Group *group = number >= 0 ? repetition->groups->pdata[number]
                                   : add_group(repetition, by_name, cell);

        repetition->group_of[i] = number >= 0 ? (guint)number : repetition->groups->len - 1;
        if (group->cells->len <= (guint)cell->repetition)
            g_ptr_array_set_size(group->cells, cell->repetition + 1);
        group->cells->pdata[cell->repetition] = (gpointer)cell;
    }
}

/* As the analysis compares: variants with their recipe's baseline on one kernel, kernels with the
 * first one. */
static void
add_comparisons(LabRepetition *repetition, GHashTable *by_name)
{
    const char *first = ((const LabRunCell *)repetition->cells->pdata[0])->kernel;

    for (guint i = 0; i < repetition->groups->len; i++) {
        const LabRunCell *cell = lab_repetition_first_cell(repetition->groups->pdata[i]);
        int baseline = find(by_name, cell->kernel, cell->recipe, "");
        int kernel = find(by_name, first, cell->recipe, cell->variant);

        if (baseline != (int)i)
            lab_allocation_compare(repetition->allocation, (guint)baseline, i, TRUE);
        if (kernel >= 0 && kernel != (int)i)
            lab_allocation_compare(repetition->allocation, (guint)kernel, i, FALSE);
    }
}

static void
add_to_allocation(LabRepetition *repetition)
{
    for (guint i = 0; i < repetition->groups->len; i++) {
        const Group *group = repetition->groups->pdata[i];

        lab_allocation_add(repetition->allocation, (int)group->cells->len - 1);
        for (guint k = 1; k < group->cells->len; k++)
            if (!group->cells->pdata[k])
                lab_allocation_take(repetition->allocation, &(LabAllocationStep){i, (int)k, TRUE});
    }
}

void
lab_repetition_make_groups(LabRepetition *repetition)
{
    g_autoptr(GHashTable) by_name = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);

    add_cells(repetition, by_name);
    add_to_allocation(repetition);
    add_comparisons(repetition, by_name);
}
