"""Places for a bounded number of hosts at a time, given away by those that only wait."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Hashable
from contextlib import asynccontextmanager

PLACE_SECONDS = 2.0
"""After so long a connection gives its place to the next one: it no longer uses the processor,
it waits for an answer that may never come."""


class Place:
    """A place in a lane, left once: when asked to, or after PLACE_SECONDS."""

    def __init__(self, lane: asyncio.Semaphore) -> None:
        self._lane: asyncio.Semaphore | None = lane
        self._timer = asyncio.get_running_loop().call_later(PLACE_SECONDS, self.leave)

    def leave(self) -> None:
        self._timer.cancel()
        lane, self._lane = self._lane, None
        if lane is not None:
            lane.release()


@asynccontextmanager
async def place_in(lane: asyncio.Semaphore) -> AsyncIterator[None]:
    """Wait for a place, and leave it at the end or when its time is up."""
    await lane.acquire()
    place = Place(lane)
    try:
        yield
    finally:
        place.leave()


class Doors:
    """A lane for each door: some servers drop connections when many come at once."""

    def __init__(self, places: int) -> None:
        self._places = places
        self._lanes: dict[Hashable, asyncio.Semaphore] = {}
        self._users: dict[Hashable, int] = {}

    @asynccontextmanager
    async def at(self, door: Hashable) -> AsyncIterator[None]:
        """A place at one door."""
        lane = self._lanes.setdefault(door, asyncio.Semaphore(self._places))
        self._users[door] = self._users.get(door, 0) + 1
        try:
            async with place_in(lane):
                yield
        finally:
            self._users[door] -= 1
            if not self._users[door]:
                del self._users[door], self._lanes[door]
