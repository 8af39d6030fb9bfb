/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "fake-stacks.h"

#include <bpf/btf.h>
#include <elf.h>
#include <string.h>

/* Functions, 0x100 bytes each from FAKE_TEXT on, in this order; those of the module are in it. */
static const char *const functions[] = {"_stext",     "fake_start", "fake_schedule",
                                        "fake_panic", "fake_kexec", "fake_irq"};
#define FUNCTION(n)     (FAKE_TEXT + 0x100 * (guint64)(n))
#define MODULE_FUNCTION (FAKE_MODULE + 0x100)
#define MODULE_STRUCT   (FAKE_MODULE + 0x4000)
#define MODULE_TABLES   (FAKE_MODULE + 0x8000)
#define DATA(offset)    (FAKE_DATA + 0x2000 + (offset))
#define TASK(n)         (FAKE_TASKS + 0x200 * (guint64)(n))
#define STACK(n)        (FAKE_STACKS + 0x4000 * (guint64)(n))
#define STACK_TOP(n)    (STACK(n) + 0x4000)

typedef struct {
    guint8 *bytes;
} Image;

static void
put(Image *image, guint64 address, const void *bytes, gsize length)
{
    g_assert_cmpuint(address - FAKE_TEXT + length, <=, FAKE_PARTS * FAKE_PART);
    memcpy(image->bytes + (address - FAKE_TEXT), bytes, length);
}

static void
put_u64(Image *image, guint64 address, guint64 value)
{
    value = GUINT64_TO_LE(value);
    put(image, address, &value, sizeof value);
}

static void
put_u32(Image *image, guint64 address, guint32 value)
{
    value = GUINT32_TO_LE(value);
    put(image, address, &value, sizeof value);
}

static void
put_text(Image *image, guint64 address, const char *text)
{
    put(image, address, text, strlen(text) + 1);
}

/* The structures, each with the members that are looked for. */
typedef struct {
    const char *structure;
    guint size;
    struct {
        const char *name;
        guint offset, size; /* other sizes than 4 and 8: bytes */
    } members[14];
} Layout;

static const Layout layouts[] = {
    {"task_struct",
     0x200,
     {{"pid", 0, 4},
      {"tgid", 4, 4},
      {"comm", 8, 16},
      {"__state", 24, 4},
      {"exit_state", 28, 4},
      {"flags", 32, 4},
      {"on_cpu", 36, 4},
      {"tasks", 40, 16},
      {"stack", 56, 8},
      {"signal", 64, 8},
      {"thread_node", 72, 16},
      {"cpu", 88, 4},
      {"pid_links", 96, 16}}},
    {"rq", 64, {{"curr", 0, 8}, {"idle", 8, 8}, {"clock", 16, 8}}},
    {"signal_struct", 64, {{"thread_head", 16, 16}}},
    {"inactive_task_frame", 16, {{"bp", 0, 8}, {"ret_addr", 8, 8}}},
    {"thread_union", 0x4000, {{"stack", 0, 0x4000}}},
    {"mod_kallsyms", 32, {{"symtab", 0, 8}, {"num_symtab", 8, 4}, {"strtab", 16, 8}}},
    {"module_memory", 16, {{"base", 0, 8}, {"size", 8, 4}}},
};

static int u8, u16, u32, u64;

static int
type_of(struct btf *btf, guint size)
{
    return size == 4 ? u32 : size == 8 ? u64 : btf__add_array(btf, u32, u8, size);
}

static void
add_layout(struct btf *btf, const Layout *layout)
{
    int types[G_N_ELEMENTS(layout->members)], sp = 0;
    gboolean is_task = strcmp(layout->structure, "task_struct") == 0;

    for (guint i = 0; i < G_N_ELEMENTS(layout->members) && layout->members[i].name; i++)
        types[i] = type_of(btf, layout->members[i].size);
    if (is_task) {
        sp = btf__add_struct(btf, "thread_struct", 8);
        btf__add_field(btf, "sp", u64, 0, 0);
    }
    btf__add_struct(btf, layout->structure, layout->size);
    for (guint i = 0; i < G_N_ELEMENTS(layout->members) && layout->members[i].name; i++)
        btf__add_field(btf, layout->members[i].name, types[i], layout->members[i].offset * 8, 0);
    if (is_task)
        btf__add_field(btf, "thread", sp, 120 * 8, 0);
}

