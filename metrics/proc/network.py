"""Interfaces and sockets: /proc/net/{dev,snmp,netstat,sockstat,tcp,udp}."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

from metrics.proc.rows import PLAIN, Row

PASSING = ("veth", "docker", "br-", "cali", "cilium", "lxc", "flannel", "cni", "vnet", "tap", "virbr", "fwpr", "fwln", "fwbr", "podman", "ifb", "dummy", "nodelocaldns", "kube-")  # fmt: skip
LIMIT = 64
PORTS = 500
SNMP = {
    ("Tcp", "CurrEstab"): "tcp_established",
    ("Tcp", "InSegs"): "tcp_segments_received_total",
    ("Tcp", "OutSegs"): "tcp_segments_sent_total",
    ("Tcp", "RetransSegs"): "tcp_retransmits_total",
    ("Tcp", "AttemptFails"): "tcp_failed_connects_total",
    ("Udp", "InErrors"): "udp_receive_errors_total",
    ("TcpExt", "ListenOverflows"): "tcp_listen_overflows_total",
    ("TcpExt", "ListenDrops"): "tcp_listen_drops_total",
}
SOCKSTAT = {
    ("sockets:", "used"): "sockets_used",
    ("TCP:", "tw"): "tcp_time_wait",
    ("TCP:", "orphan"): "tcp_orphaned",
}


def dev(text: str) -> Iterator[Row]:
    """Interfaces in the order of their names, without those that come and go by themselves."""
    found = {}
    for line in text.split("\n"):
        name, mark, rest = line.rpartition(":")
        name = name.strip()
        if mark and name != "lo" and not name.startswith(PASSING):
            found[name] = rest.split()
    for name in sorted(found)[:LIMIT]:
        words, label = found[name], {"interface": name}
        for way, start in (("receive", 0), ("transmit", 8)):
            for offset, kind in enumerate(("bytes", "packets", "errors", "drops")):
                yield f"network_{way}_{kind}_total", label, float(words[start + offset])


@lru_cache(maxsize=64)
def places(head: str) -> tuple[tuple[int, str], ...]:
    """Where in a line of names are those we want; the same line comes from every host."""
    kind, *names = head.split()
    wanted = ((place, SNMP.get((kind.rstrip(":"), name))) for place, name in enumerate(names, 1))
    return tuple((place, name) for place, name in wanted if name)


def snmp(text: str) -> Iterator[Row]:
    """/proc/net/snmp or /proc/net/netstat: a line of names, then one of numbers."""
    head = ""
    for line in text.split("\n"):
        kind = line.partition(" ")[0]
        if head.partition(" ")[0] != kind:
            head = line
            continue
        if kind in ("Tcp:", "Udp:", "TcpExt:"):
            words = line.split()
            for place, name in places(head):
                yield name, PLAIN, float(words[place])
        head = ""


def sockstat(text: str) -> Iterator[Row]:
    for line in text.split("\n"):
        kind, *words = line.split() or [""]
        for key, value in zip(words[::2], words[1::2], strict=False):
            if name := SOCKSTAT.get((kind, key)):
                yield name, PLAIN, float(value)


def address(text: str) -> str:
    """The kernel writes an address as hexadecimal words of this machine's byte order."""
    raw = b"".join(bytes.fromhex(text[i : i + 8])[::-1] for i in range(0, len(text), 8))
    return str(ipaddress.ip_address(raw))


def ports(protocol: str, text: str) -> list[dict[str, Any]]:
    """The sockets of lines of /proc/net/{tcp,udp}[6] that were picked because they listen."""
    found = set()
    for line in text.split("\n")[:PORTS]:
        words = line.split()
        if len(words) > 1 and words[0].endswith(":"):
            where, _, port = words[1].rpartition(":")
            found.add((int(port, 16), address(where)))
    return [{"protocol": protocol, "address": where, "port": port} for port, where in sorted(found)]
