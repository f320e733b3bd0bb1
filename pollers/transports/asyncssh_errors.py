"""From what asyncssh raises to the codes of `fleet.failures`."""

from __future__ import annotations

import asyncssh

from fleet.failures import CODES, PollFailure
from pollers.transports.asyncssh_login import LoginClient
from pollers.transports.base import HostKeyRefused
from pollers.transports.greeting import Greeting, Verdict

# Hostile bytes reach the cryptography and the decoders of asyncssh, which answer ValueError.
CONNECT_ERRORS = (asyncssh.Error, OSError, ValueError)


def connect_failure(exc: Exception, greeting: Greeting, client: LoginClient | None) -> PollFailure:
    """Why a connection over an open socket did not come to a session.

    `client` is None when only the host key was asked for.
    """
    if greeting.verdict is not Verdict.SSH:
        return _before_version(greeting)
    if client is not None and client.host_key_refused is not None:
        return client.host_key_refused
    if client is not None and isinstance(exc, asyncssh.HostKeyNotVerifiable) and client.authority:
        # The authority is the right one, but the certificate is for another host or time.
        return HostKeyRefused("HOSTKEY_UNKNOWN", client.authority, f"{exc.reason}, signed by ")
    if client is None or (client.host_key is None and client.authority is None):
        return _in_key_exchange(exc)
    return _in_login(exc, client)


def _before_version(greeting: Greeting) -> PollFailure:
    if greeting.verdict is Verdict.BUSY:
        detail = "It serves no more connections for now."
        return PollFailure(CODES["DROPPED_BEFORE_AUTH"], detail, stage="version")
    if greeting.heard:
        return PollFailure(CODES["NOT_SSH"], stage="version")
    detail = "It closed the connection without a word."
    return PollFailure(CODES["DROPPED_BEFORE_AUTH"], detail, stage="version")


def _in_key_exchange(exc: Exception) -> PollFailure:
    if _dropped(exc):
        return PollFailure(CODES["DROPPED_BEFORE_AUTH"], _reason(exc), stage="host_key")
    return PollFailure(CODES["KEX_FAIL"], _reason(exc), stage="host_key")


def _in_login(exc: Exception, client: LoginClient) -> PollFailure:
    if isinstance(exc, (asyncssh.PermissionDenied, asyncssh.IllegalUserName)):
        return client.answers.failure()
    if isinstance(exc, asyncssh.DisconnectError) and "authentication failures" in exc.reason:
        return client.answers.failure()
    if _dropped(exc):
        detail = _reason(exc)
        if client.answers.key_offered or client.answers.password_offered:
            detail = f"after the credential was offered: {detail}"
        return PollFailure(CODES["DROPPED_BEFORE_AUTH"], detail, stage="login")
    return PollFailure(CODES["KEX_FAIL"], _reason(exc), stage="login")


def _dropped(exc: Exception) -> bool:
    """Whether the other side just left."""
    if isinstance(exc, asyncssh.ConnectionLost | OSError):
        return True
    code = exc.code if isinstance(exc, asyncssh.DisconnectError) else None
    return code in (
        asyncssh.DISC_HOST_NOT_ALLOWED_TO_CONNECT,
        asyncssh.DISC_SERVICE_NOT_AVAILABLE,
        asyncssh.DISC_BY_APPLICATION,
        asyncssh.DISC_TOO_MANY_CONNECTIONS,
    )


def _reason(exc: Exception) -> str:
    """What is safe to show: asyncssh's own words, or the type where the text may be anything."""
    if isinstance(exc, asyncssh.DisconnectError):
        return str(exc.reason)
    if isinstance(exc, OSError) and exc.strerror:
        return exc.strerror
    return type(exc).__name__
