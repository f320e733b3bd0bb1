"""The simulated fleet as a child process: started, waited for, ended."""

from __future__ import annotations

import contextlib
import select
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PATIENCE = 60.0


class SimulatorError(RuntimeError):
    """It did not start; the message says why."""


class Simulator:
    """Runs from the beginning until `stop()`; it ends by itself if this process does."""

    def __init__(
        self, hosts: int, *, base: str, port: int, user_key: str, script: Path | None = None
    ) -> None:
        command = [sys.executable, "-m", "pollers.simulator", "--hosts", str(hosts)]
        command += ["--base", base, "--port", str(port), "--user-key", user_key]
        if script is not None:
            command += ["--script", str(script)]
        self.process = subprocess.Popen(  # noqa: S603 - our own program
            command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )

    def wait(self) -> None:
        """Until every host listens. Raises SimulatorError."""
        if self.process.stdout is None:
            return
        ready, _, _ = select.select([self.process.stdout], [], [], PATIENCE)
        if not ready or self.process.stdout.readline() != b"READY\n":
            self.stop()
            raise SimulatorError("The simulated hosts did not start; the reason is above.")

    def is_alive(self) -> bool:
        return self.process.poll() is None

    def stop(self) -> None:
        if self.process.stdin is not None:
            with contextlib.suppress(OSError):
                self.process.stdin.close()
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        if self.process.stdout is not None:
            self.process.stdout.close()
