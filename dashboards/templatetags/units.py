"""Units and times for templates. Everything is escaped as usual: nothing here is marked safe."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Any

from django import template

from dashboards import units

register = template.Library()
register.filter("percent", units.percent)
register.filter("size", units.size)
register.filter("rate", units.rate)
register.filter("number", units.number)
register.filter("spent", units.spent)
register.filter("in_unit", units.in_unit)
register.filter("count", units.count)
register.filter("every", units.age)


def moment(value: datetime | float | None) -> datetime | None:
    """A time from what models hold: datetimes and Unix seconds (0: never)."""
    if isinstance(value, datetime):
        return value.astimezone(UTC)
    try:
        return datetime.fromtimestamp(value, UTC) if value else None
    except (OverflowError, OSError, ValueError, TypeError):
        return None


@register.inclusion_tag("parts/age.html")
def age(value: datetime | float | None, stale: bool = False) -> dict[str, Any]:
    """How long ago; the browser keeps it true."""
    when = moment(value)
    text = units.age(time.time() - when.timestamp()) if when else units.NOTHING
    return {"when": when, "text": text, "stale": stale}


@register.inclusion_tag("parts/clock.html")
def clock(value: datetime | float | None, form: str = "time") -> dict[str, Any]:
    """A time of day in the reader's zone; in UTC, and saying so, without JavaScript."""
    when = moment(value)
    if when is None:
        return {"when": None, "text": units.NOTHING}
    today = when.date() == datetime.now(UTC).date()
    text = f"{when:%H:%M}" if today and form == "time" else f"{when.day} {when:%b %H:%M}"
    return {"when": when, "text": f"{text}{units.GAP}UTC", "form": form}
