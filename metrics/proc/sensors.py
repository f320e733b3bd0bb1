"""Temperatures: lines "<path>:<content>" of /sys/class/hwmon."""

from __future__ import annotations

from collections.abc import Iterator

from metrics.proc.rows import Row

LIMIT = 64
COLDEST, HOTTEST = -100.0, 300.0
"""What lies outside is a sensor that is not connected."""


def hwmon(text: str) -> Iterator[Row]:
    """One row a sensor, named after its chip and label; a second one of a name is numbered."""
    files: dict[str, str] = {}
    for line in text.split("\n"):
        path, mark, content = line.partition(":")
        if mark:
            files["/".join(path.rsplit("/", 2)[-2:])] = content.strip()
    taken: dict[str, int] = {}
    for place in sorted(files):
        chip, _, name = place.partition("/")
        if not name.startswith("temp") or not name.endswith("_input") or len(taken) >= LIMIT:
            continue
        try:
            degrees = float(files[place]) / 1000.0
        except ValueError:  # a sensor that sleeps says nothing
            continue
        stem = name.removesuffix("_input")
        label = f"{files.get(f'{chip}/name', chip)} {files.get(f'{chip}/{stem}_label', stem)}"
        taken[label] = taken.get(label, 0) + 1
        sensor = label if taken[label] == 1 else f"{label} #{taken[label]}"
        if COLDEST < degrees < HOTTEST:
            yield "temperature_celsius", {"sensor": sensor}, degrees
