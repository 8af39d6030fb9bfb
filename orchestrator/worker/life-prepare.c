/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Before the guest: what the kernel lacks, what has to be built, what goes in. */
#include "lab-life.h"

#include <fcntl.h>
#include <string.h>

#include "lab-dump-level.h"
#include "lab-error.h"
#include "lab-file.h"
#include "lab-initramfs.h"
#include "lab-json.h"
#include "lab-log.h"
#include "lab-program.h"

#define PAYLOAD_DIRECTORY "/kreglab/payload/"
/* Left for the kernel under test beside the capture kernel's reservation. */
#define MIN_FREE_MIB 192

/* Without these the lab cannot talk to a guest at all. */
static const char *const own_needs[] = {
    "CONFIG_BLK_DEV_INITRD=y",
    "CONFIG_VIRTIO_PCI=y|m",
    "CONFIG_VIRTIO_CONSOLE=y|m",
    "CONFIG_SERIAL_8250_CONSOLE=y",
};

static const char *const kdump_needs[] = {
    "CONFIG_CRASH_DUMP=y",
    "CONFIG_PROC_VMCORE=y",
};

/* "CONFIG_X=a|b": TRUE when the kernel has one of them, or came without a config. */
static gboolean
config_holds(LabKernel *kernel, const char *need, const char **has)
{
    g_auto(GStrv) parts = g_strsplit(need, "=", 2);
    g_auto(GStrv) values = NULL;

    *has = lab_kernel_config(kernel, parts[0]);
    if (!*has || strcmp(*has, "?") == 0)
        return TRUE;
    if (!parts[1])
        return strcmp(*has, "n") != 0;
    values = g_strsplit(parts[1], "|", -1);
    return g_strv_contains((const char *const *)values, *has);
}

static char *
lacks_config(LabKernel *kernel, const char *need)
{
    const char *has;

    if (config_holds(kernel, need, &has))
        return NULL;
    return g_strdup_printf("kernel %s lacks %s (it has %s)", kernel->release, need,
                           strcmp(has, "n") == 0 ? "it not set" : has);
}

char *
lab_life_lacks(LabKernel *kernel, const LabCell *cell)
{
    char *why = NULL;

    for (gsize i = 0; !why && i < G_N_ELEMENTS(own_needs); i++)
        why = lacks_config(kernel, own_needs[i]);
    for (char **need = cell->needs_config; !why && need && *need; need++)
        why = lacks_config(kernel, *need);
    return why;
}

const LabPayload *
lab_life_add_payload(LabLife *life, const char *name, const char *source, int mode)
{
    LabPayload *payload = g_new0(LabPayload, 1);

    payload->guest_path = g_strconcat(PAYLOAD_DIRECTORY, name, NULL);
    payload->source = g_strdup(source);
    payload->mode = mode;
    g_ptr_array_add(life->payload, payload);
    return payload;
}

/* A file or folder of the recipe, kept inside it. */
char *
lab_life_recipe_path(const LabCell *cell, const char *value, GError **error)
{
    g_autofree char *path = g_build_filename(cell->recipe_directory, value, NULL);
    g_autofree char *real = realpath(path, NULL);
    g_autofree char *folder = realpath(cell->recipe_directory, NULL);
    g_autofree char *prefix = folder ? g_strconcat(folder, "/", NULL) : NULL;

    if (!real || !prefix || !g_str_has_prefix(real, prefix)) {
        g_set_error(error, LAB_CONFIG_ERROR, LAB_ERROR_NOT_FOUND,
                    "recipe '%s': '%s' is not a file of its folder", cell->recipe, value);
        return NULL;
    }
    return g_strdup(real);
}

