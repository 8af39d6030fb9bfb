/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A guest that is saved after its boot and cloned many times. All clones wake up with the same
 * clock, the same random pool and in the middle of the same poll(2): the first request tells them
 * the time, gives them entropy of their own and has them prove what they are clones of.
 */
#include "agent.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define TOKEN_MAX 128

static char token[TOKEN_MAX + 1]; /* empty: this guest was never made a template */
static int clones;                /* how often the verb 'clone' came: 1 in a fresh clone */

/* What cannot be the same in another boot, and what a clone has to bring along. */
static json_t *
identity_json(void)
{
    char boot_id[64];
    json_t *json = json_object();

    if (file_read("/proc/sys/kernel/random/boot_id", boot_id, sizeof boot_id) > 0) {
        boot_id[strcspn(boot_id, "\n")] = '\0';
        json_object_set_new(json, "boot_id", text_json(boot_id, strlen(boot_id)));
    }
    json_object_set_new(json, "token", json_string(token));
    json_object_set_new(json, "uptime_ms", json_integer(uptime_ms()));
    json_object_set_new(json, "capture_loaded", json_boolean(capture_is_loaded()));
    return json;
}

/* Letters, digits and '-' alone: it comes back in JSON, byte for byte. */
static bool
is_token(const char *text)
{
    return text && *text && strlen(text) <= TOKEN_MAX &&
           text[strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-")] ==
               '\0';
}

void
verb_template(Request *request)
{
    const char *given = request_string(request, "token");

    if (!is_token(given)) {
        answer_error(request, EINVAL, "template needs a token of 1 to %d letters and digits",
                     TOKEN_MAX);
        return;
    }
    strcpy(token, given);
    answer_ok(request, identity_json());
}

/* Clock and pool are done as well as they go: what failed is said, and the host decides. */
void
verb_clone(Request *request)
{
    int64_t time_ns = request_int(request, "time_ns", -1), offset_ns = 0;
    bool credited = false;
    json_t *answer;

    if (token[0] == '\0') {
        answer_error(request, ENODATA, "this guest was never made a template");
        return;
    }
    if (time_ns < 0 || request->length == 0 || request->length > ENTROPY_MAX) {
        answer_error(request, EINVAL, "clone needs time_ns and 1 to %d bytes of entropy",
                     ENTROPY_MAX);
        return;
    }
    answer = identity_json();
    json_object_set_new(answer, "clock_errno", json_integer(clock_set(time_ns, &offset_ns)));
    json_object_set_new(answer, "offset_ns", json_integer(offset_ns));
    json_object_set_new(answer, "entropy_errno",
                        json_integer(entropy_stir(request->data, request->length, &credited)));
    json_object_set_new(answer, "credited", json_boolean(credited));
    json_object_set_new(answer, "n", json_integer(++clones));
    answer_ok(request, answer);
}
