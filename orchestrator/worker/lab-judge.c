/* SPDX-License-Identifier: GPL-2.0-or-later */
/* From what was collected to what it means: detectors, reached condition, the sentence. */
#include "lab-findings.h"

#include <string.h>

#include "lab-json.h"
#include "lab-log.h"

/* A limit that is not set is infinite. */
static gboolean
metric_violates(const LabFindings *found, const LabDetector *detector)
{
    json_t *value = json_object_get(found->metrics, detector->metric);
    double number = json_number_value(value);

    if (!value)
        return FALSE;
    return number > detector->max || number < detector->min;
}

static gboolean
watches_exit_status(const LabCell *cell)
{
    gboolean others = FALSE;

    for (guint i = 0; cell->detectors && i < cell->detectors->len; i++) {
        const LabDetector *detector = g_ptr_array_index(cell->detectors, i);

        if (g_strcmp0(detector->kind, "exit-status") == 0)
            return TRUE;
        others = TRUE;
    }
    return !others;
}

static const LabDetector *
violated_metric(const LabFindings *found)
{
    for (guint i = 0; found->cell->detectors && i < found->cell->detectors->len; i++) {
        const LabDetector *detector = g_ptr_array_index(found->cell->detectors, i);

        if (g_strcmp0(detector->kind, "metric") == 0 && detector->metric &&
            metric_violates(found, detector))
            return detector;
    }
    return NULL;
}

const char *
lab_findings_failed_metric(const LabFindings *found)
{
    const LabDetector *detector = violated_metric(found);

    return detector ? detector->metric : NULL;
}

/* The metric of a detector that the stressor never reported; borrowed. */
static const char *
missing_metric(const LabFindings *found)
{
    for (guint i = 0; found->cell->detectors && i < found->cell->detectors->len; i++) {
        const LabDetector *detector = g_ptr_array_index(found->cell->detectors, i);

        if (g_strcmp0(detector->kind, "metric") == 0 && detector->metric &&
            !json_object_get(found->metrics, detector->metric))
            return detector->metric;
    }
    return NULL;
}

static gboolean
exit_failed(const LabFindings *found)
{
    return found->exited && (found->exit_status != 0 || found->exit_signal != 0);
}

void
lab_findings_judge_stressor(LabFindings *found)
{
    const LabReached *reached = &found->cell->reached;
    LabEvidence *evidence = &found->evidence;

    evidence->stressor_failed = (exit_failed(found) && watches_exit_status(found->cell)) ||
                                found->pattern_line || violated_metric(found);
    /* A program that failed, or that never reported what is to be judged, did not do its job: that
     * is no pass even where the recipe does not call it a failure. */
    evidence->reached = !exit_failed(found) && !missing_metric(found);
    if (reached->metric) {
        json_t *value = json_object_get(found->metrics, reached->metric);

        if (!value || json_number_value(value) < reached->min)
            evidence->reached = FALSE;
    }
}

static char *
exit_why(const LabFindings *found)
{
    if (found->exit_signal)
        return g_strdup_printf("the stressor was killed by signal %d (%s)", found->exit_signal,
                               strsignal(found->exit_signal));
    return g_strdup_printf("the stressor ended with status %d", found->exit_status);
}

static char *
fail_why(const LabFindings *found)
{
    const LabDetector *metric = violated_metric(found);

    if (metric) {
        double value = json_number_value(json_object_get(found->metrics, metric->metric));
        gboolean over = value > metric->max;

        return g_strdup_printf("metric %s is %g, %s %g", metric->metric, value,
                               over ? "over the limit of" : "under the least of",
                               over ? metric->max : metric->min);
    }
    if (found->pattern_line) {
        g_autofree char *line = lab_text_clean(found->pattern_line, -1, FALSE);

        return g_strdup_printf("the console matched a pattern: %s", line);
    }
    return exit_why(found);
}

static char *
inconclusive_why(const LabFindings *found)
{
    const LabReached *reached = &found->cell->reached;
    json_t *value = reached->metric ? json_object_get(found->metrics, reached->metric) : NULL;

    if (reached->metric && value && json_number_value(value) < reached->min)
        return g_strdup_printf("not reached: %s is %g, at least %g was needed", reached->metric,
                               json_number_value(value), reached->min);
    if (exit_failed(found))
        return exit_why(found);
    return g_strdup_printf("not reached: the stressor reported no '%s'",
                           reached->metric && !value ? reached->metric : missing_metric(found));
}

static const char *
cause_title(const LabFindings *found)
{
    return found->log && found->log->cause ? found->log->cause->title : NULL;
}

static char *
boot_why(const LabFindings *found)
{
    const LabEvidence *e = &found->evidence;

    if (cause_title(found))
        return g_strdup_printf("before the agent was reached: %s", cause_title(found));
    if (e->kernel_stopped)
        return g_strdup("the kernel panicked before the agent was reached");
    if (e->guest_gone)
        return g_strdup("the guest reset or powered off before the agent was reached");
    return g_strdup("the kernel went silent before the agent was reached");
}

static char *
infra_why(const LabFindings *found)
{
    const LabEvidence *e = &found->evidence;

    if (e->host_pressure)
        return g_strdup("the host starved the guest: try again with fewer jobs");
    if (!e->reached_agent)
        return g_strdup(
            "the guest did not reach the agent in time, and nothing proves a kernel failure");
    return g_strdup("nothing proves what happened");
}

char *
lab_findings_why(const LabFindings *found, const LabFacts *facts)
{
    const char *title = cause_title(found);

    if (found->why)
        return g_strdup(found->why);
    switch (facts->outcome) {
    case LAB_OUTCOME_PASS:
        return g_strdup("the stressor ended well and the detectors were quiet");
    case LAB_OUTCOME_FAIL:
        return fail_why(found);
    case LAB_OUTCOME_CRASH:
        return g_strdup_printf("%s%s",
                               title ? title : "the kernel panicked without a readable report",
                               facts->survived ? " (the kernel went on)" : "");
    case LAB_OUTCOME_HANG:
        return g_strdup("heartbeat and console went silent on a healthy host");
    case LAB_OUTCOME_TIMEOUT:
        return g_strdup("the stressor was still running at its deadline, and the kernel alive");
    case LAB_OUTCOME_BOOT_FAILURE:
        return boot_why(found);
    case LAB_OUTCOME_LOST:
        return g_strdup("the guest reset or powered off without a report");
    case LAB_OUTCOME_INCONCLUSIVE:
        return inconclusive_why(found);
    case LAB_OUTCOME_NONE:
        break;
    }
    return infra_why(found);
}
