"""Hosts that are being tried before they are saved: what was typed, sealed, for an hour."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.utils import timezone

from credentials.keys import reveal, seal
from pollers.models import Draft

LIFETIME = timedelta(hours=1)
PER_MINUTE = 20
MAX_CONNECTIONS = 2


def too_many(user: Any) -> bool:
    """Trying is looking at other machines' ports: nobody does it more than 20 times a minute."""
    return (
        Draft.objects.filter(
            owner=user, created_at__gt=timezone.now() - timedelta(minutes=1)
        ).count()
        >= PER_MINUTE
    )


def make(user: Any, data: Mapping[str, Any]) -> Draft:
    """Keep what a valid form says of the way to a host. Nothing of it is readable in the database."""
    credential = data.get("credential")
    document = {
        "address": data["address"],
        "port": data["port"],
        "credential": str(credential.pk) if credential else "",
        "username": data.get("username", ""),
        "password": data.get("password", ""),
        "private_key": data.get("private_key", ""),
        "passphrase": data.get("passphrase", ""),
        "accept_first_key": data.get("first_key") == "accept",
    }
    draft = Draft(owner=user)
    seal(draft, "document", json.dumps(document))
    draft.save()
    return draft


def contents(draft: Draft) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(reveal(draft, "document"))
    return found


def own(user: Any, draft_id: UUID | str | None) -> Draft | None:
    """The user's own draft, if it is not too old; never somebody else's."""
    if not draft_id:
        return None
    return Draft.objects.filter(
        pk=draft_id, owner=user, created_at__gt=timezone.now() - LIFETIME
    ).first()


def accept(draft: Draft, fingerprint: str) -> bool:
    """Accept the shown key, if it is the one the person saw; true for exactly one caller."""
    return bool(
        Draft.objects.filter(
            pk=draft.pk,
            key_accepted=False,
            finished=True,
            shown_fingerprint=fingerprint,
            connections__lt=MAX_CONNECTIONS,
        )
        .exclude(shown_fingerprint="")
        .update(key_accepted=True, finished=False)
    )


def answer(draft: Draft) -> dict[str, Any]:
    """What the page shows of a test: stages and the key's fingerprint, never what was typed."""
    waits = draft.finished and not draft.key_accepted and bool(draft.shown_fingerprint)
    return {
        "stages": [
            {name: stage.get(name) for name in ("name", "state", "text", "seconds")}
            for stage in draft.stages if isinstance(stage, dict)
        ],
        "finished": draft.finished,
        "fingerprint": draft.shown_fingerprint,
        "algorithm": draft.shown_key.split(" ", 1)[0] if draft.shown_key else "",
        "key_accepted": draft.key_accepted,
        "can_accept": waits and draft.connections < MAX_CONNECTIONS,
    }  # fmt: skip
