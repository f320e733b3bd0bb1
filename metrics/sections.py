"""The texts a probe sends beside its numbers, by section, and who reads each.

Pure. Raw text of the host is parsed here and nowhere else, whichever way it came.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import Any

from metrics.proc import disks, memory, network, sensors, services, system, updates
from metrics.proc.rows import Row
from metrics.text import clean

Parser = Callable[[str], Iterable[Row]]

EACH_POLL: dict[str, Parser] = {
    "stat": system.stat,
    "loadavg": system.loadavg,
    "uptime": system.uptime,
    "meminfo": memory.meminfo,
    "vmstat": memory.vmstat,
    "diskstats": disks.diskstats,
    "dev": network.dev,
    "snmp": network.snmp,
    "netstat": network.snmp,
    "sockstat": network.sockstat,
    "file_nr": system.file_nr,
    "pressure_cpu": system.pressure_cpu,
    "pressure_memory": system.pressure_memory,
    "pressure_io": system.pressure_io,
}
"""Their rows are those of this poll."""

SLOW: dict[str, Parser] = {
    "limits": system.process_limit,
    "hwmon": sensors.hwmon,
    "units": services.units_failed,
    "chrony": services.chrony,
    "timesync": services.timesync,
    "apt": updates.apt_counts,
    "apk": updates.apk_counts,
    "reboot": updates.reboot,
    "kernels": updates.kernels,
}
"""Their rows are repeated until they are sent again."""

WHOLE = ("units", "apt", "apk")
"""They end with a line "done" if the program ended well: nothing found is not nothing known."""

PORTS = ("tcp", "tcp6", "udp", "udp6")
DETAILS: dict[str, tuple[str, Callable[[str], list[dict[str, Any]]]]] = {
    "units": ("units", services.failed),
    "timers": ("timers", services.timers),
    "apt": ("packages", updates.apt),
    "apk": ("packages", updates.apk),
}
"""The detail a section makes: its kind, and who reads it."""
LISTS = 500
LONG = 200
same_line = lru_cache(maxsize=256)(str)
"""One object for lines that many hosts send alike, such as the names in /proc/net/netstat."""
LINES = 5000


class Sections:
    """Reads the sections of one session.

    A line that is as it was in the poll before may be sent empty.
    """

    def __init__(self) -> None:
        self._lines: dict[str, list[str]] = {}
        self._slow: dict[str, list[Row]] = {}
        self.details: dict[str, Any] = {}
        """What was read since somebody took it."""
        self.wrong: dict[str, str] = {}
        """The sections of the last reading that made no sense, and why."""

    def read(self, texts: dict[str, str]) -> list[Row]:
        """The rows of these texts, and those of earlier slow ones. Raises nothing."""
        rows: list[Row] = []
        self.wrong = {}
        for name, text in texts.items():
            try:
                if name in EACH_POLL:
                    rows.extend(EACH_POLL[name](self._whole(name, text)))
                else:
                    self._read_slow(name, text)
            except (ValueError, IndexError, KeyError, ArithmeticError) as error:
                self.wrong[clean(name, 40)] = clean(f"{type(error).__name__}: {error}")
        for slow in self._slow.values():
            rows.extend(slow)
        return rows

    def take_details(self) -> dict[str, Any]:
        details, self.details = self.details, {}
        return details

    def keep(self, name: str, rows: list[Row]) -> None:
        """Rows to repeat that were read elsewhere."""
        self._slow[name] = rows

    def _read_slow(self, name: str, text: str) -> None:
        if name in WHOLE:
            *lines, last = text.rstrip("\n").split("\n")
            if last != "done":
                raise ValueError("the program did not end well")
            text = "\n".join(lines)
        if name in SLOW:
            self._slow[name] = list(SLOW[name](text))
        if name in DETAILS:
            kind, read = DETAILS[name]
            self.details[kind] = {"rows": read(text)[:LISTS]}
        if name in PORTS:
            self._listening(name, network.ports(name, text))

    def _listening(self, name: str, found: list[dict[str, Any]]) -> None:
        ports = self.details.setdefault("ports", {"rows": []})
        ports["rows"] = [one for one in ports["rows"] if one["protocol"] != name] + found
        tcp = {one["port"] for one in ports["rows"] if one["protocol"].startswith("tcp")}
        self._slow["ports"] = [("listening_ports", {}, float(len(tcp)))]

    def _whole(self, name: str, text: str) -> str:
        """The text with the lines filled in that were left out because they have not changed."""
        lines = text.split("\n", LINES)
        if "" in lines and (old := self._lines.get(name)) is not None and len(old) == len(lines):
            lines = [new or before for new, before in zip(lines, old, strict=True)]
            text = "\n".join(lines)
        else:
            lines = [same_line(line) if len(line) > LONG else line for line in lines]
        self._lines[name] = lines
        return text
