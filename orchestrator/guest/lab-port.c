/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lab-port.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <glib-unix.h>

#include "lab-error.h"
#include "lab-file.h"

#define CHUNK       (64u << 10)
#define MAX_WAITING (64u << 20)

struct LabPort {
    char *path;       /* or a name in words: see 'listens' */
    gboolean listens; /* 'path' is a socket of ours */
    int listen_fd, fd;
    LabPortBytes bytes;
    void *user_data;
    GSource *in, *out;
    GByteArray *waiting;
    gsize sent; /* of 'waiting' */
    char *buffer;
};

static LabPort *
port_new(const char *name, LabPortBytes bytes, void *user_data)
{
    LabPort *port = g_new0(LabPort, 1);

    port->path = g_strdup(name);
    port->listen_fd = port->fd = -1;
    port->bytes = bytes;
    port->user_data = user_data;
    port->waiting = g_byte_array_new();
    port->buffer = g_malloc(CHUNK);
    return port;
}

LabPort *
lab_port_new(const char *path, gid_t group, LabPortBytes bytes, void *user_data, GError **error)
{
    union {
        struct sockaddr any;
        struct sockaddr_un local;
    } address = {.local.sun_family = AF_UNIX};
    LAB_AUTO_FD fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    LabPort *port;

    if (strlen(path) >= sizeof address.local.sun_path) {
        g_set_error(error, LAB_CONFIG_ERROR, LAB_ERROR_LIMIT,
                    "'%s' is too long for a socket: set KREGLAB_RUNTIME to a shorter directory",
                    path);
        return NULL;
    }
    g_strlcpy(address.local.sun_path, path, sizeof address.local.sun_path);
    unlink(path);
    if (fd < 0 || bind(fd, &address.any, sizeof address) < 0 ||
        chmod(path, group == (gid_t)-1 ? 0600 : 0660) < 0 ||
        (group != (gid_t)-1 && chown(path, (uid_t)-1, group) < 0) || listen(fd, 1) < 0) {
        lab_error_set_errno(error, errno, "listening at '%s'", path);
        return NULL;
    }
    port = port_new(path, bytes, user_data);
    port->listen_fd = g_steal_fd(&fd);
    port->listens = TRUE;
    return port;
}

static void
drop_source(GSource **source)
{
    if (!*source)
        return;
    g_source_destroy(*source);
    g_clear_pointer(source, g_source_unref);
}

void
lab_port_close(LabPort *port)
{
    drop_source(&port->in);
    drop_source(&port->out);
    lab_fd_close(&port->fd);
    lab_fd_close(&port->listen_fd);
}

void
lab_port_free(LabPort *port)
{
    if (!port)
        return;
    lab_port_close(port);
    if (port->listens)
        unlink(port->path);
    g_free(port->path);
    g_byte_array_unref(port->waiting);
    g_free(port->buffer);
    g_free(port);
}

/* FALSE: nothing more to read, now or ever. */
static gboolean
read_once(LabPort *port)
{
    ssize_t n = read(port->fd, port->buffer, CHUNK);

    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return FALSE;
    if (n > 0) {
        port->bytes(port->buffer, (gsize)n, port->user_data);
        return port->fd >= 0; /* the listener may have closed it */
    }
    lab_port_close(port);
    port->bytes(NULL, 0, port->user_data);
    return FALSE;
}

static gboolean
on_readable(int fd, GIOCondition condition, gpointer data)
{
    LabPort *port = data;

    read_once(port);
    return port->fd >= 0 ? G_SOURCE_CONTINUE : G_SOURCE_REMOVE;
}

void
lab_port_drain(LabPort *port)
{
    while (port->fd >= 0 && read_once(port))
        continue;
}

static void
watch(LabPort *port)
{
    port->in = g_unix_fd_source_new(port->fd, G_IO_IN | G_IO_HUP | G_IO_ERR);
    g_source_set_callback(port->in, (GSourceFunc)(void (*)(void))on_readable, port, NULL);
    g_source_attach(port->in, NULL);
}

LabPort *
lab_port_new_pair(const char *name, int *other, LabPortBytes bytes, void *user_data, GError **error)
{
    LabPort *port;
    int ends[2];

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) < 0) {
        lab_error_set_errno(error, errno, "making %s", name);
        return NULL;
    }
    port = port_new(name, bytes, user_data);
    port->fd = ends[0];
    *other = ends[1];
    watch(port);
    return port;
}

gboolean
lab_port_accept(LabPort *port, gint64 timeout_ms, pid_t *pid, GError **error)
{
    struct pollfd ready = {port->listen_fd, POLLIN, 0};
    struct ucred peer;
    socklen_t size = sizeof peer;

    if (poll(&ready, 1, (int)timeout_ms) <= 0) {
        g_set_error(error, LAB_INFRA_ERROR, LAB_ERROR_TIMEOUT,
                    "QEMU did not connect to '%s' within %" G_GINT64_FORMAT " ms", port->path,
                    timeout_ms);
        return FALSE;
    }
    port->fd = accept4(port->listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (port->fd < 0 || getsockopt(port->fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) < 0)
        return lab_error_set_errno(error, errno, "accepting QEMU's connection to '%s'", port->path);
    lab_fd_close(&port->listen_fd);
    *pid = peer.pid;
    watch(port);
    return TRUE;
}

/* Writes what the socket takes. FALSE: the other end is gone. */
static gboolean
write_some(LabPort *port)
{
    while (port->sent < port->waiting->len) {
        ssize_t n = send(port->fd, port->waiting->data + port->sent,
                         port->waiting->len - port->sent, MSG_NOSIGNAL);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return errno == EAGAIN;
        port->sent += (gsize)n;
    }
    g_byte_array_set_size(port->waiting, 0);
    port->sent = 0;
    return TRUE;
}

static gboolean
on_writable(int fd, GIOCondition condition, gpointer data)
{
    LabPort *port = data;

    if (write_some(port) && port->waiting->len > 0)
        return G_SOURCE_CONTINUE;
    g_clear_pointer(&port->out, g_source_unref);
    return G_SOURCE_REMOVE;
}

gboolean
lab_port_send(LabPort *port, const void *bytes, gsize length, GError **error)
{
    if (port->fd < 0) {
        g_set_error(error, LAB_INFRA_ERROR, LAB_ERROR_FAILED, "'%s' is closed", port->path);
        return FALSE;
    }
    if (port->waiting->len - port->sent + length > MAX_WAITING) {
        g_set_error(error, LAB_INFRA_ERROR, LAB_ERROR_LIMIT,
                    "the guest does not read: %u bytes wait for it", MAX_WAITING);
        return FALSE;
    }
    g_byte_array_append(port->waiting, bytes, (guint)length);
    if (!write_some(port)) {
        lab_error_set_errno(error, errno, "writing to '%s'", port->path);
        return FALSE;
    }
    if (port->waiting->len > 0 && !port->out) {
        port->out = g_unix_fd_source_new(port->fd, G_IO_OUT);
        g_source_set_callback(port->out, (GSourceFunc)(void (*)(void))on_writable, port, NULL);
        g_source_attach(port->out, NULL);
    }
    return TRUE;
}
