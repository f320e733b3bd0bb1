"""The API's addresses."""

from django.urls import include, path
from drf_spectacular.views import SpectacularJSONAPIView
from rest_framework.routers import SimpleRouter

from api.credentials import CredentialViewSet
from api.hosts import HostViewSet
from api.readings import AlertViewSet, EventViewSet, RuleViewSet, TagViewSet

router = SimpleRouter()
router.register("hosts", HostViewSet)
router.register("credentials", CredentialViewSet)
router.register("tags", TagViewSet)
router.register("rules", RuleViewSet)
router.register("alerts", AlertViewSet)
router.register("events", EventViewSet)

urlpatterns = [
    path("schema/", SpectacularJSONAPIView.as_view(), name="schema"),
    path("", include(router.urls)),
]
