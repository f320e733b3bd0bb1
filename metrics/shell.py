"""What the probe in the shell sends, read into the same `Report`.

Pure, and a part of the trust boundary. It sends texts only: for each question the sections
named here, in this order, parted by a line that says so.
"""

from __future__ import annotations

from contextlib import suppress

from metrics.extras import checked_facts
from metrics.proc import filesystems, processes, system
from metrics.proc.facts import facts
from metrics.proc.rows import PLAIN, Row, numbers
from metrics.report import CollectorRun, Cost, InvalidReport, Report, finite
from metrics.sections import PORTS, Sections
from metrics.sieve import Sent, Sieve
from metrics.text import clean

POLL = (
    "stat", "meminfo", "loadavg", "uptime", "diskstats", "dev", "vmstat", "file_nr", "pressure_cpu",
    "pressure_memory", "pressure_io", "snmp", "netstat", "sockstat", "boot_id", "self",
)  # fmt: skip
POLL_MARK = "Linux"
"""The line between the sections of a poll: what /proc/sys/kernel/ostype says."""
MINUTE = (
    "mountinfo", "limits", "hwmon", *PORTS, "who", "timesync", "chrony", "status",
)  # fmt: skip
DISKS = ("space", "inodes")
UNITS = ("units", "timers")
PROCESSES = ("processes",)
HOUR = ("reboot", "kernels", "apt", "apk")
FACTS = ("hostname", "osrelease", "machine", "os-release", "cpuinfo", "container", "docker", "dmi")
QUESTIONS = {
    "minute": MINUTE,
    "units": UNITS,
    "processes": PROCESSES,
    "hour": HOUR,
    "facts": FACTS,
}
"""The sections of each question but "poll" and "disks"."""

Space = tuple[list[float], list[float]]
"""Size, used, available; the same of inodes. Empty where unknown."""


def split(text: str, names: tuple[str, ...], mark: str) -> dict[str, str]:
    """The sections of an answer. Raises InvalidReport if there are not as many as names."""
    parts: list[list[str]] = [[]]
    for line in text.split("\n"):
        if line == mark:
            parts.append([])
        else:
            parts[-1].append(line)
    if len(parts) != len(names):
        raise InvalidReport(f"{len(parts)} sections instead of {len(names)}")
    texts = ("\n".join(part).strip("\n") for part in parts)
    return dict(zip(names, texts, strict=True))


