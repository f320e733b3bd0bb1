"""What is read each minute or each hour; the value is repeated until the next look."""

from __future__ import annotations

from metrics.entries.entry import Entry, gauges

MINUTE: list[Entry] = [
    *gauges([("temperature_celsius", "celsius", "What a sensor of the host measures.", ("sensor",))], "/sys/class/hwmon", "minute", signed=True),
    *gauges([("systemd_units_failed", "count", "Units of systemd that have failed.", ())], "systemctl list-units --failed", "minute"),
    *gauges([("listening_ports", "count", "Ports on which programs wait for TCP connections.", ())], "/proc/net/tcp, tcp6", "minute"),
    *gauges(
        [
            ("ntp_synchronized", "", "1 if the clock follows a time server, else 0.", ()),
            ("ntp_offset_seconds", "seconds", "How far the clock is from its time server's, by its own account.", ()),
        ],
        "chronyc tracking; /run/systemd/timesync",
        "minute",
        signed=True,
    ),
]  # fmt: skip

HOUR: list[Entry] = [
    *gauges(
        [
            ("updates_pending", "count", "Packages for which the host knows an update.", ()),
            ("updates_security", "count", "Those of them that come from a security archive.", ()),
        ],
        "apt-get --simulate, apk version: what the host knows, nothing is refreshed",
        "hour",
    ),
    *gauges([("reboot_required", "", "1 if an update asks for a restart of the host, else 0.", ())], "/run/reboot-required", "hour"),
    *gauges([("kernel_outdated", "", "1 if a newer kernel is installed than the one that runs, else 0.", ())], "/boot, /lib/modules", "hour"),
]  # fmt: skip
