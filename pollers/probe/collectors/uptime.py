"""Seconds since the host was started."""


def collect(host):
    yield "uptime_seconds", {}, float(host.read("/proc/uptime").split()[0])
