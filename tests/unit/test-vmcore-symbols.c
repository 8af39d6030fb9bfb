/* SPDX-License-Identifier: GPL-2.0-or-later */
/* kallsyms in all its forms, BTF, and ORC entries in both. */
#include <bpf/btf.h>
#include <string.h>

#include "fake-core.h"
#include "lab-error.h"
#include "lab-stack-orc.h"

#define TEXT   0xffffffff81000000u
#define TABLES 0xffffffff81800000u
#define COUNT  1300u /* symbols, with six markers; or */
#define ODD    1100u /* with five, and padding behind them */

static const char *const wanted[] = {"_stext", "fn_700", "long", "runqueues", "twin_b", NULL};
static char long_name[301]; /* longer than one byte of length can say */

/* Lives as long as the test: several cores have it. */
static const char *
made_name(guint i)
{
    g_autofree char *name = g_strdup_printf("__fn_sys_do_%u", i);

    return g_intern_string(name);
}

/* Symbols in order: a per-CPU one, _stext, twins at one address, and many functions. */
static FakeSymbol *
make_symbols(gboolean per_cpu, guint count)
{
    FakeSymbol *symbols = g_new0(FakeSymbol, count);
    guint n = 0;

    memset(long_name, 'q', sizeof long_name - 1);
    if (per_cpu)
        symbols[n++] = (FakeSymbol){'A', "runqueues", 0x31980};
    symbols[n++] = (FakeSymbol){'T', "_stext", TEXT};
    symbols[n++] = (FakeSymbol){'T', "twin_a", TEXT + 0x10};
    symbols[n++] = (FakeSymbol){'t', "twin_b", TEXT + 0x10};
    for (guint i = n; i < count - 1; i++)
        symbols[i] = (FakeSymbol){'t', made_name(i), TEXT + 0x100 * (guint64)i};
    symbols[700].name = "fn_700";
    symbols[count - 1] = (FakeSymbol){'t', long_name, TEXT + 0x100000};
    return symbols;
}

static void
check_name(const LabStackSymbols *symbols, guint64 address, const char *name, guint64 begins)
{
    guint64 begin = 0;
    g_autofree char *found = lab_stack_symbol_at(symbols, address, &begin);

    g_assert_cmpstr(found, ==, name);
    if (name)
        g_assert_cmphex(begin, ==, begins);
}

static void
check_symbols(FakeCore *core, const LabStackKallsyms *where, gboolean per_cpu)
{
    g_autoptr(GPtrArray) missing = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(GError) error = NULL;
    g_autoptr(LabStackSymbols) symbols = NULL;
    LabCoreSource source = fake_core_source(core);
    LabStackMemory memory;
    guint64 address;

    lab_stack_memory_init(&memory, &source, missing);
    symbols = lab_stack_symbols_new(&memory, where, wanted, &error);
    g_assert_no_error(error);
    g_assert_true(lab_stack_symbol(symbols, "_stext", &address));
    g_assert_cmphex(address, ==, TEXT);
    g_assert_true(lab_stack_symbol(symbols, "fn_700", &address));
    g_assert_cmphex(address, ==, TEXT + 0x100 * 700);
    g_assert_cmpint(lab_stack_symbol(symbols, "runqueues", &address), ==, per_cpu);
    if (per_cpu)
        g_assert_cmphex(address, ==, 0x31980);
    g_assert_false(lab_stack_symbol(symbols, "long", &address));
    check_name(symbols, TEXT + 5, "_stext", TEXT);
    check_name(symbols, TEXT + 0x18, "twin_a", TEXT + 0x10);
    check_name(symbols, TEXT + 0x100 * 255, "__fn_sys_do_255", TEXT + 0x100 * 255);
    check_name(symbols, TEXT + 0x100 * 256 + 0xff, "__fn_sys_do_256", TEXT + 0x100 * 256);
    check_name(symbols, TEXT + 0x200000, long_name, TEXT + 0x100000);
    check_name(symbols, 3, NULL, 0);
    lab_stack_memory_clear(&memory);
}