static gboolean
prepare_program(LabLife *life, GError **error)
{
    const LabStressor *stressor = &life->cell->stressor;
    g_autofree char *source = lab_life_recipe_path(life->cell, stressor->value, error);
    g_autofree char *program = NULL;
    g_autoptr(GStrvBuilder) argv = g_strv_builder_new();
    const LabPayload *payload;

    if (!source)
        return FALSE;
    program = lab_program_build(source, life->paths->cache, error);
    if (!program)
        return FALSE;
    payload = lab_life_add_payload(life, life->cell->recipe, program, 0755);
    g_strv_builder_add(argv, payload->guest_path);
    g_strv_builder_addv(argv, (const char **)stressor->args);
    life->argv = g_strv_builder_end(argv);
    return TRUE;
}

static gboolean
prepare_shell(LabLife *life, GError **error)
{
    const LabStressor *stressor = &life->cell->stressor;
    g_autoptr(GStrvBuilder) argv = g_strv_builder_new();

    g_strv_builder_add_many(argv, "/bin/sh", "-c", stressor->value, life->cell->recipe, NULL);
    g_strv_builder_addv(argv, (const char **)stressor->args);
    life->argv = g_strv_builder_end(argv);
    return TRUE;
}

static gboolean
prepare_exec(LabLife *life, GError **error)
{
    const LabStressor *stressor = &life->cell->stressor;
    g_autoptr(GStrvBuilder) argv = g_strv_builder_new();

    g_strv_builder_addv(argv, (const char **)stressor->exec);
    g_strv_builder_addv(argv, (const char **)stressor->args);
    life->argv = g_strv_builder_end(argv);
    return TRUE;
}

static gboolean
prepare_stressor(LabLife *life, GError **error)
{
    switch (life->cell->stressor.kind) {
    case LAB_STRESSOR_PROGRAM:
        return prepare_program(life, error);
    case LAB_STRESSOR_SHELL:
        return prepare_shell(life, error);
    case LAB_STRESSOR_EXEC:
        return prepare_exec(life, error);
    case LAB_STRESSOR_MODULE:
        return lab_life_prepare_module(life, error);
    case LAB_STRESSOR_BUILTIN:
        break;
    }
    return TRUE;
}

static gboolean
has_disks(const LabCell *cell)
{
    return cell->guest.disks && cell->guest.disks[0] != 0;
}

/* Whether a capture kernel can be had at all; else why_not says the reason. */
static gboolean
kdump_possible(LabLife *life)
{
    LabDumpFindings *dump = &life->found->dump;
    const char *has;

    if (!life->cell->kdump)
        return FALSE;
    for (gsize i = 0; i < G_N_ELEMENTS(kdump_needs); i++)
        if (!dump->detail && !config_holds(life->kernel, kdump_needs[i], &has))
            dump->detail = lacks_config(life->kernel, kdump_needs[i]);
    if (!dump->detail && !config_holds(life->kernel, "CONFIG_KEXEC_FILE=y", &has) &&
        !config_holds(life->kernel, "CONFIG_KEXEC=y", &has))
        dump->detail = g_strdup_printf("kernel %s lacks CONFIG_KEXEC_FILE and CONFIG_KEXEC",
                                       life->kernel->release);
    if (dump->detail)
        dump->why_not = "not-possible";
    return !dump->detail;
}

/* Fills in the specification; sets crashkernel_mib when a capture kernel fits. */
static gboolean
size_capture(LabLife *life, LabInitramfsSpec *spec, GError **error)
{
    guint64 memory_mib = life->cell->guest.memory_bytes >> 20;

    spec->kdump = kdump_possible(life);
    if (!spec->kdump)
        return TRUE;
    life->crashkernel_mib = lab_initramfs_crashkernel_mib(spec, life->paths->cache, error);
    if (life->crashkernel_mib == 0)
        return FALSE;
    if (memory_mib < life->crashkernel_mib + MIN_FREE_MIB) {
        life->found->dump.why_not = "not-possible";
        life->found->dump.detail = g_strdup_printf("a guest of %" G_GUINT64_FORMAT
                                                   " MiB is too small for crashkernel=%uM",
                                                   memory_mib, life->crashkernel_mib);
        spec->kdump = FALSE;
        life->crashkernel_mib = 0;
    }
    return TRUE;
}

