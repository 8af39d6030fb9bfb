# SPDX-License-Identifier: GPL-2.0-or-later
"""The log reader."""
import os
import subprocess
import time

from .bench import ROOT

CONSOLE_BYTES = 100 * 1000 * 1000


def console(bench):
    """A console of 100 MB, read for its reports: log lines, binary, one report at the end."""
    path = os.path.join(bench.work, "console.log")
    line = b"[ 1234.567890] usb 1-1: a line as a chatty driver prints it, over and over again\n"
    noise = bytes(range(256)) * 16
    report = (b"[ 2000.000000] BUG: unable to handle page fault for address: ffffdeadbeef0000\n"
              b"[ 2000.000001] #PF: supervisor read access in kernel mode\n"
              b"[ 2000.000002] CPU: 0 PID: 1 Comm: init Not tainted 6.1.0 #1\n"
              b"[ 2000.000003] RIP: 0010:ksm_scan_thread+0x10/0x20\n"
              b"[ 2000.000004] Call Trace:\n[ 2000.000005]  kthread+0x1/0x2\n"
              b"[ 2000.000006] Kernel panic - not syncing: Fatal exception\n")
    with open(path, "wb") as file:
        while file.tell() < CONSOLE_BYTES - len(report):
            file.write(line * 200 + noise)
        file.write(report)
    times = []
    for _ in range(bench.repeat):
        begun = time.monotonic()
        output = subprocess.run([bench.kreglab, "signature", path], check=True,
                                stdout=subprocess.PIPE, env=bench.environment).stdout
        times.append(time.monotonic() - begun)
        if b"BUG" not in output:
            times = []
            break
    os.unlink(path)
    bench.figure("a console of 100 MB", times, "s", 2)


def signature(bench):
    """The log reader's throughput and memory: a clean log, one full of reports, what never ends."""
    bench.run("--kernel", bench.kernel(), "--recipe", "true", "--no-kdump", "--accel", "tcg")
    run = os.path.join(bench.data, "runs", bench.runs()[-1], "cells")
    boot = b""
    for cell in os.listdir(run):
        with open(os.path.join(run, cell, "console.log"), "rb") as file:
            boot = file.read()
    golden = os.path.join(ROOT, "tests", "golden", "crash")
    reports = b""
    for name in sorted(os.listdir(golden)):
        if name.endswith(".log"):
            with open(os.path.join(golden, name), "rb") as file:
                reports += file.read() + b"\n"
    texts = [("a clean console", boot, 400, 300), ("a log full of reports", reports, 100, 50),
             ("syslog, clean", b"".join(b"Aug 11 12:45:31 host kernel: " + line + b"\n"
                                        for line in boot.splitlines()), 400, 300),
             ("wrapped at 80, full of reports", b"\n".join(
                 line[i:i + 80] for line in reports.splitlines() for i in range(0, max(1, len(line)), 80)) + b"\n",
              100, 50),
             ("headers only", b"WARNING: CPU: 0 PID: 5 at a.c:1 f+0x1/0x2\n", 100, 50),
             ("one endless line", b"BUG: kernel ", 100, 50),
             ("noise", os.urandom(1 << 20), 100, None)]
    for name, text, megabytes, goal in texts:
        if not text:
            bench.figure(f"signature, {name}", [], "MB/s", goal, at_least=True)
            continue
        path = os.path.join(bench.work, "signature.log")
        with open(path, "wb") as file:
            times = megabytes * 1000 * 1000 // len(text)
            for _ in range(times):
                file.write(text)
            size = file.tell()
        speeds, peaks = [], []
        for _ in range(bench.repeat):
            begun = time.monotonic()
            process = subprocess.Popen([bench.kreglab, "signature", path], stdout=subprocess.DEVNULL,
                                       env=bench.environment)
            _, status, usage = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
            if process.returncode == 0:
                speeds.append(size / 1e6 / (time.monotonic() - begun))
                peaks.append(usage.ru_maxrss / 1024)
        os.unlink(path)
        bench.figure(f"signature, {name}", speeds, "MB/s", goal, at_least=True)
        bench.figure(f"signature, {name}, memory", peaks, "MiB", 30 * 1000 * 1000 / 2**20)
