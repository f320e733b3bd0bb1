"""Addresses as people type them. Pure."""

from __future__ import annotations

import re
from ipaddress import ip_address

LABEL = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?", re.IGNORECASE)
USERNAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.@\\-]{0,62}\$?")


def clean_address(text: str) -> str:
    """An IPv4 or IPv6 address or a DNS name in its usual form; ValueError with a sentence if it is none.

    The allow-list is strict: nothing that a shell, a log line or a resolver could read as more than a name.
    """
    text = text.strip()
    literal = text[1:-1] if text.startswith("[") and text.endswith("]") else text
    if "%" in literal:  # a zone may hold anything at all
        raise ValueError("Link-local addresses with a zone are not supported yet.")
    try:
        return str(ip_address(literal))
    except ValueError:
        pass
    try:
        name = (
            text.rstrip(".").encode("idna").decode("ascii").lower()
            if not text.isascii()
            else text.rstrip(".").lower()
        )
    except UnicodeError:
        raise ValueError(f"{text!r} is neither an IP address nor a host name.") from None
    labels = name.split(".")
    if not name or len(name) > 253 or not all(LABEL.fullmatch(label) for label in labels):
        raise ValueError(f"{text!r} is neither an IP address nor a host name.")
    if labels[-1].isdigit():
        raise ValueError(f"{text!r} is not a complete IP address.")
    return name


def split_address(text: str) -> tuple[str, int | None]:
    """An address and the port typed behind it, if one is: "[::1]:2222", "web1:2222".

    What comes before the port is not judged here. ValueError if the port is none.
    """
    text = text.strip()
    found = re.fullmatch(r"(\[[^\]]*\]|[^:\[\]]*):([0-9]+)", text)
    if found is None:
        return text, None
    port = int(found[2]) if len(found[2]) <= 5 else 0
    if not 1 <= port <= 65535:
        raise ValueError(f"{found[2]} is not a port: it lies between 1 and 65535.")
    return found[1], port


def clean_username(text: str) -> str:
    """A login name; ValueError with a sentence if it could not be one."""
    text = text.strip()
    if not USERNAME.fullmatch(text):
        raise ValueError(f"{text!r} is not a user name.")
    return text


def clean_name(text: str) -> str:
    """A name of ours for a host: one printable line of up to 100 characters."""
    text = " ".join(text.split())
    if not text or len(text) > 100 or not text.isprintable():
        raise ValueError("A name is one printable line of up to 100 characters.")
    return text
