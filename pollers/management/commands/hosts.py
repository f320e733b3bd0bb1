"""`manage.py hosts add|list|remove|known-hosts`: the inventory from the command line."""

from __future__ import annotations

import getpass
import json
import sys
from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import Any

from django.core.exceptions import ImproperlyConfigured, ValidationError
from django.core.management.base import BaseCommand, CommandError

from credentials.models import Credential
from credentials.private_keys import PrivateKeyError
from fleet.models import DEFAULT_INTERVAL, Host
from pollers.inventory import InventoryError, add_host, make_credential, remove
from pollers.known_hosts import import_known_hosts

WRONG = 2
"""Exit status when something typed is wrong."""


class Command(BaseCommand):
    help = "Adds, lists and removes hosts."

    def add_arguments(self, parser: ArgumentParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True)
        add = actions.add_parser("add", help="save a host and poll it at once")
        add.add_argument("address", help="IPv4, IPv6 or DNS name")
        add.add_argument("--port", type=int, default=22)
        add.add_argument("--user", help="login name on the host")
        add.add_argument("--key", type=Path, metavar="FILE", help="private key to log in with")
        add.add_argument(
            "--password-stdin",
            action="store_true",
            help="read the password (or the key's passphrase) as one line",
        )
        add.add_argument("--credential", metavar="NAME", help="use a stored credential")
        add.add_argument("--name", default="", help="default: the host's own name")
        add.add_argument("--via", metavar="HOST", help="jump host, by name or id")
        add.add_argument("--tag", action="append", default=[], dest="tags")
        add.add_argument(
            "--interval",
            type=int,
            default=DEFAULT_INTERVAL,
            help="seconds between polls (default %(default)s)",
        )
        add.add_argument(
            "--accept-host-key",
            action="store_true",
            help="accept the first host key seen, now or at first contact",
        )
        add.add_argument("--local", action="store_true", help="this machine itself, without SSH")
        add.add_argument("--json", action="store_true")
        show = actions.add_parser("list", help="list the hosts")
        show.add_argument("--json", action="store_true")
        keys = actions.add_parser("known-hosts", help="accept the host keys of a known_hosts file")
        keys.add_argument("file", type=Path, metavar="FILE")
        keys.add_argument("--json", action="store_true")
        gone = actions.add_parser("remove", help="remove hosts and what was measured of them")
        gone.add_argument("hosts", nargs="+", metavar="NAME_OR_ID")
        gone.add_argument("--json", action="store_true")

    def handle(self, *args: Any, action: str, **options: Any) -> None:
        given = Namespace(**options)
        {
            "add": self.add,
            "list": self.list,
            "remove": self.remove,
            "known-hosts": self.known_hosts,
        }[action](given)

    def add(self, given: Namespace) -> None:
        try:
            host = add_host(
                address=given.address.strip(),
                port=given.port,
                name=given.name,
                tags=given.tags,
                interval_seconds=given.interval,
                credential=None if given.local else credential_from(given),
                by=f"{getpass.getuser()} with hosts add",
                accept_first_key=given.accept_host_key,
                transport=Host.Transport.LOCAL if given.local else Host.Transport.SSH,
                via=jump_from(given),
            )
        except ValidationError as problem:
            raise CommandError("; ".join(said(problem)), returncode=WRONG) from None
        except (InventoryError, PrivateKeyError, ImproperlyConfigured) as problem:
            raise CommandError(str(problem), returncode=WRONG) from None
        if given.json:
            self.stdout.write(
                json.dumps({"id": host.pk, "name": host.name, "address": host.address})
            )
        else:
            self.stdout.write(
                f"Saved {host.name} ({host.address}, port {host.port}). Its id is {host.pk}"
            )

    def list(self, given: Namespace) -> None:
        hosts = Host.objects.present().select_related("state_row", "via").prefetch_related("tags")
        if given.json:
            rows = [
                {
                    "id": host.pk,
                    "name": host.name,
                    "address": host.address,
                    "port": host.port,
                    "via": host.via.name if host.via else None,
                    "enabled": host.enabled,
                    "interval_seconds": host.interval_seconds,
                    "tags": [tag.name for tag in host.tags.all()],
                    "state": host.state_row.state if host.enabled else "paused",
                    "failure": host.state_row.failure_json,
                }
                for host in hosts
            ]
            self.stdout.write(json.dumps(rows, indent=2))
            return
        if not hosts:
            self.stdout.write(
                "No hosts yet. Add one: python manage.py hosts add ADDRESS --user USER --key FILE"
            )
        for host in hosts:
            state = host.state_row.state if host.enabled else "paused"
            code = host.state_row.failure
            self.stdout.write(
                f"{host.pk:>5}  {state:<8} {host.name:<30} {host.address}:{host.port} {code.name if code else ''}".rstrip()
            )

    def known_hosts(self, given: Namespace) -> None:
        try:
            done = import_known_hosts(read_text(given.file), by=getpass.getuser())
        except InventoryError as problem:
            raise CommandError(str(problem), returncode=WRONG) from None
        if given.json:
            document = {
                "keys": [
                    {"host": host.pk, "fingerprint": key.fingerprint} for host, key in done.keys
                ],
                "authorities": [authority.fingerprint for authority in done.authorities],
                "revoked": done.revoked,
                "unread_lines": done.unread,
            }
            self.stdout.write(json.dumps(document))
            return
        for host, key in done.keys:
            self.stdout.write(f"{host.name}: {key.algorithm} {key.fingerprint}")
        for authority in done.authorities:
            self.stdout.write(f"authority for {authority.patterns}: {authority.fingerprint}")
        self.stdout.write(
            f"Accepted {len(done.keys)} keys and {len(done.authorities)} authorities; "
            f"{done.revoked} revoked, {len(done.unread)} lines of no use."
        )

    def remove(self, given: Namespace) -> None:
        found = []
        for word in given.hosts:
            host = find_host(word)
            if host is None:
                raise CommandError(
                    f"There is no host {word!r}. Nothing was removed.", returncode=WRONG
                )
            found.append(host)
        try:
            count = remove([host.pk for host in found])
        except InventoryError as problem:
            raise CommandError(f"{problem} Nothing was removed.", returncode=WRONG) from None
        if given.json:
            self.stdout.write(json.dumps({"removed": [host.pk for host in found]}))
        else:
            self.stdout.write(f"Removed {count} host{'s' if count != 1 else ''}.")


