"""The vocabulary of failures: a stable code, one sentence, and what to do next.

Pure. The code's name is part of the interface (API, pages, docs); its number is what a
stored poll carries and is never given to another code.
"""

from __future__ import annotations

from dataclasses import dataclass

from fleet.states import State

DETAIL_LIMIT = 400
"""Characters of a host's own words kept with a failure."""


@dataclass(frozen=True, slots=True)
class Code:
    """One way in which a poll can fail.

    `state` is the state the host takes (None: the failure says nothing about the host's
    state). `text` and `next_step` are sentences for people.
    """

    number: int
    name: str
    state: State | None
    text: str
    next_step: str

    def __str__(self) -> str:
        return self.name


class PollFailure(Exception):
    """A poll failed for a known reason.

    `detail` holds particulars, perhaps in the host's own words: hostile input, shown only
    escaped. It never holds a secret.
    """

    def __init__(
        self, code: Code, detail: str = "", *, stage: str = "", state: State | None = None
    ) -> None:
        self.code = code
        self.detail = printable(detail)
        self.stage = stage
        self.state = state or code.state
        """The state to give the host; some codes mean another one in some places."""
        super().__init__(f"{code.name}: {self.detail}" if detail else code.name)


def printable(text: str | bytes, limit: int = DETAIL_LIMIT) -> str:
    """A host's words as one short line: control characters escaped, cut with an ellipsis."""
    if isinstance(text, bytes):
        text = text.decode("utf-8", "backslashreplace")
    line = "".join(
        c if c.isprintable() else f"\\x{ord(c):02x}" if c not in "\r\n\t" else " " for c in text
    )
    line = " ".join(line.split())
    return line if len(line) <= limit else line[: limit - 1] + "…"


