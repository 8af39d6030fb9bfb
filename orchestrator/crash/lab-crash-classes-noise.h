/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Part of the table (lab-crash-table.c): lines that look like headers and are none. */

{.needle = "---[ end ", .flags = LAB_CRASH_NO_REPORT},
    /* a symbolised log names what was inlined first; the line of the function itself follows */
    {.needle = " [inline]", .header = " \\[inline\\]$", .flags = LAB_CRASH_NO_REPORT},
    {.needle = "INFO: lockdep", .flags = LAB_CRASH_NO_REPORT},
    {.needle = "INFO: NMI handler", .flags = LAB_CRASH_NO_REPORT},
    {.needle = "INFO: Stall ended before", .flags = LAB_CRASH_NO_REPORT},
    {.needle = "INFO: recovery required", .flags = LAB_CRASH_NO_REPORT},
    {.needle = "INFO: Slab 0x", .flags = LAB_CRASH_NO_REPORT},
    {.needle = "INFO: Object 0x", .flags = LAB_CRASH_NO_REPORT},
    {.needle = "INFO: Allocated in", .flags = LAB_CRASH_NO_REPORT},
    /* of a hung task's report: "task a:1 is blocked on a mutex likely owned by task b:2" */
    {.needle = "INFO: task ",
     .header = "INFO: task .* is blocked on ",
     .flags = LAB_CRASH_NO_REPORT},
    {.needle = "WARNING: See https://", .flags = LAB_CRASH_NO_REPORT},
    {.needle = "WARNING: kernel not compiled with", .flags = LAB_CRASH_NO_REPORT},
    {.needle = "WARNING: stack recursion", .flags = LAB_CRASH_NO_REPORT},
    {.needle = "WARNING: ",
     .header = "WARNING: (?:/etc/|\\S+ uses wireless ext|Spectre|The mand mount|`\\S+' )",
     .flags = LAB_CRASH_NO_REPORT},
    /* a shell is told to write or to look for the words */
    {.needle = "echo ", .header = "(?:^|[#$;&|+] ?)echo ", .flags = LAB_CRASH_NO_REPORT},
    {.needle = "grep ", .header = "(?:^|[#$;&|+] ?)[efz]?grep ", .flags = LAB_CRASH_NO_REPORT},
    {.needle = "BUG UNIX", .flags = LAB_CRASH_NO_REPORT},
    /* KASAN of 4.x says it once more in SLUB's words */
    {.needle = "): kasan: bad access", .flags = LAB_CRASH_NO_REPORT},
