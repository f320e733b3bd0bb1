"""The web server of the one-process set-up: waitress, behind an adapter of a few lines."""

from __future__ import annotations

import socket
import threading
from typing import Any

import waitress.server

THREADS = 8


class WebServer:
    """Serves a WSGI application on a socket that is already bound, in a thread."""

    def __init__(self, application: Any, listening: socket.socket) -> None:
        self.server = waitress.server.create_server(
            application,
            sockets=[listening],
            threads=THREADS,
            ident=None,
            clear_untrusted_proxy_headers=False,
        )
        self.thread = threading.Thread(target=self.run, name="web", daemon=True)

    def run(self) -> None:
        try:
            self.server.run()
        except OSError:
            if not self.stopped:
                raise

    stopped = False

    def start(self) -> None:
        self.thread.start()

    def is_alive(self) -> bool:
        return self.thread.is_alive()

    def stop(self) -> None:
        self.stopped = True
        self.server.task_dispatcher.shutdown(timeout=1)
        self.server.close()


def bind(address: str, port: int) -> socket.socket:
    """A listening socket. Raises OSError when the port is in use or the address is not ours."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((address, port))
        listening.listen(128)
    except OSError:
        listening.close()
        raise
    return listening
