"""What the charts of a host draw."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Any

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404
from django.utils.cache import patch_vary_headers
from django.views.decorators.http import require_safe

from dashboards import charts, hostpage, ranges
from dashboards.live import conditional, tag_of
from fleet.models import Event, Host
from metrics import queries

POINTS = 480
MARKS = 40


@login_required
@require_safe
def host_series(request: HttpRequest, host_id: int) -> HttpResponse:
    """Every chart of one range from one scan; 304 as long as nothing new was measured."""
    host = get_object_or_404(Host.objects.present().select_related("state_row"), pk=host_id)
    state = getattr(host, "state_row", None)
    polled = state.polled_at if state else 0
    tag = tag_of(request, polled, state.state if state else "")
    span = ranges.seconds(ranges.chosen(request.GET.get("range")))
    response = conditional(request, tag, lambda: JsonResponse(series_of(host, polled, span)))
    patch_vary_headers(response, ["Cookie"])
    return response


def series_of(host: Host, polled: int, span: int) -> dict[str, Any]:
    end = max(int(time.time()), polled + 1)
    start = ranges.start_of(end, span, host.created_at.timestamp())
    window = queries.window(
        host.pk, charts.METRICS, start, end, interval=host.interval_seconds, points=POINTS
    )
    return {
        "from": start,
        "to": end,
        "step": window.step,
        "times": window.times,
        "charts": charts.drawn(window),
        "gaps": [[gap.began_at, gap.ended_at] for gap in queries.gaps(start, end)],
        "spans": hostpage.spans(host, start, end),
        "marks": [
            [int(event.at.timestamp()), event.get_kind_display()]
            for event in Event.objects.filter(host=host, at__gte=as_time(start)).exclude(
                kind=Event.Kind.STATE
            )[:MARKS]
        ],
    }


def as_time(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
