/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The hotfix of a variant: loaded before the stressor, and what became of it. facts.hotfix of the
 * result is {"file", "module", "loaded":bool, "error":TEXT|null, "livepatch":null|{"enabled":bool,
 * "in_transition":bool, "transition_ms":N}}. */
#include "lab-life.h"

#include <errno.h>
#include <string.h>

#include "lab-error.h"
#include "lab-json.h"
#include "lab-log.h"

#define POLL_MS       100
#define TRANSITION_MS 20000

/* As the kernel names the module: the file's name with '_' for '-'. g_free. */
static char *
module_name(const char *path)
{
    g_autofree char *base = g_path_get_basename(path);

    if (g_str_has_suffix(base, ".ko"))
        base[strlen(base) - strlen(".ko")] = '\0';
    return g_strdelimit(g_steal_pointer(&base), "-", '_');
}

/* Reads /sys/kernel/livepatch/MODULE/WHAT; *value stays -1 where there is none. */
static LabWait
read_state(LabLife *life, const char *module, const char *what, gint64 deadline_ms, int *value,
           GError **error)
{
    g_autofree char *path = g_strdup_printf("/sys/kernel/livepatch/%s/%s", module, what);
    json_t *answer = NULL;
    LabWait end = lab_life_call(life, json_pack("{s:s,s:s}", "verb", "read", "name", path), NULL, 0,
                                deadline_ms, &answer, error);
    const char *text;

    if (end != LAB_WAIT_GOT)
        return end;
    text = lab_json_string(answer, "value");
    *value = lab_json_bool(answer, "ok", FALSE) && text ? *text == '1' : -1;
    return LAB_WAIT_GOT;
}

/* A live patch counts for a task only once that has passed a safe place: waits for all of them. A
 * transition that does not end is recorded and no reason to stop: so it is in production. */
static LabWait
watch_livepatch(LabLife *life, const char *module, gint64 deadline_ms, json_t *fact, GError **error)
{
    gint64 start_ms = lab_guest_now_ms(life->guest);
    gint64 end_ms = MIN(start_ms + TRANSITION_MS, deadline_ms - POLL_MS);
    int enabled = -1, transition = -1;
    LabWait end = read_state(life, module, "enabled", deadline_ms, &enabled, error);

    if (end != LAB_WAIT_GOT || enabled < 0)
        return end;
    for (;;) {
        end = read_state(life, module, "transition", deadline_ms, &transition, error);
        if (end != LAB_WAIT_GOT)
            return end;
        if (transition != 1 || lab_guest_now_ms(life->guest) >= end_ms)
            break;
        if (!lab_life_drain(life, NULL, lab_guest_now_ms(life->guest) + POLL_MS, error))
            return LAB_WAIT_ERROR;
    }
    json_object_set_new(fact, "livepatch",
                        json_pack("{s:b,s:b,s:I}", "enabled", enabled == 1, "in_transition",
                                  transition == 1, "transition_ms",
                                  (json_int_t)(lab_guest_now_ms(life->guest) - start_ms)));
    if (transition == 1)
        lab_life_warn(life,
                      "hotfix '%s': its transition has not ended: some tasks still run the "
                      "old code",
                      module);
    return LAB_WAIT_GOT;
}

LabWait
lab_life_load_hotfix(LabLife *life, gint64 deadline_ms, GError **error)
{
    g_autofree char *file = NULL;
    g_autofree char *module = NULL;
    g_autofree char *why = NULL;
    json_t *fact;
    json_t *answer = NULL;
    LabWait end;
    int code = 0;

    if (!life->hotfix_path)
        return LAB_WAIT_GOT;
    file = g_path_get_basename(life->hotfix_path);
    module = module_name(life->hotfix_path);
    fact = json_pack("{s:o,s:o,s:b,s:n,s:n}", "file", lab_json_text(file), "module",
                     lab_json_text(module), "loaded", FALSE, "error", "livepatch");
    json_object_set_new(life->found->facts, "hotfix", fact);
    end = lab_life_load_module(life,
                               json_pack("{s:s,s:s}", "verb", "insmod", "path", life->hotfix_path),
                               "hotfix", &code, &answer, error);
    if (end != LAB_WAIT_GOT)
        return end;
    why = lab_text_clean(lab_json_string(answer, "error") ? lab_json_string(answer, "error") : "",
                         -1, FALSE);
    json_object_set_new(fact, "error", code == 0 ? json_null() : lab_json_text(why));
    json_object_set_new(fact, "loaded", json_boolean(code == 0 || code == EEXIST));
    if (life->found->evidence.lacks_need)
        return LAB_WAIT_GOT;
    return watch_livepatch(life, module, deadline_ms, fact, error);
}
