/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The initramfs of a lab guest: concatenated newc archives, uncompressed, which every kernel takes
 * and which is fastest under emulation. It holds the agent as /init, the modules this kernel needs
 * in load order, busybox, the library closures of host programs, the recipe's files and, for kdump,
 * the capture kernel with an initramfs of its own.
 *
 *   /init                      the agent
 *   /kreglab/modules.list      what the agent loads first: "PATH" a line, "-PATH" may fail
 *   /kreglab/capture/vmlinuz   + initrd: the capture kit
 *   /lib/modules/RELEASE/      the modules of the list
 *   /usr/bin …                 busybox's applets and the tools
 *
 * Parts are cached by the digest of what went into them, under CACHE/initramfs, made under a lock
 * and put in place by rename: the second cell of a kernel reuses the file. Files there are 0644 in
 * 0755 directories, but CACHE itself may be 0700: whoever hands the file to a QEMU of another user
 * links or copies it into a directory that this user may search.
 */
#pragma once

#include <glib.h>

#include "lab-kernel.h"

typedef struct {
    const char *path;   /* absolute, in the guest */
    const char *source; /* a regular file of the host */
    guint mode;         /* 0: the source's permission bits */
} LabInitramfsFile;

typedef struct {
    const LabKernel *kernel;
    const char *agent;             /* path of kreglab-agent; needed */
    const char *const *modules;    /* modules of the kernel's own that a recipe asks for, or NULL */
    const char *const *tools;      /* host programs, paths or names in PATH, with their libraries */
    const LabInitramfsFile *files; /* the recipe's payload */
    gsize n_files;
    gboolean disks;    /* virtio_blk is needed */
    gboolean watchdog; /* i6300esb goes in when it is there */
    gboolean network;  /* so does virtio_net */
    gboolean busybox;  /* shells and snippets */
    gboolean kdump;    /* the capture kit */
} LabInitramfsSpec;

/* Makes (or finds) the initramfs and returns its path (g_free). A needed module that the kernel
 * neither has nor has built in is LAB_CONFIG_ERROR/UNSUPPORTED "kernel X lacks virtio_console: …",
 * a missing tool LAB_CONFIG_ERROR/NOT_FOUND with the package that has it. */
char *lab_initramfs_make(const LabInitramfsSpec *spec, const char *cache, GError **error);

/* Memory in MiB to reserve with crashkernel= for the capture kit of 'spec': from the sizes of the
 * boot image and of the capture initramfs (which is made when absent). 0 on error. */
guint
lab_initramfs_crashkernel_mib(const LabInitramfsSpec *spec, const char *cache, GError **error);
