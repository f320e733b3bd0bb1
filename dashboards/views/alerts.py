"""The alerts page: what needs me now?"""

from __future__ import annotations

from typing import Any

from django.contrib.auth.decorators import login_required, permission_required
from django.core.paginator import Paginator
from django.db.models import Count, Max, Min, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_POST, require_safe

from alerts.models import Alert
from dashboards.alertlist import shown
from dashboards.live import live_page
from dashboards.roll import urgency
from dashboards.states import TROUBLE, alert_look

PER_PAGE = 50


def present_alerts() -> QuerySet[Alert]:
    return Alert.objects.filter(host__removed_at=None)


@login_required
@require_safe
def alerts(request: HttpRequest) -> HttpResponse:
    return live_page(request, "alerts.html", fingerprint, lambda: context_of(request))


def fingerprint() -> str:
    state = present_alerts().aggregate(
        Count("pk"),
        Min("opened_at"),
        Max("opened_at"),
        Max("fired_at"),
        Max("acknowledged_at"),
        Max("resolved_at"),
    )
    values = (
        present_alerts()
        .filter(state=Alert.State.FIRING)
        .values_list("severity", "value")
        .order_by("pk")
    )
    return f"{sorted(state.items())}{hash(tuple(values))}"


def context_of(request: HttpRequest) -> dict[str, Any]:
    unresolved = list(
        present_alerts().exclude(state=Alert.State.RESOLVED).select_related("rule", "host")
    )
    firing = sorted((one for one in unresolved if one.state == Alert.State.FIRING), key=most_urgent)
    history = (
        present_alerts()
        .filter(state=Alert.State.RESOLVED)
        .select_related("rule", "host")
        .order_by("-resolved_at", "pk")
    )
    page = Paginator(history, PER_PAGE).get_page(request.GET.get("page"))
    return {
        "free": [shown(one) for one in firing if not one.acknowledged_at],
        "taken": [shown(one) for one in firing if one.acknowledged_at],
        "pending": [shown(one) for one in unresolved if one.state == Alert.State.PENDING],
        "resolved": [shown(one) for one in page],
        "page": page,
        "hosts": len({one.host_id for one in firing}),
        "firing": len(firing),
    }


def most_urgent(alert: Alert) -> tuple[int, tuple[bool, bool, float]]:
    return TROUBLE.index(alert_look(alert.rule.metric, alert.severity).key), urgency(alert)


@login_required
@permission_required("alerts.change_alert", raise_exception=True)
@require_POST
def acknowledge(request: HttpRequest, alert_id: str) -> HttpResponse:
    """Say that somebody has it. The first to say so keeps it."""
    alert = get_object_or_404(present_alerts(), pk=alert_id)
    Alert.objects.filter(pk=alert.pk, acknowledged_at=None).exclude(
        state=Alert.State.RESOLVED
    ).update(acknowledged_at=timezone.now(), acknowledged_by=request.user.get_username()[:150])
    back = request.POST.get("next", "")
    safe = url_has_allowed_host_and_scheme(
        back, allowed_hosts={request.get_host()}, require_https=request.is_secure()
    )
    return redirect(back if safe else "alerts")
