/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lab-bisection.h"

#include <fcntl.h>
#include <stddef.h>
#include <string.h>

#include "lab-error.h"
#include "lab-file.h"
#include "lab-json.h"
#include "lab-log.h"
#include "lab-schema.h"

#define FILE_NAME "bisect.json"
/* Runs of one kernel without evidence, one after the other, that end its part. */
#define MOST_NOTHING 3

#define FIELD(type, key, field, ...)                                              \
    {                                                                             \
        key, LAB_FIELD_##type, offsetof(LabBisection, field), NULL, ##__VA_ARGS__ \
    }

static const LabField kernel_fields[] = {
    {"release", LAB_FIELD_STRING, offsetof(LabBisectionKernel, release), .required = TRUE},
    {"kernel", LAB_FIELD_STRING, offsetof(LabBisectionKernel, kernel)},
    {"source", LAB_FIELD_STRING, offsetof(LabBisectionKernel, source)},
    {"dropped", LAB_FIELD_TEXT, offsetof(LabBisectionKernel, dropped)},
    {NULL},
};
static const LabSchema kernel_table = {"kernel", sizeof(LabBisectionKernel), kernel_fields, NULL};

static const LabField step_fields[] = {
    {"run", LAB_FIELD_STRING, offsetof(LabBisectionStep, run), .required = TRUE},
    {"kernel", LAB_FIELD_INT, offsetof(LabBisectionStep, kernel)},
    {NULL},
};
static const LabSchema step_table = {"step", sizeof(LabBisectionStep), step_fields, NULL};

static const LabField bisection_fields[] = {
    FIELD(STRING, "id", id),
    FIELD(STRING, "created", created),
    FIELD(STRING, "state", state),
    FIELD(LIST, "kernels", kernels, .schema = &kernel_table),
    FIELD(LIST, "steps", steps, .schema = &step_table),
    FIELD(TEXT, "matrix", matrix),
    FIELD(STRING, "recipe", recipe),
    FIELD(STRING, "recipe_directory", recipe_directory),
    FIELD(STRING, "recipe_digest", recipe_digest),
    FIELD(STRING, "variant", variant),
    FIELD(STRING, "title", mark.title),
    FIELD(STRING, "signature", mark.signature),
    FIELD(STRING, "outcome", mark.outcome),
    FIELD(DOUBLE, "rate", rate),
    FIELD(DOUBLE, "false_rate", false_rate),
    FIELD(DOUBLE, "confidence", confidence),
    FIELD(INT, "repeat", repeat),
    FIELD(DURATION, "budget", budget_ms),
    FIELD(DURATION, "spent", spent_ms),
    {NULL},
};
static const LabSchema bisection_table = {"bisection", sizeof(LabBisection), bisection_fields,
                                          "bisect.json"};

LabBisection *
lab_bisection_new(void)
{
    LabBisection *bisection = lab_schema_new(&bisection_table);

    bisection->state = g_strdup("searching");
    bisection->fd = bisection->lock_fd = -1;
    return bisection;
}

void
lab_bisection_free(LabBisection *bisection)
{
    if (!bisection)
        return;
    for (guint i = 0; i < bisection->kernels->len; i++)
        g_free(((LabBisectionKernel *)bisection->kernels->pdata[i])->words);
    lab_bisect_free(bisection->search);
    lab_fd_close(&bisection->lock_fd);
    lab_fd_close(&bisection->fd);
    lab_schema_free(&bisection_table, bisection);
}

void
lab_bisection_add_kernel(LabBisection *bisection, const char *release, const char *kernel,
                         const char *source)
{
    LabBisectionKernel *row = lab_schema_new(&kernel_table);

    row->release = g_strdup(release);
    row->kernel = g_strdup(kernel);
    row->source = g_strdup(source);
    g_ptr_array_add(bisection->kernels, row);
}

