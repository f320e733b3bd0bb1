"""The documentation says what the code does: settings, failures, commands, addresses."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

from fleet.document import document
from fleet.failures import BY_NUMBER, CODES

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"


def tracked(*patterns: str) -> list[Path]:
    done = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard", *patterns],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return [ROOT / line for line in done.stdout.splitlines() if (ROOT / line).exists()]


def test_every_setting_is_documented_and_every_documented_one_exists():
    source = (ROOT / "config" / "settings.py").read_text()
    read = set(
        re.findall(
            r'env\.(?:text|integer|boolean|words|secret|networks|time_zone)\("([A-Z_]+)"', source
        )
    ) | {"DATA_DIR"}
    read |= {f"{name}_FILE" for name in re.findall(r'env\.secret\("([A-Z_]+)"', source)}
    table = "\n".join(
        line.split("|")[1]
        for line in (DOCS / "settings.md").read_text().splitlines()
        if line.startswith("| `")
    )
    assert set(re.findall(r"`([A-Z_]+)`", table)) == read


def test_the_table_of_failures_is_current():
    assert (DOCS / "failures.md").read_text() == document()


def test_every_failure_has_its_own_number_a_sentence_and_a_next_step():
    assert len(BY_NUMBER) == len(CODES)
    for code in CODES.values():
        assert code.number > 0
        assert code.text.endswith(".")
        assert code.next_step.endswith(".")


def test_the_readme_names_only_targets_that_exist():
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    for path in tracked("*.md"):
        assert set(re.findall(r"`make ([a-z]+)`", path.read_text())) <= targets, path.name


def test_links_between_documents_lead_somewhere():
    for path in tracked("*.md"):
        for target in re.findall(r"\]\(([^)#:]+)\)", path.read_text()):
            assert (path.parent / target).exists(), f"{path.name} links to {target}"


def test_nothing_marks_text_as_safe():
    """Auto-escaping is what keeps a host's words from running."""
    found = [
        str(path.relative_to(ROOT))
        for path in tracked("*.py", "*.html")
        if not path.is_relative_to(ROOT / "tests")
        and re.search(
            r"mark_safe|\|\s*safe\b|autoescape off|SafeString\(|format_html_join\(\s*mark",
            path.read_text(),
        )
    ]
    assert found == []


def test_no_inline_script_or_style_in_templates():
    for path in tracked("templates/*.html"):
        text = path.read_text()
        assert not re.search(
            r"<style|\sstyle=|\son(click|load|error|change|submit|input|focus|key[a-z]+|mouse[a-z]+)=|<script(?![^>]*\bsrc=)(?![^>]*type=\"application/json\")",
            text,
        ), path.name
