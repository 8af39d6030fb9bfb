/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lab-qmp.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <glib-unix.h>

#include "lab-error.h"
#include "lab-file.h"
#include "lab-json.h"
#include "lab-log.h"

#define CHUNK       (64u << 10)
#define MAX_LINE    (4u << 20) /* registers of 255 CPUs are 1 MiB */
#define POSTED      0          /* the id of commands that nobody waits for */
#define SETUP_BYTES 4096

struct LabQmp {
    int fd;
    LabQmpEvent event;
    gpointer user_data;
    GSource *source;
    GByteArray *input;
    gint64 last_id;
    gint64 awaited; /* id that lab_qmp_call() waits for; 0: none */
    json_t *answer; /* to it */
    char *refused;  /* what QEMU said to a posted command, or NULL */
    gboolean gone;
};

static void
hang_up(LabQmp *qmp)
{
    if (qmp->gone)
        return;
    qmp->gone = TRUE;
    if (qmp->source)
        g_source_destroy(qmp->source);
    qmp->event(NULL, NULL, qmp->user_data);
}

static const char *
error_text(const json_t *message)
{
    const char *text = lab_json_string(lab_json_member(message, "error"), "desc");

    return text ? text : "it gave no reason";
}

static void
take_message(LabQmp *qmp, json_t *message)
{
    const char *event = lab_json_string(message, "event");
    gint64 id = lab_json_int(message, "id", -1);

    if (event) {
        qmp->event(event, lab_json_member(message, "data"), qmp->user_data);
    } else if (id > POSTED && id == qmp->awaited) {
        json_decref(qmp->answer);
        qmp->answer = json_incref(message);
    } else if (id == POSTED && lab_json_member(message, "error") && !qmp->refused) {
        qmp->refused = lab_text_clean(error_text(message), -1, FALSE);
    }
}

/* FALSE: this is no monitor any more. */
static gboolean
take_lines(LabQmp *qmp)
{
    for (;;) {
        const char *start = (const char *)qmp->input->data;
        const char *end = qmp->input->len ? memchr(start, '\n', qmp->input->len) : NULL;
        g_autoptr(json_t) message = NULL;

        if (!end)
            return qmp->input->len < MAX_LINE;
        message = lab_json_parse(start, (gsize)(end - start), "QEMU's monitor", NULL);
        g_byte_array_remove_range(qmp->input, 0, (guint)(end - start) + 1);
        if (!message) {
            lab_warn("QEMU's monitor does not speak JSON: it is left");
            return FALSE;
        }
        take_message(qmp, message);
    }
}

/* Reads once; never blocks longer than the descriptor has nothing. */
static void
read_some(LabQmp *qmp)
{
    g_autofree guint8 *buffer = g_malloc(CHUNK);
    ssize_t n = recv(qmp->fd, buffer, CHUNK, MSG_DONTWAIT);

    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n > 0)
        g_byte_array_append(qmp->input, buffer, (guint)n);
    if (n <= 0 || !take_lines(qmp))
        hang_up(qmp);
}

static gboolean
on_readable(int fd, GIOCondition condition, gpointer data)
{
    LabQmp *qmp = data;

    read_some(qmp);
    return qmp->gone ? G_SOURCE_REMOVE : G_SOURCE_CONTINUE;
}

LabQmp *
lab_qmp_new(int fd, LabQmpEvent event, gpointer user_data)
{
    LabQmp *qmp = g_new0(LabQmp, 1);

    qmp->fd = fd;
    qmp->event = event;
    qmp->user_data = user_data;
    qmp->input = g_byte_array_sized_new(SETUP_BYTES);
    qmp->source = g_unix_fd_source_new(fd, G_IO_IN | G_IO_HUP | G_IO_ERR);
    g_source_set_callback(qmp->source, (GSourceFunc)(void (*)(void))on_readable, qmp, NULL);
    g_source_attach(qmp->source, NULL);
    (void)lab_qmp_post(qmp, "qmp_capabilities", NULL, NULL);
    return qmp;
}

void
lab_qmp_free(LabQmp *qmp)
{
    if (!qmp)
        return;
    g_source_destroy(qmp->source);
    g_source_unref(qmp->source);
    lab_fd_close(&qmp->fd);
    g_byte_array_unref(qmp->input);
    json_decref(qmp->answer);
    g_free(qmp->refused);
    g_free(qmp);
}

static gboolean
set_gone(GError **error)
{
    g_set_error(error, LAB_INFRA_ERROR, LAB_ERROR_FAILED, "QEMU's monitor is gone");
    return FALSE;
}

