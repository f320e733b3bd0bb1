"""The pages' addresses."""

from django.contrib.auth import views as auth
from django.urls import path
from django.views.generic import RedirectView

from dashboards.views import alerts, fleet, host, series, system, welcome

urlpatterns = [
    path("", fleet.fleet, name="fleet"),
    path(
        "hosts/add/",
        RedirectView.as_view(pattern_name="admin:fleet_host_add", query_string=True),
        name="host-add",
    ),
    path("hosts/<int:host_id>/", host.host, name="host"),
    path("hosts/<int:host_id>/series.json", series.host_series, name="host-series"),
    path("hosts/<int:host_id>/poll/", host.poll, name="host-poll"),
    path("hosts/<int:host_id>/pause/", host.pause, name="host-pause"),
    path("hosts/<int:host_id>/resume/", host.resume, name="host-resume"),
    path("hosts/<int:host_id>/keys/<int:key_id>/accept/", host.accept_key, name="host-accept-key"),
    path("alerts/", alerts.alerts, name="alerts"),
    path("alerts/<uuid:alert_id>/acknowledge/", alerts.acknowledge, name="alert-acknowledge"),
    path("system/", system.system, name="system"),
    path("welcome/<str:token>/", welcome.welcome, name="welcome"),
    path("favicon.ico", RedirectView.as_view(url="/static/icon.svg")),
    path("login/", auth.LoginView.as_view(redirect_authenticated_user=True), name="login"),
    path("logout/", auth.LogoutView.as_view(), name="logout"),
    path(
        "password/",
        auth.PasswordChangeView.as_view(success_url="/password/done/"),
        name="password_change",
    ),
    path("password/done/", auth.PasswordChangeDoneView.as_view(), name="password_change_done"),
]
