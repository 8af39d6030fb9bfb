/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lab-agent.h"

#include <stdlib.h>
#include <string.h>

#include "lab-error.h"
#include "lab-json.h"

struct LabAgentDecoder {
    LabFrameReader reader;
    json_t *waiting;  /* announced bytes that are still to come, or NULL */
    gsize announced;  /* how many */
    gboolean in_dump; /* bytes frames may stand by themselves */
    char *broken;     /* why the stream is of no use any more */
};

void
lab_agent_message_free(LabAgentMessage *message)
{
    if (!message)
        return;
    json_decref(message->json);
    g_clear_pointer(&message->data, g_bytes_unref);
    g_free(message);
}

LabAgentDecoder *
lab_agent_decoder_new(void)
{
    return g_new0(LabAgentDecoder, 1);
}

void
lab_agent_decoder_free(LabAgentDecoder *decoder)
{
    if (!decoder)
        return;
    lab_frame_reader_free(&decoder->reader);
    json_decref(decoder->waiting);
    g_free(decoder->broken);
    g_free(decoder);
}

void
lab_agent_decoder_feed(LabAgentDecoder *decoder, const void *data, gsize length)
{
    /* A push that fails marks the reader; lab_agent_decoder_next says so. */
    if (!decoder->broken)
        (void)lab_frame_reader_push(&decoder->reader, data, length);
}

static LabAgentMessage *
message_new(json_t *json, const LabFrame *bytes)
{
    LabAgentMessage *message = g_new0(LabAgentMessage, 1);

    message->json = json;
    if (bytes)
        message->data = g_bytes_new(bytes->payload, bytes->length);
    return message;
}

/* One frame: *message when it completes one. The reason when it breaks the protocol, else NULL. */
static const char *
take_frame(LabAgentDecoder *decoder, const LabFrame *frame, LabAgentMessage **message)
{
    const char *why = NULL;
    json_t *json;
    gint64 announced;

    if (decoder->waiting) {
        if (frame->type != LAB_FRAME_BYTES || frame->length != decoder->announced)
            return "announced bytes did not follow";
        *message = message_new(g_steal_pointer(&decoder->waiting), frame);
        return NULL;
    }
    if (frame->type == LAB_FRAME_BYTES) {
        if (!decoder->in_dump)
            return "bytes that nothing announced";
        *message = message_new(NULL, frame);
        return NULL;
    }
    json = lab_frame_json(frame, &why);
    if (!json)
        return why;
    if (g_strcmp0(lab_json_string(json, "event"), "dump-begin") == 0)
        decoder->in_dump = TRUE;
    if (g_strcmp0(lab_json_string(json, "event"), "dump-end") == 0) {
        decoder->in_dump = FALSE;
        /* there "bytes" is the size of what was sent */
        *message = message_new(json, NULL);
        return NULL;
    }
    announced = lab_frame_announced(json);
    if (announced < 0) {
        json_decref(json);
        return "a wrong number of bytes was announced";
    }
    if (announced > 0) {
        decoder->waiting = json;
        decoder->announced = (gsize)announced;
    } else {
        *message = message_new(json, NULL);
    }
    return NULL;
}

gboolean
lab_agent_decoder_next(LabAgentDecoder *decoder, LabAgentMessage **message, GError **error)
{
    LabFrame frame;
    int got = 0;

    *message = NULL;
    while (!decoder->broken && !*message &&
           (got = lab_frame_reader_next(&decoder->reader, &frame)) > 0) {
        const char *why = take_frame(decoder, &frame, message);

        if (why)
            decoder->broken = g_strdup(why);
    }
    if (got < 0)
        decoder->broken = g_strdup(decoder->reader.broken);
    if (!decoder->broken)
        return TRUE;
    g_set_error(error, LAB_DATA_ERROR, LAB_ERROR_FAILED, "the guest's agent broke the protocol: %s",
                decoder->broken);
    return FALSE;
}

GBytes *
lab_agent_encode(const json_t *request, const void *data, gsize length, GError **error)
{
    g_autoptr(json_t) copy = json_copy((json_t *)request);
    GByteArray *out;
    uint8_t header[LAB_FRAME_HEADER];
    uint8_t *frame;
    size_t size;

    if (length > 0)
        json_object_set_new(copy, "bytes", json_integer((json_int_t)length));
    frame = length <= LAB_FRAME_MAX ? lab_frame_from_json(copy, &size) : NULL;
    if (!frame) {
        g_set_error(error, LAB_CONFIG_ERROR, LAB_ERROR_LIMIT,
                    "a request to the guest's agent ('%s') is larger than 1 MiB",
                    lab_json_string(request, "verb"));
        return NULL;
    }
    out = g_byte_array_sized_new((guint)(size + LAB_FRAME_HEADER + length));
    g_byte_array_append(out, frame, (guint)size);
    free(frame);
    if (length > 0) {
        lab_frame_header(header, LAB_FRAME_BYTES, 0, length);
        g_byte_array_append(out, header, sizeof header);
        g_byte_array_append(out, data, (guint)length);
    }
    return g_byte_array_free_to_bytes(out);
}
