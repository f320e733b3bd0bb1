"""Processors, memory, processes, limits."""

from __future__ import annotations

from metrics.entries.entry import Entry, counters, derived, gauges, raws

CORE = ("core",)

PROCESSORS: list[Entry] = [
    *derived(
        [
            ("cpu_percent", "percent", "Share of the time in which the processors were busy, all cores together.", ()),
            ("cpu_user_percent", "percent", "Share of the time spent in programs, niced ones included.", ()),
            ("cpu_system_percent", "percent", "Share of the time spent in the kernel, interrupts included.", ()),
            ("cpu_iowait_percent", "percent", "Share of the time in which idle processors waited for a disk.", ()),
            ("cpu_steal_percent", "percent", "Share of the time that went to other virtual machines.", ()),
            ("cpu_core_percent", "percent", "Share of the time in which this core was busy.", CORE),
        ],
        "/proc/stat",
    ),
    *raws(
        [
            ("cpu_seconds_total", "seconds", "Time of all cores by mode, since boot.", ("mode",)),
            ("cpu_core_seconds_total", "seconds", "Time of one core, since boot.", CORE),
            ("cpu_core_busy_seconds_total", "seconds", "Time in which one core was busy, since boot.", CORE),
        ],
        "/proc/stat",
    ),
    *gauges(
        [
            ("load1", "", "Load average over 1 minute: processes that run or wait to.", ()),
            ("load5", "", "Load average over 5 minutes.", ()),
            ("load15", "", "Load average over 15 minutes.", ()),
        ],
        "/proc/loadavg",
    ),
    *counters(
        [
            ("context_switches_total", "context_switches_per_second", "per second", "Switches from one thread to another.", ""),
            ("interrupts_total", "interrupts_per_second", "per second", "Interrupts that were served.", ""),
            ("forks_total", "forks_per_second", "per second", "Processes and threads that were started.", ""),
        ],
        "/proc/stat",
    ),
    *counters(
        [
            ("pressure_cpu_waiting_seconds_total", "pressure_cpu_waiting_percent", "percent", "Share of the time in which some process waited for a processor.", ""),
            ("pressure_memory_waiting_seconds_total", "pressure_memory_waiting_percent", "percent", "Share of the time in which some process waited for memory.", ""),
            ("pressure_memory_stalled_seconds_total", "pressure_memory_stalled_percent", "percent", "Share of the time in which all processes waited for memory.", ""),
            ("pressure_io_waiting_seconds_total", "pressure_io_waiting_percent", "percent", "Share of the time in which some process waited for input or output.", ""),
            ("pressure_io_stalled_seconds_total", "pressure_io_stalled_percent", "percent", "Share of the time in which all processes waited for input or output.", ""),
        ],
        "/proc/pressure (Linux 4.20 and newer)",
    ),
]  # fmt: skip

MEMORY: list[Entry] = [
    *derived(
        [
            ("memory_percent", "percent", "Share of the memory that is not available: (total - available) / total.", ()),
            ("swap_percent", "percent", "Share of the swap space in use; 0 without swap.", ()),
        ],
        "/proc/meminfo",
    ),
    *gauges(
        [
            ("memory_total_bytes", "bytes", "Memory the kernel can use.", ()),
            ("memory_available_bytes", "bytes", "Memory that programs can still get without swapping.", ()),
            ("memory_used_bytes", "bytes", "Memory that is not available: total - available.", ()),
            ("memory_free_bytes", "bytes", "Memory that nothing uses, not even a cache.", ()),
            ("memory_buffers_bytes", "bytes", "Memory that buffers block devices.", ()),
            ("memory_cached_bytes", "bytes", "Memory that caches files; given back when needed.", ()),
            ("memory_slab_bytes", "bytes", "Memory of the kernel's own structures.", ()),
            ("memory_shared_bytes", "bytes", "Memory that processes share, and files of memory filesystems.", ()),
            ("memory_dirty_bytes", "bytes", "File contents that still have to be written to a disk.", ()),
            ("memory_writeback_bytes", "bytes", "File contents that are being written to a disk.", ()),
            ("memory_page_tables_bytes", "bytes", "Memory that keeps track of the memory of processes.", ()),
            ("memory_committed_bytes", "bytes", "Memory that processes have asked for, used or not.", ()),
            ("memory_commit_limit_bytes", "bytes", "What may be asked for where the kernel forbids overcommitment.", ()),
            ("swap_total_bytes", "bytes", "Size of the swap space.", ()),
            ("swap_used_bytes", "bytes", "Swap space in use.", ()),
        ],
        "/proc/meminfo",
    ),
    *counters(
        [
            ("swap_in_bytes_total", "swap_in_bytes_per_second", "bytes/s", "Read back from swap.", ""),
            ("swap_out_bytes_total", "swap_out_bytes_per_second", "bytes/s", "Written out to swap.", ""),
            ("major_faults_total", "major_faults_per_second", "per second", "Pages a process had to wait for because they were on a disk.", ""),
            ("oom_kills_total", "oom_kills_per_second", "per second", "Processes the kernel has killed because memory ran out.", ""),
        ],
        "/proc/vmstat",
    ),
]  # fmt: skip

PROCESSES: list[Entry] = [
    *gauges(
        [
            ("process_count", "count", "Processes, kernel threads included.", ()),
            ("process_threads", "count", "Threads of all processes.", ()),
            ("process_running", "count", "Processes that run or wait for a processor.", ()),
            ("process_blocked", "count", "Processes that wait for a disk.", ()),
        ],
        "/proc, /proc/loadavg, /proc/stat",
    ),
    *gauges([("process_zombies", "count", "Dead processes nobody has collected, as of the last look at the process table.", ())], "/proc/[pid]/stat", "minute"),
    *gauges([("process_threads_limit", "count", "Threads there can be: the smaller one of pid_max and threads-max.", ())], "/proc/sys/kernel", "minute"),
    *derived([("process_threads_percent", "percent", "Share of the threads there can be that there are.", ())], "/proc/sys/kernel"),
    *gauges(
        [
            ("files_open", "count", "Files that all processes have open.", ()),
            ("files_limit", "count", "Files that can be open.", ()),
        ],
        "/proc/sys/fs/file-nr",
    ),
    *derived([("files_percent", "percent", "Share of the files that can be open which are.", ())], "/proc/sys/fs/file-nr"),
    *gauges([("uptime_seconds", "seconds", "Time since the host was started.", ())], "/proc/uptime"),
    *gauges([("users_logged_in", "count", "Log-ins of people, without Rollcall's own.", ())], "utmp or /run/systemd/sessions"),
]  # fmt: skip
