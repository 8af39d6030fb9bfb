/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The host's end of the agent protocol, over bytes: what a socket gave goes in, messages come out.
 * It knows no socket. The guest is hostile: any bytes end in messages or in one clear error, and
 * memory stays under a few MiB. The verbs are described in guest-agent/README.md.
 */
#pragma once

#include <glib.h>
#include <jansson.h>

#include "lab-protocol.h"

typedef struct {
    json_t *json; /* event or answer; NULL for bytes of a dump */
    GBytes *data; /* the bytes that belong to it; NULL for none */
} LabAgentMessage;

void lab_agent_message_free(LabAgentMessage *message);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(LabAgentMessage, lab_agent_message_free)

typedef struct LabAgentDecoder LabAgentDecoder;

/* One decoder a connection. */
LabAgentDecoder *lab_agent_decoder_new(void);
void lab_agent_decoder_free(LabAgentDecoder *decoder);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(LabAgentDecoder, lab_agent_decoder_free)

/* Takes what was read. Feed at most LAB_FRAME_MAX at a time and take all messages before the next
 * feed. */
void lab_agent_decoder_feed(LabAgentDecoder *decoder, const void *data, gsize length);

/* The next complete message in *message (owned by the caller), or NULL there when more bytes are
 * needed. FALSE (LAB_DATA_ERROR) when the stream breaks the protocol: close it, it stays broken.
 * Every text in a message is the guest's: clean it before it reaches a terminal. */
gboolean
lab_agent_decoder_next(LabAgentDecoder *decoder, LabAgentMessage **message, GError **error);

/* The frames of one request: 'request' (borrowed) needs "id" and "verb"; with 'length' > 0 "bytes"
 * is set and 'data' follows. LAB_CONFIG_ERROR/LIMIT over 1 MiB. */
GBytes *lab_agent_encode(const json_t *request, const void *data, gsize length, GError **error);
