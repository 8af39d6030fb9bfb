/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <glib.h>

/* Whether the vmlinux at 'path' is that of the dumped kernel. Its build-id decides ('build_id', in
 * hexadecimal, of the dump's vmcoreinfo; NULL before v5.9), else its banner ("Linux version RELEASE
 * …") and 'version' (`uname -v`; NULL: not known) must be in it. LAB_CONFIG_ERROR says what
 * differs. */
gboolean lab_vmlinux_check(const char *path, const char *build_id, const char *release,
                           const char *version, GError **error);
