/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A whole small kernel in memory: symbols, BTF, ORC, a module and three tasks. */
#pragma once

#include "fake-core.h"

/* Where its parts lie; each has FAKE_PART bytes. */
#define FAKE_TEXT   0xffffffff81000000u
#define FAKE_PART   0x10000u
#define FAKE_PARTS  6u
#define FAKE_TABLES (FAKE_TEXT + 1 * FAKE_PART)
#define FAKE_BTF    (FAKE_TEXT + 2 * FAKE_PART)
#define FAKE_ORC    (FAKE_TEXT + 3 * FAKE_PART)
#define FAKE_DATA   (FAKE_TEXT + 4 * FAKE_PART)
#define FAKE_MODULE (FAKE_TEXT + 5 * FAKE_PART)
#define FAKE_TASKS  FAKE_DATA            /* 0x200 bytes each: swapper, sleeper, panicker */
#define FAKE_STACKS (FAKE_DATA + 0x4000) /* 0x4000 bytes each */

/* The memory of it, FAKE_PARTS * FAKE_PART bytes from FAKE_TEXT on; g_free. */
guint8 *fake_kernel_image(GString *vmcoreinfo);
/* The registers of CPU 0, which panicked. */
LabCoreNote fake_kernel_note(void);
