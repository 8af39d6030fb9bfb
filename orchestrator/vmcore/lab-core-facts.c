/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lab-core-facts.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "lab-core-taint.h"
#include "lab-json.h"
#include "lab-log.h"

#define UTS_FIELD  65u
#define UTS_FIELDS 6u

static void
add_fact(json_t *facts, const char *name, json_t *value, const char *source)
{
    if (!value)
        return;
    if (json_object_get(facts, name)) {
        json_decref(value);
        return;
    }
    json_object_set_new(facts, name, json_pack("{s:o, s:s}", "value", value, "source", source));
}

void
lab_fact_add_text(json_t *facts, const char *name, const char *text, const char *source)
{
    g_autofree char *clean = text ? lab_text_clean(text, -1, FALSE) : NULL;

    if (clean)
        g_strstrip(clean);
    if (clean && *clean)
        add_fact(facts, name, lab_json_text(clean), source);
}

static void
add_number(json_t *facts, const char *name, gint64 value, const char *source)
{
    if (value >= 0)
        add_fact(facts, name, json_integer(value), source);
}

/* A panic stops the other CPUs and takes them off the list of those online: the largest number is
 * right. */
static void
add_cpus(json_t *facts, gint64 n, const char *source)
{
    const json_t *known = json_object_get(json_object_get(facts, "cpus"), "value");

    if (n > 0 && n > json_integer_value(known))
        json_object_del(facts, "cpus");
    if (n > 0)
        add_fact(facts, "cpus", json_integer(n), source);
}

static void
add_date(json_t *facts, gint64 seconds, const char *source)
{
    g_autoptr(GDateTime) date = g_date_time_new_from_unix_utc(seconds);
    g_autofree char *text = date ? g_date_time_format_iso8601(date) : NULL;

    lab_fact_add_text(facts, "date", text, source);
}

/* struct new_utsname (include/uapi/linux/utsname.h), behind a reference count before v5.11 put it
 * first: commit 9a56493f6942 ("uts: Use generic ns_common::count"). */
static void
add_uts(json_t *facts, LabCore *core)
{
    char uts[UTS_FIELDS][UTS_FIELD];
    guint64 address, offset = 4;

    if (!lab_core_symbol(core, "init_uts_ns", &address))
        return;
    lab_core_offset(core, "uts_namespace.name", &offset);
    if (lab_core_read(core, address + offset, uts, sizeof uts, NULL) != LAB_CORE_OK)
        return;
    for (guint i = 0; i < UTS_FIELDS; i++)
        uts[i][UTS_FIELD - 1] = '\0';
    if (strcmp(uts[0], "Linux") != 0)
        return;
    lab_fact_add_text(facts, "nodename", uts[1], LAB_SOURCE_MEMORY);
    lab_fact_add_text(facts, "release", uts[2], LAB_SOURCE_MEMORY);
    lab_fact_add_text(facts, "version", uts[3], LAB_SOURCE_MEMORY);
    lab_fact_add_text(facts, "machine", uts[4], LAB_SOURCE_MEMORY);
}

void
lab_facts_of_core(json_t *facts, LabCore *core)
{
    const char *time = lab_core_info(core, "CRASHTIME");
    guint64 offset;

    lab_fact_add_text(facts, "release", lab_core_info(core, "OSRELEASE"), LAB_SOURCE_INFO);
    lab_fact_add_text(facts, "build_id", lab_core_info(core, "BUILD-ID"), LAB_SOURCE_INFO);
    if (time && g_ascii_isdigit(*time))
        add_date(facts, g_ascii_strtoll(time, NULL, 10), LAB_SOURCE_INFO);
    if (lab_core_kaslr_offset(core, &offset))
        add_fact(facts, "kaslr_offset", json_sprintf("0x%" G_GINT64_MODIFIER "x", offset),
                 LAB_SOURCE_INFO);
    add_uts(facts, core);
}

static json_t *
panic_task(gint64 pid, const char *comm)
{
    g_autofree char *clean = comm ? lab_text_clean(comm, -1, FALSE) : NULL;

    if (pid < 0)
        return NULL;
    return json_pack("{s:I, s:o}", "pid", (json_int_t)pid, "comm", lab_json_text(clean));
}

