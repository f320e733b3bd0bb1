"""What a kind of channel must do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Message:
    """What a person gets. `key` is the same for every repeat of one delivery."""

    key: str
    subject: str
    body: str


class DeliveryError(Exception):
    """A message was not delivered; the text is safe to show. `permanent`: trying again is useless."""

    def __init__(self, text: str, *, permanent: bool = False) -> None:
        super().__init__(text)
        self.permanent = permanent


class Sender(Protocol):
    """One kind of channel, found by the scheme of its address."""

    scheme: str

    def check(self, url: str) -> None:
        """ValueError with a sentence when the address is none of this kind."""

    def send(self, url: str, message: Message) -> None:
        """Deliver, or raise DeliveryError."""
