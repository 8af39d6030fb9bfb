/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which verb runs where: at once, in the thread that may block, or in a thread of its own. */
#include "agent.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

typedef enum { RUN_NOW, RUN_QUEUED, RUN_THREAD } How;

typedef struct {
    const char *name;
    How how;
    void (*run)(Request *request);
} Verb;

static void
verb_hello(Request *request)
{
    answer_ok(request, hello_json(false));
}

static const Verb verbs[] = {
    {"hello", RUN_NOW, verb_hello},
    {"put", RUN_NOW, verb_put},
    {"get", RUN_QUEUED, verb_get},
    {"exec", RUN_NOW, verb_exec},
    {"builtin", RUN_NOW, verb_builtin},
    {"kill", RUN_NOW, verb_kill},
    {"set", RUN_QUEUED, verb_set},
    {"read", RUN_QUEUED, verb_read},
    {"environment", RUN_THREAD, verb_environment},
    {"insmod", RUN_QUEUED, verb_insmod},
    {"metrics", RUN_NOW, verb_metrics},
    {"load-capture", RUN_QUEUED, verb_load_capture},
    {"clock", RUN_NOW, verb_clock},
    {"clone", RUN_NOW, verb_clone},
    {"template", RUN_NOW, verb_template},
    {"entropy", RUN_NOW, verb_entropy},
    {"sysrq", RUN_THREAD, verb_sysrq},
    {"watchdog", RUN_NOW, verb_watchdog},
    {"poweroff", RUN_THREAD, verb_power},
    {"reboot", RUN_THREAD, verb_power},
};

/* What waits for the thread that may block; a request stuck in the kernel must not eat memory. */
#define QUEUE_MAX 64
static Request *queue[QUEUE_MAX];
static int queue_first, queue_length;
static pthread_mutex_t queue_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t queue_filled = PTHREAD_COND_INITIALIZER;
static int threads; /* of RUN_THREAD, under queue_lock */
#define THREADS_MAX 16

void
request_free(Request *request)
{
    if (!request)
        return;
    json_decref(request->json);
    free(request->data);
    free(request);
}

static const Verb *
verb_of(const Request *request)
{
    const char *name = request_string(request, "verb");

    for (size_t i = 0; name && i < sizeof verbs / sizeof verbs[0]; i++)
        if (strcmp(verbs[i].name, name) == 0)
            return &verbs[i];
    return NULL;
}

static void *
queue_thread(void *unused)
{
    for (;;) {
        Request *request;

        pthread_mutex_lock(&queue_lock);
        while (queue_length == 0)
            pthread_cond_wait(&queue_filled, &queue_lock);
        request = queue[queue_first];
        queue_first = (queue_first + 1) % QUEUE_MAX;
        queue_length--;
        pthread_mutex_unlock(&queue_lock);
        verb_of(request)->run(request);
        request_free(request);
    }
    return NULL;
}

static void *
single_thread(void *data)
{
    Request *request = data;

    verb_of(request)->run(request);
    request_free(request);
    pthread_mutex_lock(&queue_lock);
    threads--;
    pthread_mutex_unlock(&queue_lock);
    return NULL;
}

static int
start_thread(void *(*function)(void *), void *data)
{
    pthread_attr_t attributes;
    pthread_t thread;
    int result;

    pthread_attr_init(&attributes);
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    pthread_attr_setstacksize(&attributes, 256 << 10);
    result = pthread_create(&thread, &attributes, function, data);
    pthread_attr_destroy(&attributes);
    return result;
}

bool
verbs_start(void)
{
    return start_thread(queue_thread, NULL) == 0;
}

/* 0 when the request was taken, else an errno. */
static int
hand_over(How how, Request *request)
{
    int result = EBUSY;

    pthread_mutex_lock(&queue_lock);
    if (how == RUN_QUEUED && queue_length < QUEUE_MAX) {
        queue[(queue_first + queue_length++) % QUEUE_MAX] = request;
        pthread_cond_signal(&queue_filled);
        result = 0;
    } else if (how == RUN_THREAD && threads < THREADS_MAX) {
        result = start_thread(single_thread, request);
        if (result == 0)
            threads++;
    }
    pthread_mutex_unlock(&queue_lock);
    return result;
}

void
verb_dispatch(Request *request)
{
    const Verb *verb = verb_of(request);
    const char *name = request_string(request, "verb");
    int result;

    if (!verb) {
        answer_error(request, name ? ENOSYS : EINVAL, name ? "no verb '%.60s'" : "no verb%s",
                     name ? name : "");
        request_free(request);
        return;
    }
    if (verb->how == RUN_NOW) {
        verb->run(request);
        request_free(request);
        return;
    }
    result = hand_over(verb->how, request);
    if (result != 0) {
        answer_error(request, result, "too many requests wait");
        request_free(request);
    }
}