void
lab_bisection_add_step(LabBisection *bisection, const char *run, int kernel)
{
    LabBisectionStep *step = lab_schema_new(&step_table);

    step->run = g_strdup(run);
    step->kernel = kernel;
    g_ptr_array_add(bisection->steps, step);
}

void
lab_bisection_drop_step(LabBisection *bisection, guint step)
{
    lab_schema_free(&step_table, g_ptr_array_remove_index(bisection->steps, step));
}

gboolean
lab_bisection_save(const LabBisection *bisection, GError **error)
{
    g_autoptr(json_t) json = json_pack("{s:i}", "schema_version", LAB_BISECTION_SCHEMA);
    g_autoptr(json_t) fields = lab_schema_to_json(&bisection_table, bisection);

    json_object_update(json, fields);
    return lab_json_write(bisection->fd, FILE_NAME, json, 0600, error);
}

/* The descriptor, or -1. */
static int
lock(int dirfd, const char *id, GError **error)
{
    int fd = lab_driver_lock(dirfd, error);

    if (fd < 0)
        g_prefix_error(error, "bisection '%s' is being gone on with: ", id);
    return fd;
}

gboolean
lab_bisection_create(LabBisection *bisection, const char *data, GError **error)
{
    g_autoptr(GDateTime) now = g_date_time_new_now_utc();
    g_autofree char *stamp = g_date_time_format(now, "%Y%m%d-%H%M%S");
    g_autofree char *path = NULL;

    /* Ids sort by time: milliseconds, and a digit against chance. */
    bisection->id = g_strdup_printf(
        "%s-%03x%x", stamp, (guint)g_date_time_get_microsecond(now) / 1000, g_random_int() & 0xf);
    bisection->created = g_date_time_format(now, "%Y-%m-%dT%H:%M:%SZ");
    path = g_build_filename(data, "bisects", bisection->id, NULL);
    bisection->fd = lab_dir_make(AT_FDCWD, path, 0700, error);
    if (bisection->fd < 0)
        return FALSE;
    bisection->lock_fd = lock(bisection->fd, bisection->id, error);
    return bisection->lock_fd >= 0 && lab_bisection_save(bisection, error);
}

/* Without its file it is what a kreglab that was killed at once left. */
static gboolean
is_whole(const char *root, const char *entry)
{
    g_autofree char *file = g_build_filename(root, entry, FILE_NAME, NULL);

    return lab_file_exists(AT_FDCWD, file);
}

/* The one directory that 'name' begins, or the newest for "latest". g_free. */
static char *
resolve(const char *data, const char *name, GError **error)
{
    g_autofree char *root = g_build_filename(data, "bisects", NULL);
    g_autoptr(GDir) dir = g_dir_open(root, 0, NULL);
    gboolean latest = strcmp(name, "latest") == 0;
    g_autofree char *found = NULL;
    const char *entry;
    guint n = 0;

    while (dir && (entry = g_dir_read_name(dir))) {
        if ((!latest && !g_str_has_prefix(entry, name)) || !is_whole(root, entry))
            continue;
        n++;
        if (!found || strcmp(entry, found) > 0) {
            g_free(found);
            found = g_strdup(entry);
        }
    }
    if (n == 1 || (latest && n > 0))
        return g_steal_pointer(&found);
    g_set_error(error, LAB_CONFIG_ERROR, LAB_ERROR_NOT_FOUND, "%s bisection '%s' in '%s'",
                n > 1 ? "more than one" : "no", name, root);
    return NULL;
}

/* What bisect.json says has to fit together before it sizes or indexes anything. */
static gboolean
check(const LabBisection *bisection, GError **error)
{
    gboolean ok = bisection->kernels->len >= 2 && bisection->matrix && bisection->recipe &&
                  bisection->recipe_directory && bisection->variant && bisection->false_rate > 0 &&
                  bisection->false_rate < 1 && bisection->confidence > 0 &&
                  bisection->confidence < 1 && bisection->repeat >= 0;

    for (guint i = 0; ok && i < bisection->steps->len; i++) {
        const LabBisectionStep *step = bisection->steps->pdata[i];

        ok = step->kernel >= 0 && step->kernel < (int)bisection->kernels->len;
    }
    if (!ok)
        g_set_error(error, LAB_DATA_ERROR, LAB_ERROR_FAILED, "its " FILE_NAME " is damaged");
    return ok;
}

