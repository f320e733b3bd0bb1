"""The client's side of an asyncssh connection: which host key is right, what is answered."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from functools import partial

import asyncssh

from fleet.failures import CODES, PollFailure
from pollers.target import Login, Target
from pollers.transports.base import HostKeyRefused, ShownKey
from pollers.transports.hostkeys import refusal, shown_key
from pollers.transports.stages import Stopwatch

# "Password:", "root's password:", "(root@db1) Password: ", "Password for root@db1:". Nothing
# else ever gets the password: not a code, not a passphrase, not a "new password".
_PLAIN_PROMPT = re.compile(
    r"\s*(\([^()]{1,128}\)\s*)?(\S{1,64}'s\s+)?password(\s+for\s+\S{1,128}?)?\s*:\s*", re.IGNORECASE
)
_EXPIRED_PROMPT = re.compile(r"\b(new|current|old|change|retype|expired)\b", re.IGNORECASE)


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
    """Judges the host key, then offers the key once and the password once.

    asyncssh itself would answer any prompt with "password" or "passcode" in it.
    """

    def __init__(
        self, target: Target, login: Login, key: asyncssh.SSHKey | None, stopwatch: Stopwatch
    ) -> None:
        self._target = target
        self._username = login.username
        self._password = login.password
        self._key = key
        self._stopwatch = stopwatch
        self._key_offered = self._password_offered = False
        self._interactive = False
        self._refused: list[str] = []
        self._asked_more = ""
        self._expired: str | None = None
        self.host_key: ShownKey | None = None
        self.host_key_refused: HostKeyRefused | None = None

    @property
    def methods(self) -> list[str]:
        """What asyncssh may try, in order.

        Interactive questions are in it even without a password, to learn that they are asked.
        """
        key = ["publickey"] if self._key else []
        password = ["password"] if self._password else []
        return [*key, *password, "keyboard-interactive"]

    @property
    def offered(self) -> bool:
        """Whether the host was offered a credential."""
        return self._key_offered or self._password_offered

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

    def public_key_auth_requested(self) -> asyncssh.SSHKey | None:
        if self._key_offered:
            self._refused.append("key")
            return None
        self._key_offered = True
        return self._key

    def password_auth_requested(self) -> str | None:
        if self._password_offered:
            self._refused.append("password")
            return None
        self._password_offered = True
        return self._password or None

    def password_change_requested(self, prompt: str, lang: str) -> tuple[str, str]:
        self._expired = prompt
        return NotImplemented  # type: ignore[no-any-return]  # asyncssh's way to say no

    def kbdint_auth_requested(self) -> str | None:
        if self._interactive:
            self._refused.append("password")
        if "password" in self._refused or (self._refused and not self._password):
            return None  # the same password is not offered a second time
        if not self._password or self._password_offered:
            self._asked_more = "The host asks questions beside the key or password."
            return None
        self._interactive = True
        return ""

    def kbdint_challenge_received(
        self, name: str, instructions: str, lang: str, prompts: Sequence[tuple[str, bool]]
    ) -> list[str] | None:
        if not prompts:
            return []
        if len(prompts) == 1 and not self._password_offered:
            text, echo = prompts[0]
            if not echo and _PLAIN_PROMPT.fullmatch(text):
                self._password_offered = True
                return [self._password]
        text = " ".join(prompt for prompt, _ in prompts)
        if self._password_offered and _EXPIRED_PROMPT.search(text):
            self._expired = text
        elif self._password_offered and len(prompts) == 1 and _PLAIN_PROMPT.fullmatch(text):
            self._refused.append("password")
        else:
            self._asked_more = text
        return None

    def failure(self) -> PollFailure:
        """Why the login came to nothing, from what was asked and answered."""
        if self._expired is not None:
            return PollFailure(CODES["PASSWORD_EXPIRED"], self._expired, stage="login")
        if self._asked_more and not self._refused:
            return PollFailure(CODES["AUTH_NEEDS_INTERACTIVE"], self._asked_more, stage="login")
        return PollFailure(CODES["AUTH_FAILED"], self._refusal_text(), stage="login")

    def _refusal_text(self) -> str:
        if not self._key and not self._password:
            return "The credential holds neither a key nor a password."
        parts = []
        for what, has, offered in (
            ("key", bool(self._key), self._key_offered),
            ("password", bool(self._password), self._password_offered),
        ):
            if has:
                parts.append(
                    f"It refused the {what}." if offered else f"It was not asked for the {what}."
                )
        return f"User {self._username}: " + " ".join(parts)
