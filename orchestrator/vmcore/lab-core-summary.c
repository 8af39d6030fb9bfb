/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lab-core-summary.h"

#include <string.h>

#include "lab-core-facts.h"
#include "lab-crash.h"
#include "lab-error.h"
#include "lab-json.h"
#include "lab-log.h"
#include "lab-vmlinux.h"

/* ---- registers ---- */

static const char *const x86_names[] = {
    "r15",    "r14", "r13", "r12",     "rbp",     "rbx", "r11",      "r10", "r9",
    "r8",     "rax", "rcx", "rdx",     "rsi",     "rdi", "orig_rax", "rip", "cs",
    "eflags", "rsp", "ss",  "fs_base", "gs_base", "ds",  "es",       "fs",  "gs",
};

static json_t *
hex(guint64 value)
{
    return json_sprintf("0x%" G_GINT64_MODIFIER "x", value);
}

static json_t *
registers_of(const LabCoreCpu *cpu)
{
    json_t *registers = json_object();

    if (cpu->arch == LAB_CORE_ARCH_X86_64) {
        guint64 values[G_N_ELEMENTS(x86_names)];

        G_STATIC_ASSERT(sizeof values == sizeof cpu->x86);
        memcpy(values, &cpu->x86, sizeof values);
        for (gsize i = 0; i < G_N_ELEMENTS(x86_names); i++)
            json_object_set_new(registers, x86_names[i], hex(values[i]));
        if (cpu->cr3)
            json_object_set_new(registers, "cr3", hex(cpu->cr3));
    } else if (cpu->arch == LAB_CORE_ARCH_ARM64) {
        for (guint i = 0; i < G_N_ELEMENTS(cpu->arm64.x); i++) {
            char name[8];

            g_snprintf(name, sizeof name, "x%u", i);
            json_object_set_new(registers, name, hex(cpu->arm64.x[i]));
        }
        json_object_set_new(registers, "sp", hex(cpu->arm64.sp));
        json_object_set_new(registers, "pc", hex(cpu->arm64.pc));
        json_object_set_new(registers, "pstate", hex(cpu->arm64.pstate));
    }
    return registers;
}

static json_t *
registers_to_json(LabCore *core)
{
    json_t *array = json_array();

    for (guint i = 0; i < lab_core_n_cpus(core); i++) {
        const LabCoreCpu *cpu = lab_core_cpu(core, i);

        json_array_append_new(
            array, json_pack("{s:o, s:o, s:s, s:o}", "cpu",
                             cpu->cpu >= 0 ? json_integer(cpu->cpu) : json_null(), "pid",
                             cpu->pid >= 0 ? json_integer(cpu->pid) : json_null(), "seen_from",
                             cpu->from_qemu ? "host" : "kernel", "registers", registers_of(cpu)));
    }
    if (lab_core_n_cpus(core) == 0)
        lab_core_missing(core, "registers", "the file has no notes of CPUs");
    return array;
}

/* ---- stacks ---- */

/* crash(8)'s stacks come in where the dump's own tables gave none. */
static void
merge_stacks(json_t *stacks, const LabCrash8 *crash)
{
    gsize i;
    json_t *own, *other;

    json_array_foreach (stacks, i, own)
        if (json_array_size(json_object_get(own, "frames")) > 0)
            return;
    json_array_clear(stacks);
    json_array_foreach (crash->stacks, i, other)
        json_array_append(stacks, other);
}

/* ---- the crash ---- */

/* Line 'number' (from 1) of the text, behind its time and caller. g_free. */
static char *
line_text(const GString *text, guint64 number)
{
    const char *line = text->str;

    while (line && --number > 0) {
        line = strchr(line, '\n');
        line = line ? line + 1 : NULL;
    }
    if (!line)
        return NULL;
    while (*line == '[' && memchr(line, ']', strcspn(line, "\n"))) {
        line = strchr(line, ']') + 1;
        if (*line == ' ')
            line++;
    }
    return g_strndup(line, strcspn(line, "\n"));
}

static json_t *
signature_to_json(const LabCrashLog *log, const char *source)
{
    const LabCrashReport *cause = log ? log->cause : NULL;
    json_t *reports = json_array(),
           *object = cause ? lab_crash_report_to_json(cause) : json_object();

    for (guint i = 0; log && i < log->reports->len; i++)
        json_array_append_new(reports, lab_crash_report_to_json(log->reports->pdata[i]));
    if (!cause)
        json_object_set_new(object, "title", json_null());
    json_object_set_new(object, "source", lab_json_text(cause ? source : NULL));
    json_object_set_new(object, "confidence",
                        json_string(log ? lab_crash_log_confidence(log) : "none"));
    json_object_set_new(object, "k0", lab_json_text(log ? log->k0 : NULL));
    json_object_set_new(object, "k1", lab_json_text(log ? log->k1 : NULL));
    json_object_set_new(object, "k2", lab_json_text(log ? log->k2 : NULL));
    json_object_set_new(object, "reports", reports);
    return object;
}

