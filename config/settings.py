"""All settings, read from the environment; `docs/settings.md` describes each."""

from __future__ import annotations

import importlib.util
import re
import sqlite3
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import environ
from django.core.exceptions import ImproperlyConfigured

from config import env

BASE_DIR = Path(__file__).resolve().parent.parent
VERSION = re.search(r"^## (\d\S*)", (BASE_DIR / "CHANGELOG.md").read_text(), re.MULTILINE)[1]  # type: ignore[index]

# --- where things are -------------------------------------------------------------------

DATA_DIR = env.data_dir()
BIND = env.text("BIND", "127.0.0.1")
PORT = env.integer("PORT", 8000, low=1, high=65535)
PUBLIC_URL = env.text("PUBLIC_URL", f"http://{f'[{BIND}]' if ':' in BIND else BIND}:{PORT}").rstrip(
    "/"
)
_public = urlsplit(PUBLIC_URL)
if _public.scheme not in ("http", "https") or not _public.hostname:
    raise ImproperlyConfigured(
        f"PUBLIC_URL must look like https://rollcall.example.org, not {PUBLIC_URL!r}."
    )
ALLOWED_HOSTS = env.words("ALLOWED_HOSTS") or [
    "localhost",
    "127.0.0.1",
    "[::1]",
    BIND,
    _public.hostname,
]
CSRF_TRUSTED_ORIGINS = [f"{_public.scheme}://{_public.netloc}"]
TRUSTED_PROXIES = env.networks("TRUSTED_PROXIES")

# --- secrets ----------------------------------------------------------------------------

SECRET_KEY = env.secret("SECRET_KEY") or env.own_key_file(DATA_DIR / "secret_key")
CREDENTIAL_KEYS = env.keys(env.secret("CREDENTIAL_KEYS"))
"""Keys given from outside. Empty: the key file in DATA_DIR is used."""
CREDENTIAL_KEYS_PATH = env.text("CREDENTIAL_KEYS_FILE")
"""The file they were read from, if any: it is read again when it changes."""
CREDENTIAL_KEY_FILE = DATA_DIR / "credential_keys"

ADMIN_USERNAME = env.text("ADMIN_USERNAME")
ADMIN_PASSWORD = env.secret("ADMIN_PASSWORD")

# --- Django -----------------------------------------------------------------------------

DEBUG = False
INSTALLED_APPS = [
    "credentials",
    "fleet",
    "metrics",
    "alerts",
    "pollers",
    "dashboards",
    "api",
    "unfold",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django_htmx",
    "rest_framework",
    "drf_spectacular",
]
MIDDLEWARE = [
    "config.proxies.TrustedProxies",
    "django.middleware.security.SecurityMiddleware",
    "config.policy.ContentSecurityPolicy",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
]
ROOT_URLCONF = "config.urls"
WSGI_APPLICATION = "config.wsgi.application"
TEMPLATES: list[dict[str, Any]] = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "dashboards.context.frame",
            ],
        },
    }
]
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
LOGIN_URL = "login"
LOGIN_REDIRECT_URL = "fleet"
LOGOUT_REDIRECT_URL = "login"
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {
        "NAME": "django.contrib.auth.password_validation.MinimumLengthValidator",
        "OPTIONS": {"min_length": 10},
    },
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = _public.scheme == "https"
SESSION_COOKIE_NAME = "rollcall_session"
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"

# --- language, time, static files ---------------------------------------------------------

LANGUAGE_CODE = "en"
USE_TZ = True
# The process runs in UTC (Django sets TZ for all of it); people see times in their own zone.
TIME_ZONE = "UTC"
DISPLAY_TIME_ZONE = env.time_zone("TIME_ZONE", "UTC")
STATIC_URL = "/static/"
STATICFILES_DIRS: list[Any] = [
    BASE_DIR / "static",
    # find_spec does not import the package, which would load IPython and numpy
    ("uplot", Path(importlib.util.find_spec("uplot").submodule_search_locations[0]) / "static"),  # type: ignore[union-attr, index]
]
WHITENOISE_USE_FINDERS = True  # no build step: files are served from where they are

# --- database -----------------------------------------------------------------------------

_DATABASE_URL = env.secret("DATABASE_URL", f"sqlite:///{DATA_DIR / 'rollcall.sqlite3'}")
try:
    _database = environ.Env.db_url_config(_DATABASE_URL)
except Exception:
    raise ImproperlyConfigured(
        "DATABASE_URL cannot be read. It looks like postgres://user:password@host:5432/name or sqlite:////path/file."
    ) from None
match _database.get("ENGINE", ""):
    case "django.db.backends.sqlite3":
        if sqlite3.sqlite_version_info < (3, 35):
            raise ImproperlyConfigured(
                f"SQLite {sqlite3.sqlite_version} is too old: 3.35 or newer is needed."
            )
        _database["OPTIONS"] = {
            **_database.get("OPTIONS", {}),
            "transaction_mode": "IMMEDIATE",
            "timeout": 20,
            "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;",
        }
    case "django.db.backends.postgresql":
        _database["OPTIONS"] = {
            **_database.get("OPTIONS", {}),
            "pool": {"min_size": 0, "max_size": 20, "timeout": 10},
        }
        _database["CONN_HEALTH_CHECKS"] = True
    case "django.db.backends.mysql":
        pass
    case _:
        raise ImproperlyConfigured("DATABASE_URL must name SQLite, PostgreSQL or MySQL.")
