/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Settings of the two kernels. What one kernel has in some of its runs and in others not is no
 * difference: only what no run of one side shares with any run of the other.
 */
#include <string.h>

#include "lab-beside-private.h"
#include "lab-environment.h"
#include "lab-json.h"

/* So much may what follows memory move before it is more than that. */
#define MEMORY_SHARE 0.25

typedef struct {
    char *name;
    json_t *a, *b; /* arrays of the values seen, null for absent */
    int rank;      /* what is told first */
} Value;

enum { RANK_NEEDED, RANK_NEAR, RANK_CHANGED, RANK_ONE_SIDED, RANK_MEMORY };

static void
value_free(gpointer data)
{
    Value *value = data;

    g_free(value->name);
    json_decref(value->a);
    json_decref(value->b);
    g_free(value);
}

static gsize
folder_length(const char *name)
{
    const char *last = strrchr(name, *name == '/' ? '/' : '.');

    return last ? (gsize)(last - name) : 0;
}

/* RANK_NEEDED: a side's cell sets it; RANK_NEAR: it sets one beside it. */
static int
rank_by_settings(const LabCell *cell, const char *name)
{
    char **const lists[] = {cell ? cell->setup.sysctl : NULL, cell ? cell->setup.sysfs : NULL};
    gsize folder = folder_length(name);
    int rank = RANK_CHANGED;

    for (gsize l = 0; l < G_N_ELEMENTS(lists); l++)
        for (char **set = lists[l]; set && *set; set++) {
            g_autofree char *one = lab_environment_name(*set);

            if (strcmp(one, name) == 0)
                return RANK_NEEDED;
            if (folder > 0 && folder_length(one) == folder && strncmp(one, name, folder) == 0)
                rank = RANK_NEAR;
        }
    return rank;
}

/* Limits that the kernel makes of the memory it finds at its boot. */
static gboolean
follows_memory(const char *name)
{
    static const char *const names[] = {"fs.epoll.max_user_watches",
                                        "fs.fanotify.max_user_marks",
                                        "fs.file-max",
                                        "fs.inotify.max_user_watches",
                                        "kernel.msgmni",
                                        "kernel.threads-max",
                                        "net.ipv4.inet_peer_threshold",
                                        "net.ipv4.tcp_max_orphans",
                                        "net.ipv4.tcp_max_syn_backlog",
                                        "net.ipv4.tcp_mem",
                                        "net.ipv4.tcp_rmem",
                                        "net.ipv4.tcp_wmem",
                                        "net.ipv4.udp_mem",
                                        "vm.admin_reserve_kbytes",
                                        "vm.min_free_kbytes",
                                        "vm.user_reserve_kbytes",
                                        NULL};

    return g_strv_contains(names, name) || g_str_has_prefix(name, "user.max_");
}

static gboolean
is_number(const char *text, double *number)
{
    char *end;

    *number = g_ascii_strtod(text, &end);
    return *text && (g_ascii_isdigit(*text) || *text == '-') && *end == '\0';
}

/* Lists of numbers, none of which moved far. */
static gboolean
moved_little(const json_t *a, const json_t *b)
{
    const char *x = json_string_value(json_array_get(a, 0));
    const char *y = json_string_value(json_array_get(b, 0));
    g_auto(GStrv) from = g_strsplit(x ? x : "", " ", -1);
    g_auto(GStrv) to = g_strsplit(y ? y : "", " ", -1);

    if (!x || !y || g_strv_length(from) != g_strv_length(to))
        return FALSE;
    for (gsize i = 0; from[i]; i++) {
        double m, n;

        if (!is_number(from[i], &m) || !is_number(to[i], &n) ||
            ABS(m - n) > MEMORY_SHARE * MIN(m, n))
            return FALSE;
    }
    return TRUE;
}

static gboolean
has_value(const json_t *array, const json_t *value)
{
    json_t *one;
    size_t i;

    json_array_foreach (array, i, one)
        if (json_equal(one, value))
            return TRUE;
    return FALSE;
}

