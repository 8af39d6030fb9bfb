# SPDX-License-Identifier: GPL-2.0-or-later
"""What needs guests: boots, cells a minute, dumps, the parent beside them."""
import os
import re
import resource
import shutil
import statistics
import subprocess
import threading
import time

from . import qemu
from .bench import CouldNot

SHAPE = ["--recipe", "true", "--no-kdump", "--accel", "tcg", "--memory", "512M", "--cpus", "1",
         "--boot", "pvh"]
CLONES = 6  # cells of one warm run: three for each of two templates


def boot_files(bench, kernel):
    """Kernel, initramfs and command line as the lab gives them to QEMU; warms the caches."""
    parent = bench.start("--kernel", kernel, *SHAPE, "--cold")
    found = qemu.qemu_of(parent.pid, time.monotonic() + 60)
    files = qemu.keep_boot_files(*found, bench.work) if found else None
    parent.wait()
    if not files:
        raise CouldNot("the lab started no QEMU")
    return files


def virtme(kernel, bench):
    """Seconds of `vng … -- uname -r`."""
    program = os.environ.get("KREGLAB_BENCH_VNG") or shutil.which("vng")
    if not program:
        raise CouldNot("virtme-ng is not installed")
    image = os.path.join(bench.store, "kernels", kernel, "vmlinuz")
    begun = time.monotonic()
    try:
        done = subprocess.run([program, "-r", image, "--memory", "512M", "--cpus", "1", "--disable-kvm",
                               "--", "uname", "-r"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, timeout=180, check=False, text=True)
    except subprocess.TimeoutExpired as timeout:
        raise CouldNot("vng did not end in 180 s") from timeout
    if done.returncode != 0 or not re.search(r"^\d+\.\d+", done.stdout, re.M):
        last = done.stdout.strip().splitlines()
        raise CouldNot(f"vng: {last[-1][:200] if last else 'no output'}")
    return time.monotonic() - begun


def warm_results(bench, kernel, cells, jobs=1):
    results = bench.run("--kernel", kernel, *SHAPE, "--repeat", str(cells), jobs=jobs)
    warm = [r for r in results if r["facts"].get("warm") is True]
    if not warm:
        why = next((r["facts"]["cold_why"] for r in results if r["facts"].get("cold_why")),
                   "this build has no warm guests")
        raise CouldNot(f"no cell ran from a clone: {why}")
    return warm


def boots(bench):
    """One boot of each kind after the other, again and again, so that load meets them all."""
    kernel = bench.kernel()
    files = boot_files(bench, kernel)
    raw, cold, warm, first, vng = [], [], [], [], []
    spent = {"by hand": [], "cold": [], "warm": []}  # CPU seconds, which load does not stretch much
    trouble = {}
    try:
        warm_results(bench, kernel, CLONES)  # makes the templates
    except CouldNot as why:
        trouble["warm"] = why
    for _ in range(bench.repeat):
        begun = children_cpu()
        raw.append(qemu.boot(*files, bench.work))
        spent["by hand"].append(children_cpu() - begun)
        begun = children_cpu()
        cold += [r["wall_s"] for r in bench.run("--kernel", kernel, *SHAPE, "--cold")
                 if r["outcome"] == "pass"]
        spent["cold"].append(children_cpu() - begun)
        if "warm" not in trouble:
            begun = children_cpu()
            clones = warm_results(bench, kernel, CLONES)
            spent["warm"].append((children_cpu() - begun) / CLONES)
            warm += [r["wall_s"] for r in clones if r["outcome"] == "pass"]
            first += [1000 * s for r in clones if (s := first_answer(r)) is not None]
        if "vng" not in trouble:
            try:
                vng.append(virtme(kernel, bench))
            except CouldNot as why:
                trouble["vng"] = why
    good = [r for r in raw if r is not None]
    bench.figure("QEMU by hand, to init's first word", raw, "s")
    bench.figure("kreglab, a cold cell", cold, "s",
                 1.15 * statistics.median(good) + 0.4 if good else None)
    if "warm" in trouble:
        bench.failed("kreglab, a warm cell", trouble["warm"])
    else:
        bench.figure("kreglab, a warm cell", warm, "s", 0.25)
        bench.figure("kreglab, a clone's first answer", first, "ms", 100)
    for name, seconds in spent.items():
        if seconds:
            bench.figure(f"CPU time, {name}", seconds, "s CPU",
                         note="guest, worker and parent" if name != "by hand" else None)
    if "vng" in trouble:
        bench.failed("virtme-ng, uname -r", trouble["vng"])
    else:
        bench.figure("virtme-ng, uname -r", vng, "s",
                     note="not like for like: it boots into the host's own root file system")


def children_cpu():
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def first_answer(result):
    """Seconds from letting the clone run to its agent's first word."""
    return result["boot_ms"] / 1000 if result.get("boot_ms") is not None else None


class Sampler(threading.Thread):
    """The memory of the QEMUs below a process, while it runs."""

    def __init__(self, pid):
        super().__init__(daemon=True)
        self.pid, self.peaks, self.most = pid, {}, 0
        self.done = threading.Event()

    def run(self):
        while not self.done.wait(0.5):  # a look is not free
            sizes = {child: pss for child, _ in qemu.qemus_of(self.pid)
                     if (pss := qemu.pss_mib(child)) is not None}
            self.most = max(self.most, sum(sizes.values()))
            for child, pss in sizes.items():
                self.peaks[child] = max(pss, self.peaks.get(child, 0))


def throughput(bench):
    """Cells a minute of a matrix of one kernel and one recipe."""
    kernel = bench.kernel()
    cells = 20 if bench.quick else 200
    for jobs, goal in ((1, None), (2, 300)):
        before = bench.runs()
        begun = time.monotonic()
        parent = bench.start("--kernel", kernel, *SHAPE, "--repeat", str(cells), jobs=jobs)
        sampler = Sampler(parent.pid)
        sampler.start()
        parent.wait()
        lasted = time.monotonic() - begun
        sampler.done.set()
        sampler.join()
        run = next((r for r in bench.runs() if r not in before), None)
        results = bench.results(run) if run else []
        passed = sum(1 for r in results if r["outcome"] == "pass")
        warm = sum(1 for r in results if r["facts"].get("warm") is True)
        bench.figure(f"{cells} cells, {jobs} at once", [60 * passed / lasted], "cells/min", goal,
                     at_least=True, note=f"{warm} of {len(results)} warm, {cells - passed} failed")
        if sampler.peaks:
            bench.figure(f"memory of a guest, {jobs} at once", list(sampler.peaks.values()), "MiB",
                         100 if warm else None, note="proportional set size of QEMU, at its most")


def dumps(bench):
    """Panic to the complete vmcore on the host."""
    for kernel in bench.kernels:
        series = tuple(int(n) for n in re.match(r"(\d+)\.(\d+)", kernel).groups())
        for kind, goal, arguments in (("host", 2, ["--no-kdump"]),
                                      ("kdump", 10 if series <= (6, 1) else 15, [])):
            results = bench.run("--kernel", kernel, "--recipe", "sysrq-panic", "--memory", "512M",
                                "--repeat", str(bench.repeat), "--keep-dumps", "none", *arguments)
            times = [r["dump"]["duration_ms"] / 1000 for r in results
                     if r.get("dump") and (r["dump"]["method"] or "").startswith(kind)]
            bench.figure(f"panic to vmcore, {kind}, {kernel}", times, "s", goal)


def parent(bench):
    """Memory and CPU time of the parent while cells run."""
    process = bench.start("--kernel", bench.kernel(), "--recipe", "true", "--repeat",
                          str(max(3, bench.repeat)))
    begun = time.monotonic()
    peak = ticks = 0
    while process.poll() is None:
        try:
            with open(f"/proc/{process.pid}/status", encoding="ascii") as file:
                match = re.search(r"VmHWM:\s+(\d+)", file.read())
            with open(f"/proc/{process.pid}/stat", encoding="ascii") as file:
                fields = file.read().rsplit(")", 1)[1].split()
        except OSError:
            break
        if match:
            peak = int(match.group(1))
            ticks = int(fields[11]) + int(fields[12])
        time.sleep(0.05)
    lasted = time.monotonic() - begun
    process.wait()
    bench.figure("parent's peak memory", [peak / 1024], "MiB", 50 * 1000 * 1000 / 2**20)
    bench.figure("parent's CPU time", [100 * ticks / os.sysconf("SC_CLK_TCK") / lasted], "% of a core", 1)
