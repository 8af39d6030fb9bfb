/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The virtio-serial port. Writes do not block in the kernel: a blocking write spins with interrupts
 * off until the host has taken the bytes (drivers/char/virtio_console.c, __send_to_port), and a
 * slow host would look like a soft lockup of the guest.
 */
#include "agent.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int the_port = -1;
static volatile bool connected;

/* The node of devtmpfs, or one made from sysfs where there is none. */
static int
open_node(const char *device)
{
    char path[300], text[64];
    unsigned int major_number, minor_number;
    int fd;

    snprintf(path, sizeof path, "/dev/%s", device);
    fd = open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC);
    if (fd >= 0 || errno != ENOENT)
        return fd;
    snprintf(path, sizeof path, "/sys/class/virtio-ports/%s/dev", device);
    if (file_read(path, text, sizeof text) <= 0 ||
        sscanf(text, "%u:%u", &major_number, &minor_number) != 2)
        return -1;
    snprintf(path, sizeof path, "/dev/%s", device);
    if (mknod(path, S_IFCHR | 0600, makedev(major_number, minor_number)) < 0)
        return -1;
    return open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC);
}

bool
port_find(const char *name)
{
    DIR *dir = opendir("/sys/class/virtio-ports");
    struct dirent *entry;

    while (dir && the_port < 0 && (entry = readdir(dir))) {
        char path[300], text[128];

        if (entry->d_name[0] == '.')
            continue;
        snprintf(path, sizeof path, "/sys/class/virtio-ports/%.200s/name", entry->d_name);
        if (file_read(path, text, sizeof text) <= 0)
            continue;
        text[strcspn(text, "\n")] = '\0';
        if (strcmp(text, name) == 0)
            the_port = open_node(entry->d_name);
    }
    if (dir)
        closedir(dir);
    return the_port >= 0;
}

bool
port_is_open(void)
{
    return the_port >= 0;
}

int
port_fd(void)
{
    return the_port;
}

bool
port_connected(void)
{
    return connected;
}

void
port_set_connected(bool value)
{
    connected = value;
}

void
port_close(void)
{
    pthread_mutex_lock(&lock);
    connected = false;
    if (the_port >= 0)
        close(the_port);
    the_port = -1;
    pthread_mutex_unlock(&lock);
}

/* With the lock held. A host that went away ends it; a host that does not read holds it up. */
static bool
write_all(const void *data, size_t length)
{
    const uint8_t *p = data;

    while (length > 0) {
        struct pollfd pfd = {.fd = the_port, .events = POLLOUT};
        ssize_t n = write(the_port, p, length < 32768 ? length : 32768);

        if (n > 0) {
            p += n;
            length -= (size_t)n;
            continue;
        }
        if (n < 0 && errno == ENOMEM) {
            usleep(
                10000); /* the driver copies into fresh memory, which a stressor may have eaten */
            continue;
        }
        if (n < 0 && errno != EAGAIN && errno != EINTR)
            return false;
        if (poll(&pfd, 1, 1000) > 0 && (pfd.revents & (POLLHUP | POLLERR | POLLNVAL)) != 0)
            return false;
    }
    return true;
}

/* Everything in one buffer: each write(2) is a trip through the ring and out of the guest. */
static bool
write_joined(const void *first, size_t first_length, const void *second, size_t second_length)
{
    static uint8_t joined[32768]; /* under the lock */

    if (first_length + second_length > sizeof joined)
        return write_all(first, first_length) && write_all(second, second_length);
    memcpy(joined, first, first_length);
    if (second_length > 0)
        memcpy(joined + first_length, second, second_length);
    return write_all(joined, first_length + second_length);
}

bool
port_send(json_t *object, const void *data, size_t length)
{
    uint8_t *frame, *grown;
    size_t size = 0;
    bool ok;

    if (length > 0)
        json_object_set_new(object, "bytes", json_integer((json_int_t)length));
    frame = object && connected ? lab_frame_from_json(object, &size) : NULL;
    json_decref(object);
    if (!frame)
        return false;
    if (length > 0) {
        grown = realloc(frame, size + LAB_FRAME_HEADER);
        if (!grown) {
            free(frame);
            return false;
        }
        frame = grown;
        lab_frame_header(frame + size, LAB_FRAME_BYTES, 0, length);
        size += LAB_FRAME_HEADER;
    }
    pthread_mutex_lock(&lock);
    ok = the_port >= 0 && write_joined(frame, size, data, length);
    if (!ok)
        connected = false; /* the main thread looks again */
    pthread_mutex_unlock(&lock);
    free(frame);
    return ok;
}

bool
port_send_bytes(uint16_t stream, const void *data, size_t length)
{
    uint8_t header[LAB_FRAME_HEADER];
    bool ok;

    lab_frame_header(header, LAB_FRAME_BYTES, stream, length);
    pthread_mutex_lock(&lock);
    ok = the_port >= 0 && connected && write_joined(header, sizeof header, data, length);
    pthread_mutex_unlock(&lock);
    return ok;
}
