/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Both ends of the agent protocol, over bytes, and the capture kernel's command line. */
#include <glib.h>
#include <stdlib.h>
#include <string.h>

#include "lab-agent.h"
#include "lab-error.h"
#include "lab-json.h"

/* guest-agent/cmdline.c, linked in */
bool capture_cmdline(const char *running, const char *cpuinfo, const char *append, char *out,
                     size_t size);

static void
add_frame(GByteArray *stream, LabFrameType type, const void *payload, gsize length)
{
    uint8_t header[LAB_FRAME_HEADER];

    lab_frame_header(header, type, 0, length);
    g_byte_array_append(stream, header, sizeof header);
    g_byte_array_append(stream, payload, (guint)length);
}

static void
add_json(GByteArray *stream, const char *text)
{
    add_frame(stream, LAB_FRAME_JSON, text, strlen(text));
}

/* Feeds in pieces of 'step' bytes; "EVENT/BYTES " for each message, "!" for a break. */
static char *
decode(const GByteArray *stream, gsize step)
{
    g_autoptr(LabAgentDecoder) decoder = lab_agent_decoder_new();
    GString *said = g_string_new(NULL);

    for (gsize at = 0; at < stream->len; at += step) {
        lab_agent_decoder_feed(decoder, stream->data + at, MIN(step, stream->len - at));
        for (;;) {
            g_autoptr(LabAgentMessage) message = NULL;
            g_autoptr(GError) error = NULL;

            if (!lab_agent_decoder_next(decoder, &message, &error)) {
                g_assert_error(error, LAB_DATA_ERROR, LAB_ERROR_FAILED);
                g_string_append_c(said, '!');
                return g_string_free(said, FALSE);
            }
            if (!message)
                break;
            g_string_append_printf(said, "%s/%" G_GSIZE_FORMAT " ",
                                   message->json ? lab_json_string(message->json, "event") : "-",
                                   message->data ? g_bytes_get_size(message->data) : 0);
        }
    }
    return g_string_free(said, FALSE);
}

static void
test_messages(void)
{
    static const gsize steps[] = {1, 2, 7, 8, 9, 64, 100000};
    g_autoptr(GByteArray) stream = g_byte_array_new();

    add_json(stream, "{\"event\":\"hello\",\"version\":1}");
    add_json(stream, "{\"event\":\"output\",\"bytes\":5}");
    add_frame(stream, LAB_FRAME_BYTES, "12345", 5);
    add_json(stream, "{\"event\":\"empty\",\"bytes\":0}");
    add_json(stream, "{\"event\":\"dump-begin\"}");
    add_frame(stream, LAB_FRAME_BYTES, "xy", 2);
    add_json(stream, "{\"event\":\"heartbeat\"}");
    add_frame(stream, LAB_FRAME_BYTES, "z", 1);
    add_json(stream, "{\"event\":\"dump-end\",\"bytes\":99999999}");
    add_json(stream, "{\"event\":\"last\"}");
    for (gsize i = 0; i < G_N_ELEMENTS(steps); i++) {
        g_autofree char *said = decode(stream, steps[i]);

        g_assert_cmpstr(said, ==,
                        "hello/0 output/5 empty/0 dump-begin/0 -/2 heartbeat/0 -/1 dump-end/0 "
                        "last/0 ");
    }
}

static void
test_breaks(void)
{
    static const struct {
        const char *name, *json;
        const char *bytes; /* a bytes frame after it, or NULL */
    } rows[] = {
        {"no JSON", "{nonsense", NULL},
        {"no object", "[1]", NULL},
        {"empty", "", NULL},
        {"too deep", "{\"a\":[[[[[[[[1]]]]]]]]}", NULL},
        {"key twice", "{\"a\":1,\"a\":2}", NULL},
        {"negative", "{\"bytes\":-1}", NULL},
        {"too many", "{\"bytes\":1048577}", NULL},
        {"a text", "{\"bytes\":\"9\"}", NULL},
        {"fewer than announced", "{\"event\":\"output\",\"bytes\":3}", "12"},
        {"more than announced", "{\"event\":\"output\",\"bytes\":3}", "1234"},
        {"not announced", NULL, "1234"},
    };

    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autoptr(GByteArray) stream = g_byte_array_new();
        g_autofree char *said = NULL;

        g_test_message("%s", rows[i].name);
        add_json(stream, "{\"event\":\"hello\"}");
        if (rows[i].json)
            add_json(stream, rows[i].json);
        if (rows[i].bytes)
            add_frame(stream, LAB_FRAME_BYTES, rows[i].bytes, strlen(rows[i].bytes));
        add_json(stream, "{\"event\":\"never seen\"}");
        said = decode(stream, 4096);
        g_assert_cmpstr(said, ==, "hello/0 !");
    }
}

