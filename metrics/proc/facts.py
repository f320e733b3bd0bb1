"""What hardly changes, from the texts of a host without Python."""

from __future__ import annotations

from typing import Any

from metrics.proc.rows import fields

VENDORS = (
    ("qemu", "kvm"), ("kvm", "kvm"), ("vmware", "vmware"), ("xen", "xen"), ("innotek", "virtualbox"),
    ("virtualbox", "virtualbox"), ("microsoft corporation virtual", "hyper-v"), ("amazon ec2", "amazon ec2"),
    ("google compute", "google compute engine"), ("parallels", "parallels"), ("bochs", "bochs"),
)  # fmt: skip
MODEL_KEYS = ("model name", "Model", "Hardware", "cpu model", "system type", "machine", "cpu")


def cpuinfo(text: str, *keys: str) -> str:
    """The value of the first line with one of these keys."""
    for line in text.split("\n"):
        key, mark, value = line.partition(":")
        if mark and key.strip() in keys and value.strip():
            return value.strip()
    return ""


def virtualization(container: str, docker: str, dmi: str, processor: str) -> str:
    """The container or machine we are in: its name, "none" on bare metal."""
    if container.strip():
        return container.strip()
    if docker.strip():
        return "docker"
    for mark, name in VENDORS:
        if mark in dmi.lower():
            return name
    return "virtual machine" if " hypervisor" in cpuinfo(processor, "flags") else "none"


def facts(sections: dict[str, str]) -> dict[str, Any]:
    """The facts of these texts; see `metrics.shell.FACTS` for their names."""
    processor = sections["cpuinfo"]
    return {
        "hostname": sections["hostname"].strip(),
        "os": fields(sections["os-release"]).get("PRETTY_NAME", "") or "Linux",
        "kernel": sections["osrelease"].strip(),
        "architecture": sections["machine"].strip(),
        "cpu_model": cpuinfo(processor, *MODEL_KEYS),
        "virtualization": virtualization(
            sections["container"], sections["docker"], " ".join(sections["dmi"].split()), processor
        ),
        "probe": "sh",
    }
