"""The test of a host from the add form: how often, which key, and what the page is told."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from django.utils import timezone

from credentials.keys import reveal
from fleet.models import Host
from pollers.drafts import MOST_CONNECTIONS, accept_draft_key, live_draft, make_draft
from pollers.models import Draft
from pollers.transports.base import ShownKey

PER_MINUTE = 20
SHOWN = ("name", "state", "text", "seconds", "next_step")


def too_many(user: Any) -> bool:
    """Trying is looking at other machines' ports: nobody does it more than 20 times a minute."""
    since = timezone.now() - timedelta(minutes=1)
    return Draft.objects.filter(owner=user, created_at__gt=since).count() >= PER_MINUTE


def make(user: Any, data: Mapping[str, Any]) -> Draft:
    """Keep what a valid form says of the way to a host. Raises InventoryError."""
    names = (
        "address",
        "port",
        "via",
        "credential",
        "username",
        "password",
        "private_key",
        "passphrase",
    )
    return make_draft(user, **{name: data[name] for name in names})


def accept(draft: Draft, fingerprint: str) -> bool:
    """Accept the shown key, if it is the one the person saw; true for exactly one caller."""
    seen = bool(fingerprint) and fingerprint == draft.shown_fingerprint
    return seen and draft.connections < MOST_CONNECTIONS and accept_draft_key(draft)


def accepted_key(user: Any, draft_id: Any, host: Host) -> ShownKey | None:
    """The key this user accepted in a test, if the test was of this very address and port."""
    draft = live_draft(str(draft_id), user) if draft_id else None
    if draft is None or not draft.key_accepted or not draft.shown_key:
        return None
    tried = json.loads(reveal(draft, "document"))
    if (tried["address"], tried["port"], tried.get("via")) != (
        host.address,
        host.port,
        host.via_id,
    ):
        return None
    algorithm = draft.shown_key.split(" ", 1)[0]
    return ShownKey(algorithm, draft.shown_key, draft.shown_fingerprint)


def answer(draft: Draft) -> dict[str, Any]:
    """What the page shows of a test: stages and the key's fingerprint, never what was typed."""
    waits = draft.finished and not draft.key_accepted and bool(draft.shown_fingerprint)
    return {
        "stages": [
            {name: stage.get(name) for name in SHOWN}
            for stage in draft.stages
            if isinstance(stage, dict)
        ],
        "finished": draft.finished,
        "fingerprint": draft.shown_fingerprint,
        "algorithm": draft.shown_key.split(" ", 1)[0] if draft.shown_key else "",
        "key_accepted": draft.key_accepted,
        "can_accept": waits and draft.connections < MOST_CONNECTIONS,
    }
