# SPDX-License-Identifier: GPL-2.0-or-later
"""The figures as a Markdown table and as a picture."""
from xml.sax.saxutils import escape

WIDTH, LEFT, RIGHT, ROW, BAR = 760, 300, 130, 30, 14
STYLE = """
  text { font: 13px system-ui, sans-serif; fill: #1f2328 }
  .note { font-size: 11px; fill: #59636e }
  .bar { fill: #3572b0 } .other { fill: #9aa4ae } .spread { stroke: #1f2328; stroke-width: 1 }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3 } .note { fill: #9198a1 } .bar { fill: #5c9ce0 } .other { fill: #6e7681 }
    .spread { stroke: #e6edf3 } }
"""


def number(value):
    return f"{value:,.0f}".replace(",", "\N{NARROW NO-BREAK SPACE}") if abs(value) >= 100 \
        else f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"


def describe(machine, kernel):
    busy = " (a machine busy with other work, which stretches the times but the CPU times)" \
        if machine["load_before"] > machine["cores"] else ""
    return (f"{machine['cores']} cores, {machine['memory_gib']} GiB, no hardware acceleration (QEMU "
            f"{machine['qemu']}, {machine['accelerator'].upper()}); {kernel or 'no kernel'}, 512 MiB, 1 CPU, "
            f"PVH where not said otherwise; load average {machine['load_before']} before and "
            f"{machine['load_after']} after{busy}; {machine['began'][:10]}, commit "
            f"{machine['commit'] or 'unknown'}")


def goal_of(figure):
    if figure.get("goal") is None:
        return ""
    sign = "≥" if figure["at_least"] else "≤"
    return f"{sign} {number(figure['goal'])}" + (" **missed**" if figure["missed"] else "")


def markdown(bench, machine, kernel, picture):
    lines = ["# Benchmarks", "", f"Medians of `tests/bench/run{' --quick' if machine['quick'] else ''}` on {describe(machine, kernel)}. The "
             "smallest and the largest value are beside them, *n* is how many were taken; what is compared was "
             "measured in turns.", ""]
    if picture:
        lines += [f"![Times of a boot]({picture})", ""]
    lines += ["| | median | spread | n | goal |", "| --- | ---: | ---: | ---: | --- |"]
    group = None
    for figure in bench.figures:
        if figure["group"] != group:
            group = figure["group"]
            lines.append(f"| **{group}** | | | | |")
        if figure["median"] is None:
            lines.append(f"| {figure['name']} | | not measured: {figure['why']} | | |")
            continue
        note = f" ({figure['note']})" if figure.get("note") else ""
        lines.append(f"| {figure['name']}{note} | {number(figure['median'])} {figure['unit']} | "
                     f"{number(figure['min'])} to {number(figure['max'])} | {figure['n']} | "
                     f"{goal_of(figure)} |")
    return "\n".join(lines) + "\n"


def svg(bench, machine, kernel):
    """Bars of the figures of the group of boots that are in seconds; None without any."""
    rows = [f for f in bench.figures if f["group"] == "boots" and f["median"] is not None
            and f["unit"] in ("s", "ms")]
    if not rows:
        return None
    scale = {"s": 1, "ms": 0.001}
    most = max(f["max"] * scale[f["unit"]] for f in rows)
    room = WIDTH - LEFT - RIGHT
    height = 34 + ROW * len(rows) + 40
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img" '
           f'aria-label="Times of a boot">', f"<style>{STYLE}</style>",
           '<text x="8" y="20">Boot a kernel, run something, be done: seconds, median and spread</text>']
    for i, figure in enumerate(rows):
        y = 34 + ROW * i
        factor = scale[figure["unit"]] * room / most
        middle = y + ROW / 2
        name = "bar" if figure["name"].startswith("kreglab") else "other"
        out += [f'<text x="{LEFT - 10}" y="{middle + 4}" text-anchor="end">{escape(figure["name"])}</text>',
                f'<rect class="{name}" x="{LEFT}" y="{middle - BAR / 2}" height="{BAR}" rx="2" '
                f'width="{max(1, figure["median"] * factor):.1f}"/>',
                f'<line class="spread" x1="{LEFT + figure["min"] * factor:.1f}" y1="{middle}" '
                f'x2="{LEFT + figure["max"] * factor:.1f}" y2="{middle}"/>',
                f'<text x="{LEFT + figure["max"] * factor + 8:.1f}" y="{middle + 4}">'
                f'{number(figure["median"])} {figure["unit"]}</text>']
    out += [f'<text class="note" x="8" y="{height - 12}">{machine["cores"]} cores, QEMU {machine["qemu"]}, '
            f'{machine["accelerator"].upper()}, {escape(kernel or "")}, 512 MiB, 1 CPU</text>', "</svg>"]
    return "\n".join(out) + "\n"
