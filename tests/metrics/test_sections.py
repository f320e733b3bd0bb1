"""Texts of a host become rows; whatever they are, nothing else happens."""

from __future__ import annotations

import json
import math
import socket

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from metrics import shell
from metrics.catalog import CATALOG
from metrics.proc import disks, filesystems, memory, network, sensors, services, system, updates
from metrics.proc.processes import Processes
from metrics.report import InvalidReport, Report, ReportReader
from metrics.sections import DETAILS, EACH_POLL, PORTS, SLOW, Sections

NAMES = sorted({*EACH_POLL, *SLOW, *DETAILS, *PORTS})


def plain(rows):
    return {(name, *labels.values()): value for name, labels, value in rows}


def test_processor_time_by_mode_and_core():
    got = plain(system.stat("cpu  100 0 50 1000 7 0 3 2 0 0\ncpu0 60 0 30 500 4 0 1 1\nctxt 5\nintr 9 1 2\n"))  # fmt: skip
    assert got["cpu_seconds_total", "user"] == 1.0
    assert got["cpu_seconds_total", "steal"] == 0.02
    assert got["cpu_core_busy_seconds_total", "0"] == pytest.approx(0.92)
    assert got["interrupts_total",] == 9


def test_an_old_kernel_has_fewer_modes():
    got = plain(system.stat("cpu  100 0 50 1000\n"))
    assert got["cpu_seconds_total", "steal"] == 0.0


def test_memory_of_an_old_kernel_is_estimated():
    got = plain(memory.meminfo("MemTotal: 100 kB\nMemFree: 10 kB\nBuffers: 5 kB\nCached: 20 kB\n"))
    assert got["memory_available_bytes",] == 35 * 1024
    assert got["memory_used_bytes",] == 65 * 1024
    assert got["swap_total_bytes",] == 0


@pytest.mark.parametrize(
    ("names", "kept"),
    [
        ("sda sda1 sda2 sdb", ["sda", "sdb"]),
        ("nvme0n1 nvme0n1p1 nvme1n1", ["nvme0n1", "nvme1n1"]),
        ("mmcblk0 mmcblk0p1 mmcblk0boot0", ["mmcblk0", "mmcblk0boot0"]),
        ("md1 md127 dm-0 dm-12", ["dm-0", "dm-12", "md1", "md127"]),
        ("xvda1", ["xvda1"]),
        ("loop0 ram0 sr0 zram0 vda vda15", ["vda"]),
    ],
)
def test_whole_disks_only(names, kept):
    text = "\n".join(f"8 0 {name} 1 0 8 20 3 0 16 40 0 50 60" for name in names.split())
    got = plain(disks.diskstats(text))
    assert [name for metric, name in got if metric == "disk_reads_total"] == kept
    assert got["disk_read_bytes_total", kept[0]] == 8 * 512
    assert got["disk_write_seconds_total", kept[0]] == 0.04


def test_interfaces_even_without_a_blank_behind_the_colon():
    numbers = " ".join(map(str, range(1, 17)))
    got = plain(network.dev(f"Inter-|\n face |\n lo: {numbers}\neth0:{numbers}\nveth1: {numbers}\nbond0.7@x: {numbers}\n"))  # fmt: skip
    assert got["network_receive_bytes_total", "eth0"] == 1
    assert got["network_transmit_drops_total", "eth0"] == 12
    assert {name for _, name in got} == {"eth0", "bond0.7@x"}


def test_sockets_by_the_names_in_the_line_before():
    text = "Tcp: RtoMin CurrEstab RetransSegs OutSegs\nTcp: 200 7 3 90\nUdp: InErrors\nUdp: 4\n"
    got = plain(network.snmp(text))
    assert got == {("tcp_established",): 7, ("tcp_retransmits_total",): 3, ("tcp_segments_sent_total",): 90, ("udp_receive_errors_total",): 4}  # fmt: skip


@pytest.mark.parametrize("where", ["127.0.0.1", "0.0.0.0", "::1", "2001:db8::7"])
def test_ports_are_addresses_again(where):
    family = socket.AF_INET6 if ":" in where else socket.AF_INET
    raw = socket.inet_pton(family, where)
    words = "".join(raw[i : i + 4][::-1].hex().upper() for i in range(0, len(raw), 4))
    assert network.ports("tcp", f"  0: {words}:0016 0:0 0A\n") == [
        {"protocol": "tcp", "address": where, "port": 22}
    ]


def test_pressure_of_processors_stalls_nobody():
    lines = "some avg10=0 avg60=0 avg300=0 total=2000000\nfull avg10=0 avg60=0 avg300=0 total=7\n"
    assert plain(system.pressure_cpu(lines)) == {("pressure_cpu_waiting_seconds_total",): 2.0}
    assert len(plain(system.pressure_io(lines))) == 2


