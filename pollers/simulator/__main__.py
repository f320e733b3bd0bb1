"""`python -m pollers.simulator --hosts N`: a process of its own that is a fleet.

It prints READY once every host listens, and ends with its standard input.
"""

from __future__ import annotations

import asyncio
import signal
import sys
import time
from argparse import ArgumentParser, Namespace
from pathlib import Path

from pollers.simulator.outages import Script, ScriptError
from pollers.simulator.servers import Fleet

LOOK_EVERY = 1.0


def main() -> int:
    given = arguments()
    # Ctrl-C reaches a whole group of processes; who started this one says when it ends.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        asyncio.run(simulate(given))
    except (OSError, ValueError) as problem:
        sys.stderr.write(f"The simulator cannot start: {problem}\n")
        return 1
    return 0


def arguments() -> Namespace:
    parser = ArgumentParser(prog="python -m pollers.simulator", description=__doc__)
    parser.add_argument("--hosts", type=int, required=True, help="how many hosts")
    parser.add_argument("--base", default="127.77.0.0", help="host 1 has the address after it")
    parser.add_argument("--port", type=int, default=22022)
    parser.add_argument("--user-key", required=True, help="the public key that may log in")
    parser.add_argument("--script", type=Path, help="who is in trouble, and when")
    return parser.parse_args()


async def simulate(given: Namespace) -> None:
    fleet = Fleet(given.hosts, given.base, given.port, given.user_key)
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, ended.set)
    await loop.connect_read_pipe(lambda: UntilTheEnd(ended), sys.stdin)
    fleet.open()
    sys.stdout.write("READY\n")
    sys.stdout.flush()
    trouble = asyncio.create_task(trouble_them(fleet, given.script and Script(given.script)))
    await ended.wait()
    trouble.cancel()
    fleet.close()


class UntilTheEnd(asyncio.Protocol):
    """Waits for the end of the input."""

    def __init__(self, ended: asyncio.Event) -> None:
        self._ended = ended

    def connection_lost(self, exc: Exception | None) -> None:
        self._ended.set()


async def trouble_them(fleet: Fleet, script: Script | None) -> None:
    """Each second: let the hosts suffer what the script says."""
    began = time.time()
    while True:
        now = time.time()
        try:
            fleet.apply(script.troubles_at(now - began) if script else {}, now)
        except (ScriptError, OSError) as problem:
            sys.stderr.write(f"The script of troubles: {problem}\n")
        await asyncio.sleep(LOOK_EVERY)


if __name__ == "__main__":
    sys.exit(main())
