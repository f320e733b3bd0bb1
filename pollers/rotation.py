"""Following a host that exchanges its keys one after the other: nobody has to do anything."""

from __future__ import annotations

from collections.abc import Sequence

from django.utils import timezone

from fleet.models import Event, Host
from pollers.inventory import keep_key
from pollers.transports.base import ShownKey


def follow_keys(host: Host, shown: ShownKey, announced: Sequence[ShownKey]) -> None:
    """Keep what the host says and has proven of its keys, if an accepted key speaks for it.

    A key it has no longer is retired: whoever finds it some day must not be taken for the host.
    """
    accepted = {key.public: key for key in host.host_keys.exclude(accepted_at=None)}
    told = {key.public: key for key in announced}
    if shown.public not in accepted or shown.public not in told:
        return
    for public, key in told.items():
        if public not in accepted:
            by = f"the host itself, known by {shown.fingerprint}"
            keep_key(host, key, by=by, kind=Event.Kind.KEY_LEARNED)
    for public, old in accepted.items():
        if public not in told:
            old.delete()
            text = f"Host key {old.fingerprint} retired: the host has it no longer"
            Event.objects.create(
                host=host, at=timezone.now(), kind=Event.Kind.KEY_RETIRED, text=text
            )