/* What the side's runs have there; a run that left things out does not tell what it lacks. */
static json_t *
values_of(const LabBesideSide *side, const char *name)
{
    json_t *array = json_array();

    for (guint i = 0; i < side->environments->len; i++) {
        const json_t *environment = side->environments->pdata[i];
        json_t *value = json_object_get(lab_json_member(environment, "values"), name);

        if (!value && lab_json_int(environment, "left_out", 0) > 0)
            continue;
        if (!has_value(array, value ? value : json_null()))
            json_array_append(array, value ? value : json_null());
    }
    return array;
}

static gboolean
range_of(const json_t *array, double *low, double *high)
{
    json_t *one;
    size_t i;

    json_array_foreach (array, i, one) {
        double number;

        if (!json_is_string(one) || !is_number(json_string_value(one), &number))
            return FALSE;
        *low = i == 0 ? number : MIN(*low, number);
        *high = i == 0 ? number : MAX(*high, number);
    }
    return TRUE;
}

/* What varies between runs of one kernel differs between two only where it varies by less than
 * they are apart. */
static gboolean
differ(const json_t *a, const json_t *b)
{
    double a_low, a_high, b_low, b_high;
    json_t *one;
    size_t i;

    if (json_array_size(a) == 0 || json_array_size(b) == 0)
        return FALSE;
    json_array_foreach (a, i, one)
        if (has_value(b, one))
            return FALSE;
    if (json_array_size(a) == 1 && json_array_size(b) == 1)
        return TRUE;
    if (range_of(a, &a_low, &a_high) && range_of(b, &b_low, &b_high))
        return MAX(b_low - a_high, a_low - b_high) > MAX(a_high - a_low, b_high - b_low);
    return json_array_size(a) == 1 || json_array_size(b) == 1;
}

gboolean
lab_beside_is_absent(const json_t *array)
{
    return has_value(array, json_null());
}

static int
rank_of(const LabBesideSide *a, const LabBesideSide *b, const Value *value)
{
    int rank = MIN(rank_by_settings(a->cell, value->name), rank_by_settings(b->cell, value->name));

    if (rank == RANK_NEEDED)
        return rank;
    if (follows_memory(value->name) && moved_little(value->a, value->b))
        return RANK_MEMORY;
    return rank == RANK_CHANGED &&
                   (lab_beside_is_absent(value->a) || lab_beside_is_absent(value->b))
               ? RANK_ONE_SIDED
               : rank;
}

/* "net.ipv4.conf.default.x" goes without saying where "….all.x" is told of the same. */
static gboolean
is_told(const GPtrArray *told, const Value *value)
{
    const char *at = strstr(value->name, ".default.");
    g_autofree char *twin = at ? g_strdup_printf("%.*s.all.%s", (int)(at - value->name),
                                                 value->name, at + strlen(".default."))
                               : NULL;

    for (guint i = 0; twin && i < told->len; i++) {
        const Value *one = told->pdata[i];

        if (strcmp(one->name, twin) == 0)
            return json_equal(one->a, value->a) && json_equal(one->b, value->b);
    }
    return FALSE;
}

static int
by_rank(gconstpointer a, gconstpointer b)
{
    const Value *x = *(Value *const *)a, *y = *(Value *const *)b;

    return x->rank != y->rank ? x->rank - y->rank : strcmp(x->name, y->name);
}

json_t *
lab_beside_values(const LabBesideSide *a, const LabBesideSide *b)
{
    g_autoptr(GPtrArray) values = g_ptr_array_new_with_free_func(value_free);
    g_autoptr(GList) names = lab_beside_names(a, b, "values");
    json_t *array = json_array();

    for (GList *at = names; at; at = at->next) {
        Value *value = g_new0(Value, 1);

        value->name = g_strdup(at->data);
        value->a = values_of(a, value->name);
        value->b = values_of(b, value->name);
        if (differ(value->a, value->b) && !is_told(values, value)) {
            value->rank = rank_of(a, b, value);
            g_ptr_array_add(values, value);
        } else {
            value_free(value);
        }
    }
    g_ptr_array_sort(values, by_rank);
    for (guint i = 0; i < values->len; i++) {
        const Value *value = values->pdata[i];

        json_array_append_new(
            array, json_pack("{s:o, s:O, s:O, s:b, s:b}", "name", lab_json_text(value->name),
                             "baseline", value->a, "candidate", value->b, "needed",
                             value->rank == RANK_NEEDED, "memory", value->rank == RANK_MEMORY));
    }
    return array;
}
