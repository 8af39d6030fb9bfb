/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Many crashes, grouped by bug. What has a signature or a name in common is joined through hash
 * tables. Stacks are aligned only within one class, and only where they can reach the threshold: a
 * score s means that matched frames make at least s of both stacks' weight, so that at least one of
 * the two shares so much of its own; then the other holds one of its heaviest frames, those that
 * make up more than 1 - s.
 */
#include "lab-crash-similar.h"

#include <string.h>

typedef struct {
    const GPtrArray *traces;
    double threshold;
    const LabCrashKnown *known;
    guint *parents;   /* union-find */
    GPtrArray **whys; /* of roots: char *, or NULL */
    guint *nodes;     /* traces that are aligned: one of each K2 */
    guint n_nodes;
} Clusters;

static const LabCrashTrace *
trace_at(const Clusters *clusters, guint index)
{
    return clusters->traces->pdata[index];
}

static guint
find_root(Clusters *clusters, guint index)
{
    while (clusters->parents[index] != index) {
        clusters->parents[index] = clusters->parents[clusters->parents[index]];
        index = clusters->parents[index];
    }
    return index;
}

/* Sentences of a group that are kept. */
#define WHYS_MAX 8

static void
add_why(GPtrArray *whys, const char *why)
{
    for (guint i = 0; i < whys->len; i++)
        if (strcmp(whys->pdata[i], why) == 0)
            return;
    if (whys->len < WHYS_MAX)
        g_ptr_array_add(whys, g_strdup(why));
}

/* The smaller index becomes the root, so that the result does not hang on the order of joins. */
static void
join(Clusters *clusters, guint a, guint b, const char *why)
{
    guint low = find_root(clusters, a);
    guint high = find_root(clusters, b);

    if (low > high) {
        guint keep = low;

        low = high;
        high = keep;
    }
    if (!clusters->whys[low])
        clusters->whys[low] = g_ptr_array_new_with_free_func(g_free);
    add_why(clusters->whys[low], why);
    if (low == high)
        return;
    clusters->parents[high] = low;
    for (guint i = 0; clusters->whys[high] && i < clusters->whys[high]->len; i++)
        add_why(clusters->whys[low], clusters->whys[high]->pdata[i]);
    g_clear_pointer(&clusters->whys[high], g_ptr_array_unref);
}

/* Joins 'index' with the first trace that said 'key'. */
static void
join_by(Clusters *clusters, GHashTable *first, const char *key, guint index)
{
    gpointer value;
    g_autofree char *why = NULL;

    if (!key)
        return;
    if (!g_hash_table_lookup_extended(first, key, NULL, &value)) {
        g_hash_table_insert(first, (char *)key, GUINT_TO_POINTER(index));
        return;
    }
    if (GPOINTER_TO_UINT(value) == index)
        return;
    why = lab_crash_names_meet(trace_at(clusters, GPOINTER_TO_UINT(value)),
                               trace_at(clusters, index));
    if (why)
        join(clusters, GPOINTER_TO_UINT(value), index, why);
}

static gboolean
takes_part(const LabCrashTrace *trace)
{
    return trace && !trace->corrupted;
}

static void
join_names(Clusters *clusters)
{
    g_autoptr(GHashTable) first = g_hash_table_new(g_str_hash, g_str_equal);
    g_autoptr(GHashTable) stacks = g_hash_table_new(g_str_hash, g_str_equal);

    for (guint i = 0; i < clusters->traces->len; i++) {
        const LabCrashTrace *trace = trace_at(clusters, i);

        if (!takes_part(trace))
            continue;
        join_by(clusters, first, trace->k0, i);
        join_by(clusters, first, trace->title, i);
        for (char **name = trace->alternatives; *name; name++)
            join_by(clusters, first, *name, i);
        /* A hang's single trace says too little to be joined by its score. */
        if (trace->stack->len && !lab_crash_trace_is_hang(trace) &&
            (!trace->k2 || g_hash_table_add(stacks, trace->k2)))
            clusters->nodes[clusters->n_nodes++] = i;
    }
}

/* --- by score --- */

typedef struct {
    const char *function;
    double weight;
} Weighed;

static int
heaviest_first(gconstpointer a, gconstpointer b)
{
    const Weighed *one = a;
    const Weighed *other = b;

    if (one->weight < other->weight)
        return 1;
    return one->weight > other->weight ? -1 : strcmp(one->function, other->function);
}

/* The frames of a stack, the heaviest first; *total is their weight. */
static GArray *
weigh(const Clusters *clusters, const LabCrashTrace *trace, double *total)
{
    GArray *frames = g_array_new(FALSE, FALSE, sizeof(Weighed));

    *total = 0;
    for (guint i = 0; i < trace->stack->len; i++) {
        Weighed frame = {.function = ((LabCrashFrame *)trace->stack->pdata[i])->function};

        frame.weight = lab_crash_weight(clusters->known, frame.function, i);
        *total += frame.weight;
        g_array_append_val(frames, frame);
    }
    g_array_sort(frames, heaviest_first);
    return frames;
}

/* function -> GArray of nodes (positions in clusters->nodes) that have it. */
static GHashTable *
index_functions(const Clusters *clusters)
{
    GHashTable *index =
        g_hash_table_new_full(g_str_hash, g_str_equal, NULL, (GDestroyNotify)g_array_unref);

    for (guint n = 0; n < clusters->n_nodes; n++) {
        const LabCrashTrace *trace = trace_at(clusters, clusters->nodes[n]);

        for (guint i = 0; i < trace->stack->len; i++) {
            const char *function = ((LabCrashFrame *)trace->stack->pdata[i])->function;
            GArray *list = g_hash_table_lookup(index, function);

            if (!list) {
                list = g_array_new(FALSE, FALSE, sizeof(guint));
                g_hash_table_insert(index, (char *)function, list);
            }
            if (list->len == 0 || g_array_index(list, guint, list->len - 1) != n)
                g_array_append_val(list, n);
        }
    }
    return index;
}

