"""Processors, the scheduler and limits of the whole system."""

from __future__ import annotations

from collections.abc import Iterator

from metrics.proc.rows import PLAIN, Row, numbers

MODES = ("user", "nice", "system", "idle", "iowait", "irq", "softirq", "steal")
MODE_LABELS = tuple({"mode": mode} for mode in MODES)
IDLE, IOWAIT = 3, 4
CORES = 512
TICKS = 100.0
"""Per second. Linux promises this unit to programs on every platform of today."""
COUNTERS = {
    "ctxt": "context_switches_total",
    "intr": "interrupts_total",
    "processes": "forks_total",
    "procs_running": "process_running",
    "procs_blocked": "process_blocked",
}


def stat(text: str) -> Iterator[Row]:
    """/proc/stat, or some of its lines. The order is that of the lines."""
    cores = 0
    for line in text.split("\n"):
        words = line.split(None, 9)
        if len(words) < 2:
            continue
        name = words[0]
        if name in COUNTERS:
            yield COUNTERS[name], PLAIN, float(words[1])
        elif name.startswith("cpu"):
            spent = [int(ticks) / TICKS for ticks in words[1:9]]
            spent += [0.0] * (8 - len(spent))
            if name == "cpu":
                for label, seconds in zip(MODE_LABELS, spent, strict=True):
                    yield "cpu_seconds_total", label, seconds
            elif cores < CORES:
                label, cores = {"core": str(cores)}, cores + 1
                total = sum(spent)
                yield "cpu_core_seconds_total", label, total
                yield "cpu_core_busy_seconds_total", label, total - spent[IDLE] - spent[IOWAIT]


def boot_time(text: str) -> float:
    """When the host was started, by its own clock: of /proc/stat."""
    return numbers(text[text.index("\nbtime ") :])["btime"]


def core_count(text: str) -> int:
    """How many processors /proc/stat lists."""
    return sum(line.startswith("cpu") and line[3:4].isdigit() for line in text.split("\n"))


def loadavg(text: str) -> Iterator[Row]:
    words = text.split()
    for name, word in zip(("load1", "load5", "load15"), words, strict=False):
        yield name, PLAIN, float(word)
    yield "process_threads", PLAIN, float(words[3].split("/")[1])


def uptime(text: str) -> Iterator[Row]:
    yield "uptime_seconds", PLAIN, float(text.split()[0])


def file_nr(text: str) -> Iterator[Row]:
    """/proc/sys/fs/file-nr: allocated, free, at most."""
    words = text.split()
    yield "files_open", PLAIN, float(words[0]) - float(words[1])
    yield "files_limit", PLAIN, float(words[2])


def process_limit(text: str) -> Iterator[Row]:
    """kernel/pid_max and kernel/threads-max, one after the other: the smaller one counts."""
    yield "process_threads_limit", PLAIN, min(float(word) for word in text.split())


def pressure(kind: str, text: str) -> Iterator[Row]:
    """/proc/pressure/<kind>: microseconds in which some, or all, had to wait for it."""
    for line in text.split("\n"):
        words = line.split()
        if words and not (words[0] == "full" and kind == "cpu"):  # says nothing of a whole system
            name = {"some": "waiting", "full": "stalled"}[words[0]]
            total = float(words[-1].removeprefix("total=")) / 1e6
            yield f"pressure_{kind}_{name}_seconds_total", PLAIN, total


def pressure_cpu(text: str) -> Iterator[Row]:
    return pressure("cpu", text)


def pressure_memory(text: str) -> Iterator[Row]:
    return pressure("memory", text)


def pressure_io(text: str) -> Iterator[Row]:
    return pressure("io", text)
