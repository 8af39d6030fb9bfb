/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The agent's verbs for templates and clones, as they are, with a guest that is made up here. */
#include <errno.h>
#include <glib.h>
#include <string.h>

#include "agent.h"

Agent agent = {.watchdog = -1};

static json_t *sent; /* the last answer */
static int64_t clock_ns;
static char pool[ENTROPY_MAX];
static size_t pool_length;
static int clock_errno, entropy_errno;

bool
port_send(json_t *object, const void *data, size_t length)
{
    json_decref(sent);
    sent = object;
    return true;
}

ssize_t
file_read(const char *path, char *buffer, size_t size)
{
    if (strcmp(path, "/proc/sys/kernel/random/boot_id") != 0)
        return -ENOENT;
    g_strlcpy(buffer, "0f0f-1\n", size);
    return 7;
}

int64_t
uptime_ms(void)
{
    return 3141;
}

bool
capture_is_loaded(void)
{
    return true;
}

int
clock_set(int64_t time_ns, int64_t *offset_ns)
{
    *offset_ns = time_ns - clock_ns;
    clock_ns = clock_errno == 0 ? time_ns : clock_ns;
    return clock_errno;
}

int
entropy_stir(const void *bytes, size_t length, bool *credited)
{
    memcpy(pool, bytes, length);
    pool_length = length;
    *credited = entropy_errno == 0;
    return entropy_errno;
}

/* Takes the request's JSON as text. The answer's errno, 0 when it is a good one. */
static int
ask(void (*verb)(Request *), const char *text, const char *data)
{
    Request request = {.json = json_loads(text, 0, NULL),
                       .id = 7,
                       .data = (uint8_t *)g_strdup(data ? data : ""),
                       .length = data ? strlen(data) : 0};

    g_assert_nonnull(request.json);
    verb(&request);
    json_decref(request.json);
    g_free(request.data);
    g_assert_cmpint(json_integer_value(json_object_get(sent, "id")), ==, 7);
    return (int)json_integer_value(json_object_get(sent, "errno"));
}

static const char *
said(const char *key)
{
    return json_string_value(json_object_get(sent, key));
}

static void
test_tokens(void)
{
    static const char *const bad[] = {"{}", "{\"token\":\"\"}", "{\"token\":\"a b\"}",
                                      "{\"token\":7}", "{\"token\":\"a/b\"}"};
    g_autofree char *many = g_strnfill(129, 'a');
    g_autofree char *large = g_strdup_printf("{\"token\":\"%s\"}", many);

    g_assert_cmpint(ask(verb_clone, "{\"time_ns\":5}", "x"), ==, ENODATA);
    for (gsize i = 0; i < G_N_ELEMENTS(bad); i++)
        if (ask(verb_template, bad[i], NULL) != EINVAL)
            g_error("taken: %s", bad[i]);
    g_assert_cmpint(ask(verb_template, large, NULL), ==, EINVAL);
    g_assert_cmpint(ask(verb_clone, "{\"time_ns\":5}", "x"), ==, ENODATA);
    g_assert_cmpint(ask(verb_template, "{\"token\":\"Ab-9\"}", NULL), ==, 0);
    g_assert_cmpstr(said("token"), ==, "Ab-9");
    g_assert_cmpstr(said("boot_id"), ==, "0f0f-1");
    g_assert_true(json_is_true(json_object_get(sent, "capture_loaded")));
    g_assert_cmpint(json_integer_value(json_object_get(sent, "uptime_ms")), ==, 3141);
}

static void
test_clone(void)
{
    static const char *const bad[] = {"{}", "{\"time_ns\":-1}", "{\"time_ns\":\"5\"}"};
    g_autofree char *much = g_strnfill(ENTROPY_MAX + 1, 'e');

    g_assert_cmpint(ask(verb_template, "{\"token\":\"t1\"}", NULL), ==, 0);
    for (gsize i = 0; i < G_N_ELEMENTS(bad); i++)
        g_assert_cmpint(ask(verb_clone, bad[i], "x"), ==, EINVAL);
    g_assert_cmpint(ask(verb_clone, "{\"time_ns\":5}", NULL), ==, EINVAL);
    g_assert_cmpint(ask(verb_clone, "{\"time_ns\":5}", much), ==, EINVAL);
    g_assert_cmpuint(pool_length, ==, 0);

    clock_ns = 100;
    g_assert_cmpint(ask(verb_clone, "{\"time_ns\":5000}", "entropy"), ==, 0);
    g_assert_cmpint(clock_ns, ==, 5000);
    g_assert_cmpmem(pool, pool_length, "entropy", 7);
    g_assert_cmpstr(said("token"), ==, "t1");
    g_assert_cmpint(json_integer_value(json_object_get(sent, "offset_ns")), ==, 4900);
    g_assert_cmpint(json_integer_value(json_object_get(sent, "n")), ==, 1);
    g_assert_true(json_is_true(json_object_get(sent, "credited")));

    /* A second time it is no fresh clone; what does not work is said and no refusal. */
    clock_errno = EPERM;
    entropy_errno = EACCES;
    g_assert_cmpint(ask(verb_clone, "{\"time_ns\":6000}", "more"), ==, 0);
    g_assert_cmpint(json_integer_value(json_object_get(sent, "n")), ==, 2);
    g_assert_cmpint(json_integer_value(json_object_get(sent, "clock_errno")), ==, EPERM);
    g_assert_cmpint(json_integer_value(json_object_get(sent, "entropy_errno")), ==, EACCES);
    g_assert_true(json_is_false(json_object_get(sent, "credited")));
    json_decref(sent);
    sent = NULL;
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/agent-clone/tokens", test_tokens);
    g_test_add_func("/agent-clone/clone", test_clone);
    return g_test_run();
}
