/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What happens to logs on their way to a reader. Each makes a new text; g_free. */
#pragma once

#include <glib.h>

typedef enum {
    LOG_PLAIN,
    LOG_SYSLOG,      /* "Aug 11 12:45:31 host kernel: " before the line */
    LOG_SYSLOG_BARE, /* … in place of printk's stamp */
    LOG_JOURNALD,    /* "2026-08-11T12:45:31.000001+08:00 host kernel: " before the line */
    LOG_JOURNALD_BARE,
    LOG_DMESG_T,      /* "[Tue Aug 11 12:45:31 2026] " in place of printk's stamp */
    LOG_QUOTED,       /* "> " */
    LOG_QUOTED_TWICE, /* ">> " of two mails */
    LOG_CRLF,
    LOG_WRAP_100,
    LOG_WRAP_80,
    LOG_MAIL,      /* words moved to the next line at 78 columns */
    LOG_NO_TIME,   /* printk's stamp gone, the caller stays */
    LOG_NO_PREFIX, /* stamp and caller gone */
    LOG_LEVELS,    /* "<4>" of dmesg -r */
    LOG_KMSG,      /* "6,339,5140900,-,caller=T1;text" of /dev/kmsg */
    LOG_CONTAINER, /* "2026-08-11T12:45:31.123456789Z stdout F " */
    LOG_DOCKER_JSON,
    LOG_UNKNOWN, /* a prefix that no rule knows */
    LOG_TRANSFORMS
} LogTransform;

const char *log_transform_name(LogTransform transform);
char *log_transform(const char *text, gsize length, LogTransform transform, gsize *new_length);

/* Two logs line by line, with different callers: one for each log, or ('own') those of the lines.
 */
char *log_interleave(const char *a, gsize a_length, const char *b, gsize b_length, gboolean own,
                     gsize *length);
