/* SPDX-License-Identifier: GPL-2.0-or-later */
/* `kreglab-worker clean [--dry-run]`: ends guests whose worker is dead and removes what they left.
 * On fd 3: {"event":"cleaned","guests":N,"directories":N,"alive":N}. */
#include <string.h>

#include "lab-error.h"
#include "lab-log.h"
#include "lab-paths.h"
#include "lab-runtime.h"
#include "lab-verb-io.h"
#include "lab-verbs.h"

int
lab_verb_clean(int argc, char **argv)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(LabPaths) paths = lab_paths_new(NULL);
    gboolean dry_run = argc == 2 && strcmp(argv[1], "--dry-run") == 0;
    LabCleaned cleaned = {0};

    if (argc > 2 || (argc == 2 && !dry_run)) {
        lab_error_log("usage: kreglab-worker clean [--dry-run]");
        return LAB_EXIT_CONFIG;
    }
    if (!lab_guest_clean(paths->data, dry_run, &cleaned, &error)) {
        lab_error_log("%s", error->message);
        return lab_error_exit_code(error);
    }
    lab_verb_send(json_pack("{s:s,s:i,s:i,s:i}", "event", "cleaned", "guests", cleaned.guests,
                            "directories", cleaned.directories, "alive", cleaned.alive));
    return LAB_EXIT_OK;
}
