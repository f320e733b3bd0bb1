"""What hardly changes: names, versions, sizes. Only when asked for."""

import os
import sys

VENDORS = (
    (b"qemu", "kvm"), (b"kvm", "kvm"), (b"vmware", "vmware"), (b"xen", "xen"), (b"innotek", "virtualbox"),
    (b"virtualbox", "virtualbox"), (b"microsoft corporation virtual", "hyper-v"), (b"amazon ec2", "amazon ec2"),
    (b"google compute", "google compute engine"), (b"parallels", "parallels"), (b"bochs", "bochs"),
)  # fmt: skip


def first(host, *paths):
    """The text of the first of these files that can be read, else nothing."""
    for path in paths:
        try:
            return host.read(path)
        except OSError:
            pass
    return b""


def field(text, *keys):
    """The value of the first line that begins with one of these keys."""
    for line in text.split(b"\n"):
        key, mark, value = line.partition(b":")
        if mark and key.strip() in keys and value.strip():
            return value.strip()
    return b""


def distribution(host):
    for line in first(host, "/etc/os-release", "/usr/lib/os-release").split(b"\n"):
        if line.startswith(b"PRETTY_NAME="):
            return line.split(b"=", 1)[1].strip().strip(b"\"'")
    return b"Linux"


def virtualization(host, cpuinfo):
    """The container or machine we are in: its name, "none" on bare metal."""
    container = first(host, "/run/systemd/container").strip()
    if container:
        return host.text(container)
    if os.path.exists("/.dockerenv"):
        return "docker"
    dmi = b" ".join(
        first(host, "/sys/class/dmi/id/" + name).strip() for name in ("sys_vendor", "product_name")
    )
    for mark, name in VENDORS:
        if mark in dmi.lower():
            return name
    return "virtual machine" if b" hypervisor" in field(cpuinfo, b"flags") else "none"


def collect(host):
    if "facts" not in host.asked:
        return
    system, cpuinfo, psutil = os.uname(), first(host, "/proc/cpuinfo"), host.psutil
    model = field(cpuinfo, b"model name", b"Model", b"Hardware", b"cpu model", b"cpu")
    host.facts.update(
        hostname=host.text(system.nodename),
        os=host.text(distribution(host)),
        kernel=host.text(system.release),
        architecture=host.text(system.machine),
        cpu_model=host.text(model),
        cpu_count=psutil.cpu_count() or os.cpu_count(),
        memory_total_bytes=psutil.virtual_memory().total,
        swap_total_bytes=psutil.swap_memory().total,
        boot_time=psutil.boot_time(),
        psutil=host.text(psutil.__version__),
        psutil_origin=host.psutil_origin,
        python="%d.%d.%d" % sys.version_info[:3],
        probe="psutil",
        virtualization=virtualization(host, cpuinfo),
    )
    yield from ()
