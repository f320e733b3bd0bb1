"""What changes slowly: limits, temperatures, open ports, services, the clock. Only when asked for."""

import os
import re

HWMON = "/sys/class/hwmon"
SENSOR = re.compile(r"name|temp\d+_(?:input|label)")
LISTENS = {
    "tcp": re.compile(rb"^ *\d+: [0-9A-F:]+ [0-9A-F:]+ 0A", re.MULTILINE),
    "udp": re.compile(rb"^ *\d+: [0-9A-F:]+ [0-9A-F:]+ 07", re.MULTILINE),
}


def lines(host, paths):
    """ "<path>:<content>" of each file that can be read."""
    found = []
    for path in paths:
        try:
            found.append(os.fsencode(path) + b":" + host.read(path).strip())
        except OSError:  # a sensor may sleep
            pass
    return b"\n".join(found)


def sensors():
    for chip in sorted(os.listdir(HWMON)):
        for name in sorted(os.listdir(HWMON + "/" + chip)):
            if SENSOR.fullmatch(name):
                yield HWMON + "/" + chip + "/" + name


def collect(host):
    if "minute" not in host.asked:
        return
    limits = [host.read("/proc/sys/kernel/" + name) for name in ("pid_max", "threads-max")]
    host.raw["limits"] = host.text(b"".join(limits))
    if os.path.isdir(HWMON):
        host.raw["hwmon"] = host.text(lines(host, sensors()))
    for protocol in ("tcp", "tcp6", "udp", "udp6"):
        try:
            data = host.read("/proc/net/" + protocol)
        except OSError:
            continue
        host.raw[protocol] = host.text(b"\n".join(LISTENS[protocol[:3]].findall(data)[:500]))
    if os.path.isdir("/run/systemd/timesync"):
        host.raw["timesync"] = str(int(os.path.exists("/run/systemd/timesync/synchronized")))
    host.run("chrony", "chronyc", "-n", "-c", "tracking")
    if os.path.isdir("/run/systemd/system"):
        host.run(
            "units", "systemctl", "list-units", "--failed", "--plain", "--no-legend", "--no-pager"
        )
        host.run(
            "timers",
            "systemctl",
            "show",
            "--no-pager",
            "--property=Id,LastTriggerUSec,NextElapseUSecRealtime,Result",
            "*.timer",
        )
    yield from ()
