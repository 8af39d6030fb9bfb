/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * `kreglab-worker cells`: lives one cell after the other, as its parent gives them: lines of JSON
 * on stdin, {"cell":DIR,"warm":bool,"cold_why":TEXT|null,"next":cell.json|null}. Events go to
 * descriptor 3 and name their cell; {"event":"cell-done","cell":ID,"status":N} ends one, with what
 * would be `cell`'s exit status. The end of stdin ends it; SIGTERM does, too, and leaves no result.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include <glib-unix.h>

#include "lab-error.h"
#include "lab-file.h"
#include "lab-json.h"
#include "lab-life.h"
#include "lab-log.h"
#include "lab-verb-io.h"
#include "lab-verbs.h"

#define EVENT_FD    3
#define MAX_REQUEST (1u << 20)

typedef struct {
    GString *input; /* of stdin, from the next request on */
    gboolean ended; /* there is no more */
    gboolean told;  /* to end, by a signal */
} Requests;

static gboolean
on_stdin(int fd, GIOCondition condition, gpointer data)
{
    Requests *requests = data;
    char bytes[65536];
    ssize_t n = read(fd, bytes, sizeof bytes);

    if (n > 0 && requests->input->len + (gsize)n <= MAX_REQUEST)
        g_string_append_len(requests->input, bytes, n);
    else if (n >= 0 || (errno != EINTR && errno != EAGAIN))
        requests->ended = TRUE;
    return G_SOURCE_CONTINUE;
}

static gboolean
on_told(int fd, GIOCondition condition, gpointer data)
{
    ((Requests *)data)->told = TRUE;
    return G_SOURCE_REMOVE;
}

/* The next request's line, cut out of the input; NULL: there will be none. What waits (a clone
 * that was started ahead) goes on meanwhile: the main context turns. g_free. */
static char *
next_line(Requests *requests, int told_fd)
{
    guint input = g_unix_fd_add(STDIN_FILENO, G_IO_IN | G_IO_HUP, on_stdin, requests);
    guint told = g_unix_fd_add(told_fd, G_IO_IN, on_told, requests);
    char *newline, *line = NULL;

    while (!(newline = memchr(requests->input->str, '\n', requests->input->len)) &&
           !requests->ended && !requests->told)
        g_main_context_iteration(NULL, TRUE);
    if (newline && !requests->told) {
        gssize length = newline - requests->input->str;

        line = g_strndup(requests->input->str, (gsize)length);
        g_string_erase(requests->input, 0, length + 1);
    }
    g_source_remove(input);
    if (!requests->told)
        g_source_remove(told);
    return line;
}

/* What is said from here on belongs to this cell. */
static gboolean
open_log(const char *directory, GError **error)
{
    g_autofree char *path = g_build_filename(directory, "worker.log", NULL);
    LAB_AUTO_FD fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);

    if (fd >= 0 && dup2(fd, STDOUT_FILENO) >= 0 && dup2(fd, STDERR_FILENO) >= 0)
        return TRUE;
    return lab_error_set_errno(error, errno, "opening '%s'", path);
}

static int
live(const json_t *request, const char *directory, LabStock *stock)
{
    int events = fcntl(EVENT_FD, F_GETFD) >= 0 ? EVENT_FD : -1;
    g_autoptr(GError) error = NULL;
    g_autoptr(LabLife) life = NULL;

    if (open_log(directory, &error))
        life = lab_life_new(directory, events, &error);
    if (life) {
        life->stock = stock;
        life->warm = lab_json_bool(request, "warm", FALSE) && !life->cell->cold_why;
        life->cold_why = g_strdup(lab_json_string(request, "cold_why"));
        if (life->warm && json_is_object(lab_json_member(request, "next")))
            life->next = lab_cell_from_json(lab_json_member(request, "next"), NULL);
        if (lab_life_run(life, &error))
            return LAB_EXIT_OK;
    }
    lab_error_log("%s", error->message);
    return lab_error_exit_code(error);
}

/* FALSE: what came is no request, and there is no telling what the parent means. */
static gboolean
take(const char *line, LabStock *stock, GError **error)
{
    g_autoptr(json_t) request = lab_json_parse(line, strlen(line), "request", error);
    const char *directory = lab_json_string(request, "cell");
    g_autofree char *name = NULL;
    int status;

    if (!request)
        return FALSE;
    if (!directory) {
        g_set_error(error, LAB_CONFIG_ERROR, LAB_ERROR_FAILED, "a request without \"cell\"");
        return FALSE;
    }
    name = g_path_get_basename(directory);
    status = live(request, directory, stock);
    /* Who was told to end gets no further cell: the parent hears of this one by the exit. */
    if (!lab_life_cancelled())
        lab_verb_send(json_pack("{s:s,s:o,s:i}", "event", "cell-done", "cell", lab_json_text(name),
                                "status", status));
    return TRUE;
}

int
lab_verb_cells(int argc, char **argv)
{
    Requests requests = {0};
    g_autoptr(GError) error = NULL;
    g_autoptr(LabStock) stock = NULL;
    int told_fd, status = LAB_EXIT_OK;
    char *line;

    if (argc != 1) {
        lab_error_log("usage: kreglab-worker cells <REQUESTS");
        return LAB_EXIT_CONFIG;
    }
    lab_life_cancel_on_signals();
    told_fd = lab_life_cancel_fd(&error);
    if (told_fd < 0) {
        lab_error_log("%s", error->message);
        return LAB_EXIT_INFRA;
    }
    requests.input = g_string_new(NULL);
    stock = lab_stock_new();
    while (!error && (line = next_line(&requests, told_fd))) {
        take(line, stock, &error);
        g_free(line);
    }
    if (error)
        lab_error_log("%s", error->message);
    if (error || requests.told)
        status = error ? lab_error_exit_code(error) : LAB_EXIT_INFRA;
    g_string_free(requests.input, TRUE);
    return status;
}
