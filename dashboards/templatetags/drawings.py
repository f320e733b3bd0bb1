"""Shapes, meters and sparklines for templates."""

from __future__ import annotations

from typing import Any

from django import template

from dashboards import drawing
from dashboards.states import LOOKS, Look

register = template.Library()


@register.inclusion_tag("parts/shape.html")
def shape(name: str) -> dict[str, Any]:
    return {"name": name}


@register.inclusion_tag("parts/state.html")
def state(look: Look | str, text: str = "") -> dict[str, Any]:
    """Colour, shape and word."""
    if isinstance(look, str):
        look = LOOKS.get(look, LOOKS["unknown"])
    return {"look": look, "text": text or look.word}


@register.inclusion_tag("parts/meter.html")
def meter(value: float | None, severity: str = "") -> dict[str, Any]:
    return {"width": drawing.meter_width(value), "severity": severity}


@register.inclusion_tag("parts/spark.html")
def spark(values: bytes, severity: str = "") -> dict[str, Any]:
    return {"spark": drawing.spark(values), "severity": severity}


@register.filter
def get(mapping: dict[str, Any], key: str) -> Any:
    return mapping.get(key, "")
