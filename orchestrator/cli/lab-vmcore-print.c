/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lab-vmcore-print.h"

#include <stdio.h>
#include <string.h>

#include "lab-cli.h"
#include "lab-json.h"
#include "lab-units.h"

#define MAX_FRAMES 40u

static const json_t *
value_of(const json_t *summary, const char *name)
{
    return json_object_get(json_object_get(json_object_get(summary, "facts"), name), "value");
}

static void
print_row(const json_t *summary, const char *label, const char *name, const char *text)
{
    const json_t *fact = json_object_get(json_object_get(summary, "facts"), name);

    if (fact && text)
        lab_cli_print("%13s: %s  [%s]\n", label, text, lab_json_string(fact, "source"));
}

static void
print_text(const json_t *summary, const char *label, const char *name)
{
    print_row(summary, label, name, json_string_value(value_of(summary, name)));
}

static void
print_number(const json_t *summary, const char *label, const char *name)
{
    g_autofree char *text =
        g_strdup_printf("%" JSON_INTEGER_FORMAT, json_integer_value(value_of(summary, name)));

    print_row(summary, label, name, text);
}

static void
print_file(const json_t *summary)
{
    const json_t *file = json_object_get(summary, "file");
    g_autofree char *bytes = lab_size_human((guint64)lab_json_int(file, "bytes", 0));
    g_autofree char *memory = lab_size_human((guint64)lab_json_int(file, "memory_bytes", 0));
    g_autofree char *dumped = lab_size_human((guint64)lab_json_int(file, "dumped_bytes", 0));
    g_autofree char *level = NULL;

    if (lab_json_int(file, "dump_level", -1) >= 0)
        level = g_strdup_printf(" (level %d)", (int)lab_json_int(file, "dump_level", 0));
    lab_cli_print("%13s: %s\n", "file", lab_json_string(file, "path"));
    if (lab_json_bool(file, "filtered", FALSE))
        lab_cli_print("%13s: %s, %s; %sfiltered%s to %s of %s\n", "format",
                      lab_json_string(file, "format"), bytes,
                      lab_json_bool(file, "damaged", FALSE) ? "damaged, " : "", level ? level : "",
                      dumped, memory);
    else
        lab_cli_print("%13s: %s, %s; %s %s\n", "format", lab_json_string(file, "format"), bytes,
                      lab_json_bool(file, "damaged", FALSE) ? "damaged, of" : "complete,", memory);
}

static void
print_machine(const json_t *summary)
{
    g_autofree char *uptime =
        lab_duration_human((gint64)json_integer_value(value_of(summary, "uptime_ms")));
    g_autofree char *memory =
        lab_size_human((guint64)json_integer_value(value_of(summary, "memory_bytes")));
    const json_t *load = value_of(summary, "load");

    print_text(summary, "release", "release");
    print_text(summary, "version", "version");
    print_text(summary, "machine", "machine");
    print_text(summary, "node", "nodename");
    print_text(summary, "date", "date");
    print_row(summary, "uptime", "uptime_ms", uptime);
    print_number(summary, "CPUs", "cpus");
    print_row(summary, "memory", "memory_bytes", memory);
    if (load) {
        g_autofree char *text = g_strdup_printf(
            "%.2f, %.2f, %.2f", json_number_value(json_array_get(load, 0)),
            json_number_value(json_array_get(load, 1)), json_number_value(json_array_get(load, 2)));

        print_row(summary, "load", "load", text);
    }
    print_number(summary, "tasks", "tasks");
    print_text(summary, "KASLR offset", "kaslr_offset");
}

