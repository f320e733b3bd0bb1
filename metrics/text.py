"""A host's words made safe to store and to show, still escaped on every page."""

from __future__ import annotations

MAX_TEXT = 400


def clean(text: str, limit: int = MAX_TEXT) -> str:
    """A host's text: what cannot be printed escaped, cut with an ellipsis."""
    if not text.isprintable():
        text = "".join(c if c.isprintable() else _escape(c) for c in text[: limit + 1])
    return text if len(text) <= limit else text[: limit - 1] + "…"


def _escape(character: str) -> str:
    number = ord(character)
    if number < 0x100:
        return f"\\x{number:02x}"
    return f"\\u{number:04x}" if number < 0x10000 else f"\\U{number:08x}"
