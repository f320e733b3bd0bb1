"""Programs with tokens, and hosts that have been measured."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest
from rest_framework.test import APIClient

from api.models import ApiToken
from credentials.models import Credential
from fleet.failures import CODES, PollFailure
from metrics.rates import Measurement
from metrics.report import Cost
from pollers.ingest import record
from pollers.inventory import make_credential
from pollers.outcome import Outcome

CANARY = "canary-5f2a"
CPU = ("cpu_percent", ())
ROOT = ("filesystem_percent", (("mount", "/"),))
DATA = ("filesystem_percent", (("mount", "/data"),))


def client_for(user: Any, scheme: str = "Token") -> APIClient:
    client = APIClient(raise_request_exception=False)
    client.credentials(HTTP_AUTHORIZATION=f"{scheme} {ApiToken.issue(user)}")
    return client


@pytest.fixture
def anonymous(db: None) -> APIClient:
    return APIClient(raise_request_exception=False)


@pytest.fixture
def as_alice(alice: Any) -> APIClient:
    return client_for(alice)


@pytest.fixture
def as_bob(bob: Any) -> APIClient:
    return client_for(bob)


@pytest.fixture
def credential(db: None) -> Credential:
    return make_credential(username="watch", password=CANARY, name="c")


def measured(host: Any, slot: int, values: dict[Any, float], **facts: Any) -> Outcome:
    measurement = Measurement(
        tuple(values), tuple(values.values()), "b", float(slot), (), Cost(0.1, 1000), facts=facts or None
    )  # fmt: skip
    return Outcome(host.pk, slot, "", slot + 0.1, 0.1, measurement=measurement)


def failed(host: Any, slot: int, code: str = "TCP_TIMEOUT") -> Outcome:
    return Outcome(host.pk, slot, "", slot + 0.1, 0.1, failure=PollFailure(CODES[code], "why"))


@pytest.fixture
def now() -> int:
    return int(time.time())


@pytest.fixture
def web(make_host: Callable[..., Any], credential: Credential, now: int) -> Any:
    """A host with two polls behind it."""
    host = make_host(name="web", address="192.0.2.7", credential=credential, tags=("prod", "eu"))
    values = {CPU: 12.5, ROOT: 40.0, DATA: 91.0}
    record(
        [
            measured(host, now - 30, values),
            measured(host, now - 15, values, hostname="web", os="Debian"),
        ]
    )
    return host
