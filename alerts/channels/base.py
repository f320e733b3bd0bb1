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
    """A message was not delivered; the text is safe to show.

    `permanent`: trying again is useless. `perhaps_sent`: it may have arrived all the same.
    `channel_is_down`: no other message would get through now, either.
    """

    def __init__(
        self,
        text: str,
        *,
        permanent: bool = False,
        perhaps_sent: bool = False,
        channel_is_down: bool = False,
    ) -> None:
        super().__init__(text)
        self.permanent = permanent
        self.perhaps_sent = perhaps_sent
        self.channel_is_down = channel_is_down


class Sender(Protocol):
    """One kind of channel, found by the scheme of its address."""

    scheme: str

    def check(self, url: str) -> None:
        """ValueError with a sentence when the address is none of this kind."""

    def send(self, url: str, message: Message) -> None:
        """Deliver, or raise DeliveryError."""
