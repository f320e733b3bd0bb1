"""All that one poll needs to know, as plain data."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Login:
    """How to log in. Decrypted for one connection, never logged, never stored.

    `private_key` is an unencrypted or encrypted key in OpenSSH or PEM form. With both a key
    and a password, the key is offered first.
    """

    username: str
    password: str = field(default="", repr=False)
    private_key: str = field(default="", repr=False)
    passphrase: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Target:
    """One host as the pollers see it.

    `revision` names the state of the host, its credential and its keys: a session opened
    for one revision is never used for another. `host_keys` are the accepted public keys in
    OpenSSH form ("ssh-ed25519 AAAA…"). With `accept_first_key` and no accepted key, the
    first key seen is accepted and reported in `Session.host_key`.
    """

    host_id: int
    revision: str
    transport: str
    address: str
    port: int
    login: Login | None = field(default=None, repr=False)
    host_keys: tuple[str, ...] = ()
    accept_first_key: bool = False
    authorities: tuple[str, ...] = ()
    """Public keys in OpenSSH form whose host certificates are accepted."""
    name: str = ""
    """What people call it, for failures that speak of another host than the polled one."""
    via: Target | None = None
    """The jump host. It must have an accepted key: its first one is for its own poll to take."""