static void
test_named(gconstpointer data)
{
    FakeForm form = (FakeForm)GPOINTER_TO_INT(data);
    guint count = form == FAKE_PERCPU ? ODD : COUNT;
    g_autoptr(FakeCore) core = fake_core_new();
    g_autofree FakeSymbol *symbols = make_symbols(form == FAKE_PERCPU, count);
    LabStackKallsyms made = fake_core_kallsyms(core, TABLES, form, symbols, count), where;
    LabCoreSource source;
    LabStackMemory memory = {.source = &source};

    fake_core_name_kallsyms(core, &made);
    source = fake_core_source(core);
    g_assert_true(lab_stack_kallsyms_named(&memory, &where));
    g_assert_cmphex(where.stext, ==, TEXT);
    check_symbols(core, &where, form == FAKE_PERCPU);
}

/* Not named: found by what the tables hold, in spite of digits that are no tokens. */
static void
test_found(gconstpointer data)
{
    FakeForm form = (FakeForm)GPOINTER_TO_INT(data);
    guint count = form == FAKE_PERCPU ? ODD : COUNT;
    g_autoptr(FakeCore) core = fake_core_new();
    g_autoptr(GPtrArray) missing = g_ptr_array_new_with_free_func(g_free);
    g_autofree FakeSymbol *symbols = make_symbols(form == FAKE_PERCPU, count);
    static const char decoy[] = "0\0001\0002\0003\0004\0005\0006\0007\0008\0009\000a\000b";
    g_autofree guint8 *image = g_malloc0(0x810000);
    LabStackKallsyms made, where;
    LabStackMemory memory;
    LabCoreSource source;

    fake_core_put(core, TEXT, image, 0x810000);
    fake_core_put(core, TEXT + 0x1234, decoy, sizeof decoy);
    made = fake_core_kallsyms(core, TABLES + 0x100, form, symbols, count);
    g_string_append_printf(core->info, "SYMBOL(_stext)=%" G_GINT64_MODIFIER "x\n", (guint64)TEXT);
    source = fake_core_source(core);
    lab_stack_memory_init(&memory, &source, missing);
    g_assert_true(lab_stack_kallsyms_find(&memory, &where));
    g_assert_cmphex(where.token_table, ==, made.token_table);
    g_assert_cmphex(where.token_index, ==, made.token_index);
    g_assert_cmphex(where.names, ==, made.names);
    g_assert_cmphex(where.n_symbols, ==, made.n_symbols);
    g_assert_cmphex(where.offsets, ==, made.offsets);
    g_assert_cmphex(where.relative_base, ==, made.relative_base);
    g_assert_cmphex(where.addresses, ==, made.addresses);
    lab_stack_memory_clear(&memory);
    check_symbols(core, &where, form == FAKE_PERCPU);
}

/* Each table gone, and an address that contradicts vmcoreinfo. */
static void
test_damaged(void)
{
    g_autofree FakeSymbol *symbols = make_symbols(TRUE, COUNT);

    for (guint i = 0; i < 7; i++) {
        g_autoptr(FakeCore) core = fake_core_new();
        g_autoptr(GPtrArray) missing = g_ptr_array_new_with_free_func(g_free);
        g_autoptr(GError) error = NULL;
        LabStackKallsyms where = fake_core_kallsyms(core, TABLES, FAKE_PERCPU, symbols, COUNT);
        const guint64 cuts[] = {where.names,       where.names + 5000,  where.token_table + 40,
                                where.token_index, where.offsets + 400, where.n_symbols};
        LabCoreSource source;
        LabStackMemory memory;

        if (i < G_N_ELEMENTS(cuts))
            fake_core_cut(core, cuts[i], 4);
        else
            where.stext += 16;
        source = fake_core_source(core);
        lab_stack_memory_init(&memory, &source, missing);
        g_assert_null(lab_stack_symbols_new(&memory, &where, wanted, &error));
        g_assert_error(error, LAB_DATA_ERROR, 0);
        lab_stack_memory_clear(&memory);
    }
}