def _codes() -> dict[str, Code]:
    down, blocked, unknown = State.DOWN, State.BLOCKED, State.UNKNOWN
    rows: list[tuple[int, str, State | None, str, str]] = [
        (
            1,
            "DNS_FAIL",
            blocked,
            "The name of the host cannot be resolved.",
            "Check the spelling of the address, and that this machine's name server knows it.",
        ),
        (
            2,
            "TCP_REFUSED",
            down,
            "The host refuses connections on this port.",
            "Check that sshd runs on the host and listens on this port.",
        ),
        (
            3,
            "TCP_TIMEOUT",
            down,
            "The host does not answer on this port.",
            "Check that the host is switched on and that no firewall drops the way there.",
        ),
        (
            4,
            "NO_ROUTE",
            down,
            "There is no way through the network to the host.",
            "Check the address, and this machine's routes to it.",
        ),
        (
            5,
            "NOT_SSH",
            blocked,
            "What answers on this port is not an SSH server.",
            "Check the port: another service listens there.",
        ),
        (
            6,
            "KEX_FAIL",
            blocked,
            "The host and Rollcall share no way to encrypt the connection.",
            "Update the SSH server, or allow a current key exchange and cipher there.",
        ),
        (
            7,
            "HOSTKEY_UNKNOWN",
            blocked,
            "The host's key has not been accepted yet.",
            "Compare the fingerprint with the host's own (ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub), then accept it.",
        ),
        (
            8,
            "HOSTKEY_CHANGED",
            blocked,
            "The host shows another key than the accepted one. No credential was sent.",
            "If the host was reinstalled, compare the fingerprints and accept the new key; if not, find out who answers there.",
        ),
        (
            9,
            "AUTH_FAILED",
            blocked,
            "The host refuses the credential.",
            "Check the user name, and that the password or public key is the one the host knows. Rollcall tries rarely until the credential changes, so that nobody is locked out.",
        ),
        (
            10,
            "AUTH_NEEDS_INTERACTIVE",
            blocked,
            "The host asks for more than a password or key.",
            "Give the monitoring account a login without one-time codes, or use a key.",
        ),
        (
            11,
            "PASSWORD_EXPIRED",
            blocked,
            "The password of the account has expired.",
            "Set a new password on the host, then change the credential.",
        ),
        (
            12,
            "DROPPED_BEFORE_AUTH",
            unknown,
            "The host closed the connection before the login.",
            "It may limit connections (MaxStartups, fail2ban). Allow this machine's address there.",
        ),
        (
            13,
            "CHANNEL_REFUSED",
            blocked,
            "The host lets us log in, but not run anything.",
            "Check MaxSessions and the account's restrictions in sshd_config and authorized_keys.",
        ),
        (
            14,
            "SHELL_UNUSABLE",
            blocked,
            "The account's shell does not run commands.",
            "Give the monitoring account an ordinary shell (usermod -s /bin/sh).",
        ),
        (
            15,
            "FORCED_COMMAND",
            blocked,
            "The host runs a command of its own instead of the probe.",
            "Remove the forced command of this key (authorized_keys, ForceCommand).",
        ),
        (
            16,
            "NO_PYTHON",
            blocked,
            "No usable Python was found on the host.",
            "Install Python 3.6 or newer (apt install python3-minimal).",
        ),
        (
            17,
            "PYTHON_TOO_OLD",
            blocked,
            "The host's Python is older than 3.6.",
            "Install Python 3.6 or newer.",
        ),
        (
            18,
            "PROBE_TIMEOUT",
            blocked,
            "The host did not finish its report in time.",
            "Look at the host's load, and for hung mounts or name look-ups.",
        ),
        (
            19,
            "PROBE_TRUNCATED",
            blocked,
            "The report of the host was cut short.",
            "Poll again; if it stays, something ends the probe on the host (memory limit, killed process).",
        ),
        (
            20,
            "PROBE_TOO_BIG",
            blocked,
            "The host sent more than a report can be.",
            "Look for login scripts that print without end (.bashrc, /etc/profile.d).",
        ),
        (
            21,
            "PROBE_BAD_FRAME",
            blocked,
            "What the host sent is not a report.",
            "Look for login scripts that print (.bashrc), or something that alters the output.",
        ),
        (
            22,
            "PROBE_SILENT",
            blocked,
            "The probe started but said nothing.",
            "Look for a login script that reads its input or waits.",
        ),
        (
            23,
            "PROBE_CRASHED",
            blocked,
            "The probe ended with an error on the host.",
            "Read the error; the host's Python may be damaged.",
        ),
        (
            24,
            "PARTIAL",
            None,
            "A part of the report is missing.",
            "Read which collector failed, and why.",
        ),
        (
            25,
            "CLOCK_SKEW",
            None,
            "The host's clock is off by more than 30 seconds.",
            "Set up time synchronisation on the host (systemd-timesyncd, chrony).",
        ),
        (
            26,
            "MONITOR_LATE",
            unknown,
            "Rollcall did not look in time.",
            "Look at the load of this machine; add a worker.",
        ),
        (
            27,
            "MONITOR_ISOLATED",
            unknown,
            "Rollcall itself is cut off from the network.",
            "Check the network of this machine.",
        ),
        (
            28,
            "INTERNAL",
            unknown,
            "Rollcall made a mistake.",
            "Look at the log of the worker and report it.",
        ),
        (
            29,
            "CREDENTIAL_UNREADABLE",
            unknown,
            "The stored credential cannot be read on this machine.",
            "Put the right credential key file back (CREDENTIAL_KEYS_FILE), or enter the credential again.",
        ),
        (
            30,
            "WAY_NOT_UP",
            unknown,
            "The jump host to this host does not let us through, so nothing is known of the host itself.",
            "Look at the jump host: it is named here together with what is wrong there.",
        ),
    ]
    return {name: Code(number, name, state, text, step) for number, name, state, text, step in rows}


CODES: dict[str, Code] = _codes()
BY_NUMBER: dict[int, Code] = {code.number: code for code in CODES.values()}