void
lab_facts_of_stacks(json_t *facts, const LabCoreStacks *stacks)
{
    guint online = 0, blocked = 0;

    lab_fact_add_text(facts, "release", stacks->release, LAB_SOURCE_MEMORY);
    lab_fact_add_text(facts, "version", stacks->version, LAB_SOURCE_MEMORY);
    lab_fact_add_text(facts, "nodename", stacks->hostname, LAB_SOURCE_MEMORY);
    lab_fact_add_text(facts, "command_line", stacks->command_line, LAB_SOURCE_MEMORY);
    add_number(facts, "uptime_ms", stacks->uptime_ms, LAB_SOURCE_MEMORY);
    add_number(facts, "memory_bytes", stacks->memory_bytes, LAB_SOURCE_MEMORY);
    if (stacks->load[0] >= 0)
        add_fact(facts, "load",
                 json_pack("[f, f, f]", (double)stacks->load[0] / 100.0,
                           (double)stacks->load[1] / 100.0, (double)stacks->load[2] / 100.0),
                 LAB_SOURCE_MEMORY);
    if (stacks->tainted >= 0)
        add_fact(facts, "taint", lab_taint_to_json((guint64)stacks->tainted), LAB_SOURCE_MEMORY);
    for (guint i = 0; i < stacks->cpus->len; i++)
        online += ((const LabStackCpu *)stacks->cpus->pdata[i])->online;
    add_cpus(facts, online, LAB_SOURCE_MEMORY);
    for (guint i = 0; i < stacks->tasks->len; i++)
        blocked += ((const LabCoreTask *)stacks->tasks->pdata[i])->state == 'D';
    if (stacks->tasks->len > 0) {
        add_number(facts, "tasks", stacks->tasks->len, LAB_SOURCE_MEMORY);
        add_number(facts, "blocked_tasks", blocked, LAB_SOURCE_MEMORY);
        add_number(facts, "modules", stacks->n_modules, LAB_SOURCE_MEMORY);
    }
    if (stacks->panic)
        add_fact(facts, "panic_task", panic_task(stacks->panic->pid, stacks->panic->comm),
                 LAB_SOURCE_MEMORY);
    add_number(facts, "panic_cpu", stacks->panic_cpu, LAB_SOURCE_MEMORY);
}

/* `uname -v`: in the banner from '#' on. */
static void
add_version(json_t *facts, const char *banner)
{
    const char *version = banner ? strstr(banner, ") #") : NULL;

    if (!version && banner)
        version = strstr(banner, " #");
    if (version)
        lab_fact_add_text(facts, "version", strchr(version, '#'), LAB_SOURCE_DMESG);
}

void
lab_facts_of_log(json_t *facts, const LabCoreLog *log)
{
    lab_fact_add_text(facts, "banner", log->banner, LAB_SOURCE_DMESG);
    lab_fact_add_text(facts, "release", log->release, LAB_SOURCE_DMESG);
    add_version(facts, log->banner);
    lab_fact_add_text(facts, "command_line", log->command_line, LAB_SOURCE_DMESG);
    add_number(facts, "memory_bytes", log->memory_bytes, LAB_SOURCE_DMESG);
    add_cpus(facts, log->cpus, LAB_SOURCE_DMESG);
    add_number(facts, "uptime_ms", log->uptime_ms, LAB_SOURCE_DMESG);
    if (log->tainted >= 0)
        add_fact(facts, "taint", lab_taint_to_json((guint64)log->tainted), LAB_SOURCE_DMESG);
    add_fact(facts, "panic_task", panic_task(log->pid, log->comm), LAB_SOURCE_DMESG);
    add_number(facts, "panic_cpu", log->cpu, LAB_SOURCE_DMESG);
    if (log->has_kaslr)
        add_fact(facts, "kaslr_offset",
                 json_sprintf("0x%" G_GINT64_MODIFIER "x", log->kaslr_offset), LAB_SOURCE_DMESG);
    if (log->panic) {
        g_autofree char *message = g_strconcat("Kernel panic - not syncing: ", log->panic, NULL);

        lab_fact_add_text(facts, "panic_message", message, LAB_SOURCE_DMESG);
    }
}

/* ---- crash(8) ---- */

