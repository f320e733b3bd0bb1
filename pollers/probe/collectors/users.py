"""How many log-ins of people there are, without the one that runs this probe."""

import os

ours = set()  # the process ids of our own session; they stay the same


def ancestors(host):
    """Process ids from us up to the first process."""
    pid, found = os.getpid(), set()
    while pid > 1 and pid not in found:
        found.add(pid)
        pid = int(host.read("/proc/%d/stat" % pid).rpartition(b")")[2].split()[1])
    return found


def sessions(host):
    """systemd's sessions with a terminal or a screen, for hosts that keep no utmp."""
    count = 0
    for name in os.listdir("/run/systemd/sessions"):
        if name.endswith(".ref"):
            continue
        lines = host.read("/run/systemd/sessions/" + name).split(b"\n")
        keys = dict(line.split(b"=", 1) for line in lines if b"=" in line)
        if keys.get(b"CLASS") != b"user" or not (keys.get(b"TTY") or keys.get(b"DISPLAY")):
            continue
        count += int(keys.get(b"LEADER") or 0) not in ours
    return count


def collect(host):
    if not ours:
        ours.update(ancestors(host))
    if not os.path.exists("/var/run/utmp") and os.path.isdir("/run/systemd/sessions"):
        yield "users_logged_in", {}, sessions(host)
    else:
        users = host.psutil.users()
        yield "users_logged_in", {}, sum(user.pid not in ours for user in users)
