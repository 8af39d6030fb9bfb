/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A kernel of the store, as DATA/kernels/ID/kernel.json describes it. Values only: the files are
 * made by the kernel/ room and read by everybody.
 *
 *   DATA/kernels/ID/
 *     kernel.json    appears last, by rename: without it the directory is rubbish
 *     vmlinuz        the boot image as packaged (absent for a bare vmlinux)
 *     vmlinux        uncompressed, bootable through PVH where it has the note
 *     config         absent when neither package nor image has one
 *     System.map     only when real (Debian ships a stub)
 *     modules/       = /lib/modules/RELEASE: kernel/.../x.ko (uncompressed), modules.dep, .softdep,
 *                    .builtin, .order, .alias, .symbols; absent for a kernel without modules
 *     headers/       headers packages, unpacked
 *     headers.json   where modules can be built: {"schema_version":1, "build":DIRECTORY (relative
 *                    to this directory; absolute for a build tree), "compiler":NAME|null (what the
 *                    tree was made for)}; absent without headers
 *     debug/vmlinux  with symbols, when fetched (--with-debug)
 *     changelog      as the package has it, of at most LAB_CHANGELOG_MAX_BYTES
 *     build.json     of a kernel built here: see kernel/lab-build.h; and its build.log
 */
#pragma once

#include <glib.h>
#include <jansson.h>

#define LAB_KERNEL_SCHEMA       1
#define LAB_CHANGELOG_MAX_BYTES (64u << 20)

typedef struct {
    char *id;              /* directory name: the release, "+digest8" appended when two share one */
    char *release;         /* uname -r */
    char *version;         /* the text after "Linux version …" (uname -v), or NULL */
    char *package;         /* name, or NULL */
    char *package_version; /* dpkg's version, or rpm's EPOCH:VERSION-RELEASE, or NULL */
    char *format;          /* "deb", "rpm", "tree", "file" */
    char *build_id;        /* lower-case hex, or NULL */
    char *digest;          /* SHA-256 over boot image and module digests: the kernel's identity */
    char *source;          /* as the user named it: a path, URL or debian:SUITE/PACKAGE */
    char *verification;    /* "verified" (signature), "pinned" (checksum given), "unverified" */
    char *verified_by;     /* key or checksum, or NULL */
    char **defects;        /* recipes whose defect its patches put back; NULL: none */
    char *directory;       /* absolute; not stored */
    gboolean has_modules;
    gboolean has_pvh; /* vmlinux carries XEN_ELFNOTE_PHYS32_ENTRY */
    char **config;    /* "CONFIG_X=y" lines that were asked for; lazily read, see below */
} LabKernel;

LabKernel *lab_kernel_new_from_json(const json_t *json, const char *directory, GError **error);
json_t *lab_kernel_to_json(const LabKernel *kernel);
void lab_kernel_free(LabKernel *kernel);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(LabKernel, lab_kernel_free)

/* Reads DATA/kernels/ID/kernel.json of all kernels, sorted by release in version order. Damaged
 * entries are warned of and left out. GPtrArray of LabKernel, owned by the caller. */
GPtrArray *lab_kernel_list(const char *data, GError **error);

/* Kernels of 'all' (borrowed) that 'pattern' names: an id or release, a unique prefix of one, or a
 * glob ("6.1*"). Appends borrowed pointers to 'found'. Nothing found: LAB_CONFIG_ERROR/NOT_FOUND
 * that lists what there is. */
gboolean
lab_kernel_match(const GPtrArray *all, const char *pattern, GPtrArray *found, GError **error);

/* 'y', 'm', 'n' (absent or not set), or the value of a string or number option; "?" when the
 * kernel came without a config. Borrowed until the kernel is freed. */
const char *lab_kernel_config(LabKernel *kernel, const char *option);

/* A release or name that can be a directory of the store: 1 to 64 of [A-Za-z0-9._+~-], neither '.'
 * nor '-' first. */
gboolean lab_kernel_id_is_sane(const char *id);

/* Held (lab_lock_take below DATA/kernels) while the store is changed. */
#define LAB_KERNEL_LOCK ".lock"

/* Removes DATA/kernels/ID. An absent one is success. */
gboolean lab_kernel_remove(const char *data, const char *id, GError **error);
