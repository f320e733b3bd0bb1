"""Writes docs/failures.md from the vocabulary: `python -m fleet.document > docs/failures.md`."""

from __future__ import annotations

import sys

from fleet.failures import CODES

HEAD = """# Failures

Every failure has a stable code, one sentence, and what to do next. This table is generated from `fleet/failures.py`.

*State* is the state the host takes: **down** and **unknown** after three failures in a row, **blocked** at once.
A timeout or a silent probe of a host that was measured before counts as down.

| code | state | what it means | what to do next |
|---|---|---|---|
"""


def document() -> str:
    rows = [
        f"| `{code.name}` | {code.state or 'unchanged'} | {code.text} | {code.next_step} |"
        for code in CODES.values()
    ]
    return HEAD + "\n".join(rows) + "\n"


if __name__ == "__main__":
    sys.stdout.write(document())