def test_temperatures_are_named_and_numbered():
    text = "\n".join(
        (
            "/sys/class/hwmon/hwmon0/name:coretemp",
            "/sys/class/hwmon/hwmon0/temp1_label:Package id 0",
            "/sys/class/hwmon/hwmon0/temp1_input:45500",
            "/sys/class/hwmon/hwmon1/name:nvme",
            "/sys/class/hwmon/hwmon1/temp1_input:-4000",
            "/sys/class/hwmon/hwmon2/name:nvme",
            "/sys/class/hwmon/hwmon2/temp1_input:61000",
            "/sys/class/hwmon/hwmon2/temp2_input:",
            "/sys/class/hwmon/hwmon3/temp1_input:9000000",
        )
    )
    assert plain(sensors.hwmon(text)) == {
        ("temperature_celsius", "coretemp Package id 0"): 45.5,
        ("temperature_celsius", "nvme temp1"): -4.0,
        ("temperature_celsius", "nvme temp1 #2"): 61.0,
    }


def test_failed_units_of_new_and_old_releases():
    text = "● a.service loaded failed failed The A service\nb-c@d.mount loaded failed failed /b\n"
    assert [unit["unit"] for unit in services.failed(text)] == ["a.service", "b-c@d.mount"]


def test_timers():
    text = "Id=a.timer\nLastTriggerUSec=Mon 2025-01-06 10:00:00 UTC\nResult=success\n\nId=b.timer\n"
    assert [timer["unit"] for timer in services.timers(text)] == ["a.timer", "b.timer"]


def test_chrony():
    line = "A29FC801,162.159.200.1,3,1700000000.1,-0.000012,0.1,0.1,-1,0,0,0.01,0.001,64.5,Normal"
    assert plain(services.chrony(line)) == {("ntp_synchronized",): 1.0, ("ntp_offset_seconds",): -0.000012}  # fmt: skip
    assert plain(services.chrony("506 Cannot talk to daemon")) == {}


def test_updates():
    text = "Inst bash [5.2-1] (5.2-2 Debian:12.9/stable [amd64])\nInst sudo [1] (2 Debian-Security:12/stable-security [amd64]) []\nConf bash (5.2-2 x)\n"  # fmt: skip
    assert plain(updates.apt_counts(text)) == {("updates_pending",): 2, ("updates_security",): 1}
    text = "Installed:   Available:\nbusybox-1.36.1-r5   < 1.36.1-r15\n"
    assert updates.apk(text)[0] == {"name": "busybox", "installed": "1.36.1-r5", "available": "1.36.1-r15", "security": False}  # fmt: skip


@pytest.mark.parametrize(
    ("releases", "outdated"),
    [
        (["6.1.0-18-amd64", "6.1.0-18-amd64", "6.1.0-9-amd64"], 0),
        (["6.1.0-18-amd64", "6.1.0-20-amd64"], 1),
        (["6.1.0-18-cloud-amd64", "6.1.0-20-amd64"], None),
        (["5.14.0-362.el9.x86_64", "5.14.0-427.el9.x86_64", "0-rescue-abc"], 1),
        (["6.6.14-0-lts", "lts"], None),
    ],
)
def test_a_newer_kernel(releases, outdated):
    got = plain(updates.kernels("\n".join(releases)))
    assert got == ({} if outdated is None else {("kernel_outdated",): outdated})


def test_filesystems_are_matched_by_order_when_df_alters_names():
    text = "Filesystem 1024-blocks Used Available Capacity Mounted on\n/dev/a b 100 60 40 60% /x\n/dev/c 9 9 0 100% /odd?name\n"  # fmt: skip
    assert filesystems.df(text, ["/x", "/odd\nname"])["/odd\nname"] == [9, 9, 0]
    assert filesystems.df(text, ["/x", "/gone", "/y"]) == {"/x": [100, 60, 40], "/odd?name": [9, 9, 0]}  # fmt: skip


def test_each_device_once_by_its_highest_mount():
    text = "\n".join(
        (
            "27 1 254:0 / / rw,relatime - ext4 /dev/vda rw",
            "28 27 254:0 /srv /srv/bind rw - ext4 /dev/vda rw",
            "29 27 254:1 / /data\\040x ro - xfs /dev/vdb rw",
            "30 27 0:9 / /net rw - nfs4 server:/x rw",
        )
    )
    assert filesystems.mounts(text) == {"/": False, "/data x": True}


