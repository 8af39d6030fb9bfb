/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The heartbeat has a thread of its own, with real-time priority where it gets it: its silence
 * means that the kernel does not run user space any more, not that a stressor is greedy.
 */
#include "agent.h"

#include <pthread.h>
#include <sched.h>
#include <time.h>
#include <unistd.h>

static void *
beat(void *unused)
{
    struct sched_param param = {.sched_priority = 1};
    struct timespec next, now;
    json_int_t n = 0;

    pthread_setschedparam(pthread_self(), SCHED_RR, &param);
    clock_gettime(CLOCK_MONOTONIC, &next);
    for (;;) {
        int watchdog = agent.watchdog;

        next.tv_sec++;
        while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &next, NULL) != 0)
            ;
        /* Time may have leapt over the sleep of a guest that was stopped or saved: the beats that
         * are missed are not made up for. */
        clock_gettime(CLOCK_MONOTONIC, &now);
        if (now.tv_sec > next.tv_sec)
            next = now;
        if (watchdog >= 0)
            (void)!write(watchdog, "\0", 1);
        if (port_connected())
            port_send(json_pack("{s:s, s:I, s:I, s:I}", "event", "heartbeat", "n", ++n, "uptime_ms",
                                (json_int_t)uptime_ms(), "mem_available_kb",
                                (json_int_t)meminfo_available_kb()),
                      NULL, 0);
    }
    return NULL;
}

bool
heartbeat_start(void)
{
    pthread_t thread;

    return pthread_create(&thread, NULL, beat, NULL) == 0;
}
