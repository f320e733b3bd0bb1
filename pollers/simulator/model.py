"""One believable host, as a pure function of its number and the time."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from functools import cached_property
from ipaddress import IPv4Address

from pollers.simulator.noise import DAY, DEEPEST, ORIGIN, Flow, Spike, saw, scatter, wander
from pollers.simulator.roles import CYCLE, GIB, SITES, Role

DOWN_FOR_A_BOOT = 45.0
"""Seconds for which a host that restarts does not answer."""
LEAKS_EVERY = 11
"""One host in so many has a program that leaks memory until it is restarted."""
FULL_EVERY = 13
"""One host in so many is cleaned too late."""


@dataclass(frozen=True)
class SimulatedHost:
    """Numbers begin with 1."""

    number: int

    @cached_property
    def role(self) -> Role:
        return CYCLE[(self.number - 1) % len(CYCLE)]

    @cached_property
    def name(self) -> str:
        """ "web-01": the role, and a number of its own within it."""
        rounds, place = divmod(self.number - 1, len(CYCLE))
        count = rounds * CYCLE.count(self.role) + CYCLE[: place + 1].count(self.role)
        return f"{self.role.name}-{count:02d}"

    @cached_property
    def tags(self) -> tuple[str, ...]:
        staging = scatter(self.number, 3) < 0.15
        return self.role.name, self.site, "staging" if staging else "production"

    @cached_property
    def site(self) -> str:
        return SITES[int(scatter(self.number, 4) * len(SITES))]

    def address(self, base: str) -> str:
        return str(IPv4Address(base) + self.number)

    # --- lives -----------------------------------------------------------------------------

    @cached_property
    def life(self) -> float:
        """Seconds from one restart to the next."""
        return DAY * (9.0 + 30.0 * scatter(self.number, 5))

    def boot(self, now: float) -> int:
        """Which of its lives this is."""
        return int((now - ORIGIN) / self.life + scatter(self.number, 6) + 1000.0)

    def booted_at(self, now: float) -> float:
        return ORIGIN + (self.boot(now) - 1000.0 - scatter(self.number, 6)) * self.life

    def boot_id(self, now: float) -> str:
        bits = int(scatter(self.number, self.boot(now)) * 2**52)
        return str(uuid.UUID(int=bits << 76 | self.number << 16 | self.boot(now), version=4))

    def restarting(self, now: float) -> bool:
        return now - self.booted_at(now) < DOWN_FOR_A_BOOT

    # --- what it does ------------------------------------------------------------------------

    def _flow(self, kind: int, depth: float, *spikes: Spike) -> Flow:
        """The fleet is busiest in the afternoon, each host a little earlier or later."""
        peak = 3600.0 * (14.0 + 3.0 * scatter(self.number, 7))
        return Flow(self.number * 64 + kind * 8, depth, peak, spikes)

    @cached_property
    def _deployment(self) -> tuple[Spike, ...]:
        at = DAY * (0.35 + 0.3 * scatter(self.number % 3, 8)) + 120.0 * scatter(self.number, 9)
        return (Spike(DAY, at, 240.0, 0.8),) if self.role.deploys else ()

    @cached_property
    def _backup(self) -> tuple[Spike, ...]:
        at = 3600.0 * (1.0 + 2.0 * scatter(self.number, 10))
        return (Spike(DAY, at, 1800.0, 2.2),) if self.role.name == "db" else ()

    @cached_property
    def flows(self) -> tuple[Flow, ...]:
        """Busy time, waiting time, received, sent, read, written: each 1 on average."""
        return (
            self._flow(0, DEEPEST, *self._deployment),
            self._flow(1, 0.2, *self._backup),
            self._flow(2, DEEPEST),
            self._flow(3, DEEPEST),
            self._flow(4, 0.25, *self._backup),
            self._flow(5, 0.25, *self._backup),
        )

    def load(self, now: float, seconds: float) -> float:
        """How many processes ran or waited on average over the last seconds."""
        busy, waiting = (flow.total(now) - flow.total(now - seconds) for flow in self.flows[:2])
        return self.role.cores * (self.role.busy * busy + self.role.waiting * waiting) / seconds

    def memory_used(self, now: float) -> float:
        """Bytes: breathes with the day's work, and leaks where something leaks."""
        share = self.role.used * (0.9 + 0.2 * scatter(self.number, 11))
        share += 0.05 * wander(self.number * 64 + 50, (now - ORIGIN) / 700.0)
        share += 0.015 * wander(self.number * 64 + 51, (now - ORIGIN) / 31.0)
        if self.number % LEAKS_EVERY == 0:
            share = 0.8 * share + 0.36 * saw(self.number, now, 1.3 * DAY)
        return min(share, 0.96) * self.role.memory_gib * GIB

    def filled(self, mount: int, now: float) -> float:
        """Share of a filesystem in use: it fills for a week, then it is cleaned."""
        _, _, low, high = self.role.mounts[mount]
        if self.number % FULL_EVERY == 0 and mount == len(self.role.mounts) - 1:
            low, high = 0.86, 0.99
        level = saw(self.number * 8 + mount, now, 7.0 * DAY)
        tremble = 0.004 * wander(self.number * 64 + 52 + mount, (now - ORIGIN) / 400.0)
        return low + (high - low) * level + tremble * (high - low > 0.01)
