/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lab-stack-kernel.h"

#include <string.h>

#define BTF_MAX            (64u << 20)
#define ORC_MAX            (16u << 20) /* entries */
#define FRAMES_MAX         (512u << 10)
#define SCANS_MAX          256u
#define MODULE_SYMBOLS_MAX (2u << 20)

/* Every symbol that is looked up by name, in this room's files. */
static const char *const wanted[] = {
    "__cpu_online_mask",
    "__cpu_possible_mask",
    "__per_cpu_offset",
    "__start_BTF",
    "__start_orc_unwind",
    "__start_orc_unwind_ip",
    "__stop_BTF",
    "__stop_orc_unwind",
    "__stop_orc_unwind_ip",
    "_einittext",
    "_etext",
    "_sinittext",
    "_stext",
    "_totalram_pages",
    "avenrun",
    "cea_exception_stacks",
    "crash_notes",
    "cpu_current_top_of_stack",
    "crashing_cpu",
    "current_task",
    "hardirq_stack_ptr",
    "init_pid_ns",
    "init_task",
    "init_uts_ns",
    "modules",
    "panic_cpu",
    "pcpu_hot",
    "ret_from_fork",
    "ret_from_fork_asm",
    "runqueues",
    "saved_command_line",
    "tainted_mask",
    "tk_core",
    "totalram_pages",
    NULL,
};

static void
load_symbols(LabStackKernel *kernel)
{
    g_autoptr(GError) error = NULL;
    LabStackKallsyms where;

    if (!lab_stack_kallsyms_named(&kernel->memory, &where) &&
        !lab_stack_kallsyms_find(&kernel->memory, &where)) {
        lab_stack_missing(
            &kernel->memory,
            "stacks and tasks: the kernel's table of symbols (kallsyms) was not found");
        return;
    }
    kernel->symbols = lab_stack_symbols_new(&kernel->memory, &where, wanted, &error);
    if (!kernel->symbols) {
        lab_stack_missing(&kernel->memory, "stacks and tasks: %s", error->message);
        return;
    }
    if (!lab_stack_kernel_symbol(kernel, "_stext", &kernel->text_begin) ||
        !lab_stack_kernel_symbol(kernel, "_etext", &kernel->text_end))
        kernel->text_begin = kernel->text_end = 0;
    if (!lab_stack_kernel_symbol(kernel, "_sinittext", &kernel->init_begin) ||
        !lab_stack_kernel_symbol(kernel, "_einittext", &kernel->init_end))
        kernel->init_begin = kernel->init_end = 0;
    if (!lab_stack_kernel_symbol(kernel, "__per_cpu_offset", &kernel->per_cpu_offset))
        kernel->per_cpu_offset = 0;
}

static void
load_types(LabStackKernel *kernel)
{
    g_autoptr(GError) error = NULL;
    g_autofree guint8 *bytes = NULL;
    guint64 begin, end;

    if (!lab_stack_kernel_symbol(kernel, "__start_BTF", &begin) ||
        !lab_stack_kernel_symbol(kernel, "__stop_BTF", &end)) {
        lab_stack_missing(&kernel->memory, "stacks and tasks: the kernel was built without BTF");
        return;
    }
    if (end > begin && end - begin <= BTF_MAX)
        bytes = lab_stack_table(&kernel->memory, begin, (gsize)(end - begin));
    if (bytes)
        kernel->types = lab_stack_types_new(bytes, (gsize)(end - begin), &error);
    if (!kernel->types)
        lab_stack_missing(&kernel->memory, "stacks and tasks: the kernel's BTF is not whole");
}

static void
load_orc(LabStackKernel *kernel)
{
    guint64 ips, ips_end, entries;

    if (!kernel->types) /* BTF tells how an entry is laid out */
        return;
    if (!lab_stack_kernel_symbol(kernel, "__start_orc_unwind_ip", &ips) ||
        !lab_stack_kernel_symbol(kernel, "__stop_orc_unwind_ip", &ips_end) ||
        !lab_stack_kernel_symbol(kernel, "__start_orc_unwind", &entries)) {
        lab_stack_missing(&kernel->memory, "stacks: the kernel was built without ORC");
        return;
    }
    if (!lab_orc_layout(kernel->types, &kernel->orc_layout) || ips_end <= ips ||
        (ips_end - ips) / 4 > ORC_MAX) {
        lab_stack_missing(&kernel->memory, "stacks: the kernel's ORC tables have an unknown form");
        return;
    }
    kernel->orc = (LabOrcTable){ips, entries, (guint)((ips_end - ips) / 4)};
    kernel->has_orc = TRUE;
}

