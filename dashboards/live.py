"""Pages that keep themselves true: the script asks for the page again and gets its moving parts, or a 304."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.cache import get_conditional_response, patch_vary_headers

HEADER = "X-Live"


def is_live(request: HttpRequest) -> bool:
    return bool(request.headers.get(HEADER))


def tag_of(request: HttpRequest, *parts: object) -> str:
    """An ETag of what a page shows: of its inputs, not of its text, whose ages always move."""
    who = getattr(request.user, "pk", None)
    words = "|".join(str(part) for part in (settings.VERSION, who, request.get_full_path(), *parts))
    return f'"{hashlib.sha256(words.encode()).hexdigest()[:32]}"'


def conditional(request: HttpRequest, tag: str, make: Callable[[], HttpResponse]) -> HttpResponse:
    """The response, or 304 if the reader has it already; then it is not even made."""
    response = get_conditional_response(request, etag=tag)
    if response is None:
        response = make()
        response["ETag"] = tag
    response["Cache-Control"] = "private, no-cache"
    return response


def live_page(
    request: HttpRequest,
    template: str,
    fingerprint: Callable[[], str],
    context: Callable[[], dict[str, Any]],
) -> HttpResponse:
    """A whole page, or for the script only what moves. A whole page has no ETag: it may carry a message."""

    def make() -> HttpResponse:
        layout = "live.html" if is_live(request) else "base.html"
        return render(request, template, {"layout": layout, **context()})

    response = (
        conditional(request, tag_of(request, fingerprint()), make) if is_live(request) else make()
    )
    patch_vary_headers(response, [HEADER, "Cookie"])
    return response
