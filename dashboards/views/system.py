"""The system page: is it me or them?"""

from __future__ import annotations

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from dashboards.live import live_page
from dashboards.monitor import monitor
from pollers.models import Scheduler


@login_required
@require_safe
def system(request: HttpRequest) -> HttpResponse:
    return live_page(request, "system.html", fingerprint, lambda: {"monitor": monitor()})


def fingerprint() -> str:
    """The page moves with every tick of the schedule."""
    return str(Scheduler.objects.values_list("ticked_at", flat=True).first())