def test_processes_have_rates_between_two_looks():
    line = "{} (a) b) S 1 1 1 0 -1 0 0 0 0 0 {} 0 0 0 20 0 1 0 {} 1000 50 0\n"
    looks = Processes()
    assert looks.look(line.format(7, 100, 5), 10.0, 1e6) is None
    found = looks.look(line.format(7, 250, 5) + line.format(8, 50, 9), 11.0, 1e6)
    assert [(row["pid"], row["cpu_percent"]) for row in found["by_cpu"]] == [(7, 150.0), (8, 50.0)]
    assert found["by_cpu"][0]["name"] == "a) b"
    assert found["states"] == {"sleeping": 2}


def test_lines_left_out_are_those_of_before():
    sections = Sections()
    assert plain(sections.read({"vmstat": "pswpin 1\noom_kill 2"}))["oom_kills_total",] == 2
    got = plain(sections.read({"vmstat": "pswpin 3\n"}))
    assert (got["swap_in_bytes_total",], got["oom_kills_total",]) == (3 * 4096, 2)


def test_slow_rows_are_repeated():
    sections = Sections()
    sections.read({"limits": "100\n200\n"})
    assert plain(sections.read({})) == {("process_threads_limit",): 100}


def test_a_program_that_did_not_end_well_says_nothing():
    sections = Sections()
    assert sections.read({"apt": "Inst bash [1] (2 x [amd64])\n"}) == []
    assert list(sections.wrong) == ["apt"]
    assert plain(sections.read({"apt": "\ndone"}))["updates_pending",] == 0


def test_a_bad_section_costs_only_itself():
    sections = Sections()
    got = plain(sections.read({"loadavg": "x", "uptime": "5.0 1.0"}))
    assert got == {("uptime_seconds",): 5.0}
    assert "ValueError" in sections.wrong["loadavg"]


def test_a_cold_sensor_is_below_zero_and_other_values_are_not():
    reader = ReportReader()
    hwmon = "/sys/class/hwmon/hwmon0/temp1_input:-5000"
    document = {"protocol": 1, "boot_id": "b", "monotonic": 1, "time": 1, "names": 1, "series": [], "values": [], "raw": {"hwmon": hwmon, "uptime": "-5 0"}}  # fmt: skip
    report = reader.read(json.dumps(document).encode())
    got = dict(zip(report.series, report.values, strict=True))
    assert sorted(value for value in got.values() if value is not None) == [-5.0]
    assert got["uptime_seconds", ()] is None


words = st.sampled_from(["cpu", "0", "-1", "1e999", "nan", "Tcp:", "MemTotal:", "some", "total=5", "/", "done", "=", "Linux", "Inst", "9" * 5000, "9" * 4000, "\x00", "é", " ", "\n", ":", "kB"])  # fmt: skip
texts = st.lists(words | st.text(max_size=6), max_size=30).map(" ".join) | st.lists(words, max_size=30).map("".join)  # fmt: skip


@settings(max_examples=400, deadline=None)
@given(st.lists(st.dictionaries(st.sampled_from(NAMES), texts, max_size=4), min_size=1, max_size=3))
def test_no_text_raises(polls):
    reader = ReportReader()
    for number, raw in enumerate(polls):
        document = {"protocol": 1, "boot_id": "b", "monotonic": 1, "time": 1, "names": 1, "values": []} | ({} if number else {"series": []})  # fmt: skip
        report = reader.read(json.dumps(document | {"raw": raw}).encode())
        check(report)


@settings(max_examples=400, deadline=None)
@given(texts, st.dictionaries(st.sampled_from(sorted(shell.QUESTIONS)), texts, max_size=3))
def test_no_answer_of_a_shell_raises_anything_else(poll, answers):
    reader = shell.ShellReader()
    sections = ["cpu 1 2 3 4\nbtime 5", "MemTotal: 5 kB\nMemFree: 1 kB", "1 1 1 1/2 3", "5.0 1.0"]
    sections += [poll] * (len(shell.POLL) - len(sections))
    try:
        reader.take_poll(("0 5 1\n" + "\nLinux\n".join(sections)).encode())
        for question, text in answers.items():
            body = "\n= x\n".join([text] * len(shell.QUESTIONS[question]))
            reader.take(question, body.encode(), "= x")
        reader.keep_space({})
        check(reader.report({}))
    except InvalidReport as error:
        assert str(error).isprintable()


def check(report: Report) -> None:
    assert len(report.series) == len(report.values)
    for (name, _), value in zip(report.series, report.values, strict=True):
        assert CATALOG[name].sent
        assert value is None or math.isfinite(value)
    assert str(report.series).isprintable()
    json.dumps([report.facts, report.details])
