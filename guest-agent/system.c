/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "agent.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/random.h>
#include <linux/watchdog.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

int64_t
uptime_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_BOOTTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static int64_t
meminfo_field(const char *text, const char *name)
{
    const char *line = strstr(text, name);

    return line ? strtoll(line + strlen(name), NULL, 10) : -1;
}

int64_t
meminfo_available_kb(void)
{
    char text[4096];
    int64_t available;

    if (file_read("/proc/meminfo", text, sizeof text) <= 0)
        return -1;
    available = meminfo_field(text, "MemAvailable:");
    if (available >= 0) /* commit 34e431b0ae39 ("/proc/meminfo: provide …") (in v3.14) */
        return available;
    return meminfo_field(text, "MemFree:") + meminfo_field(text, "\nCached:");
}

/* Before 3.8 there is no finit_module(2); some security modules refuse it. */
static int
init_module_whole(int fd, const char *params)
{
    struct stat st;
    void *image;
    int result = 0;

    if (fstat(fd, &st) < 0)
        return errno;
    image = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (image == MAP_FAILED)
        return errno;
    if (syscall(SYS_init_module, image, (unsigned long)st.st_size, params) < 0)
        result = errno;
    munmap(image, (size_t)st.st_size);
    return result;
}

int
load_module(const char *path, const char *params)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    int result = 0;

    if (fd < 0)
        return errno;
    if (syscall(SYS_finit_module, fd, params, 0) < 0)
        result = errno == ENOSYS ? init_module_whole(fd, params) : errno;
    close(fd);
    return result;
}

/* Loads what /kreglab/modules.d/NAME lists: the dependencies in load order, the module last, which
 * gets the parameters. 0, or the errno of 'path'. */
static int
load_listed(const char *name, const char *params, char *path, size_t size)
{
    char line[PATH_MAX];
    FILE *list;
    int result = 0;

    snprintf(path, size, "/kreglab/modules.d/%.100s", name);
    for (char *p = path + strlen("/kreglab/modules.d/"); *p; p++)
        *p = (char)(*p == '-' || *p == '/' ? '_' : *p);
    list = fopen(path, "re");
    if (!list)
        return ENOENT;
    while (result == 0 && fgets(line, sizeof line, list)) {
        bool optional = line[0] == '-';
        int next = fgetc(list);

        line[strcspn(line, "\n")] = '\0';
        snprintf(path, size, "%s", line + (optional ? 1 : 0));
        result = load_module(path, next == EOF ? params : "");
        if (optional || (result == EEXIST && next != EOF))
            result = 0;
        if (next != EOF)
            ungetc(next, list);
    }
    fclose(list);
    return result;
}

void
verb_insmod(Request *request)
{
    const char *path = request_string(request, "path");
    const char *module = request_string(request, "module");
    const char *params = request_string(request, "params");
    char listed[PATH_MAX];
    int result;

    if (!path && !module) {
        answer_error(request, EINVAL, "insmod needs a path or a module");
        return;
    }
    if (path) {
        result = load_module(path, params ? params : "");
    } else {
        result = load_listed(module, params ? params : "", listed, sizeof listed);
        path = listed;
    }
    if (result != 0)
        answer_error(request, result, "loading '%.300s': %s", path, strerror(result));
    else
        answer_ok(request, NULL);
}

/* "name number" lines, with or without a colon. */
static json_t *
numbers_json(const char *path)
{
    json_t *object = json_object();
    FILE *file = fopen(path, "re");
    char line[256], name[128];
    long long value;

    while (file && fgets(line, sizeof line, file))
        if (sscanf(line, "%127[^ :]%*[: ]%lld", name, &value) == 2)
            json_object_set_new(object, name, json_integer(value));
    if (file)
        fclose(file);
    return object;
}

/* "some avg10=0.00 avg60=0.00 avg300=0.00 total=0" (Documentation/accounting/psi.rst) */
static json_t *
pressure_json(const char *path)
{
    FILE *file = fopen(path, "re");
    char line[256], kind[16], name[32];
    double a10, a60, a300;
    long long total;
    json_t *object;

    if (!file)
        return NULL;
    object = json_object();
    while (fgets(line, sizeof line, file)) {
        if (sscanf(line, "%15s avg10=%lf avg60=%lf avg300=%lf total=%lld", kind, &a10, &a60, &a300,
                   &total) != 5)
            continue;
        snprintf(name, sizeof name, "%s_avg10", kind);
        json_object_set_new(object, name, json_real(a10));
        snprintf(name, sizeof name, "%s_avg60", kind);
        json_object_set_new(object, name, json_real(a60));
        snprintf(name, sizeof name, "%s_total_us", kind);
        json_object_set_new(object, name, json_integer(total));
    }
    fclose(file);
    return object;
}

