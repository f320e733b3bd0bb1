"""Every metric there is: its name, unit, kind, meaning, and where it comes from.

Pure. A raw name is what the probe sends; a metric is what is stored and shown. A gauge is
both; a counter is raw only, and its rate is the metric; what is raw besides goes into a
derived metric. The entries are in `metrics.entries`, a file for each subject.
"""

from __future__ import annotations

from metrics.entries import network, own, slow, storage, system
from metrics.entries.entry import Entry as Entry
from metrics.entries.entry import Unit as Unit

SECTIONS: dict[str, list[Entry]] = {
    "Processors": system.PROCESSORS,
    "Memory": system.MEMORY,
    "Filesystems": storage.FILESYSTEMS,
    "Disks": storage.DISKS,
    "Network interfaces": network.INTERFACES,
    "Sockets": network.SOCKETS,
    "Processes and limits": system.PROCESSES,
    "Each minute": slow.MINUTE,
    "Each hour": slow.HOUR,
    "Rollcall's own": own.OWN,
}
"""The entries by subject, in the order in which a person reads them."""

CATALOG: dict[str, Entry] = {
    entry.name: entry for entries in SECTIONS.values() for entry in entries
}
