"""The Celery application: `celery -A config worker -P threads`, `celery -A config beat`."""

from __future__ import annotations

import os

from celery import Celery
from celery.signals import celeryd_init
from django.conf import settings

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

app = Celery("rollcall")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks(["pollers", "alerts"])
app.conf.beat_schedule = {
    # A tick that was not taken within its second is worthless: the next one claims what it would have.
    "dispatch": {"task": "pollers.tasks.dispatch", "schedule": 1.0, "options": {"expires": 1.0}},
    "deliver": {"task": "alerts.tasks.deliver_due", "schedule": 2.0, "options": {"expires": 2.0}},
    "clean": {"task": "pollers.tasks.clean", "schedule": 60.0, "options": {"expires": 60.0}},
}
# Beat keeps no state on disk: every entry is idempotent.
app.conf.beat_scheduler = "celery.beat:Scheduler"


@celeryd_init.connect
def refuse_memory(**_: object) -> None:
    """A broker in memory cannot be seen from another process: every task would be lost in silence."""
    if settings.EMBEDDED_BROKER:
        raise SystemExit(
            "BROKER_URL is memory://, which only `manage.py up` can use. Set BROKER_URL=redis://…"
        )
