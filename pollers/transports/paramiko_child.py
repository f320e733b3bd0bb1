"""The other end of `ParamikoTransport`: one connection, in a process of its own.

Started as `python -m pollers.transports.paramiko_child FD`, FD being the connected socket.
The first frame on standard input is CONNECT with the JSON object

    {"login": {username, password, private_key, certificate} or null, "host_id", "host_keys", "accept_first_key"}

without a login only the host key is fetched. Secrets come this way only: command lines and
environments are readable by others. The process ends with its standard input.
"""

from __future__ import annotations

import io
import json
import os
import resource
import socket
import sys
import threading
import time
from collections.abc import Iterator
from typing import Any

import paramiko

from fleet.failures import CODES, PollFailure
from pollers.target import Login, Target
from pollers.transports import frames
from pollers.transports.answers import Answers
from pollers.transports.base import ShownKey
from pollers.transports.greeting import FOREIGN_SECONDS, Greeting, Verdict
from pollers.transports.hostkeys import refusal, shown_key, signature_algorithms
from pollers.transports.stages import Stopwatch

HEADROOM_BYTES = 192 << 20
"""Memory for the conversation itself: paramiko takes packets of any size."""

FOR_EVER = 1e6
"""Seconds; the deadline is kept by the parent, which ends this process."""

CIPHERS = ("aes128-gcm@openssh.com", "aes256-gcm@openssh.com", "aes128-ctr", "aes256-ctr")
KEEPALIVE_SECONDS = 60
CHUNK = 64 * 1024

_KEYS: tuple[type[paramiko.PKey], ...] = (paramiko.Ed25519Key, paramiko.ECDSAKey, paramiko.RSAKey)
_out_lock = threading.Lock()


def send(kind: bytes, body: bytes = b"") -> None:
    data = memoryview(frames.frame(kind, body))
    with _out_lock:
        while data:
            data = data[os.write(1, data) :]


def progress(stage: str, seconds: float) -> None:
    send(frames.STAGE, json.dumps([stage, seconds]).encode())


class GuardedSocket:
    """The socket as paramiko sees it: it ends where something else than SSH speaks."""

    def __init__(self, sock: socket.socket, greeting: Greeting, stopwatch: Stopwatch) -> None:
        self._sock = sock
        self._greeting = greeting
        self._stopwatch = stopwatch
        self._heard_at = 0.0

    def recv(self, size: int) -> bytes:
        if self._greeting.verdict is Verdict.SSH:
            return self._sock.recv(size)
        if self._heard_at and time.monotonic() - self._heard_at > FOREIGN_SECONDS:
            self._greeting.verdict = Verdict.FOREIGN
            return b""
        data = self._sock.recv(size)
        self._heard_at = self._heard_at or time.monotonic()
        verdict = self._greeting.feed(data)
        if verdict is Verdict.SSH:
            self._stopwatch.done("version")
        return data if verdict in (Verdict.SSH, Verdict.UNDECIDED) else b""

    def __getattr__(self, name: str) -> Any:
        return getattr(self._sock, name)


