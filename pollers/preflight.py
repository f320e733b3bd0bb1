"""Trying a host before it is saved: stage by stage, with at most two connections."""

from __future__ import annotations


def run_preflight(draft_id: str) -> None:
    raise NotImplementedError