static void
test_announced_then_json(void)
{
    g_autoptr(GByteArray) stream = g_byte_array_new();
    g_autofree char *said = NULL;

    add_json(stream, "{\"event\":\"output\",\"bytes\":3}");
    add_json(stream, "{\"event\":\"heartbeat\"}");
    said = decode(stream, 4096);
    g_assert_cmpstr(said, ==, "!");
}

static void
test_depth(void)
{
    static const struct {
        const char *text;
        gboolean good;
    } rows[] = {
        {"{\"a\":[[[[[[[1]]]]]]]}", TRUE},
        {"{\"a\":[[[[[[[[1]]]]]]]]}", FALSE},
        {"{\"a\":\"[[[[[[[[[[[[{{{{{{\"}", TRUE},
        {"{\"a\":\"\\\"[[[[[[[[[[[[\"}", TRUE},
        {"{\"a\":[],\"b\":[],\"c\":[],\"d\":[],\"e\":[],\"f\":[],\"g\":[],\"h\":[]}", TRUE},
    };

    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
        LabFrame frame = {.type = LAB_FRAME_JSON,
                          .payload = (const uint8_t *)rows[i].text,
                          .length = strlen(rows[i].text)};
        const char *why = NULL;
        g_autoptr(json_t) json = lab_frame_json(&frame, &why);

        g_assert_cmpint(json != NULL, ==, rows[i].good);
        g_assert_cmpint(why == NULL, ==, rows[i].good);
    }
}

static void
test_headers(void)
{
    static const struct {
        guint8 header[8];
        int result;
        const char *broken;
    } rows[] = {
        {{0, 0, 0, 0, 1, 0, 0, 0}, 1, NULL},
        {{1, 0, 0, 0, 2, 0, 0xff, 0xff}, 0, NULL},
        {{0, 0, 0x10, 0, 1, 0, 0, 0}, 0, NULL}, /* exactly 1 MiB */
        {{1, 0, 0x10, 0, 1, 0, 0, 0}, -1, "a frame is larger than 1 MiB"},
        {{0xff, 0xff, 0xff, 0xff, 1, 0, 0, 0}, -1, "a frame is larger than 1 MiB"},
        {{1, 0, 0, 0, 0, 0, 0, 0}, -1, "a frame's type is unknown"},
        {{1, 0, 0, 0, 3, 0, 0, 0}, -1, "a frame's type is unknown"},
        {{1, 0, 0, 0, 1, 1, 0, 0}, -1, "a frame's reserved byte is not 0"},
    };

    for (gsize i = 0; i < G_N_ELEMENTS(rows); i++) {
        LabFrameReader reader = {0};
        LabFrame frame;

        g_assert_true(lab_frame_reader_push(&reader, rows[i].header, 8));
        g_assert_cmpint(lab_frame_reader_next(&reader, &frame), ==, rows[i].result);
        g_assert_cmpstr(reader.broken, ==, rows[i].broken);
        if (rows[i].result < 0) {
            g_assert_false(lab_frame_reader_push(&reader, "x", 1));
            g_assert_cmpint(lab_frame_reader_next(&reader, &frame), ==, -1);
            lab_frame_reader_reset(&reader);
            g_assert_true(lab_frame_reader_push(&reader, "x", 1));
            g_assert_cmpint(lab_frame_reader_next(&reader, &frame), ==, 0);
        }
        lab_frame_reader_free(&reader);
    }
}

/* A guest that never completes a frame must not make the host's memory grow. */
static void
test_bounded(void)
{
    LabFrameReader reader = {0};
    g_autofree char *block = g_malloc0(65536);
    gsize taken = 0;

    while (taken < (16u << 20) && lab_frame_reader_push(&reader, block, 65536))
        taken += 65536;
    g_assert_cmpuint(taken, <, 4u << 20);
    g_assert_nonnull(reader.broken);
    lab_frame_reader_free(&reader);
}

/* Random bytes, and a good stream with bytes changed: every end is a message or a break. */
static void
test_noise(void)
{
    g_autoptr(GByteArray) good = g_byte_array_new();
    GRand *random = g_rand_new_with_seed(20);

    add_json(good, "{\"event\":\"output\",\"bytes\":5}");
    add_frame(good, LAB_FRAME_BYTES, "12345", 5);
    add_json(good, "{\"event\":\"dump-begin\"}");
    add_frame(good, LAB_FRAME_BYTES, "xyz", 3);
    for (int round = 0; round < 3000; round++) {
        g_autoptr(GByteArray) stream = g_byte_array_new();
        g_autofree char *said = NULL;
        int changes = g_rand_int_range(random, 1, 6);

        g_byte_array_append(stream, good->data, good->len);
        for (int i = 0; i < changes; i++)
            stream->data[g_rand_int_range(random, 0, (int)stream->len)] =
                (guint8)g_rand_int_range(random, 0, 256);
        if (round % 3 == 0)
            g_byte_array_set_size(stream, (guint)g_rand_int_range(random, 1, (int)stream->len));
        said = decode(stream, (gsize)g_rand_int_range(random, 1, 32));
        g_assert_nonnull(said);
    }
    g_rand_free(random);
}

