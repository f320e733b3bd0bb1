"""docs/metrics.md says what the catalogue says."""

from __future__ import annotations

from pathlib import Path

import pytest

from metrics.catalog import CATALOG
from metrics.document import document

PAGE = Path(__file__).parents[2] / "docs" / "metrics.md"


def test_the_page_is_current():
    assert PAGE.read_text() == document(), "run: python -m metrics.document > docs/metrics.md"


@pytest.mark.parametrize("name", CATALOG)
def test_every_name_says_where_it_comes_from(name):
    entry = CATALOG[name]
    assert entry.source
    assert entry.privilege
    assert entry.cadence in ("poll", "minute", "hour")
