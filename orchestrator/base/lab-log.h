/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Messages for people, on stderr (stdout carries data only), cleaned of control bytes. */
#pragma once

#include <glib.h>

typedef enum { LAB_LOG_ERROR, LAB_LOG_WARNING, LAB_LOG_INFO, LAB_LOG_DEBUG } LabLogLevel;

/* 'program' is borrowed for the life of the process. Default level: LAB_LOG_INFO. */
void lab_log_init(const char *program, LabLogLevel level);
void lab_log(LabLogLevel level, const char *format, ...) G_GNUC_PRINTF(2, 3);

#define lab_error_log(...) lab_log(LAB_LOG_ERROR, __VA_ARGS__)
#define lab_warn(...)      lab_log(LAB_LOG_WARNING, __VA_ARGS__)
#define lab_info(...)      lab_log(LAB_LOG_INFO, __VA_ARGS__)
#define lab_debug(...)     lab_log(LAB_LOG_DEBUG, __VA_ARGS__)

/* Foreign bytes made safe for a terminal: invalid UTF-8, C0 (but tab, and newline when
 * 'keep_newlines'), DEL, C1, and bidirectional controls become U+FFFD. 'length' -1: until NUL.
 * Free with g_free. */
char *lab_text_clean(const char *text, gssize length, gboolean keep_newlines);
