/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lab-recording.h"

#include <fcntl.h>
#include <string.h>

#include "lab-environment.h"
#include "lab-error.h"
#include "lab-file.h"
#include "lab-json.h"

#define MAX_CONSOLE (512u << 20)
#define MAX_JSONL   (128u << 20)

static void
entry_free(gpointer data)
{
    LabRecordingEntry *entry = data;

    g_free(entry->text);
    json_decref(entry->json);
    if (entry->data)
        g_bytes_unref(entry->data);
    g_free(entry);
}

static LabRecordingEntry *
add(GPtrArray *entries, LabRecordingKind kind, gint64 time_ms)
{
    LabRecordingEntry *entry = g_new0(LabRecordingEntry, 1);

    entry->kind = kind;
    entry->time_ms = MAX(time_ms, 0);
    entry->order = entries->len;
    g_ptr_array_add(entries, entry);
    return entry;
}

/* "@+MS " at the start of a line; returns what is behind it. Without a mark *time_ms stays. */
static const char *
skip_mark(const char *line, const char *end, gint64 *time_ms)
{
    const char *p = line + 2;
    gint64 value = 0;

    if (end - line < 4 || line[0] != '@' || line[1] != '+')
        return line;
    while (p < end && g_ascii_isdigit(*p) && value < G_MAXINT64 / 100)
        value = value * 10 + (*p++ - '0');
    if (p == line + 2 || p >= end || *p != ' ')
        return line;
    *time_ms = value;
    return p + 1;
}

static gboolean
load_console(GPtrArray *entries, int dir, const char *directory, GError **error)
{
    g_autoptr(GError) why = NULL;
    gsize length = 0;
    g_autofree char *text = lab_file_read(dir, "console.log", MAX_CONSOLE, &length, &why);
    const char *p = text, *end = text + length;
    gint64 time_ms = 0;

    if (!text) {
        g_set_error(error, LAB_CONFIG_ERROR, LAB_ERROR_NOT_FOUND,
                    "'%s' is no recording of a guest: %s", directory, why->message);
        return FALSE;
    }
    while (p < end) {
        const char *newline = memchr(p, '\n', (gsize)(end - p));
        const char *next = newline ? newline + 1 : end;
        const char *content = skip_mark(p, next, &time_ms);

        /* Our own notes are not the guest's words. */
        if (!g_str_has_prefix(content, "[kreglab: ")) {
            LabRecordingEntry *entry = add(entries, LAB_RECORDING_LINE, time_ms);

            entry->length = (gsize)(next - content);
            entry->text = g_memdup2(content, entry->length);
        }
        p = next;
    }
    return TRUE;
}

static gboolean
take_message(GPtrArray *entries, json_t *line, const char *where, GError **error)
{
    json_t *message = lab_json_member(line, "message");
    const char *direction = lab_json_string(line, "dir");
    const char *data = lab_json_string(line, "data_b64");
    gboolean to_guest = g_strcmp0(direction, "to-guest") == 0;
    LabRecordingEntry *entry;

    if (lab_json_member(line, "note"))
        return TRUE;
    if (!json_is_object(message) || (!to_guest && g_strcmp0(direction, "from-guest") != 0)) {
        g_set_error(error, LAB_DATA_ERROR, LAB_ERROR_FAILED,
                    "%s: needs an object 'message' and 'dir': to-guest or from-guest", where);
        return FALSE;
    }
    entry = add(entries, to_guest ? LAB_RECORDING_REQUEST : LAB_RECORDING_MESSAGE,
                lab_json_int(line, "t_ms", 0));
    entry->json = json_incref(message);
    if (data) {
        gsize length;
        guchar *bytes = g_base64_decode(data, &length);

        entry->data = g_bytes_new_take(bytes, length);
    }
    return TRUE;
}

static gboolean
take_event(GPtrArray *entries, json_t *line, const char *where, GError **error)
{
    if (lab_json_member(line, "note"))
        return TRUE;
    if (!lab_json_string(line, "event")) {
        g_set_error(error, LAB_DATA_ERROR, LAB_ERROR_FAILED, "%s: needs 'event'", where);
        return FALSE;
    }
    add(entries, LAB_RECORDING_EVENT, lab_json_int(line, "t_ms", 0))->json = json_incref(line);
    return TRUE;
}

typedef gboolean (*TakeLine)(GPtrArray *entries, json_t *line, const char *where, GError **error);

static gboolean
load_lines(GPtrArray *entries, int dir, const char *name, TakeLine take, GError **error)
{
    gsize length = 0;
    g_autofree char *text = NULL;
    g_auto(GStrv) lines = NULL;

    if (!lab_file_exists(dir, name))
        return TRUE;
    text = lab_file_read(dir, name, MAX_JSONL, &length, error);
    if (!text)
        return FALSE;
    lines = g_strsplit(text, "\n", -1);
    for (gsize i = 0; lines[i]; i++) {
        g_autofree char *where = g_strdup_printf("%s:%zu", name, i + 1);
        g_autoptr(json_t) line = NULL;

        if (!*lines[i])
            continue;
        line = lab_json_parse(lines[i], strlen(lines[i]), where, error);
        if (!line || !take(entries, line, where, error))
            return FALSE;
    }
    return TRUE;
}

static gint
by_time(gconstpointer a, gconstpointer b)
{
    const LabRecordingEntry *x = *(LabRecordingEntry *const *)a;
    const LabRecordingEntry *y = *(LabRecordingEntry *const *)b;

    if (x->time_ms != y->time_ms)
        return x->time_ms < y->time_ms ? -1 : 1;
    return x->order < y->order ? -1 : x->order > y->order;
}

/* See without_environment() of lab-record.c. A recording without the file plays on. */
static void
put_back_environment(GPtrArray *entries, int dir)
{
    g_autoptr(json_t)
        environment = lab_json_read(dir, LAB_ENVIRONMENT_FILE, LAB_ENVIRONMENT_SCHEMA, NULL);

    for (guint i = 0; environment && i < entries->len; i++) {
        const LabRecordingEntry *entry = entries->pdata[i];

        if (lab_json_string(lab_json_member(entry->json, "environment"), "file"))
            json_object_set(entry->json, "environment", environment);
    }
}

GPtrArray *
lab_recording_load(const char *directory, GError **error)
{
    g_autoptr(GPtrArray) entries = g_ptr_array_new_with_free_func(entry_free);
    LAB_AUTO_FD dir = lab_dir_open(AT_FDCWD, directory, NULL);

    if (dir < 0) {
        g_set_error(error, LAB_CONFIG_ERROR, LAB_ERROR_NOT_FOUND, "there is no recording at '%s'",
                    directory);
        return NULL;
    }
    /* Within one millisecond: what the agent said, then the console, then QEMU. */
    if (!load_lines(entries, dir, "agent.jsonl", take_message, error) ||
        !load_console(entries, dir, directory, error) ||
        !load_lines(entries, dir, "events.jsonl", take_event, error)) {
        g_prefix_error(error, "recording '%s': ", directory);
        return NULL;
    }
    put_back_environment(entries, dir);
    g_ptr_array_sort(entries, by_time);
    return g_steal_pointer(&entries);
}
