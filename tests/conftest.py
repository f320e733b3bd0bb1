"""Shared by all tests. The data folder is chosen before the settings are read."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

TEMPORARY = Path(tempfile.mkdtemp(prefix="rollcall-tests-"))
for name in list(os.environ):
    if name in (
        "BIND",
        "PORT",
        "PUBLIC_URL",
        "SECRET_KEY",
        "BROKER_URL",
        "EMAIL_URL",
        "ADMIN_USERNAME",
        "ADMIN_PASSWORD",
        "ALLOWED_HOSTS",
    ):
        del os.environ[name]
os.environ["DATA_DIR"] = str(TEMPORARY)
os.environ["DJANGO_SETTINGS_MODULE"] = "config.settings"
if "ROLLCALL_TEST_DATABASE" in os.environ:
    os.environ["DATABASE_URL"] = os.environ["ROLLCALL_TEST_DATABASE"]
else:
    os.environ.pop("DATABASE_URL", None)

import shutil  # noqa: E402
from collections.abc import Callable, Iterator  # noqa: E402
from typing import Any  # noqa: E402

import pytest  # noqa: E402


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "database: also run on PostgreSQL")


def pytest_unconfigure(config: pytest.Config) -> None:
    shutil.rmtree(TEMPORARY, ignore_errors=True)


@pytest.fixture(autouse=True)
def _forget_layouts() -> Iterator[None]:
    """Layouts are remembered by number, and each test has a database of its own."""
    from metrics.layouts import forget

    forget()
    yield
    forget()


@pytest.fixture(autouse=True)
def _quick_passwords(settings: Any) -> None:
    """The right way to store a password takes a third of a second, by intention."""
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture
def alice(db: None) -> Any:
    """An administrator."""
    from django.contrib.auth import get_user_model

    return get_user_model().objects.create_superuser("alice", "alice@example.org", "wonderland-1")


@pytest.fixture
def bob(db: None) -> Any:
    """Somebody with a login and no rights."""
    from django.contrib.auth import get_user_model

    return get_user_model().objects.create_user("bob", "bob@example.org", "builder-of-things")


@pytest.fixture
def make_host(db: None) -> Callable[..., Any]:
    """Adds a host as the command line would."""
    from pollers.inventory import add_host

    def make(address: str = "192.0.2.1", **fields: Any) -> Any:
        return add_host(address=address, by="a test", **fields)

    return make