class Connection:
    """One connection from its socket to the end."""

    def __init__(self, sock: socket.socket, target: Target) -> None:
        self._target = target
        self._stopwatch = Stopwatch(progress)
        self._greeting = Greeting()
        guarded: Any = GuardedSocket(sock, self._greeting, self._stopwatch)
        # The plain Transport asks for the service anew before each method, which some servers
        # take for an error.
        self._ssh: paramiko.Transport = paramiko.ServiceRequestingTransport(guarded)  # type: ignore[attr-defined]
        self._ssh.banner_timeout = self._ssh.handshake_timeout = FOR_EVER
        self._ssh.auth_timeout = self._ssh.channel_timeout = FOR_EVER
        options = self._ssh.get_security_options()
        options.ciphers = CIPHERS
        options.digests = ("hmac-sha2-256-etm@openssh.com", "hmac-sha2-256", "hmac-sha2-512")
        options.key_types = signature_algorithms(target.host_keys)
        self._channel: paramiko.Channel | None = None

    def exchange_keys(self) -> ShownKey:
        """Up to the host key, which the server has then proven to hold. Raises PollFailure."""
        try:
            self._ssh.start_client()
            key = self._ssh.get_remote_server_key()
        except (paramiko.SSHException, OSError, EOFError, ValueError, MemoryError) as exc:
            raise self._early_failure(exc) from None
        blob = key.asbytes()
        self._stopwatch.done("host_key")
        send(frames.KEY, blob)
        return shown_key(blob)

    def log_in(self, login: Login) -> None:
        """Offer the key, then the password. Raises PollFailure."""
        answers = Answers(login)
        try:
            if not self._offer(login, answers):
                raise answers.failure()
        except (EOFError, OSError) as exc:
            raise _dropped("login", exc) from None
        except paramiko.SSHException as exc:
            if "Illegal info request" in str(exc) and answers.password_offered:
                answers.expired = "The host asks for a new password."
            elif not (answers.expired or answers.asked_more or answers.refused):
                raise _dropped("login", exc) from None
            raise answers.failure() from None
        self._ssh.set_keepalive(KEEPALIVE_SECONDS)
        self._stopwatch.done("login")

    def start(self, command: str) -> None:
        """Run the command; what it prints is sent from threads. Raises PollFailure."""
        try:
            channel = self._ssh.open_session()
            channel.exec_command(command)
        except (paramiko.SSHException, EOFError, OSError) as exc:
            if self._ssh.is_active():
                text = str(exc) if isinstance(exc, paramiko.ChannelException) else "No command."
                raise PollFailure(CODES["CHANNEL_REFUSED"], text, stage="channel") from None
            raise _dropped("channel", exc) from None
        self._channel = channel
        threading.Thread(target=self._pump, args=(channel,), daemon=True).start()

    def write(self, data: bytes) -> None:
        if self._channel is not None:
            try:
                self._channel.sendall(data)
            except OSError:
                return  # its end is told by the pump

    def end_input(self) -> None:
        if self._channel is not None:
            self._channel.shutdown_write()

    def _pump(self, channel: paramiko.Channel) -> None:
        errors = threading.Thread(
            target=_copy, args=(channel.recv_stderr, frames.ERRORS), daemon=True
        )
        errors.start()
        _copy(channel.recv, frames.OUTPUT)
        errors.join()
        status = channel.recv_exit_status()
        if not self._ssh.is_active():
            send(frames.LOST)
        channel.close()
        send(frames.ENDED, str(status).encode() if status >= 0 else b"")

    def _offer(self, login: Login, answers: Answers) -> bool:
        """Whether the host let us in."""
        allowed = self._allowed(login)
        if allowed is None:
            return True
        if login.private_key and "publickey" in allowed:
            rest = self._offer_key(login, answers)
            if rest is not None:
                if not rest:
                    return True
                allowed = rest
                if not login.password and "publickey" not in allowed:
                    answers.more_is_asked()
        if login.password and "password" in allowed:
            return self._offer_password(login, answers)
        if "keyboard-interactive" in allowed:
            return self._answer_questions(login, answers)
        return False

    def _allowed(self, login: Login) -> list[str] | None:
        """What the host offers this user; None if it lets anyone in."""
        ssh: Any = self._ssh
        try:
            ssh.ensure_session()
            # Its own auth_none fails on this kind of transport: it has nothing to add.
            ssh.auth_handler.send_auth_request(login.username, "none", lambda message: None)
        except paramiko.BadAuthenticationType as exc:
            return list(exc.allowed_types)
        return None

    def _offer_key(self, login: Login, answers: Answers) -> list[str] | None:
        """What the host wants besides; None if it refused the key."""
        answers.key_offered = True
        try:
            return list(self._ssh.auth_publickey(login.username, _read_key(login)))
        except paramiko.AuthenticationException:
            answers.refused.append("key")
            return None

    def _offer_password(self, login: Login, answers: Answers) -> bool:
        answers.password_offered = True
        try:
            rest = self._ssh.auth_password(login.username, login.password, fallback=False)
        except paramiko.AuthenticationException:
            answers.refused.append("password")
            return False
        if rest:
            answers.more_is_asked()
        return not rest

    def _answer_questions(self, login: Login, answers: Answers) -> bool:
        if not login.password:
            if not answers.refused:
                answers.more_is_asked()
            return False

        def handler(title: str, text: str, prompts: list[tuple[str, bool]]) -> list[str]:
            answer = answers.answer(prompts)
            if answer is None:
                raise paramiko.SSHException("a question without an answer")
            return answer

        try:
            return not self._ssh.auth_interactive(login.username, handler)
        except paramiko.AuthenticationException:
            if not answers.asked_more and answers.expired is None:
                answers.refused.append("password")
            return False

    def _early_failure(self, exc: BaseException) -> PollFailure:
        verdict = self._greeting.verdict
        if verdict is Verdict.SSH:
            if isinstance(exc, EOFError | OSError):
                return _dropped("host_key", exc)
            detail = type(exc).__name__
            return PollFailure(CODES["KEX_FAIL"], detail, stage="host_key")
        if verdict is Verdict.BUSY or not self._greeting.heard:
            return _dropped("version", exc)
        return PollFailure(CODES["NOT_SSH"], stage="version")


