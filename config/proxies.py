"""Whose X-Forwarded-* is believed: only that of TRUSTED_PROXIES."""

from __future__ import annotations

from collections.abc import Callable
from ipaddress import ip_address

from django.conf import settings
from django.http import HttpRequest, HttpResponse

FORWARDED = (
    "HTTP_X_FORWARDED_FOR",
    "HTTP_X_FORWARDED_PROTO",
    "HTTP_X_FORWARDED_HOST",
    "HTTP_X_FORWARDED_PORT",
)


class TrustedProxies:
    """Middleware: takes the client's address and scheme from a trusted proxy, and drops anybody else's claims."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response
        self.networks = settings.TRUSTED_PROXIES

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if self.trusts(request.META.get("REMOTE_ADDR", "")):
            clients = request.META.get("HTTP_X_FORWARDED_FOR", "").split(",")
            if client := clients[-1].strip():
                request.META["REMOTE_ADDR"] = client
            if request.META.get("HTTP_X_FORWARDED_PROTO") == "https":
                request.META["wsgi.url_scheme"] = "https"
            if host := request.META.get("HTTP_X_FORWARDED_HOST"):
                request.META["HTTP_HOST"] = host
        for name in FORWARDED:
            request.META.pop(name, None)
        return self.get_response(request)

    def trusts(self, address: str) -> bool:
        try:
            return any(ip_address(address) in network for network in self.networks)
        except ValueError:
            return False
