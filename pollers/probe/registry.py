"""The collectors of the probe, in the order they run.

Counters first, so that they belong to the moment the report is stamped with; what may take
its time last.
"""

from __future__ import annotations

COLLECTORS = (
    "cpu",
    "disks",
    "network",
    "texts",
    "memory",
    "load",
    "uptime",
    "users",
    "facts",
    "minute",
    "hour",
    "processes",
    "filesystems",
)
