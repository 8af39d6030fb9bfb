/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Recipes and matrices: what is wrong with them, and the cells they make. */
#include <fcntl.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "lab-error.h"
#include "lab-file.h"
#include "lab-matrix.h"

typedef struct {
    char *path; /* of the recipe "sample" in a temporary folder */
    char *root;
    int fd;
} Fixture;

/* Without the fsync of lab_file_write: these are many files. */
static void
write_file(int dirfd, const char *name, const char *text)
{
    LAB_AUTO_FD fd = openat(dirfd, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

    g_assert_true(lab_fd_write_all(fd, text, strlen(text), NULL));
}

static void
set_up(Fixture *f, gconstpointer data)
{
    LAB_AUTO_FD module = -1;

    f->root = g_dir_make_tmp("kreglab-test-XXXXXX", NULL);
    f->path = g_build_filename(f->root, "sample", NULL);
    f->fd = lab_dir_make(AT_FDCWD, f->path, 0755, NULL);
    g_assert_cmpint(f->fd, >=, 0);
    write_file(f->fd, "p.c", "int main(void) { return 0; }\n");
    module = lab_dir_make(f->fd, "module", 0755, NULL);
    write_file(module, "Kbuild", "obj-m := m.o\n");
}

static void
tear_down(Fixture *f, gconstpointer data)
{
    close(f->fd);
    g_assert_true(lab_path_remove(AT_FDCWD, f->root, NULL));
    g_free(f->root);
    g_free(f->path);
}

static LabRecipe *
load(const Fixture *f, const char *text, GError **error)
{
    write_file(f->fd, "recipe.yaml", text);
    return lab_recipe_load(f->path, error);
}

static LabRecipe *
load_fine(const Fixture *f, const char *text)
{
    g_autoptr(GError) error = NULL;
    LabRecipe *recipe = load(f, text, &error);

    g_assert_no_error(error);
    return recipe;
}

#define HEAD "summary: s\nstressor: {builtin: \"true\"}\n"

static void
test_minimal(Fixture *f, gconstpointer data)
{
    g_autoptr(LabRecipe) recipe = load_fine(f, HEAD);

    g_assert_cmpstr(recipe->name, ==, "sample");
    g_assert_cmpint(recipe->stressor.kind, ==, LAB_STRESSOR_BUILTIN);
    g_assert_cmpstr(recipe->stressor.value, ==, "true");
    g_assert_cmpuint(recipe->variants->len, ==, 1);
    g_assert_cmpstr(lab_recipe_baseline(recipe)->name, ==, "default");
    g_assert_true(recipe->kdump);
    g_assert_cmpint(recipe->guest.cpus, ==, 1);
    g_assert_cmpuint(strlen(recipe->digest), ==, 64);
}

static void
test_digest(Fixture *f, gconstpointer data)
{
    g_autoptr(LabRecipe) first = load_fine(f, HEAD);
    g_autoptr(LabRecipe) second = NULL;
    g_autoptr(LabRecipe) third = NULL;
    g_autoptr(LabRecipe) fourth = NULL;

    write_file(f->fd, ".hidden", "x");
    second = load_fine(f, HEAD);
    g_assert_cmpstr(first->digest, ==, second->digest);
    write_file(f->fd, "module/m.c", "x");
    third = load_fine(f, HEAD);
    g_assert_cmpstr(first->digest, !=, third->digest);
    write_file(f->fd, "module/m.c", "y");
    fourth = load_fine(f, HEAD);
    g_assert_cmpstr(third->digest, !=, fourth->digest);
    g_assert_cmpint(symlinkat("/etc/passwd", f->fd, "link"), ==, 0);
    g_assert_null(load(f, HEAD, NULL));
}

/* "LINE:COLUMN: rest"; the file's path is put before each line. */
static const struct {
    const char *text;
    const char *message;
} mistakes[] = {
    {"summary: s\n", "1:1: stressor: missing (what provokes the crash): expected keys: program, "
                     "shell, module, prebuilt, exec, builtin, args, tools, duration"},
    {"summary: s\nstressor: {}\n",
     "2:11: stressor: expected exactly one of program, shell, module, "
     "exec, builtin; there is none"},
    {"summary: s\nstressor:\n  builtin: a\n  exec: [b]\n",
     "3:3: stressor: expected exactly one of program, shell, module, exec, builtin; "
     "there is more "
     "than one"},
    {"summary: s\nstressor:\n  exec: []\n",
     "3:9: stressor.exec: expected a program and its arguments"},
    {"summary: s\nstressor: {program: q.c}\n",
     "2:21: stressor.program: 'q.c': the recipe's folder has no such file"},
    {"summary: s\nstressor: {program: module}\n",
     "2:21: stressor.program: 'module': expected a file"},
    {"summary: s\nstressor: {program: /etc/passwd}\n",
     "2:21: stressor.program: '/etc/passwd': expected a path below the recipe's folder"},
    {"summary: s\nstressor: {program: module/../../x.c}\n",
     "2:21: stressor.program: 'module/../../x.c': expected a path below the recipe's folder"},
    {"summary: s\nstressor: {module: p.c}\n", "2:20: stressor.module: 'p.c': expected a folder"},
    {"summary: s\nstressor: {module: .}\n",
     "2:20: stressor.module: '.': has neither a Kbuild nor a Makefile"},
    {"name: other\n" HEAD, "1:7: name: 'other': expected the name of its folder, 'sample'"},
    {HEAD "detectors:\n  - kind: pattern\n    pattern: \"(a\"\n",
     "5:14: detectors[0].pattern: '(a': Error while compiling regular expression ‘(a’ at char 2: "
     "missing terminating )"},
    {HEAD "detectors:\n  - kind: pattern\n", "4:5: detectors[0]: 'kind: pattern' needs a pattern"},
    {HEAD "detectors:\n  - kind: metric\n    max: 1\n",
     "4:5: detectors[0]: 'kind: metric' needs the metric's name"},
    {HEAD "detectors:\n  - kind: metric\n    metric: a\n",
     "4:5: detectors[0]: 'kind: metric' needs a limit: max or min"},
    {HEAD "detectors:\n  - {kind: metric, metric: a, max: 1, min: 2}\n",
     "4:5: detectors[0]: max is less than min"},
    {HEAD "detectors:\n  - {kind: panic, max: 1}\n",
     "4:24: detectors[0].max: goes with 'kind: metric', not with 'panic'"},
    {HEAD "detectors:\n  - kind: panick\n",
     "4:11: detectors[0].kind: 'panick': expected one of panic, soft-lockup, hung-task, "
     "no-heartbeat, pattern, exit-status, metric: did you mean 'panic'?"},
    {HEAD "reached: {min: 3}\n", "3:10: reached: needs the metric's name"},
    {HEAD "expect:\n  - outcome: crash\n    variants: [stock]\n",
     "5:16: expect[0].variants[0]: 'stock': the recipe has no such variant"},
    {HEAD "expect:\n  - variants: [default]\n", "4:5: expect[0]: expected an outcome or a title"},
    {HEAD "expect:\n  - {outcome: crash, kernels: \"4.4\"}\n",
     "4:31: expect[0].kernels: '4.4': expected comparisons such as \">= 4.4, < 4.13\""},
    {HEAD "affected:\n  - {line: upstream, range: old}\n",
     "4:29: affected[0].range: 'old': expected comparisons such as \">= 4.4, < 4.13\""},
    {HEAD "affected:\n  - {range: \"< 4\"}\n",
     "4:5: affected[0]: expected a family (or a line, in words)"},
    {HEAD "affected:\n  - {family: el7, before: 1-2, until: 1-1}\n",
     "4:5: affected[0]: expected 'before' or 'until', not both"},
    {HEAD "affected:\n  - {family: el6, before: 1-2}\n",
     "4:14: affected[0].family: 'el6': expected one of upstream, debian, ubuntu, el7, el8, el9, "
     "alinux, openeuler: did you mean 'el7'?"},
    {HEAD "affected:\n  - {family: upstream, from: \">= 4\", fixed: old}\n",
     "4:30: affected[0].from: '>= 4': expected one version, such as 4.13 or "
     "3.10.0-1160.86.1.el7\n"
     "4:45: affected[0].fixed: 'old': expected one version, such as 4.13 or "
     "3.10.0-1160.86.1.el7"},
    {HEAD "expect:\n  - {outcome: crash, affected: yes}\n  - {outcome: pass, affected: no}\n",
     "5:5: expect[1]: 'affected: no' needs the recipe's own list 'affected'"},
    {HEAD "variants:\n  - name: a\n  - name: b\n",
     "4:3: variants: expected exactly one variant with 'baseline: true'; there are 0"},
    {HEAD "variants:\n  - {name: a, baseline: true}\n  - {name: a, baseline: true}\n",
     "4:3: variants: expected exactly one variant with 'baseline: true'; there are 2\n"
     "5:12: variants[1].name: 'a': another variant has that name"},
    {HEAD "variants:\n  - {name: a, baseline: true, hotfix: \"../{release}.ko\"}\n",
     "4:39: variants[0].hotfix: '../{release}.ko': expected a path below the recipe's folder"},
    {"summary: s\nstressor: {builtin: \"true\", prebuilt: \"x.ko\"}\ndetectors: [{kind: panic}]\n",
     "2:39: stressor.prebuilt: only a module can be prebuilt\n"
     "2:39: stressor.prebuilt: 'x.ko': expected a .ko below the recipe's folder with '{release}' "
     "in "
     "its path"},
    {HEAD "variants:\n  - {name: a, baseline: true, hotfix: h.ko}\n",
     "4:39: variants[0].hotfix: 'h.ko': the recipe's folder has no such file"},
    {HEAD "variants:\n  - {name: A_b, baseline: true}\n",
     "4:12: variants[0].name: 'A_b': expected a name of [a-z0-9-]"},
    {HEAD "setup:\n  sysctl: [vm.x]\n  sysfs: [/etc/passwd=1]\n",
     "4:12: setup.sysctl[0]: 'vm.x': expected NAME=VALUE\n"
     "5:11: setup.sysfs[0]: '/etc/passwd=1': expected /sys/FILE=VALUE"},
    {HEAD "needs: {config: [KSM=y]}\n",
     "3:18: needs.config[0]: 'KSM=y': expected CONFIG_NAME=VALUE"},
    {HEAD "guest: {devices: [sg, \"A b\"]}\n",
     "3:23: guest.devices[1]: 'A b': expected a name of [a-z0-9-]"},
    {HEAD "kdump: no\n", "3:8: kdump: 'no': expected true or false"},
};

static void
test_mistakes(Fixture *f, gconstpointer data)
{
    g_autofree char *file = g_build_filename(f->path, "recipe.yaml", NULL);

    for (gsize i = 0; i < G_N_ELEMENTS(mistakes); i++) {
        g_autoptr(GError) error = NULL;
        g_autoptr(LabRecipe) recipe = load(f, mistakes[i].text, &error);
        g_auto(GStrv) lines = g_strsplit(mistakes[i].message, "\n", -1);
        g_autoptr(GString) expected = g_string_new(NULL);

        g_assert_null(recipe);
        for (guint n = 0; lines[n]; n++)
            g_string_append_printf(expected, "%s%s:%s", n > 0 ? "\n" : "", file, lines[n]);
        if (strcmp(error->message, expected->str) != 0)
            g_printerr("%s--- says:\n%s\n--- not:\n%s\n", mistakes[i].text, error->message,
                       expected->str);
        g_assert_cmpstr(error->message, ==, expected->str);
        g_assert_error(error, LAB_CONFIG_ERROR, LAB_ERROR_FAILED);
    }
}

static void
test_absent(Fixture *f, gconstpointer data)
{
    g_autoptr(GError) error = NULL;

    g_assert_null(lab_recipe_load(f->path, &error));
    g_assert_error(error, LAB_CONFIG_ERROR, LAB_ERROR_NOT_FOUND);
}

/* The template is a recipe that is fine as it is. */
static void
test_template(Fixture *f, gconstpointer data)
{
    g_autofree char *text = lab_recipe_template("sample");
    g_autoptr(LabRecipe) recipe = load_fine(f, text);

    g_assert_cmpint(recipe->stressor.kind, ==, LAB_STRESSOR_SHELL);
    g_assert_cmpstr(recipe->reached.metric, ==, "rounds");
}

/* The template with every '#' of a key taken away names only keys that there are, with values of
 * their types. */
static void
test_template_examples(Fixture *f, gconstpointer data)
{
    g_autofree char *text = lab_recipe_template("sample");
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
    g_autoptr(GString) all = g_string_new(NULL);
    g_autoptr(GError) error = NULL;
    g_autoptr(LabRecipe) recipe = NULL;

    for (char **line = lines; *line; line++)
        g_string_append_printf(
            all, "%s\n",
            g_regex_match_simple("^# [^ ]", *line, 0, 0) || **line != '#' ? *line : *line + 1);
    recipe = load(f, all->str, &error);
    g_assert_null(recipe);
    /* What is left are contradictions between the examples. */
    g_assert_null(strstr(error->message, "no YAML"));
    g_assert_null(strstr(error->message, "unknown key"));
    g_assert_nonnull(strstr(error->message, "stressor: expected exactly one of"));
}

static void
test_shipped(void)
{
    g_autofree char *root = g_test_build_filename(G_TEST_DIST, "..", "..", "recipes", NULL);
    g_autoptr(GError) error = NULL;
    g_autoptr(GPtrArray) recipes = lab_recipe_list(root, FALSE, &error);

    g_assert_no_error(error);
    g_assert_cmpuint(recipes->len, >=, 1);
    for (guint i = 0; i < recipes->len; i++) {
        const LabRecipe *recipe = recipes->pdata[i];

        g_assert_nonnull(recipe->incident);
        g_assert_cmpuint(recipe->detectors->len, >, 0);
        g_assert_cmpuint(recipe->expect->len, >, 0);
    }
}

static LabKernel *
make_kernel(const char *release)
{
    LabKernel *kernel = g_new0(LabKernel, 1);

    kernel->id = g_strdup(release);
    kernel->release = g_strdup(release);
    kernel->digest = g_compute_checksum_for_string(G_CHECKSUM_SHA256, release, -1);
    kernel->directory = g_strdup("/nowhere");
    return kernel;
}

static GPtrArray *
make_kernels(guint n)
{
    GPtrArray *kernels = g_ptr_array_new_with_free_func((GDestroyNotify)lab_kernel_free);

    for (guint i = 0; i < n; i++) {
        g_autofree char *release = g_strdup_printf("%u.%u.0-test", 4 + i / 20, i % 20);

        g_ptr_array_add(kernels, make_kernel(release));
    }
    return kernels;
}

static GPtrArray *
one_recipe(LabRecipe *recipe)
{
    GPtrArray *recipes = g_ptr_array_new_with_free_func((GDestroyNotify)lab_recipe_free);

    g_ptr_array_add(recipes, recipe);
    return recipes;
}

static LabMatrix *
parse(const char *text)
{
    g_autoptr(GError) error = NULL;
    LabMatrix *matrix = lab_matrix_parse(text, strlen(text), "m.yaml", &error);

    g_assert_no_error(error);
    return matrix;
}

static const char full_recipe[] =
    "summary: s\n"
    "needs: {config: [CONFIG_KSM=y], memory: 600M, cpus: 2, modules: [loop]}\n"
    "guest: {cpus: 1, memory: 256M}\n"
    "setup: {cmdline: a=1, sysctl: [vm.a=1], modules: [brd]}\n"
    "stressor: {program: p.c, args: [--x], duration: 30s}\n"
    "detectors: [{kind: no-heartbeat, after: 7s}]\n"
    "expect:\n"
    "  - {variants: [stock], outcome: crash, kernels: \"< 4.2\"}\n"
    "  - {variants: [fixed], outcome: pass}\n"
    "variants:\n"
    "  - {name: stock, baseline: true, cmdline: b=2}\n"
    "  - {name: fixed, sysctl: [vm.b=2], args: [--y], guest: {cpus: 4, memory: 1G}}\n"
    "  - {name: bare, args: []}\n";

static LabCell *
find_cell(const GPtrArray *cells, const char *kernel, const char *variant, int repetition)
{
    for (guint i = 0; i < cells->len; i++) {
        LabCell *cell = cells->pdata[i];

        if (strcmp(cell->kernel_id, kernel) == 0 && strcmp(cell->variant, variant) == 0 &&
            cell->repetition == repetition)
            return cell;
    }
    return NULL;
}

static void
test_merge(Fixture *f, gconstpointer data)
{
    g_autoptr(GPtrArray) kernels = make_kernels(3);
    g_autoptr(GPtrArray) recipes = one_recipe(load_fine(f, full_recipe));
    g_autoptr(LabMatrix)
        matrix = parse("kernels: [\"*\"]\nrecipes: [sample]\nrepeat: 2\ncmdline: c=3\n"
                       "own_variants: [{name: mine, sysctl: [vm.c=3], cmdline: d=4}]\n"
                       "timeouts: {boot: 5s}\naccelerator: tcg\n");
    g_autoptr(GError) error = NULL;
    g_autoptr(GPtrArray) cells = lab_matrix_expand(matrix, kernels, recipes, &error);
    const LabCell *cell;

    g_assert_no_error(error);
    g_assert_cmpuint(cells->len, ==, 3 * 4 * 2);
    cell = find_cell(cells, "4.0.0-test", "stock", 1);
    g_assert_true(cell->baseline);
    g_assert_cmpstr(cell->setup.cmdline, ==, "a=1 b=2 c=3");
    g_assert_cmpstr(cell->setup.modules[0], ==, "loop");
    g_assert_cmpstr(cell->setup.modules[1], ==, "brd");
    g_assert_cmpstr(cell->stressor.args[0], ==, "--x");
    g_assert_cmpint(cell->guest.cpus, ==, 2);
    g_assert_cmpuint(cell->guest.memory_bytes, ==, 600 << 20);
    g_assert_cmpint(cell->deadlines.boot_ms, ==, 5000);
    g_assert_cmpint(cell->deadlines.run_ms, ==, 90000);
    g_assert_cmpint(cell->deadlines.heartbeat_ms, ==, 7000);
    g_assert_cmpstr(cell->accelerator, ==, "tcg");
    g_assert_cmpuint(cell->expect->len, ==, 1);
    cell = find_cell(cells, "4.2.0-test", "stock", 1);
    g_assert_cmpuint(cell->expect->len, ==, 0);
    cell = find_cell(cells, "4.0.0-test", "fixed", 2);
    g_assert_false(cell->baseline);
    g_assert_cmpstr(cell->setup.cmdline, ==, "a=1 c=3");
    g_assert_cmpstr(cell->setup.sysctl[1], ==, "vm.b=2");
    g_assert_cmpstr(cell->stressor.args[0], ==, "--y");
    g_assert_cmpint(cell->guest.cpus, ==, 4);
    g_assert_cmpuint(cell->guest.memory_bytes, ==, 1 << 30);
    cell = find_cell(cells, "4.0.0-test", "bare", 1);
    g_assert_null(cell->stressor.args[0]);
    cell = find_cell(cells, "4.0.0-test", "mine", 1);
    g_assert_cmpstr(cell->setup.cmdline, ==, "a=1 b=2 d=4 c=3");
    g_assert_cmpstr(cell->setup.sysctl[1], ==, "vm.c=3");
}

static void
test_environment(Fixture *f, gconstpointer data)
{
    g_autoptr(LabCell) cell = lab_cell_new();
    g_auto(GStrv) env = NULL;

    cell->recipe = g_strdup("r");
    cell->variant = g_strdup("v");
    cell->stressor.duration_ms = 1500;
    env = lab_cell_environment(cell);
    g_assert_cmpstr(env[0], ==, "KREGLAB_DURATION=2");
    g_assert_true(g_strv_contains((const char *const *)env, "KREGLAB_MEMORY_MB=512"));
}

static guint
count_cells(const Fixture *f, const char *text)
{
    g_autoptr(GPtrArray) kernels = make_kernels(3);
    g_autoptr(GPtrArray) recipes = one_recipe(load_fine(f, full_recipe));
    g_autoptr(LabMatrix) matrix = parse(text);
    g_autoptr(GError) error = NULL;
    g_autoptr(GPtrArray) cells = lab_matrix_expand(matrix, kernels, recipes, &error);

    g_assert_no_error(error);
    return cells->len;
}

#define ALL "kernels: [\"*\"]\nrecipes: [\"*\"]\n"

static void
test_choose(Fixture *f, gconstpointer data)
{
    g_assert_cmpuint(count_cells(f, ALL), ==, 9);
    g_assert_cmpuint(count_cells(f, "kernels: [\"4.1*\", \"*4.1*\"]\nrecipes: [sample, \"s*\"]\n"),
                     ==, 3);
    g_assert_cmpuint(count_cells(f, ALL "variants: [\"b*\", stock]\n"), ==, 6);
    g_assert_cmpuint(count_cells(f, ALL "exclude: [{kernel: \"4.1*\", variant: stock}]\n"), ==, 8);
    g_assert_cmpuint(count_cells(f, ALL "exclude: [{variant: stock}, {kernel: \"4.1*\"}]\n"), ==,
                     4);
    g_assert_cmpuint(count_cells(f, "kernels: [\"4.1*\"]\nrecipes: [sample]\nvariants: [stock]\n"
                                    "include: [{kernel: \"4.2*\", variant: bare, repeat: 5}]\n"),
                     ==, 6);
    g_assert_cmpuint(count_cells(f, ALL "repeat: 3\ninclude: [{variant: stock, repeat: 4}]\n"), ==,
                     9 * 3 + 3);
}

static const struct {
    const char *text;
    const char *message;
} refusals[] = {
    {"kernels: [5.0]\nrecipes: [sample]\n", "no kernel '5.0' in the store"},
    {"kernels: [\"*\"]\nrecipes: [sampler]\n", "no recipe 'sampler': did you mean 'sample'?"},
    {"kernels: [\"*\"]\nrecipes: [sample]\nvariants: [nope]\n",
     "recipe 'sample' has no variant 'nope'; it has: stock, fixed, bare"},
    {"kernels: [\"*\"]\nrecipes: [sample]\nvariants: [stock, nope]\n",
     "none of the recipes has a variant 'nope'"},
    {"kernels: [\"*\"]\nrecipes: [sample]\nexclude: [{recipe: sample}]\n", "has no cells"},
    {"kernels: [\"*\"]\nrecipes: [sample]\nrepeat: 100000\n",
     "the matrix has 1200000 cells, more than 250000"},
};

static void
test_refusals(Fixture *f, gconstpointer data)
{
    g_autoptr(GPtrArray) kernels = make_kernels(4);
    g_autoptr(GPtrArray) recipes = one_recipe(load_fine(f, full_recipe));

    for (gsize i = 0; i < G_N_ELEMENTS(refusals); i++) {
        g_autoptr(LabMatrix) matrix = parse(refusals[i].text);
        g_autoptr(GError) error = NULL;

        g_assert_null(lab_matrix_expand(matrix, kernels, recipes, &error));
        g_assert_true(error->domain == LAB_CONFIG_ERROR);
        if (!strstr(error->message, refusals[i].message))
            g_error("'%s' does not say '%s'", error->message, refusals[i].message);
    }
}

static void
test_matrix_mistakes(void)
{
    static const char text[] = "kernels: []\nrecipes: [a]\nrepeat: 0\nown_variants:\n"
                               "  - {name: a, baseline: true, hotfix: x.ko}\n";
    static const char later[] = "kernels: []\nrecipes: [a]\nown_variants:\n"
                                "  - {name: a, baseline: true, hotfix: x.ko}\n";
    g_autoptr(GError) first = NULL;
    g_autoptr(GError) second = NULL;

    g_assert_null(lab_matrix_parse(text, strlen(text), "m.yaml", &first));
    g_assert_cmpstr(first->message, ==,
                    "m.yaml:3:9: repeat: '0': expected a whole number, from 1 to 100000");
    g_assert_null(lab_matrix_parse(later, strlen(later), "m.yaml", &second));
    g_assert_cmpstr(second->message, ==,
                    "m.yaml:1:10: kernels: expected at least one kernel\n"
                    "m.yaml:4:5: own_variants[0]: 'a': the baseline is the recipe's");
}

static void
test_matrix_yaml(void)
{
    g_autoptr(LabMatrix) matrix =
        parse("kernels: [\"6.1*\", a]\nrecipes: [r]\nvariants: [v]\nrepeat: 3\nkdump: false\n"
              "own_variants:\n  - {name: o, args: [], sysctl: [vm.a=\"1\"], guest: {cpus: 2}}\n"
              "include: [{kernel: k, repeat: 2}]\nexclude: [{variant: v}]\n"
              "timeouts: {run: 90s}\nguest: {memory: 1G, cpus: 2, replay: /r}\nboot: pvh\n"
              "connect: \"qemu:///session\"\nkeep_dumps: all\ncmdline: \"a \\\"b\\\"\"\n");
    g_autofree char *text = lab_matrix_to_yaml(matrix);
    g_autoptr(LabMatrix) again = parse(text);
    g_autofree char *text_again = lab_matrix_to_yaml(again);
    const LabVariant *own = again->own_variants->pdata[0];

    g_assert_cmpstr(text, ==, text_again);
    g_assert_false(again->kdump);
    g_assert_cmpint(again->run_timeout_ms, ==, 90000);
    g_assert_cmpuint(again->memory_bytes, ==, 1 << 30);
    g_assert_cmpstr(again->kernels[0], ==, "6.1*");
    g_assert_nonnull(own->setup.args);
    g_assert_cmpint(own->setup.guest->cpus, ==, 2);
}

/* Two kernels of the store that are one build make one cell. */
static void
test_same_build(Fixture *f, gconstpointer data)
{
    g_autoptr(GPtrArray) kernels = make_kernels(1);
    g_autoptr(GPtrArray) recipes = one_recipe(load_fine(f, HEAD));
    g_autoptr(LabMatrix) matrix = parse(ALL "repeat: 3\n");
    g_autoptr(GPtrArray) cells = NULL;
    LabKernel *twin = make_kernel("4.0.0-test");

    g_free(twin->id);
    twin->id = g_strdup("4.0.0-test+twin");
    g_ptr_array_add(kernels, twin);
    cells = lab_matrix_expand(matrix, kernels, recipes, NULL);
    g_assert_cmpuint(cells->len, ==, 3);
}

/* A hotfix that a matrix brings along is outside of the recipe's digest, but not of the id. */
static void
test_own_hotfix(Fixture *f, gconstpointer data)
{
    g_autoptr(GPtrArray) kernels = make_kernels(1);
    g_autoptr(GPtrArray) recipes = one_recipe(load_fine(f, HEAD));
    g_autofree char *file = g_build_filename(f->root, "fix.ko", NULL);
    g_autofree char *path = g_build_filename(f->root, "m.yaml", NULL);
    g_autoptr(LabMatrix) matrix = NULL;
    g_autoptr(GPtrArray) first = NULL;
    g_autoptr(GPtrArray) second = NULL;
    g_autoptr(GError) error = NULL;

    /* Beside the matrix. */
    write_file(AT_FDCWD, path, ALL "own_variants: [{name: fixed, hotfix: fix.ko}]\n");
    matrix = lab_matrix_load(path, NULL);
    g_assert_cmpstr(((LabVariant *)matrix->own_variants->pdata[0])->setup.hotfix, ==, file);
    g_assert_null(lab_matrix_expand(matrix, kernels, recipes, &error));
    g_assert_error(error, LAB_CONFIG_ERROR, LAB_ERROR_NOT_FOUND);
    write_file(AT_FDCWD, file, "one");
    first = lab_matrix_expand(matrix, kernels, recipes, NULL);
    write_file(AT_FDCWD, file, "two");
    second = lab_matrix_expand(matrix, kernels, recipes, NULL);
    g_assert_cmpuint(first->len, ==, 2);
    g_assert_cmpstr(((LabCell *)first->pdata[0])->id, ==, ((LabCell *)second->pdata[0])->id);
    g_assert_cmpstr(((LabCell *)first->pdata[1])->id, !=, ((LabCell *)second->pdata[1])->id);
}

/* A hundred thousand cells in seconds, every id its own. */
static void
test_many(Fixture *f, gconstpointer data)
{
    g_autoptr(GPtrArray) kernels = make_kernels(100);
    g_autoptr(GPtrArray) recipes = one_recipe(load_fine(f, full_recipe));
    g_autoptr(LabMatrix) matrix = parse(ALL "repeat: 334\nexclude: [{kernel: none}]\n");
    g_autoptr(GHashTable) ids = g_hash_table_new(g_str_hash, g_str_equal);
    /* The processor's time: the machine may be busy with other things. */
    clock_t start = clock();
    g_autoptr(GPtrArray) cells = lab_matrix_expand(matrix, kernels, recipes, NULL);
    double seconds = (double)(clock() - start) / CLOCKS_PER_SEC;

    g_test_message("%u cells in %.2f s", cells->len, seconds);
    g_assert_cmpuint(cells->len, ==, 100 * 3 * 334);
#ifdef __SANITIZE_ADDRESS__
    g_assert_cmpfloat(seconds, <, 20);
#else
    g_assert_cmpfloat(seconds, <, 4);
#endif
    for (guint i = 0; i < cells->len; i++)
        g_assert_true(g_hash_table_add(ids, ((LabCell *)cells->pdata[i])->id));
}

#define ADD(path, function) g_test_add("/model/" path, Fixture, NULL, set_up, function, tear_down)

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    ADD("recipe/minimal", test_minimal);
    ADD("recipe/digest", test_digest);
    ADD("recipe/mistakes", test_mistakes);
    ADD("recipe/absent", test_absent);
    ADD("recipe/template", test_template);
    ADD("recipe/template-examples", test_template_examples);
    g_test_add_func("/model/recipe/shipped", test_shipped);
    ADD("matrix/merge", test_merge);
    ADD("matrix/environment", test_environment);
    ADD("matrix/choose", test_choose);
    ADD("matrix/refusals", test_refusals);
    g_test_add_func("/model/matrix/mistakes", test_matrix_mistakes);
    g_test_add_func("/model/matrix/yaml", test_matrix_yaml);
    ADD("matrix/same-build", test_same_build);
    ADD("matrix/own-hotfix", test_own_hotfix);
    ADD("matrix/many", test_many);
    return g_test_run();
}