/* Commands are short and QEMU reads them at once: the socket's buffer takes them whole. */
static gboolean
send_text(LabQmp *qmp, const char *text, int fd, GError **error)
{
    struct iovec bytes = {(void *)text, strlen(text)};
    union {
        struct cmsghdr header;
        char space[CMSG_SPACE(sizeof fd)];
    } control = {0};
    struct msghdr message = {.msg_iov = &bytes, .msg_iovlen = 1};

    if (fd >= 0) {
        message.msg_control = &control;
        message.msg_controllen = sizeof control;
        control.header.cmsg_level = SOL_SOCKET;
        control.header.cmsg_type = SCM_RIGHTS;
        control.header.cmsg_len = CMSG_LEN(sizeof fd);
        memcpy(CMSG_DATA(&control.header), &fd, sizeof fd);
    }
    if (sendmsg(qmp->fd, &message, MSG_NOSIGNAL) != (ssize_t)bytes.iov_len)
        return lab_error_set_errno(error, errno, "writing to QEMU's monitor");
    return TRUE;
}

static gboolean
send_command(LabQmp *qmp, gint64 id, const char *command, json_t *arguments, int fd, GError **error)
{
    g_autoptr(json_t) message = json_pack("{s:s, s:I}", "execute", command, "id", (json_int_t)id);
    g_autofree char *text = NULL;
    g_autofree char *line = NULL;

    if (arguments)
        json_object_set_new(message, "arguments", arguments);
    if (qmp->gone)
        return set_gone(error);
    text = lab_json_line(message);
    line = g_strconcat(text, "\n", NULL);
    return send_text(qmp, line, fd, error);
}

gboolean
lab_qmp_post(LabQmp *qmp, const char *command, json_t *arguments, GError **error)
{
    return send_command(qmp, POSTED, command, arguments, -1, error);
}

/* FALSE: gone, refused, or late. */
static gboolean
read_until(LabQmp *qmp, gboolean (*done)(LabQmp *qmp, gconstpointer data), gconstpointer data,
           const char *what, gint64 timeout_ms, GError **error)
{
    gint64 deadline_us = g_get_monotonic_time() + timeout_ms * 1000;

    while (!done(qmp, data)) {
        gint64 left_us = deadline_us - g_get_monotonic_time();
        struct pollfd ready = {qmp->fd, POLLIN, 0};

        if (qmp->refused) {
            g_set_error(error, LAB_INFRA_ERROR, LAB_ERROR_UNSUPPORTED, "%s: QEMU says: %s", what,
                        qmp->refused);
            return FALSE;
        }
        if (qmp->gone)
            return set_gone(error);
        if (left_us <= 0) {
            g_set_error(error, LAB_INFRA_ERROR, LAB_ERROR_TIMEOUT,
                        "%s: QEMU was not ready within %" G_GINT64_FORMAT " ms", what, timeout_ms);
            return FALSE;
        }
        if (poll(&ready, 1, (int)(left_us / 1000) + 1) > 0)
            read_some(qmp);
    }
    return TRUE;
}

static gboolean
has_answer(LabQmp *qmp, gconstpointer data)
{
    return qmp->answer != NULL;
}

json_t *
lab_qmp_call(LabQmp *qmp, const char *command, json_t *arguments, int fd, gint64 timeout_ms,
             GError **error)
{
    g_autoptr(json_t) answer = NULL;
    gint64 id = ++qmp->last_id;
    gboolean ok;

    if (!send_command(qmp, id, command, arguments, fd, error))
        return NULL;
    qmp->awaited = id;
    ok = read_until(qmp, has_answer, NULL, command, timeout_ms, error);
    qmp->awaited = 0;
    answer = g_steal_pointer(&qmp->answer);
    if (!ok)
        return NULL;
    if (lab_json_member(answer, "error")) {
        g_autofree char *text = lab_text_clean(error_text(answer), -1, FALSE);

        g_set_error(error, LAB_INFRA_ERROR, LAB_ERROR_UNSUPPORTED, "%s: QEMU says: %s", command,
                    text);
        return NULL;
    }
    return json_incref(lab_json_member(answer, "return"));
}

static gboolean
flag_is_set(LabQmp *qmp, gconstpointer data)
{
    return *(const gboolean *)data;
}

gboolean
lab_qmp_wait(LabQmp *qmp, const gboolean *done, const char *what, gint64 timeout_ms, GError **error)
{
    return read_until(qmp, flag_is_set, done, what, timeout_ms, error);
}
