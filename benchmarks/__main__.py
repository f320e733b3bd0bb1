"""`python -m benchmarks [HOSTS …]`: the ladder and the peers, as one table."""

from __future__ import annotations

import argparse
import datetime
import json
import os
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from benchmarks.machine import busy, description

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "performance.md"
PEER_POLLS = 100
BUSY = (
    ". **The machine was busy with other work**: lateness, cold start and slots say more about that than about "
    "Rollcall, and CPU figures are upper bounds. Run it again on a quiet one"
)
HEAD = (
    "hosts", "polls/s", "slots filled", "late p50 / p99", "answer p50 / p99", "CPU of a core", "CPU per poll",
    "memory", "per session", "cold start", "CPU per first login",
)  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("hosts", type=int, nargs="*", default=[100, 1000])
    parser.add_argument("--seconds", type=float, default=30.0, help="measured on each rung")
    parser.add_argument("--postgresql", action="store_true", help="store in a private PostgreSQL")
    parser.add_argument("--dry", action="store_true", help="print only, write no page")
    given = parser.parse_args()
    machine = description()
    if busy():
        machine += BUSY
    rungs = []
    for hosts in given.hosts:
        say(f"{hosts} hosts ...")
        rungs.append(rung(hosts, given.seconds, postgresql=given.postgresql))
    say("peers ...")
    peers = run("benchmarks.peers", str(PEER_POLLS))
    page = written(
        machine, rungs, peers, given.seconds, "PostgreSQL" if given.postgresql else "SQLite"
    )
    print(page)
    if not given.dry:
        PAGE.write_text(page, encoding="utf-8")


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def rung(hosts: int, seconds: float, *, postgresql: bool) -> dict[str, float]:
    with ExitStack() as stack:
        data = stack.enter_context(tempfile.TemporaryDirectory(prefix="rollcall-bench-"))
        environment = {"DATA_DIR": data, "LOG_LEVEL": "ERROR"}
        if postgresql:
            from tests.services import private_postgresql  # noqa: PLC0415 - needs the test requirements

            environment["DATABASE_URL"] = stack.enter_context(private_postgresql())
        return run("benchmarks.rung", str(hosts), "--seconds", str(seconds), **environment)


def run(module: str, *arguments: str, **environment: str) -> Any:
    done = subprocess.run(
        [sys.executable, "-m", module, *arguments], cwd=ROOT, stdout=subprocess.PIPE, check=True,
        env={**os.environ, **environment},
    )  # fmt: skip
    return json.loads(done.stdout)


def row(found: dict[str, float]) -> str:
    cells = (
        f"{found['hosts']:,}",
        f"{found['polls_per_second']:.1f}",
        f"{found['filled_percent']:.2f} %",
        f"{1e3 * found['late_p50']:.0f} / {1e3 * found['late_p99']:.0f} ms",
        f"{1e3 * found['answer_p50']:.0f} / {1e3 * found['answer_p99']:.0f} ms",
        f"{found['cpu_percent']:.1f} %",
        f"{found['cpu_us_per_poll']:,.0f} µs",
        f"{found['rss_mb']:.0f} MB",
        f"{found['kb_per_session']:.0f} KB",
        f"{found['cold_seconds']:.1f} s",
        f"{found['cold_cpu_ms_per_host']:.1f} ms",
    )
    return f"| {' | '.join(cells)} |"


def written(
    machine: str, rungs: list[dict[str, float]], peers: dict[str, float], seconds: float, database: str
) -> str:  # fmt: skip
    ours = rungs[-1]
    lines = [
        "# Performance",
        "",
        f"Written by `make bench` on {datetime.datetime.now(datetime.UTC):%Y-%m-%d}: {machine}.",
        "",
        f"One worker polls simulated hosts every 10 s over kept sessions, about {ours['columns']:.0f} stored values each, and "
        f"stores them in {database}: schedule, SSH, decoding, rates, rules and rows, without Celery. CPU is that of the worker's process "
        f"alone, measured for {seconds:.0f} s after a settling time; the simulated hosts are another process on another core, and run no probe. "
        "Late is how long after its planned moment a poll began; what other work the machine does shows there and in the cold start, "
        "and CPU figures of one run differ from the next by some 15 %, more on a busy machine (see the load average).",
        "",
        f"| {' | '.join(HEAD)} |",
        f"|{'---|' * len(HEAD)}",
        *map(row, rungs),
        "",
        "The cold start includes 1 s between the first two questions to each host; hosts that are not reached by their deadline are "
        "tried again at their next slot. Memory per session includes what the process has grown by otherwise.",
        "",
        "## A connection for each poll",
        "",
        f"The same report from the same kind of server in the same run, with a login for each poll ({PEER_POLLS} polls, 20 at a time). The answer "
        "is received and dropped: no decoding, rates, rules or rows, which are in our figure.",
        "",
        "| client | CPU per poll | times ours |",
        "|---|---|---|",
        f"| Rollcall, {ours['hosts']:,} hosts | {ours['cpu_us_per_poll']:,.0f} µs | 1 |",
        *(
            f"| {name}, connecting for each poll | {cost:,.0f} µs | {cost / ours['cpu_us_per_poll']:.1f} |"
            for name, cost in peers.items()
        ),
        "",
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