DATABASES = {"default": _database}

# --- tasks --------------------------------------------------------------------------------

CELERY_BROKER_URL = env.secret("BROKER_URL", "memory://localhost//")
EMBEDDED_BROKER = CELERY_BROKER_URL.startswith("memory://")
if urlsplit(CELERY_BROKER_URL).scheme not in ("memory", "redis", "rediss", "unix", "amqp", "amqps"):
    raise ImproperlyConfigured("BROKER_URL must begin with redis://, amqp:// or memory://.")
CELERY_BROKER_TRANSPORT_OPTIONS = (
    # 1 s is the default and would delay each poll by up to that
    {"polling_interval": 0.05} if EMBEDDED_BROKER else {"visibility_timeout": 3600}
)
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_CONNECTION_MAX_RETRIES = None
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_SERIALIZER = "json"
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_TIMEZONE = "UTC"
CELERY_WORKER_DIRECT = True
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_WORKER_REDIRECT_STDOUTS = False
CELERY_WORKER_PREFETCH_MULTIPLIER = 4
CELERY_WORKER_SEND_TASK_EVENTS = False
CELERY_WORKER_CANCEL_LONG_RUNNING_TASKS_ON_CONNECTION_LOSS = False
CELERY_WORKER_POOL = "threads"
CELERY_WORKER_CONCURRENCY = (
    8  # threads that mostly wait; the number of processors says nothing of them
)

# --- looking ------------------------------------------------------------------------------

SSH_TRANSPORT = env.text("SSH_TRANSPORT", "asyncssh")
if SSH_TRANSPORT not in ("asyncssh", "paramiko"):
    raise ImproperlyConfigured(
        f"SSH_TRANSPORT must be asyncssh or paramiko, not {SSH_TRANSPORT!r}."
    )

# --- mail ---------------------------------------------------------------------------------

try:
    _mail = environ.Env.email_url_config(env.secret("EMAIL_URL", "dummymail://"))
except Exception:
    raise ImproperlyConfigured(
        "EMAIL_URL cannot be read. It looks like smtp://user:password@mail.example.org:25 or smtp+tls://…:587."
    ) from None
EMAIL_BACKEND = _mail.pop("EMAIL_BACKEND", "django.core.mail.backends.dummy.EmailBackend")
globals().update({name: value for name, value in _mail.items() if name.startswith("EMAIL_")})
EMAIL_CONFIGURED = not EMAIL_BACKEND.endswith("dummy.EmailBackend")
EMAIL_TIMEOUT = 20
DEFAULT_FROM_EMAIL = env.text("EMAIL_FROM", f"Rollcall <rollcall@{_public.hostname}>")

# --- API, admin, log ------------------------------------------------------------------------

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "api.authentication.TokenAuthentication",
        "rest_framework.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["api.permissions.ReadOrModelPermission"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["api.parsers.StrictJSONParser"],
    "EXCEPTION_HANDLER": "api.errors.answer_to",
    "DEFAULT_PAGINATION_CLASS": "api.pagination.Pages",
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "UNAUTHENTICATED_USER": None,
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Rollcall",
    "VERSION": VERSION,
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_PERMISSIONS": ["rest_framework.permissions.IsAuthenticated"],
}
UNFOLD = {
    "SITE_TITLE": "Rollcall",
    "SITE_HEADER": "Rollcall",
    "SITE_URL": "/",
    "SITE_SYMBOL": "dns",
    "SHOW_HISTORY": True,
    # the accent of the pages, so that both look like one product
    "COLORS": {
        "primary": {
            "50": "233 240 252",
            "100": "211 226 249",
            "200": "172 201 243",
            "300": "132 179 255",
            "400": "84 140 226",
            "500": "47 111 219",
            "600": "26 91 196",
            "700": "21 74 160",
            "800": "18 59 126",
            "900": "15 46 97",
            "950": "10 30 64",
        }
    },
}
LOGGING: dict[str, Any] = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "{asctime} {levelname} {name}: {message}", "style": "{"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["console"], "level": env.text("LOG_LEVEL", "INFO").upper()},
    "loggers": {
        # asyncssh logs every connection at INFO, and passwords in clear text at debug level 3
        "asyncssh": {"level": "ERROR", "propagate": True},
        "paramiko": {"level": "CRITICAL", "propagate": True},
        "celery": {"level": "WARNING", "propagate": True},
        "django.server": {"level": "WARNING", "propagate": True},
        # somebody's scanner, answered with 400; not worth a traceback
        "django.security.DisallowedHost": {"level": "CRITICAL", "propagate": False},
        "psycopg.pool": {"level": "ERROR", "propagate": True},
    },
}
if LOGGING["root"]["level"] not in ("DEBUG", "INFO", "WARNING", "ERROR"):
    raise ImproperlyConfigured("LOG_LEVEL must be DEBUG, INFO, WARNING or ERROR.")