static void
try_pair(Clusters *clusters, guint one, guint other)
{
    guint a = clusters->nodes[one];
    guint b = clusters->nodes[other];
    double score;

    if (find_root(clusters, a) == find_root(clusters, b) ||
        !lab_crash_class_meets(trace_at(clusters, a), trace_at(clusters, b)))
        return;
    score = lab_crash_score(trace_at(clusters, a), trace_at(clusters, b), clusters->known, NULL);
    if (score >= clusters->threshold) {
        g_autofree char *why = g_strdup_printf("stacks score %.2f: '%s' and '%s'", score,
                                               trace_at(clusters, a)->title,
                                               trace_at(clusters, b)->title);

        join(clusters, a, b, why);
    }
}

static void
join_scores(Clusters *clusters)
{
    g_autoptr(GHashTable) index = index_functions(clusters);
    g_autofree guint *tried = g_new(guint, clusters->n_nodes + 1);

    memset(tried, 0xff, sizeof(guint) * (clusters->n_nodes + 1));
    for (guint n = 0; n < clusters->n_nodes; n++) {
        double total, taken = 0;
        g_autoptr(GArray) frames = weigh(clusters, trace_at(clusters, clusters->nodes[n]), &total);

        for (guint i = 0; i < frames->len && taken <= (1 - clusters->threshold) * total; i++) {
            const Weighed *frame = &g_array_index(frames, Weighed, i);
            const GArray *list = g_hash_table_lookup(index, frame->function);

            taken += frame->weight;
            for (guint j = 0; j < list->len; j++) {
                guint other = g_array_index(list, guint, j);

                if (other == n || tried[other] == n)
                    continue;
                tried[other] = n;
                try_pair(clusters, n, other);
            }
        }
    }
}

/* --- the result --- */

static void
group_free(gpointer pointer)
{
    LabCrashGroup *group = pointer;

    g_array_unref(group->members);
    g_ptr_array_unref(group->whys);
    g_free(group);
}

/* The title that most of the group have; the first of those that are equal. */
static const char *
common_title(const Clusters *clusters, const GArray *members)
{
    g_autoptr(GHashTable) counts = g_hash_table_new(g_str_hash, g_str_equal);
    const char *best = NULL;
    guint most = 0;

    for (guint i = 0; i < members->len; i++) {
        const char *title = trace_at(clusters, g_array_index(members, guint, i))->title;
        guint count = GPOINTER_TO_UINT(g_hash_table_lookup(counts, title)) + 1;

        g_hash_table_insert(counts, (char *)title, GUINT_TO_POINTER(count));
        if (count > most) {
            most = count;
            best = title;
        }
    }
    return best;
}

static int
largest_first(gconstpointer a, gconstpointer b)
{
    const LabCrashGroup *one = *(LabCrashGroup *const *)a;
    const LabCrashGroup *other = *(LabCrashGroup *const *)b;

    if (one->members->len != other->members->len)
        return one->members->len < other->members->len ? 1 : -1;
    return g_array_index(one->members, guint, 0) < g_array_index(other->members, guint, 0) ? -1 : 1;
}

static GPtrArray *
make_groups(Clusters *clusters)
{
    GPtrArray *groups = g_ptr_array_new_with_free_func(group_free);
    g_autoptr(GHashTable) by_root = g_hash_table_new(NULL, NULL);

    for (guint i = 0; i < clusters->traces->len; i++) {
        guint root = find_root(clusters, i);
        LabCrashGroup *group;

        if (!takes_part(trace_at(clusters, i)))
            continue;
        group = g_hash_table_lookup(by_root, GUINT_TO_POINTER(root));
        if (!group) {
            group = g_new0(LabCrashGroup, 1);
            group->members = g_array_new(FALSE, FALSE, sizeof(guint));
            group->whys = clusters->whys[root] ? g_ptr_array_ref(clusters->whys[root])
                                               : g_ptr_array_new_with_free_func(g_free);
            g_hash_table_insert(by_root, GUINT_TO_POINTER(root), group);
            g_ptr_array_add(groups, group);
        }
        g_array_append_val(group->members, i);
    }
    for (guint i = 0; i < groups->len; i++) {
        LabCrashGroup *group = groups->pdata[i];

        group->title = common_title(clusters, group->members);
    }
    g_ptr_array_sort(groups, largest_first);
    return groups;
}

GPtrArray *
lab_crash_cluster(const GPtrArray *traces, double threshold, const LabCrashKnown *known)
{
    Clusters clusters = {.traces = traces, .threshold = threshold, .known = known};
    GPtrArray *groups;

    clusters.parents = g_new(guint, traces->len + 1);
    clusters.whys = g_new0(GPtrArray *, traces->len + 1);
    clusters.nodes = g_new(guint, traces->len + 1);
    for (guint i = 0; i < traces->len; i++)
        clusters.parents[i] = i;
    join_names(&clusters);
    join_scores(&clusters);
    groups = make_groups(&clusters);
    for (guint i = 0; i < traces->len; i++)
        if (clusters.whys[i])
            g_ptr_array_unref(clusters.whys[i]);
    g_free(clusters.parents);
    g_free(clusters.whys);
    g_free(clusters.nodes);
    return groups;
}
