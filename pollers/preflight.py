"""Trying a host before it is saved: stage by stage, with at most two connections.

The first connection fetches the host key and leaves. Once a person has accepted the key,
the second one logs in, starts the probe and reads one sample. `Draft.stages` tells the
page how far it is: [{"name", "state": "running" | "ok" | "ask" | "failed", "text",
"seconds", "next_step"}].
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import connections
from django.utils import timezone

from credentials.keyring import SecretUnreadable
from fleet.failures import CODES, PollFailure
from metrics.rates import Measurement, Rates
from pollers.drafts import LIFETIME, STAGES, draft_target, take_connection
from pollers.models import Draft
from pollers.probe.conversation import Conversation
from pollers.target import Target
from pollers.transports.base import ShownKey
from pollers.transports.registry import transport
from pollers.transports.stages import timed_out

log = logging.getLogger(__name__)

PATIENCE = 20.0
"""Seconds for each of the two connections."""


class Board:
    """The stages of one connection, written down as they happen.

    One thread writes, in order: the loop must not wait for the database.
    """

    def __init__(self, draft: Draft) -> None:
        self.draft = draft
        self.stages: list[dict[str, Any]] = []
        self.began = time.monotonic()
        self.writer = ThreadPoolExecutor(1)
        self.via = ""
        self.write()

    def done(
        self,
        name: str,
        text: str = "",
        *,
        state: str = "ok",
        seconds: float | None = None,
        next_step: str = "",
    ) -> None:
        took = time.monotonic() - self.began if seconds is None else seconds
        self.began = time.monotonic()
        stage = {
            "name": name,
            "state": state,
            "text": text,
            "seconds": round(took, 3),
            "next_step": next_step,
        }
        self.stages = [s for s in self.stages if s["name"] != name] + [stage]
        self.write()

    def running(self) -> str:
        """The first stage that is not done yet."""
        done = {stage["name"] for stage in self.stages}
        done.add("resolve" if self.via else "way")
        return next((name for name in STAGES if name not in done), STAGES[-1])

    def write(self, **fields: Any) -> None:
        rows = Draft.objects.filter(pk=self.draft.pk)
        self.last = self.writer.submit(rows.update, stages=list(self.stages), **fields)

    def close(self) -> None:
        """Wait for what is not written yet; raises what kept the last of it from being written."""
        self.writer.submit(connections.close_all)
        self.writer.shutdown()
        self.last.result()

    def fail(self, failure: PollFailure) -> None:
        text = f"{failure.code.name}: {failure.code.text}" + (
            f" ({failure.detail})" if failure.detail else ""
        )
        stage = failure.stage if failure.stage in STAGES else self.running()
        self.done(stage, text, state="failed", next_step=failure.code.next_step)
        self.write(finished=True)

    @property
    def passed(self) -> list[str]:
        return [stage["name"] for stage in self.stages if stage["state"] == "ok"]


def run_preflight(draft_id: str) -> None:
    """One connection's worth of the test; never raises for what the host does."""
    youngest = timezone.now() - LIFETIME
    draft = Draft.objects.filter(pk=draft_id, finished=False, created_at__gt=youngest).first()
    if draft is None or not take_connection(draft):
        return
    board = Board(draft)
    try:
        go_through(draft, board)
    except PollFailure as failure:
        board.fail(failure)
    except (SecretUnreadable, ImproperlyConfigured) as problem:
        board.fail(PollFailure(CODES["CREDENTIAL_UNREADABLE"], str(problem)))
    except Exception as problem:
        # The text of an unknown exception may hold a secret: only its type is told.
        log.error("the test of draft %s failed: %s", draft.pk, type(problem).__name__)
        board.fail(PollFailure(CODES["INTERNAL"], type(problem).__name__))
    finally:
        board.close()


def go_through(draft: Draft, board: Board) -> None:
    target = draft_target(draft, settings.SSH_TRANSPORT)
    board.via = target.via.name if target.via else ""
    if draft.key_accepted:
        measurement = bounded(log_in(target, board), board)
        board.done("sample", sample_text(measurement))
        board.write(finished=True)
    else:
        shown = bounded(fetch_key(target, board), board)
        board.done("host_key", f"{shown.algorithm} {shown.fingerprint}", state="ask")
        board.write(finished=True, shown_key=shown.public, shown_fingerprint=shown.fingerprint)


def bounded(work: Coroutine[Any, Any, Any], board: Board) -> Any:
    """Run in a loop of its own, bounded as a whole."""

    async def run() -> Any:
        async with asyncio.timeout(PATIENCE):
            return await work

    try:
        return asyncio.run(run())
    except TimeoutError:
        if board.running() in ("shell", "probe", "sample"):
            raise PollFailure(
                CODES["PROBE_TIMEOUT"], f"no end of stage {board.running()} in {PATIENCE:.0f} s"
            ) from None
        raise timed_out(board.passed, board.via) from None


async def fetch_key(target: Target, board: Board) -> ShownKey:
    way = transport(target.transport)
    try:
        return await way.fetch_host_key(target, lambda stage, seconds: note(board, stage, seconds))
    finally:
        await way.aclose()


async def log_in(target: Target, board: Board) -> Measurement:
    way = transport(target.transport)
    try:
        session = await way.connect(target, lambda stage, seconds: note(board, stage, seconds))
    except BaseException:
        await way.aclose()
        raise
    try:
        conversation = Conversation()
        await Conversation.open(session, into=conversation)
        board.done("shell", conversation.interpreter)
        board.done("probe", conversation.way)
        rates = Rates()
        rates.measure(await conversation.ask(frozenset()))
        await asyncio.sleep(1.0)
        measurement = rates.measure(await conversation.ask(frozenset({"facts"})))
        conversation.close()
    finally:
        await session.close()
        await way.aclose()
    if measurement is None:
        raise PollFailure(CODES["PROBE_BAD_FRAME"], "two reports make no measurement")
    return measurement


def note(board: Board, stage: str, seconds: float) -> None:
    """Remember a stage of the connection."""
    if stage == "host_key" and not board.draft.key_accepted:
        return
    texts = {"host_key": f"{board.draft.shown_fingerprint} accepted"}
    board.stages = [s for s in board.stages if s["name"] != stage]
    board.stages.append(
        {
            "name": stage,
            "state": "ok",
            "text": texts.get(stage, ""),
            "seconds": round(seconds, 3),
            "next_step": "",
        }
    )
    board.began = time.monotonic()
    board.write()


def sample_text(measurement: Measurement) -> str:
    values = {
        name: value
        for (name, labels), value in zip(measurement.columns, measurement.values, strict=True)
        if not labels
    }
    hostname = (measurement.facts or {}).get("hostname", "")
    return f"{hostname}: CPU {values.get('cpu_percent', 0):.0f} %, memory {values.get('memory_percent', 0):.0f} %".strip(
        ": "
    )
