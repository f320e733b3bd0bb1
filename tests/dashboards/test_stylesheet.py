"""The tokens of the stylesheet can be read by everybody, in both themes."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

CSS = (Path(__file__).parents[2] / "static" / "rollcall.css").read_text()
TOKEN = re.compile(r"--([\w-]+):\s*light-dark\((#[0-9a-f]{6}),\s*(#[0-9a-f]{6})\)")
TOKENS = {
    name: (light, dark) for name, light, dark in TOKEN.findall(CSS.partition(":root[data-theme")[0])
}
STATES = ("up", "warning", "critical", "down", "blocked", "unknown", "maint", "quiet")
THEMES = {"light": 0, "dark": 1}


def luminance(colour: str) -> float:
    parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [
        part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    ]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def test_the_tokens_were_found() -> None:
    assert len(TOKENS) >= 50


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("ground", ["paper", "sunk", "raised"])
@pytest.mark.parametrize(
    "ink", ["ink", "ink-2", "ink-3", "accent", *(f"{state}-ink" for state in STATES)]
)
def test_text_can_be_read(ink: str, ground: str, theme: str) -> None:
    place = THEMES[theme]
    assert contrast(TOKENS[ink][place], TOKENS[ground][place]) >= 4.5


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("state", STATES)
def test_a_state_can_be_read_on_its_own_tint(state: str, theme: str) -> None:
    place = THEMES[theme]
    assert contrast(TOKENS[f"{state}-ink"][place], TOKENS[f"{state}-tint"][place]) >= 4.5


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize(
    "line",
    [
        "edge",
        "v1",
        "v2",
        "v3",
        "v4",
        "v5",
        *(f"{state}-fill" for state in STATES if state != "quiet"),
    ],
)
def test_shapes_and_lines_can_be_seen(line: str, theme: str) -> None:
    place = THEMES[theme]
    assert contrast(TOKENS[line][place], TOKENS["paper"][place]) >= 3


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("state", ["critical", "down", "blocked"])
def test_a_shape_can_be_seen_on_its_solid_cell(state: str, theme: str) -> None:
    place = THEMES[theme]
    assert contrast(TOKENS["on-fill"][place], TOKENS[f"{state}-fill"][place]) >= 3


@pytest.mark.parametrize("theme", THEMES)
def test_the_word_on_a_main_button_can_be_read(theme: str) -> None:
    assert contrast("#ffffff", TOKENS["accent-fill"][THEMES[theme]]) >= 4.5
