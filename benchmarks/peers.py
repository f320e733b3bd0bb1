"""What others do for each poll: connect, log in, run one command, close. Prints one JSON document.

The same servers, the same report; the answer is only counted, not read, so it costs them
less than it costs us.
"""

from __future__ import annotations

import argparse
import asyncio
import io
import json
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import asyncssh
import paramiko

from benchmarks.machine import free_port, pin
from pollers.simulator.keys import new_user_key, public_part
from pollers.simulator.model import SimulatedHost
from pollers.simulator.probe import ONE_REPORT
from pollers.simulator.process import Simulator

BASE = "127.80.0.0"
AT_ONCE = 20
CIPHERS = ["aes128-gcm@openssh.com"]


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("polls", type=int)
    given = parser.parse_args()
    key, port = new_user_key(), free_port(SimulatedHost(1).address(BASE))
    simulator = Simulator(AT_ONCE, base=BASE, port=port, user_key=public_part(key))
    pin(simulator.process.pid, 1)
    pin(0, 0)
    addresses = [SimulatedHost(number).address(BASE) for number in range(1, AT_ONCE + 1)]
    try:
        simulator.wait()
        json.dump(
            {
                "asyncssh": with_asyncssh(addresses, port, key, given.polls),
                "paramiko": with_paramiko(addresses, port, key, given.polls),
            },
            sys.stdout,
        )
    finally:
        simulator.stop()


def per_poll(before: float, polls: int) -> float:
    return 1e6 * (time.process_time() - before) / polls


def with_asyncssh(addresses: list[str], port: int, key: str, polls: int) -> float:
    """Microseconds of processor time per poll, with the options that make it fast."""
    parsed = asyncssh.import_private_key(key)

    async def one(address: str) -> None:
        async with asyncssh.connect(
            address, port, config=None, known_hosts=None, username="monitor", client_keys=[parsed],
            agent_path=None, encryption_algs=CIPHERS, compression_algs=None,
        ) as connection:  # fmt: skip
            done = await connection.run(ONE_REPORT, encoding=None)
            if not done.stdout:
                raise RuntimeError("nothing came")

    async def all_of_them(count: int) -> None:
        for start in range(0, count, AT_ONCE):
            await asyncio.gather(*(one(address) for address in addresses[: count - start]))

    asyncio.run(all_of_them(AT_ONCE))
    before = time.process_time()
    asyncio.run(all_of_them(polls))
    return per_poll(before, polls)


def with_paramiko(addresses: list[str], port: int, key: str, polls: int) -> float:
    parsed = paramiko.Ed25519Key.from_private_key(io.StringIO(key))

    def one(address: str) -> None:
        client = paramiko.SSHClient()
        client.set_missing_host_key_policy(paramiko.AutoAddPolicy())
        try:
            client.connect(
                address, port, username="monitor", pkey=parsed, allow_agent=False,
                look_for_keys=False, timeout=30, banner_timeout=30, auth_timeout=30,
            )  # fmt: skip
            _, output, _ = client.exec_command(ONE_REPORT, timeout=30)
            if not output.read():
                raise RuntimeError("nothing came")
        finally:
            client.close()

    with ThreadPoolExecutor(AT_ONCE) as pool:
        list(pool.map(one, addresses))
        before = time.process_time()
        list(pool.map(one, [addresses[poll % len(addresses)] for poll in range(polls)]))
        return per_poll(before, polls)


if __name__ == "__main__":
    main()
