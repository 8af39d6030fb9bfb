/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Part of the table (lab-crash-table.c): what file systems say of themselves. One that found
 * itself damaged is the cause only where nothing else is: it says the same of a bad disk. */

{.type = "fs-error", /* fs/ext4/super.c: __ext4_error() and its like; ext2, ext3 */
 .needle = "-fs error (device ",
 .header = "^(?<fs>EXT[2-4]-fs) error \\(device [^)]*\\)(?:: | in )(?<F>[a-z_]\\w*):",
 .title = "${fs} error in ${F}",
 .alternative = "fs-error in ${F}",
 .flags = LAB_CRASH_WEAK | LAB_CRASH_NO_TRACE | LAB_CRASH_NO_CORRUPT | LAB_CRASH_NAMED},
    {.type = "fs-error", /* ext2 and ext3 from 2.6.36, FAT from 2.6.38 */
     .needle = "): error",
     .header = "^(?<fs>(?:EXT[23]|FAT)-fs) \\([^)]*\\): error[:,] (?<F>[a-z_]\\w*):",
     .title = "${fs} error in ${F}",
     .alternative = "fs-error in ${F}",
     .flags = LAB_CRASH_WEAK | LAB_CRASH_NO_TRACE | LAB_CRASH_NO_CORRUPT | LAB_CRASH_NAMED},
    {.type = "fs-error", /* fs/xfs/xfs_error.c, xfs_fsops.c */
     .needle = "orruption ",
     .header = "^XFS \\([^)]*\\): (?<kind>Metadata corruption"
               "|Corruption(?: of (?:in-memory data|on-disk metadata))?)(?: \\(0x[0-9a-f]+\\))? "
               "detected(?: at " FUNCTION ")?",
     .title = "XFS: ${kind} in ${F}",
     .alternative = "fs-error in ${F}",
     .skip = "^xfs_(?:\\w*error\\w*|do_force_shutdown)$",
     .flags = LAB_CRASH_WEAK | LAB_CRASH_NO_TRACE | LAB_CRASH_NO_CORRUPT | LAB_CRASH_CONTINUES},
    {.type = "fs-error",
     .needle = "CRC error detected",
     .header = "^XFS \\([^)]*\\): (?<kind>Metadata CRC error) detected(?: at " FUNCTION ")?",
     .title = "XFS: ${kind} in ${F}",
     .alternative = "fs-error in ${F}",
     .skip = "^xfs_(?:\\w*error\\w*|do_force_shutdown)$",
     .flags = LAB_CRASH_WEAK | LAB_CRASH_NO_TRACE | LAB_CRASH_NO_CORRUPT | LAB_CRASH_CONTINUES},
    {.type = "fs-error", /* up to 2.6.38 without the device */
     .needle = " Internal error ",
     .header = "^XFS(?: \\([^)]*\\))?: Internal error .* at line \\d+ of file \\S+?\\. +"
               "Caller (?:" FUNCTION ")?",
     .title = "XFS: Internal error in ${F}",
     .alternative = "fs-error in ${F}",
     .skip = "^xfs_(?:\\w*error\\w*|do_force_shutdown)$",
     .flags = LAB_CRASH_WEAK | LAB_CRASH_NO_TRACE | LAB_CRASH_NO_CORRUPT},
    {.type = "fs-error", /* fs/btrfs/messages.c: __btrfs_handle_fs_error() */
     .needle = "error (device ",
     .header = "^BTRFS:? error \\(device [^)]*\\) in (?<F>[a-z_]\\w*):\\d+: ",
     .title = "BTRFS error in ${F}",
     .alternative = "fs-error in ${F}",
     .flags = LAB_CRASH_WEAK | LAB_CRASH_NO_TRACE | LAB_CRASH_NO_CORRUPT | LAB_CRASH_NAMED},
    {.type = "fs-error", /* fs/btrfs/tree-checker.c, before 4.16 disk-io.c */
     .needle = "critical (device ",
     .header = "^BTRFS:? critical \\(device [^)]*\\): (?<kind>corrupt (?:leaf|node))",
     .title = "BTRFS critical: ${kind}",
     .rule = LAB_CRASH_RULE_TITLE,
     .flags = LAB_CRASH_WEAK},
    {.type = "fs-error", /* fs/btrfs/disk-io.c */
     .needle = "error (device ",
     .header =
         "^BTRFS:? error \\(device [^)]*\\): (?:block=\\d+ )?(?<kind>(?:read|write) time tree "
         "block corruption detected|parent transid verify failed)",
     .title = "BTRFS error: ${kind}",
     .rule = LAB_CRASH_RULE_TITLE,
     .flags = LAB_CRASH_WEAK},

    /* --- ZFS (module/os/linux/spl/spl-err.c): the thread that found it stops for ever --- */
    {.type = "zfs-panic",
     .needle = "PANIC at ",
     .header = "^PANIC at [\\w.-]+\\.[ch]:\\d+:(?<F>[A-Za-z_]\\w*)\\(\\)",
     .title = "SPL PANIC in ${F}",
     .flags = LAB_CRASH_NO_TRACE | LAB_CRASH_NAMED},
    {.type = "zfs-panic", /* up to 0.6.3 */
     .needle = ") SPL PANIC",
     .header = "^SPLError: \\d+:\\d+:\\([\\w.-]+:\\d+:(?<F>[A-Za-z_]\\w*)\\(\\)\\) SPL PANIC",
     .title = "SPL PANIC in ${F}",
     .flags = LAB_CRASH_NO_TRACE | LAB_CRASH_NAMED},
    {.type = "zfs-panic", /* cmn_err(CE_PANIC) */
     .needle = "PANIC: ",
     .header = "^PANIC: (?<rest>(?:zfs|blkptr|rt=|metaslab)[^(]*[^ (:])",
     .title = "SPL PANIC: ${rest}",
     .rule = LAB_CRASH_RULE_TITLE},