static void
add_module_layout(struct btf *btf)
{
    int name = btf__add_array(btf, u32, u8, 56), mem, arch, list;

    mem = btf__add_array(btf, u32, btf__find_by_name(btf, "module_memory"), 7);
    list = btf__add_array(btf, u32, u64, 2);
    arch = btf__add_struct(btf, "mod_arch_specific", 24);
    btf__add_field(btf, "num_orcs", u32, 0, 0);
    btf__add_field(btf, "orc_unwind_ip", u64, 64, 0);
    btf__add_field(btf, "orc_unwind", u64, 128, 0);
    btf__add_struct(btf, "module", 0x200);
    btf__add_field(btf, "list", list, 8 * 8, 0);
    btf__add_field(btf, "name", name, 24 * 8, 0);
    btf__add_field(btf, "mem", mem, 80 * 8, 0);
    btf__add_field(btf, "arch", arch, 192 * 8, 0);
    btf__add_field(btf, "kallsyms", u64, 216 * 8, 0);
}

static gsize
put_btf(Image *image)
{
    struct btf *btf = btf__new_empty();
    const void *bytes;
    __u32 length;

    u8 = btf__add_int(btf, "char", 1, 0);
    u16 = btf__add_int(btf, "short int", 2, BTF_INT_SIGNED);
    u32 = btf__add_int(btf, "unsigned int", 4, 0);
    u64 = btf__add_int(btf, "unsigned long", 8, 0);
    for (guint i = 0; i < G_N_ELEMENTS(layouts); i++)
        add_layout(btf, &layouts[i]);
    add_module_layout(btf);
    btf__add_struct(btf, "orc_entry", 6);
    btf__add_field(btf, "sp_offset", u16, 0, 0);
    btf__add_field(btf, "bp_offset", u16, 16, 0);
    btf__add_field(btf, "sp_reg", u32, 32, 4);
    btf__add_field(btf, "bp_reg", u32, 36, 4);
    btf__add_field(btf, "type", u32, 40, 3);
    btf__add_field(btf, "signal", u32, 43, 1);
    bytes = btf__raw_data(btf, &length);
    put(image, FAKE_BTF, bytes, length);
    btf__free(btf);
    return length;
}

static void
put_orc(Image *image, guint64 ips, guint64 entries, guint i, guint64 ip, guint offset, guint regs,
        guint type)
{
    guint64 place = ips + 4 * (guint64)i;
    const guint8 entry[6] = {(guint8)offset, (guint8)(offset >> 8), 0xf0,
                             0xff,           (guint8)regs,          (guint8)type};

    put_u32(image, place, (guint32)(ip - place));
    put(image, entries + 6 * (guint64)i, entry, sizeof entry);
}

#define ENTRIES (FAKE_ORC + 0x1000)

static void
put_orcs(Image *image)
{
    put_orc(image, FAKE_ORC, ENTRIES, 0, FUNCTION(0), 8, 0x05, LAB_ORC_CALL);
    put_orc(image, FAKE_ORC, ENTRIES, 1, FUNCTION(1), 0, 0x00, LAB_ORC_END);
    put_orc(image, FAKE_ORC, ENTRIES, 2, FUNCTION(2), 24, 0x15, LAB_ORC_CALL);
    put_orc(image, FAKE_ORC, ENTRIES, 3, FUNCTION(3), 16, 0x14, LAB_ORC_CALL); /* by bp */
    put_orc(image, FAKE_ORC, ENTRIES, 4, FUNCTION(4), 0, 0x00, LAB_ORC_UNDEFINED);
    put_orc(image, FAKE_ORC, ENTRIES, 5, FUNCTION(5), 0, 0x05, LAB_ORC_REGS | 8);
    put_orc(image, MODULE_TABLES, MODULE_TABLES + 0x100, 0, MODULE_FUNCTION, 16, 0x05,
            LAB_ORC_CALL);
}

