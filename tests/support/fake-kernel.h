/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Small kernels and packages for tests: right in all that intake reads, and too small to boot. */
#pragma once

#include <glib.h>

/* An x86-64 ELF with the notes, the banner and, unless NULL, the config of a kernel. */
GByteArray *fake_vmlinux(const char *release, const char *config);

/* A bzImage around 'payload', compressed by libarchive's filter code (ARCHIVE_FILTER_GZIP, …). */
GByteArray *fake_bzimage(const char *release, const GByteArray *payload, int filter);

typedef struct {
    const char *path;
    const void *data;
    gsize length;
} FakeFile; /* an array ends with path NULL */

/* Packages with these files. 'filter' compresses the payload. */
GByteArray *fake_deb(const char *name, const char *version, const FakeFile *files, int filter);
GByteArray *fake_rpm(const char *name, const char *version, const char *release,
                     const FakeFile *files, int filter);

/* A kernel module's worth of bytes: an ELF that depmod reads, with a vermagic. */
GByteArray *fake_module(const char *name, const char *release);

/* 'data' through one filter, with no container. */
GByteArray *fake_compress(const void *data, gsize length, int filter);
