/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "agent.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

ssize_t
file_read(const char *path, char *buffer, size_t size)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    size_t used = 0;

    buffer[0] = '\0';
    if (fd < 0)
        return -errno;
    while (used < size - 1) {
        ssize_t n = read(fd, buffer + used, size - 1 - used);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && used == 0) {
            int saved = errno;

            close(fd);
            return -saved;
        }
        if (n <= 0)
            break;
        used += (size_t)n;
    }
    close(fd);
    buffer[used] = '\0';
    return (ssize_t)used;
}

int
file_write(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_TRUNC | O_CLOEXEC);
    int result = 0;

    if (fd < 0)
        return errno;
    if (write(fd, text, strlen(text)) < 0)
        result = errno;
    close(fd);
    return result;
}

int
make_parents(const char *path)
{
    char copy[PATH_MAX];

    if (strlen(path) >= sizeof copy)
        return ENAMETOOLONG;
    strcpy(copy, path);
    for (char *p = copy + 1; *p; p++) {
        if (*p != '/')
            continue;
        *p = '\0';
        if (mkdir(copy, 0755) < 0 && errno != EEXIST)
            return errno;
        *p = '/';
    }
    return 0;
}

static int
put_bytes(const char *path, const Request *request, mode_t mode, off_t offset, struct stat *st)
{
    int result = make_parents(path);
    size_t done = 0;
    int fd;

    if (result != 0)
        return result;
    fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | (offset == 0 ? O_TRUNC : 0), mode);
    if (fd < 0)
        return errno;
    while (result == 0 && done < request->length) {
        ssize_t n = pwrite(fd, request->data + done, request->length - done, offset + (off_t)done);

        if (n < 0 && errno != EINTR)
            result = errno;
        if (n > 0)
            done += (size_t)n;
    }
    if (result == 0 && (fchmod(fd, mode) < 0 || fstat(fd, st) < 0))
        result = errno;
    close(fd);
    return result;
}

void
verb_put(Request *request)
{
    const char *path = request_string(request, "path");
    int64_t mode = request_int(request, "mode", 0644);
    int64_t offset = request_int(request, "offset", 0);
    struct stat st;
    int result;

    if (!path || path[0] != '/' || mode < 0 || mode > 07777 || offset < 0) {
        answer_error(request, EINVAL, "put needs an absolute path, a mode and an offset");
        return;
    }
    result = put_bytes(path, request, (mode_t)mode, (off_t)offset, &st);
    if (result != 0)
        answer_error(request, result, "writing '%.300s': %s", path, strerror(result));
    else
        answer_ok(request, json_pack("{s:I}", "size", (json_int_t)st.st_size));
}

void
verb_get(Request *request)
{
    const char *path = request_string(request, "path");
    int64_t offset = request_int(request, "offset", 0);
    int64_t length = request_int(request, "length", LAB_FRAME_MAX);
    uint8_t *buffer;
    struct stat st;
    ssize_t n = 0;
    size_t used = 0;
    int fd;

    if (!path || offset < 0 || length < 0 || length > LAB_FRAME_MAX) {
        answer_error(request, EINVAL, "get needs a path, an offset and a length up to 1 MiB");
        return;
    }
    fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0 || fstat(fd, &st) < 0) {
        answer_error(request, errno, "reading '%.300s': %s", path, strerror(errno));
        if (fd >= 0)
            close(fd);
        return;
    }
    buffer = malloc((size_t)length + 1);
    while (buffer && used < (size_t)length &&
           (n = pread(fd, buffer + used, (size_t)length - used, offset + (off_t)used)) > 0)
        used += (size_t)n;
    if (!buffer || (n < 0 && used == 0))
        answer_error(request, errno, "reading '%.300s': %s", path, strerror(errno));
    else
        answer_ok_bytes(
            request,
            json_pack("{s:I, s:b}", "size", (json_int_t)st.st_size, "eof", used < (size_t)length),
            buffer, used);
    free(buffer);
    close(fd);
}

/* "vm.x" is /proc/sys/vm/x as in sysctl(8): where the first separator is a dot, dots and slashes
 * change places ("net.ipv4.conf.eth0/1.forwarding"). */
static bool
setting_path(const char *name, size_t length, char *path, size_t size)
{
    size_t prefix = 0;

    if (length == 0)
        return false;
    if (name[0] != '/')
        prefix = (size_t)snprintf(path, size, "/proc/sys/");
    if (prefix + length + 1 > size)
        return false;
    memcpy(path + prefix, name, length);
    path[prefix + length] = '\0';
    if (prefix == 0 || path[prefix + strcspn(path + prefix, "./")] != '.')
        return true;
    for (char *p = path + prefix; *p; p++)
        *p = (char)(*p == '.' ? '/' : *p == '/' ? '.' : *p);
    return true;
}

static json_t *
value_json(const char *path, size_t size, int *error_number)
{
    char *text = malloc(size);
    json_t *value = NULL;
    ssize_t n = text ? file_read(path, text, size) : -ENOMEM;

    while (n > 0 && text[n - 1] == '\n')
        n--;
    if (n >= 0)
        value = text_json(text, (size_t)n);
    else
        *error_number = (int)-n;
    free(text);
    return value;
}

void
verb_set(Request *request)
{
    const char *set = request_string(request, "set");
    const char *equals = set ? strchr(set, '=') : NULL;
    char path[PATH_MAX], *text = NULL;
    int result, ignored = 0;
    json_t *value;

    if (!equals || !setting_path(set, (size_t)(equals - set), path, sizeof path)) {
        answer_error(request, EINVAL, "set needs \"name=value\"");
        return;
    }
    if (asprintf(&text, "%s\n", equals + 1) < 0) {
        answer_error(request, ENOMEM, "memory is short");
        return;
    }
    result = file_write(path, text);
    free(text);
    if (result != 0) {
        answer_error(request, result, "writing '%.300s': %s", path, strerror(result));
        return;
    }
    value = value_json(path, 4096, &ignored);
    answer_ok(request, json_pack("{s:o}", "value", value ? value : json_null()));
}

void
verb_read(Request *request)
{
    const char *name = request_string(request, "name");
    char path[PATH_MAX];
    int result = 0;
    json_t *value;

    if (!name || !setting_path(name, strlen(name), path, sizeof path)) {
        answer_error(request, EINVAL, "read needs a name");
        return;
    }
    value = value_json(path, 256 << 10, &result);
    if (!value)
        answer_error(request, result, "reading '%.300s': %s", path, strerror(result));
    else
        answer_ok(request, json_pack("{s:o}", "value", value));
}
