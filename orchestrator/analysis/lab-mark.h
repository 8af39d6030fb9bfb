/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a search looks for in results: any failure, or one crash among others. */
#pragma once

#include <jansson.h>

#include <glib.h>

typedef struct {
    char *title;     /* glob over the crash's title and its alternatives, or NULL */
    char *signature; /* k0, k1 or k2 of the crash, or its beginning; or NULL */
    char *outcome;   /* an outcome's name, or NULL */
} LabMark;

typedef enum {
    LAB_SIGN_NOTHING,   /* infra, no result, inconclusive: says nothing */
    LAB_SIGN_SHOWN,     /* what is looked for */
    LAB_SIGN_NOT_SHOWN, /* pass */
    LAB_SIGN_OTHER,     /* another failure: says nothing of what is looked for */
    LAB_SIGN_UNABLE,    /* skipped, or does not boot: the kernel cannot be tested */
} LabSign;

/* What a result.json (NULL: there is none) says. With nothing set in 'mark', every outcome but pass
 * and inconclusive is it. A kernel that does not boot shows something only when the mark's outcome
 * is boot-failure. */
LabSign lab_mark_judge(const LabMark *mark, const json_t *result);

/* "crash", "no result", "skipped: why": what the result was, in words. g_free. */
char *lab_mark_describe(const json_t *result);
