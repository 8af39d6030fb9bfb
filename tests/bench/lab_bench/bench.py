# SPDX-License-Identifier: GPL-2.0-or-later
"""What all benchmarks share: the lab they call, what they measured, the machine they ran on."""
import datetime
import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = os.path.realpath(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", ".."))
MIB = 2**20


class CouldNot(Exception):
    """Why a figure could not be had."""


class Bench:
    def __init__(self, options):
        self.build = os.path.join(ROOT, options.build)
        self.kreglab = os.path.join(self.build, "kreglab")
        self.repeat = options.repeat
        self.quick = options.quick
        self.figures = []  # dicts: name, group, unit, median…; or why
        self.group = ""
        self.store = os.environ.get("KREGLAB_DATA") or os.path.join(
            os.environ.get("KREGLAB_TEST_DATA")
            or os.path.join(os.path.expanduser("~"), ".cache/kreglab-test"), "data")
        self.work = tempfile.mkdtemp(prefix="kreglab-bench-", dir=os.environ.get("TMPDIR", "/var/tmp"))
        self.data = self.new_data("data")
        os.symlink(os.path.join(self.store, "kernels"), os.path.join(self.data, "kernels"))
        self.environment = dict(os.environ, KREGLAB_DATA=self.data)
        self.kernels = options.kernel or [k["id"] for k in self.json("kernel", "list", "--json")["kernels"]]
        self.load = os.getloadavg()[0]
        self.commit = subprocess.run(["git", "-C", ROOT, "rev-parse", "--short", "HEAD"], text=True,
                                     check=False, stdout=subprocess.PIPE,
                                     stderr=subprocess.DEVNULL).stdout.strip()
        self.began = datetime.datetime.now(datetime.timezone.utc)

    def close(self):
        shutil.rmtree(self.work)

    def new_data(self, name):
        path = os.path.join(self.work, name)
        os.makedirs(path, mode=0o700)
        return path

    def kernel(self):
        """The kernel that most figures are about: the store's 6.1 where it has one."""
        if not self.kernels:
            raise CouldNot(f"no kernels in {self.store}: ./bootstrap test fetches some")
        return next((k for k in self.kernels if k.startswith("6.1")), self.kernels[0])

    def json(self, *arguments):
        return json.loads(subprocess.run([self.kreglab, *arguments], check=True, text=True,
                                         stdout=subprocess.PIPE, env=self.environment).stdout)

    # What was measured

    def figure(self, name, values, unit, goal=None, at_least=False, note=None):
        values = [v for v in values if v is not None]
        if not values:
            return self.failed(name, "nothing was measured")
        median = statistics.median(values)
        missed = goal is not None and (median < goal if at_least else median > goal)
        self.figures.append({"group": self.group, "name": name, "median": median, "min": min(values),
                             "max": max(values), "n": len(values), "unit": unit, "goal": goal,
                             "at_least": at_least, "missed": missed, "note": note})
        print(f"{name:<58} {median:8.2f} {unit}  ({min(values):.2f} to {max(values):.2f}, n={len(values)})"
              + (f"  goal {goal:.2f}" if goal is not None else "") + ("  MISSED" if missed else ""),
              file=sys.stderr, flush=True)
        return median

    def memory(self, name, peaks, goal=None):
        """MiB, as wait4(2) tells: what the child had of this program before it became its own counts."""
        with open("/proc/self/status", encoding="ascii") as file:
            own = int(re.search(r"VmHWM:\s+(\d+)", file.read()).group(1)) / 1024
        hidden = any(peak <= own for peak in peaks)
        return self.figure(name, peaks, "MiB", goal, note="or less" if hidden else None)

    def failed(self, name, why):
        print(f"{name:<58} not measured: {why}", file=sys.stderr, flush=True)
        self.figures.append({"group": self.group, "name": name, "median": None, "why": str(why)})

    def timed(self, *command, data=None, timeout=600):
        """Seconds and MiB (peak) of a command that has to end well; its output is in 'work'/out."""
        environment = dict(self.environment, KREGLAB_DATA=data or self.data)
        with open(os.path.join(self.work, "out"), "wb") as out, \
                open(os.path.join(self.work, "err"), "w+b") as err:
            begun = time.monotonic()
            process = subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL, stdout=out,
                                       stderr=err)
            _, status, usage = os.wait4(process.pid, 0)
            lasted = time.monotonic() - begun
            process.returncode = os.waitstatus_to_exitcode(status)
            if process.returncode not in (0, 1):
                err.seek(0)
                text = err.read().decode(errors="replace").strip().splitlines()
                raise CouldNot(f"'{' '.join(os.path.basename(c) for c in command[:3])}' ended with "
                               f"{process.returncode}: {text[-1] if text else 'no word'}")
        return lasted, usage.ru_maxrss / 1024

    # Runs

    def start(self, *arguments, jobs=1):
        """kreglab run in the background."""
        with open(os.path.join(self.work, "run.log"), "ab") as log:
            return subprocess.Popen([self.kreglab, "run", "--jobs", str(jobs), *arguments],
                                    env=self.environment, stdin=subprocess.DEVNULL,
                                    stdout=subprocess.DEVNULL, stderr=log)

    def run(self, *arguments, jobs=1):
        """The results of the cells of one run; "wall_s" is added: the journal's start to end."""
        before = self.runs()
        self.start(*arguments, jobs=jobs).wait()
        new = [run for run in self.runs() if run not in before]
        if not new:
            with open(os.path.join(self.work, "run.log"), encoding="utf-8", errors="replace") as log:
                lines = log.read().strip().splitlines()
            raise CouldNot(lines[-1] if lines else "kreglab run made no run")
        return self.results(new[0])

    def runs(self):
        path = os.path.join(self.data, "runs")
        return sorted(n for n in os.listdir(path) if n[0].isdigit()) if os.path.isdir(path) else []

    def results(self, run):
        directory = os.path.join(self.data, "runs", run)
        times = {}
        with open(os.path.join(directory, "journal.jsonl"), encoding="utf-8") as journal:
            for line in journal:
                entry = json.loads(line)
                if entry["event"] in ("started", "finished"):
                    times.setdefault(entry["cell"], {})[entry["event"]] = moment(entry["time"])
        results = []
        for cell in sorted(os.listdir(os.path.join(directory, "cells"))):
            path = os.path.join(directory, "cells", cell, "result.json")
            if not os.path.exists(path):
                continue
            with open(path, encoding="utf-8") as file:
                result = json.load(file)
            seen = times.get(cell, {})
            result["wall_s"] = (seen["finished"] - seen["started"]).total_seconds() \
                if "started" in seen and "finished" in seen else None
            results.append(result)
        return results


def moment(text):
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00"))


def machine(bench):
    """What the figures depend on, without the machine's name."""
    with open("/proc/meminfo", encoding="ascii") as file:
        memory = int(re.search(r"MemTotal:\s+(\d+)", file.read()).group(1))
    try:
        qemu = subprocess.run([os.environ.get("KREGLAB_QEMU", "qemu-system-x86_64"), "--version"],
                              stdout=subprocess.PIPE, text=True, check=True).stdout
        qemu = re.search(r"version (\S+)", qemu).group(1)
    except (OSError, subprocess.CalledProcessError, AttributeError):
        qemu = "not here"
    return {"cores": os.cpu_count(), "memory_gib": round(memory / MIB), "qemu": qemu,
            "accelerator": "tcg", "load_before": round(bench.load, 1),
            "load_after": round(os.getloadavg()[0], 1), "began": bench.began.isoformat(timespec="minutes"),
            "commit": bench.commit, "quick": bench.quick}
