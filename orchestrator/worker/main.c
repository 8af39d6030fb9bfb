/* SPDX-License-Identifier: GPL-2.0-or-later */
/* kreglab-worker: the program that touches kernels and guests. People type `kreglab`; that starts
 * this one with a verb. */
#include <fcntl.h>
#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include <glib.h>

#include "lab-error.h"
#include "lab-file.h"
#include "lab-log.h"
#include "lab-paths.h"
#include "lab-verbs.h"

static const struct {
    const char *name;
    const char *summary;
    int (*run)(int argc, char **argv);
} verbs[] = {
    {"cell", "boot one guest, run its stressor, collect the evidence", lab_verb_cell},
    {"cells", "live cells one after the other, as they are given on stdin", lab_verb_cells},
    {"clean", "end guests whose worker is dead", lab_verb_clean},
    {"intake", "take a kernel into the store", lab_verb_intake},
    {"kernel-build", "build a kernel from source", lab_verb_kernel_build},
    {"kernel-list", "list a Debian suite's kernels", lab_verb_kernel_list},
    {"module-build", "build a module against a kernel", lab_verb_module_build},
    {"probe", "say what works on this host", lab_verb_probe},
    {"shell", "a shell in a guest, on this terminal", lab_verb_shell},
};

static void
print_verbs(FILE *file)
{
    fprintf(file, "usage: kreglab-worker VERB [ARGUMENT]\n\n"
                  "The part of kreglab that touches kernels and guests; `kreglab` starts it.\n\n");
    for (gsize i = 0; i < G_N_ELEMENTS(verbs); i++)
        fprintf(file, "  %-14s %s\n", verbs[i].name, verbs[i].summary);
}

/* While this process lives nothing is cleaned out of the cache: what it looked up stays there. The
 * descriptor is kept until the end. Without a cache directory to write into there is no cleaning
 * either. */
static void
hold_cache(void)
{
    g_autoptr(LabPaths) paths = lab_paths_new(NULL);
    g_autoptr(GError) error = NULL;
    LAB_AUTO_FD fd = lab_dir_make(AT_FDCWD, paths->cache, 0700, &error);

    if (fd >= 0 && lab_lock_share(fd, LAB_CACHE_LOCK, &error) < 0)
        lab_warn("%s", error->message);
}

int
main(int argc, char **argv)
{
    setlocale(LC_CTYPE, "C.UTF-8");
    signal(SIGPIPE, SIG_IGN);
    lab_log_init("kreglab-worker", g_getenv("KREGLAB_DEBUG") ? LAB_LOG_DEBUG : LAB_LOG_INFO);
    /* Descriptor 3 is the parent's; the programs that the worker starts must not hold it. */
    (void)fcntl(3, F_SETFD, FD_CLOEXEC);
    if (argc == 2 && strcmp(argv[1], "--help") == 0) {
        print_verbs(stdout);
        return LAB_EXIT_OK;
    }
    if (argc == 2 && strcmp(argv[1], "--version") == 0) {
        printf("kreglab-worker %s\n", KREGLAB_VERSION);
        return LAB_EXIT_OK;
    }
    for (gsize i = 0; argc >= 2 && i < G_N_ELEMENTS(verbs); i++)
        if (strcmp(argv[1], verbs[i].name) == 0) {
            hold_cache();
            return verbs[i].run(argc - 1, argv + 1);
        }
    if (argc >= 2)
        lab_error_log("unknown verb '%s'", argv[1]);
    print_verbs(stderr);
    return LAB_EXIT_CONFIG;
}
