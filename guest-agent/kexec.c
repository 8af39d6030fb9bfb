/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Loading the capture kernel: kexec_file_load(2), and where that is missing or refuses the image
 * (signatures, lockdown, an old loader), kexec_load(2) through kexec-tools of the capture kit.
 */
#include "agent.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define CAPTURE_KERNEL "/kreglab/capture/vmlinuz"
#define CAPTURE_INITRD "/kreglab/capture/initrd"
#define ON_CRASH       2ul /* KEXEC_FILE_ON_CRASH of linux/kexec.h */

static int
file_load(const char *cmdline)
{
    int kernel = open(CAPTURE_KERNEL, O_RDONLY | O_CLOEXEC);
    int initrd = open(CAPTURE_INITRD, O_RDONLY | O_CLOEXEC);
    int result = 0;

    if (kernel < 0 || initrd < 0 ||
        syscall(SYS_kexec_file_load, kernel, initrd, strlen(cmdline) + 1, cmdline, ON_CRASH) < 0)
        result = errno;
    if (kernel >= 0)
        close(kernel);
    if (initrd >= 0)
        close(initrd);
    return result;
}

/* 0, an errno (EIO when kexec ran and failed), and its words in 'errors'. */
static int
tool_load(const char *cmdline, char *errors, size_t size)
{
    char *option = NULL;
    char *argv[] = {(char *)"kexec",
                    (char *)"-p",
                    (char *)"-c",
                    NULL,
                    (char *)"--initrd=" CAPTURE_INITRD,
                    (char *)CAPTURE_KERNEL,
                    NULL};
    int status;

    if (asprintf(&option, "--command-line=%s", cmdline) < 0)
        return ENOMEM;
    argv[3] = option;
    status = child_run(argv, errors, size);
    free(option);
    if (status < 0) {
        snprintf(errors, size, "%s",
                 status == -ENOENT ? "not in the initramfs, the host lacks the package kexec-tools"
                                   : strerror(-status));
        return -status;
    }
    return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : EIO;
}

static int64_t
crash_size(void)
{
    char text[64];

    return file_read("/sys/kernel/kexec_crash_size", text, sizeof text) > 0 ? atoll(text) : -1;
}

bool
capture_is_loaded(void)
{
    char text[8];

    return file_read("/sys/kernel/kexec_crash_loaded", text, sizeof text) > 0 && text[0] == '1';
}

static bool
make_cmdline(const Request *request, char *out, size_t size)
{
    const char *whole = request_string(request, "cmdline");
    char running[4096], cpuinfo[4096];

    if (whole)
        return snprintf(out, size, "%s", whole) < (int)size;
    file_read("/proc/cmdline", running, sizeof running);
    file_read("/proc/cpuinfo", cpuinfo, sizeof cpuinfo);
    return capture_cmdline(running, cpuinfo, request_string(request, "append"), out, size);
}

void
verb_load_capture(Request *request)
{
    const char *method = request_string(request, "method");
    char cmdline[2048], errors[1024] = "";
    bool try_file = !method || strcmp(method, "kexec_load") != 0;
    bool try_tool = !method || strcmp(method, "kexec_file_load") != 0;
    int file_errno = 0, result;

    if (!make_cmdline(request, cmdline, sizeof cmdline)) {
        answer_error(request, E2BIG, "the capture kernel's command line is too long");
        return;
    }
    if (crash_size() <= 0) {
        answer_error(request, ENOMEM,
                     "no memory is reserved for a capture kernel: crashkernel= is "
                     "missing, or the kernel could not find that much");
        return;
    }
    result = try_file ? file_load(cmdline) : ENOSYS;
    if (try_file && result != 0) {
        file_errno = result;
        snprintf(errors, sizeof errors, "kexec_file_load: %s", strerror(result));
    }
    method = "kexec_file_load";
    if (result != 0 && try_tool) {
        size_t used = strlen(errors);

        method = "kexec_load";
        used += (size_t)snprintf(errors + used, sizeof errors - used,
                                 "%skexec -c: ", used > 0 ? "; " : "");
        result = tool_load(cmdline, errors + used, sizeof errors - used);
    }
    if (result == 0 && !capture_is_loaded()) {
        result = EIO;
        snprintf(errors, sizeof errors, "%s said yes, kexec_crash_loaded is 0", method);
    }
    if (result != 0)
        answer_error(request, file_errno != 0 ? file_errno : result, "%.580s", errors);
    else
        answer_ok(request, json_pack("{s:s, s:I, s:s, s:i}", "method", method, "crash_size",
                                     (json_int_t)crash_size(), "cmdline", cmdline, "file_errno",
                                     file_errno));
}
