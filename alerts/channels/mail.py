"""E-mail through this installation's own mail server (EMAIL_URL)."""

from __future__ import annotations

import smtplib

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.mail import EmailMessage
from django.core.validators import validate_email

from alerts.channels.base import DeliveryError, Message


class Mail:
    """mailto:ops@example.org,night@example.org"""

    scheme = "mailto"

    def check(self, url: str) -> None:
        for address in addresses(url):
            try:
                validate_email(address)
            except ValidationError:
                raise ValueError(f"{address!r} is not an e-mail address.") from None

    def send(self, url: str, message: Message) -> None:
        if not settings.EMAIL_CONFIGURED:
            raise DeliveryError("No mail server is set up here (EMAIL_URL).")
        mail = EmailMessage(
            subject=message.subject,
            body=message.body,
            to=addresses(url),
            headers={"Message-ID": f"<{message.key}@rollcall>", "X-Rollcall-Key": message.key, "Auto-Submitted": "auto-generated"},
        )
        try:
            mail.send()
        except smtplib.SMTPRecipientsRefused:
            raise DeliveryError("The mail server refuses the recipient.", permanent=True) from None
        except (smtplib.SMTPException, OSError) as problem:
            raise DeliveryError(f"The mail server did not take it ({type(problem).__name__}).") from None


def addresses(url: str) -> list[str]:
    return [part.strip() for part in url.partition(":")[2].split(",") if part.strip()]