/* The dmesg's crash; without a dmesg, what the panicking task's stack shows. */
static json_t *
judge(json_t *facts, const GString *dmesg, const LabCoreStacks *stacks)
{
    g_autoptr(LabCrashLog) log = dmesg ? lab_crash_log_parse(dmesg->str, dmesg->len) : NULL;
    const json_t *panic = json_object_get(json_object_get(facts, "panic_message"), "value");
    const char *message = json_string_value(panic);

    if (log && log->cause && !message) {
        g_autofree char *line = line_text(dmesg, log->cause->line_first);

        lab_fact_add_text(facts, "panic_message", line, LAB_SOURCE_DMESG);
    }
    if ((!log || !log->cause) && message && stacks->panic && stacks->panic->frames->len > 0) {
        const char *reason = strstr(message, "not syncing: ");
        g_autoptr(LabCrashLog) own =
            lab_core_task_judge(stacks->panic, reason ? reason + strlen("not syncing: ") : message);

        if (own && own->cause)
            return signature_to_json(own, LAB_SOURCE_MEMORY);
    }
    return signature_to_json(log, LAB_SOURCE_DMESG);
}

/* ---- all of it ---- */

static json_t *
file_to_json(LabCore *core)
{
    int level = lab_core_dump_level(core);
    guint64 memory = lab_core_memory_bytes(core), dumped = lab_core_dumped_bytes(core);

    return json_pack(
        "{s:o, s:s, s:I, s:I, s:I, s:b, s:b, s:o}", "path", lab_json_text(lab_core_path(core)),
        "format", lab_core_format_text(core), "bytes", (json_int_t)lab_core_file_bytes(core),
        "memory_bytes", (json_int_t)(memory & G_MAXINT64), "dumped_bytes",
        (json_int_t)(dumped & G_MAXINT64), "filtered", dumped < memory, "damaged",
        lab_core_damaged(core), "dump_level", level >= 0 ? json_integer(level) : json_null());
}

static const char *
fact_text(const json_t *facts, const char *name)
{
    return json_string_value(json_object_get(json_object_get(facts, name), "value"));
}

/* FALSE: the vmlinux is of another kernel. */
static gboolean
ask_crash8(LabCore *core, const char *vmlinux, json_t *facts, LabCrash8 *crash, GError **error)
{
    g_autoptr(GError) why = NULL;

    if (!lab_vmlinux_check(vmlinux, fact_text(facts, "build_id"), fact_text(facts, "release"),
                           fact_text(facts, "version"), error))
        return FALSE;
    if (!lab_crash8_run(crash, vmlinux, lab_core_path(core), &why))
        lab_core_missing(core, LAB_SOURCE_CRASH, "%s",
                         g_error_matches(why, LAB_INFRA_ERROR, LAB_ERROR_NOT_FOUND)
                             ? "it is not installed (Debian: apt install crash)"
                             : why->message);
    return TRUE;
}

static json_t *
missing_to_json(LabCore *core)
{
    json_t *array = json_array();

    for (guint i = 0; i < lab_core_n_missing(core); i++) {
        const LabCoreMissing *missing = lab_core_missing_at(core, i);

        json_array_append_new(array, json_pack("{s:o, s:o}", "what", lab_json_text(missing->what),
                                               "why", lab_json_text(missing->why)));
    }
    return array;
}

json_t *
lab_core_summary(LabCore *core, const LabCoreSummaryOptions *options, GError **error)
{
    static const LabCoreSummaryOptions none;
    g_autoptr(json_t) facts = json_object();
    g_autoptr(json_t) stacks_json = NULL;
    g_autoptr(LabCoreStacks) stacks = NULL;
    g_auto(LabCoreLog) log = {0};
    g_auto(LabCrash8) crash = {0};
    g_autoptr(GString) dmesg = lab_core_dmesg(core, TRUE, NULL);
    json_t *summary, *signature;

    options = options ? options : &none;
    lab_facts_of_core(facts, core);
    stacks = lab_core_stacks_of(core);
    lab_facts_of_stacks(facts, stacks);
    lab_core_log_read(&log, dmesg ? dmesg->str : "", dmesg ? dmesg->len : 0);
    lab_facts_of_log(facts, &log);
    stacks_json = lab_core_stacks_to_json(stacks, options->all_tasks);
    signature = judge(facts, dmesg, stacks);
    if (options->vmlinux) {
        if (!ask_crash8(core, options->vmlinux, facts, &crash, error)) {
            json_decref(signature);
            return NULL;
        }
        if (crash.sys) {
            lab_facts_of_crash8(facts, &crash);
            merge_stacks(stacks_json, &crash);
        }
    }
    lab_facts_of_file(facts, core);
    lab_facts_missing(facts, core);
    summary = json_pack("{s:i, s:o, s:O, s:o, s:o, s:O, s:o}", "schema_version", 1, "file",
                        file_to_json(core), "facts", facts, "signature", signature, "registers",
                        registers_to_json(core), "stacks", stacks_json, "crash_version",
                        lab_json_text(crash.version));
    if (options->dmesg)
        json_object_set_new(summary, "dmesg", lab_json_text(dmesg ? dmesg->str : NULL));
    json_object_set_new(summary, "missing", missing_to_json(core));
    return summary;
}
