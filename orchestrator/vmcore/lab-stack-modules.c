/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The list of modules, and their own tables of symbols (struct mod_kallsyms) and of ORC. */
#include "lab-stack-kernel.h"

#include <elf.h>
#include <string.h>

#define MODULES_MAX     4096u
#define MODULE_TEXT_MAX (256u << 20)
#define MODULE_ORC_MAX  (4u << 20)
#define NAME_MAX_BYTES  512u

typedef struct {
    guint64 address;
    guint32 name; /* in the module's string table */
    guint32 index;
} Symbol;

static gint
by_address(gconstpointer a, gconstpointer b)
{
    const LabStackText *left = a, *right = b;

    return left->begin < right->begin ? -1 : left->begin > right->begin;
}

static gboolean
add_text(LabStackKernel *kernel, const LabStackModule *module, guint64 base, guint64 size)
{
    LabStackText text = {base, base + size, module};

    if (base == 0 || size == 0 || size > MODULE_TEXT_MAX || size > G_MAXUINT64 - base)
        return FALSE;
    g_array_append_val(kernel->texts, text);
    return TRUE;
}

/* MOD_TEXT and MOD_INIT_TEXT of enum mod_mem_type. */
static const guint text_slots[] = {0, 4};
static const char *const text_layouts[] = {"core_layout", "init_layout"};

/* mem[] from 6.4, core_layout and init_layout from 4.5. The text of the init function is there
 * only while it runs. */
static gboolean
read_texts(LabStackKernel *kernel, guint64 address, const LabStackModule *module)
{
    LabStackMember mem;
    guint64 base, size;
    gboolean array = lab_stack_member(kernel->types, "module", "mem", &mem);
    gboolean any = FALSE;

    for (guint i = 0; i < G_N_ELEMENTS(text_slots); i++) {
        if (array) {
            guint64 at = address + mem.offset + text_slots[i] * mem.element_size;

            if (!lab_stack_field(kernel, at, "module_memory", "base", &base) ||
                !lab_stack_field(kernel, at, "module_memory", "size", &size))
                continue;
        } else {
            g_autofree char *base_path = g_strconcat(text_layouts[i], ".base", NULL);
            g_autofree char *size_path = g_strconcat(text_layouts[i], ".text_size", NULL);

            if (!lab_stack_field(kernel, address, "module", base_path, &base) ||
                !lab_stack_field(kernel, address, "module", size_path, &size))
                continue;
        }
        if (add_text(kernel, module, base, size))
            any = TRUE;
    }
    return any;
}

static void
read_orc(LabStackKernel *kernel, guint64 address, LabStackModule *module)
{
    guint64 n;

    if (lab_stack_field(kernel, address, "module", "arch.num_orcs", &n) && n <= MODULE_ORC_MAX &&
        lab_stack_field(kernel, address, "module", "arch.orc_unwind_ip", &module->orc.ips) &&
        lab_stack_field(kernel, address, "module", "arch.orc_unwind", &module->orc.entries))
        module->orc.n = (guint)n;
}

/* FALSE: it is no module that can be used. */
static gboolean
read_module(LabStackKernel *kernel, guint64 address)
{
    g_autofree LabStackModule *module = g_new0(LabStackModule, 1);
    LabStackMember name;

    if (!lab_stack_member(kernel->types, "module", "name", &name))
        return FALSE;
    read_orc(kernel, address, module);
    if (!lab_stack_field(kernel, address, "module", "kallsyms", &module->kallsyms))
        module->kallsyms = 0;
    module->name = lab_stack_text(&kernel->memory, address + name.offset,
                                  (gsize)MIN(name.size, NAME_MAX_BYTES));
    if (!module->name)
        return FALSE;
    if (!read_texts(kernel, address, module)) {
        g_free(module->name);
        return FALSE;
    }
    g_ptr_array_add(kernel->modules, g_steal_pointer(&module));
    return TRUE;
}