def _dropped(stage: str, exc: BaseException) -> PollFailure:
    return PollFailure(CODES["DROPPED_BEFORE_AUTH"], type(exc).__name__, stage=stage)


def _copy(read: Any, kind: bytes) -> None:
    while data := read(CHUNK):
        send(kind, data)


def _read_key(login: Login) -> paramiko.PKey:
    for kind in _KEYS:
        try:
            key = kind.from_private_key(io.StringIO(login.private_key))
            if login.certificate:
                key.load_certificate(login.certificate)
            return key
        except (paramiko.SSHException, ValueError):
            continue
    detail = "This transport cannot use keys of this type."
    raise PollFailure(CODES["AUTH_FAILED"], detail, stage="login")


def _commands() -> Iterator[tuple[bytes, bytes]]:
    reader = frames.Frames()
    while data := os.read(0, CHUNK):
        yield from reader.feed(data)


def _fail(failure: PollFailure) -> None:
    state = failure.state.value if failure.state else ""
    body = [failure.code.name, failure.detail, failure.stage, state]
    send(frames.FAILED, json.dumps(body).encode())


def _connect(body: bytes, sock: socket.socket) -> Connection:
    asked = json.loads(body)
    login = Login(**asked["login"]) if asked["login"] else None
    keys = tuple(asked["host_keys"])
    target = Target(0, "", "", "", 0, None, keys, asked["accept_first_key"])
    connection = Connection(sock, target)
    shown = connection.exchange_keys()
    if login is not None:
        refused = refusal(target, shown)
        if refused is not None:
            raise refused
        connection.log_in(login)
    return connection


def limit_memory(headroom: int) -> None:
    """No more address space than is used now and this."""
    with open("/proc/self/statm", encoding="ascii") as file:
        pages = int(file.read().split()[0])
    size = pages * resource.getpagesize() + headroom
    resource.setrlimit(resource.RLIMIT_AS, (size, size))


def main() -> None:
    limit_memory(HEADROOM_BYTES)
    sock = socket.socket(fileno=int(sys.argv[1]))
    connection: Connection | None = None
    for kind, body in _commands():
        try:
            if kind == frames.CONNECT:
                connection = _connect(body, sock)
                send(frames.DONE)
            elif connection is None:
                break
            elif kind == frames.START:
                connection.start(body.decode())
                send(frames.DONE)
            elif kind == frames.INPUT:
                connection.write(body)
            elif kind == frames.INPUT_END:
                connection.end_input()
        except PollFailure as failure:
            _fail(failure)
    os._exit(0)  # threads of paramiko may wait for a host that says nothing


if __name__ == "__main__":
    main()
