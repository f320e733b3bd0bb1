"""User certificates as people paste them. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

import asyncssh

from credentials.private_keys import PrivateKeyError

USER = 1
"""The type of a certificate that logs a user in; 2 is one of a host."""


@dataclass(frozen=True, slots=True)
class Certificate:
    """What a certificate says of itself."""

    text: str
    identity: str
    valid_until: datetime | None
    """None: for ever."""


def read_certificate(text: str, key: str, passphrase: str = "") -> Certificate:
    """Check a pasted certificate against its private key, which is known to be readable.

    Raises PrivateKeyError with a sentence.
    """
    line = " ".join(text.split())
    try:
        found = asyncssh.import_certificate(line)
    except (asyncssh.KeyImportError, ValueError):
        raise PrivateKeyError(
            "This is not a certificate (the file that ends with -cert.pub)."
        ) from None
    if getattr(found, "_cert_type", None) != USER:
        raise PrivateKeyError("This is a certificate of a host, not of a user.")
    own = asyncssh.import_private_key(key, passphrase or None).convert_to_public()
    if found.key.public_data != own.public_data:
        raise PrivateKeyError("This certificate belongs to another key.")
    return Certificate(
        text=" ".join(line.split()[:2]),
        identity=str(getattr(found, "_key_id", ""))[:200],
        valid_until=_moment(int(getattr(found, "_valid_before", 0))),
    )


def _moment(seconds: int) -> datetime | None:
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (OverflowError, ValueError, OSError):
        return None
