"""What goes wrong below, as an answer: every refusal is a 400 with a sentence, never a 500."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.core.exceptions import ValidationError as DjangoValidationError
from django.db import IntegrityError
from django.db.models import ProtectedError
from rest_framework.exceptions import APIException, ValidationError
from rest_framework.response import Response
from rest_framework.views import exception_handler

from credentials.private_keys import PrivateKeyError
from pollers.inventory import InventoryError


class KeysMissing(APIException):
    status_code = 503
    default_code = "credential_keys"


def answer_to(problem: Exception, context: dict[str, Any]) -> Response | None:
    """The answer to an exception of a view; None: it is a mistake of ours."""
    return exception_handler(translated(problem), context)


def translated(problem: Exception) -> Exception:
    match problem:
        case DjangoValidationError():
            return ValidationError(
                problem.message_dict
                if hasattr(problem, "message_dict")
                else {"detail": problem.messages}
            )
        case PrivateKeyError():
            return ValidationError({"private_key": [str(problem)]})
        case InventoryError():
            return ValidationError({"detail": str(problem)})
        case ProtectedError():
            return ValidationError({"detail": "It is still used; change what uses it first."})
        case IntegrityError():
            return ValidationError({"detail": "Somebody else has just saved the same name."})
        case ImproperlyConfigured():
            return KeysMissing(str(problem))
    return problem
