/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The kernel, and how it is booted: its bzImage, as a distribution does, or its uncompressed
 * vmlinux through the PVH entry, which saves the decompressor and with it KASLR
 * (arch/x86/boot/compressed/kaslr.c is part of the decompressor). What was asked for and what
 * happened may differ; the facts say what happened.
 */
#include "lab-life.h"

#include <fcntl.h>
#include <string.h>

#include "lab-error.h"
#include "lab-file.h"
#include "lab-json.h"

/* Whether 'option' is one of the words of a command line. */
static gboolean
has_option(const char *cmdline, const char *option)
{
    g_auto(GStrv) words = g_strsplit(cmdline ? cmdline : "", " ", -1);

    return g_strv_contains((const char *const *)words, option);
}

/* PVH where it is asked for and the kernel has the entry, or where there is nothing else. */
static void
choose_boot(LabLife *life, gboolean has_bzimage, gboolean has_vmlinux)
{
    LabKernel *kernel = life->kernel;
    gboolean asked = g_strcmp0(life->cell->boot, "pvh") == 0;
    gboolean able = has_vmlinux && kernel->has_pvh;

    life->pvh = able && (asked || !has_bzimage);
    if (!able && !has_bzimage) {
        life->found->evidence.lacks_need = TRUE;
        life->found->why = g_strdup_printf("kernel %s has neither a bzImage nor a vmlinux with the "
                                           "PVH entry note (CONFIG_PVH, since 5.0)",
                                           kernel->release);
    } else if (asked && !able) {
        life->boot_why = g_strdup(has_vmlinux ? "its vmlinux has no PVH entry note (CONFIG_PVH, "
                                                "since 5.0): booted its bzImage"
                                              : "no vmlinux is stored: booted its bzImage");
    } else if (!asked && !has_bzimage) {
        life->boot_why = g_strdup("no bzImage is stored: booted its vmlinux through PVH");
    }
}

gboolean
lab_life_load_kernel(LabLife *life, GError **error)
{
    const char *directory = life->cell->kernel_directory;
    LAB_AUTO_FD fd = lab_dir_open(AT_FDCWD, directory, error);
    g_autoptr(json_t) json = NULL;

    if (fd < 0)
        return FALSE;
    json = lab_json_read(fd, "kernel.json", LAB_KERNEL_SCHEMA, error);
    if (!json)
        return FALSE;
    life->kernel = lab_kernel_new_from_json(json, directory, error);
    if (!life->kernel)
        return FALSE;
    choose_boot(life, lab_file_exists(fd, "vmlinuz"), lab_file_exists(fd, "vmlinux"));
    life->boot_image = g_build_filename(directory, life->pvh ? "vmlinux" : "vmlinuz", NULL);
    return TRUE;
}

/* TRUE, FALSE, or null for a kernel that came without a config. */
static json_t *
kaslr(LabLife *life)
{
    const char *configured = lab_kernel_config(life->kernel, "CONFIG_RANDOMIZE_BASE");

    if (life->pvh || has_option(life->cmdline, "nokaslr") || strcmp(configured, "n") == 0)
        return json_false();
    return strcmp(configured, "?") == 0 ? json_null() : json_true();
}

void
lab_life_add_boot_facts(LabLife *life)
{
    json_t *facts = life->found->facts;

    json_object_set_new(facts, "boot", json_string(life->pvh ? "pvh" : "bzimage"));
    if (life->boot_why)
        json_object_set_new(facts, "boot_why", json_string(life->boot_why));
    json_object_set_new(facts, "kaslr", kaslr(life));
    json_object_set_new(facts, "cmdline", lab_json_text(life->cmdline));
}
