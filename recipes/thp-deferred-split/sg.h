/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The way that LTP's ioctl_sg01 goes: SG_IO with large transfers from a SCSI generic device, here
 * into huge pages. Sources: include/scsi/sg.h of the kernel, the SCSI HOWTO on sg; READ(10) and
 * TEST UNIT READY of SBC and SPC.
 */
#pragma once

#include <errno.h>
#include <fcntl.h>
#include <scsi/sg.h>
#include <stddef.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "common.h"

#define SG_BYTES      (128u * 4096)
#define SG_BLOCK      512u
#define SG_TIMEOUT_MS 5000u

static const char sg_device[] = "/dev/sg0";

static inline bool
sg_find(void)
{
    /* The first sg device, should nobody have made its node (major 21: devices.txt). */
    if (access(sg_device, F_OK) < 0)
        mknod(sg_device, S_IFCHR | 0600, makedev(21, 0));
    return access(sg_device, R_OK | W_OK) == 0;
}

/* One transfer into 'buffer': of the disk's first blocks, or, as in the test of LTP, by a command
 * that has no data, for which the kernel has to clear its buffer. */
static inline bool
sg_read(int fd, char *buffer, bool ready, bool direct)
{
    unsigned int blocks = SG_BYTES / SG_BLOCK;
    unsigned char test_unit_ready[6] = {0x00};
    unsigned char read10[10] = {
        0x28, 0, 0, 0, 0, 0, 0, (unsigned char)(blocks >> 8), (unsigned char)blocks};
    unsigned char sense[64];
    sg_io_hdr_t header = {
        .interface_id = 'S',
        .dxfer_direction = SG_DXFER_FROM_DEV,
        .cmdp = ready ? test_unit_ready : read10,
        .cmd_len = ready ? sizeof test_unit_ready : sizeof read10,
        .dxferp = buffer,
        .dxfer_len = SG_BYTES,
        .sbp = sense,
        .mx_sb_len = sizeof sense,
        .timeout = SG_TIMEOUT_MS,
        .flags = direct ? SG_FLAG_DIRECT_IO : 0,
    };

    return ioctl(fd, SG_IO, &header) == 0;
}

/* Reads into each of 'pages' huge pages from 'region', a part of which is unmapped (EFAULT). */
static inline void
sg_reads(struct shared *shared, char *region, unsigned int pages)
{
    int fd = open(sg_device, O_RDWR | O_CLOEXEC);

    if (fd < 0)
        die("%s", sg_device);
    for (unsigned int i = 0; i < pages * 2 && !shared->stop; i++) {
        char *page = region + i / 2 * HUGE;

        if (sg_read(fd, i % 2 ? page + HUGE - SG_BYTES : page, i % 3 == 0, i % 4 < 2))
            shared->sg_reads++;
        else
            shared->sg_errors++;
    }
    close(fd);
}
