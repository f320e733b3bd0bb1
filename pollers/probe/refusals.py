"""Why no interpreter would start: reads exit statuses and what shells say.

Pure. Neither a status nor a text alone decides: shells differ in both.
"""

from __future__ import annotations

from dataclasses import dataclass

from fleet.failures import CODES, PollFailure

MISSING = (b"not found", b"no such file", b"not recognized", b"cannot execute", b"permission denied", b"cannot specify", b"unknown command")  # fmt: skip
TOO_OLD = (b"unknown option: -i", b"rollcall old", b"syntaxerror")
BROKEN = (b"traceback (most recent", b"fatal python error", b"shared libraries", b"importerror", b"modulenotfounderror", b"init_fs_encoding", b"could not find platform")  # fmt: skip
NO_SHELL = (b"not available", b"nologin", b"no login", b"not allowed to log", b"restricted", b"sftp connections only", b"account is locked", b"shell access")  # fmt: skip

EXPIRED = (b"password change required", b"password has expired")

FINAL = ("PROBE_TRUNCATED", "PASSWORD_EXPIRED")
"""What ends the search at once. What looks like a shell or a command of the host's own may be
a wrapper of one interpreter: only if it is met twice is it what it looks like."""
TELLING = (("broken", "PROBE_CRASHED"), ("old", "PYTHON_TOO_OLD"), ("FORCED_COMMAND", "PROBE_CRASHED"), ("SHELL_UNUSABLE", "PROBE_CRASHED"))  # fmt: skip


@dataclass(frozen=True, slots=True)
class Refusal:
    """One attempt: `kind` is "missing", "old", "broken", or a code."""

    interpreter: str
    kind: str
    text: str


def judge(status: int | None, output: bytes, errors: bytes) -> str:
    """The kind of a refusal."""
    said = (errors + b"\n" + output).lower()
    if status is None or status > 128:
        return "PROBE_TRUNCATED"
    if status != 0 and any(mark in said for mark in EXPIRED):
        return "PASSWORD_EXPIRED"
    if any(mark in said for mark in TOO_OLD):
        return "old"
    if any(mark in said for mark in BROKEN):
        return "broken"
    if status in (126, 127) or (status != 0 and any(mark in said for mark in MISSING)):
        return "missing"
    if any(mark in said for mark in NO_SHELL):
        return "SHELL_UNUSABLE"
    # Something ran, and it was not what we asked for: with words it is a command of the
    # host's own, without them a shell like /bin/false or /bin/true.
    return "FORCED_COMMAND" if output.strip() else "SHELL_UNUSABLE"


class Refusals:
    """The attempts so far, and what they add up to."""

    def __init__(self) -> None:
        self.attempts: list[Refusal] = []

    def add(self, interpreter: str, status: int | None, output: bytes, errors: bytes) -> None:
        """Remember one attempt. Raises PollFailure where another one is pointless."""
        quote = b" | ".join(part.strip() for part in (errors, output) if part.strip())
        text = quote[:2048].decode("utf-8", "backslashreplace")
        kind = judge(status, output, errors)
        seen = [attempt.kind for attempt in self.attempts]
        self.attempts.append(Refusal(interpreter, kind, text))
        if kind in FINAL or (kind in CODES and kind in seen):
            ended = "lost" if status is None else f"status {status}"
            raise PollFailure(CODES[kind], f"{ended}: {text}" if text else ended, stage="shell")

    def failure(self) -> PollFailure:
        """What to say when everything was tried: the most telling of the attempts."""
        for kind, code in TELLING:
            for attempt in self.attempts:
                if attempt.kind == kind:
                    detail = f"{attempt.interpreter}: {attempt.text}"
                    return PollFailure(CODES[code], detail, stage="shell")
        tried = ", ".join(attempt.interpreter for attempt in self.attempts)
        last = self.attempts[0].text if self.attempts else ""
        return PollFailure(CODES["NO_PYTHON"], f"tried {tried}: {last}", stage="shell")
