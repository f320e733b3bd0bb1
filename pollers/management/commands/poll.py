"""`manage.py poll NAME_OR_ADDRESS…`: poll now, in the foreground."""

from __future__ import annotations

import asyncio
import json
import time
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from fleet.models import Host
from metrics.rates import Measurement
from pollers.engine import Engine
from pollers.ingest import record
from pollers.outcome import Job, Outcome
from pollers.schedule import poll_deadline
from pollers.target import Target
from pollers.targets import WITH_REVISION, load_target, revision_of


class Command(BaseCommand):
    help = "Polls hosts now, over a session of its own, and says what it found. Exit status 0 only if every host was measured."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("hosts", nargs="+", metavar="NAME_OR_ADDRESS")
        parser.add_argument(
            "--json", action="store_true", help="one JSON document with all that was measured"
        )

    def handle(self, *args: Any, hosts: list[str], **options: Any) -> None:
        found = [host for word in hosts for host in self.find(word)]
        outcomes = asyncio.run(poll_all(found))
        record(outcomes)
        if options["json"]:
            documents = [
                as_json(host, outcome) for host, outcome in zip(found, outcomes, strict=True)
            ]
            self.stdout.write(
                json.dumps(documents[0] if len(documents) == 1 else documents, indent=2)
            )
        else:
            for host, outcome in zip(found, outcomes, strict=True):
                self.stdout.write(in_words(host, outcome))
        if any(outcome.failure for outcome in outcomes):
            raise SystemExit(1)

    def find(self, word: str) -> list[Host]:
        present = Host.objects.present().select_related(*WITH_REVISION)
        found = list(present.filter(name=word)) or list(present.filter(address=word))
        if not found:
            raise CommandError(f"There is no host {word!r}.", returncode=2)
        return found


async def poll_all(hosts: list[Host]) -> list[Outcome]:
    """Poll each host once over its own session; the worker's kept one is left alone."""
    engine = Engine()
    slot = int(time.time())

    async def one(host: Host) -> Outcome:
        job = Job(
            host_id=host.pk,
            slot=slot,
            revision=revision_of(host),
            deadline=slot + 1 + poll_deadline(host.interval_seconds),
            extras=frozenset({"facts", "processes"}),
            keep=False,
        )

        async def prepare() -> Target:
            return await asyncio.to_thread(load_target, host.pk)

        return await engine.poll(job, prepare)

    try:
        return await asyncio.gather(*(one(host) for host in hosts))
    finally:
        await engine.aclose()


def as_json(host: Host, outcome: Outcome) -> dict[str, Any]:
    failure = outcome.failure
    document: dict[str, Any] = {
        "host": {"id": host.pk, "name": host.name, "address": host.address, "port": host.port},
        "slot": outcome.slot,
        "seconds": round(outcome.seconds, 4),
        "stages": {name: round(seconds, 4) for name, seconds in outcome.stages},
        "failure": None,
        "latest": {},
        "facts": {},
    }
    if failure is not None:
        text = f"{failure.code.text} ({failure.detail})" if failure.detail else failure.code.text
        document["failure"] = {
            "code": failure.code.name,
            "text": text,
            "next_step": failure.code.next_step,
            "stage": failure.stage or None,
        }
        if outcome.shown_key is not None:
            document["failure"]["fingerprint"] = outcome.shown_key.fingerprint
    if outcome.measurement is not None:
        document["latest"] = values_json(outcome.measurement)
        document["facts"] = outcome.measurement.facts or {}
        document["collectors"] = [
            {"name": run.name, "seconds": run.seconds, "error": run.error}
            for run in outcome.measurement.collectors
        ]
    return document


def values_json(measurement: Measurement) -> dict[str, Any]:
    shown: dict[str, Any] = {}
    for (name, labels), value in zip(measurement.columns, measurement.values, strict=True):
        known = None if value != value else value
        if labels:
            shown.setdefault(name, []).append({"labels": dict(labels), "value": known})
        else:
            shown[name] = known
    return shown


def in_words(host: Host, outcome: Outcome) -> str:
    if outcome.failure is not None:
        failure = outcome.failure
        detail = f" ({failure.detail})" if failure.detail else ""
        key = f"\n  fingerprint: {outcome.shown_key.fingerprint}" if outcome.shown_key else ""
        return f"{host.name}: {failure.code.name}: {failure.code.text}{detail}{key}\n  next: {failure.code.next_step}"
    values = values_json(outcome.measurement) if outcome.measurement else {}
    words = [f"{host.name}: measured in {outcome.seconds:.2f} s"]
    for label, name in (
        ("cpu", "cpu_percent"),
        ("memory", "memory_percent"),
        ("swap", "swap_percent"),
    ):
        if values.get(name) is not None:
            words.append(f"{label} {values[name]:.1f} %")
    if values.get("load1") is not None:
        words.append(f"load {values['load1']:.2f}")
    words += [
        f"{one['labels'].get('mount')} {one['value']:.0f} %"
        for one in values.get("filesystem_percent", [])
        if one["value"] is not None
    ]
    return ", ".join(words)
