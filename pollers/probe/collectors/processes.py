"""How many processes and threads; who uses most, when asked for.

The table is walked only on demand: everything else comes from files of one line. The rates
are true ones, between this walk and the one before (the first time, 0.2 s apart).
"""

import os
import time

STATES = {b"R": "running", b"S": "sleeping", b"D": "blocked", b"Z": "zombie", b"T": "stopped", b"t": "stopped", b"I": "idle"}  # fmt: skip
TICKS = os.sysconf("SC_CLK_TCK")
PAGE = os.sysconf("SC_PAGE_SIZE")
TOP = 10
PROCESSES = 20000
last = {"walk": None, "at": 0.0, "zombies": None}


def pids():
    return [name for name in os.listdir("/proc") if name.isdigit()]


def walk():
    """{pid: (start, ticks, rss pages, state, name)}; start tells a reused pid apart."""
    table = {}
    for pid in pids()[:PROCESSES]:
        try:
            fd = os.open("/proc/" + pid + "/stat", os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            continue
        try:
            head, _, tail = os.read(fd, 1024).rpartition(b")")
        except OSError:
            continue
        finally:
            os.close(fd)
        f = tail.split(None, 22)
        if len(f) > 21:
            name = head.partition(b"(")[2]
            table[pid] = (int(f[19]), int(f[11]) + int(f[12]), int(f[21]), f[0], name)
    return table


def users(host):
    """{uid: name} of /etc/passwd; a name service could hang."""
    names = {}
    for line in host.read("/etc/passwd").split(b"\n"):
        parts = line.split(b":")
        if len(parts) > 2:
            names[parts[2]] = parts[0]
    return names


def describe(host, pid, entry, rate, total, names):
    try:
        uid = str(os.stat("/proc/" + pid).st_uid).encode("ascii")
    except OSError:
        uid = b""
    rss = entry[2] * PAGE
    return {
        "pid": int(pid),
        "name": host.text(entry[4]),
        "user": host.text(names.get(uid, uid)),
        "cpu_percent": round(rate, 1),
        "memory_percent": round(100.0 * rss / total, 2) if total else None,
        "rss": rss,
    }


def top(host):
    """The details: top processes by cpu (100 = one core) and by memory, counts by state."""
    before, since = last["walk"], last["at"]
    if before is None:
        before, since = {pid: entry[:2] for pid, entry in walk().items()}, time.monotonic()
        time.sleep(0.2)
    table, now = walk(), time.monotonic()
    last["walk"], last["at"] = {pid: entry[:2] for pid, entry in table.items()}, now
    rates, states = {}, {}
    for pid, (start, ticks, _, state, _) in table.items():
        old = before.get(pid)
        spent = ticks - old[1] if old and old[0] == start else ticks  # born since: all of it
        rates[pid] = 100.0 * max(spent, 0) / TICKS / max(now - since, 0.001)
        word = STATES.get(state, "other")
        states[word] = states.get(word, 0) + 1
    last["zombies"] = states.get("zombie", 0)
    total, names = host.psutil.virtual_memory().total, users(host)
    by_cpu = sorted(table, key=lambda pid: rates[pid], reverse=True)[:TOP]
    by_memory = sorted(table, key=lambda pid: table[pid][2], reverse=True)[:TOP]
    return {
        "seconds": round(now - since, 3),
        "states": states,
        "by_cpu": [describe(host, p, table[p], rates[p], total, names) for p in by_cpu],
        "by_memory": [describe(host, p, table[p], rates[p], total, names) for p in by_memory],
    }


def collect(host):
    if "processes" in host.asked:
        host.details["processes"] = top(host)
    found = pids()
    hidden = "1" not in found
    yield "process_count", {}, None if hidden else len(found)
    threads = host.read("/proc/loadavg").split()[3].split(b"/")[1]
    yield "process_threads", {}, int(threads)
    yield "process_zombies", {}, None if hidden else last["zombies"]
    if hidden:
        raise PermissionError("the host shows us only our own processes")
