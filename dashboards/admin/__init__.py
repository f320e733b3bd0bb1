"""The admin: a file per model, a line here."""

from dashboards.admin import (
    alert,
    authority,
    channel,
    credential,
    event,
    host,
    policy,
    retention,
    rule,
    site,
    tag,
    user,
)

__all__ = [
    "alert",
    "authority",
    "channel",
    "credential",
    "event",
    "host",
    "policy",
    "retention",
    "rule",
    "site",
    "tag",
    "user",
]