/* struct orc_entry as 5.10 and 6.1 have it, and as 6.12 does. */
static struct btf *
make_btf(gboolean new_form)
{
    struct btf *btf = btf__new_empty();
    int s16 = btf__add_int(btf, "short int", 2, BTF_INT_SIGNED);
    int u32 = btf__add_int(btf, "unsigned int", 4, 0);
    int u64 = btf__add_int(btf, "unsigned long", 8, 0), names, inner, td;

    btf__add_struct(btf, "orc_entry", 6);
    btf__add_field(btf, "sp_offset", s16, 0, 0);
    btf__add_field(btf, "bp_offset", s16, 16, 0);
    btf__add_field(btf, "sp_reg", u32, 32, 4);
    btf__add_field(btf, "bp_reg", u32, 36, 4);
    btf__add_field(btf, "type", u32, 40, new_form ? 3 : 2);
    btf__add_field(btf, new_form ? "signal" : "end", u32, new_form ? 43 : 42, 1);
    names = btf__add_array(btf, s16, u32, 16);
    inner = btf__add_struct(btf, NULL, 16);
    btf__add_field(btf, "deep", u64, 64, 0);
    td = btf__add_typedef(btf, "inner_t", inner);
    btf__add_struct(btf, "task_struct", 96);
    btf__add_field(btf, "comm", names, 64, 0);
    btf__add_field(btf, NULL, inner, 320, 0);
    btf__add_field(btf, "in", td, 512, 0);
    return btf;
}

static LabStackTypes *
make_types(gboolean new_form)
{
    struct btf *btf = make_btf(new_form);
    const void *bytes;
    __u32 length;
    LabStackTypes *types;

    bytes = btf__raw_data(btf, &length);
    types = lab_stack_types_new(bytes, length, NULL);
    btf__free(btf);
    g_assert_nonnull(types);
    return types;
}

static void
test_types(void)
{
    g_autoptr(LabStackTypes) types = make_types(TRUE);
    g_autoptr(GError) error = NULL;
    LabStackMember member;
    guint64 offset, size;

    g_assert_true(lab_stack_type_size(types, "task_struct", &size));
    g_assert_cmpuint(size, ==, 96);
    g_assert_true(lab_stack_member(types, "task_struct", "comm", &member));
    g_assert_cmpuint(member.offset, ==, 8);
    g_assert_cmpuint(member.size, ==, 64);
    g_assert_cmpuint(member.element_size, ==, 4);
    g_assert_true(lab_stack_offset(types, "task_struct", "deep", &offset));
    g_assert_cmpuint(offset, ==, 48);
    g_assert_true(lab_stack_offset(types, "task_struct", "in.deep", &offset));
    g_assert_cmpuint(offset, ==, 72);
    g_assert_true(lab_stack_member(types, "orc_entry", "bp_reg", &member));
    g_assert_cmpuint(member.offset, ==, 4);
    g_assert_cmpuint(member.bit_first, ==, 4);
    g_assert_cmpuint(member.bits, ==, 4);
    g_assert_false(lab_stack_offset(types, "task_struct", "co", &offset));
    g_assert_false(lab_stack_offset(types, "task_struct", "comm.x", &offset));
    g_assert_false(lab_stack_offset(types, "no_such", "comm", &offset));
    g_assert_null(lab_stack_types_new((const guint8 *)"not BTF at all, is it?", 22, &error));
    g_assert_error(error, LAB_DATA_ERROR, 0);
}

static void
put_orc(FakeCore *core, guint i, guint64 ip, gint16 offset, guint regs, guint rest)
{
    guint64 place = 0x1000 + 4 * (guint64)i;
    guint8 entry[6] = {(guint8)offset, (guint8)((guint16)offset >> 8), 0xf0, 0xff, (guint8)regs,
                       (guint8)rest};

    fake_core_put_u32(core, place, (guint32)(ip - place));
    fake_core_put(core, 0x2000 + 6 * (guint64)i, entry, sizeof entry);
}

