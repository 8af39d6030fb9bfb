/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The row of kernels that a bisection searches. */
#include <string.h>

#include "lab-bisection.h"
#include "lab-error.h"
#include "lab-json.h"
#include "lab-release.h"
#include "lab-worker-call.h"

#define SCHEME          "debian:"
#define PACKAGE         "linux-image-"
#define LIST_TIMEOUT_MS (6 * 60 * 1000)

/* One that may go into the row. */
typedef struct {
    char *release;
    const LabKernel *kernel; /* of the store; or NULL and 'source' */
    char *source;
} Candidate;

static void
candidate_free(Candidate *candidate)
{
    g_free(candidate->release);
    g_free(candidate->source);
    g_free(candidate);
}

static void
add(GPtrArray *candidates, const char *release, const LabKernel *kernel, const char *source)
{
    Candidate *candidate;

    for (guint i = 0; i < candidates->len; i++) {
        const Candidate *other = candidates->pdata[i];

        if (kernel ? other->kernel == kernel : strcmp(other->release, release) == 0)
            return;
    }
    candidate = g_new0(Candidate, 1);
    candidate->release = g_strdup(release);
    candidate->kernel = kernel;
    candidate->source = g_strdup(source);
    g_ptr_array_add(candidates, candidate);
}

static char *
flavour_of(const LabKernel *kernel)
{
    g_autoptr(LabRelease)
        release = lab_release_new(kernel->release, kernel->version, kernel->package_version);

    return g_strdup(release->flavour);
}

/* The suite's kernels of one flavour, which the worker lists: apt is its business. */
static gboolean
add_suite(GPtrArray *candidates, const LabCli *cli, const char *suite, const char *flavour,
          GError **error)
{
    const char *const args[] = {"kernel-list", suite, flavour, NULL};
    g_autoptr(json_t) event = lab_worker_call(cli->paths, args, LIST_TIMEOUT_MS, error);
    const json_t *name;
    size_t i;

    if (!event) {
        g_prefix_error(error, "listing the kernels of '%s': ", suite);
        return FALSE;
    }
    json_array_foreach (lab_json_member(event, "packages"), i, name) {
        const char *package = json_string_value(name);
        g_autofree char *source = NULL;

        if (!package || !g_str_has_prefix(package, PACKAGE))
            continue;
        source = g_strdup_printf(SCHEME "%s/%s", suite, package);
        add(candidates, package + strlen(PACKAGE), NULL, source);
    }
    return TRUE;
}

static const LabKernel *
find_end(const GPtrArray *all, const char *pattern, const char *option, GError **error)
{
    g_autoptr(GPtrArray) found = g_ptr_array_new();

    if (!lab_kernel_match(all, pattern, found, error)) {
        g_prefix_error(error, "--%s: ", option);
        return NULL;
    }
    if (found->len == 1)
        return found->pdata[0];
    lab_cli_usage(error, "--%s: '%s' names %u kernels; give one", option, pattern, found->len);
    return NULL;
}

/* What the suite has and the store, too, need not be fetched. */
static void
take_from_store(GPtrArray *candidates, const GPtrArray *all)
{
    for (guint i = 0; i < candidates->len; i++) {
        Candidate *candidate = candidates->pdata[i];

        for (guint k = 0; !candidate->kernel && k < all->len; k++) {
            const LabKernel *kernel = all->pdata[k];

            if (strcmp(kernel->release, candidate->release) == 0)
                candidate->kernel = kernel;
        }
    }
}

/* What --kernels names, or what the store has of the ends' flavour. */
static gboolean
collect(GPtrArray *candidates, const LabCli *cli, const GPtrArray *all, const LabKernel *good,
        const LabKernel *bad, GError **error)
{
    g_autofree char *lists = g_strjoinv(",", (char **)lab_cli_strings(cli, "kernels"));
    g_auto(GStrv) items = g_strsplit(lists, ",", -1);
    g_autofree char *flavour = flavour_of(good);
    g_autofree char *other_flavour = flavour_of(bad);
    g_autoptr(GPtrArray) found = g_ptr_array_new();

    for (char **item = items; *item; item++)
        if (**item && !g_str_has_prefix(*item, SCHEME) &&
            !lab_kernel_match(all, *item, found, error))
            return FALSE;
    for (guint i = 0; !*items && i < all->len; i++) {
        g_autofree char *own = flavour_of(all->pdata[i]);

        if (g_strcmp0(own, flavour) == 0 || g_strcmp0(own, other_flavour) == 0)
            g_ptr_array_add(found, all->pdata[i]);
    }
    for (guint i = 0; i < found->len; i++)
        add(candidates, ((const LabKernel *)found->pdata[i])->release, found->pdata[i], NULL);
    for (char **item = items; *item; item++)
        if (g_str_has_prefix(*item, SCHEME) &&
            !add_suite(candidates, cli, *item + strlen(SCHEME), flavour ? flavour : "amd64", error))
            return FALSE;
    take_from_store(candidates, all);
    add(candidates, good->release, good, NULL);
    add(candidates, bad->release, bad, NULL);
    return TRUE;
}

static gint
by_release(gconstpointer a, gconstpointer b)
{
    const Candidate *one = *(const Candidate *const *)a, *other = *(const Candidate *const *)b;

    return lab_release_compare(one->release, other->release);
}

static guint
position(const GPtrArray *candidates, const LabKernel *kernel)
{
    guint i = 0;

    while (((const Candidate *)candidates->pdata[i])->kernel != kernel)
        i++;
    return i;
}

gboolean
lab_bisection_make_row(LabBisection *bisection, const LabCli *cli, const char *good,
                       const char *bad, GError **error)
{
    g_autoptr(GPtrArray) all = lab_kernel_list(cli->paths->data, error);
    const LabKernel *first = all ? find_end(all, good, "good", error) : NULL;
    const LabKernel *last = first ? find_end(all, bad, "bad", error) : NULL;
    g_autoptr(GPtrArray)
        candidates = g_ptr_array_new_with_free_func((GDestroyNotify)candidate_free);
    guint from, to;

    if (!last || !collect(candidates, cli, all, first, last, error))
        return FALSE;
    if (first == last) {
        lab_cli_usage(error, "--good and --bad are the same kernel, '%s'", first->id);
        return FALSE;
    }
    if (!lab_cli_flag(cli, "in-order"))
        g_ptr_array_sort(candidates, by_release);
    from = position(candidates, first);
    to = position(candidates, last);
    /* A change that went away is found from the newer end. */
    for (guint i = from;; i += to > from ? 1 : -1u) {
        const Candidate *candidate = candidates->pdata[i];

        lab_bisection_add_kernel(bisection, candidate->release,
                                 candidate->kernel ? candidate->kernel->id : NULL,
                                 candidate->kernel ? NULL : candidate->source);
        if (i == to)
            return TRUE;
    }
}
