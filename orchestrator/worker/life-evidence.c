/* SPDX-License-Identifier: GPL-2.0-or-later */
/* After the end: what it was, and what can still be learnt from the guest. */
#include "lab-life.h"

#include <string.h>

#include "lab-error.h"
#include "lab-file.h"
#include "lab-json.h"
#include "lab-log.h"

#define PANIC_MESSAGE_MS 2000
#define NMI_PANIC_MS     10000
#define SAMPLES          5
#define SAMPLE_EVERY_MS  200

static gboolean
panic_told(LabLife *life)
{
    return life->panic_ended || life->capture_started || life->reset || life->shutdown;
}

static gboolean
panicked(LabLife *life)
{
    return life->panic_ms >= 0 || life->pvpanic_ms >= 0 || life->capture_started;
}

/* sysrq through the agent: w blocked tasks, t all tasks, l backtraces of all CPUs. The answers are
 * not waited for; the output is on the console. */
static gboolean
ask_agent(LabLife *life, const char *keys, GError **error)
{
    for (; !life->agent_bad && *keys; keys++) {
        const char key[] = {*keys, 0};

        if (lab_life_send(life, json_pack("{s:s,s:s}", "verb", "sysrq", "key", key), NULL, 0,
                          error) < 0)
            return FALSE;
    }
    return TRUE;
}

/* The console's own sysrq: for a guest whose agent does not answer. */
static gboolean
ask_console(LabLife *life, const char *keys, GError **error)
{
    for (; *keys; keys++)
        if (!lab_guest_console_send(life->guest, keys, 1, error))
            return FALSE;
    return TRUE;
}

static gboolean
sample_registers(LabLife *life, GString *text, GError **error)
{
    for (int i = 0; i < SAMPLES; i++) {
        g_autoptr(GError) bad = NULL;
        g_autofree char *registers = lab_guest_registers(life->guest, &bad);

        g_string_append_printf(text, "== registers, sample %d at %" G_GINT64_FORMAT " ms ==\n%s\n",
                               i + 1, lab_guest_now_ms(life->guest),
                               registers ? registers : bad->message);
        if (!lab_life_drain(life, NULL, lab_guest_now_ms(life->guest) + SAMPLE_EVERY_MS, error))
            return FALSE;
    }
    return TRUE;
}

static gboolean
write_hang(LabLife *life, GString *text, GError **error)
{
    g_string_append(text, "== console since ==\n");
    g_string_append_len(text, life->evidence_text->str, (gssize)life->evidence_text->len);
    if (lab_file_write(life->dirfd, "hang.txt", text->str, (gssize)text->len, 0600, error))
        return TRUE;
    g_prefix_error(error, "writing hang.txt: ");
    return FALSE;
}

/* sysrq and registers of a guest that does not stop by itself. */
static gboolean
interrogate(LabLife *life, GString *text, GError **error)
{
    gint64 patience_ms = life->cell->deadlines.evidence_ms;
    gint64 start_ms = lab_guest_now_ms(life->guest);

    life->parser_closed = TRUE;
    if (!ask_agent(life, "wtl", error) ||
        !lab_life_drain(life, panicked, start_ms + patience_ms / 2, error))
        return FALSE;
    if (life->evidence_text->len == 0 &&
        (!ask_console(life, "wtl", error) ||
         !lab_life_drain(life, panicked, start_ms + patience_ms, error)))
        return FALSE;
    return sample_registers(life, text, error);
}

/* A hang becomes a panic by NMI (unknown_nmi_panic): the dump needs a kernel that stopped. */
static gboolean
stop_by_nmi(LabLife *life, GString *text, GError **error)
{
    g_autoptr(GError) bad = NULL;

    if (panicked(life) || life->gone)
        return TRUE;
    life->nmi_sent = TRUE;
    if (!lab_guest_inject_nmi(life->guest, &bad)) {
        g_string_append_printf(text, "== no NMI: %s ==\n", bad->message);
        return TRUE;
    }
    if (!lab_life_drain(life, panicked, lab_guest_now_ms(life->guest) + NMI_PANIC_MS, error))
        return FALSE;
    if (!panicked(life))
        g_string_append(text, "== the NMI did not stop the kernel ==\n");
    return TRUE;
}