void
verb_metrics(Request *request)
{
    json_t *answer = json_object(), *psi = json_object(), *part;
    double load[3];
    int running, total;
    char text[256];

    if (file_read("/proc/loadavg", text, sizeof text) > 0 &&
        sscanf(text, "%lf %lf %lf %d/%d", &load[0], &load[1], &load[2], &running, &total) == 5) {
        json_object_set_new(answer, "loadavg", json_pack("[f,f,f]", load[0], load[1], load[2]));
        json_object_set_new(answer, "running", json_integer(running));
        json_object_set_new(answer, "threads", json_integer(total));
    }
    if ((part = pressure_json("/proc/pressure/cpu")))
        json_object_set_new(psi, "cpu", part);
    if ((part = pressure_json("/proc/pressure/memory")))
        json_object_set_new(psi, "memory", part);
    if ((part = pressure_json("/proc/pressure/io")))
        json_object_set_new(psi, "io", part);
    if (json_object_size(psi) > 0)
        json_object_set(answer, "psi", psi);
    json_decref(psi);
    json_object_set_new(answer, "uptime_ms", json_integer(uptime_ms()));
    json_object_set_new(answer, "meminfo", numbers_json("/proc/meminfo"));
    json_object_set_new(answer, "vmstat", numbers_json("/proc/vmstat"));
    answer_ok(request, answer);
}

int
clock_set(int64_t time_ns, int64_t *offset_ns)
{
    struct timespec now, then = {.tv_sec = time_ns / 1000000000, .tv_nsec = time_ns % 1000000000};

    clock_gettime(CLOCK_REALTIME, &now);
    *offset_ns = time_ns - ((int64_t)now.tv_sec * 1000000000 + now.tv_nsec);
    return clock_settime(CLOCK_REALTIME, &then) < 0 ? errno : 0;
}

void
verb_clock(Request *request)
{
    int64_t wanted = request_int(request, "time_ns", -1), offset_ns = 0;
    int result = wanted < 0 ? EINVAL : clock_set(wanted, &offset_ns);

    if (wanted < 0)
        answer_error(request, EINVAL, "clock needs time_ns");
    else if (result != 0)
        answer_error(request, result, "setting the clock: %s", strerror(result));
    else
        answer_ok(request, json_pack("{s:I}", "offset_ns", (json_int_t)offset_ns));
}

#ifndef RNDRESEEDCRNG
#define RNDRESEEDCRNG _IO('R', 0x07) /* in v4.17 */
#endif

int
entropy_stir(const void *bytes, size_t length, bool *credited)
{
    struct {
        int entropy_count;
        int buf_size;
        uint8_t buf[ENTROPY_MAX];
    } pool = {.entropy_count = (int)length * 8, .buf_size = (int)length};
    int fd = open("/dev/urandom", O_WRONLY | O_CLOEXEC);

    if (fd < 0)
        return errno;
    memcpy(pool.buf, bytes, length);
    *credited = ioctl(fd, RNDADDENTROPY, &pool) == 0;
    if (!*credited)
        (void)!write(fd, pool.buf, length);
    ioctl(fd, RNDRESEEDCRNG);
    close(fd);
    return 0;
}

void
verb_entropy(Request *request)
{
    bool fits = request->length > 0 && request->length <= ENTROPY_MAX, credited = false;
    int result = fits ? entropy_stir(request->data, request->length, &credited) : EINVAL;

    if (!fits)
        answer_error(request, EINVAL, "entropy needs 1 to %d bytes", ENTROPY_MAX);
    else if (result != 0)
        answer_error(request, result, "/dev/urandom: %s", strerror(result));
    else
        answer_ok(request, json_pack("{s:b}", "credited", credited));
}

void
verb_sysrq(Request *request)
{
    const char *key = request_string(request, "key");
    int result;

    if (!key || strlen(key) != 1 || !isalnum((unsigned char)key[0])) {
        answer_error(request, EINVAL, "sysrq needs a key of one letter");
        return;
    }
    result = file_write("/proc/sysrq-trigger", key);
    if (result != 0)
        answer_error(request, result, "sysrq '%s': %s", key, strerror(result));
    else
        answer_ok(request, NULL);
}

void
verb_watchdog(Request *request)
{
    int timeout = (int)request_int(request, "timeout_s", -1);
    int fd = agent.watchdog;

    if (timeout == 0 && fd >= 0) {
        agent.watchdog = -1;
        (void)!write(fd, "V", 1); /* stops it where the driver allows */
        close(fd);
    } else if (timeout > 0) {
        if (fd < 0)
            fd = open("/dev/watchdog", O_WRONLY | O_CLOEXEC);
        if (fd < 0 || ioctl(fd, WDIOC_SETTIMEOUT, &timeout) < 0) {
            answer_error(request, errno, "/dev/watchdog: %s", strerror(errno));
            if (fd >= 0)
                agent.watchdog = fd; /* open is armed: keep feeding it */
            return;
        }
        agent.watchdog = fd;
    } else if (timeout < 0) {
        answer_error(request, EINVAL, "watchdog needs timeout_s");
        return;
    }
    answer_ok(request, json_pack("{s:i}", "timeout_s", timeout));
}

void
power_off(bool restart)
{
    sync();
    reboot(restart ? RB_AUTOBOOT : RB_POWER_OFF);
    file_write("/proc/sysrq-trigger", restart ? "b" : "o");
    sleep(5);
    file_write("/proc/sysrq-trigger", "b");
    for (;;)
        pause();
}

void
verb_power(Request *request)
{
    const char *verb = request_string(request, "verb");

    answer_ok(request, NULL);
    usleep(100000); /* the answer lies in the ring: let the host take it */
    power_off(strcmp(verb, "reboot") == 0);
}
