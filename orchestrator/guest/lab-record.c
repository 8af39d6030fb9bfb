/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lab-record.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "lab-environment.h"
#include "lab-error.h"
#include "lab-file.h"
#include "lab-json.h"
#include "lab-log.h"

#define MAX_BYTES (64u << 20)

typedef struct {
    int fd;
    gsize written;
    gboolean full;
} Stream;

struct LabRecord {
    Stream agent, events;
};

static gboolean
stream_open(Stream *stream, const char *directory, const char *name, GError **error)
{
    g_autofree char *path = g_build_filename(directory, name, NULL);

    stream->fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0600);
    if (stream->fd < 0)
        return lab_error_set_errno(error, errno, "creating '%s'", path);
    return TRUE;
}

LabRecord *
lab_record_new(const char *directory, GError **error)
{
    LabRecord *record = g_new0(LabRecord, 1);

    record->agent.fd = record->events.fd = -1;
    if (!stream_open(&record->agent, directory, "agent.jsonl", error) ||
        !stream_open(&record->events, directory, "events.jsonl", error)) {
        lab_record_free(record);
        return NULL;
    }
    return record;
}

void
lab_record_free(LabRecord *record)
{
    if (!record)
        return;
    lab_fd_close(&record->agent.fd);
    lab_fd_close(&record->events.fd);
    g_free(record);
}

static void
stream_write(Stream *stream, json_t *object)
{
    g_autofree char *line = stream->full ? NULL : lab_json_line(object);
    g_autofree char *with_newline = NULL;
    g_autoptr(GError) error = NULL;

    if (!line)
        return;
    if (stream->written + strlen(line) > MAX_BYTES) {
        stream->full = TRUE;
        with_newline = g_strdup("{\"note\":\"the recording is full; the rest is not in it\"}\n");
    } else {
        with_newline = g_strconcat(line, "\n", NULL);
    }
    stream->written += strlen(with_newline);
    if (!lab_fd_write_all(stream->fd, with_newline, strlen(with_newline), &error)) {
        lab_warn("recording of the guest: %s; going on without", error->message);
        stream->full = TRUE;
    }
}

/* The worker keeps what the guest says of its modules and settings in a file, which many cells
 * share; the message names it. */
static json_t *
without_environment(const json_t *message)
{
    json_t *copy;

    if (!json_is_object(lab_json_member(message, "environment")))
        return json_incref((json_t *)message);
    copy = json_copy((json_t *)message);
    json_object_set_new(copy, "environment", json_pack("{s:s}", "file", LAB_ENVIRONMENT_FILE));
    return copy;
}

void
lab_record_message(LabRecord *record, gint64 time_ms, gboolean to_guest, const json_t *message,
                   const void *data, gsize length)
{
    g_autoptr(json_t) object = NULL;

    if (record->agent.full)
        return;
    object = json_object();
    json_object_set_new(object, "t_ms", json_integer(time_ms));
    json_object_set_new(object, "dir", json_string(to_guest ? "to-guest" : "from-guest"));
    json_object_set_new(object, "message", without_environment(message));
    if (data) {
        g_autofree char *text = g_base64_encode(data, length);

        json_object_set_new(object, "data_b64", json_string(text));
    }
    stream_write(&record->agent, object);
}

void
lab_record_event(LabRecord *record, gint64 time_ms, const char *word, const char *text,
                 guint64 bytes)
{
    g_autoptr(json_t) object = json_object();

    json_object_set_new(object, "t_ms", json_integer(time_ms));
    json_object_set_new(object, "event", json_string(word));
    if (text)
        json_object_set_new(object, "text", lab_json_text(text));
    if (bytes)
        json_object_set_new(object, "bytes", json_integer((json_int_t)bytes));
    stream_write(&record->events, object);
}
