"""Asks the probe in the shell: several questions make one report.

What can hang on the host is a question of its own there, and so here: it has a few seconds,
and if it stays silent the report is made without it. It is not asked again before its late
answer has come, so that nothing piles up on the host.
"""

from __future__ import annotations

import asyncio
import secrets

from fleet.failures import PollFailure
from metrics.report import Report
from metrics.shell import QUESTIONS, ShellReader, Space
from pollers.probe.line import Line

SECONDS = 1.5
ALONE_SECONDS = 0.7
SECONDS_IN_ALL = 3.0
WAIT = {"hour": 0.0}
"""What takes so long that its answer is taken at the next poll."""
LEFT_BEHIND = 4
"""After so many silent mounts no other is asked on its own."""

EXTRAS = {
    "facts": ("facts",),
    "hour": ("hour",),
    "minute": ("minute", "units"),
    "processes": ("processes",),
}
"""The questions that belong to an extra."""
DISKS, GOOD = "filesystems", "good filesystems"


class ShellProbe:
    """One per session."""

    def __init__(self, line: Line) -> None:
        self._line = line
        self._reader = ShellReader()
        self._asked: dict[bytes, str] = {}
        """What was asked, by nonce: a word, or a mount."""
        self._good: set[str] = set()
        self._until = 0.0

    @property
    def _silent(self) -> set[str]:
        """What was given up, and whose late answer has not come yet."""
        self._asked = {
            nonce: what for nonce, what in self._asked.items() if nonce in self._line.given_up
        }
        return set(self._asked.values())

    async def ask(self, extras: frozenset[str]) -> Report:
        """Poll once. Raises PollFailure, InvalidReport."""
        wrong: dict[str, str] = {}
        await self._poll()
        self._until = asyncio.get_running_loop().time() + SECONDS_IN_ALL
        for word in [word for extra in sorted(extras) for word in EXTRAS.get(extra, ())]:
            answer = await self._answer(word, word, WAIT.get(word, SECONDS))
            if answer is not None:
                self._reader.take(word, *answer)
            elif word not in WAIT:
                wrong[word] = "the host did not answer in time"
        if "minute" in extras and self._reader.mounts:
            found = await self._space(self._reader.mounts)
            self._reader.keep_space(found)
            if silent := [mount for mount in self._reader.mounts if mount in self._silent]:
                wrong[DISKS] = "; ".join(f"{mount} does not answer" for mount in silent)
        return self._reader.report(wrong)

    async def _poll(self) -> None:
        """What is asked each time, and what has come late since the last time."""
        line = self._line
        line.fresh()
        late = [(self._asked.get(nonce, ""), nonce) for nonce in line.came_late]
        disturbed = bool(line.given_up)
        try:
            payload = await line.frame(self._write("poll"))
        except PollFailure as failure:
            if not disturbed or failure.code.name != "PROBE_BAD_FRAME":
                raise
            line.fresh()  # a late answer was printed into it
            payload = await line.frame(self._write("poll"))
        self._reader.take_poll(payload)
        for what, nonce in late:
            if what in QUESTIONS:
                self._reader.take(what, line.came_late[nonce], f"= {nonce.decode()}")
        line.came_late.clear()

    async def _space(self, mounts: list[str]) -> dict[str, Space]:
        """Ask for all mounts at once; if that hangs, for those that answered the last time,
        and for each other one alone, until too many are stuck."""
        found: dict[str, Space] = {}
        waiting = [mount for mount in mounts if mount not in self._silent]
        hung = False
        for what, group in (
            (DISKS, waiting),
            (GOOD, [one for one in waiting if one in self._good]),
        ):
            answer = await self._answer("disks", what, SECONDS, group) if group else None
            if answer is not None:
                found = self._reader.space(*answer, group)
                hung = what == GOOD
                break
            hung = True
        for mount in waiting if hung else ():
            if mount not in found and len(self._silent) <= LEFT_BEHIND:
                answer = await self._answer("disks", mount, ALONE_SECONDS, [mount])
                if answer is not None:
                    found |= self._reader.space(*answer, [mount])
        self._good = set(found)
        return found

    async def _answer(
        self, word: str, what: str, seconds: float, mounts: list[str] | None = None
    ) -> tuple[bytes, str] | None:
        """The answer, and the mark between its sections; None if there is none in time."""
        loop = asyncio.get_running_loop()
        if what in self._silent or loop.time() >= self._until:
            return None
        nonce = self._write(word, mounts)
        try:
            async with asyncio.timeout_at(min(loop.time() + seconds, self._until)):
                return await self._line.frame(nonce), f"= {nonce.decode()}"
        except TimeoutError:
            self._asked[nonce] = what
            self._line.given_up.add(nonce)
            return None

    def _write(self, word: str, mounts: list[str] | None = None) -> bytes:
        nonce = secrets.token_hex(8).encode()
        line = word.encode() + b" " + nonce
        if mounts is not None:
            names = "".join(f"{mount}\n" for mount in mounts).encode("utf-8", "surrogateescape")
            self._line.write(line + b" %d\n" % len(mounts) + names)
        else:
            self._line.write(line + b"\n")
        return nonce