void
lab_stack_modules_read(LabStackKernel *kernel)
{
    g_autoptr(GHashTable) seen = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, NULL);
    guint64 head, entry, offset;
    guint bad = 0;

    if (!lab_stack_kernel_symbol(kernel, "modules", &head) ||
        !lab_stack_offset(kernel->types, "module", "list", &offset) ||
        !lab_stack_u64(&kernel->memory, head, &entry)) {
        lab_stack_missing(&kernel->memory, "modules: their list cannot be read");
        return;
    }
    while (entry != head && kernel->n_modules < MODULES_MAX) {
        if (!g_hash_table_add(seen, g_memdup2(&entry, sizeof entry))) {
            lab_stack_missing(&kernel->memory, "modules: their list goes in circles");
            break;
        }
        kernel->n_modules++;
        if (!read_module(kernel, entry - offset))
            bad++;
        if (!lab_stack_u64(&kernel->memory, entry, &entry)) {
            lab_stack_missing(&kernel->memory, "modules: the list breaks off after %u",
                              kernel->n_modules);
            break;
        }
    }
    if (bad > 0)
        lab_stack_missing(&kernel->memory, "modules: %u cannot be read", bad);
    g_array_sort(kernel->texts, by_address);
}

const LabStackModule *
lab_stack_module_at(const LabStackKernel *kernel, guint64 address)
{
    guint low = 0, high = kernel->texts->len;
    const LabStackText *text;

    while (low < high) {
        guint middle = low + (high - low) / 2;

        if (g_array_index(kernel->texts, LabStackText, middle).begin <= address)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == 0)
        return NULL;
    text = &g_array_index(kernel->texts, LabStackText, low - 1);
    return address < text->end ? text->module : NULL;
}

static gint
by_symbol(gconstpointer a, gconstpointer b)
{
    const Symbol *left = a, *right = b;

    if (left->address != right->address)
        return left->address < right->address ? -1 : 1;
    /* Of names for one address the kernel takes the first: those are tried last to first. */
    return left->index > right->index ? -1 : left->index < right->index;
}

/* The functions in a module's symbol table, which has ELF's form. */
static GArray *
read_symbols(LabStackKernel *kernel, const LabStackModule *module)
{
    GArray *symbols = g_array_new(FALSE, FALSE, sizeof(Symbol));
    g_autofree guint8 *table = NULL;
    guint64 at, n;

    if (!module->kallsyms ||
        !lab_stack_field(kernel, module->kallsyms, "mod_kallsyms", "symtab", &at) ||
        !lab_stack_field(kernel, module->kallsyms, "mod_kallsyms", "num_symtab", &n) ||
        n > kernel->symbols_left)
        return symbols;
    kernel->symbols_left -= (guint)n;
    table = lab_stack_table(&kernel->memory, at, (gsize)n * sizeof(Elf64_Sym));
    for (guint64 i = 0; table && i < n; i++) {
        Elf64_Sym sym;
        Symbol symbol;

        memcpy(&sym, table + i * sizeof sym, sizeof sym);
        symbol = (Symbol){sym.st_value, sym.st_name, (guint32)i};
        if (sym.st_name && lab_stack_module_at(kernel, symbol.address) == module)
            g_array_append_val(symbols, symbol);
    }
    g_array_sort(symbols, by_symbol);
    return symbols;
}

/* Of one symbol; NULL for what names no function (mapping symbols, local labels). */
static char *
symbol_name(LabStackKernel *kernel, const LabStackModule *module, guint32 name)
{
    g_autofree char *text = NULL;
    guint64 strings;

    if (!lab_stack_field(kernel, module->kallsyms, "mod_kallsyms", "strtab", &strings))
        return NULL;
    text = lab_stack_text(&kernel->memory, strings + name, NAME_MAX_BYTES);
    if (!text || !*text || *text == '$' || g_str_has_prefix(text, ".L") ||
        g_str_has_prefix(text, "__pfx_"))
        return NULL;
    return g_steal_pointer(&text);
}

char *
lab_stack_module_function(LabStackKernel *kernel, const LabStackModule *module, guint64 address)
{
    guint low = 0, high;

    if (!module->symbols)
        ((LabStackModule *)module)->symbols = read_symbols(kernel, module);
    high = module->symbols->len;
    while (low < high) {
        guint middle = low + (high - low) / 2;

        if (g_array_index(module->symbols, Symbol, middle).address <= address)
            low = middle + 1;
        else
            high = middle;
    }
    for (guint tries = 0; low > 0 && tries < 16; low--, tries++) {
        char *name =
            symbol_name(kernel, module, g_array_index(module->symbols, Symbol, low - 1).name);

        if (name)
            return name;
    }
    return NULL;
}
