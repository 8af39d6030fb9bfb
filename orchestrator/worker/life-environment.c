/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The guest's kernel as it was set up, just before the stressor starts (model/lab-environment.h).
 * A guest that booted for the cell is asked for all of it, which takes a while: the one that
 * becomes a template is asked once, its clones share the file, and what a cell's settings made of
 * it was read back when they were set. Where a module was loaded, all is asked for.
 *
 * result.json's "environment" is {"file":"environment.json"|null, "why_not":TEXT|null,
 * "changed":{NAME:TEXT}}: what is not as in the file. That it could not be read is no failure.
 */
#include "lab-life.h"

#include <fcntl.h>
#include <unistd.h>

#include "lab-environment.h"
#include "lab-error.h"
#include "lab-file.h"
#include "lab-json.h"
#include "lab-log.h"

/* A tenth of it is usual with an emulated processor. */
#define READ_MS 10000

/* Cells of one worker that found the same share one file; a template has one of its own. */
static gboolean
keep(LabLife *life, int dirfd, const json_t *environment, GError **error)
{
    LabStock *stock = dirfd == life->dirfd ? life->stock : NULL;
    g_autofree char *line = lab_json_line(environment);
    g_autofree char *digest = g_compute_checksum_for_string(G_CHECKSUM_SHA256, line, -1);
    const char *twin = stock ? lab_stock_twin(stock, digest) : NULL;

    if (twin) {
        (void)unlinkat(dirfd, LAB_ENVIRONMENT_FILE, 0);
        if (linkat(AT_FDCWD, twin, dirfd, LAB_ENVIRONMENT_FILE, 0) == 0)
            return TRUE;
    }
    if (!lab_json_write(dirfd, LAB_ENVIRONMENT_FILE, environment, 0600, error))
        return FALSE;
    if (stock)
        lab_stock_note_twin(stock, digest,
                            g_build_filename(life->directory, LAB_ENVIRONMENT_FILE, NULL));
    return TRUE;
}

/* 'changed' may be NULL. Steals it. */
static void
note(LabLife *life, const char *why_not, json_t *changed)
{
    json_decref(life->found->environment);
    life->found->environment =
        json_pack("{s:o, s:o, s:o}", "file", lab_json_text(why_not ? NULL : LAB_ENVIRONMENT_FILE),
                  "why_not", lab_json_text(why_not), "changed", changed ? changed : json_object());
}

/* Asks; *answer is NULL, with a note of why, where it did not come in time or is a refusal. */
static LabWait
ask(LabLife *life, json_t **answer, GError **error)
{
    gint64 limit_ms = lab_guest_now_ms(life->guest) + (gint64)(READ_MS * life->time_factor);
    json_t *request = json_pack("{s:s}", "verb", "environment");
    g_autofree char *why = NULL;
    LabWait end;

    *answer = NULL;
    end = lab_life_call(life, request, NULL, 0, limit_ms, answer, error);
    if (end == LAB_WAIT_DEADLINE) {
        note(life, "the agent did not answer in time", NULL);
        return LAB_WAIT_GOT;
    }
    if (end == LAB_WAIT_GOT && !lab_json_bool(*answer, "ok", FALSE)) {
        const char *text = lab_json_string(*answer, "error");

        why = lab_text_clean(text ? text : "?", -1, FALSE);
        note(life, why, NULL);
        *answer = NULL;
    }
    return end;
}

/* All of it, into a directory. */
static LabWait
read_all(LabLife *life, int dirfd, GError **error)
{
    json_t *answer;
    g_autoptr(json_t) environment = NULL;
    LabWait end = ask(life, &answer, error);

    if (end != LAB_WAIT_GOT || !answer)
        return end;
    environment = lab_environment_check(lab_json_member(answer, "environment"));
    if (!environment) {
        note(life, "what the agent answered is not modules and values", NULL);
        return LAB_WAIT_GOT;
    }
    note(life, NULL, NULL);
    return keep(life, dirfd, environment, error) ? LAB_WAIT_GOT : LAB_WAIT_ERROR;
}

/* What the settings of the cell changed of the template's. */
static void
note_settings(LabLife *life)
{
    const json_t *set = life->found->settings;
    g_autoptr(json_t)
        base = json_object_size(set) > 0
                   ? lab_json_read(life->dirfd, LAB_ENVIRONMENT_FILE, LAB_ENVIRONMENT_SCHEMA, NULL)
                   : NULL;

    note(life, NULL, lab_environment_changes(base, set));
}

LabWait
lab_life_environment(LabLife *life, GError **error)
{
    gboolean loaded = life->hotfix_path ||
                      (life->cell->setup.modules && *life->cell->setup.modules);

    if (!loaded && lab_json_bool(life->found->facts, "warm", FALSE) &&
        lab_file_exists(life->dirfd, LAB_ENVIRONMENT_FILE))
        note_settings(life);
    else
        return read_all(life, life->dirfd, error);
    return LAB_WAIT_GOT;
}

LabWait
lab_life_template_environment(LabLife *life, GError **error)
{
    LAB_AUTO_FD directory = lab_dir_open(AT_FDCWD, lab_guest_directory(life->guest), error);

    return directory < 0 ? LAB_WAIT_ERROR : read_all(life, directory, error);
}
