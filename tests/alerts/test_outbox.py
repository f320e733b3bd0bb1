"""Messages over a real mail server: at least once, in order, and never a recovery alone."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from datetime import timedelta
from pathlib import Path

import pytest
from django.core import mail
from django.db import connections
from django.utils import timezone

from alerts import outbox
from alerts.channels.registry import sender
from alerts.models import Alert, Channel, Notification, Rule
from alerts.outbox import deliver, deliver_due
from credentials.keyring import new_key
from fleet.models import Host
from pollers.inventory import pause, remove
from tests.alerts.conftest import ROOT
from tests.services import free_port

pytestmark = [pytest.mark.django_db, pytest.mark.database]


@pytest.fixture
def host(rule, channel, make_host):
    return make_host(name="web-1", address="192.0.2.7")


def only(kind: str = "problem") -> Notification:
    return Notification.objects.get(kind=kind)


def due_now() -> None:
    Notification.objects.filter(state="queued").update(next_attempt_at=timezone.now())


def test_a_problem_and_its_recovery_arrive_and_say_what_a_person_needs(
    host, report, mail_server, settings
):
    settings.PUBLIC_URL = "https://watch.example.org"
    report(host, {ROOT: 93.14}, 0, cause="It fills up.")
    deliver_due()
    report(host, {ROOT: 10.0}, 125)
    deliver_due()
    problem, recovery = mail_server.messages
    assert problem["To"] == "ops@example.org"
    assert problem["Subject"] == "CRITICAL web-1: Disk / 93.14 %"
    body = problem.get_content()
    for words in ("web-1 (192.0.2.7)", "93.14 %", "It fills up.", "Since 2026-09-21 14:13:20 UTC",
                  f"https://watch.example.org/hosts/{host.pk}/"):  # fmt: skip
        assert words in body
    assert recovery["Subject"] == "RESOLVED web-1: Disk /"
    assert "is over" in recovery.get_content()
    assert "after 2 min 5 s" in recovery.get_content()
    assert [n.state for n in Notification.objects.all()] == ["sent", "sent"]
    assert len(set(mail_server.keys)) == 2
    deliver_due()
    assert len(mail_server.messages) == 2, "nothing goes twice"


def test_a_state_needs_no_number_and_a_size_gets_its_unit(
    rule, channel, make_host, report, mail_server
):
    host = make_host(name="db")
    Rule.objects.create(name="Host down", metric="host_down", critical=0.5)
    Rule.objects.create(name="Low memory", metric="memory_available_bytes", op="<", critical=3e9)
    Rule.objects.create(name="Load", metric="load1", warning=4)
    report(
        host, {("host_down", ()): 1.0, ("memory_available_bytes", ()): 1.234e9, ("load1", ()): 4.31}
    )
    deliver_due()
    assert sorted(mail_server.subjects) == [
        "CRITICAL db: Host down",
        "CRITICAL db: Low memory 1.23 GB",
        "WARNING db: Load 4.31",
    ]


def test_a_recovery_before_the_problem_went_out_sends_neither(host, report, mail_server):
    report(host, {ROOT: 95.0})
    report(host, {ROOT: 10.0}, 15)
    deliver_due()
    assert mail_server.messages == []
    assert not Notification.objects.exists()


def test_a_recovery_while_the_server_refused_connections_sends_neither(
    host, report, mail_server, settings
):
    settings.EMAIL_PORT = free_port()
    report(host, {ROOT: 95.0})
    deliver_due()
    assert (only().state, only().attempts, only().perhaps_sent) == ("queued", 1, False)
    report(host, {ROOT: 10.0}, 15)
    settings.EMAIL_PORT = mail_server.port
    due_now()
    deliver_due()
    assert mail_server.messages == []


def test_a_problem_that_perhaps_arrived_is_sent_again_and_followed_by_its_recovery(
    host, report, mail_server
):
    mail_server.hangs_up_after_data = True
    report(host, {ROOT: 95.0})
    deliver_due()
    assert (only().state, only().perhaps_sent) == ("queued", True)
    report(host, {ROOT: 10.0}, 15)
    mail_server.hangs_up_after_data = False
    for _ in range(3):
        due_now()
        deliver_due()
    assert mail_server.subjects == ["CRITICAL web-1: Disk / 95 %"] * 2 + ["RESOLVED web-1: Disk /"]
    assert mail_server.keys[0] == mail_server.keys[1] != mail_server.keys[2]


def test_a_recovery_waits_until_its_problem_is_known_to_be_sent(host, report, mail_server):
    mail_server.hangs_up_after_data = True
    report(host, {ROOT: 95.0})
    deliver_due()
    report(host, {ROOT: 10.0}, 15)
    mail_server.hangs_up_after_data = False
    Notification.objects.filter(kind="problem").update(
        next_attempt_at=timezone.now() + timedelta(minutes=5)
    )
    deliver_due()
    assert only("recovery").state == "queued"
    assert mail_server.subjects == ["CRITICAL web-1: Disk / 95 %"]
    Notification.objects.filter(kind="problem").update(state="sending")
    deliver_due()
    assert only("recovery").state == "queued"


def test_a_server_that_is_down_is_tried_again_with_growing_waits(
    host, report, mail_server, settings
):
    settings.EMAIL_PORT = free_port()
    report(host, {ROOT: 95.0})
    waits = []
    for _ in range(6):
        due_now()
        deliver_due()
        waits.append(round((only().next_attempt_at - timezone.now()).total_seconds()))
    assert waits == [5, 15, 60, 300, 900, 900]
    assert "ConnectionRefusedError" in only().error
    settings.EMAIL_PORT = mail_server.port
    deliver_due()
    assert mail_server.messages == [], "it is not due yet"
    due_now()
    deliver_due()
    assert (len(mail_server.messages), only().state, only().error) == (1, "sent", "")


def test_after_a_day_it_is_given_up_and_recorded(host, report, settings, mail_server):
    settings.EMAIL_PORT = free_port()
    report(host, {ROOT: 95.0})
    Notification.objects.update(created_at=timezone.now() - timedelta(hours=25))
    deliver_due()
    assert only().state == "failed"
    report(host, {ROOT: 10.0}, 15)
    settings.EMAIL_PORT = mail_server.port
    due_now()
    deliver_due()
    assert mail_server.messages == [], "no recovery of a problem nobody heard of"


def test_a_server_that_is_down_is_tried_once_and_not_for_each_message(
    host, make_host, report, mail_server, settings
):
    settings.EMAIL_PORT = free_port()
    for n in range(5):
        report(make_host(name=f"h{n}"), {ROOT: 95.0})
    deliver_due()
    assert Notification.objects.filter(attempts__gt=0).count() == 1
    settings.EMAIL_PORT = mail_server.port
    due_now()
    deliver_due()
    assert len(mail_server.messages) == 5


def test_another_channel_does_not_wait_for_one_that_is_down(host, report, mail_server, monkeypatch):
    second = Channel(name="second")
    second.set_url("mailto:night@example.org")
    second.save()
    real = sender("mailto:x@example.org")

    class Half:
        def send(self, url, message):
            if "ops@" in url:
                raise outbox.DeliveryError("down", channel_is_down=True)
            real.send(url, message)

    monkeypatch.setattr(outbox, "sender", lambda url: Half())
    report(host, {ROOT: 95.0})
    deliver_due()
    assert [message["To"] for message in mail_server.messages] == ["night@example.org"]


def test_what_a_crash_left_half_sent_is_sent_again_with_the_same_key(host, report, mail_server):
    report(host, {ROOT: 95.0})
    long_ago = timezone.now() - timedelta(minutes=3)
    Notification.objects.update(
        state="sending", attempts=1, perhaps_sent=True, next_attempt_at=long_ago
    )
    deliver_due()
    assert (only().state, only().attempts) == ("sent", 2)
    assert mail_server.keys == [f"<{only().pk}@rollcall>"]


def test_what_another_process_is_sending_right_now_is_left_to_it(host, report, mail_server):
    report(host, {ROOT: 95.0})
    Notification.objects.update(state="sending", next_attempt_at=timezone.now())
    deliver_due()
    assert mail_server.messages == []


@pytest.mark.parametrize(
    ("command", "answer", "state"),
    [
        ("RCPT", "550 no such user", "failed"),
        ("RCPT", "450 greylisted", "queued"),
        ("DATA", "554 spam", "failed"),
        ("DATA", "451 later", "queued"),
        ("MAIL", "530 log in first", "queued"),
        ("EHLO", "421 too busy", "queued"),
    ],
)
def test_a_refusal_is_recorded_and_only_a_permanent_one_is_final(
    host, report, mail_server, command, answer, state
):
    mail_server.says = {command: answer}
    if command == "EHLO":
        mail_server.says["HELO"] = answer
    report(host, {ROOT: 95.0})
    deliver_due()
    assert only().state == state
    assert only().error
    assert not only().perhaps_sent
    assert answer.split(" ", 1)[1] not in only().error, "the server's own words stay there"


def test_a_server_that_says_nothing_holds_up_nobody_for_long(host, report, mail_server, settings):
    settings.EMAIL_TIMEOUT = 0.3
    mail_server.says = {"EHLO": "hang", "HELO": "hang"}
    report(host, {ROOT: 95.0})
    began = time.monotonic()
    deliver_due()
    assert time.monotonic() - began < 5
    assert only().state == "queued"


def test_a_host_name_with_line_feeds_breaks_no_header(host, report, mail_server):
    evil = "web\r\nBcc: victim@example.org\r\n\r\n\x00\x1b[31mhello\u202e"
    Host.objects.filter(pk=host.pk).update(name=evil)
    labels = (("mount", "/x\r\nX-Evil: 1"),)
    report(host, {labels: 95.0}, cause="why\r\n.\r\nMAIL FROM:<evil>")
    deliver_due()
    assert only().state == "sent", "the alert is delivered all the same"
    (message,) = mail_server.messages
    assert message["Bcc"] is None
    assert message["X-Evil"] is None
    assert "Bcc: victim" in message["Subject"]
    assert "\n" not in message["Subject"]
    assert "\x1b" not in message.get_content()
    assert "\nMAIL FROM" not in message.get_content()


def test_a_long_name_of_many_scripts_arrives_whole_enough(host, report, mail_server):
    Host.objects.filter(pk=host.pk).update(name="Prüfstand-サーバー-" * 5)
    report(host, {ROOT: 95.0})
    deliver_due()
    assert "Prüfstand-サーバー" in mail_server.subjects[0]


@pytest.mark.parametrize("act", [pause, remove])
def test_an_alert_of_an_unwatched_host_is_closed_and_not_called_over(
    host, report, mail_server, act
):
    report(host, {ROOT: 95.0})
    deliver_due()
    act([host.pk])
    deliver_due()
    subject, body = mail_server.subjects[1], mail_server.messages[1].get_content()
    assert subject.startswith("CLOSED ")
    assert "Whether it is over is not known." in body
    assert "RESOLVED" not in subject + body
    assert "\x7f" not in subject + body
    assert ("web-1" if act is pause else "192.0.2.7") in subject


def test_a_paused_host_whose_problem_was_not_sent_yet_sends_nothing(host, report, mail_server):
    report(host, {ROOT: 95.0})
    pause([host.pk])
    deliver_due()
    assert mail_server.messages == []


def test_an_unexpected_mistake_holds_up_no_other_message_and_tells_no_address(
    host, make_host, report, mail_server, monkeypatch, caplog
):
    report(host, {ROOT: 95.0})
    report(make_host(name="second"), {ROOT: 95.0})
    real = outbox.message_of

    def sometimes(notification):
        if notification.alert.host.name == "web-1":
            raise RuntimeError("canary-url")
        return real(notification)

    monkeypatch.setattr(outbox, "message_of", sometimes)
    deliver_due()
    assert mail_server.subjects == ["CRITICAL second: Disk / 95 %"]
    assert (
        Notification.objects.get(alert__host=host).error
        == "Rollcall made a mistake (RuntimeError)."
    )
    assert "canary" not in caplog.text


def test_an_address_that_cannot_be_read_is_recorded_and_tried_later(
    host, report, mail_server, settings
):
    report(host, {ROOT: 95.0})
    settings.CREDENTIAL_KEYS = [new_key()]
    deliver_due()
    assert only().state == "queued"
    assert "CREDENTIAL_KEYS" in only().error


def test_a_message_of_a_deleted_rule_or_host_is_not_sent(host, rule, report, mail_server):
    report(host, {ROOT: 95.0})
    pk = only().pk
    rule.delete()
    deliver(pk)
    assert mail_server.messages == []


def test_without_a_mail_server_it_is_said_why(host, report, settings):
    settings.EMAIL_CONFIGURED = False
    report(host, {ROOT: 95.0})
    deliver_due()
    assert "EMAIL_URL" in only().error
    assert not mail.outbox


@pytest.mark.parametrize("url", ["mailto:", "mailto: ,", "mailto:nobody", "mailto:a@b", "http://x", "", "mailto:a@example.org\nBcc:x@example.org"])  # fmt: skip
def test_an_address_that_cannot_be_written_to_is_refused(url):
    with pytest.raises(ValueError):
        sender(url)


@pytest.mark.django_db(transaction=True)
def test_a_hanging_mail_server_takes_one_thread_of_a_process_and_no_more(
    rule, channel, make_host, report, mail_server, settings
):
    settings.EMAIL_TIMEOUT = 2
    mail_server.says = {"EHLO": "hang", "HELO": "hang"}
    report(make_host(), {ROOT: 95.0})

    def run() -> None:
        deliver_due()
        connections.close_all()

    first = threading.Thread(target=run)
    first.start()
    time.sleep(0.5)
    began = time.monotonic()
    deliver_due()
    assert time.monotonic() - began < 0.3
    first.join()


class Apart:
    """An installation with a database of its own, for real processes to share."""

    def __init__(self, directory: Path, mail_port: int) -> None:
        self.root = Path(__file__).resolve().parents[2]
        self.environment = {
            "PATH": "/usr/bin:/bin",
            "DATA_DIR": str(directory),
            "EMAIL_URL": f"smtp://127.0.0.1:{mail_port}",
            "DJANGO_SETTINGS_MODULE": "config.settings",
            "PYTHONPATH": str(self.root),
        }
        self.run("manage.py", "migrate", "-v", "0")

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, *arguments],
            cwd=self.root,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *arguments: str, check: bool = True) -> str:
        process = self.start(*arguments)
        out, err = process.communicate(timeout=60)
        assert not check or process.returncode == 0, err
        return out

    def shell(self, code: str) -> str:
        return self.run("manage.py", "shell", "-v", "0", "-c", code)

    def queue(self, number: int) -> None:
        self.shell(
            "from alerts.models import *; from pollers.inventory import add_host; from django.utils import timezone as t\n"
            "c = Channel(name='m'); c.set_url('mailto:ops@example.org'); c.save()\n"
            f"for n in range({number}):\n"
            "    a = Alert.objects.create(rule=Rule.objects.first(), host=add_host(address='192.0.2.1', by='x'), state='firing', severity='critical', opened_at=t.now(), fired_at=t.now())\n"
            "    Notification.objects.create(alert=a, channel=c, kind='problem', next_attempt_at=t.now())"
        )

    def rows(self) -> list[tuple[str, int, bool]]:
        """(state, attempts, perhaps sent) of each notification."""
        code = "import json; from alerts.models import *; print(json.dumps(list(Notification.objects.values_list('state', 'attempts', 'perhaps_sent'))))"
        return [tuple(row) for row in json.loads(self.shell(code))]


@pytest.fixture
def apart(tmp_path: Path, mail_server) -> Apart:
    return Apart(tmp_path, mail_server.port)


KILLED = """
import os, sys
import django
django.setup()
from alerts import outbox
from alerts.channels.mail import Mail
real = Mail.send
def send(self, url, message):
    if sys.argv[1] == "after":
        real(self, url, message)
    os.kill(os.getpid(), 9)