/* "NAME or NAME PARAMETERS": the names. */
static char **
module_names(const LabCell *cell)
{
    char **names = g_strdupv(cell->setup.modules);

    for (char **name = names; name && *name; name++)
        (*name)[strcspn(*name, " ")] = 0;
    return names;
}

static gboolean
prepare_initramfs(LabLife *life, GError **error)
{
    const LabCell *cell = life->cell;
    g_auto(GStrv) modules = module_names(cell);
    LabInitramfsSpec spec = {
        .kernel = life->kernel,
        .agent = life->paths->agent,
        .modules = (const char *const *)modules,
        .tools = (const char *const *)cell->stressor.tools,
        .disks = has_disks(cell),
        .watchdog = cell->guest.devices &&
                    g_strv_contains((const char *const *)cell->guest.devices, "watchdog"),
        .network = g_strcmp0(cell->guest.network, "user") == 0,
        .busybox = TRUE,
    };
    g_autoptr(GError) problem = NULL;

    if (!size_capture(life, &spec, &problem) ||
        !(life->initramfs = lab_initramfs_make(&spec, life->paths->cache, &problem))) {
        /* A module that the kernel has not is the kernel's lack, not a mistake of anybody. */
        if (!g_error_matches(problem, LAB_CONFIG_ERROR, LAB_ERROR_UNSUPPORTED)) {
            g_propagate_error(error, g_steal_pointer(&problem));
            return FALSE;
        }
        life->found->evidence.lacks_need = TRUE;
        life->found->why = g_strdup(problem->message);
    }
    return TRUE;
}

/* The lab's own options change nothing that is tested: console, panic on an NMI for hangs, sysrq,
 * and what an emulated machine's boot needs not do. */
char *
lab_life_cmdline(const LabCell *cell, const LabKernel *kernel, guint crashkernel_mib,
                 const char *cache_directory)
{
    g_autofree char *clock = lab_life_clock_options(kernel, cache_directory);
    GString *line = g_string_new("console=ttyS0,115200 earlyprintk=ttyS0,115200 rdinit=/init "
                                 "panic=0 unknown_nmi_panic sysrq_always_enabled printk.time=1 "
                                 "printk.devkmsg=on cryptomgr.notests no_timer_check "
                                 "random.trust_cpu=on 8250.nr_uarts=1");

    g_string_append(line, clock);
    if (crashkernel_mib > 0)
        g_string_append_printf(line, " crashkernel=%uM", crashkernel_mib);
    if (crashkernel_mib > 0 && lab_dump_level(kernel->release) != LAB_DUMP_LEVEL)
        g_string_append_printf(line, " kreglab.dump_level=%u", lab_dump_level(kernel->release));
    if (cell->setup.cmdline && *cell->setup.cmdline)
        g_string_append_printf(line, " %s", cell->setup.cmdline);
    return g_string_free(line, FALSE);
}

gboolean
lab_life_prepare(LabLife *life, GError **error)
{
    LabFindings *found = life->found;

    if (life->cell->replay)
        return TRUE;
    if (!lab_life_load_kernel(life, error))
        return FALSE;
    if (found->evidence.lacks_need)
        return TRUE;
    found->why = lab_life_lacks(life->kernel, life->cell);
    if (found->why) {
        found->evidence.lacks_need = TRUE;
        return TRUE;
    }
    if (!prepare_stressor(life, error))
        return FALSE;
    if (found->evidence.lacks_need || !lab_life_prepare_hotfix(life, error))
        return found->evidence.lacks_need;
    if (!prepare_initramfs(life, error))
        return FALSE;
    life->cmdline =
        lab_life_cmdline(life->cell, life->kernel, life->crashkernel_mib, life->paths->cache);
    return TRUE;
}
