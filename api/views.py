"""What the views of all resources share."""

from __future__ import annotations

from typing import Any

from rest_framework import viewsets
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request


class CleanQuery:
    """Query parameters that no database can look for are refused before any view sees them."""

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)  # type: ignore[misc]
        for name, values in request.query_params.lists():
            if any("\x00" in text for text in (name, *values)):
                raise ValidationError({"detail": "A query parameter holds a NUL character."})


class Resource(CleanQuery, viewsets.ModelViewSet[Any]):
    """Read, add, change with PATCH, remove."""

    http_method_names = ["get", "post", "patch", "delete", "head", "options"]


class ReadOnlyResource(CleanQuery, viewsets.ReadOnlyModelViewSet[Any]):
    """Read."""


def number_of(text: str) -> int | None:
    """The id in a query parameter; None when it can be none."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else None
