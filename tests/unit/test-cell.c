/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <math.h>
#include <string.h>

#include "lab-cell.h"
#include "lab-error.h"
#include "lab-json.h"
#include "lab-schema.h"
#include "lab-tables.h"
#include "lab-units.h"

static char **
words(const char *text)
{
    return g_strsplit(text, " ", -1);
}

static LabCell *
sample_cell(void)
{
    LabCell *cell = lab_cell_new();
    LabDetector *detector = lab_schema_new(&lab_detector_table);

    cell->run = g_strdup("20260101-000000-abcd");
    cell->kernel_id = g_strdup("6.1.0-test");
    cell->kernel_release = g_strdup("6.1.0-test");
    cell->kernel_digest = g_strdup("aa");
    cell->recipe = g_strdup("true");
    cell->recipe_digest = g_strdup("bb");
    cell->variant = g_strdup("stock");
    cell->setup.cmdline = g_strdup("slub_debug=FZ");
    g_strfreev(cell->setup.sysctl);
    cell->setup.sysctl = words("vm.a=1 vm.b=2");
    cell->guest.disks = g_new0(guint64, 3);
    cell->guest.disks[0] = cell->guest.disks[1] = 1 << 20;
    cell->stressor.kind = LAB_STRESSOR_SHELL;
    cell->stressor.value = g_strdup("echo \"é\"\n\ttrue\n");
    detector->kind = g_strdup("metric");
    detector->metric = g_strdup("stall_ms");
    detector->max = 1000.5;
    g_ptr_array_add(cell->detectors, detector);
    lab_cell_compute_id(cell);
    return cell;
}

static void
assert_same(const LabCell *a, const LabCell *b)
{
    g_autoptr(json_t) json_a = lab_cell_to_json(a);
    g_autoptr(json_t) json_b = lab_cell_to_json(b);

    g_assert_true(json_equal(json_a, json_b));
}

static void
test_defaults(void)
{
    g_autoptr(LabCell) cell = lab_cell_new();

    g_assert_cmpint(cell->guest.cpus, ==, 1);
    g_assert_cmpuint(cell->guest.memory_bytes, ==, 512 << 20);
    g_assert_cmpint(cell->deadlines.boot_ms, ==, 120000);
    g_assert_true(cell->kdump);
    g_assert_cmpstr(cell->keep_dumps, ==, "first-per-signature");
    g_assert_nonnull(cell->setup.sysctl);
    g_assert_null(cell->setup.args);
}

static void
test_round_trip(void)
{
    g_autoptr(LabCell) cell = sample_cell();
    g_autoptr(LabCell) copy = lab_cell_copy(cell);
    g_autoptr(json_t) json = lab_cell_to_json(cell);
    g_autofree char *line = lab_json_line(json);
    g_autoptr(json_t) again = lab_json_parse(line, strlen(line), "cell", NULL);
    g_autoptr(GError) error = NULL;
    g_autoptr(LabCell) read = lab_cell_from_json(again, &error);
    const LabDetector *detector;

    g_assert_no_error(error);
    assert_same(cell, copy);
    assert_same(cell, read);
    g_assert_cmpstr(read->setup.sysctl[1], ==, "vm.b=2");
    g_assert_cmpuint(read->guest.disks[1], ==, 1 << 20);
    g_assert_cmpuint(read->guest.disks[2], ==, 0);
    g_assert_cmpint(read->stressor.kind, ==, LAB_STRESSOR_SHELL);
    detector = read->detectors->pdata[0];
    g_assert_cmpfloat_with_epsilon(detector->max, 1000.5, 1e-9);
    g_assert_true(isinf(detector->min));
    g_assert_cmpint(lab_json_int(json_object_get(json, "deadlines"), "boot_ms", 0), ==, 120000);
}

static void
assert_refused(const char *text, const char *why)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(json_t) json = lab_json_parse(text, strlen(text), "cell", NULL);
    g_autoptr(LabCell) cell = lab_cell_from_json(json, &error);

    g_assert_null(cell);
    g_assert_cmpstr(error->message, ==, why);
    g_assert_true(error->domain == LAB_DATA_ERROR);
}

static void
test_damaged(void)
{
    assert_refused("[]", "cell: no schema_version");
    assert_refused("{\"schema_version\":99}", "cell: written by a newer kreglab: upgrade kreglab");
    assert_refused("{\"schema_version\":1}", "cell.kernel is missing");
    assert_refused("{\"schema_version\":1,\"kernel\":7}", "cell.kernel is of a wrong type");
    assert_refused("{\"schema_version\":1,\"kernel\":\"k\",\"recipe\":\"r\",\"variant\":\"v\","
                   "\"detectors\":[{\"kind\":\"panic\"},{}]}",
                   "cell.detectors[1].kind is missing");
    assert_refused("{\"schema_version\":1,\"kernel\":\"k\",\"recipe\":\"r\",\"variant\":\"v\","
                   "\"setup\":{\"guest\":{\"disks_bytes\":[1,-1]}}}",
                   "cell.setup.guest.disks_bytes is of a wrong type");
    assert_refused("{\"schema_version\":1,\"kernel\":\"k\",\"recipe\":\"r\",\"variant\":\"v\","
                   "\"stressor\":{\"kind\":\"magic\"}}",
                   "cell.stressor.kind is of a wrong type");
    assert_refused("{\"schema_version\":1,\"kernel\":\"k\",\"recipe\":\"r\",\"variant\":\"v\","
                   "\"repetition\":99999999999}",
                   "cell.repetition is of a wrong type");
}

