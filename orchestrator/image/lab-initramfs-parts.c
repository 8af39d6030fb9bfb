/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lab-initramfs-private.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "lab-closure.h"
#include "lab-error.h"
#include "lab-file.h"
#include "lab-module-order.h"
#include "lab-proc.h"

/* Changes when the content of any part changes for the same key. */
#define PART_FORMAT 2

void
lab_part_free(gpointer data)
{
    LabPart *part = data;

    g_string_free(part->key, TRUE);
    g_clear_pointer(&part->closure, g_ptr_array_unref);
    g_clear_pointer(&part->steps, g_ptr_array_unref);
    g_clear_pointer(&part->wanted, g_ptr_array_unref);
    g_free(part->capture);
    g_free(part);
}

static LabPart *
part_new(const char *kind, LabPartFill *fill, const LabInitramfsSpec *spec)
{
    LabPart *part = g_new0(LabPart, 1);

    part->kind = kind;
    part->fill = fill;
    part->spec = spec;
    part->key = g_string_new(NULL);
    g_string_append_printf(part->key, "%d\n%s\n", PART_FORMAT, kind);
    return part;
}

char *
lab_part_name(const LabPart *part)
{
    g_autofree char *digest = g_compute_checksum_for_data(
        G_CHECKSUM_SHA256, (const guchar *)part->key->str, part->key->len);

    return g_strdup_printf("%s-%.20s.cpio", part->kind, digest);
}

/* A file by its content. */
static gboolean
key_content(LabPart *part, const char *path, GError **error)
{
    g_autoptr(GMappedFile) map = g_mapped_file_new(path, FALSE, NULL);
    g_autofree char *digest = NULL;

    if (!map) {
        g_set_error(error, LAB_CONFIG_ERROR, LAB_ERROR_NOT_FOUND, "'%s' cannot be read", path);
        return FALSE;
    }
    digest = g_compute_checksum_for_data(G_CHECKSUM_SHA256,
                                         (const guchar *)g_mapped_file_get_contents(map),
                                         g_mapped_file_get_length(map));
    g_string_append_printf(part->key, "%s\n", digest);
    return TRUE;
}

/* A file of the host's system by its place, size and time: packages change these together. */
static gboolean
key_stat(LabPart *part, const char *path, GError **error)
{
    struct stat st;

    if (stat(path, &st) < 0)
        return lab_error_set_errno(error, errno, "reading '%s'", path);
    g_string_append_printf(part->key, "%s %" G_GINT64_FORMAT " %" G_GINT64_FORMAT ".%ld\n", path,
                           (gint64)st.st_size, (gint64)st.st_mtim.tv_sec, st.st_mtim.tv_nsec);
    return TRUE;
}

static void
key_kernel(LabPart *part)
{
    const LabKernel *kernel = part->spec->kernel;

    g_string_append_printf(part->key, "%s\n%s\n", kernel->release,
                           kernel->digest ? kernel->digest : kernel->directory);
}

static gboolean
fill_agent(LabPart *part, LabCpio *cpio, GError **error)
{
    static const char *const directories[] = {
        "dev",     "proc",    "sys",     "run",      "mnt",     "etc",      "root",
        "kreglab", "var/tmp", "usr/bin", "usr/sbin", "usr/lib", "usr/lib64"};
    static const char *const links[] = {"bin", "sbin", "lib", "lib64"};
    static const char passwd[] = "root:x:0:0:root:/root:/bin/sh\n"
                                 "nobody:x:65534:65534:nobody:/:/bin/false\n";
    static const char group[] = "root:x:0:\ntty:x:5:\nnogroup:x:65534:\n";

    for (gsize i = 0; i < G_N_ELEMENTS(directories); i++)
        if (!lab_cpio_directory(cpio, directories[i], 0755, error))
            return FALSE;
    for (gsize i = 0; i < G_N_ELEMENTS(links); i++) {
        g_autofree char *target = g_strconcat("usr/", links[i], NULL);

        if (!lab_cpio_symlink(cpio, links[i], target, error))
            return FALSE;
    }
    /* init's standard streams, before devtmpfs is there */
    return lab_cpio_directory(cpio, "tmp", 01777, error) &&
           lab_cpio_device(cpio, "dev/console", 0600, 5, 1, error) &&
           lab_cpio_file(cpio, "etc/passwd", 0644, passwd, sizeof passwd - 1, error) &&
           lab_cpio_file(cpio, "etc/group", 0644, group, sizeof group - 1, error) &&
           lab_cpio_copy(cpio, "init", 0755, part->spec->agent, error);
}

