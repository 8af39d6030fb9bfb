/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What is done in the guest before the stressor: clock and entropy, capture kernel, modules,
 * settings, payload. Each setting is recorded with its errno, and what the kernel is then.
 *
 * A setting that the kernel does not have (ENOENT) and a module that it lacks or refuses skip the
 * cell: the kernel lacks what the recipe needs. Any other failure of a setting is the lab's:
 * nothing is known about the kernel then.
 */
#include "lab-life.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#include "lab-error.h"
#include "lab-file.h"
#include "lab-json.h"
#include "lab-log.h"

#define PUT_CHUNK     (512u << 10)
#define ENTROPY_BYTES 64

static gint64
deadline(const LabLife *life)
{
    return life->hello_ms + life->cell->deadlines.setup_ms;
}

void
lab_life_record(LabLife *life, const char *what, const json_t *answer)
{
    gboolean ok = lab_json_bool(answer, "ok", FALSE);
    json_t *entry = json_object();

    json_object_set_new(entry, "set", lab_json_text(what));
    json_object_set_new(entry, "ok", json_boolean(ok));
    json_object_set_new(entry, "error",
                        ok ? json_null() : lab_json_text(lab_json_string(answer, "error")));
    if (!ok)
        json_object_set_new(entry, "errno", json_integer(lab_json_int(answer, "errno", 0)));
    json_array_append_new(life->found->setup, entry);
}

static int
answer_errno(const json_t *answer)
{
    return lab_json_bool(answer, "ok", FALSE) ? 0 : (int)lab_json_int(answer, "errno", EIO);
}

static void
lacks(LabLife *life, const char *what, const json_t *answer)
{
    g_autofree char *text = lab_text_clean(
        lab_json_string(answer, "error") ? lab_json_string(answer, "error") : "", -1, FALSE);

    life->found->evidence.lacks_need = TRUE;
    g_free(life->found->why);
    life->found->why = g_strdup_printf("kernel %s lacks what the recipe needs: %s: %s",
                                       life->cell->kernel_release, what, text);
}

static LabWait
setting_failed(LabLife *life, const char *what, const json_t *answer, GError **error)
{
    g_autofree char *text = lab_text_clean(
        lab_json_string(answer, "error") ? lab_json_string(answer, "error") : "", -1, FALSE);

    g_set_error(error, LAB_INFRA_ERROR, LAB_ERROR_FAILED, "in the guest, %s: %s", what, text);
    return LAB_WAIT_ERROR;
}

/* Sets clock and random pool: a nicety, so only recorded. */
static LabWait
set_clock(LabLife *life, GError **error)
{
    guint8 entropy[ENTROPY_BYTES];
    struct timespec now;
    json_t *answer = NULL;
    LabWait end;

    /* A clone was told when it woke up. */
    if (lab_json_bool(life->found->facts, "warm", FALSE))
        return LAB_WAIT_GOT;
    clock_gettime(CLOCK_REALTIME, &now);
    end = lab_life_call(life,
                        json_pack("{s:s,s:I}", "verb", "clock", "time_ns",
                                  (json_int_t)now.tv_sec * 1000000000 + now.tv_nsec),
                        NULL, 0, deadline(life), &answer, error);
    if (end != LAB_WAIT_GOT)
        return end;
    lab_life_record(life, "clock", answer);
    if (getrandom(entropy, sizeof entropy, 0) != (ssize_t)sizeof entropy)
        return LAB_WAIT_GOT;
    end = lab_life_call(life, json_pack("{s:s}", "verb", "entropy"), entropy, sizeof entropy,
                        deadline(life), &answer, error);
    if (end == LAB_WAIT_GOT)
        lab_life_record(life, "entropy", answer);
    return end;
}

static gint64
reserved_bytes(const LabLife *life)
{
    return lab_json_int(json_object_get(life->found->facts, "agent"), "kexec_crash_size", 0);
}

LabWait
lab_life_ask_capture(LabLife *life, gint64 deadline_ms, json_t **answer, GError **error)
{
    *answer = NULL;
    if (!life->cell->kdump || life->found->dump.why_not || reserved_bytes(life) <= 0)
        return LAB_WAIT_GOT;
    return lab_life_call(life, json_pack("{s:s,s:s}", "verb", "load-capture", "method", "auto"),
                         NULL, 0, deadline_ms, answer, error);
}

/* A capture kernel that does not load is no failure: the dump is taken from the host then. */
static LabWait
load_capture(LabLife *life, GError **error)
{
    LabDumpFindings *dump = &life->found->dump;
    json_t *answer = life->capture_answer;
    LabWait end = answer ? LAB_WAIT_GOT
                         : lab_life_ask_capture(life, deadline(life), &answer, error);

    if (end != LAB_WAIT_GOT || !life->cell->kdump || dump->why_not)
        return end;
    if (!json_is_object(answer)) {
        dump->why_not = "not-possible";
        dump->detail = g_strdup_printf("the kernel reserved no memory for crashkernel=%uM",
                                       life->crashkernel_mib);
        return LAB_WAIT_GOT;
    }
    lab_life_record(life, "load-capture", answer);
    life->capture_loaded = answer_errno(answer) == 0;
    if (!life->capture_loaded) {
        const char *text = lab_json_string(answer, "error");
        g_autofree char *clean = lab_text_clean(text ? text : "", -1, FALSE);

        dump->why_not = "load-refused";
        dump->detail = g_strdup_printf("errno %d: %s", answer_errno(answer), clean);
    }
    return LAB_WAIT_GOT;
}

