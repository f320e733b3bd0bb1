"""`manage.py probe --show`: what is sent to hosts, to the byte."""

from __future__ import annotations

from argparse import ArgumentParser
from hashlib import sha256
from typing import Any

from django.core.management.base import BaseCommand

from pollers.probe import bundle


class Command(BaseCommand):
    help = "Says what Rollcall sends to the hosts it watches, with its length and SHA-256."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--show", action="store_true", help="with the whole text, not only the sums"
        )

    def handle(self, *args: Any, show: bool, **options: Any) -> None:
        for title, name, data in bundle.everything():
            self.stdout.write(f"{title}\n  {len(data)} bytes, SHA-256 {sha256(data).hexdigest()}")
            if name == "psutil":
                for module, text in bundle.psutil_sources().items():
                    digest = sha256(text).hexdigest()
                    self.stdout.write(f"  {module}: {len(text)} bytes, SHA-256 {digest}")
            elif show or name == "command":
                self.stdout.write("\n" + data.decode())
            self.stdout.write("")
