"""Writes the catalogue down for people: `python -m metrics.document > docs/metrics.md`."""

from __future__ import annotations

import sys
from collections.abc import Iterator

from metrics.catalog import SECTIONS, Entry

HEAD = """# Metrics

Made by `python -m metrics.document > docs/metrics.md`; edit `metrics/entries/` instead.

Every metric is read without any privilege unless the table says otherwise. *poll* is read at
each poll, *minute* and *hour* once in that time; between two looks the last value is repeated.
A metric a host does not report (an old kernel, no systemd, no sensors) is missing there, never 0.
"""


def lines() -> Iterator[str]:
    yield HEAD
    for title, entries in SECTIONS.items():
        yield f"## {title}\n"
        yield "| metric | unit | meaning | source | privilege | cadence |"
        yield "|---|---|---|---|---|---|"
        for entry in entries:
            if entry.stored:
                yield row(entry)
        yield ""


def row(entry: Entry) -> str:
    labels = f"{{{', '.join(entry.labels)}}}" if entry.labels else ""
    words = (f"`{entry.name}{labels}`", entry.unit, entry.help, entry.source, entry.privilege, entry.cadence)  # fmt: skip
    return f"| {' | '.join(words)} |"


def document() -> str:
    return "\n".join(lines())


if __name__ == "__main__":
    sys.stdout.write(document())
