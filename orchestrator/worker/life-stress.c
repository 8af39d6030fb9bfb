/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The stressor: start it, watch it, take the figures. */
#include "lab-life.h"

#include <errno.h>
#include <fcntl.h>

#include "lab-error.h"
#include "lab-file.h"
#include "lab-json.h"
#include "lab-log.h"

#define LAST_METRICS_MS 3000
#define LATE_REPORT_MS  1000

static json_t *
environment(const LabCell *cell)
{
    g_auto(GStrv) env = lab_cell_environment(cell);

    return lab_json_from_strv((const char *const *)env);
}

static json_t *
request(const LabLife *life)
{
    const LabStressor *stressor = &life->cell->stressor;
    json_t *json = json_object();

    if (stressor->kind == LAB_STRESSOR_MODULE) {
        g_autofree char *params = g_strjoinv(" ", stressor->args);

        json_object_set_new(json, "verb", json_string("insmod"));
        json_object_set_new(json, "path", lab_json_text(life->module_path));
        json_object_set_new(json, "params", lab_json_text(params));
        return json;
    }
    if (stressor->kind == LAB_STRESSOR_BUILTIN) {
        json_object_set_new(json, "verb", json_string("builtin"));
        json_object_set_new(json, "name", lab_json_text(stressor->value));
        json_object_set_new(json, "args", lab_json_from_strv((const char *const *)stressor->args));
    } else {
        json_object_set_new(json, "verb", json_string("exec"));
        json_object_set_new(json, "argv", lab_json_from_strv((const char *const *)life->argv));
    }
    json_object_set_new(json, "env", environment(life->cell));
    return json;
}

static json_t *
stressor_answer(LabLife *life)
{
    return g_hash_table_lookup(life->answers, GINT_TO_POINTER(life->stressor_id));
}

/* A module's stressor is its init function: its errno stands for the exit status. One that leaves
 * work behind (timers, threads) states a duration. */
static gboolean
module_done(LabLife *life)
{
    json_t *answer = stressor_answer(life);

    if (!answer)
        return FALSE;
    if (lab_json_bool(answer, "ok", FALSE) &&
        lab_guest_now_ms(life->guest) < life->run_ms + life->cell->stressor.duration_ms)
        return FALSE;
    life->found->exited = TRUE;
    life->found->exit_status =
        lab_json_bool(answer, "ok", FALSE) ? 0 : (int)lab_json_int(answer, "errno", EIO);
    return TRUE;
}

static gboolean
stressor_done(LabLife *life)
{
    json_t *answer = stressor_answer(life);

    if (life->cell->stressor.kind == LAB_STRESSOR_MODULE)
        return module_done(life);
    return life->found->exited || (answer && !lab_json_bool(answer, "ok", FALSE));
}

/* The stressor never ran: nothing is known about the kernel. A module that the kernel refuses as
 * such is the kernel's lack. */
static LabWait
check_started(LabLife *life, GError **error)
{
    json_t *answer = stressor_answer(life);
    const char *text = answer ? lab_json_string(answer, "error") : NULL;
    g_autofree char *clean = lab_text_clean(text ? text : "", -1, FALSE);

    if (!answer || lab_json_bool(answer, "ok", FALSE))
        return LAB_WAIT_GOT;
    if (life->cell->stressor.kind != LAB_STRESSOR_MODULE) {
        g_set_error(error, LAB_INFRA_ERROR, LAB_ERROR_FAILED,
                    "the guest could not start the stressor: %s", clean);
        return LAB_WAIT_ERROR;
    }
    if (life->found->exit_status == ENOEXEC || life->found->exit_status == EKEYREJECTED) {
        life->found->evidence.lacks_need = TRUE;
        life->found->why = g_strdup_printf("kernel %s refuses the recipe's module: %s",
                                           life->cell->kernel_release, clean);
    }
    return LAB_WAIT_GOT;
}

static gboolean
metrics_came(LabLife *life)
{
    return life->metrics_id < 0;
}

static void
take_vmstat(LabLife *life)
{
    const char *name;
    json_t *first;

    json_object_foreach (life->vmstat_first, name, first) {
        json_t *last = lab_json_member(life->vmstat_last, name);
        json_int_t delta = json_integer_value(last) - json_integer_value(first);

        if (last && delta != 0)
            json_object_set_new(life->found->vmstat, name, json_integer(delta));
    }
}

static gboolean
start(LabLife *life, GError **error)
{
    if (!lab_life_poll_metrics(life, 0, error))
        return FALSE;
    life->stressor_log = openat(life->dirfd, "stressor.log",
                                O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0600);
    if (life->stressor_log < 0)
        return lab_error_set_errno(error, errno, "opening stressor.log");
    lab_host_sample(&life->start_sample, lab_life_qemu_pid(life));
    life->run_ms = lab_guest_now_ms(life->guest);
    /* Output may overtake the return of send only in the next step: the id is known by then. */
    life->stressor_id = lab_life_send(life, request(life), NULL, 0, error);
    return life->stressor_id >= 0;
}

LabWait
lab_life_stress(LabLife *life, GError **error)
{
    LabWait end;

    lab_life_enter(life, "run");
    if (!start(life, error))
        return LAB_WAIT_ERROR;
    /* While the guest is at work. */
    lab_life_start_ahead(life);
    end = lab_life_wait(life, stressor_done, life->run_ms + life->cell->deadlines.run_ms, error);
    if (end == LAB_WAIT_GOT)
        end = check_started(life, error);
    if (end == LAB_WAIT_DEADLINE)
        life->found->evidence.deadline_passed = TRUE;
    if (end != LAB_WAIT_GOT || life->found->evidence.lacks_need)
        goto out;
    life->found->evidence.stressor_done = TRUE;
    /* The last figures, and time for a report that is just being printed. */
    if (!lab_life_poll_metrics(life, 0, error))
        return LAB_WAIT_ERROR;
    end = lab_life_wait(life, metrics_came, lab_guest_now_ms(life->guest) + LAST_METRICS_MS, error);
    if (end == LAB_WAIT_GOT && life->report_ms >= 0)
        end = lab_life_wait(life, NULL, lab_guest_now_ms(life->guest) + LATE_REPORT_MS, error);
    if (end == LAB_WAIT_DEADLINE)
        end = LAB_WAIT_GOT;
out:
    take_vmstat(life);
    return end;
}
