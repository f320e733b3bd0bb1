"""Hosts: typed in, tried, paused, removed."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from django.contrib import admin, messages
from django.db.models import Exists, OuterRef, QuerySet
from django.forms import ModelForm
from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.admin import ModelAdmin

from alerts.models import Alert
from dashboards import units
from dashboards.admin import preflight
from dashboards.admin.host_form import AddHostForm, HostForm
from dashboards.states import LOOKS, shown_state
from fleet.models import Host, HostState, Tag
from pollers import inventory
from pollers.schedule import poll_now

LOGIN = ("username", "password", "private_key", "passphrase")
TAGS_OFFERED = 30


def state_of(host: Host) -> HostState:
    return getattr(host, "state_row", None) or HostState(host=host)


@admin.register(Host)
class HostAdmin(ModelAdmin):  # type: ignore[misc]
    list_display = (
        "state",
        "name_link",
        "address",
        "cpu",
        "memory",
        "fullest",
        "seen",
        "tag_names",
        "interval",
    )
    list_display_links = ("name_link",)
    list_filter = ("enabled", "tags", "state_row__state", "credential")
    list_select_related = ("state_row", "credential")
    list_before_template = "parts/sprite.html"
    change_form_after_template = "admin/fleet/host/test.html"
    search_fields = ("name", "address", "tags__name")
    ordering = ("name",)
    autocomplete_fields = ("tags",)
    actions = ("look_now", "pause", "resume")
    fieldsets = (
        (None, {"fields": ("address", "credential")}),
        ("A new credential", {"fields": LOGIN, "description": "Instead of choosing one above."}),
        ("More", {"fields": ("port", "via", "name", "tags", "interval_seconds", "enabled")}),
    )  # fmt: skip
    add_fieldsets = (
        (None, {"fields": ("address", "credential")}),
        ("A new credential", {"fields": LOGIN, "description": "Instead of choosing one above."}),
        ("More", {"fields": ("port", "via", "name", "tags", "interval_seconds", "first_key", "enabled", "draft")}),
    )  # fmt: skip

    class Media:
        css = {"all": ("admin.css",)}
        js = ("preflight.js",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Host]:
        firing = Alert.objects.filter(host=OuterRef("pk"), state=Alert.State.FIRING)
        hosts: QuerySet[Host] = super().get_queryset(request)
        return (
            hosts.filter(removed_at=None)
            .prefetch_related("tags")
            .annotate(
                critical=Exists(firing.filter(severity=Alert.Severity.CRITICAL)),
                warning=Exists(firing.filter(severity=Alert.Severity.WARNING)),
            )
        )

    def get_form(
        self, request: HttpRequest, obj: Host | None = None, change: bool = False, **kwargs: Any
    ) -> Any:
        return super().get_form(
            request, obj, change, form=HostForm if obj else AddHostForm, **kwargs
        )

    def get_fieldsets(self, request: HttpRequest, obj: Host | None = None) -> Any:
        return self.fieldsets if obj else self.add_fieldsets

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        return [
            path("test/", view(preflight.start), name="fleet_host_test"),
            path("test/<uuid:draft_id>/", view(preflight.state), name="fleet_host_test_state"),
            path(
                "test/<uuid:draft_id>/accept/",
                view(preflight.accept),
                name="fleet_host_test_accept",
            ),
            *super().get_urls(),
        ]

    # --- saving and removing go through the inventory -------------------------------------

    def save_model(self, request: HttpRequest, obj: Host, form: Any, change: bool) -> None:
        saved = form.change() if change else form.add(request.user)
        obj.__dict__.update(
            {
                name: value
                for name, value in saved.__dict__.items()
                if name != "_prefetched_objects_cache"
            }
        )

    def save_related(
        self, request: HttpRequest, form: ModelForm[Host], formsets: Any, change: bool
    ) -> None:
        """The inventory has saved the tags together with the host."""

    def response_add(
        self, request: HttpRequest, obj: Host, post_url_continue: str | None = None
    ) -> HttpResponse:
        """After adding one wants to see it answer: to its page, unless another one is to be added."""
        response = super().response_add(request, obj, post_url_continue)
        if not {"_addanother", "_continue", "_popup"} & set(request.POST):
            response["Location"] = reverse("host", args=[obj.pk])
        return response  # type: ignore[no-any-return]

    def delete_model(self, request: HttpRequest, obj: Host) -> None:
        self.remove(request, [obj.pk])

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Host]) -> None:
        self.remove(request, list(queryset.values_list("pk", flat=True)))

    def remove(self, request: HttpRequest, host_ids: list[int]) -> None:
        try:
            inventory.remove(host_ids)
        except inventory.InventoryError as problem:  # it was made a jump host just now
            messages.error(request, str(problem))

    def get_deleted_objects(
        self, objs: Any, request: HttpRequest
    ) -> tuple[list[str], dict[str, int], set[str], list[str]]:
        """Only the hosts: listing every related row would take seconds, and none is deleted here."""
        missing = set() if self.has_delete_permission(request) else {"host"}
        behind = Host.objects.present().filter(via__in=objs).exclude(pk__in=[o.pk for o in objs])
        held = [f"{one.name}, reached through it" for one in behind[:TAGS_OFFERED]]
        return [str(one) for one in objs], {"hosts": len(objs)}, missing, held

    # --- actions -----------------------------------------------------------------------------

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        actions: dict[str, Any] = super().get_actions(request)
        if self.has_change_permission(request):
            for tag in Tag.objects.all()[:TAGS_OFFERED]:
                name = f"add_tag_{tag.pk}"
                actions[name] = (adder(tag), name, f"Add tag {tag.name}")
        return actions

    @admin.action(description="Look now", permissions=["change"])
    def look_now(self, request: HttpRequest, queryset: QuerySet[Host]) -> None:
        ids = list(queryset.filter(enabled=True).values_list("pk", flat=True))
        poll_now(ids)
        messages.success(request, f"Looking at {units.count(len(ids), 'host')} now.")

    @admin.action(description="Pause", permissions=["change"])
    def pause(self, request: HttpRequest, queryset: QuerySet[Host]) -> None:
        number = inventory.pause(list(queryset.values_list("pk", flat=True)))
        messages.success(request, f"{units.count(number, 'host')} paused.")

    @admin.action(description="Resume", permissions=["change"])
    def resume(self, request: HttpRequest, queryset: QuerySet[Host]) -> None:
        number = inventory.resume(list(queryset.values_list("pk", flat=True)))
        messages.success(request, f"{units.count(number, 'host')} resumed.")

    # --- columns -------------------------------------------------------------------------------

    @admin.display(description="State", ordering="state_row__state")
    def state(self, host: Any) -> SafeString:
        severity = "critical" if host.critical else "warning" if host.warning else None
        look = LOOKS[shown_state(host.enabled, state_of(host).state, severity)]
        return render_to_string("parts/state.html", {"look": look, "text": look.word})

    @admin.display(description="Name", ordering="name")
    def name_link(self, host: Host) -> str:
        return host.name

    @admin.display(description="CPU", ordering="state_row__cpu_percent")
    def cpu(self, host: Host) -> str:
        return units.percent(state_of(host).cpu_percent)

    @admin.display(description="Memory", ordering="state_row__memory_percent")
    def memory(self, host: Host) -> str:
        return units.percent(state_of(host).memory_percent)

    @admin.display(description="Fullest", ordering="state_row__filesystem_percent")
    def fullest(self, host: Host) -> str:
        row = state_of(host)
        return f"{units.percent(row.filesystem_percent)} {row.filesystem_mount}"

    @admin.display(description="Seen", ordering="state_row__seen_at")
    def seen(self, host: Host) -> SafeString | str:
        at = state_of(host).seen_at
        if not at:
            return units.NOTHING
        return format_html(
            '<a href="{}">{}</a>', reverse("host", args=[host.pk]), units.age(time.time() - at)
        )

    @admin.display(description="Tags")
    def tag_names(self, host: Host) -> str:
        return ", ".join(tag.name for tag in host.tags.all()) or units.NOTHING

    @admin.display(description="Every", ordering="interval_seconds")
    def interval(self, host: Host) -> str:
        return units.age(host.interval_seconds)


def adder(tag: Tag) -> Callable[[Any, HttpRequest, QuerySet[Host]], None]:
    def add_tag(admin_of: Any, request: HttpRequest, queryset: QuerySet[Host]) -> None:
        through = Host.tags.through
        rows = [through(host_id=pk, tag_id=tag.pk) for pk in queryset.values_list("pk", flat=True)]
        through.objects.bulk_create(rows, ignore_conflicts=True)
        messages.success(request, f"{units.count(len(rows), 'host')} tagged {tag.name}.")

    return add_tag
