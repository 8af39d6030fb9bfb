/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The agent in the capture kernel: /proc/vmcore goes through makedumpfile to the host, then the
 * machine ends. Nothing is kept in memory, of which there is little.
 */
#include "agent.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define CHUNK (256 << 10)

static char level[4] = "31";
static char *const program[] = {
    (char *)"/usr/bin/makedumpfile", (char *)"-F", (char *)"-l", (char *)"-d", level,
    (char *)"/proc/vmcore",          NULL};

typedef struct {
    int64_t bytes;
    int status;
    int signal;
    const char *reason; /* a word, or NULL when all went well */
    char error[600];
} Dump;

/* kreglab.dump_level=N: what the host's makedumpfile may leave out of this kernel's dump. */
static void
read_level(void)
{
    static const char name[] = " kreglab.dump_level=";
    char text[4096];
    const char *found;
    int number;

    file_read("/proc/cmdline", text, sizeof text);
    found = strstr(text, name);
    number = found ? atoi(found + strlen(name)) : -1;
    if (number >= 0 && number <= 31)
        snprintf(level, sizeof level, "%d", number);
}

static bool
wait_for_port(void)
{
    for (int i = 0; i < 2000; i++) {
        struct pollfd pfd = {.events = POLLOUT};

        if (port_find(LAB_DUMP_PORT)) {
            pfd.fd = port_fd();
            if (poll(&pfd, 1, 10) >= 0 && (pfd.revents & POLLHUP) == 0) {
                port_set_connected(true);
                return true;
            }
        }
        usleep(10000);
    }
    return false;
}

static pid_t
start_program(int *out, int *err)
{
    int o[2], e[2];
    pid_t pid;

    if (pipe2(o, O_CLOEXEC) < 0 || pipe2(e, O_CLOEXEC) < 0)
        return -1;
    fcntl(o[0], F_SETPIPE_SZ, 1 << 20);
    pid = fork();
    if (pid == 0) {
        dup2(open("/dev/null", O_RDONLY), STDIN_FILENO);
        dup2(o[1], STDOUT_FILENO);
        dup2(e[1], STDERR_FILENO);
        execv(program[0], program);
        dprintf(STDERR_FILENO, "%s: %s\n", program[0], strerror(errno));
        _exit(127);
    }
    close(o[1]);
    close(e[1]);
    *out = o[0];
    *err = e[0];
    return pid;
}

/* Keeps the tail: the reason stands at the end. Progress bars are of no use. */
static void
take_errors(int *fd, char *tail, size_t size)
{
    char text[512];
    ssize_t n = read(*fd, text, sizeof text);
    size_t used = strlen(tail);

    if (n <= 0) {
        close(*fd);
        *fd = -1;
        return;
    }
    for (ssize_t i = 0; i < n; i++) {
        if (used == size - 1) {
            memmove(tail, tail + size / 2, used - size / 2);
            used -= size / 2;
        }
        tail[used++] = (char)(text[i] == '\r' || text[i] == '\0' ? '\n' : text[i]);
    }
    tail[used] = '\0';
}

/* False when the host went away. */
static bool
pump(int out, int err, Dump *dump)
{
    static char buffer[CHUNK];

    while (out >= 0 || err >= 0) {
        struct pollfd fds[2] = {{.fd = out, .events = POLLIN}, {.fd = err, .events = POLLIN}};
        ssize_t n;

        if (poll(fds, 2, -1) < 0)
            continue;
        if (fds[1].revents != 0)
            take_errors(&err, dump->error, sizeof dump->error);
        if (fds[0].revents == 0)
            continue;
        n = read(out, buffer, sizeof buffer);
        if (n <= 0) {
            close(out);
            out = -1;
            continue;
        }
        if (!port_send_bytes(LAB_FRAME_STREAM_DUMP, buffer, (size_t)n))
            return false;
        dump->bytes += n;
    }
    return true;
}

