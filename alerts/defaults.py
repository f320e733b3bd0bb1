"""The rules a new installation begins with: few, and quiet."""

from __future__ import annotations

from typing import Any

DEFAULT_RULES: tuple[dict[str, Any], ...] = (
    {"name": "Host down", "metric": "host_down", "op": ">", "critical": 0.5},
    {"name": "Host blocked", "metric": "host_blocked", "op": ">", "critical": 0.5},
    {"name": "CPU busy", "metric": "cpu_percent", "op": ">", "warning": 90.0, "critical": 98.0, "for_seconds": 600},
    {"name": "Memory nearly full", "metric": "memory_percent", "op": ">", "warning": 90.0, "critical": 97.0, "for_seconds": 300, "clear": 87.0},
    {"name": "Swap nearly full", "metric": "swap_percent", "op": ">", "warning": 80.0, "critical": 95.0, "for_seconds": 600},
    {"name": "File system nearly full", "metric": "filesystem_percent", "op": ">", "warning": 85.0, "critical": 95.0, "for_seconds": 120, "clear": 83.0},
    {"name": "Inodes nearly used up", "metric": "filesystem_inodes_percent", "op": ">", "warning": 85.0, "critical": 95.0, "for_seconds": 120, "clear": 83.0},
)
