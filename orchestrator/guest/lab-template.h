/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Warm guests: one boot, saved as RAM file(s) and device state, and clones of it.
 *
 *   CACHE/templates/           0700
 *     KEY.lock                 flock(2): shared while opened or cloned, exclusive while it is made
 * or removed; its mtime is when the template was last opened KEY/                     0700, appears
 * by one rename template.json          everything that went in, QEMU's argv, the digests
 * (schema_version 1) ram0, ram1, …          one a NUMA node, 0600, sparse state device state, 0600
 *       console.log            the boot's console, with its marks
 *     KEY.part-PID/            one on its way, by the holder of the exclusive lock
 *
 * KEY is 64 hex digits: a SHA-256 over the contents of kernel image and initramfs (the agent is in
 * it), the whole command line, the shape, CPU model, accelerator, QEMU (path, size, times) and the
 * index. Whatever changes gives another key, so a template is never out of date, only unused.
 *
 * How a worker uses it:
 *
 *   key = lab_template_key(config, index)            UNSUPPORTED: run cold, the message says why
 *   lab_template_claim(cache, key, wait, &template, &claim)
 *   if claim:  guest = lab_guest_new_template(config, index, claim); lab_guest_start(); … agent's
 * hello, capture kernel loaded …; template = lab_guest_save_template(guest, state);
 *              lab_guest_free(guest)
 *   guest = lab_guest_new_clone(config, template)
 *   lab_guest_prestart(guest)                        at any time before, or never
 *   lab_guest_set_cell(guest, cell, directory)       when config had no cell directory
 *   lab_guest_start(guest)                           it runs from here: now_ms is 0
 *
 * A clone comes up in the middle of its agent's service: there is no hello. Ask it something (set
 * the clock, stir the random pool, prove the identity); its answer is the sign of life.
 */
#pragma once

#include "lab-guest.h"

#define LAB_TEMPLATE_SCHEMA 1

typedef struct LabTemplate LabTemplate;
typedef struct LabTemplateClaim LabTemplateClaim;

/* The key of the template with this index (from 0; below the recipe's `templates`) for such a
 * guest. The config's directories of cell and runtime are not looked at. Digests of files are
 * remembered in this process, so only the first call reads them. LAB_CONFIG_ERROR/UNSUPPORTED when
 * this guest cannot have a template: run it cold and say the message. g_free. */
char *lab_template_key(const LabGuestConfig *config, guint index, GError **error);

/* Looks for the template. On success exactly one of these holds:
 *   *template set: it is there, checked (files, sizes, times, the state's digest), and held: nobody
 *     removes it before lab_template_free();
 *   *claim set: there is none (a damaged one was removed with a warning): the caller makes it;
 *   both NULL: another worker is making it right now, and 'wait_ms' passed (0: do not wait). */
gboolean lab_template_claim(const char *cache_directory, const char *key, gint64 wait_ms,
                            LabTemplate **template, LabTemplateClaim **claim, GError **error);

LabTemplate *lab_template_ref(LabTemplate *template);
void lab_template_free(LabTemplate *template); /* drops one reference; the last one the lock, too */
G_DEFINE_AUTOPTR_CLEANUP_FUNC(LabTemplate, lab_template_free)
void lab_template_claim_free(LabTemplateClaim *claim); /* unless taken: others may try */
G_DEFINE_AUTOPTR_CLEANUP_FUNC(LabTemplateClaim, lab_template_claim_free)

/* Borrowed. template.json: "key", "index", "state" (the worker's own), "boot_ms", "made" … */
const json_t *lab_template_json(const LabTemplate *template);
const char *lab_template_name(const LabTemplate *template); /* its key */

/* The guest that becomes a template: as lab_guest_new_libvirt(), but started without libvirt, its
 * RAM in files. Its console.log goes into the template; config->cell_directory is not used (it may
 * be NULL), config->cell->id names nothing. Takes the claim in any case. */
LabGuest *lab_guest_new_template(const LabGuestConfig *config, guint index, LabTemplateClaim *claim,
                                 GError **error);

/* Stops the guest, saves and publishes it. 'state' (borrowed) comes back in lab_template_json():
 * put in what a clone's worker has to know (what the agent's hello said, whether kdump is loaded
 * …). After it the guest can only be freed. LAB_CONFIG_ERROR/UNSUPPORTED: QEMU cannot save this
 * guest, the message says why: run cold. */
LabTemplate *lab_guest_save_template(LabGuest *guest, const json_t *state, GError **error);

/* A clone. config->kernel, initramfs and cmdline are for facts alone; config->cell_directory may be
 * NULL: lab_guest_set_cell() has to come before lab_guest_start(). The clone holds the template.
 * It writes boot.log (the template's console) into the cell directory, and console.log begins with
 * a note that names the template. lab_guest_facts() has "warm": true, "template": KEY,
 * "template_index". */
LabGuest *lab_guest_new_clone(const LabGuestConfig *config, LabTemplate *template, GError **error);

/* Starts QEMU and has it restore the guest, paused. Returns at once: the rest happens on the
 * default main context (any guest's lab_guest_next() turns it), and what goes wrong is
 * lab_guest_start()'s error. lab_guest_start() does it itself where it was not called. */
gboolean lab_guest_prestart(LabGuest *clone, GError **error);

/* Gives a clone its cell ('cell' is borrowed; same key as the template's) and the directory for its
 * evidence. Before lab_guest_start(). */
gboolean
lab_guest_set_cell(LabGuest *clone, const LabCell *cell, const char *directory, GError **error);
