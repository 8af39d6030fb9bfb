/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "agent.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <unistd.h>

Agent agent = {.watchdog = -1};

static LabFrameReader reader;
static Request *pending; /* waits for the bytes that it announced */
static size_t pending_length;
static int64_t resync_until; /* the stream is broken: input is dropped until it has been quiet */

static void
protocol_error(const char *why)
{
    port_send(json_pack("{s:s, s:s}", "event", "protocol-error", "error", why), NULL, 0);
}

static void
forget_pending(void)
{
    request_free(pending);
    pending = NULL;
}

static void
take_bytes(const LabFrame *frame)
{
    Request *request = pending;

    pending = NULL;
    if (!request || frame->length != pending_length) {
        protocol_error("bytes that nothing announced");
        request_free(request);
        return;
    }
    request->data = malloc(frame->length);
    if (!request->data) {
        answer_error(request, ENOMEM, "memory is short");
        request_free(request);
        return;
    }
    memcpy(request->data, frame->payload, frame->length);
    request->length = frame->length;
    verb_dispatch(request);
}

static void
take_json(const LabFrame *frame)
{
    const char *why;
    json_t *json = lab_frame_json(frame, &why);
    int64_t announced;
    Request *request;

    if (pending) {
        protocol_error("announced bytes did not follow");
        forget_pending();
    }
    request = json ? calloc(1, sizeof *request) : NULL;
    if (!request) {
        protocol_error(json ? "memory is short" : why);
        json_decref(json);
        return;
    }
    request->json = json;
    request->id = request_int(request, "id", -1);
    announced = lab_frame_announced(json);
    if (announced < 0) {
        answer_error(request, EINVAL, "\"bytes\" has to be a number up to 1 MiB");
        request_free(request);
    } else if (announced > 0) {
        pending = request;
        pending_length = (size_t)announced;
    } else {
        verb_dispatch(request);
    }
}

static void
stream_broken(void)
{
    protocol_error(reader.broken);
    forget_pending();
    resync_until = uptime_ms() + 200;
}

static void
read_port(void)
{
    static char buffer[65536];
    LabFrame frame;
    ssize_t n = read(port_fd(), buffer, sizeof buffer);
    int got;

    /* Without a host the port is readable, too, and has nothing. */
    if (n == 0)
        port_set_connected(false);
    if (n < 0 && errno != EAGAIN && errno != EINTR)
        port_close(); /* unplugged: look for it again */
    if (n <= 0)
        return;
    if (resync_until > 0) {
        if (uptime_ms() < resync_until) {
            resync_until = uptime_ms() + 200;
            return;
        }
        resync_until = 0;
        lab_frame_reader_reset(&reader);
    }
    (void)lab_frame_reader_push(&reader, buffer, (size_t)n); /* a failure shows in the next line */
    while ((got = lab_frame_reader_next(&reader, &frame)) > 0) {
        if (frame.type == LAB_FRAME_BYTES)
            take_bytes(&frame);
        else
            take_json(&frame);
    }
    if (got < 0)
        stream_broken();
}

/* Looks for the port and for the host behind it. True when requests may come. */
static bool
port_ready(void)
{
    static int64_t complained;
    struct pollfd pfd = {.events = POLLIN};

    if (!port_is_open() && !port_find(LAB_AGENT_PORT)) {
        if (complained == 0 && uptime_ms() > 10000) {
            complained = 1;
            agent_log("no virtio-serial port '" LAB_AGENT_PORT "' after 10 s: is virtio_console "
                      "loaded, and does the guest have the port?");
        }
        return false;
    }
    pfd.fd = port_fd();
    if (!port_connected()) {
        if (poll(&pfd, 1, 0) > 0 && (pfd.revents & POLLHUP) != 0)
            return false;
        lab_frame_reader_reset(&reader);
        forget_pending();
        resync_until = 0;
        port_set_connected(true);
        port_send(hello_json(true), NULL, 0);
    }
    return true;
}

