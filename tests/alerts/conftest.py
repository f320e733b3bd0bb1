"""Helpers of the alerts' tests: hosts that report, and a mail server that keeps what it gets."""

from __future__ import annotations

import email
import email.policy
import socket
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from email.message import EmailMessage
from typing import Any

import pytest

from alerts.lifecycle import HostReport, judge
from alerts.models import Channel, Rule

ROOT, DATA = (("mount", "/"),), (("mount", "/data"),)
START = 1_790_000_000


@pytest.fixture
def rule(db: None) -> Rule:
    """One rule alone."""
    Rule.objects.all().delete()
    return Rule.objects.create(
        name="Disk", metric="filesystem_percent", op=">", warning=80, critical=90
    )


@pytest.fixture
def channel(db: None) -> Channel:
    found = Channel(name="mail")
    found.set_url("mailto:ops@example.org")
    found.save()
    return found


@pytest.fixture
def report() -> Callable[..., None]:
    """Judge what a host says: percentages by labels, at a time in seconds."""

    def say(host: Any, values: dict[Any, float], at: float = 0.0, **more: Any) -> None:
        host.refresh_from_db()
        keyed = {
            key if isinstance(key[0], str) else ("filesystem_percent", key): value
            for key, value in values.items()
        }
        fields = {"measured": True, "complete": True, "cause": "", **more}
        judge([HostReport(host, keyed, **fields)], datetime.fromtimestamp(START + at, UTC))

    return say


class MailServer:
    """A small SMTP server. `says` maps a command to what it answers instead; "hang" is silence.

    `hangs_up_after_data` takes a message and drops the line before it says so.
    """

    def __init__(self) -> None:
        self.messages: list[EmailMessage] = []
        self.raw: list[bytes] = []
        self.says: dict[str, str] = {}
        self.hangs_up_after_data = False
        self.delay = 0.0
        self.stopped = False
        self.sock = socket.create_server(("127.0.0.1", 0))
        self.port = self.sock.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self) -> None:
        while not self.stopped:
            try:
                connection, _ = self.sock.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(connection,), daemon=True).start()

    def serve(self, connection: socket.socket) -> None:
        with connection, connection.makefile("rwb") as file:

            def answer(text: str) -> None:
                file.write(text.encode() + b"\r\n")
                file.flush()

            answer("220 test ESMTP")
            for line in file:
                command = line.split()[0].upper().decode() if line.split() else ""
                if command in self.says:
                    if self.says[command] == "hang":
                        time.sleep(30)
                        return
                    answer(self.says[command])
                elif command == "DATA":
                    answer("354 go on")
                    body = b""
                    for part in file:
                        if part == b".\r\n":
                            break
                        body += part[1:] if part.startswith(b".") else part
                    time.sleep(self.delay)
                    self.raw.append(body)
                    policy = email.policy.default
                    self.messages.append(email.message_from_bytes(body, policy=policy))  # type: ignore[arg-type]
                    if self.hangs_up_after_data:
                        return
                    answer("250 taken")
                elif command == "QUIT":
                    answer("221 bye")
                    return
                else:
                    answer("250 ok")

    def stop(self) -> None:
        self.stopped = True
        self.sock.close()

    @property
    def subjects(self) -> list[str]:
        return [str(message["Subject"]) for message in self.messages]

    @property
    def keys(self) -> list[str]:
        return [str(message["Message-ID"]) for message in self.messages]


@pytest.fixture
def mail_server(settings: Any) -> Iterator[MailServer]:
    server = MailServer()
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_CONFIGURED = True
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", server.port
    settings.EMAIL_HOST_USER = settings.EMAIL_HOST_PASSWORD = ""
    settings.EMAIL_USE_TLS = settings.EMAIL_USE_SSL = False
    settings.EMAIL_TIMEOUT = 5
    yield server
    server.stop()