static void
print_end(const json_t *summary)
{
    const json_t *taint = value_of(summary, "taint"), *task = value_of(summary, "panic_task");
    const json_t *meanings = json_object_get(taint, "meanings");
    g_autoptr(GString) text = g_string_new(NULL);
    gsize i;
    json_t *meaning;

    if (taint) {
        g_string_append_printf(text, "%" G_GINT64_FORMAT, lab_json_int(taint, "mask", 0));
        if (json_array_size(meanings) > 0)
            g_string_append_printf(text, " %s: ", lab_json_string(taint, "letters"));
        json_array_foreach (meanings, i, meaning)
            g_string_append_printf(text, "%s%s", i ? ", " : "", json_string_value(meaning));
        print_row(summary, "taint", "taint", text->str);
    }
    print_text(summary, "panic", "panic_message");
    if (task) {
        g_autofree char *who = g_strdup_printf("%s (PID %d)", lab_json_string(task, "comm"),
                                               (int)lab_json_int(task, "pid", -1));

        print_row(summary, "panic task", "panic_task", who);
    }
    print_number(summary, "panic CPU", "panic_cpu");
}

static void
print_frames(const json_t *frames)
{
    gsize i;
    json_t *frame;

    json_array_foreach (frames, i, frame) {
        const char *stack = lab_json_string(frame, "stack");
        const char *module = lab_json_string(frame, "module");

        if (i == MAX_FRAMES) {
            lab_cli_print("    (%zu more)\n", json_array_size(frames) - i);
            return;
        }
        lab_cli_print("    %s%s%s%s%s%s%s%s\n", lab_json_bool(frame, "reliable", TRUE) ? "" : "? ",
                      lab_json_string(frame, "function"), module ? " [" : "", module ? module : "",
                      module ? "]" : "", stack ? " <" : "", stack ? stack : "", stack ? ">" : "");
    }
}

static void
print_signature(const json_t *summary)
{
    const json_t *signature = json_object_get(summary, "signature");
    const char *title = lab_json_string(signature, "title");

    if (!title) {
        puts("\nsignature: no crash is to be seen");
        return;
    }
    lab_cli_print("\nsignature: %s  [%s, confidence %s]\n", title,
                  lab_json_string(signature, "source"), lab_json_string(signature, "confidence"));
    print_frames(json_object_get(signature, "frames"));
}

/* Where there is no stack, the registers are all there is. */
static void
print_registers(const json_t *summary)
{
    const json_t *cpus = json_object_get(summary, "registers");
    gsize i;
    json_t *cpu;

    json_array_foreach (cpus, i, cpu) {
        json_t *registers = json_object_get(cpu, "registers");
        const char *name;
        json_t *value;
        guint n = 0;

        lab_cli_print("\nCPU %d registers (as the %s saw them)  [notes]\n",
                      (int)lab_json_int(cpu, "cpu", -1), lab_json_string(cpu, "seen_from"));
        json_object_foreach (registers, name, value)
            lab_cli_print("%8s %-18s%s", name, json_string_value(value), ++n % 3 ? "" : "\n");
        if (n % 3)
            putchar('\n');
    }
}

static gboolean
print_stacks(const json_t *summary)
{
    const json_t *stacks = json_object_get(summary, "stacks");
    gboolean any = FALSE;
    gsize i;
    json_t *stack;

    json_array_foreach (stacks, i, stack) {
        const char *how = lab_json_string(stack, "how");
        const json_t *frames = json_object_get(stack, "frames");

        if (json_array_size(frames) == 0)
            continue;
        any = TRUE;
        printf("\nCPU %d  ", (int)lab_json_int(stack, "cpu", -1));
        lab_cli_print("PID %d  %s  %s  [%s%s%s]\n", (int)lab_json_int(stack, "pid", -1),
                      lab_json_string(stack, "comm"), lab_json_string(stack, "state"),
                      lab_json_string(stack, "source"), how ? ", " : "", how ? how : "");
        print_frames(frames);
    }
    return any;
}

void
lab_vmcore_print(const json_t *summary)
{
    const json_t *missing = json_object_get(summary, "missing");
    gsize i;
    json_t *one;

    print_file(summary);
    print_machine(summary);
    print_end(summary);
    print_signature(summary);
    if (!print_stacks(summary))
        print_registers(summary);
    if (json_array_size(missing) > 0)
        puts("\nmissing:");
    json_array_foreach (missing, i, one)
        lab_cli_print("  %s: %s\n", lab_json_string(one, "what"), lab_json_string(one, "why"));
}