/* The last line of words in what makedumpfile said. */
static void
keep_reason(char *text)
{
    size_t length = strlen(text);
    char *line;

    while (length > 0 && (text[length - 1] == '\n' || text[length - 1] == ' '))
        text[--length] = '\0';
    for (char *p = text; *p; p++)
        if ((unsigned char)*p < ' ' && *p != '\n')
            *p = ' ';
    line = strstr(text, "makedumpfile Failed.");
    if (line && line > text)
        *line = '\0';
    for (char *p = text; *p; p++)
        if (*p == '\n')
            *p = p[1] ? ';' : '\0';
}

static void
judge(Dump *dump, int status)
{
    dump->status = WIFEXITED(status) ? WEXITSTATUS(status) : 0;
    dump->signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
    if (dump->status == 0 && dump->signal == 0 && dump->bytes > 0) {
        dump->error[0] = '\0';
        return;
    }
    keep_reason(dump->error);
    dump->reason = "failed";
    /* Nobody but the out-of-memory killer sends SIGKILL here. */
    if (dump->signal == SIGKILL || strcasestr(dump->error, "can't allocate") ||
        strcasestr(dump->error, "cannot allocate"))
        dump->reason = "out-of-memory";
    if (dump->error[0] == '\0')
        snprintf(dump->error, sizeof dump->error, "makedumpfile ended with %s %d",
                 dump->signal ? "signal" : "status", dump->signal ? dump->signal : dump->status);
}

static void
send_dump(void)
{
    Dump dump = {0};
    int64_t start = uptime_ms();
    int out = -1, err = -1, status = 0;
    pid_t pid = -1;
    struct stat st;
    char shown[40];

    read_level();
    snprintf(shown, sizeof shown, "makedumpfile -F -l -d %s", level);
    port_send(json_pack("{s:s, s:s}", "event", "dump-begin", "program", shown), NULL, 0);
    if (stat("/proc/vmcore", &st) < 0) {
        dump.reason = "failed";
        snprintf(dump.error, sizeof dump.error, "/proc/vmcore: %s", strerror(errno));
    } else if ((pid = start_program(&out, &err)) < 0) {
        dump.reason = errno == ENOMEM ? "out-of-memory" : "failed";
        snprintf(dump.error, sizeof dump.error, "starting makedumpfile: %s", strerror(errno));
    } else {
        if (!pump(out, err, &dump)) {
            agent_log("the host went away after %lld bytes", (long long)dump.bytes);
            return;
        }
        while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
            ;
        judge(&dump, status);
    }
    agent_log("dump: %lld bytes in %lld ms%s%s", (long long)dump.bytes,
              (long long)(uptime_ms() - start), dump.reason ? ", " : "",
              dump.reason ? dump.error : "");
    port_send(json_pack("{s:s, s:I, s:i, s:i, s:o, s:o, s:I}", "event", "dump-end", "bytes",
                        (json_int_t)dump.bytes, "status", dump.status, "signal", dump.signal,
                        "error",
                        dump.reason ? text_json(dump.error, strlen(dump.error)) : json_null(),
                        "reason", dump.reason ? json_string(dump.reason) : json_null(),
                        "duration_ms", (json_int_t)(uptime_ms() - start)),
              NULL, 0);
}

/* The last bytes lie in the ring until the host takes them; it hangs up or ends the guest. */
static void
linger(void)
{
    for (int i = 0; i < 30; i++) {
        struct pollfd pfd = {.fd = port_fd(), .events = 0};

        if (poll(&pfd, 1, 0) > 0 && (pfd.revents & POLLHUP) != 0)
            break;
        usleep(100000);
    }
}

void
capture_main(void)
{
    signal(SIGPIPE, SIG_IGN);
    if (wait_for_port()) {
        port_send(hello_json(true), NULL, 0);
        if (!heartbeat_start())
            agent_log("no thread for the heartbeat");
        send_dump();
        linger();
    } else {
        agent_log("no port '" LAB_DUMP_PORT "' with a listening host: no dump");
    }
    power_off(false);
}
