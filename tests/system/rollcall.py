"""Rollcall as its users run it: real processes, a data folder of their own, HTTP from outside."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.services import free_port

ROOT = Path(__file__).resolve().parents[2]
PASSWORD = "correct-horse-9-battery"


class Rollcall:
    """One installation. `start()` runs `up`; `manage()` runs a command beside it."""

    def __init__(self, **environment: str) -> None:
        self.directory = Path(tempfile.mkdtemp(prefix="rollcall-up-"))
        self.port = free_port()
        self.environment = {
            "PATH": os.environ["PATH"],
            "HOME": os.environ.get("HOME", "/"),
            "DATA_DIR": str(self.directory / "data"),
            "PORT": str(self.port),
            "ADMIN_USERNAME": "admin",
            "ADMIN_PASSWORD": PASSWORD,
            **environment,
        }
        self.processes: list[subprocess.Popen[bytes]] = []
        self.token = ""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def log(self) -> str:
        return "\n".join(path.read_text(errors="replace") for path in sorted(self.directory.glob("*.log")))

    def manage(self, *arguments: str, check: bool = True, stdin: str = "") -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [sys.executable, "manage.py", *arguments], cwd=ROOT, env=self.environment, input=stdin,
            capture_output=True, text=True, timeout=60,
        )
        if check and done.returncode:
            pytest.fail(f"manage.py {' '.join(arguments)} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
        return done

    def spawn(self, name: str, *command: str) -> subprocess.Popen[bytes]:
        with (self.directory / f"{name}.log").open("ab") as log:
            process = subprocess.Popen(command, cwd=ROOT, env=self.environment, stdout=log, stderr=log, stdin=subprocess.DEVNULL)
        self.processes.append(process)
        return process

    def start(self) -> subprocess.Popen[bytes]:
        self.manage("migrate", "--verbosity", "0")
        process = self.spawn("up", sys.executable, "manage.py", "up")
        self.until(self.answers, "the web page", process=process)
        return process

    def answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/healthz", timeout=2) as response:
                return response.status == 200
        except OSError:
            return False

    def until(
        self, condition: Callable[[], Any], what: str, seconds: float = 30, process: subprocess.Popen[bytes] | None = None
    ) -> Any:
        """Wait for something to be true; fails with the log when it does not become so."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            found = condition()
            if found:
                return found
            if process is not None and process.poll() is not None:
                break
            time.sleep(0.2)
        pytest.fail(f"{what} did not come within {seconds} s\n{self.log[-4000:]}")

    def api(self, path: str, method: str = "GET", **body: Any) -> Any:
        """The API's answer as JSON; an HTTP error as (status, document)."""
        if not self.token:
            self.token = self.manage("api_token", "admin").stdout.split()[-1]
        request = urllib.request.Request(
            f"{self.url}/api/v1/{path}", method=method, data=json.dumps(body).encode() if body else None,
            headers={"Authorization": f"Token {self.token}", "Content-Type": "application/json"},
        )
        try:
            with urllib.request.urlopen(request, timeout=10) as response:
                text = response.read()
                return json.loads(text) if text else None
        except urllib.error.HTTPError as problem:
            return problem.code, json.loads(problem.read() or b"null")

    def add(self, address: str, *arguments: str, stdin: str = "") -> int:
        """`hosts add`; returns the id it printed."""
        return int(self.manage("hosts", "add", address, *arguments, stdin=stdin).stdout.split()[-1])

    def host(self, number: int) -> Any:
        return self.api(f"hosts/{number}/")

    def wait_for_state(self, number: int, state: str, seconds: float = 30) -> Any:
        return self.until(lambda: (host := self.host(number))["state"] == state and host, f"state {state}", seconds)

    def points(self, number: int, metric: str, **query: Any) -> list[list[Any]]:
        words = "&".join(f"{name}={value}" for name, value in {"metric": metric, **query}.items())
        series = self.api(f"hosts/{number}/series/?{words}")["series"]
        return [point for one in series for point in one["points"] if point[1] is not None]

    def stop(self, process: subprocess.Popen[bytes], number: int = signal.SIGINT, seconds: float = 15) -> float:
        """Ask a process to end; returns how many seconds it took."""
        began = time.monotonic()
        process.send_signal(number)
        process.wait(seconds)
        return time.monotonic() - began

    def close(self) -> None:
        for process in self.processes:
            if process.poll() is None:
                process.kill()
                process.wait()
        shutil.rmtree(self.directory, ignore_errors=True)
