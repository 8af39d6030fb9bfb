/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the agent's files share. The main thread reads requests, runs children and sends their
 * output; a thread beats; a thread does what may block in the kernel. The port's lock keeps
 * frames whole; the children's lock keeps a child from being reaped before it is known.
 */
#pragma once

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <jansson.h>

#include "lab-protocol.h"

typedef enum { MODE_INIT, MODE_CAPTURE, MODE_SERVICE } Mode;

typedef struct {
    Mode mode;
    bool init;             /* PID 1: may mount, reap and power off */
    json_t *module_errors; /* array of texts */
    volatile int watchdog; /* descriptor that the heartbeat feeds, or -1 */
} Agent;

extern Agent agent;

typedef struct {
    json_t *json;
    json_int_t id;
    uint8_t *data; /* bytes that came with it, or NULL */
    size_t length;
} Request;

/* log.c: a line to /dev/kmsg (so it is on the console and in the dump), else to stderr */
void agent_log(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* port.c */
bool port_find(const char *name); /* opens it when it is there */
bool port_is_open(void);
int port_fd(void);
bool port_connected(void); /* somebody listens; cheap */
void port_set_connected(bool connected);
void port_close(void);
/* Sends one frame, and 'length' bytes after it, nothing between. Takes the object. False when
 * nobody listens or memory is short. */
bool port_send(json_t *object, const void *data, size_t length);
bool port_send_bytes(uint16_t stream, const void *data, size_t length);

/* answer.c: each takes 'fields' (may be NULL) */
void answer_ok(const Request *request, json_t *fields);
void answer_ok_bytes(const Request *request, json_t *fields, const void *data, size_t length);
void answer_error(const Request *request, int error_number, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
json_t *text_json(const char *text, size_t length); /* invalid UTF-8 becomes '?' */
json_t *hello_json(bool event);
const char *request_string(const Request *request, const char *key); /* NULL */
int64_t request_int(const Request *request, const char *key, int64_t otherwise);

/* verbs.c */
void request_free(Request *request);
void verb_dispatch(Request *request); /* takes it */
bool verbs_start(void);               /* the thread that may block */

/* children.c */
void verb_exec(Request *request);
void verb_builtin(Request *request);
void verb_kill(Request *request);
int children_pollfds(struct pollfd *fds, int max);
void children_pump(const struct pollfd *fds, int n);
void children_reap(void);
/* Runs a program and waits; its stderr is caught (cut at 'size'). Wait status, or -errno. */
int child_run(char *const argv[], char *errors, size_t size);
int builtin_main(int argc, char **argv);

/* files.c, system.c, kexec.c, init.c, heartbeat.c */
void verb_put(Request *request);
void verb_get(Request *request);
void verb_set(Request *request);
void verb_read(Request *request);
void verb_insmod(Request *request);
void verb_metrics(Request *request);
void verb_clock(Request *request);
void verb_entropy(Request *request);
void verb_sysrq(Request *request);
void verb_watchdog(Request *request);
void verb_power(Request *request) __attribute__((noreturn));
void verb_load_capture(Request *request);
bool capture_is_loaded(void);

/* environment.c */
void verb_environment(Request *request);
/* Modules and values below the directory 'root' ("/" in a guest). New reference. */
json_t *environment_json(int root);

/* clone.c */
void verb_template(Request *request);
void verb_clone(Request *request);

/* Both 0 or an errno. The offset is how far the clock was off; 'credited' says whether the kernel
 * counted the bytes as entropy (else it only stirred them in). */
#define ENTROPY_MAX 512
int clock_set(int64_t time_ns, int64_t *offset_ns);
int entropy_stir(const void *bytes, size_t length, bool *credited);

/* Reads at most size - 1 bytes of a file and ends them with NUL; the length, or -errno. */
ssize_t file_read(const char *path, char *buffer, size_t size);
int file_write(const char *path, const char *text);    /* 0 or errno */
int make_parents(const char *path);                    /* 0 or errno */
int load_module(const char *path, const char *params); /* 0 or errno */
int64_t meminfo_available_kb(void);
int64_t uptime_ms(void);
void init_system(void);
void power_off(bool restart) __attribute__((noreturn));
bool heartbeat_start(void);

/* cmdline.c: the capture kernel's command line out of the running kernel's. 'append' may be NULL.
 * False when it does not fit. */
bool capture_cmdline(const char *running, const char *cpuinfo, const char *append, char *out,
                     size_t size);

/* capture.c: sends /proc/vmcore and ends the machine */
void capture_main(void) __attribute__((noreturn));
