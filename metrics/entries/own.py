"""What Rollcall says about its own looking."""

from __future__ import annotations

from metrics.entries.entry import Entry, Unit

_ROWS: list[tuple[str, Unit, str]] = [
    ("up", "", "1 if the host was measured, else 0."),
    ("host_down", "", "1 if the host cannot be reached, else 0."),
    ("host_blocked", "", "1 if the host answers but does not let us measure, else 0."),
    ("host_unknown", "", "1 if we could not look, else 0."),
    ("poll_seconds", "seconds", "How long the poll took."),
    ("clock_offset_seconds", "seconds", "How far the host's clock is ahead of ours."),
    ("probe_cpu_milliseconds", "milliseconds", "Processor time one poll costs the host."),
]
OWN: list[Entry] = [
    Entry(name, unit, "own", text, source="Rollcall itself") for name, unit, text in _ROWS
]
