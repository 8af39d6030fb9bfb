/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lab-protocol.h"

#include <stdlib.h>
#include <string.h>

/* A reader never needs more than one frame and what came with its end. */
#define READER_MAX (2u * (LAB_FRAME_MAX + LAB_FRAME_HEADER) + (1u << 16))

bool
lab_frame_reader_push(LabFrameReader *reader, const void *data, size_t length)
{
    if (reader->broken)
        return false;
    if (length == 0)
        return true;
    if (reader->start > 0) {
        memmove(reader->data, reader->data + reader->start, reader->used - reader->start);
        reader->used -= reader->start;
        reader->start = 0;
    }
    if (length > READER_MAX - reader->used) {
        reader->broken = "more bytes than two frames were left unread";
        return false;
    }
    if (reader->used + length > reader->size) {
        size_t size = reader->size > 0 ? reader->size : 4096;
        uint8_t *grown;

        while (size < reader->used + length)
            size *= 2;
        grown = realloc(reader->data, size);
        if (!grown) {
            reader->broken = "memory is short";
            return false;
        }
        reader->data = grown;
        reader->size = size;
    }
    memcpy(reader->data + reader->used, data, length);
    reader->used += length;
    return true;
}

static const char *
header_fault(const uint8_t *header, size_t length)
{
    if (length > LAB_FRAME_MAX)
        return "a frame is larger than 1 MiB";
    if (header[4] != LAB_FRAME_JSON && header[4] != LAB_FRAME_BYTES)
        return "a frame's type is unknown";
    if (header[5] != 0)
        return "a frame's reserved byte is not 0";
    return NULL;
}

int
lab_frame_reader_next(LabFrameReader *reader, LabFrame *frame)
{
    const uint8_t *header;
    size_t length;

    if (reader->broken)
        return -1;
    if (reader->used - reader->start < LAB_FRAME_HEADER)
        return 0;
    header = reader->data + reader->start;
    length = (size_t)header[0] | (size_t)header[1] << 8 | (size_t)header[2] << 16 |
             (size_t)header[3] << 24;
    reader->broken = header_fault(header, length);
    if (reader->broken)
        return -1;
    if (reader->used - reader->start - LAB_FRAME_HEADER < length)
        return 0;
    frame->type = (LabFrameType)header[4];
    frame->stream = (uint16_t)(header[6] | header[7] << 8);
    frame->payload = header + LAB_FRAME_HEADER;
    frame->length = length;
    reader->start += LAB_FRAME_HEADER + length;
    return 1;
}

void
lab_frame_reader_reset(LabFrameReader *reader)
{
    reader->start = reader->used = 0;
    reader->broken = NULL;
}

void
lab_frame_reader_free(LabFrameReader *reader)
{
    free(reader->data);
    memset(reader, 0, sizeof *reader);
}

void
lab_frame_header(uint8_t header[LAB_FRAME_HEADER], LabFrameType type, uint16_t stream,
                 size_t length)
{
    for (int i = 0; i < 4; i++)
        header[i] = (uint8_t)(length >> (8 * i));
    header[4] = (uint8_t)type;
    header[5] = 0;
    header[6] = (uint8_t)stream;
    header[7] = (uint8_t)(stream >> 8);
}

/* Brackets outside of strings; what is no JSON is left to the parser. */
static bool
nested_too_deep(const uint8_t *text, size_t length)
{
    int depth = 0;
    bool quoted = false;

    for (size_t i = 0; i < length; i++) {
        uint8_t c = text[i];

        if (quoted) {
            if (c == '\\')
                i++;
            else if (c == '"')
                quoted = false;
        } else if (c == '"') {
            quoted = true;
        } else if (c == '{' || c == '[') {
            if (++depth > LAB_PROTOCOL_JSON_DEPTH)
                return true;
        } else if (c == '}' || c == ']') {
            depth--;
        }
    }
    return false;
}

json_t *
lab_frame_json(const LabFrame *frame, const char **why)
{
    json_t *json;

    *why = NULL;
    if (frame->type != LAB_FRAME_JSON) {
        *why = "not a JSON frame";
        return NULL;
    }
    if (nested_too_deep(frame->payload, frame->length)) {
        *why = "JSON nested deeper than 8";
        return NULL;
    }
    json = json_loadb((const char *)frame->payload, frame->length, JSON_REJECT_DUPLICATES, NULL);
    if (json_is_object(json))
        return json;
    *why = json ? "JSON that is no object" : "not JSON";
    json_decref(json);
    return NULL;
}

uint8_t *
lab_frame_from_json(const json_t *object, size_t *length)
{
    size_t text = json_dumpb(object, NULL, 0, JSON_COMPACT);
    uint8_t *bytes;

    if (text == 0 || text > LAB_FRAME_MAX)
        return NULL;
    bytes = malloc(LAB_FRAME_HEADER + text);
    if (!bytes)
        return NULL;
    lab_frame_header(bytes, LAB_FRAME_JSON, 0, text);
    if (json_dumpb(object, (char *)bytes + LAB_FRAME_HEADER, text, JSON_COMPACT) != text) {
        free(bytes);
        return NULL;
    }
    *length = LAB_FRAME_HEADER + text;
    return bytes;
}

int64_t
lab_frame_announced(const json_t *object)
{
    const json_t *bytes = json_object_get(object, "bytes");
    json_int_t value;

    if (!bytes || json_is_null(bytes))
        return 0;
    value = json_integer_value(bytes);
    if (!json_is_integer(bytes) || value < 0 || value > (json_int_t)LAB_FRAME_MAX)
        return -1;
    return value;
}