static void
test_encode(void)
{
    g_autoptr(json_t) request = json_pack("{s:i, s:s}", "id", 3, "verb", "put");
    g_autoptr(GError) error = NULL;
    g_autoptr(GBytes) bytes = lab_agent_encode(request, "abc", 3, &error);
    g_autofree char *large = g_malloc0(LAB_FRAME_MAX + 1);
    LabFrameReader reader = {0};
    LabFrame frame;
    const char *why;
    json_t *json;

    g_assert_no_error(error);
    lab_frame_reader_push(&reader, g_bytes_get_data(bytes, NULL), g_bytes_get_size(bytes));
    g_assert_cmpint(lab_frame_reader_next(&reader, &frame), ==, 1);
    json = lab_frame_json(&frame, &why);
    g_assert_cmpint(lab_frame_announced(json), ==, 3);
    g_assert_cmpstr(lab_json_string(json, "verb"), ==, "put");
    json_decref(json);
    g_assert_cmpint(lab_frame_reader_next(&reader, &frame), ==, 1);
    g_assert_cmpint(frame.type, ==, LAB_FRAME_BYTES);
    g_assert_cmpmem(frame.payload, frame.length, "abc", 3);
    g_assert_cmpint(lab_frame_reader_next(&reader, &frame), ==, 0);
    lab_frame_reader_free(&reader);
    g_assert_null(json_object_get(request, "bytes"));

    g_assert_null(lab_agent_encode(request, large, LAB_FRAME_MAX + 1, &error));
    g_assert_error(error, LAB_CONFIG_ERROR, LAB_ERROR_LIMIT);
    g_clear_error(&error);
    json_object_set_new(request, "text", json_stringn(large, 0));
    memset(large, 'x', LAB_FRAME_MAX);
    json_object_set_new(request, "text", json_stringn(large, LAB_FRAME_MAX));
    g_assert_null(lab_agent_encode(request, NULL, 0, &error));
    g_assert_error(error, LAB_CONFIG_ERROR, LAB_ERROR_LIMIT);
}

static void
test_cmdline(void)
{
    static const char cpuinfo[] = "processor\t: 0\napicid\t\t: 4\ninitial apicid\t: 4\n\n"
                                  "processor\t: 1\ninitial apicid\t: 5\n";
    char out[2048], tiny[40];
    g_autofree char *huge = g_strnfill(1900, 'a');

    g_assert_true(capture_cmdline("BOOT_IMAGE=/x console=ttyS0 crashkernel=128M  panic=0 "
                                  "softlockup_panic=1 dyndbg=\"file x +p\" quiet -- crashkernel=1",
                                  cpuinfo, "extra=1", out, sizeof out));
    g_assert_true(g_str_has_prefix(out, "console=ttyS0 dyndbg=\"file x +p\" quiet "));
    g_assert_nonnull(strstr(out, " kreglab.mode=capture "));
    g_assert_nonnull(strstr(out, " nr_cpus=1 "));
    g_assert_nonnull(strstr(out, " disable_cpu_apicid=4 "));
    g_assert_true(g_str_has_suffix(out, " extra=1"));
    g_assert_null(strstr(out, "crashkernel"));
    g_assert_null(strstr(out, "softlockup_panic"));
    g_assert_null(strstr(out, "panic=0"));

    g_assert_true(capture_cmdline("", "no such field", NULL, out, sizeof out));
    g_assert_null(strstr(out, "disable_cpu_apicid"));
    /* a capture kernel's own line gives itself again: nothing piles up */
    g_assert_true(
        capture_cmdline("kreglab.mode=capture nr_cpus=1 irqpoll x=1", NULL, NULL, out, sizeof out));
    g_assert_true(g_str_has_prefix(out, "x=1 kreglab.mode=capture"));
    g_assert_false(capture_cmdline(huge, NULL, NULL, out, sizeof out));
    g_assert_false(capture_cmdline("console=ttyS0", NULL, NULL, tiny, sizeof tiny));
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/agent/messages", test_messages);
    g_test_add_func("/agent/breaks", test_breaks);
    g_test_add_func("/agent/announced-then-json", test_announced_then_json);
    g_test_add_func("/agent/depth", test_depth);
    g_test_add_func("/agent/headers", test_headers);
    g_test_add_func("/agent/bounded", test_bounded);
    g_test_add_func("/agent/noise", test_noise);
    g_test_add_func("/agent/encode", test_encode);
    g_test_add_func("/agent/capture-cmdline", test_cmdline);
    return g_test_run();
}
