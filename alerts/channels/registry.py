"""The kinds of channels: one line each."""

from __future__ import annotations

from alerts.channels.base import Sender
from alerts.channels.mail import Mail

SENDERS: dict[str, Sender] = {sender.scheme: sender for sender in (Mail(),)}


def sender(url: str) -> Sender:
    """The sender for an address. ValueError with a sentence when there is none, or the address is wrong."""
    scheme = url.partition(":")[0].lower()
    found = SENDERS.get(scheme)
    if found is None:
        raise ValueError(f"An address begins with {', '.join(f'{name}:' for name in SENDERS)}, for example mailto:ops@example.org.")
    found.check(url)
    return found
