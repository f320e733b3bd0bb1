"""`manage.py up`: web, worker and beat in one process."""

from __future__ import annotations

import signal
import socket
import threading
from argparse import ArgumentParser
from typing import Any

from celery import current_app
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.management.base import BaseCommand, CommandError
from django.core.wsgi import get_wsgi_application
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor

from credentials.keyring import SecretUnreadable
from credentials.keys import keyring
from dashboards.first_admin import ensure_first_admin
from dashboards.webserver import WebServer, bind
from fleet.models import Host
from pollers.demo import DemoError, RunningDemo, prepare
from pollers.embedded import Embedded
from pollers.inventory import add_host
from pollers.simulator.process import SimulatorError

DEMO_HOSTS = 60


class Command(BaseCommand):
    help = "Starts everything in one process: web pages, schedule and polling."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--bind", default=settings.BIND, help="address to listen on (default: BIND, 127.0.0.1)"
        )
        parser.add_argument(
            "--port",
            type=int,
            default=settings.PORT,
            help="port to listen on (default: PORT, 8000)",
        )
        parser.add_argument(
            "--demo",
            type=int,
            nargs="?",
            const=DEMO_HOSTS,
            metavar="N",
            help=f"watch N simulated hosts (default: {DEMO_HOSTS}) instead of this machine",
        )

    def handle(
        self, *args: Any, bind: str, port: int, demo: int | None = None, **options: Any
    ) -> None:
        listening = listen(bind, port)
        try:
            check_migrations()
            check_broker()
            keyring()
            link = ensure_first_admin()
        except ImproperlyConfigured as problem:
            raise CommandError(str(problem)) from None
        running = None
        if demo is None:
            watch_this_machine()
        else:
            running = self.begin_demo(demo)
        try:
            self.run(listening, bind, port, link, running)
        finally:
            if running is not None:
                running.stop()

    def begin_demo(self, count: int) -> RunningDemo:
        """The hosts of the demo, running and with a history."""
        try:
            demo = prepare(count)
            if demo.new:
                self.stdout.write(f"Simulating {len(demo.new)} hosts and what they did today ...")
                self.stdout.flush()
            return demo.start(settings.DATA_DIR)
        except (DemoError, SecretUnreadable, SimulatorError) as problem:
            raise CommandError(str(problem)) from None

    def run(
        self,
        listening: socket.socket,
        bind: str,
        port: int,
        link: str | None,
        demo: RunningDemo | None,
    ) -> None:
        """Start everything, and wait for the signal to stop it."""
        web, embedded = WebServer(get_wsgi_application(), listening), Embedded()
        stop = threading.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: stop.set())
        embedded.start()
        web.start()
        address = (
            settings.PUBLIC_URL
            if (bind, port) == (settings.BIND, settings.PORT)
            else f"http://{bind}:{port}"
        )
        self.stdout.write(f"Rollcall {settings.VERSION} runs at {address}/ (Ctrl-C stops it)")
        if link:
            self.stdout.write(
                f"Make the first administrator here, within 30 minutes: {address}{link}"
            )
        self.stdout.flush()
        failed = ""
        while not stop.wait(0.5):
            lives = web.is_alive() and embedded.is_alive()
            if not (lives and (demo is None or demo.is_alive())):
                failed = "A part of Rollcall has ended by itself; look at the log above."
                break
        web.stop()
        embedded.stop()
        if failed:
            raise CommandError(failed)


def listen(address: str, port: int) -> socket.socket:
    try:
        return bind(address, port)
    except OverflowError:
        raise CommandError(f"The port must lie between 1 and 65535, not {port}.") from None
    except OSError as problem:
        raise CommandError(
            f"Port {port} on {address} cannot be used: {problem.strerror}. Choose another with PORT or --port."
        ) from None


def check_migrations() -> None:
    try:
        executor = MigrationExecutor(connection)
        missing = executor.migration_plan(executor.loader.graph.leaf_nodes())
    except DatabaseError as problem:
        raise CommandError(
            f"The database does not answer: {str(problem).splitlines()[0]}"
        ) from None
    if missing:
        raise CommandError("The database is not up to date. Run: python manage.py migrate")


def check_broker() -> None:
    """A broker that does not answer would be waited for without a word."""
    if settings.EMBEDDED_BROKER:
        return
    try:
        with current_app.connection_for_read(connect_timeout=3) as broker:
            broker.ensure_connection(max_retries=1, timeout=3)
    except Exception as problem:  # each broker library has errors of its own
        raise CommandError(
            f"The broker of BROKER_URL does not answer ({type(problem).__name__})."
        ) from None


def watch_this_machine() -> None:
    """The very first start watches this machine, so that there is something to see."""
    if not Host.objects.exists():
        add_host(address="127.0.0.1", by="first start", transport=Host.Transport.LOCAL)
