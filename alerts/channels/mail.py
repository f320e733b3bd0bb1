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
        if not addresses(url):
            raise ValueError("An address is missing: mailto:ops@example.org.")
        for address in addresses(url):
            try:
                validate_email(address)
            except ValidationError:
                raise ValueError(f"{address!r} is not an e-mail address.") from None

    def send(self, url: str, message: Message) -> None:
        if not settings.EMAIL_CONFIGURED:
            raise DeliveryError("No mail server is set up here (EMAIL_URL).", channel_is_down=True)
        mail = EmailMessage(
            subject=message.subject,
            body=message.body,
            to=addresses(url),
            headers={
                "Message-ID": f"<{message.key}@rollcall>",
                "X-Rollcall-Key": message.key,
                "Auto-Submitted": "auto-generated",
            },
        )
        try:
            mail.send()
        except (smtplib.SMTPException, OSError) as problem:
            raise meaning_of(problem) from None


def meaning_of(problem: smtplib.SMTPException | OSError) -> DeliveryError:
    """What a refusal means. The server's own words are not repeated: they may hold anything."""
    match problem:
        case smtplib.SMTPRecipientsRefused():
            codes = [code for code, _ in problem.recipients.values()]
            final = all(code >= 500 for code in codes)
            text = f"The mail server refuses the recipient ({', '.join(map(str, codes))})."
            return DeliveryError(text, permanent=final)
        case smtplib.SMTPDataError():
            text = f"The mail server refuses the message ({problem.smtp_code})."
            return DeliveryError(text, permanent=problem.smtp_code >= 500)
        case smtplib.SMTPResponseException():
            text = f"The mail server refuses to work for us ({type(problem).__name__} {problem.smtp_code})."
            return DeliveryError(text, channel_is_down=True)
    # Cut off or silent, perhaps only after it had taken the message.
    unsure = isinstance(problem, (smtplib.SMTPServerDisconnected, TimeoutError, ConnectionResetError, BrokenPipeError))  # fmt: skip
    text = f"The mail server did not take it ({type(problem).__name__})."
    return DeliveryError(text, perhaps_sent=unsure, channel_is_down=True)


def addresses(url: str) -> list[str]:
    return [part.strip() for part in url.partition(":")[2].split(",") if part.strip()]