/* "00:01:02" or "3 days, 00:01:02" */
static gint64
crash_uptime(const char *text)
{
    gint64 days = strstr(text, "day") ? g_ascii_strtoll(text, NULL, 10) : 0;
    const char *clock = strstr(text, ", ");
    guint hours, minutes, seconds;

    if (sscanf(clock ? clock + 2 : text, "%u:%u:%u", &hours, &minutes, &seconds) != 3)
        return -1;
    return (((days * 24 + hours) * 60 + minutes) * 60 + seconds) * 1000;
}

/* "512 MB", "1.5 GB" */
static gint64
crash_memory(const char *text)
{
    char *end;
    double value = g_ascii_strtod(text, &end);

    if (end == text || value < 0 || value > 1e9)
        return -1;
    while (*end == ' ')
        end++;
    return (gint64)(value * (*end == 'G' ? 1 << 30 : *end == 'M' ? 1 << 20 : 1 << 10));
}

static void
add_load(json_t *facts, const char *text)
{
    double load[3];

    if (text && sscanf(text, "%lf, %lf, %lf", &load[0], &load[1], &load[2]) == 3)
        add_fact(facts, "load", json_pack("[f, f, f]", load[0], load[1], load[2]),
                 LAB_SOURCE_CRASH);
}

void
lab_facts_of_crash8(json_t *facts, const LabCrash8 *crash)
{
    static const char *const texts[][2] = {
        {"release", "RELEASE"},   {"version", "VERSION"},     {"machine", "MACHINE"},
        {"nodename", "NODENAME"}, {"panic_message", "PANIC"},
    };
    const char *text;
    struct tm date = {0};

    for (gsize i = 0; i < G_N_ELEMENTS(texts); i++)
        lab_fact_add_text(facts, texts[i][0], g_hash_table_lookup(crash->sys, texts[i][1]),
                          LAB_SOURCE_CRASH);
    text = g_hash_table_lookup(crash->sys, "DATE");
    if (text && strptime(text, "%a %b %d %H:%M:%S UTC %Y", &date))
        add_date(facts, timegm(&date), LAB_SOURCE_CRASH);
    text = g_hash_table_lookup(crash->sys, "UPTIME");
    if (text)
        add_number(facts, "uptime_ms", crash_uptime(text), LAB_SOURCE_CRASH);
    text = g_hash_table_lookup(crash->sys, "MEMORY");
    if (text)
        add_number(facts, "memory_bytes", crash_memory(text), LAB_SOURCE_CRASH);
    text = g_hash_table_lookup(crash->sys, "CPUS");
    if (text)
        add_cpus(facts, g_ascii_strtoll(text, NULL, 10), LAB_SOURCE_CRASH);
    text = g_hash_table_lookup(crash->sys, "TASKS");
    if (text)
        add_number(facts, "tasks", g_ascii_strtoll(text, NULL, 10), LAB_SOURCE_CRASH);
    add_load(facts, g_hash_table_lookup(crash->sys, "LOAD AVERAGE"));
}

/* ---- the rest ---- */

void
lab_facts_of_file(json_t *facts, LabCore *core)
{
    struct stat st;

    lab_fact_add_text(facts, "machine", lab_core_machine(core), LAB_SOURCE_FILE);
    add_cpus(facts, lab_core_n_cpus(core), LAB_SOURCE_NOTES);
    if (lab_core_memory_bytes(core) > 0)
        add_number(facts, "memory_bytes", (gint64)lab_core_memory_bytes(core), LAB_SOURCE_FILE);
    if (stat(lab_core_path(core), &st) == 0)
        add_date(facts, st.st_mtim.tv_sec, LAB_SOURCE_FILE);
}

void
lab_facts_missing(const json_t *facts, LabCore *core)
{
    static const char *const names[][2] = {
        {"release", "release"},
        {"version", "version"},
        {"panic_message", "panic message"},
        {"uptime_ms", "uptime"},
        {"load", "load average"},
        {"tasks", "task count"},
        {"taint", "taint"},
        {"panic_task", "panic task"},
        {"panic_cpu", "panic CPU"},
        {"kaslr_offset", "KASLR offset"},
    };
    g_autoptr(GString) list = g_string_new(NULL);

    for (gsize i = 0; i < G_N_ELEMENTS(names); i++)
        if (!json_object_get(facts, names[i][0]))
            g_string_append_printf(list, "%s%s", list->len ? ", " : "", names[i][1]);
    if (list->len)
        lab_core_missing(core, "facts", "no source tells: %s", list->str);
}
