/* SPDX-License-Identifier: GPL-2.0-or-later */
/* `kreglab-worker cell DIR`: lives the cell of DIR/cell.json and leaves DIR/result.json. Exit
 * status 0 when that was written, whatever the outcome; 2 configuration, 3 infrastructure. */
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>

#include "lab-error.h"
#include "lab-life.h"
#include "lab-log.h"
#include "lab-verbs.h"

#define EVENT_FD 3

static void
on_signal(int number)
{
    lab_life_cancel();
}

/* A parent that is killed takes its workers along: they stop their guests and leave no result. */
static void
catch_signals(void)
{
    struct sigaction action = {.sa_handler = on_signal};

    sigemptyset(&action.sa_mask);
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGHUP, &action, NULL);
    prctl(PR_SET_PDEATHSIG, SIGTERM);
}

int
lab_verb_cell(int argc, char **argv)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(LabLife) life = NULL;

    if (argc != 2) {
        lab_error_log("usage: kreglab-worker cell DIR");
        return LAB_EXIT_CONFIG;
    }
    catch_signals();
    life = lab_life_new(argv[1], fcntl(EVENT_FD, F_GETFD) >= 0 ? EVENT_FD : -1, &error);
    if (life && lab_life_run(life, &error))
        return LAB_EXIT_OK;
    lab_error_log("%s", error->message);
    return lab_error_exit_code(error);
}
