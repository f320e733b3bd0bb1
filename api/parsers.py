"""JSON as it is meant: what another reader could understand otherwise is refused, with a sentence."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import IO, Any

from rest_framework.exceptions import ParseError
from rest_framework.parsers import JSONParser

MAX_BYTES = 1 << 20
MAX_DEPTH = 16
MAX_INTEGER = 2**63 - 1


class StrictJSONParser(JSONParser):
    """No duplicate names, no NaN or Infinity, nothing that a database cannot hold."""

    def parse(
        self,
        stream: IO[Any],
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> Any:
        body = stream.read(MAX_BYTES + 1)
        if len(body) > MAX_BYTES:
            raise ParseError(f"The body is longer than {MAX_BYTES} bytes.")
        try:
            document = json.loads(
                body.decode("utf-8"),
                object_pairs_hook=without_duplicates,
                parse_constant=no_constant,
                parse_float=finite,
            )
            check(document)
        except RecursionError:
            raise ParseError("The body is nested too deeply.") from None
        except json.JSONDecodeError as problem:
            raise ParseError(f"The body is not JSON: {problem}.") from None
        except UnicodeDecodeError:
            raise ParseError("The body is not JSON in UTF-8.") from None
        except ValueError as problem:
            raise ParseError(str(problem)) from None
        return document


def without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("A name comes twice in one object.")
    return found


def no_constant(name: str) -> None:
    raise ValueError(f"{name} is not a number in JSON.")


def finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError("A number is too large.")
    return number


def check(document: Any) -> None:
    """Depth, whole numbers and texts; without recursion of its own. ValueError with a sentence."""
    left: list[tuple[Any, int]] = [(document, 0)]
    while left:
        part, depth = left.pop()
        if depth > MAX_DEPTH:
            raise ValueError("The body is nested too deeply.")
        match part:
            case dict():
                left += [(one, depth + 1) for pair in part.items() for one in pair]
            case list():
                left += [(one, depth + 1) for one in part]
            case str():
                check_text(part)
            case int() if abs(part) > MAX_INTEGER:
                raise ValueError("A whole number is too large.")


def check_text(text: str) -> None:
    if "\x00" in text:
        raise ValueError("A text holds a NUL character.")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ValueError("A text holds half a character (a lone surrogate).") from None
