"""Every metric there is: its name, unit, kind and meaning.

Pure. A raw name is what the probe sends; a metric is what is stored and shown. A gauge is
both; a counter is raw only, and its rate is the metric.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kind = Literal["gauge", "counter", "rate", "derived"]
Unit = Literal["percent", "bytes", "bytes/s", "seconds", "per second", "count", "ratio", ""]


@dataclass(frozen=True, slots=True)
class Entry:
    """One name of the catalogue.

    `labels` are the label names it carries. A counter's `rate` names the metric made of it.
    """

    name: str
    unit: Unit
    kind: Kind
    help: str
    labels: tuple[str, ...] = ()
    rate: str = ""


CATALOG: dict[str, Entry] = {}
