"""Adding, changing and removing hosts: the one way for admin, API and command line."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import Any

from django.db import transaction
from django.db.models import CharField, F, Value
from django.db.models.functions import Cast, Concat
from django.utils import timezone

from alerts.lifecycle import PAUSED, REMOVED, withdraw_of_hosts
from credentials.models import Credential
from fleet.addresses import clean_address, clean_name, clean_username
from fleet.models import DEFAULT_INTERVAL, Event, Host, HostKey, HostState, Policy, Tag
from fleet.states import State
from pollers.schedule import poll_now
from pollers.transports.base import ShownKey


class InventoryError(ValueError):
    """What was typed cannot be; the message is a sentence for the person who typed it."""


@transaction.atomic
def add_host(
    *,
    address: str,
    by: str,
    credential: Credential | None = None,
    name: str = "",
    port: int = 22,
    tags: Iterable[str] = (),
    interval_seconds: int = DEFAULT_INTERVAL,
    enabled: bool = True,
    accept_first_key: bool = False,
    accepted_key: ShownKey | None = None,
    transport: str = Host.Transport.SSH,
    via: Host | None = None,
) -> Host:
    """Save a host; it is polled at once. Raises ValidationError, InventoryError.

    Without a name it goes by its address until the first poll tells the host's own.
    `by` is written down as who accepted the key.
    """
    address, name = tidy_address(address), tidy_name(name)
    host = Host(
        name=name or free_name(address),
        name_is_own=bool(name),
        address=address,
        port=port,
        credential=credential,
        interval_seconds=interval_seconds,
        enabled=enabled,
        transport=transport,
        via=via,
        first_key_accepted_by=by[:150] if accept_first_key else Policy.current().first_contact(),
    )
    host.full_clean()
    host.save()
    host.tags.set(tags_named(tags))
    HostState.objects.create(host=host, state=State.PENDING, state_since=timezone.now())
    if accepted_key is not None:
        keep_key(host, accepted_key, by=by)
    return host


PLACE = ("address", "port", "via_id")
"""Where a host is."""
REACHED_BY = (*PLACE, "credential_id", "transport", "first_key_accepted_by")


@transaction.atomic
def change_host(host: Host, *, tags: Iterable[str] | None = None, **fields: Any) -> Host:
    """Change a host. Another address, port, jump host or credential voids what was pinned, and is
    tried at once."""
    lock_states([host.pk])
    before = Host.objects.select_for_update().get(pk=host.pk)
    if "address" in fields:
        fields["address"] = tidy_address(fields["address"])
    if "name" in fields:
        fields["name"] = tidy_name(fields["name"]) or before.name
        fields["name_is_own"] = before.name_is_own or fields["name"] != before.name
    if any(
        name in fields and fields[name] != getattr(before, name)
        for name in ("address", "port", "via")
    ):
        # Whoever accepted the first key there has not seen who answers here.
        fields.setdefault("first_key_accepted_by", Policy.current().first_contact())
    for field, value in fields.items():
        setattr(host, field, value)
    host.full_clean()
    # Only what was asked for: what a poll has written meanwhile stays, such as the host's own name.
    host.save(update_fields=[*fields, "changed_at"])
    if before.enabled and not host.enabled:
        withdraw_of_hosts([host.pk], PAUSED, timezone.now())
    if tags is not None:
        host.tags.set(tags_named(tags))
    if any(getattr(host, name) != getattr(before, name) for name in (*PLACE, "credential_id")):
        void_keys(host)
    if any(getattr(host, name) != getattr(before, name) for name in REACHED_BY) or (
        host.enabled and not before.enabled
    ):
        poll_now([host.pk])
    return host


def void_keys(host: Host) -> None:
    """Forget every key: they were accepted for another way to log in, or another machine."""
    pinned = host.host_keys.exclude(accepted_at=None).count()
    host.host_keys.all().delete()
    if pinned:
        text = "The accepted host keys were voided: the way to the host was changed"
        Event.objects.create(host=host, at=timezone.now(), kind=Event.Kind.KEYS_VOIDED, text=text)


def tidy_address(text: str) -> str:
    """In its usual form; what is no address stays as it is, for the validators to refuse."""
    try:
        return clean_address(text)
    except ValueError:
        return text


def tidy_name(text: str) -> str:
    """On one line; what can be no name stays as it is, for the validators to refuse."""
    try:
        return clean_name(text) if text.strip() else ""
    except ValueError:
        return text


def lock_states(host_ids: Collection[int]) -> None:
    """What polls and what people write about a host waits for each other, and always begins here."""
    rows = HostState.objects.select_for_update().filter(host_id__in=host_ids).order_by("pk")
    list(rows.values_list("pk", flat=True))


def free_name(wanted: str) -> str:
    """The wanted name, or with a number behind it when it is taken."""
    taken = set(Host.objects.filter(name__startswith=wanted).values_list("name", flat=True))
    return next(
        name
        for name in (wanted, *(f"{wanted}-{n}" for n in range(2, len(taken) + 3)))
        if name not in taken
    )


def tags_named(names: Iterable[str]) -> list[Tag]:
    return [Tag.objects.get_or_create(name=name)[0] for name in names]


def make_credential(
    *,
    username: str,
    password: str = "",
    private_key: str = "",
    passphrase: str = "",
    name: str = "",
) -> Credential:
    """Save a credential, or return the one that already holds this key for this user.

    Raises InventoryError, PrivateKeyError.
    """
    try:
        username = clean_username(username)
    except ValueError as problem:
        raise InventoryError(str(problem)) from None
    if not password and not private_key.strip():
        raise InventoryError("A credential needs a password or a private key.")
    refuse_mask(password)
    credential = Credential(username=username)
    credential.set_private_key(private_key, passphrase)
    credential.set_password(password)
    if credential.key_fingerprint and not password and not name:
        same = Credential.objects.filter(
            username=username, key_fingerprint=credential.key_fingerprint, password=""
        ).first()
        if same is not None:
            return same
    credential.name = name or free_credential_name(f"{username} ({credential.kind})")
    credential.full_clean()
    credential.save()
    return credential


@transaction.atomic
def change_credential(
    credential: Credential,
    *,
    name: str | None = None,
    username: str | None = None,
    password: str | None = None,
    private_key: str | None = None,
    passphrase: str | None = None,
) -> Credential:
    """Change what is given, and try it at once. None: it stays; "": the secret is cleared.

    A passphrase comes with its key. Raises InventoryError, PrivateKeyError, ValidationError.
    """
    # Locked before anything is sealed: a rotation of the keys sees either the old row or the new one.
    Credential.objects.select_for_update().get(pk=credential.pk)
    fields = ["changed_at"]
    if name is not None:
        credential.name = name
        fields.append("name")
    if username is not None:
        try:
            credential.username = clean_username(username)
        except ValueError as problem:
            raise InventoryError(str(problem)) from None
        fields.append("username")
    if password is not None:
        refuse_mask(password)
        credential.set_password(password)
        fields.append("password")
    if private_key is not None:
        credential.set_private_key(private_key, passphrase or "")
        fields += ["private_key", "passphrase", "key_fingerprint"]
    elif passphrase:
        raise InventoryError("Send the private key again together with its passphrase.")
    if not credential.password and not credential.private_key:
        raise InventoryError("A credential needs a password or a private key.")
    credential.full_clean()
    credential.save(update_fields=fields)
    credential_changed(credential)
    return credential


def refuse_mask(password: str) -> None:
    """What a form or a script shows in place of a password is not to become one."""
    if password and set(password) <= {"*", "\u2022", "\u25cf"}:
        raise InventoryError(
            "This is a mask, not a password. Leave the password out to keep the stored one."
        )


def free_credential_name(wanted: str) -> str:
    taken = set(Credential.objects.filter(name__startswith=wanted).values_list("name", flat=True))
    return next(
        name
        for name in (wanted, *(f"{wanted} {n}" for n in range(2, len(taken) + 3)))
        if name not in taken
    )


def credential_changed(credential: Credential) -> None:
    """A corrected credential is tried at once at every host that waits because of the old one."""
    poll_now(credential.hosts.values_list("pk", flat=True))


@transaction.atomic
def pause(host_ids: Iterable[int]) -> int:
    """Stop looking at hosts; their sessions are closed by the worker that has them."""
    ids = list(host_ids)
    lock_states(ids)
    withdraw_of_hosts(ids, PAUSED, timezone.now())
    return Host.objects.filter(pk__in=ids, enabled=True).update(
        enabled=False, changed_at=timezone.now()
    )


@transaction.atomic
def resume(host_ids: Iterable[int]) -> int:
    ids = list(
        Host.objects.filter(pk__in=list(host_ids), enabled=False).values_list("pk", flat=True)
    )
    Host.objects.filter(pk__in=ids).update(enabled=True, changed_at=timezone.now())
    poll_now(ids)
    return len(ids)


@transaction.atomic
def remove(host_ids: Sequence[int]) -> int:
    """Mark hosts as removed. The names are free at once; the rows go in slices, in the background.

    Raises InventoryError for a jump host of others, which would be looked for elsewhere.
    """
    lock_states(host_ids)
    behind = Host.objects.present().filter(via__in=list(host_ids)).exclude(pk__in=list(host_ids))
    if (one := behind.select_related("via").first()) is not None and one.via is not None:
        raise InventoryError(f"{one.name} is reached through {one.via.name}; change its way first.")
    withdraw_of_hosts(host_ids, REMOVED, timezone.now())
    return Host.objects.filter(pk__in=list(host_ids), removed_at=None).update(
        removed_at=timezone.now(),
        changed_at=timezone.now(),
        enabled=False,
        name=removed_name(),
        credential=None,
        via=None,
    )


def removed_name() -> Any:
    """A name nobody can type, so that the old one can be used again."""
    return Concat(Value("\x7fremoved "), Cast(F("id"), CharField()))


def keep_key(
    host: Host, shown: ShownKey, *, by: str, kind: str = Event.Kind.KEY_ACCEPTED
) -> HostKey:
    """Pin a key of a host, with who and when."""
    key, _ = HostKey.objects.update_or_create(
        host=host,
        public=shown.public,
        defaults={
            "algorithm": shown.algorithm,
            "fingerprint": shown.fingerprint,
            "accepted_at": timezone.now(),
            "accepted_by": by[:150],
        },
    )
    Event.objects.create(
        host=host,
        at=timezone.now(),
        kind=kind,
        text=f"Host key {shown.fingerprint} accepted by {by}"[:500],
    )
    return key


@transaction.atomic
def accept_key(key: HostKey, *, by: str) -> None:
    """Accept an offered key in place of all others of its host, and look at once."""
    HostKey.objects.filter(host=key.host).exclude(pk=key.pk).delete()
    keep_key(key.host, ShownKey(key.algorithm, key.public, key.fingerprint), by=by)
    Host.objects.filter(pk=key.host_id).update(changed_at=timezone.now())
    poll_now([key.host_id])
