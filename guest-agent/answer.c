/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "agent.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

json_t *
text_json(const char *text, size_t length)
{
    json_t *json = json_stringn(text, length);
    char *copy;

    if (json)
        return json;
    copy = malloc(length + 1);
    if (!copy)
        return json_null();
    for (size_t i = 0; i < length; i++)
        copy[i] = (text[i] & 0x80) != 0 || text[i] == '\0' ? '?' : text[i];
    json = json_stringn(copy, length);
    free(copy);
    return json ? json : json_null();
}

void
answer_ok_bytes(const Request *request, json_t *fields, const void *data, size_t length)
{
    json_t *answer = fields ? fields : json_object();

    json_object_set_new(answer, "id", json_integer(request->id));
    json_object_set_new(answer, "ok", json_true());
    port_send(answer, data, length);
}

void
answer_ok(const Request *request, json_t *fields)
{
    answer_ok_bytes(request, fields, NULL, 0);
}

void
answer_error(const Request *request, int error_number, const char *format, ...)
{
    json_t *answer = json_object();
    char text[600];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    json_object_set_new(answer, "id", json_integer(request->id));
    json_object_set_new(answer, "ok", json_false());
    json_object_set_new(answer, "errno", json_integer(error_number));
    json_object_set_new(answer, "error", text_json(text, strlen(text)));
    port_send(answer, NULL, 0);
}

const char *
request_string(const Request *request, const char *key)
{
    return json_string_value(json_object_get(request->json, key));
}

int64_t
request_int(const Request *request, const char *key, int64_t otherwise)
{
    const json_t *value = json_object_get(request->json, key);

    return json_is_integer(value) ? json_integer_value(value) : otherwise;
}

json_t *
hello_json(bool event)
{
    static const char *const modes[] = {"init", "capture", "service"};
    char text[4096];
    struct utsname names;
    json_t *hello = json_object();
    ssize_t n;

    if (event)
        json_object_set_new(hello, "event", json_string("hello"));
    json_object_set_new(hello, "version", json_integer(LAB_PROTOCOL_VERSION));
    json_object_set_new(hello, "agent", json_string(KREGLAB_VERSION));
    if (uname(&names) == 0) {
        json_object_set_new(hello, "release", text_json(names.release, strlen(names.release)));
        json_object_set_new(hello, "machine", text_json(names.machine, strlen(names.machine)));
    }
    json_object_set_new(hello, "mode", json_string(modes[agent.mode]));
    json_object_set_new(hello, "boot_ms", json_integer(uptime_ms()));
    json_object_set_new(hello, "cpus", json_integer(sysconf(_SC_NPROCESSORS_ONLN)));
    n = file_read("/proc/cmdline", text, sizeof text);
    while (n > 0 && text[n - 1] == '\n')
        n--;
    if (n >= 0)
        json_object_set_new(hello, "cmdline", text_json(text, (size_t)n));
    if (file_read("/sys/kernel/kexec_crash_size", text, sizeof text) > 0)
        json_object_set_new(hello, "kexec_crash_size", json_integer(atoll(text)));
    json_object_set(hello, "module_errors", agent.module_errors);
    return hello;
}
