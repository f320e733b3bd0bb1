"""The page of one host: why, and what do I do? And what can be done with it there."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required, permission_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.views.decorators.http import require_POST, require_safe

from dashboards import hostpage, ranges
from dashboards.live import live_page
from fleet.models import Host
from pollers import inventory
from pollers.schedule import poll_now


def present_host(host_id: int) -> Host:
    hosts = (
        Host.objects.present().select_related("state_row", "credential").prefetch_related("tags")
    )
    return get_object_or_404(hosts, pk=host_id)


@login_required
@require_safe
def host(request: HttpRequest, host_id: int) -> HttpResponse:
    one = present_host(host_id)
    return live_page(
        request, "host.html", lambda: hostpage.fingerprint(one), lambda: context_of(request, one)
    )


def context_of(request: HttpRequest, one: Host) -> dict[str, Any]:
    chosen = ranges.chosen(request.GET.get("range"))
    return {
        "host": one,
        "page": hostpage.read(one),
        "range": chosen,
        "ranges": [(name, word) for name, (_, word) in ranges.RANGES.items()],
        "ribbon": hostpage.ribbon(one, chosen),
        "processes": hostpage.processes(one),
        "events": hostpage.events(one),
    }


@login_required
@permission_required("fleet.change_host", raise_exception=True)
@require_POST
def poll(request: HttpRequest, host_id: int) -> HttpResponse:
    one = present_host(host_id)
    poll_now([one.pk])
    messages.success(request, f"Looking at {one.name} now.")
    return redirect("host", one.pk)


@login_required
@permission_required("fleet.change_host", raise_exception=True)
@require_POST
def pause(request: HttpRequest, host_id: int) -> HttpResponse:
    one = present_host(host_id)
    inventory.pause([one.pk])
    return redirect("host", one.pk)


@login_required
@permission_required("fleet.change_host", raise_exception=True)
@require_POST
def resume(request: HttpRequest, host_id: int) -> HttpResponse:
    one = present_host(host_id)
    inventory.resume([one.pk])
    return redirect("host", one.pk)


@login_required
@permission_required("fleet.change_host", raise_exception=True)
@require_POST
def accept_key(request: HttpRequest, host_id: int, key_id: int) -> HttpResponse:
    """Accept one offered key: the one whose fingerprint the person has seen, not whichever is newest."""
    one = present_host(host_id)
    key = get_object_or_404(one.host_keys.filter(accepted_at=None), pk=key_id)
    inventory.accept_key(key, by=request.user.get_username())
    messages.success(request, f"The key of {one.name} is accepted; it is looked at now.")
    return redirect("host", one.pk)
