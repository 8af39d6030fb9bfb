/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A shell in a guest: the cell of a matrix of one, given to `kreglab-worker shell`. */
#include <errno.h>
#include <fcntl.h>
#include <gio/gio.h>
#include <signal.h>
#include <string.h>

#include "lab-cli.h"
#include "lab-error.h"
#include "lab-file.h"
#include "lab-json.h"
#include "lab-log.h"
#include "lab-matrix.h"
#include "lab-plan.h"
#include "lab-tables.h"

static char **
words(const char *word)
{
    return g_strsplit(word, "\n", -1);
}

static LabMatrix *
matrix_from_options(const LabCli *cli, const char *recipe)
{
    LabMatrix *matrix = lab_matrix_new();
    const char *const *append = lab_cli_strings(cli, "append");

    g_strfreev(matrix->kernels);
    matrix->kernels = words(cli->args[0]);
    g_strfreev(matrix->recipes);
    matrix->recipes = words(recipe);
    matrix->cmdline = *append ? g_strjoinv(" ", (char **)append) : NULL;
    matrix->memory_bytes = lab_cli_size_bytes(cli, "memory");
    matrix->cpus = (int)lab_cli_int(cli, "cpus", 0);
    matrix->accelerator = g_strdup(lab_cli_string(cli, "accel"));
    matrix->connect_uri = g_strdup(lab_cli_string(cli, "connect"));
    matrix->boot = g_strdup(lab_cli_string(cli, "boot"));
    matrix->kdump = lab_cli_flag(cli, "kdump");
    return matrix;
}

/* The one cell that the arguments describe, in an array that owns it. */
static GPtrArray *
make_cell(const LabCli *cli, GError **error)
{
    g_autoptr(GPtrArray) kernels = lab_kernel_list(cli->paths->data, error);
    g_autoptr(GPtrArray) found = g_ptr_array_new();
    g_autoptr(GPtrArray) recipes = NULL;
    g_autoptr(LabMatrix) matrix = NULL;

    if (!kernels || !lab_kernel_match(kernels, cli->args[0], found, error))
        return NULL;
    if (found->len > 1) {
        lab_cli_usage(error, "'%s' fits %u kernels; a shell takes one", cli->args[0], found->len);
        return NULL;
    }
    recipes = lab_plan_recipes(cli->paths, error);
    if (!recipes)
        return NULL;
    matrix = matrix_from_options(cli, "true");
    return lab_matrix_expand(matrix, kernels, recipes, error);
}

/* Starts the worker on this terminal and waits for it. It takes Ctrl-C, which reaches both. */
static int
run_worker(const LabCli *cli, const char *directory, GError **error)
{
    g_autoptr(GSubprocessLauncher)
        launcher = g_subprocess_launcher_new(G_SUBPROCESS_FLAGS_STDIN_INHERIT);
    g_autoptr(GPtrArray) argv = g_ptr_array_new();
    g_autoptr(GSubprocess) worker = NULL;

    g_subprocess_launcher_setenv(launcher, "KREGLAB_DATA", cli->paths->data, TRUE);
    g_subprocess_launcher_setenv(launcher, "KREGLAB_CACHE", cli->paths->cache, TRUE);
    g_ptr_array_add(argv, cli->paths->worker);
    g_ptr_array_add(argv, (gpointer) "shell");
    g_ptr_array_add(argv, (gpointer)directory);
    for (char **word = cli->rest; word && *word; word++)
        g_ptr_array_add(argv, *word);
    g_ptr_array_add(argv, NULL);
    worker = g_subprocess_launcher_spawnv(launcher, (const char *const *)argv->pdata, error);
    if (!worker)
        return LAB_EXIT_INFRA;
    signal(SIGINT, SIG_IGN);
    if (!g_subprocess_wait(worker, NULL, error))
        return LAB_EXIT_INFRA;
    if (g_subprocess_get_if_signaled(worker))
        return 128 + g_subprocess_get_term_sig(worker);
    return g_subprocess_get_exit_status(worker);
}

static int
cmd_shell(LabCli *cli, GError **error)
{
    g_autoptr(GPtrArray) cells = make_cell(cli, error);
    g_autofree char *directory = g_build_filename(cli->paths->cache, "shell-XXXXXX", NULL);
    g_autoptr(json_t) cell = NULL;
    LAB_AUTO_FD fd = -1;
    int status;

    if (!cells)
        return LAB_EXIT_CONFIG;
    if (g_mkdir_with_parents(cli->paths->cache, 0700) < 0 || !g_mkdtemp(directory)) {
        lab_error_set_errno(error, errno, "making '%s'", directory);
        return LAB_EXIT_INFRA;
    }
    cell = lab_cell_to_json(cells->pdata[0]);
    fd = lab_dir_open(AT_FDCWD, directory, error);
    status = fd >= 0 && lab_json_write(fd, "cell.json", cell, 0600, error)
                 ? run_worker(cli, directory, error)
                 : LAB_EXIT_INFRA;
    if (!lab_path_remove(AT_FDCWD, directory, NULL))
        lab_warn("'%s' could not be removed", directory);
    return status;
}

static const LabOption options[] = {
    {"append", 0, LAB_OPTION_STRINGS, "TEXT",
     "append to the kernel's command line (may be repeated)"},
    {"memory", 0, LAB_OPTION_SIZE, "SIZE", "memory of the guest (default: 512M)"},
    {"cpus", 0, LAB_OPTION_INT, "N", "virtual CPUs (default: 1)", .min = 1, .max = 512},
    {"accel", 0, LAB_OPTION_STRING, "NAME", "what runs the guest (default: auto)",
     .choices = lab_accelerator_words},
    {"connect", 'c', LAB_OPTION_STRING, "URI", "libvirt's URI (default: the embedded driver)"},
    {"boot", 0, LAB_OPTION_STRING, "HOW",
     "load the kernel as a distribution does, or straight through PVH (default: bzimage)",
     .choices = lab_boot_words},
    {"kdump", 0, LAB_OPTION_FLAG, NULL, "reserve memory for a capture kernel"},
    {NULL},
};

const LabVerb lab_verb_shell = {
    .name = "shell",
    .summary = "give a shell in a guest of a kernel",
    .synopsis = "KERNEL [-- COMMAND…]",
    .description =
        "The shell is on this terminal; Ctrl-] leaves at once. With a COMMAND, or a script on a "
        "standard input that is no terminal, runs that and ends with its status. Nothing is kept.",
    .options = {options},
    .min_args = 1,
    .max_args = 1,
    .hints = {LAB_HINT_KERNEL},
    .takes_rest = TRUE,
    .run = cmd_shell,
};