static void
judge_pressure(LabLife *life, const LabHostSample *from, const LabHostSample *to)
{
    LabEvidence *evidence = &life->found->evidence;
    g_autofree char *why = NULL;

    lab_host_pressed(from, to, &life->found->pressure);
    if (!lab_host_starved(from, to, &why))
        return;
    evidence->host_pressure = TRUE;
    lab_life_warn(life, "%s", why);
}

static gboolean
hang_evidence(LabLife *life, GError **error)
{
    g_autoptr(GString) text = g_string_new(NULL);
    LabHostSample now;

    life->found->evidence.heartbeat_lost = TRUE;
    lab_host_sample(&now, lab_life_qemu_pid(life));
    judge_pressure(life, &life->heartbeat_sample, &now);
    return interrogate(life, text, error) && stop_by_nmi(life, text, error) &&
           write_hang(life, text, error);
}

static gboolean
deadline_evidence(LabLife *life, GError **error)
{
    g_autoptr(GString) text = g_string_new(NULL);
    LabHostSample now;

    lab_host_sample(&now, lab_life_qemu_pid(life));
    judge_pressure(life, &life->start_sample, &now);
    if (life->found->evidence.reached_agent || life->found->evidence.heartbeat_lost)
        return interrogate(life, text, error) && write_hang(life, text, error);
    return TRUE;
}

static gboolean
stop_evidence(LabLife *life, GError **error)
{
    gint64 message_ms = MIN(PANIC_MESSAGE_MS, life->cell->deadlines.evidence_ms);

    if (life->gone && !panicked(life)) {
        g_set_error(error, LAB_INFRA_ERROR, LAB_ERROR_FAILED, "QEMU ended by itself: %s",
                    life->gone_why && *life->gone_why ? life->gone_why : "see qemu.log");
        return FALSE;
    }
    if (!lab_life_drain(life, panic_told, lab_guest_now_ms(life->guest) + message_ms, error))
        return FALSE;
    if (life->report_ms < 0)
        lab_host_sample(&life->report_sample, lab_life_qemu_pid(life));
    judge_pressure(life, &life->start_sample, &life->report_sample);
    return TRUE;
}

/* Facts that the phases did not set themselves. The panic that the lab's own NMI made is only
 * evidence where a report came before it. */
static void
note_end(LabLife *life)
{
    LabEvidence *evidence = &life->found->evidence;

    evidence->report |= life->report_ms >= 0;
    evidence->kernel_stopped = panicked(life) && (!life->nmi_sent || evidence->report);
    evidence->guest_gone = (life->reset || life->shutdown) && !panicked(life);
    if (life->report_ms >= 0 && life->run_ms >= 0)
        life->found->time_to_crash_ms = MAX(life->report_ms - life->run_ms, 0);
    lab_findings_judge_stressor(life->found);
}

gboolean
lab_life_evidence(LabLife *life, LabWait end, GError **error)
{
    gboolean ok = TRUE;
    LabHostSample now;

    lab_life_enter(life, "evidence");
    switch (end) {
    case LAB_WAIT_STOPPED:
        ok = stop_evidence(life, error);
        break;
    case LAB_WAIT_SILENT:
        ok = hang_evidence(life, error);
        break;
    case LAB_WAIT_DEADLINE:
        ok = deadline_evidence(life, error);
        break;
    case LAB_WAIT_GOT:
        lab_host_sample(&now, lab_life_qemu_pid(life));
        judge_pressure(life, &life->start_sample, &now);
        break;
    case LAB_WAIT_ERROR:
        break;
    }
    note_end(life);
    return ok;
}
