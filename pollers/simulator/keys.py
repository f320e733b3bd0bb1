"""The host keys of the simulated fleet: always the same, so that they can be accepted before they are seen.

They protect nothing. The servers listen on loopback addresses only and run no program.
"""

from __future__ import annotations

from functools import cache
from hashlib import sha256

import asyncssh
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey


@cache
def host_key(number: int, *, changed: bool = False) -> asyncssh.SSHKey:
    word = f"rollcall simulated host {number}{' changed' if changed else ''}"
    key = Ed25519PrivateKey.from_private_bytes(sha256(word.encode()).digest())
    return asyncssh.import_private_key(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )


def new_user_key() -> str:
    """A private key to log in with, made afresh."""
    key = asyncssh.generate_private_key("ssh-ed25519", comment="rollcall demo")
    return key.export_private_key().decode()


def public_part(private_key: str) -> str:
    """In one line, as in authorized_keys."""
    return asyncssh.import_private_key(private_key).export_public_key().decode().strip()
