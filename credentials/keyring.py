"""Encryption at rest: texts sealed under keys that are not in the database.

Pure. A sealed text is "v1:" + key id + ":" + Fernet token. The token holds the text
together with its place ("credential/<uuid>/password"), because Fernet has no associated
data: a sealed text moved to another row or field is refused.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence

from cryptography.fernet import Fernet, InvalidToken

VERSION = "v1"


class KeyringError(ValueError):
    """A key is no key; the message says which one."""


class SecretUnreadable(Exception):
    """A sealed text cannot be opened here: its key is missing, or it is not at its place."""


def new_key() -> str:
    """A fresh key: 44 characters."""
    return Fernet.generate_key().decode()


def key_id(key: str) -> str:
    """Names a key without telling it: 8 hexadecimal digits."""
    return hashlib.sha256(b"rollcall key id " + key.encode()).hexdigest()[:8]


class Keyring:
    """The keys of this installation: the first seals, all open."""

    def __init__(self, keys: Sequence[str]) -> None:
        if not keys:
            raise KeyringError("There is no credential key.")
        self._keys: dict[str, Fernet] = {}
        for number, key in enumerate(keys, start=1):
            try:
                self._keys[key_id(key)] = Fernet(key)
            except (ValueError, TypeError):
                raise KeyringError(
                    f"Credential key number {number} is not a key (44 characters of URL-safe base64)."
                ) from None
        self.first = key_id(keys[0])

    def __repr__(self) -> str:
        return f"Keyring({', '.join(self._keys)})"

    def seal(self, text: str, place: str) -> str:
        """The sealed form of a text that belongs to one place."""
        document = json.dumps({"place": place, "text": text}).encode()
        return f"{VERSION}:{self.first}:{self._keys[self.first].encrypt(document).decode()}"

    def open(self, sealed: str, place: str) -> str:
        """The text. Raises SecretUnreadable; never returns anything else than what was sealed here."""
        version, _, rest = sealed.partition(":")
        name, _, token = rest.partition(":")
        if version != VERSION:
            raise SecretUnreadable("The stored secret has an unknown form.")
        fernet = self._keys.get(name)
        if fernet is None:
            raise SecretUnreadable(
                f"The stored secret needs credential key {name}, which is not here."
            )
        try:
            document = json.loads(fernet.decrypt(token.encode()))
            its_place, text = document["place"], document["text"]
        except (InvalidToken, ValueError, LookupError, TypeError):
            raise SecretUnreadable("The stored secret is damaged.") from None
        if its_place != place:
            raise SecretUnreadable("The stored secret belongs to another row or field.")
        return str(text)

    def is_current(self, sealed: str) -> bool:
        """Whether the first key sealed it."""
        return sealed.startswith(f"{VERSION}:{self.first}:")
