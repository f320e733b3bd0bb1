"""Host keys and host authorities out of a known_hosts file."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import asyncssh
from django.db import transaction
from django.utils import timezone

from fleet.models import Host, HostAuthority
from pollers.inventory import InventoryError, keep_key
from pollers.schedule import poll_now
from pollers.transports.base import ShownKey
from pollers.transports.hostkeys import SIGNATURES, shown_key

MOST_LINES = 100_000


@dataclass
class Imported:
    """What became of a file."""

    keys: list[tuple[Host, ShownKey]] = field(default_factory=list)
    authorities: list[HostAuthority] = field(default_factory=list)
    unread: list[int] = field(default_factory=list)
    """Numbers of lines that could not be read, or whose keys are of no use."""
    revoked: int = 0
    """Keys that the file calls revoked; they are not taken from another line either."""


@dataclass(frozen=True)
class _Line:
    marker: str
    patterns: str
    shown: ShownKey
    known: asyncssh.SSHKnownHosts


@transaction.atomic
def import_known_hosts(text: str, *, by: str) -> Imported:
    """Accept the keys which the file has for our hosts, by address and port, hashed or not.

    Authorities are kept for hosts that are added later, too. Raises InventoryError.
    """
    done = Imported()
    by = f"known_hosts import by {by}"[:150]
    lines = list(_read(text, done))
    revoked = {line.shown.public for line in lines if line.marker == "@revoked"}
    done.revoked = len(revoked)
    usable = [line for line in lines if not line.marker and line.shown.public not in revoked]
    for host in Host.objects.present().exclude(transport=Host.Transport.LOCAL):
        accepted = set(host.host_keys.exclude(accepted_at=None).values_list("public", flat=True))
        for line in usable:
            if line.shown.public not in accepted and _is_for(line.known, host):
                keep_key(host, line.shown, by=by)
                accepted.add(line.shown.public)
                done.keys.append((host, line.shown))
    for line in lines:
        if line.marker == "@cert-authority" and line.shown.public not in revoked:
            authority, new = HostAuthority.objects.get_or_create(
                patterns=line.patterns,
                public=line.shown.public,
                defaults={"fingerprint": line.shown.fingerprint, "added_by": by},
            )
            if new:
                done.authorities.append(authority)
    ids = {host.pk for host, _ in done.keys}
    if done.authorities:
        ids |= set(hosts_of(done.authorities))
    Host.objects.filter(pk__in=ids).update(changed_at=timezone.now())
    poll_now(ids)
    return done


def authorities_of(host: Host) -> tuple[str, ...]:
    """The public keys of the authorities that may speak for a host."""
    return tuple(
        authority.public
        for authority in HostAuthority.objects.all()
        if _is_for(_known(authority), host)
    )


def hosts_of(authorities: list[HostAuthority]) -> Iterator[int]:
    """The hosts for which authorities may speak."""
    known = [_known(authority) for authority in authorities]
    for host in Host.objects.present():
        if any(_is_for(one, host) for one in known):
            yield host.pk


def public_key(text: str) -> ShownKey:
    """A pasted public key. Raises InventoryError."""
    try:
        return shown_key(asyncssh.import_public_key(text.strip()).public_data)
    except (asyncssh.KeyImportError, ValueError):
        raise InventoryError("This is not a public key (it begins with ssh- or ecdsa-).") from None


def _read(text: str, done: Imported) -> Iterator[_Line]:
    lines = text.splitlines()
    if len(lines) > MOST_LINES:
        raise InventoryError(f"The file has more than {MOST_LINES} lines.")
    for number, line in enumerate(lines, start=1):
        words = line.split()
        if not words or words[0].startswith("#"):
            continue
        marker = words.pop(0) if words[0].startswith("@") else ""
        try:
            known = asyncssh.import_known_hosts(line)
            shown = public_key(" ".join(words[1:3]))
        except (ValueError, IndexError):
            done.unread.append(number)
            continue
        if shown.algorithm not in SIGNATURES or len(words[0]) > 500:
            done.unread.append(number)
            continue
        yield _Line(marker, words[0], shown, known)


def _known(authority: HostAuthority) -> asyncssh.SSHKnownHosts:
    return asyncssh.import_known_hosts(f"@cert-authority {authority.patterns} {authority.public}")


def _is_for(known: asyncssh.SSHKnownHosts, host: Host) -> bool:
    """As OpenSSH has it: another port than 22 is part of the name."""
    name = host.address if host.port == 22 else f"[{host.address}]:{host.port}"
    return any(known.match(name, "", None)[:2])
