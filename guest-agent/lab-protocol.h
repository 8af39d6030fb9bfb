/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Frames between the lab and its agent, shared by both ends: plain C and jansson, no GLib.
 *
 *   offset 0  u32  length of the payload, little-endian, at most LAB_FRAME_MAX
 *          4  u8   type: LAB_FRAME_JSON or LAB_FRAME_BYTES
 *          5  u8   0
 *          6  u16  stream id, little-endian: 0, and LAB_FRAME_STREAM_DUMP for a dump's bytes
 *          8  payload
 *
 * A JSON frame whose object says "bytes": N with N > 0 is followed at once by one bytes frame of N
 * bytes that belongs to it. Between the events "dump-begin" and "dump-end" bytes frames of any
 * length stand by themselves. The verbs are described in guest-agent/README.md.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

#define LAB_PROTOCOL_VERSION    1
#define LAB_PROTOCOL_JSON_DEPTH 8
#define LAB_FRAME_HEADER        8u
#define LAB_FRAME_MAX           (1u << 20)
#define LAB_FRAME_STREAM_DUMP   1

#define LAB_AGENT_PORT "kreglab.agent"
#define LAB_DUMP_PORT  "kreglab.dump"

typedef enum { LAB_FRAME_JSON = 1, LAB_FRAME_BYTES = 2 } LabFrameType;

typedef struct {
    LabFrameType type;
    uint16_t stream;
    const uint8_t *payload; /* valid until the reader is pushed to, or freed */
    size_t length;
} LabFrame;

/* Collects bytes and cuts them into frames. All zero is an empty reader. */
typedef struct {
    uint8_t *data;
    size_t start;
    size_t used;
    size_t size;
    const char *broken; /* why the stream is of no use any more (static text), or NULL */
} LabFrameReader;

/* Adds bytes. False when memory is short; the reader then is broken. A broken reader takes none. */
bool lab_frame_reader_push(LabFrameReader *reader, const void *data, size_t length);

/* 1: *frame is the next frame; 0: more bytes are needed; -1: the stream is broken (see 'broken'),
 * and stays so: nothing says where the next frame starts. */
int lab_frame_reader_next(LabFrameReader *reader, LabFrame *frame);

/* Forgets everything, a break included: for a new connection. */
void lab_frame_reader_reset(LabFrameReader *reader);
void lab_frame_reader_free(LabFrameReader *reader);

/* Writes the header of a frame with 'length' bytes of payload (at most LAB_FRAME_MAX). */
void lab_frame_header(uint8_t header[LAB_FRAME_HEADER], LabFrameType type, uint16_t stream,
                      size_t length);

/* The object of a JSON frame, or NULL with *why (static text): not JSON, no object, nested deeper
 * than LAB_PROTOCOL_JSON_DEPTH, a key twice. The depth is checked before anything is allocated. A
 * new reference. */
json_t *lab_frame_json(const LabFrame *frame, const char **why);

/* One JSON frame with its header, in one allocation of *length bytes (free with free). NULL when
 * memory is short or the text is larger than LAB_FRAME_MAX. */
uint8_t *lab_frame_from_json(const json_t *object, size_t *length);

/* How many bytes the object announces: 0 for none, -1 when "bytes" is no sensible number. */
int64_t lab_frame_announced(const json_t *object);
