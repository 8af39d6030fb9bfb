/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which modules a kernel has and in which order they load: modules.dep(5), modules.softdep and
 * modules.builtin as depmod writes them. '-' and '_' in names are the same. */
#pragma once

#include <glib.h>

typedef struct LabModules LabModules;

typedef enum { LAB_MODULE_ABSENT, LAB_MODULE_BUILTIN, LAB_MODULE_LOADABLE } LabModuleState;

typedef struct {
    char *path;        /* below the modules directory: "kernel/…/x.ko" */
    gboolean optional; /* a soft dependency: may fail to load */
} LabModuleStep;

/* 'directory' is what /lib/modules/RELEASE is in the guest. An absent directory or modules.dep
 * gives a kernel without modules. LAB_DATA_ERROR for paths that lead elsewhere. */
LabModules *lab_modules_load(const char *directory, GError **error);
void lab_modules_free(LabModules *modules);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(LabModules, lab_modules_free)

LabModuleState lab_modules_state(const LabModules *modules, const char *name);

/* TRUE when modules.builtin or modules.dep was there: only then is "absent" an answer. */
gboolean lab_modules_known(const LabModules *modules);

GPtrArray *lab_module_steps_new(void); /* of LabModuleStep */

/* Appends the steps that load 'name', dependencies first; what is in 'steps' already is not
 * repeated. Nothing to do for a built-in or absent module. */
void
lab_modules_order(const LabModules *modules, const char *name, gboolean optional, GPtrArray *steps);
