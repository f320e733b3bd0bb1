"""The fleet page: is anything wrong?"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from urllib.parse import urlencode

from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from dashboards import causes, roll
from dashboards.filters import Filter, parse
from dashboards.live import live_page
from dashboards.sentences import fleet_sentence
from dashboards.states import TROUBLE

PER_PAGE = 100
VIEWS = ("map", "table")
GROUPS = ("none", "tag", "state")
COLUMNS = (
    ("name", "Host", ""), ("state", "State", ""), ("", "Why, or tags", ""), ("cpu", "CPU, last hour", ""),
    ("memory", "Memory", ""), ("filesystem", "Fullest file system", ""), ("load", "Load", "num c-load"),
    ("network", "Network", "num c-net"), ("age", "Seen", "num"),
)  # fmt: skip


def one_of(known: Sequence[str], wanted: str | None) -> str:
    """What was asked for, if there is such a thing; else the usual, which stands first."""
    return wanted if wanted in known and wanted else known[0]


class Asked:
    """What the address asks for. Every view of the page is such an address."""

    def __init__(self, request: HttpRequest) -> None:
        get = request.GET.get
        self.view = one_of(VIEWS, get("view"))
        self.group = one_of(GROUPS, get("group"))
        sort = get("sort") or "state"
        self.sort = sort if sort.removeprefix("-") in roll.SORTS else "state"
        self.filter: Filter = parse(get("q") or "")
        self.page = get("page") or "1"

    def link(self, **changes: str) -> str:
        """The address of this view with something changed; the usual is left out."""
        usual = {"q": "", "view": "map", "group": "none", "sort": "state"}
        asked = {
            "q": self.filter.text,
            "view": self.view,
            "group": self.group,
            "sort": self.sort,
        } | changes
        query = urlencode(
            {name: value for name, value in asked.items() if value != usual.get(name)}
        )
        return f"?{query}" if query else "?"


@login_required
@require_safe
def fleet(request: HttpRequest) -> HttpResponse:
    return live_page(request, "fleet.html", roll.fingerprint, lambda: fleet_context(request))


def fleet_context(request: HttpRequest) -> dict[str, Any]:
    asked = Asked(request)
    rows = roll.call_roll()
    tally = roll.tally(rows)
    parts, rest = fleet_sentence(tally)
    hits = [row for row in rows if asked.filter.matches(row)]
    return {
        "asked": asked,
        "total": len(rows),
        "parts": parts,
        "rest": rest,
        "tally": [(look, number, asked.link(q=asked.filter.toggled(f"state:{look.key}")),
                   f"state:{look.key}" in asked.filter.words) for look, number in tally],
        "causes": causes.strip(rows),
        "hits": len(hits),
        "groups": map_groups(rows, asked, hits) if asked.view == "map" else [],
        "map_link": asked.link(view="map"),
        "table_link": asked.link(view="table"),
        "clear_link": asked.link(q=""),
        **table(hits, asked),
    }  # fmt: skip


def map_groups(
    rows: Sequence[roll.Row], asked: Asked, hits: Sequence[roll.Row]
) -> list[dict[str, Any]]:
    """The map keeps its shape: what does not match is a ghost, not gone."""
    matching = {row.id for row in hits}
    return [
        {
            "name": name,
            "link": asked.link(q=f"tag:{name}")
            if asked.group == "tag" and name != "no tag"
            else "",
            "rows": [(row, row.id in matching) for row in members],
            "number": len(members),
            "width": width_class(len(members)),
            "bad": [(look, number) for look, number in roll.tally(members) if look.key in TROUBLE],
        }
        for name, members in roll.groups(rows, asked.group)
    ]


def width_class(number: int) -> str:
    """Groups are about as wide as they have hosts, in steps, because a strict policy has no inline style."""
    return "n" + str(
        next((step for step in (4, 8, 12, 18, 27, 40, 60, 90, 140, 220) if number <= step), 340)
    )


def table(hits: Sequence[roll.Row], asked: Asked) -> dict[str, Any]:
    """Below the map only those who need a person; in the table view, and with a filter, all."""
    whole = asked.view == "table" or bool(asked.filter)
    listed = [row for row in hits if whole or row.shown in TROUBLE]
    paginator = Paginator(roll.ordered(listed, asked.sort), PER_PAGE)
    page = paginator.get_page(asked.page)
    title = "Matching hosts" if asked.filter else "All hosts" if whole else "Needs a person"
    return {
        "title": title,
        "listed": len(listed),
        "page": page,
        "previous": asked.link(page=str(page.previous_page_number()))
        if page.has_previous()
        else "",
        "next": asked.link(page=str(page.next_page_number())) if page.has_next() else "",
        "columns": [column(asked, *one) for one in COLUMNS],
    }


def column(asked: Asked, key: str, word: str, css: str) -> dict[str, str]:
    """A column head: a link that sorts by it, the other way round when it already does."""
    current = asked.sort.removeprefix("-") == key
    first = key if key in ("name", "state", "age") else f"-{key}"
    other = key if asked.sort.startswith("-") else f"-{key}"
    down = asked.sort.startswith("-") != (key == "state")
    return {
        "word": word,
        "css": css,
        "link": "" if not key else asked.link(sort=other if current else first),
        "aria": ("descending" if down else "ascending") if current else "",
        "arrow": ("↓" if down else "↑") if current else "",
    }
