/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a worker keeps from one cell to the next. */
#pragma once

#include "lab-paths.h"
#include "lab-runtime.h"
#include "lab-template.h"

typedef struct LabStock LabStock;

LabStock *lab_stock_new(void);
void lab_stock_free(LabStock *stock);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(LabStock, lab_stock_free)

/* The worker's runtime directory, made when it is first asked for: libvirt's embedded driver stays
 * with one root as long as its process lives. Borrowed; NULL and error when it cannot be made. */
const LabRuntime *lab_stock_runtime(LabStock *stock, const LabPaths *paths, GError **error);

/* Starts a clone of 'template' that waits for its cell, in place of one that waits already. Takes
 * 'cell', which config->cell is. */
gboolean lab_stock_put_ahead(LabStock *stock, const char *key, LabTemplate *template, LabCell *cell,
                             const LabGuestConfig *config, GError **error);

/* The clone that waits, if it is one of this template (in *template, with a reference): the
 * caller's to give a cell to, at once, and to free. NULL: there is none; one of another template is
 * ended. */
LabGuest *lab_stock_take_ahead(LabStock *stock, const char *key, LabTemplate **template);

/* A file that has these bytes already, by their digest: a path, borrowed, or NULL; and the note of
 * one (takes 'path'). Some hundreds are remembered. */
const char *lab_stock_twin(const LabStock *stock, const char *digest);
void lab_stock_note_twin(LabStock *stock, const char *digest, char *path);

/* What went wrong with this template in this process, so that it is not tried again for every
 * cell. Borrowed, or NULL. */
const char *lab_stock_trouble(const LabStock *stock, const char *key);
void lab_stock_note_trouble(LabStock *stock, const char *key, const char *why);
