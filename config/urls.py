"""The addresses."""

from django.contrib import admin
from django.urls import include, path

from api.health import healthz, readyz

urlpatterns = [
    path("admin/", admin.site.urls),
    path("api/v1/", include("api.urls")),
    path("healthz", healthz, name="healthz"),
    path("readyz", readyz, name="readyz"),
    path("", include("dashboards.urls")),
]