def said(problem: ValidationError) -> list[str]:
    if hasattr(problem, "message_dict"):
        return [
            f"{field}: {text}" if field != "__all__" else text
            for field, texts in problem.message_dict.items()
            for text in texts
        ]
    return problem.messages


def find_host(word: str) -> Host | None:
    """A host by name, or by id."""
    present = Host.objects.present()
    return present.filter(name=word).first() or (
        present.filter(pk=int(word)).first() if word.isdigit() else None
    )


def jump_from(given: Namespace) -> Host | None:
    """The jump host named."""
    if not given.via:
        return None
    found = find_host(given.via)
    if found is None:
        raise InventoryError(f"There is no host {given.via!r} to go through.")
    return found


def read_text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as problem:
        reason = problem.strerror if isinstance(problem, OSError) else "it is not a text file"
        raise InventoryError(f"The file {path} cannot be read: {reason}.") from None


def credential_from(given: Namespace) -> Credential:
    """The stored credential named, or one made of user, key and password."""
    if given.credential:
        found = Credential.objects.filter(name=given.credential).first()
        if found is None:
            raise InventoryError(f"There is no credential {given.credential!r}.")
        return found
    if not given.user:
        raise InventoryError(
            "Say how to log in: --user with --key FILE or --password-stdin, or --credential NAME."
        )
    secret = sys.stdin.readline().rstrip("\r\n") if given.password_stdin else ""
    key = ""
    if given.key:
        key = read_text(given.key)
    if key:
        return make_credential(username=given.user, private_key=key, passphrase=secret)
    return make_credential(username=given.user, password=secret)
