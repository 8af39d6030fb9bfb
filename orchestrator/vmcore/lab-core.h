/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A dump of a Linux kernel's memory, opened to be read: ELF (/proc/vmcore, QEMU, `makedumpfile
 * -E`), kdump-compressed (makedumpfile, QEMU; zlib, lzo, snappy, zstd) and flattened, complete or
 * filtered, x86-64 and arm64. Dumps are hostile and often damaged: nothing here trusts a byte of
 * them, memory is bounded (a few MB whatever the dump), and what cannot be had is an answer
 * (LabCoreStatus, the remarks), not an error, as long as anything can be had at all.
 *
 * A LabCore is used by one thread at a time.
 */
#pragma once

#include <glib.h>

typedef struct LabCore LabCore;

typedef enum {
    LAB_CORE_ARCH_OTHER, /* registers and virtual addresses cannot be read */
    LAB_CORE_ARCH_X86_64,
    LAB_CORE_ARCH_ARM64,
} LabCoreArch;

/* How a read went. When it is not OK, the bytes that were not read are zero. */
typedef enum {
    LAB_CORE_OK,
    LAB_CORE_EXCLUDED,    /* memory that was filtered out of the dump (makedumpfile -d) */
    LAB_CORE_LOST,        /* should be in the file, which is cut off or damaged there */
    LAB_CORE_BAD_ADDRESS, /* not mapped by the kernel's page tables, or no memory at all */
} LabCoreStatus;

/* Opens the file at 'path'. LAB_DATA_ERROR: it is no dump that can be read (the message says what
 * it is, where that can be told); LAB_CONFIG_ERROR: there is no such file; LAB_INFRA_ERROR. */
LabCore *lab_core_open(const char *path, GError **error);
void lab_core_close(LabCore *core);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(LabCore, lab_core_close)

/* ---- memory ---- */

/* Reads 'length' bytes; '*got' (may be NULL) is how many came before the first that could not be
 * had. The status is the first byte's that could not. Virtual addresses are the kernel's (its own
 * page tables: direct map, text, modules, vmalloc, vmemmap). */
LabCoreStatus lab_core_read(LabCore *core, guint64 address, void *bytes, gsize length, gsize *got);
LabCoreStatus
lab_core_read_physical(LabCore *core, guint64 address, void *bytes, gsize length, gsize *got);

/* Little-endian numbers of 1, 2, 4 or 8 bytes at a virtual address; FALSE leaves '*value' alone. */
gboolean lab_core_read_number(LabCore *core, guint64 address, gsize size, guint64 *value);
gboolean lab_core_read_u64(LabCore *core, guint64 address, guint64 *value);

/* The physical address of a virtual one; OK, LOST/EXCLUDED (a table is) or BAD_ADDRESS. */
LabCoreStatus lab_core_translate(LabCore *core, guint64 address, guint64 *physical);

/* ---- vmcoreinfo ---- */

/* The whole text, or NULL. It is from the file's notes or, where they have none, from the page of
 * memory that the kernel made it in. Owned by 'core'. */
const char *lab_core_vmcoreinfo(LabCore *core);
/* The text behind "KEY=", e.g. "OSRELEASE"; NULL when there is none. Owned by 'core'. */
const char *lab_core_info(LabCore *core, const char *key);
/* A number by its key as it is written there: "SYMBOL(x)" (hexadecimal), "OFFSET(a.b)", "SIZE(s)",
 * "LENGTH(a)", "NUMBER(x)" (decimal; hexadecimal where it begins with 0x), "KERNELOFFSET"
 * (hexadecimal). */
gboolean lab_core_info_number(LabCore *core, const char *key, gint64 *value);
/* SYMBOL(name) */
gboolean lab_core_symbol(LabCore *core, const char *name, guint64 *address);
/* OFFSET(member), e.g. "task_struct.pid" */
gboolean lab_core_offset(LabCore *core, const char *member, guint64 *offset);
/* SIZE(type) */
gboolean lab_core_size(LabCore *core, const char *type, guint64 *size);

/* ---- facts ---- */

/* "ELF", "kdump-compressed (zlib)", "flattened kdump-compressed (lzo)", …; owned by 'core'. */
const char *lab_core_format_text(const LabCore *core);
LabCoreArch lab_core_arch(const LabCore *core);
const char *lab_core_machine(const LabCore *core); /* "x86_64", "aarch64", …; never NULL */
const char *lab_core_path(const LabCore *core);
guint64 lab_core_file_bytes(const LabCore *core);
/* Memory of the machine that the dump knows of, and what of it is in the file. */
guint64 lab_core_memory_bytes(LabCore *core);
guint64 lab_core_dumped_bytes(LabCore *core);
/* makedumpfile's -d, -1 when the file does not say. */
int lab_core_dump_level(const LabCore *core);
/* How far KASLR moved the kernel's text (bytes; x86-64 and arm64). FALSE: the dump does not say. */
gboolean lab_core_kaslr_offset(LabCore *core, guint64 *offset);

/* ---- CPUs ---- */

typedef struct {
    int cpu; /* its number, or -1: the notes do not say (CPUs without a note may lie between) */
    int pid; /* of the task that ran there; -1: not known (QEMU's notes do not know it) */
    gboolean from_qemu; /* seen from outside of the guest (may lie in user space) */
    LabCoreArch arch;
    union {
        struct {
            guint64 r15, r14, r13, r12, rbp, rbx, r11, r10, r9, r8, rax, rcx, rdx, rsi, rdi;
            guint64 orig_rax, rip, cs, eflags, rsp, ss, fs_base, gs_base, ds, es, fs, gs;
        } x86;
        struct {
            guint64 x[31], sp, pc, pstate;
        } arm64;
    };
    guint64 cr3; /* x86-64 and from_qemu, else 0 */
} LabCoreCpu;

/* One for each NT_PRSTATUS note of the file, in its order. */
guint lab_core_n_cpus(const LabCore *core);
const LabCoreCpu *lab_core_cpu(const LabCore *core, guint index);

/* ---- what is missing ---- */

/* Adds "WHAT: WHY" to the list of what could not be had, once ("stacks": "no ORC tables before
 * 4.14"). The list is bounded; text of the dump is cleaned by the caller. */
void
lab_core_missing(LabCore *core, const char *what, const char *why_format, ...) G_GNUC_PRINTF(3, 4);

typedef struct {
    const char *what;
    const char *why;
} LabCoreMissing;

/* Whether the file itself is cut off, damaged or a part ("memory" or "notes" are missing). */
gboolean lab_core_damaged(const LabCore *core);
guint lab_core_n_missing(const LabCore *core);
const LabCoreMissing *lab_core_missing_at(const LabCore *core, guint index);

/* ---- the kernel's log ---- */

/* The whole log, from kernel 3.5 on, as makedumpfile --dump-dmesg writes it: a line a record,
 * "[    1.234567] text", further lines of it indented, what is not ASCII as \x4e. With 'callers' as
 * printk writes it: "[    1.234567][    T1] text" (T: task, C: CPU) where the records have callers
 * (5.10 and later with CONFIG_PRINTK_CALLER), and each line with its own prefix. LAB_DATA_ERROR
 * when none of it can be had; a part is success with a remark. Of a log over 32 MiB the newest
 * part. g_string_free. */
GString *lab_core_dmesg(LabCore *core, gboolean callers, GError **error);
/* "printk_ringbuffer", "log_buf" or NULL: what lab_core_dmesg() would read. Static. */
const char *lab_core_dmesg_kind(LabCore *core);
