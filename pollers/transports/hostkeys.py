"""Judging the key that a server shows. Pure."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable

from pollers.target import Target
from pollers.transports.base import HostKeyRefused, ShownKey

# No SHA-1 (ssh-rsa, ssh-dss).
SIGNATURES: dict[str, tuple[str, ...]] = {
    "ssh-ed25519": ("ssh-ed25519",),
    "ecdsa-sha2-nistp256": ("ecdsa-sha2-nistp256",),
    "ecdsa-sha2-nistp384": ("ecdsa-sha2-nistp384",),
    "ecdsa-sha2-nistp521": ("ecdsa-sha2-nistp521",),
    "ssh-rsa": ("rsa-sha2-512", "rsa-sha2-256"),
}
"""Type of a key → the signature algorithms it is asked for with, best first."""


CERTIFICATES = (
    "ssh-ed25519-cert-v01@openssh.com",
    "ecdsa-sha2-nistp256-cert-v01@openssh.com",
    "ecdsa-sha2-nistp384-cert-v01@openssh.com",
    "ecdsa-sha2-nistp521-cert-v01@openssh.com",
    "rsa-sha2-512-cert-v01@openssh.com",
    "rsa-sha2-256-cert-v01@openssh.com",
)
"""Asked for only from a host for which some authority is accepted."""


def shown_key(blob: bytes) -> ShownKey:
    """The key in the wire form of RFC 4253 (its type comes first, as a counted string)."""
    length = int.from_bytes(blob[:4], "big")
    algorithm = blob[4 : 4 + length].decode("ascii", "replace")
    public = f"{algorithm} {base64.b64encode(blob).decode()}"
    digest = base64.b64encode(hashlib.sha256(blob).digest()).decode().rstrip("=")
    return ShownKey(algorithm, public, f"SHA256:{digest}")


def key_types(accepted: Iterable[str]) -> list[str]:
    """Key types to ask for: those of the accepted keys first.

    A host has several keys and shows the one asked for first. The other types stay in the
    list, so that a host whose key was replaced by one of another type shows it.
    """
    pinned = [key.split()[0] for key in accepted if key.split()]
    return [t for t in dict.fromkeys([*pinned, *SIGNATURES]) if t in SIGNATURES]


def signature_algorithms(accepted: Iterable[str]) -> list[str]:
    """`key_types` as the names a client sends in its key exchange."""
    return [name for key_type in key_types(accepted) for name in SIGNATURES[key_type]]


def refusal(target: Target, shown: ShownKey) -> HostKeyRefused | None:
    """Why this key must stop the connection; None if it may go on."""
    accepted = {" ".join(key.split()[:2]) for key in target.host_keys}
    if shown.public in accepted or (not accepted and target.accept_first_key):
        return None
    return HostKeyRefused("HOSTKEY_CHANGED" if accepted else "HOSTKEY_UNKNOWN", shown)


def is_authority(target: Target, shown: ShownKey) -> bool:
    """Whether certificates of this authority are accepted for the host."""
    return shown.public in {" ".join(key.split()[:2]) for key in target.authorities}
