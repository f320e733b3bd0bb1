"""The catalogue is complete and consistent."""

from __future__ import annotations

import re

import pytest

from metrics.catalog import CATALOG


@pytest.mark.parametrize("name", CATALOG)
def test_every_entry_is_named_and_explained(name):
    entry = CATALOG[name]
    assert entry.name == name
    assert re.fullmatch(r"[a-z][a-z0-9_]*", name)
    assert entry.help.endswith(".")


@pytest.mark.parametrize("name", [name for name, entry in CATALOG.items() if entry.rate])
def test_a_counters_rate_is_a_metric_with_the_same_labels(name):
    rate = CATALOG[CATALOG[name].rate]
    assert rate.kind == "rate"
    assert rate.labels == CATALOG[name].labels


@pytest.mark.parametrize("name", [name for name, entry in CATALOG.items() if entry.stored])
def test_the_unit_comes_last_in_a_metrics_name(name):
    endings = {
        "percent": "_percent",
        "bytes": "_bytes",
        "bytes/s": "_bytes_per_second",
        "per second": "_per_second",
        "seconds": "_seconds",
        "milliseconds": "_milliseconds",
    }
    assert name.endswith(endings.get(CATALOG[name].unit, ""))