static void
test_orc(gconstpointer data)
{
    gboolean new_form = GPOINTER_TO_INT(data);
    g_autoptr(LabStackTypes) types = make_types(new_form);
    g_autoptr(FakeCore) core = fake_core_new();
    g_autoptr(GPtrArray) missing = g_ptr_array_new_with_free_func(g_free);
    LabOrcTable table = {0x1000, 0x2000, 4};
    LabCoreSource source;
    LabStackMemory memory;
    LabOrcLayout layout;
    LabOrc orc;

    put_orc(core, 0, 0x5000, 8, 0x05, new_form ? 2 : 0);     /* call, sp */
    put_orc(core, 1, 0x5010, -64, 0x15, new_form ? 2 : 0);   /* call, sp, bp from the caller's sp */
    put_orc(core, 2, 0x5020, 0, 0x05, new_form ? 3 | 8 : 1); /* registers */
    put_orc(core, 3, 0x5030, 0, 0x00, new_form ? 1 : 4);     /* end */
    source = fake_core_source(core);
    lab_stack_memory_init(&memory, &source, missing);
    g_assert_true(lab_orc_layout(types, &layout));
    g_assert_false(lab_orc_find(&memory, &layout, &table, 0x4fff, &orc));
    g_assert_true(lab_orc_find(&memory, &layout, &table, 0x5000, &orc));
    g_assert_cmpint(orc.type, ==, LAB_ORC_CALL);
    g_assert_cmpint(orc.sp_offset, ==, 8);
    g_assert_cmpuint(orc.sp_reg, ==, LAB_ORC_REG_SP);
    g_assert_false(orc.signal);
    g_assert_true(lab_orc_find(&memory, &layout, &table, 0x501f, &orc));
    g_assert_cmpint(orc.sp_offset, ==, -64);
    g_assert_cmpint(orc.bp_offset, ==, -16);
    g_assert_cmpuint(orc.bp_reg, ==, LAB_ORC_REG_PREV_SP);
    g_assert_true(lab_orc_find(&memory, &layout, &table, 0x5020, &orc));
    g_assert_cmpint(orc.type, ==, LAB_ORC_REGS);
    g_assert_true(orc.signal);
    g_assert_true(lab_orc_find(&memory, &layout, &table, 0x99999, &orc));
    g_assert_cmpint(orc.type, ==, LAB_ORC_END);
    table.n = 0;
    g_assert_false(lab_orc_find(&memory, &layout, &table, 0x5000, &orc));
    lab_stack_memory_clear(&memory);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_data_func("/vmcore/kallsyms/named/percpu", GINT_TO_POINTER(FAKE_PERCPU), test_named);
    g_test_add_data_func("/vmcore/kallsyms/named/relative", GINT_TO_POINTER(FAKE_RELATIVE),
                         test_named);
    g_test_add_data_func("/vmcore/kallsyms/named/place", GINT_TO_POINTER(FAKE_PLACE), test_named);
    g_test_add_data_func("/vmcore/kallsyms/found/offsets", GINT_TO_POINTER(FAKE_PERCPU),
                         test_found);
    g_test_add_data_func("/vmcore/kallsyms/found/even", GINT_TO_POINTER(FAKE_RELATIVE), test_found);
    g_test_add_data_func("/vmcore/kallsyms/found/addresses", GINT_TO_POINTER(FAKE_ADDRESSES),
                         test_found);
    g_test_add_func("/vmcore/kallsyms/damaged", test_damaged);
    g_test_add_func("/vmcore/types", test_types);
    g_test_add_data_func("/vmcore/orc/before-6.4", GINT_TO_POINTER(FALSE), test_orc);
    g_test_add_data_func("/vmcore/orc/since-6.4", GINT_TO_POINTER(TRUE), test_orc);
    return g_test_run();
}
