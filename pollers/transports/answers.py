"""What a login offered, what was asked of it, and why it failed. Pure.

The key is offered once and the password once: nobody's account is locked by our retries.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from fleet.failures import CODES, PollFailure
from pollers.target import Login

# "Password:", "root's password:", "(root@db1) Password: ", "Password for root@db1:". Nothing
# else ever gets the password: not a code, not a passphrase, not a "new password".
_PLAIN_PROMPT = re.compile(
    r"\s*(\([^()]{1,128}\)\s*)?(\S{1,64}'s\s+)?password(\s+for\s+\S{1,128}?)?\s*:\s*", re.IGNORECASE
)
_EXPIRED_PROMPT = re.compile(r"\b(new|current|old|change|retype|expired)\b", re.IGNORECASE)


class Answers:
    """The state of one login."""

    def __init__(self, login: Login) -> None:
        self._login = login
        self.key_offered = False
        self.password_offered = False
        self.refused: list[str] = []
        """Of "key" and "password", what the host refused."""
        self.asked_more = ""
        """The question that only a person can answer."""
        self.expired: str | None = None
        """How the host asked for a new password."""

    def answer(self, prompts: Sequence[tuple[str, bool]]) -> list[str] | None:
        """The answers to one round of (prompt, echo); None: this login has no answer."""
        if not prompts:
            return []  # a round may just show a text
        text = " ".join(prompt for prompt, _ in prompts)
        plain = len(prompts) == 1 and bool(_PLAIN_PROMPT.fullmatch(text))
        if plain and not prompts[0][1] and self._login.password and not self.password_offered:
            self.password_offered = True
            return [self._login.password]
        if self.password_offered and _EXPIRED_PROMPT.search(text):
            self.expired = text
        elif self.password_offered and plain:
            self.refused.append("password")
        else:
            self.asked_more = text
        return None

    def more_is_asked(self) -> None:
        """The host wants another step beside the key or password that it took."""
        self.asked_more = "The host asks questions beside the key or password."

    def failure(self) -> PollFailure:
        """Why the login came to nothing."""
        if self.expired is not None:
            return PollFailure(CODES["PASSWORD_EXPIRED"], self.expired, stage="login")
        if self.asked_more and not self.refused:
            return PollFailure(CODES["AUTH_NEEDS_INTERACTIVE"], self.asked_more, stage="login")
        return PollFailure(CODES["AUTH_FAILED"], self._refusal(), stage="login")

    def _refusal(self) -> str:
        parts = []
        if self._login.private_key:
            parts.append(_what_became("key", self.key_offered))
        if self._login.password:
            parts.append(_what_became("password", self.password_offered))
        if not parts:
            return "The credential holds neither a key nor a password."
        return f"User {self._login.username}: {' '.join(parts)}"


def _what_became(what: str, offered: bool) -> str:
    return f"It refused the {what}." if offered else f"It did not ask for the {what}."
