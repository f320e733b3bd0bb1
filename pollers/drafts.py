"""Hosts that are being tried before they are saved: what was typed, sealed, for an hour."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

from django.core.exceptions import ValidationError
from django.db.models import F
from django.utils import timezone

from credentials.keys import reveal, seal
from credentials.models import Credential
from credentials.private_keys import PrivateKeyError, fingerprint, tidy
from fleet.addresses import clean_address, clean_username
from fleet.failures import CODES, PollFailure
from fleet.models import Host
from pollers.inventory import InventoryError
from pollers.models import Draft
from pollers.target import Login, Target
from pollers.targets import jump_target, login_of

LIFETIME = timedelta(hours=1)
MOST_CONNECTIONS = 2
"""One to fetch the key, one to log in once it is accepted."""
STAGES = ("way", "resolve", "tcp", "version", "host_key", "login", "shell", "probe", "sample")


def make_draft(
    owner: Any,
    *,
    address: str,
    port: int = 22,
    credential: Credential | None = None,
    username: str = "",
    password: str = "",
    private_key: str = "",
    passphrase: str = "",
    via: Host | None = None,
) -> Draft:
    """Keep what was typed. Raises InventoryError with a sentence when it cannot be tried."""
    try:
        document: dict[str, Any] = {"address": clean_address(address), "port": port}
        if not 1 <= port <= 65535:
            raise ValueError("A port lies between 1 and 65535.")
        if via is not None:
            if problem := Host(address=document["address"], port=port).wrong_way(via):
                raise ValueError(problem)
            document["via"] = via.pk
        if credential is not None:
            document["credential"] = str(credential.pk)
        else:
            document |= typed_login(username, password, private_key, passphrase)
    except (ValueError, PrivateKeyError) as problem:
        raise InventoryError(str(problem)) from None
    draft = Draft(owner=owner)
    seal(draft, "document", json.dumps(document))
    draft.save()
    return draft


def typed_login(username: str, password: str, private_key: str, passphrase: str) -> dict[str, str]:
    if not password and not private_key.strip():
        raise ValueError(
            "Choose a credential, or type a user name with a password or a private key."
        )
    key = ""
    if private_key.strip():
        key = tidy(private_key)
        fingerprint(key, passphrase)
    return {
        "username": clean_username(username),
        "password": password,
        "private_key": key,
        "passphrase": passphrase,
    }


def live_draft(draft_id: str, owner: Any) -> Draft | None:
    """A draft of this person that has not been forgotten."""
    try:
        return Draft.objects.filter(
            pk=draft_id, owner=owner, created_at__gt=timezone.now() - LIFETIME
        ).first()
    except (ValueError, ValidationError):
        return None


def accept_draft_key(draft: Draft) -> bool:
    """The person accepts the key that was shown; true when the second connection may begin."""
    taken = Draft.objects.filter(pk=draft.pk, key_accepted=False, finished=True).exclude(
        shown_key=""
    )
    return taken.update(key_accepted=True, finished=False) == 1


def take_connection(draft: Draft) -> bool:
    """Count a connection; false when the draft has had its two."""
    taken = Draft.objects.filter(pk=draft.pk, connections__lt=MOST_CONNECTIONS)
    return taken.update(connections=F("connections") + 1) == 1


def draft_target(draft: Draft, transport: str) -> Target:
    """All that is needed to try it. Raises PollFailure, SecretUnreadable."""
    document = json.loads(reveal(draft, "document"))
    if "credential" in document:
        login = login_of(Credential.objects.filter(pk=document["credential"]).first())
    else:
        login = Login(
            username=document["username"],
            password=document["password"],
            private_key=document["private_key"],
            passphrase=document["passphrase"],
        )
    return Target(
        host_id=0,
        revision=str(draft.pk),
        transport=transport,
        address=document["address"],
        port=document["port"],
        login=login,
        host_keys=(draft.shown_key,) if draft.key_accepted else (),
        via=draft_jump(document.get("via")),
    )


def draft_jump(host_id: int | None) -> Target | None:
    """The jump host that was chosen. Raises PollFailure."""
    if host_id is None:
        return None
    jump = Host.objects.present().filter(pk=host_id).first()
    if jump is None:
        raise PollFailure(CODES["WAY_NOT_UP"], "the jump host was removed", stage="way")
    return jump_target(jump)
