"""What is known of the SSH session to a host, for people. The stored document may lack any part. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

STAGES = {
    "way": "Jump host",
    "resolve": "Name",
    "tcp": "TCP",
    "version": "SSH",
    "host_key": "Host key",
    "login": "Login",
    "shell": "Shell",
    "python": "Python",
    "probe": "Probe",
}


@dataclass(frozen=True, slots=True)
class Stage:
    """One stage of opening the session, and its place in a bar 1000 wide."""

    word: str
    seconds: float
    x: str
    width: str
    shade: int


@dataclass(frozen=True, slots=True)
class Session:
    """How the session was opened, and what looking costs the host."""

    opened_at: int
    logins: int | None
    stages: list[Stage]
    cpu_seconds: float | None
    memory_bytes: float | None
    received: float | None
    failed: list[tuple[str, str]]


def session_of(document: Mapping[str, Any]) -> Session:
    cost = document.get("cost") or {}
    runs = document.get("collectors") or []
    return Session(
        opened_at=int(amount(document.get("opened_at")) or 0),
        logins=document.get("logins") if isinstance(document.get("logins"), int) else None,
        stages=stages_of(document.get("stages") or []),
        cpu_seconds=amount(cost.get("cpu_seconds")),
        memory_bytes=amount(cost.get("memory_bytes")) or None,
        received=amount(document.get("bytes")),
        failed=[(str(run[0]), str(run[2])) for run in runs if len(run) > 2 and run[2]],
    )


def stages_of(pairs: list[Any]) -> list[Stage]:
    known = [(str(name), amount(seconds) or 0.0) for name, seconds in pairs]
    total = sum(seconds for _, seconds in known) or 1.0
    stages, at = [], 0.0
    for name, seconds in known:
        share = seconds / total * 1000
        shade = 1 + min(3, int(seconds / total * 8))
        stages.append(
            Stage(STAGES.get(name, name), seconds, f"{at:.1f}", f"{max(share - 3, 2):.1f}", shade)
        )
        at += share
    return stages


def amount(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None
