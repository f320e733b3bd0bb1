"""The client's side of an asyncssh connection: which host key is right, what is answered."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from functools import partial

import asyncssh

from fleet.failures import CODES, PollFailure
from pollers.target import Login, Target
from pollers.transports.answers import Answers
from pollers.transports.base import HostKeyRefused, ShownKey
from pollers.transports.hostkeys import (
    CERTIFICATES,
    is_authority,
    refusal,
    shown_key,
    signature_algorithms,
)
from pollers.transports.stages import Stopwatch

MOST_KEYS = 16
"""Keys that one host may announce."""


async def parse_private_key(login: Login) -> asyncssh.SSHKey | None:
    """The private key of a login, if it has one. Raises AUTH_FAILED when it cannot be read."""
    if not login.private_key:
        return None
    # The check of an RSA key costs 0.25 s, and is for keys one does not trust.
    read = partial(asyncssh.import_private_key, unsafe_skip_rsa_key_validation=True)
    try:
        if not login.passphrase:
            return read(login.private_key)
        # A passphrase is made slow to try on purpose, up to seconds: not in the loop.
        return await asyncio.to_thread(read, login.private_key, login.passphrase)
    except asyncssh.KeyEncryptionError:
        detail = "The stored private key cannot be read: its passphrase is missing or wrong."
    except (asyncssh.KeyImportError, ValueError):
        detail = "The stored private key cannot be read: not a private key in OpenSSH or PEM form."
    raise PollFailure(CODES["AUTH_FAILED"], detail, stage="login")


class LoginClient(asyncssh.SSHClient):
    """Judges the host key, then gives asyncssh what `Answers` allows.

    asyncssh itself would answer any prompt with "password" or "passcode" in it.
    """

    def __init__(
        self, target: Target, login: Login, key: asyncssh.SSHKey | None, stopwatch: Stopwatch
    ) -> None:
        self._target = target
        self._password = login.password
        self._key = key
        self._stopwatch = stopwatch
        self._interactive = False
        self.answers = Answers(login)
        self.host_key: ShownKey | None = None
        self.host_key_refused: HostKeyRefused | None = None
        self.authority: ShownKey | None = None
        """Who signed the certificate the host was known by, if it was."""
        self.announced_keys: tuple[ShownKey, ...] = ()

    @property
    def methods(self) -> list[str]:
        """What asyncssh may try, in order.

        Interactive questions are in it even without a password, to learn that they are asked.
        """
        key = ["publickey"] if self._key else []
        password = ["password"] if self._password else []
        return [*key, *password, "keyboard-interactive"]

    def validate_host_public_key(
        self, host: str, addr: str, port: int, key: asyncssh.SSHKey
    ) -> bool:
        shown = shown_key(key.public_data)
        if self.host_key is not None:
            return shown == self.host_key  # keys are exchanged anew each hour
        self.host_key_refused = refusal(self._target, shown)
        if self.host_key_refused is not None:
            return False
        self.host_key = shown
        self._stopwatch.done("host_key")
        return True

    @property
    def host_key_algorithms(self) -> list[str]:
        """What the host is asked to identify itself with, best first."""
        certificates = CERTIFICATES if self._target.authorities else ()
        plain = signature_algorithms(self._target.host_keys)
        return [*plain, *certificates] if self._target.host_keys else [*certificates, *plain]

    def validate_host_ca_key(self, host: str, addr: str, port: int, key: asyncssh.SSHKey) -> bool:
        shown = shown_key(key.public_data)
        if is_authority(self._target, shown):
            self.authority = shown
            self._stopwatch.done("host_key")
            return True
        self.host_key_refused = HostKeyRefused("HOSTKEY_UNKNOWN", shown)
        return False

    def keys_announced(
        self,
        added: list[asyncssh.SSHKey],
        removed: list[asyncssh.SSHKey],
        retained: list[asyncssh.SSHKey],
        revoked: list[asyncssh.SSHKey],
    ) -> None:
        """The host, already known by one key, names all it has; asyncssh made it prove them.

        All are "added", because asyncssh itself is told of no key.
        """
        if self.host_key is not None:  # with a certificate no key of its own is to be held
            self.announced_keys = tuple(shown_key(key.public_data) for key in added[:MOST_KEYS])

    # asyncssh asks for a method again after it was refused, as long as the host offers it

    def public_key_auth_requested(self) -> asyncssh.SSHKey | None:
        if self.answers.key_offered:
            self.answers.refused.append("key")
            return None
        self.answers.key_offered = True
        return self._key

    def password_auth_requested(self) -> str | None:
        if self.answers.password_offered:
            self.answers.refused.append("password")
            return None
        self.answers.password_offered = True
        return self._password or None

    def password_change_requested(self, prompt: str, lang: str) -> tuple[str, str]:
        self.answers.expired = prompt
        return NotImplemented  # type: ignore[no-any-return]  # asyncssh's way to say no

    def kbdint_auth_requested(self) -> str | None:
        answers = self.answers
        if self._interactive:
            answers.refused.append("password")
        if "password" in answers.refused or (answers.refused and not self._password):
            return None  # the same password is not offered a second time
        if not self._password or answers.password_offered:
            answers.more_is_asked()
            return None
        self._interactive = True
        return ""

    def kbdint_challenge_received(
        self, name: str, instructions: str, lang: str, prompts: Sequence[tuple[str, bool]]
    ) -> list[str] | None:
        return self.answers.answer(prompts)
