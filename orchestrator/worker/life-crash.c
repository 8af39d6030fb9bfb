/* SPDX-License-Identifier: GPL-2.0-or-later */
/* crash(8) on the dump, where the kernel's symbols were fetched. */
#include "lab-life.h"

#include <fcntl.h>
#include <string.h>

#include "lab-file.h"
#include "lab-log.h"
#include "lab-proc.h"

/* Reading half a gigabyte of symbols takes 3 to 50 s, by how busy the host is. */
#define CRASH_MS 180000
/* It peaks at about 420 MB resident for Debian's cloud kernels; a broken vmcore can make it ask for
 * anything, and the host has other cells. */
#define CRASH_BYTES (G_GUINT64_CONSTANT(8) << 30)

/* "8.0.2" of "crash 8.0.2"; NULL: it is not installed. g_free. */
static char *
crash_version(void)
{
    const char *argv[] = {"crash", "--version", NULL};
    LabProcOptions options = {.timeout_ms = 10000};
    g_auto(LabProcResult) result = {0};
    const char *blank;

    if (!lab_proc_run(argv, &options, &result, NULL) || result.status != 0)
        return NULL;
    g_strstrip(result.output);
    *strchrnul(result.output, '\n') = '\0';
    blank = strrchr(result.output, ' ');
    return lab_text_clean(blank ? blank + 1 : result.output, -1, FALSE);
}

/* 'mode' is "-s" (silent) or "-d1" (with all that it has to say). */
static gboolean
run_crash(const LabLife *life, const char *mode, LabProcResult *result, GError **error)
{
    static const char commands[] = "sys\nbt\nquit\n";
    g_autofree char *vmlinux =
        g_build_filename(life->cell->kernel_directory, "debug", "vmlinux", NULL);
    g_autofree char *vmcore = g_build_filename(life->directory, "vmcore", NULL);
    /* What a user's .crashrc asks for is not ours to answer. */
    const char *argv[] = {"crash", mode, "--no_crashrc", vmlinux, vmcore, NULL};
    LabProcOptions options = {.timeout_ms = CRASH_MS,
                              .input = commands,
                              .input_length = strlen(commands),
                              .merge = TRUE,
                              .memory_bytes = CRASH_BYTES,
                              .cwd = "/"};

    return lab_proc_run(argv, &options, result, error);
}

/* The last line that starts with "crash: ", without that word, or NULL. g_free. */
static char *
last_complaint(const char *output)
{
    g_auto(GStrv) lines = g_strsplit(output, "\n", -1);
    const char *found = NULL;

    for (char **line = lines; *line; line++)
        if (g_str_has_prefix(*line, "crash: "))
            found = *line + strlen("crash: ");
    return found ? lab_text_clean(found, -1, FALSE) : NULL;
}

/* What crash(8) has to tell of a dump that it opened, and does not say. NULL: it is all there. */
static const char *
missing_in(const char *output, const char *release)
{
    if (!strstr(output, "PANIC:"))
        return "it opened the vmcore and found no panic in it";
    if (release && !strstr(output, release))
        return "it opened the vmcore and found another release in it";
    if (!strstr(output, "PID: ") || !strstr(output, "#0 ["))
        return "it opened the vmcore and found no stack of the panicking task";
    return NULL;
}

/* Why it failed. Version 8.0.2 leaves 6.12's vmcores without a word, unless it is asked to debug.
 */
static char *
complaint(const LabLife *life, const LabProcResult *silent)
{
    g_autofree char *said = last_complaint(silent->output);
    g_auto(LabProcResult) loud = {0};

    if (!said && run_crash(life, "-d1", &loud, NULL))
        said = last_complaint(loud.output);
    return said ? g_steal_pointer(&said) : g_strdup_printf("ended with %d", silent->status);
}

gboolean
lab_life_check_with_crash(LabLife *life, GError **error)
{
    LabDumpFindings *dump = &life->found->dump;
    g_autofree char *vmlinux =
        g_build_filename(life->cell->kernel_directory, "debug", "vmlinux", NULL);
    g_auto(LabProcResult) result = {0};
    g_autoptr(GError) bad = NULL;
    g_autofree char *why = NULL;

    /* A recording's dump was checked when it was made. */
    if (life->cell->replay || !life->cell->kernel_directory || !lab_file_exists(AT_FDCWD, vmlinux))
        return TRUE;
    dump->crash_version = crash_version();
    if (!dump->crash_version) {
        lab_life_warn(life, "crash(8) is not installed, so the vmcore was not opened with it");
        return TRUE;
    }
    if (!run_crash(life, "-s", &result, &bad))
        why = g_strdup(bad->message);
    else if (result.status != 0)
        why = complaint(life, &result);
    else
        why = g_strdup(missing_in(result.output, life->cell->kernel_release));
    dump->crash = why ? g_strdup_printf("crash %s: %s", dump->crash_version, why) : g_strdup("ok");
    return why ? TRUE
               : lab_file_write(life->dirfd, "bt.txt", result.output, (gssize)result.output_length,
                                0600, error);
}
