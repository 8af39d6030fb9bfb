/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A template's files: shared by lab-template*.c and lab-native*.c alone. */
#pragma once

#include "lab-template.h"

struct LabTemplate {
    gatomicrefcount references;
    char *key;
    char *path; /* CACHE/templates/KEY */
    int fd;     /* the directory */
    int lock;   /* shared */
    json_t *json;
};

struct LabTemplateClaim {
    char *key;
    char *root; /* CACHE/templates */
    char *part; /* the directory that becomes KEY, absolute */
    int fd;     /* it */
    int lock;   /* exclusive */
};

/* Everything that the key is made of, as an object; see lab_template_key(). */
json_t *lab_template_inputs(const LabGuestConfig *config, guint index, GError **error);

/* Remembers that such a guest cannot be saved, so that it is not tried again. */
void lab_template_refuse(const LabTemplateClaim *claim, const char *why);

/* What a file of the template has to look like later: name, size, times, and a SHA-256 over its
 * pages that are not all zero; those become holes. The file is synced. NULL on error. */
json_t *lab_template_seal(int directory, const char *name, GError **error);
/* FALSE (LAB_DATA_ERROR): it is not that file any more. 'read': its bytes are looked at, too. */
gboolean lab_template_check_seal(int directory, const json_t *seal, gboolean read, GError **error);

/* Renames the finished directory; 'json' (borrowed) is its template.json. The claim's lock becomes
 * the template's: the claim is used up, also on error. */
LabTemplate *lab_template_publish(LabTemplateClaim *claim, const json_t *json, GError **error);