/* The id changes with what decides the outcome and with nothing else. */
static void
test_id(void)
{
    g_autoptr(LabCell) cell = sample_cell();
    g_autofree char *id = g_strdup(cell->id);

    g_assert_cmpuint(strlen(id), ==, 12);
    cell->deadlines.boot_ms = 1;
    g_free(cell->accelerator);
    cell->accelerator = g_strdup("kvm");
    lab_cell_compute_id(cell);
    g_assert_cmpstr(cell->id, ==, id);

    cell->repetition = 2;
    lab_cell_compute_id(cell);
    g_assert_cmpstr(cell->id, !=, id);
    cell->repetition = 1;
    cell->guest.memory_bytes = 1 << 30;
    lab_cell_compute_id(cell);
    g_assert_cmpstr(cell->id, !=, id);
    cell->guest.memory_bytes = 512 << 20;
    g_strfreev(cell->setup.sysctl);
    cell->setup.sysctl = words("vm.a=1 vm.b=3");
    lab_cell_compute_id(cell);
    g_assert_cmpstr(cell->id, !=, id);
    g_strfreev(cell->setup.sysctl);
    cell->setup.sysctl = words("vm.a=1 vm.b=2");
    lab_cell_compute_id(cell);
    g_assert_cmpstr(cell->id, ==, id);
}

/* Ids stay what they are between versions of kreglab: results are found by them. */
static void
test_id_is_stable(void)
{
    g_autoptr(LabCell) cell = sample_cell();

    g_assert_cmpstr(cell->id, ==, "3bcaa31e0379");
}

static void
test_units(void)
{
    static const char *const bad_sizes[] = {"",          "1",    "M",    "-1M",
                                            "1.5G",      "1MB!", "1 M",  "99999999999999999999M",
                                            "16777216T", "1BB",  "0x10M"};
    static const char *const bad_times[] = {"",     "1",      "s",     "-1s", "1 s",
                                            "1e3s", "1.2.3s", "9000h", "1w",  "."};
    guint64 bytes;
    gint64 ms;

    g_assert_true(lab_size_parse("512M", &bytes) && bytes == 512 << 20);
    g_assert_true(lab_size_parse("1GiB", &bytes) && bytes == 1 << 30);
    g_assert_true(lab_size_parse("4097B", &bytes) && bytes == 4097);
    g_assert_true(lab_duration_parse("500ms", &ms) && ms == 500);
    g_assert_true(lab_duration_parse("1.5s", &ms) && ms == 1500);
    g_assert_true(lab_duration_parse("2m", &ms) && ms == 120000);
    g_assert_true(lab_duration_parse("90d", &ms) && ms == 90 * G_GINT64_CONSTANT(86400000));
    for (gsize i = 0; i < G_N_ELEMENTS(bad_sizes); i++)
        g_assert_false(lab_size_parse(bad_sizes[i], &bytes));
    for (gsize i = 0; i < G_N_ELEMENTS(bad_times); i++)
        g_assert_false(lab_duration_parse(bad_times[i], &ms));
    for (guint64 n = 1; n < (G_GUINT64_CONSTANT(1) << 50); n = n * 3 + 1) {
        g_autofree char *text = lab_size_format(n);

        g_assert_true(lab_size_parse(text, &bytes) && bytes == n);
    }
    for (gint64 n = 1; n < G_GINT64_CONSTANT(30000000000); n = n * 3 + 1) {
        g_autofree char *text = lab_duration_format(n);

        g_assert_true(lab_duration_parse(text, &ms) && ms == n);
    }
}

static void
test_did_you_mean(void)
{
    static const char *const names[] = {"kernel", "recipe", "repeat", NULL};

    g_assert_cmpstr(lab_did_you_mean("kernle", names), ==, "kernel");
    g_assert_cmpstr(lab_did_you_mean("recipes", names), ==, "recipe");
    g_assert_null(lab_did_you_mean("timeout", names));
    g_assert_null(lab_did_you_mean("", names));
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/cell/defaults", test_defaults);
    g_test_add_func("/cell/round-trip", test_round_trip);
    g_test_add_func("/cell/damaged", test_damaged);
    g_test_add_func("/cell/id", test_id);
    g_test_add_func("/cell/id-is-stable", test_id_is_stable);
    g_test_add_func("/units/parse", test_units);
    g_test_add_func("/units/did-you-mean", test_did_you_mean);
    return g_test_run();
}
