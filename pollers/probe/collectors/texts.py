"""What psutil does not give: lines of /proc as they are. The central reads them.

Only what is wanted is picked out, so that a poll stays small.
"""

import re

FILES = tuple(
    (name, path, re.compile(pattern, re.MULTILINE))
    for name, path, pattern in (
        ("stat", "/proc/stat", rb"^(?:ctxt|intr|processes|procs_running|procs_blocked) \d+"),
        ("vmstat", "/proc/vmstat", rb"^(?:pgmajfault|oom_kill) \d+"),
        ("meminfo", "/proc/meminfo", rb"^(?:Slab|Shmem|Dirty|Writeback|PageTables|CommitLimit|Committed_AS): +\d+"),
        ("snmp", "/proc/net/snmp", rb"^(?:Tcp|Udp): .*"),
        ("netstat", "/proc/net/netstat", rb"^TcpExt: .*"),
        ("sockstat", "/proc/net/sockstat", rb"^(?:sockets|TCP): .*"),
        ("file_nr", "/proc/sys/fs/file-nr", rb".+"),
        ("pressure_cpu", "/proc/pressure/cpu", rb"^some .*"),
        ("pressure_memory", "/proc/pressure/memory", rb"^(?:some|full) .*"),
        ("pressure_io", "/proc/pressure/io", rb"^(?:some|full) .*"),
    )
)  # fmt: skip


def collect(host):
    for name, path, wanted in FILES:
        try:
            data = host.read(path)
        except OSError:  # an old kernel, or a container that hides it
            continue
        host.keep(name, b"\n".join(wanted.findall(data)))
    yield from ()
