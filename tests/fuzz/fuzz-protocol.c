/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a hostile guest can send to the host's end of the agent protocol. The first byte says in
 * which pieces it arrives: the pieces must not matter.
 */
#include <glib.h>
#include <stdint.h>

#include "lab-agent.h"
#include "lab-environment.h"
#include "lab-json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What was taken once is taken again as it is. */
static void
check_environment(const json_t *said)
{
    g_autoptr(json_t) taken = lab_environment_check(said);
    g_autoptr(json_t) again = taken ? lab_environment_check(taken) : NULL;

    g_assert_true(!taken || json_equal(taken, again));
}

/* A number that stands for all messages, and the break, if there was one. */
static guint
digest(const uint8_t *data, size_t size, size_t step)
{
    g_autoptr(LabAgentDecoder) decoder = lab_agent_decoder_new();
    guint sum = 5381;

    for (size_t at = 0; at < size; at += step) {
        lab_agent_decoder_feed(decoder, data + at, MIN(step, size - at));
        for (;;) {
            g_autoptr(LabAgentMessage) message = NULL;
            g_autoptr(GError) error = NULL;

            if (!lab_agent_decoder_next(decoder, &message, &error))
                return sum * 33 + 1;
            if (!message)
                break;
            sum = sum * 33 + (guint)json_object_size(message->json);
            check_environment(lab_json_member(message->json, "environment"));
            sum = sum * 33 + (message->data ? g_bytes_hash(message->data) : 7);
        }
    }
    return sum;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1)
        return 0;
    g_assert_cmpuint(digest(data + 1, size - 1, 65536), ==,
                     digest(data + 1, size - 1, (size_t)data[0] + 1));
    return 0;
}
