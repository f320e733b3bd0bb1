"""Who may do what: everybody with a login reads, changes need the model's permission."""

from __future__ import annotations

from typing import Any

from rest_framework.permissions import DjangoModelPermissions, IsAuthenticated
from rest_framework.request import Request


class ReadOrModelPermission(DjangoModelPermissions):
    """Django's permissions (add, change, delete) for writes; views without a model need only a login."""

    def has_permission(self, request: Request, view: Any) -> bool:
        if not IsAuthenticated().has_permission(request, view):
            return False
        if not hasattr(view, "queryset") and not hasattr(view, "get_queryset"):
            return True
        needed = getattr(view, "actions_need", {}).get(getattr(view, "action", None))
        if needed:
            return bool(request.user and request.user.has_perm(needed))
        return super().has_permission(request, view)
