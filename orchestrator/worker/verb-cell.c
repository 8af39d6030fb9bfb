/* SPDX-License-Identifier: GPL-2.0-or-later */
/* `kreglab-worker cell DIR`: lives the cell of DIR/cell.json and leaves DIR/result.json. Exit
 * status 0 when that was written, whatever the outcome; 2 configuration, 3 infrastructure. */
#include <fcntl.h>
#include <string.h>

#include "lab-error.h"
#include "lab-life.h"
#include "lab-log.h"
#include "lab-verbs.h"

#define EVENT_FD 3

int
lab_verb_cell(int argc, char **argv)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(LabLife) life = NULL;

    if (argc != 2) {
        lab_error_log("usage: kreglab-worker cell DIR");
        return LAB_EXIT_CONFIG;
    }
    lab_life_cancel_on_signals();
    life = lab_life_new(argv[1], fcntl(EVENT_FD, F_GETFD) >= 0 ? EVENT_FD : -1, &error);
    if (life && lab_life_run(life, &error))
        return LAB_EXIT_OK;
    lab_error_log("%s", error->message);
    return lab_error_exit_code(error);
}
