"""Interfaces and sockets."""

from __future__ import annotations

from metrics.entries.entry import Counters, Entry, Unit, counters, derived, gauges


def _interfaces() -> list[Entry]:
    rows: Counters = []
    kinds: tuple[tuple[str, Unit, str], ...] = (
        ("bytes", "bytes/s", "Bytes {}."),
        ("packets", "per second", "Packets {}."),
        ("errors", "per second", "Packets that could not be {} for an error."),
        ("drops", "per second", "Packets that were dropped instead of being {}."),
    )
    for way, done in (("receive", "received"), ("transmit", "sent")):
        for kind, unit, text in kinds:
            name = f"network_{way}_{kind}"
            rows.append((f"{name}_total", f"{name}_per_second", unit, text.format(done), "interface"))  # fmt: skip
    return counters(rows, "/proc/net/dev")


INTERFACES: list[Entry] = _interfaces()

SOCKETS: list[Entry] = [
    *gauges([("tcp_established", "count", "TCP connections that are open.", ())], "/proc/net/snmp"),
    *gauges(
        [
            ("tcp_time_wait", "count", "Closed TCP connections that are still remembered.", ()),
            ("tcp_orphaned", "count", "TCP connections that no process holds any more.", ()),
            ("sockets_used", "count", "Sockets of all kinds.", ()),
        ],
        "/proc/net/sockstat",
    ),
    *counters(
        [
            ("tcp_segments_received_total", "tcp_segments_received_per_second", "per second", "TCP segments received.", ""),
            ("tcp_segments_sent_total", "tcp_segments_sent_per_second", "per second", "TCP segments sent, those sent again left out.", ""),
            ("tcp_retransmits_total", "tcp_retransmits_per_second", "per second", "TCP segments sent again because nobody confirmed them.", ""),
            ("tcp_failed_connects_total", "tcp_failed_connects_per_second", "per second", "TCP connections that were refused or given up before they opened.", ""),
            ("udp_receive_errors_total", "udp_receive_errors_per_second", "per second", "UDP packets that could not be delivered to a program.", ""),
        ],
        "/proc/net/snmp",
    ),
    *derived([("tcp_retransmits_percent", "percent", "Segments sent again among all that were sent; 0 if none were.", ())], "/proc/net/snmp"),
    *counters(
        [
            ("tcp_listen_overflows_total", "tcp_listen_overflows_per_second", "per second", "Connections a full queue of a listening program has cost.", ""),
            ("tcp_listen_drops_total", "tcp_listen_drops_per_second", "per second", "Connections a listening program has lost, for any reason.", ""),
        ],
        "/proc/net/netstat",
    ),
]  # fmt: skip
