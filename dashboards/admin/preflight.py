"""Testing a connection from the add form: start, look, accept the key."""

from __future__ import annotations

from uuid import UUID

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, JsonResponse
from django.urls import reverse
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_GET, require_POST

from dashboards.admin import drafts
from dashboards.admin.host_form import AddHostForm
from pollers.drafts import live_draft
from pollers.inventory import InventoryError
from pollers.models import Draft
from pollers.tasks import preflight

NEEDED = (
    "address",
    "port",
    "via",
    "credential",
    "username",
    "password",
    "private_key",
    "passphrase",
    "first_key",
    "__all__",
)


def allowed(request: HttpRequest) -> None:
    if not request.user.has_perm("fleet.add_host"):
        raise PermissionDenied


@sensitive_post_parameters()
@require_POST
def start(request: HttpRequest) -> JsonResponse:
    """Check what was typed, seal it, and let a worker try it."""
    allowed(request)
    form = AddHostForm(request.POST)
    problems = {name: list(texts) for name, texts in form.errors.items() if name in NEEDED}
    if problems:
        return JsonResponse({"problems": problems}, status=400)
    if drafts.too_many(request.user):
        text = f"That was {drafts.PER_MINUTE} tests within a minute. Wait a moment."
        return JsonResponse({"problems": {"__all__": [text]}}, status=429)
    try:
        draft = drafts.make(request.user, form.cleaned_data)
    except InventoryError as problem:
        return JsonResponse({"problems": {"__all__": [str(problem)]}}, status=400)
    preflight.delay(str(draft.pk))
    return JsonResponse(
        {"id": str(draft.pk), "url": reverse("admin:fleet_host_test_state", args=[draft.pk])},
        status=201,
    )


def own_or_404(request: HttpRequest, draft_id: UUID) -> Draft:
    allowed(request)
    draft = live_draft(str(draft_id), request.user)
    if draft is None:
        raise Http404
    return draft


@require_GET
def state(request: HttpRequest, draft_id: UUID) -> JsonResponse:
    answer = JsonResponse(drafts.answer(own_or_404(request, draft_id)))
    answer["Cache-Control"] = "no-store"
    return answer


@require_POST
def accept(request: HttpRequest, draft_id: UUID) -> JsonResponse:
    """Accept the fingerprint the person saw; then the second, last connection logs in."""
    draft = own_or_404(request, draft_id)
    if not drafts.accept(draft, request.POST.get("fingerprint", "")):
        return JsonResponse(
            {"problems": {"__all__": ["This key cannot be accepted any more. Test again."]}},
            status=409,
        )
    preflight.delay(str(draft.pk))
    draft.refresh_from_db()
    return JsonResponse(drafts.answer(draft))