static void __attribute__((noreturn)) serve(int signals)
{
    for (;;) {
        struct pollfd fds[2 + 64] = {{.fd = signals, .events = POLLIN}, {.fd = -1}};
        struct signalfd_siginfo info;
        bool ready = port_ready();
        int n;

        if (ready)
            fds[1] = (struct pollfd){.fd = port_fd(), .events = POLLIN};
        n = children_pollfds(fds + 2, 64);
        if (poll(fds, (nfds_t)(2 + n), ready ? 1000 : 50) < 0)
            continue;
        while (read(signals, &info, sizeof info) == (ssize_t)sizeof info)
            ;
        children_reap();
        if (ready && (fds[1].revents & POLLIN) != 0)
            read_port();
        children_pump(fds + 2, n);
    }
}

static int
builtin_panic(int argc, char **argv)
{
    for (int i = 0; i < argc; i++) {
        cpu_set_t set;

        if (strncmp(argv[i], "cpu=", 4) != 0)
            continue;
        CPU_ZERO(&set);
        CPU_SET((size_t)atoi(argv[i] + 4) % CPU_SETSIZE, &set);
        if (sched_setaffinity(0, sizeof set, &set) < 0) {
            fprintf(stderr, "cpu %s: %s\n", argv[i] + 4, strerror(errno));
            return 1;
        }
    }
    errno = file_write("/proc/sysrq-trigger", "c");
    fprintf(stderr, "the kernel survived sysrq c: %s\n", strerror(errno));
    return 1;
}

int
builtin_main(int argc, char **argv)
{
    const char *name = argc > 0 ? argv[0] : "";

    if (strcmp(name, "true") == 0)
        return 0;
    if (strcmp(name, "sysrq-panic") == 0)
        return builtin_panic(argc - 1, argv + 1);
    if (strcmp(name, "sleep") == 0) {
        unsigned int seconds = 1;

        for (int i = 1; i < argc; i++)
            if (strncmp(argv[i], "seconds=", 8) == 0)
                seconds = (unsigned int)atoi(argv[i] + 8);
        sleep(seconds);
        return 0;
    }
    fprintf(stderr, "there is no builtin '%s' (true, sysrq-panic, sleep)\n", name);
    return 2;
}

static Mode
mode_of_cmdline(void)
{
    char text[4096];

    file_read("/proc/cmdline", text, sizeof text);
    return strstr(text, "kreglab.mode=capture") ? MODE_CAPTURE : MODE_INIT;
}

/* Without /dev/console init starts with no streams at all, and a port must not become stdout. */
static void
fill_streams(void)
{
    int fd;

    do
        fd = open("/dev/null", O_RDWR);
    while (fd >= 0 && fd <= STDERR_FILENO);
    if (fd >= 0)
        close(fd);
}

int
main(int argc, char **argv)
{
    sigset_t set;
    int signals;

    if (argc > 1 && strcmp(argv[1], "--builtin") == 0)
        return builtin_main(argc - 2, argv + 2);
    if (argc > 1 && strcmp(argv[1], "--version") == 0)
        return printf("kreglab-agent %s, protocol %d\n", KREGLAB_VERSION, LAB_PROTOCOL_VERSION) < 0;
    agent.init = getpid() == 1;
    if (!agent.init && (argc < 2 || strcmp(argv[1], "--service") != 0)) {
        fprintf(stderr, "kreglab-agent runs as init of a guest of the lab, or with --service\n");
        return 2;
    }
    agent.module_errors = json_array();
    if (agent.init) {
        mkdir("/proc", 0755);
        (void)!mount("proc", "/proc", "proc", 0, NULL);
        agent.mode = mode_of_cmdline();
        init_system();
        fill_streams();
    } else {
        agent.mode = MODE_SERVICE;
        file_write("/proc/self/oom_score_adj", "-1000");
    }
    if (agent.mode == MODE_CAPTURE)
        capture_main();

    signal(SIGPIPE, SIG_IGN);
    sigemptyset(&set);
    sigaddset(&set, SIGCHLD);
    sigprocmask(SIG_BLOCK, &set, NULL);
    signals = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
    if (!verbs_start() || !heartbeat_start())
        agent_log("no thread could be started");
    serve(signals);
}