static void
put_module(Image *image)
{
    guint64 at = MODULE_STRUCT, kallsyms = at + 0x400;
    Elf64_Sym syms[2] = {{0}, {.st_name = 1, .st_value = MODULE_FUNCTION}};

    put_u64(image, DATA(0x100), at + 8); /* modules */
    put_u64(image, at + 8, DATA(0x100));
    put_text(image, at + 24, "fake_mod");
    put_u64(image, at + 80, FAKE_MODULE);
    put_u32(image, at + 88, 0x1000);
    put_u32(image, at + 192, 1);
    put_u64(image, at + 200, MODULE_TABLES);
    put_u64(image, at + 208, MODULE_TABLES + 0x100);
    put_u64(image, at + 216, kallsyms);
    put_u64(image, kallsyms, MODULE_TABLES + 0x200);
    put_u32(image, kallsyms + 8, G_N_ELEMENTS(syms));
    put_u64(image, kallsyms + 16, MODULE_TABLES + 0x300);
    put(image, MODULE_TABLES + 0x200, syms, sizeof syms);
    put_text(image, MODULE_TABLES + 0x301, "fake_wait");
}

static void
put_task(Image *image, guint n, guint pid, const char *comm, guint state, gboolean running)
{
    guint64 at = TASK(n), signal = DATA(0x400 + 0x40 * n);

    put_u32(image, at, pid);
    put_u32(image, at + 4, pid);
    put_text(image, at + 8, comm);
    put_u32(image, at + 24, state);
    put_u32(image, at + 36, running);
    put_u64(image, at + 40, TASK((n + 1) % 3) + 40);
    put_u64(image, at + 48, TASK((n + 2) % 3) + 40);
    put_u64(image, at + 56, STACK(n % 3));
    put_u64(image, at + 64, signal);
    put_u64(image, at + 72, signal + 16);
    put_u64(image, signal + 16, at + 72);
    put_u64(image, at + 120, STACK_TOP(n) - 0x100);
}

/* What lies on the stacks: the sleeper waits in the module; the panicker was interrupted in
 * fake_schedule() and panicked in the interrupt. */
static void
put_stacks(Image *image)
{
    guint64 sp = STACK_TOP(1) - 0x100, regs;
    const guint8 call[5] = {0xe8, 0xff - 0xa4, 0, 0, 0}; /* at 0x310 + 0x90: of 0x400 */

    put_u64(image, sp, 0);
    put_u64(image, sp + 8, FUNCTION(2) + 0x20); /* fake_schedule */
    put_u64(image, sp + 16 + 16, MODULE_FUNCTION + 0x10);
    put_u64(image, sp + 40 + 8, FUNCTION(1) + 0x10);
    put_u64(image, STACK_TOP(0) - 0xf8, FUNCTION(1) + 0x10);
    /* From fake_kexec(), which has no tables, to fake_panic(), past an address that lies. */
    sp = STACK_TOP(2) - 0x400;
    put(image, FUNCTION(3) + 0xa0, call, sizeof call);
    put_u64(image, sp, FUNCTION(2) + 0x30);
    put_u64(image, sp + 24, FUNCTION(3) + 0xa5);
    put_u64(image, sp + 0x80 + 8, FUNCTION(5) + 0x10); /* above bp */
    regs = sp + 0x90;
    put_u64(image, regs + 8 * LAB_REG_IP, FUNCTION(2) + 0x40);
    put_u64(image, regs + 8 * LAB_REG_CS, 0x10);
    put_u64(image, regs + 8 * LAB_REG_SP, sp + 0x200);
    put_u64(image, sp + 0x200 + 16, FUNCTION(1) + 0x10);
}

