/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "agent.h"

#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

void
agent_log(const char *format, ...)
{
    char line[512];
    va_list args;
    int n = snprintf(line, sizeof line, "<6>kreglab: ");
    int fd = open("/dev/kmsg", O_WRONLY | O_CLOEXEC);

    va_start(args, format);
    vsnprintf(line + n, sizeof line - (size_t)n, format, args);
    va_end(args);
    /* In a capture kernel output of user space may not reach the serial line while printk does. */
    if (fd >= 0) {
        (void)!write(fd, line, strlen(line));
        close(fd);
    } else {
        dprintf(STDERR_FILENO, "%s\n", line + 3);
    }
}
