/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "lab-guest.h"

/* What `auto` means on this host: "kvm" or "tcg" (static), NULL on error. /dev/kvm may open, make a
 * virtual machine, run its firmware, and still never boot Linux, so the kernel itself is booted
 * once under KVM, up to its "Linux version" line. The answer is kept in
 * cache_directory/accelerator.json for this boot of this host with this QEMU; several workers ask
 * once. No /dev/kvm: "tcg" at once. */
const char *lab_accel_probe(const LabGuestConfig *config, GError **error);