static void
put_data(Image *image)
{
    put_u64(image, DATA(0), 1);       /* possible */
    put_u64(image, DATA(8), 1);       /* online */
    put_u64(image, DATA(16), 0);      /* __per_cpu_offset[0] */
    put_u32(image, DATA(24), 0);      /* panic_cpu */
    put_u64(image, DATA(32), 3 << 9); /* tainted_mask */
    put_u64(image, DATA(64), TASK(2));
    put_u64(image, DATA(72), TASK(0));
    put_u64(image, DATA(80), 90000000000u);
    put_u64(image, DATA(128), 2048);
    put_u64(image, DATA(136), 1024);
}

static const FakeSymbol data_symbols[] = {
    {'T', "_etext", FAKE_TEXT + 0x1000},
    {'R', "__start_BTF", FAKE_BTF},
    {'R', "__stop_BTF", 0},
    {'R', "__start_orc_unwind_ip", FAKE_ORC},
    {'R', "__stop_orc_unwind_ip", FAKE_ORC + 24},
    {'R', "__start_orc_unwind", ENTRIES},
    {'D', "init_task", TASK(0)},
    {'D', "__cpu_possible_mask", DATA(0)},
    {'D', "__cpu_online_mask", DATA(8)},
    {'D', "__per_cpu_offset", DATA(16)},
    {'D', "panic_cpu", DATA(24)},
    {'D', "tainted_mask", DATA(32)},
    {'D', "runqueues", DATA(64)},
    {'D', "avenrun", DATA(128)},
    {'D', "modules", DATA(0x100)},
};

guint8 *
fake_kernel_image(GString *vmcoreinfo)
{
    Image image = {g_malloc0(FAKE_PARTS * FAKE_PART)};
    FakeSymbol symbols[G_N_ELEMENTS(functions) + G_N_ELEMENTS(data_symbols)];
    g_autoptr(FakeCore) core = fake_core_new();
    LabStackKallsyms where;
    LabCoreSource source;
    gsize btf = put_btf(&image);
    guint n = 0;

    for (guint i = 0; i < G_N_ELEMENTS(functions); i++)
        symbols[n++] = (FakeSymbol){'t', functions[i], FUNCTION(i)};
    for (guint i = 0; i < G_N_ELEMENTS(data_symbols); i++) {
        symbols[n] = data_symbols[i];
        if (strcmp(symbols[n].name, "__stop_BTF") == 0)
            symbols[n].address = FAKE_BTF + btf;
        n++;
    }
    where = fake_core_kallsyms(core, FAKE_TABLES, FAKE_RELATIVE, symbols, n);
    fake_core_name_kallsyms(core, &where);
    g_string_assign(vmcoreinfo, core->info->str);
    source = fake_core_source(core);
    for (gsize i = 0; i < FAKE_PART; i++) /* as far as it goes */
        if (!source.read(source.data, FAKE_TABLES + i, image.bytes + (FAKE_TABLES - FAKE_TEXT) + i,
                         1))
            break;
    put_orcs(&image);
    put_module(&image);
    put_task(&image, 0, 0, "swapper/0", 0, FALSE);
    put_task(&image, 1, 41, "sleeper", 2, FALSE);
    put_task(&image, 2, 42, "panicker", 0, TRUE);
    put_stacks(&image);
    put_data(&image);
    return image.bytes;
}

LabCoreNote
fake_kernel_note(void)
{
    LabCoreNote note = {.pid = 42};

    note.regs[LAB_REG_IP] = FUNCTION(4) + 0x20;
    note.regs[LAB_REG_SP] = STACK_TOP(2) - 0x400;
    note.regs[LAB_REG_BP] = STACK_TOP(2) - 0x400 + 0x80;
    note.regs[LAB_REG_CS] = 0x10;
    return note;
}