static gboolean
fill_tool(LabPart *part, LabCpio *cpio, GError **error)
{
    for (guint i = 0; i < part->closure->len; i++) {
        const LabClosureFile *file = part->closure->pdata[i];

        if (!lab_cpio_has(cpio, file->path) &&
            !lab_cpio_copy(cpio, file->path, 0755, file->source, error))
            return FALSE;
    }
    return TRUE;
}

/* The applets that this busybox has, as links to it. */
static gboolean
fill_busybox(LabPart *part, LabCpio *cpio, GError **error)
{
    const LabClosureFile *busybox = part->closure->pdata[0];
    const char *argv[] = {busybox->source, "--list", NULL};
    g_auto(LabProcResult) result = {0};
    g_auto(GStrv) applets = NULL;

    if (!fill_tool(part, cpio, error) || !lab_proc_check(argv, NULL, &result, error))
        return FALSE;
    applets = g_strsplit(result.output, "\n", -1);
    for (char **applet = applets; *applet; applet++) {
        g_autofree char *path = g_build_filename("/usr/bin", g_strstrip(*applet), NULL);

        if (**applet && strcmp(*applet, "busybox") != 0 && !lab_cpio_has(cpio, path) &&
            !lab_cpio_symlink(cpio, path, "busybox", error))
            return FALSE;
    }
    return TRUE;
}

static gboolean
copy_steps(LabPart *part, LabCpio *cpio, GPtrArray *steps, const char *list, GError **error)
{
    const LabKernel *kernel = part->spec->kernel;
    g_autoptr(GString) text = g_string_new(NULL);

    for (guint i = 0; i < steps->len; i++) {
        const LabModuleStep *step = steps->pdata[i];
        g_autofree char *source = g_build_filename(kernel->directory, "modules", step->path, NULL);
        g_autofree char *stored =
            g_build_filename("/usr/lib/modules", kernel->release, step->path, NULL);

        g_string_append_printf(text, "%s/lib/modules/%s/%s\n", step->optional ? "-" : "",
                               kernel->release, step->path);
        if (!lab_cpio_has(cpio, stored) && !lab_cpio_copy(cpio, stored, 0644, source, error))
            return FALSE;
    }
    return lab_cpio_file(cpio, list, 0644, text->str, text->len, error);
}

static gboolean
fill_modules(LabPart *part, LabCpio *cpio, GError **error)
{
    if (!copy_steps(part, cpio, part->steps, "/kreglab/modules.list", error))
        return FALSE;
    for (guint i = 0; i < part->wanted->len; i++) {
        const LabWanted *wanted = part->wanted->pdata[i];
        g_autofree char *list = g_build_filename("/kreglab/modules.d", wanted->name, NULL);

        if (!lab_cpio_has(cpio, list) && !copy_steps(part, cpio, wanted->steps, list, error))
            return FALSE;
    }
    return TRUE;
}

static gboolean
fill_files(LabPart *part, LabCpio *cpio, GError **error)
{
    static const char *const merged[] = {"/bin/", "/sbin/", "/lib/", "/lib64/"};

    for (gsize i = 0; i < part->spec->n_files; i++) {
        const LabInitramfsFile *file = &part->spec->files[i];
        const char *prefix = "";
        g_autofree char *path = NULL;

        /* a directory of that name would take the place of the link to /usr */
        for (gsize k = 0; k < G_N_ELEMENTS(merged); k++)
            if (g_str_has_prefix(file->path, merged[k]))
                prefix = "/usr";
        path = g_strconcat(prefix, file->path, NULL);
        if (!lab_cpio_copy(cpio, path, file->mode, file->source, error))
            return FALSE;
    }
    return TRUE;
}

static gboolean
fill_kit(LabPart *part, LabCpio *cpio, GError **error)
{
    g_autofree char *image = g_build_filename(part->spec->kernel->directory, "vmlinuz", NULL);

    return lab_cpio_copy(cpio, "/kreglab/capture/vmlinuz", 0644, image, error) &&
           lab_cpio_copy(cpio, "/kreglab/capture/initrd", 0644, part->capture, error);
}

