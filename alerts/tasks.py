"""The outbox, by Celery."""

from celery import shared_task

from alerts import outbox


@shared_task
def deliver_due() -> None:
    outbox.deliver_due()
