# SPDX-License-Identifier: GPL-2.0-or-later
"""Runs of many cells: planned, and recorded ones opened, compared and reported."""
import os
import shutil
import subprocess

from .bench import ROOT, CouldNot


def planning(bench):
    """kreglab run --dry-run of many cells."""
    for cells in (1000, 10000) if bench.quick else (1000, 100000):
        times, peaks = [], []
        for _ in range(bench.repeat):
            lasted, peak = bench.timed(bench.kreglab, "run", "--dry-run", "--kernel", bench.kernel(),
                                       "--recipe", "true", "--repeat", str(cells))
            times.append(lasted)
            peaks.append(peak)
        bench.figure(f"planning {cells} cells", times, "s", 2 if cells == 100000 else None)
        bench.memory(f"planning {cells} cells, memory", peaks,
                     200e6 / 2**20 if cells == 100000 else None)


def make_run(bench, data, cells, *options):
    try:
        done = subprocess.run([os.path.join(bench.build, "tests/bench/make-recorded-run"), "--logs",
                               os.path.join(ROOT, "tests/golden/crash"), "--cells", str(cells), *options,
                               data], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, check=False)
    except OSError as error:
        raise CouldNot(f"make-recorded-run: {error.strerror}") from error
    if done.returncode != 0:
        raise CouldNot(done.stderr.strip())
    return done.stdout.strip()


def recorded(bench):
    """A run as it lies on the disk: nothing of it was run."""
    for cells in (1000, 10000) if bench.quick else (1000, 100000):
        data = bench.new_data(f"recorded-{cells}")
        old = make_run(bench, data, cells)
        new = make_run(bench, data, cells, "--seed", "2", "--candidate")
        large = cells == 100000
        verbs = {
            "opened for the first time (index)": (["reindex"], None, None),
            "listed": (["list"], None, None),
            "shown": (["show", new], None, None),
            "compared with another": (["compare", old, new], None, None),
            "reported as text": (["report", new], 5, 300),
            "reported as JSON": (["report", "--format", "json", new], 5, 300),
            "reported as HTML": (["report", "--output", os.path.join(bench.work, "report.html"), new],
                                 5, 300),
        }
        taken = {verb: ([], []) for verb in verbs}
        trouble = {}
        for _ in range(1 if bench.quick else min(bench.repeat, 3)):
            for verb, (arguments, _, _) in verbs.items():
                try:
                    lasted, peak = bench.timed(bench.kreglab, *arguments, data=data)
                except CouldNot as why:
                    trouble[verb] = why
                    continue
                taken[verb][0].append(lasted)
                taken[verb][1].append(peak)
        for verb, (_, seconds, megabytes) in verbs.items():
            if verb in trouble:
                bench.failed(f"{cells} recorded cells, {verb}", trouble[verb])
                continue
            bench.figure(f"{cells} recorded cells, {verb}", taken[verb][0], "s",
                         seconds if large else None)
            bench.memory(f"{cells} recorded cells, {verb}, memory", taken[verb][1],
                         megabytes * 1e6 / 2**20 if large and megabytes else None)
        shutil.rmtree(data)