static LabPart *
part_agent(const LabInitramfsSpec *spec, GError **error)
{
    LabPart *part = part_new("agent", fill_agent, spec);

    if (key_content(part, spec->agent, error))
        return part;
    lab_part_free(part);
    return NULL;
}

static LabPart *
part_tool(const LabInitramfsSpec *spec, const char *tool, GError **error)
{
    gboolean busybox = strcmp(tool, "busybox") == 0;
    LabPart *part =
        part_new(busybox ? "busybox" : "tool", busybox ? fill_busybox : fill_tool, spec);
    g_autofree char *source = lab_closure_find(tool, error);
    gboolean ok;

    if (source)
        part->closure = lab_closure_read(source, error);
    ok = part->closure != NULL;
    for (guint i = 0; ok && i < part->closure->len; i++)
        ok = key_stat(part, ((LabClosureFile *)part->closure->pdata[i])->source, error);
    if (ok)
        return part;
    lab_part_free(part);
    return NULL;
}

/* Without modules.builtin only the config can say that a driver is there. */
static gboolean
is_configured(const LabKernel *kernel, const char *module)
{
    g_autofree char *path = g_build_filename(kernel->directory, "config", NULL);
    g_autofree char *text = lab_file_read(AT_FDCWD, path, 4 << 20, NULL, NULL);
    g_autofree char *upper = g_ascii_strup(module, -1);
    g_autofree char *line = g_strdup_printf("\nCONFIG_%s=y\n", upper);

    return !text || strstr(text, line);
}

static gboolean
need_module(LabPart *part, const LabModules *modules, const char *name, GError **error)
{
    const LabKernel *kernel = part->spec->kernel;
    LabModuleState state = lab_modules_state(modules, name);
    g_autofree char *upper = g_ascii_strup(name, -1);

    if (state == LAB_MODULE_LOADABLE)
        lab_modules_order(modules, name, FALSE, part->steps);
    if (state != LAB_MODULE_ABSENT || (!lab_modules_known(modules) && is_configured(kernel, name)))
        return TRUE;
    g_set_error(error, LAB_CONFIG_ERROR, LAB_ERROR_UNSUPPORTED,
                "kernel %s lacks %s: the lab's guest needs it built in (CONFIG_%s=y) or as a "
                "module; add the package with this kernel's modules",
                kernel->release, name, upper);
    return FALSE;
}

static void
wanted_free(gpointer data)
{
    LabWanted *wanted = data;

    g_free(wanted->name);
    g_ptr_array_unref(wanted->steps);
    g_free(wanted);
}

static gboolean
want_module(LabPart *part, const LabModules *modules, const char *name, GError **error)
{
    LabWanted *wanted;

    if (lab_modules_state(modules, name) == LAB_MODULE_ABSENT) {
        g_set_error(error, LAB_CONFIG_ERROR, LAB_ERROR_UNSUPPORTED,
                    "kernel %s lacks %s: the recipe asks for this module",
                    part->spec->kernel->release, name);
        return FALSE;
    }
    wanted = g_new0(LabWanted, 1);
    wanted->name = g_strdelimit(g_strdup(name), "-/", '_');
    wanted->steps = lab_module_steps_new();
    lab_modules_order(modules, name, FALSE, wanted->steps);
    g_ptr_array_add(part->wanted, wanted);
    g_string_append_printf(part->key, "want %s\n", wanted->name);
    return TRUE;
}