Mail.send = send
outbox.deliver_due()
"""


@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_sender_killed_around_the_delivery_delivers_in_the_end_with_one_key(
    apart, mail_server, moment
):
    apart.queue(1)
    apart.run("-c", KILLED, moment, check=False)
    assert apart.rows() == [("sending", 1, True)]
    apart.shell(
        "from alerts.models import *; from datetime import timedelta as d; from django.utils import timezone as t\n"
        "Notification.objects.update(next_attempt_at=t.now() - d(minutes=3))\n"
        "from alerts.outbox import deliver_due; deliver_due()"
    )
    assert apart.rows() == [("sent", 2, True)]
    assert len(mail_server.keys) == (2 if moment == "after" else 1)
    assert len(set(mail_server.keys)) == 1


def test_several_deliverers_at_once_send_once(apart, mail_server):
    apart.queue(8)
    mail_server.delay = 0.1
    code = "from alerts.outbox import deliver_due; deliver_due()"
    processes = [apart.start("manage.py", "shell", "-v", "0", "-c", code) for _ in range(3)]
    for process in processes:
        assert process.wait(60) == 0, process.stderr.read() if process.stderr else ""
        process.communicate()
    assert len(mail_server.messages) == len(set(mail_server.keys)) == 8
    assert apart.rows() == [("sent", 1, True)] * 8


def test_a_notification_is_written_if_and_only_if_its_alert_is(host, report):
    report(host, {ROOT: 95.0})
    assert Notification.objects.get().alert == Alert.objects.get()