static void
free_module(gpointer data)
{
    LabStackModule *module = data;

    g_free(module->name);
    g_clear_pointer(&module->symbols, g_array_unref);
    g_free(module);
}

void
lab_stack_kernel_init(LabStackKernel *kernel, const LabCoreSource *source, GPtrArray *missing)
{
    *kernel = (LabStackKernel){
        .modules = g_ptr_array_new_with_free_func(free_module),
        .texts = g_array_new(FALSE, FALSE, sizeof(LabStackText)),
        .frames_left = FRAMES_MAX,
        .scans_left = SCANS_MAX,
        .symbols_left = MODULE_SYMBOLS_MAX,
    };
    lab_stack_memory_init(&kernel->memory, source, missing);
    load_symbols(kernel);
    if (!kernel->symbols)
        return;
    load_types(kernel);
    if (!source->machine || strcmp(source->machine, "x86_64") == 0)
        load_orc(kernel);
    if (kernel->types)
        lab_stack_modules_read(kernel);
}

void
lab_stack_kernel_clear(LabStackKernel *kernel)
{
    g_clear_pointer(&kernel->texts, g_array_unref);
    g_clear_pointer(&kernel->modules, g_ptr_array_unref);
    g_clear_pointer(&kernel->symbols, lab_stack_symbols_free);
    g_clear_pointer(&kernel->types, lab_stack_types_free);
    lab_stack_memory_clear(&kernel->memory);
}

gboolean
lab_stack_kernel_symbol(const LabStackKernel *kernel, const char *name, guint64 *address)
{
    return kernel->symbols && lab_stack_symbol(kernel->symbols, name, address);
}

gboolean
lab_stack_field(LabStackKernel *kernel, guint64 address, const char *type, const char *path,
                guint64 *value)
{
    LabStackMember member;

    return kernel->types && lab_stack_member(kernel->types, type, path, &member) && !member.bits &&
           !member.element_size &&
           lab_stack_number(&kernel->memory, address + member.offset, (gsize)member.size, value);
}

gboolean
lab_stack_per_cpu(LabStackKernel *kernel, guint cpu, guint64 variable, guint64 *address)
{
    guint64 offset;

    if (!kernel->per_cpu_offset || cpu >= LAB_STACK_CPUS_MAX ||
        !lab_stack_u64(&kernel->memory, kernel->per_cpu_offset + 8 * (guint64)cpu, &offset))
        return FALSE;
    *address = variable + offset;
    return TRUE;
}

static gboolean
is_core_text(const LabStackKernel *kernel, guint64 address)
{
    return (address >= kernel->text_begin && address < kernel->text_end) ||
           (address >= kernel->init_begin && address < kernel->init_end);
}

gboolean
lab_stack_is_text(const LabStackKernel *kernel, guint64 address)
{
    return is_core_text(kernel, address) || lab_stack_module_at(kernel, address) != NULL;
}

gboolean
lab_stack_function_begin(const LabStackKernel *kernel, guint64 address, guint64 *begin)
{
    g_autofree char *name = NULL;

    if (!kernel->symbols || !is_core_text(kernel, address))
        return FALSE;
    name = lab_stack_symbol_at(kernel->symbols, address, begin);
    return name != NULL;
}

char *
lab_stack_function_at(LabStackKernel *kernel, guint64 address, const char **module)
{
    const LabStackModule *in = lab_stack_module_at(kernel, address);
    guint64 begin;

    *module = in ? in->name : NULL;
    if (in)
        return lab_stack_module_function(kernel, in, address);
    if (!kernel->symbols || !is_core_text(kernel, address))
        return NULL;
    return lab_stack_symbol_at(kernel->symbols, address, &begin);
}

gboolean
lab_stack_orc_at(LabStackKernel *kernel, guint64 ip, LabOrc *orc)
{
    const LabStackModule *in = lab_stack_module_at(kernel, ip);

    if (!kernel->has_orc || !(in || is_core_text(kernel, ip)))
        return FALSE;
    return lab_orc_find(&kernel->memory, &kernel->orc_layout, in ? &in->orc : &kernel->orc, ip,
                        orc);
}