static gboolean
collect_modules(LabPart *part, gboolean capture, GError **error)
{
    /* pvpanic was one module until commit 6861d27cf590 ("misc/pvpanic: split-up generic and
     * platform dependent code") (in v5.13); since then the ISA device of the lab's machine, which
     * ACPI tells of, is pvpanic_mmio's */
    static const char *const optional[] = {"pvpanic", "pvpanic_mmio", "qemu_fw_cfg"};
    g_autofree char *directory = g_build_filename(part->spec->kernel->directory, "modules", NULL);
    g_autoptr(LabModules) modules = lab_modules_load(directory, error);

    if (!modules || !need_module(part, modules, "virtio_pci", error) ||
        !need_module(part, modules, "virtio_console", error) ||
        (part->spec->disks && !capture && !need_module(part, modules, "virtio_blk", error)))
        return FALSE;
    for (gsize i = 0; !capture && i < G_N_ELEMENTS(optional); i++)
        lab_modules_order(modules, optional[i], TRUE, part->steps);
    if (!capture && part->spec->watchdog)
        lab_modules_order(modules, "i6300esb", TRUE, part->steps);
    if (!capture && part->spec->network)
        lab_modules_order(modules, "virtio_net", TRUE, part->steps);
    for (gsize i = 0; !capture && part->spec->modules && part->spec->modules[i]; i++)
        if (!want_module(part, modules, part->spec->modules[i], error))
            return FALSE;
    return TRUE;
}

static LabPart *
part_modules(const LabInitramfsSpec *spec, gboolean capture, GError **error)
{
    LabPart *part = part_new(capture ? "capture-modules" : "modules", fill_modules, spec);

    part->steps = lab_module_steps_new();
    part->wanted = g_ptr_array_new_with_free_func(wanted_free);
    key_kernel(part);
    g_string_append_printf(part->key, "disks %d watchdog %d network %d\n", spec->disks,
                           spec->watchdog, spec->network);
    if (collect_modules(part, capture, error))
        return part;
    lab_part_free(part);
    return NULL;
}

static LabPart *
part_files(const LabInitramfsSpec *spec, GError **error)
{
    LabPart *part = part_new("files", fill_files, spec);

    for (gsize i = 0; i < spec->n_files; i++) {
        g_string_append_printf(part->key, "%s %o\n", spec->files[i].path, spec->files[i].mode);
        if (!key_content(part, spec->files[i].source, error)) {
            lab_part_free(part);
            return NULL;
        }
    }
    return part;
}

LabPart *
lab_part_kit(const LabInitramfsSpec *spec, const char *initramfs, GError **error)
{
    LabPart *part = part_new("kit", fill_kit, spec);
    g_autofree char *image = g_build_filename(spec->kernel->directory, "vmlinuz", NULL);
    g_autofree char *base = g_path_get_basename(initramfs);

    part->capture = g_strdup(initramfs);
    key_kernel(part);
    g_string_append_printf(part->key, "%s\n", base);
    if (g_file_test(image, G_FILE_TEST_IS_REGULAR))
        return part;
    g_set_error(
        error, LAB_CONFIG_ERROR, LAB_ERROR_UNSUPPORTED,
        "kernel %s has no vmlinuz (bzImage), which kexec needs to load it as capture kernel: "
        "add one, or run without kdump",
        spec->kernel->release);
    lab_part_free(part);
    return NULL;
}

/* Adds 'part' unless it is NULL. */
static gboolean
add_part(GPtrArray *parts, LabPart *part)
{
    if (part)
        g_ptr_array_add(parts, part);
    return part != NULL;
}

/* Most kernels are loaded without it: the agent says so where it is missed. The package takes over
 * the host's reboots unless it is told not to, so not every host has it. */
static gboolean
has_kexec(void)
{
    g_autofree char *path = lab_closure_find("kexec", NULL);

    return path != NULL;
}

GPtrArray *
lab_parts_of(const LabInitramfsSpec *spec, gboolean capture, GError **error)
{
    g_autoptr(GPtrArray) parts = g_ptr_array_new_with_free_func(lab_part_free);

    if (!add_part(parts, part_agent(spec, error)) ||
        !add_part(parts, part_modules(spec, capture, error)))
        return NULL;
    if (capture)
        return add_part(parts, part_tool(spec, "makedumpfile", error)) ? g_steal_pointer(&parts)
                                                                       : NULL;
    if (spec->busybox && !add_part(parts, part_tool(spec, "busybox", error)))
        return NULL;
    if (spec->kdump && has_kexec() && !add_part(parts, part_tool(spec, "kexec", error)))
        return NULL;
    for (gsize i = 0; spec->tools && spec->tools[i]; i++)
        if (!add_part(parts, part_tool(spec, spec->tools[i], error)))
            return NULL;
    if (spec->n_files > 0 && !add_part(parts, part_files(spec, error)))
        return NULL;
    return g_steal_pointer(&parts);
}
