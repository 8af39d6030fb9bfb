/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Reading what was collected: console, vmcore, and which of them tells the crash best. */
#include "lab-life.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lab-core.h"
#include "lab-error.h"
#include "lab-file.h"
#include "lab-json.h"
#include "lab-log.h"
#include "lab-proc.h"

#define MAX_DMESG_BYTES (64u << 20)
#define MAKEDUMPFILE_MS 60000
#define VMCORE_DMESG    "vmcore.dmesg.txt"

const char *
lab_life_without_mark(const char *line, gsize *length)
{
    gsize i = 2;

    if (*length < 4 || line[0] != '@' || line[1] != '+')
        return line;
    while (i < *length && g_ascii_isdigit(line[i]))
        i++;
    if (i == 2 || i >= *length || line[i] != ' ')
        return line;
    *length -= i + 1;
    return line + i + 1;
}

/* Appends a log line by line: a console may be large. */
static gboolean
append_log(LabLife *life, const char *name, GByteArray *text, GError **error)
{
    int fd = openat(life->dirfd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    char *line = NULL;
    size_t size = 0;
    ssize_t n;
    FILE *file;

    if (fd < 0 && errno == ENOENT)
        return TRUE;
    file = fd < 0 ? NULL : fdopen(fd, "r");
    if (!file)
        return lab_error_set_errno(error, errno, "opening '%s'", name);
    while (text->len < MAX_DMESG_BYTES && (n = getline(&line, &size, file)) > 0) {
        gsize length = (gsize)n;
        const char *bare = lab_life_without_mark(line, &length);

        g_byte_array_append(text, (const guint8 *)bare, (guint)MIN(length, 1u << 20));
    }
    free(line);
    fclose(file);
    return TRUE;
}

/* dmesg.txt from the console, a clone's after that of its template's boot. */
static gboolean
dmesg_from_console(LabLife *life, GError **error)
{
    g_autoptr(GByteArray) text = g_byte_array_new();

    if (!append_log(life, "boot.log", text, error) || !append_log(life, "console.log", text, error))
        return FALSE;
    return lab_file_write(life->dirfd, "dmesg.txt", text->data ? (char *)text->data : "",
                          (gssize)text->len, 0600, error);
}

/* The reason, in one line, why a program did not do its job. */
static char *
program_reason(const LabProcResult *result, const GError *error)
{
    g_autofree char *text = NULL;
    char *last;

    if (error)
        return g_strdup(error->message);
    text = lab_text_clean(*result->errors ? result->errors : result->output, -1, TRUE);
    g_strchomp(text);
    last = strrchr(text, '\n');
    return g_strdup_printf("ended with %d: %s", result->status, last ? last + 1 : text);
}

/* makedumpfile reads the dump's dmesg: the first proof that a vmcore is one. */
static gboolean
check_with_makedumpfile(LabLife *life)
{
    g_autofree char *vmcore = g_build_filename(life->directory, "vmcore", NULL);
    g_autofree char *output = g_build_filename(life->directory, VMCORE_DMESG, NULL);
    const char *argv[] = {"makedumpfile", "--dump-dmesg", vmcore, output, NULL};
    LabProcOptions options = {.timeout_ms = MAKEDUMPFILE_MS};
    g_auto(LabProcResult) result = {0};
    g_autoptr(GError) error = NULL;
    LabDumpFindings *dump = &life->found->dump;
    struct stat status;

    lab_path_remove(life->dirfd, VMCORE_DMESG, NULL);
    if (!lab_proc_run(argv, &options, &result, &error) || result.status != 0)
        dump->makedumpfile = program_reason(&result, error);
    else if (fstatat(life->dirfd, VMCORE_DMESG, &status, AT_SYMLINK_NOFOLLOW) < 0 ||
             status.st_size == 0)
        dump->makedumpfile = g_strdup("the dmesg is empty");
    else
        dump->makedumpfile = g_strdup("ok");
    if (strcmp(dump->makedumpfile, "ok") == 0)
        return TRUE;
    lab_path_remove(life->dirfd, VMCORE_DMESG, NULL);
    return FALSE;
}

/* The dump's log with the callers of its lines, which makedumpfile leaves out: with them,
 * interleaved reports can be taken apart. NULL where there is none. */
static char *
read_with_callers(LabLife *life, gsize *length)
{
    g_autofree char *vmcore = g_build_filename(life->directory, "vmcore", NULL);
    g_autoptr(LabCore) core = lab_core_open(vmcore, NULL);
    GString *text = core ? lab_core_dmesg(core, TRUE, NULL) : NULL;

    if (!text)
        return NULL;
    if (text->len > MAX_DMESG_BYTES)
        g_string_truncate(text, MAX_DMESG_BYTES);
    *length = text->len;
    if (lab_file_write(life->dirfd, VMCORE_DMESG, text->str, (gssize)text->len, 0600, NULL))
        return g_string_free(text, FALSE);
    g_string_free(text, TRUE);
    return NULL;
}

/* The text of vmcore.dmesg.txt, or NULL. */
static char *
read_vmcore_dmesg(LabLife *life, gsize *length)
{
    gboolean made = check_with_makedumpfile(life);
    char *text = read_with_callers(life, length);
    g_autoptr(GError) error = NULL;

    if (!text && made) {
        text = lab_file_read(life->dirfd, VMCORE_DMESG, MAX_DMESG_BYTES, length, &error);
        if (!text)
            lab_warn("%s", error->message);
    }
    if (text)
        life->found->dump.dmesg_bytes = (gint64)*length;
    return text;
}

/* What the lab itself provoked (sysrq, NMI) begins at the first of these lines. */
static gsize
length_before_evidence(const char *text, gsize length)
{
    static const char *const marks[] = {"sysrq: ", "Uhhuh. NMI received",
                                        "Kernel panic - not syncing: NMI"};
    gsize shortest = length;

    for (gsize i = 0; i < G_N_ELEMENTS(marks); i++) {
        const char *at = memmem(text, length, marks[i], strlen(marks[i]));

        if (at)
            shortest = MIN(shortest, (gsize)(at - text));
    }
    return shortest;
}

/* The vmcore's dmesg is whole where the console may have lost lines, and since 5.10 it carries the
 * callers; but its ring may have dropped the oldest reports. */
static gboolean
vmcore_is_better(const LabCrashLog *vmcore, const LabCrashLog *console)
{
    if (!vmcore->cause || vmcore->reports->len < console->reports->len)
        return FALSE;
    return !console->cause || !vmcore->cause->corrupted || console->cause->corrupted;
}

static gboolean
logs_differ(const LabCrashLog *a, const LabCrashLog *b)
{
    return g_strcmp0(a->k2, b->k2) != 0 || a->reports->len != b->reports->len;
}

static void
choose_log(LabLife *life, const char *text, gsize length)
{
    LabFindings *found = life->found;
    LabEvidence *evidence = &found->evidence;
    g_autoptr(LabCrashLog) other = NULL;

    if (life->nmi_sent || evidence->deadline_passed)
        length = length_before_evidence(text, length);
    other = lab_crash_log_parse(text, length);
    if (vmcore_is_better(other, found->log)) {
        LabCrashLog *console = found->log;

        if (!console->cause) {
            evidence->report = TRUE;
            evidence->kernel_stopped |= life->nmi_sent;
        }
        found->log = g_steal_pointer(&other);
        found->log_source = "vmcore";
        other = console;
    }
    if (logs_differ(found->log, other))
        found->other_log = g_steal_pointer(&other);
}

/* Init dying without a report is the agent's death, and no root file system a broken image. */
static void
blame_own_init(LabLife *life)
{
    static const char *const own[] = {"Attempted to kill init", "No working init found",
                                      "Unable to mount root fs", "No init found"};
    LabFindings *found = life->found;
    const LabCrashReport *cause = found->log->cause;

    if (found->evidence.reached_agent || !cause || !cause->title)
        return;
    for (gsize i = 0; i < G_N_ELEMENTS(own); i++) {
        if (!strstr(cause->title, own[i]))
            continue;
        found->evidence.lab_failed = TRUE;
        g_free(found->why);
        found->why = g_strdup_printf("the lab's own init did not come up: %s", cause->title);
    }
}

static gboolean
read_vmcore(LabLife *life, GError **error)
{
    gsize length = 0;
    g_autofree char *text = NULL;

    if (!life->found->dump.method)
        return dmesg_from_console(life, error);
    text = read_vmcore_dmesg(life, &length);
    if (!lab_life_check_with_crash(life, error))
        return FALSE;
    if (g_strcmp0(life->cell->keep_dumps, "none") == 0) {
        if (!lab_path_remove(life->dirfd, "vmcore", error))
            return FALSE;
        life->found->dump.kept = FALSE;
    }
    if (!text || life->found->dump.capture_kernel_state)
        return dmesg_from_console(life, error);
    choose_log(life, text, length);
    return lab_file_write(life->dirfd, "dmesg.txt", text, (gssize)length, 0600, error);
}

gboolean
lab_life_read_logs(LabLife *life, GError **error)
{
    LabFindings *found = life->found;
    gboolean ok;

    if (!found->log)
        found->log = lab_crash_parser_finish(life->parser);
    ok = read_vmcore(life, error);
    found->evidence.fragile = lab_findings_report_is_fragile(found->log);
    /* A line alone (a driver's "WARNING:", a second start) names a log, but proves no crash. */
    found->evidence.report |= found->log->cause &&
                              (!found->log->cause->weak || found->log->cause->frames->len);
    blame_own_init(life);
    return ok;
}