class ShellReader:
    """Reads the answers of one session: takes them one by one, then makes the report."""

    def __init__(self) -> None:
        self._sections = Sections()
        self._names: list[Sent] = []
        self._sieve = Sieve()
        self._processes = processes.Processes()
        self._mounts: dict[str, bool] = {}
        self._poll: dict[str, str] = {}
        self._head: list[str] = []
        self._extra: dict[str, dict[str, str]] = {}
        self._uptime = 0.0

    @property
    def mounts(self) -> list[str]:
        """The filesystems to ask, as of the last minute. A name with a line end cannot be asked."""
        return [mount for mount in self._mounts if "\n" not in mount]

    def take_poll(self, payload: bytes) -> None:
        """Raises InvalidReport."""
        head, _, text = decoded(payload).partition("\n")
        self._head, self._extra = head.split(), {}
        self._poll = split(text, POLL, POLL_MARK)
        try:
            self._uptime = float(self._poll["uptime"].split()[0])
        except (ValueError, IndexError):
            raise InvalidReport("no uptime") from None

    def take(self, question: str, payload: bytes, mark: str) -> None:
        """An answer to one of QUESTIONS. Raises InvalidReport."""
        texts = split(decoded(payload), QUESTIONS[question], mark)
        self._extra[question] = texts
        if question == "minute":
            self._mounts = filesystems.mounts(texts["mountinfo"])

    def space(self, payload: bytes, mark: str, asked: list[str]) -> dict[str, Space]:
        """What df says of these mounts. Raises InvalidReport."""
        texts = split(decoded(payload), DISKS, mark)
        space, inodes = (filesystems.df(texts[name], asked) for name in DISKS)
        return {mount: (space[mount], inodes.get(mount, [])) for mount in asked if mount in space}

    def keep_space(self, found: dict[str, Space]) -> None:
        """Turn it into rows, to be repeated until the next time; who is left out gave no answer."""
        rows: list[Row] = []
        for mount in self.mounts:
            kilobytes, inodes = found.get(mount, ([], []))
            rows.extend(filesystems.rows(mount, self._mounts[mount], kilobytes, inodes))
        self._sections.keep("disks", rows)

    def report(self, wrong: dict[str, str]) -> Report:
        """All that was taken since the poll. `wrong` says what could not be asked, and why.

        Raises InvalidReport.
        """
        try:
            return self._report(wrong)
        except (ValueError, IndexError, KeyError, ArithmeticError) as error:
            raise InvalidReport(clean(f"{type(error).__name__}: {error}")) from None

    def _report(self, wrong: dict[str, str]) -> Report:
        poll = self._poll
        known = {name: text for name, text in poll.items() if text}
        extra = self._extra
        texts = {**known, **extra.get("units", {}), **extra.get("hour", {})}
        if minute := extra.get("minute"):
            texts |= {name: text for name, text in minute.items() if text or name in PORTS}
            self._learn_minute(minute)
        listed = extra.get("processes", {}).get("processes")
        if listed is not None:
            self._look(listed)
        rows = self._sections.read({name: text for name, text in texts.items() if text})
        rows.append(("process_count", PLAIN, self._count()))
        rows.extend(self._processes.rows())
        names = [(name, labels) for name, labels, _ in rows]
        if names != self._names:
            self._names = names
            self._sieve.learn(names)
        boot = system.boot_time(poll["stat"])
        runs = [
            CollectorRun(name, 0.0, clean(why))
            for name, why in {**self._sections.wrong, **wrong}.items()
        ]
        return Report(
            boot_id=clean(poll["boot_id"], 64),
            monotonic=finite(self._uptime, 0.0, 1e12, "the uptime"),
            time=finite(self._time(boot), -1e11, 1e11, "the time"),
            series=self._sieve.series,
            values=self._sieve.pick([value for _, _, value in rows]),
            collectors=(CollectorRun("shell", 0.0, None), *runs),
            cost=self._cost(),
            facts=self._facts(boot),
            details=self._sections.take_details() or None,
        )

    def _count(self) -> float | None:
        """How many processes there are; None where only our own are shown."""
        with suppress(ValueError, IndexError):
            if self._head[2] == "1":
                return float(self._head[1])
        return None

    def _time(self, boot: float) -> float:
        """By the shell's own clock; else by the boot time, which is cut to whole seconds."""
        with suppress(ValueError, IndexError):
            if (now := float(self._head[0])) > 0.0:
                return now
        return boot + 0.5 + self._uptime

    def _cost(self) -> Cost:
        """Of the shell, and of what it has started."""
        try:
            words = self._poll["self"].rpartition(")")[2].split()
            ticks, pages = sum(int(word) for word in words[11:15]), int(words[21])
        except (ValueError, IndexError):
            return Cost(0.0, 0)
        memory = min(max(pages, 0) * self._processes.page, 10**15)
        return Cost(min(max(ticks / system.TICKS, 0.0), 1e12), memory)

    def _learn_minute(self, minute: dict[str, str]) -> None:
        people = [line for line in minute["who"].split("\n") if line.strip()]
        self._sections.keep("who", [("users_logged_in", PLAIN, float(len(people)))])
        with suppress(ValueError, IndexError):
            resident = next((one for one in minute["status"].split("\n") if "VmRSS" in one), "")
            words = self._poll["self"].rpartition(")")[2].split()
            ratio = int(resident.split()[1]) * 1024 / max(1, int(words[21]))
            self._processes.page = min((4096, 16384, 65536), key=lambda size: abs(size - ratio))

    def _look(self, listed: str) -> None:
        total = 0.0
        with suppress(ValueError, KeyError):
            total = numbers(self._poll["meminfo"])["MemTotal"] * 1024
        found = self._processes.look(listed, self._uptime, total)
        if found is not None:
            self._sections.details["processes"] = found

    def _facts(self, boot: float) -> dict[str, object] | None:
        texts = self._extra.get("facts")
        if texts is None:
            return None
        found = facts(texts)
        with suppress(ValueError, KeyError):
            kilobytes = numbers(self._poll["meminfo"])
            found |= {
                "memory_total_bytes": kilobytes["MemTotal"] * 1024,
                "swap_total_bytes": kilobytes.get("SwapTotal", 0) * 1024,
            }
        found |= {"cpu_count": system.core_count(self._poll["stat"]), "boot_time": boot}
        return checked_facts(found)


def decoded(payload: bytes) -> str:
    return payload.decode("utf-8", "backslashreplace")
