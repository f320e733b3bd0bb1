"""The admin: a file per model, a line here."""

from dashboards.admin import (
    alert,
    channel,
    credential,
    event,
    host,
    retention,
    rule,
    site,
    tag,
    user,
)

__all__ = [
    "alert",
    "channel",
    "credential",
    "event",
    "host",
    "retention",
    "rule",
    "site",
    "tag",
    "user",
]