LabWait
lab_life_load_module(LabLife *life, json_t *request, const char *what, int *code, json_t **answer,
                     GError **error)
{
    LabWait end = lab_life_call(life, request, NULL, 0, deadline(life), answer, error);

    if (end != LAB_WAIT_GOT)
        return end;
    lab_life_record(life, what, *answer);
    *code = answer_errno(*answer);
    if (*code != 0 && *code != EEXIST)
        lacks(life, what, *answer);
    return LAB_WAIT_GOT;
}

static LabWait
set_one(LabLife *life, const char *setting, GError **error)
{
    json_t *answer = NULL;
    LabWait end = lab_life_call(life, json_pack("{s:s,s:s}", "verb", "set", "set", setting), NULL,
                                0, deadline(life), &answer, error);

    if (end != LAB_WAIT_GOT)
        return end;
    lab_life_record(life, setting, answer);
    if (lab_json_member(answer, "value"))
        json_object_set(life->found->settings, setting, lab_json_member(answer, "value"));
    if (answer_errno(answer) == ENOENT)
        lacks(life, setting, answer);
    else if (answer_errno(answer) != 0)
        return setting_failed(life, setting, answer, error);
    return LAB_WAIT_GOT;
}

static LabWait
put_file(LabLife *life, const LabPayload *payload, GError **error)
{
    LAB_AUTO_FD fd = open(payload->source, O_RDONLY | O_CLOEXEC);
    g_autofree char *chunk = g_malloc(PUT_CHUNK);
    gint64 offset = 0;

    if (fd < 0) {
        lab_error_set_errno(error, errno, "opening '%s'", payload->source);
        return LAB_WAIT_ERROR;
    }
    for (;;) {
        ssize_t n = read(fd, chunk, PUT_CHUNK);
        json_t *answer = NULL;
        LabWait end;

        if (n < 0) {
            lab_error_set_errno(error, errno, "reading '%s'", payload->source);
            return LAB_WAIT_ERROR;
        }
        if (n == 0 && offset > 0)
            return LAB_WAIT_GOT;
        end =
            lab_life_call(life,
                          json_pack("{s:s,s:s,s:i,s:I}", "verb", "put", "path", payload->guest_path,
                                    "mode", payload->mode, "offset", (json_int_t)offset),
                          chunk, (gsize)n, deadline(life), &answer, error);
        if (end != LAB_WAIT_GOT)
            return end;
        if (answer_errno(answer) != 0)
            return setting_failed(life, payload->guest_path, answer, error);
        if (n == 0)
            return LAB_WAIT_GOT;
        offset += n;
    }
}

static LabWait
set_all(LabLife *life, char **settings, GError **error)
{
    for (char **setting = settings; setting && *setting; setting++) {
        LabWait end = set_one(life, *setting, error);

        if (end != LAB_WAIT_GOT || life->found->evidence.lacks_need)
            return end;
    }
    return LAB_WAIT_GOT;
}

static LabWait
load_modules(LabLife *life, GError **error)
{
    for (char **module = life->cell->setup.modules; module && *module; module++) {
        g_autofree char *what = g_strdup_printf("module %s", *module);
        g_auto(GStrv) words = g_strsplit(*module, " ", 2); /* NAME or NAME PARAMETERS */
        json_t *answer = NULL;
        int code = 0;
        LabWait end = lab_life_load_module(life,
                                           json_pack("{s:s,s:s,s:s}", "verb", "insmod", "module",
                                                     words[0], "params", words[1] ? words[1] : ""),
                                           what, &code, &answer, error);

        if (end != LAB_WAIT_GOT || life->found->evidence.lacks_need)
            return end;
    }
    return LAB_WAIT_GOT;
}

static LabWait
put_all(LabLife *life, GError **error)
{
    for (guint i = 0; i < life->payload->len; i++) {
        LabWait end = put_file(life, g_ptr_array_index(life->payload, i), error);

        if (end != LAB_WAIT_GOT)
            return end;
    }
    return LAB_WAIT_GOT;
}

static LabWait
load_hotfix(LabLife *life, GError **error)
{
    return lab_life_load_hotfix(life, deadline(life), error);
}

static LabWait
set_sysctls(LabLife *life, GError **error)
{
    return set_all(life, life->cell->setup.sysctl, error);
}

static LabWait
set_sysfs(LabLife *life, GError **error)
{
    return set_all(life, life->cell->setup.sysfs, error);
}

LabWait
lab_life_setup(LabLife *life, GError **error)
{
    static LabWait (*const steps[])(LabLife *, GError **) = {
        set_clock,   load_capture, load_modules, put_all,
        load_hotfix, set_sysfs,    set_sysctls,  lab_life_environment,
    };

    lab_life_enter(life, "setup");
    for (gsize i = 0; i < G_N_ELEMENTS(steps); i++) {
        LabWait end = steps[i](life, error);

        if (end == LAB_WAIT_DEADLINE) {
            life->found->evidence.deadline_passed = TRUE;
            life->found->why = g_strdup_printf("the setup did not end in %" G_GINT64_FORMAT " s",
                                               life->cell->deadlines.setup_ms / 1000);
        }
        if (end != LAB_WAIT_GOT || life->found->evidence.lacks_need)
            return end;
    }
    return LAB_WAIT_GOT;
}
