# SPDX-License-Identifier: GPL-2.0-or-later
"""QEMU by hand, with what the lab gave its own."""
import os
import re
import shutil
import socket
import subprocess
import time


def children(pid):
    """All descendants of a process."""
    found = []
    try:
        for task in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{task}/children", encoding="ascii") as file:
                for child in file.read().split():
                    found += [int(child)] + children(int(child))
    except OSError:
        pass
    return found


def arguments_of(pid):
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            return [a.decode(errors="replace") for a in file.read().split(b"\0")[:-1]]
    except OSError:
        return []


def qemus_of(pid):
    """[(pid, arguments)] of the QEMUs below a process."""
    return [(child, arguments) for child in children(pid)
            if (arguments := arguments_of(child)) and "qemu-system" in arguments[0]
            and "-kernel" in arguments]


def qemu_of(pid, deadline):
    """The first QEMU below a process; None when there is none in time."""
    while time.monotonic() < deadline:
        if found := qemus_of(pid):
            return found[0]
        time.sleep(0.005)
    return None


def pss_mib(pid):
    """Memory of a process of its own and its part of the shared; None when it is gone."""
    try:
        with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as file:
            return int(re.search(r"^Pss:\s+(\d+)", file.read(), re.M).group(1)) / 1024
    except (OSError, AttributeError):
        return None


def keep_boot_files(pid, arguments, work):
    """Copies of kernel and initramfs, as QEMU itself sees them, and the command line."""
    def value(option):
        return arguments[arguments.index(option) + 1]

    def copy(path, name):
        target = os.path.join(work, name)
        match = re.match(r"/(dev/fd|proc/self/fd)/(\d+)$", path)
        if match:
            path = f"/proc/{pid}/fd/{match.group(2)}"
        elif not os.path.isabs(path):
            path = os.path.join(f"/proc/{pid}/cwd", path)
        shutil.copyfile(path, target)
        return target

    return (copy(value("-kernel"), "kernel"), copy(value("-initrd"), "initrd"), value("-append"),
            arguments)


def boot(kernel, initrd, append, model, work):
    """Seconds from the start of a QEMU of one's own to the first byte of the lab's init; None."""
    path = os.path.join(work, "agent.sock")
    if os.path.exists(path):
        os.unlink(path)
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(path)
    listener.listen(1)
    listener.settimeout(120)
    option = {o: model[model.index(o) + 1] for o in ("-m", "-smp", "-cpu") if o in model}
    memory = re.search(r"(?:size=)?(\d+)", option.get("-m", "512")).group(1)
    if option.get("-m", "").endswith("k"):
        memory = str(int(memory) // 1024)
    command = [os.environ.get("KREGLAB_QEMU", "qemu-system-x86_64"), "-nodefaults", "-no-user-config",
               "-display", "none", "-machine", "pc", "-accel", "tcg", "-m", memory, "-smp",
               option.get("-smp", "1").split(",")[0], "-kernel", kernel, "-initrd", initrd, "-append",
               append, "-serial", "file:" + os.path.join(work, "hand.log"), "-device",
               "virtio-serial-pci", "-chardev", f"socket,id=a,path={path}", "-device",
               "virtserialport,chardev=a,name=kreglab.agent"]
    if "-cpu" in option:
        command += ["-cpu", option["-cpu"]]
    begun = time.monotonic()
    qemu = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    try:
        connection, _ = listener.accept()
        connection.settimeout(120)
        return time.monotonic() - begun if connection.recv(1) else None
    except socket.timeout:
        return None
    finally:
        qemu.kill()
        qemu.wait()
        listener.close()
