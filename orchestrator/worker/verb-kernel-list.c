/* SPDX-License-Identifier: GPL-2.0-or-later */
/* `kreglab-worker kernel-list SUITE FLAVOUR`: the image packages of one flavour ("cloud-amd64")
 * that a suite of the Debian archive has, on fd 3: {"event":"packages","packages":[NAME,…]}. */
#include <string.h>

#include "lab-apt.h"
#include "lab-error.h"
#include "lab-log.h"
#include "lab-paths.h"
#include "lab-verb-io.h"
#include "lab-verbs.h"

static gboolean
is_sane(const char *word)
{
    return *word && *word != '-' &&
           strspn(word, "abcdefghijklmnopqrstuvwxyz0123456789-") == strlen(word);
}

static gboolean
run(const char *suite, const char *flavour, GError **error)
{
    g_autoptr(LabPaths) paths = lab_paths_new(NULL);
    /* Three numbers at least: "6.12-cloud-amd64" names the newest of a line. No other word before
     * the flavour: "amd64" is not "cloud-amd64". */
    g_autofree char *regex =
        g_strdup_printf("^linux-image-[0-9]+\\.[0-9]+\\.[0-9][^-]*(-[0-9][^-]*)?-%s$", flavour);
    g_autoptr(LabApt) apt = NULL;
    g_auto(GStrv) names = NULL;

    if (!is_sane(suite) || !is_sane(flavour)) {
        g_set_error(error, LAB_CONFIG_ERROR, LAB_ERROR_FAILED,
                    "'%s' and '%s' are no suite and flavour, as in 'bookworm' and 'cloud-amd64'",
                    suite, flavour);
        return FALSE;
    }
    apt = lab_apt_open(paths->cache, suite, error);
    if (!apt)
        return FALSE;
    names = lab_apt_search(apt, regex);
    if (!*names) {
        g_set_error(error, LAB_CONFIG_ERROR, LAB_ERROR_NOT_FOUND,
                    "suite '%s' has no kernels of flavour '%s'", suite, flavour);
        return FALSE;
    }
    lab_verb_send(json_pack("{s:s, s:o}", "event", "packages", "packages",
                            lab_json_from_strv((const char *const *)names)));
    return TRUE;
}

int
lab_verb_kernel_list(int argc, char **argv)
{
    g_autoptr(GError) error = NULL;

    if (argc != 3) {
        lab_error_log("kernel-list takes a suite and a flavour");
        return LAB_EXIT_CONFIG;
    }
    if (run(argv[1], argv[2], &error))
        return LAB_EXIT_OK;
    lab_error_log("%s", error->message);
    return lab_error_exit_code(error);
}
