"""What waits to be done: updates the host knows of, a restart, a newer kernel."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from metrics.proc.rows import PLAIN, Row
from metrics.text import clean

PACKAGES = 500
NAME = 200
# apt-get --simulate: Inst <package> [<old>] (<new> <archive> [<architecture>])
APT = re.compile(r"Inst (\S+)(?: \[(\S+)\])? \((\S+) ([^)]*)\)")
# apk version: <package>-<old> < <new>
APK = re.compile(r"(\S+?)-(\d\S*)\s+<\s+(\S+)")
VERSION = re.compile(r"[\d.\-_+~]+")


def apt(text: str) -> list[dict[str, Any]]:
    """The packages `apt-get --simulate upgrade` would install."""
    found = (APT.match(line) for line in text.split("\n"))
    return [
        package(one[1], one[2] or "", one[3], security="security" in one[4].lower())
        for one in found
        if one
    ]


def apk(text: str) -> list[dict[str, Any]]:
    """The packages `apk version -l '<'` lists; Alpine has no archive of its own for security."""
    found = (APK.match(line) for line in text.split("\n"))
    return [package(one[1], one[2], one[3], security=False) for one in found if one]


def package(name: str, old: str, new: str, *, security: bool) -> dict[str, Any]:
    texts = {"name": name, "installed": old, "available": new}
    return {**{key: clean(text, NAME) for key, text in texts.items()}, "security": security}


def counts(packages: list[dict[str, Any]], *, security: bool) -> Iterator[Row]:
    yield "updates_pending", PLAIN, float(len(packages))
    if security:
        yield "updates_security", PLAIN, float(sum(one["security"] for one in packages))


def apt_counts(text: str) -> Iterator[Row]:
    return counts(apt(text), security=True)


def apk_counts(text: str) -> Iterator[Row]:
    return counts(apk(text), security=False)


def reboot(text: str) -> Iterator[Row]:
    """1 or 0; nothing where the host has no way to say so."""
    if text.strip():
        yield "reboot_required", PLAIN, float(text.strip() == "1")


def kernels(text: str) -> Iterator[Row]:
    """The release that runs, then a line for each one that is installed."""
    running, *installed = [line.strip() for line in text.strip().split("\n")]
    same = [one for one in installed if one[:1].isdigit() and flavour(one) == flavour(running)]
    if same:
        newest = max(same, key=order)
        yield "kernel_outdated", PLAIN, float(order(newest) > order(running))


def flavour(release: str) -> str:
    return VERSION.sub("", release, count=1)


def order(release: str) -> list[int]:
    return [int(number) for number in re.findall(r"\d{1,9}", release)]