LabBisection *
lab_bisection_open(const char *data, const char *name, GError **error)
{
    g_autoptr(LabBisection) bisection = lab_bisection_new();
    g_autofree char *id = resolve(data, name, error);
    g_autofree char *path = id ? g_build_filename(data, "bisects", id, NULL) : NULL;
    g_autoptr(json_t) json = NULL;
    LAB_AUTO_FD fd = path ? lab_dir_open(AT_FDCWD, path, error) : -1;
    LAB_AUTO_FD held = -1;

    if (fd < 0)
        return NULL;
    /* Who has it may write the file until it gives the lock back. */
    held = lock(fd, id, error);
    if (held < 0)
        return NULL;
    json = lab_json_read(fd, FILE_NAME, LAB_BISECTION_SCHEMA, error);
    if (!json)
        return NULL;
    lab_schema_clear(&bisection_table, bisection);
    bisection->fd = bisection->lock_fd = -1;
    if (!lab_schema_from_json(&bisection_table, bisection, json, FILE_NAME, error) ||
        !check(bisection, error)) {
        g_prefix_error(error, "bisection '%s': ", id);
        return NULL;
    }
    bisection->fd = g_steal_fd(&fd);
    bisection->lock_fd = g_steal_fd(&held);
    return g_steal_pointer(&bisection);
}

void
lab_bisection_begin(LabBisection *bisection)
{
    bisection->search =
        lab_bisect_new(bisection->kernels->len, bisection->rate, bisection->false_rate);
    for (guint i = 0; i < bisection->kernels->len; i++)
        if (((const LabBisectionKernel *)bisection->kernels->pdata[i])->dropped)
            lab_bisect_drop(bisection->search, i);
}

void
lab_bisection_drop(LabBisection *bisection, guint kernel, const char *why)
{
    LabBisectionKernel *row = bisection->kernels->pdata[kernel];

    if (!row->dropped) {
        row->dropped = g_strdup(why);
        lab_info("%s cannot be tested: %s", row->release, why);
    }
    lab_bisect_drop(bisection->search, kernel);
}

static void
take_result(LabBisection *bisection, guint kernel, const json_t *result)
{
    LabBisectionKernel *row = bisection->kernels->pdata[kernel];
    LabSign sign = lab_mark_judge(&bisection->mark, result);

    g_free(row->words);
    row->words = lab_mark_describe(result);
    if (sign == LAB_SIGN_SHOWN || sign == LAB_SIGN_NOT_SHOWN) {
        row->nothing_in_a_row = 0;
        lab_bisect_observe(bisection->search, kernel, sign == LAB_SIGN_SHOWN);
        return;
    }
    row->lab_failed = g_strcmp0(lab_json_string(result, "state"), "infra") == 0 || !result;
    row->nothing_in_a_row++;
    if (sign == LAB_SIGN_OTHER)
        row->other++;
    else
        row->nothing++;
    if (sign == LAB_SIGN_UNABLE || row->nothing_in_a_row >= MOST_NOTHING)
        lab_bisection_drop(bisection, kernel, row->words);
}

gboolean
lab_bisection_take_run(LabBisection *bisection, const LabBisectionStep *step, LabRun *run,
                       GError **error)
{
    const GPtrArray *cells = lab_run_cells(run, error);

    if (!cells)
        return FALSE;
    for (guint i = 0; i < cells->len; i++) {
        g_autoptr(json_t) result = lab_run_read_result(run, cells->pdata[i], NULL);

        take_result(bisection, (guint)step->kernel, result);
    }
    return TRUE;
}
