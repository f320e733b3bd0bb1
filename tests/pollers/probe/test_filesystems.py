"""Mounts that must not be asked, and mounts that do not answer."""

from __future__ import annotations

import os
import threading
import time
from types import SimpleNamespace

import pytest

from pollers.probe.collectors import filesystems
from pollers.probe.main import Host

LINE = b"36 35 %s / %s rw,noatime master:1 - %s %s rw"


def table(*rows):
    """mountinfo of (device number, mount, type, source)."""
    return b"\n".join(
        b"%d 1 %s / %s rw,noatime shared:1 - %s %s rw" % (index, device, mount, kind, source)
        for index, (device, mount, kind, source) in enumerate(rows)
    )


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(filesystems, "SECONDS", 0.1)
    filesystems.stuck.clear()
    yield
    filesystems.stuck.clear()


@pytest.mark.parametrize(
    "kind",
    [b"tmpfs", b"squashfs", b"overlay", b"autofs", b"proc", b"nfs4", b"cifs", b"fuse.sshfs", b"fuse", b"iso9660", b"9p"],
)  # fmt: skip
def test_what_is_no_local_storage_is_never_asked(kind):
    assert filesystems.mounts(table((b"0:9", b"/x", kind, b"x"))) == {}


def test_a_device_is_counted_once_by_its_highest_mount():
    rows = [
        (b"8:1", b"/srv/bind", b"ext4", b"/dev/sda1"),
        (b"8:1", b"/", b"ext4", b"/dev/sda1"),
        (b"0:40", b"/pool", b"zfs", b"pool"),
        (b"0:41", b"/pool/data", b"zfs", b"pool/data"),
        (b"0:50", b"/home", b"btrfs", b"/dev/sdb1"),
        (b"0:51", b"/home/snapshots", b"btrfs", b"/dev/sdb1"),
    ]
    assert set(filesystems.mounts(table(*rows))) == {b"/", b"/pool", b"/pool/data", b"/home"}


def test_blanks_and_bytes_in_names_survive():
    found = filesystems.mounts(table((b"8:1", b"/a\\040b\xff\\134", b"ext4", b"/dev/sda1")))
    assert list(found) == [b"/a b\xff\\"]
    assert Host.text(b"/a b\xff\\") == "/a b\\xff\\"


def test_read_only_is_seen():
    line = b"1 1 8:1 / / ro,noatime - ext4 /dev/sda1 rw"
    assert filesystems.mounts(line) == {b"/": True}


def collected(monkeypatch, text):
    host = SimpleNamespace(read=lambda path: text, text=Host.text)
    rows, error = [], None
    try:
        for row in filesystems.collect(host):
            rows.append(row)
    except OSError as failure:
        error = str(failure)
    return {(name, labels["mount"]): value for name, labels, value in rows}, error


def test_a_stuck_mount_is_named_and_the_others_are_measured(monkeypatch):
    release, real = threading.Event(), os.statvfs

    def statvfs(mount):
        if mount == b"/b":
            release.wait(10)
        return real("/")

    monkeypatch.setattr(filesystems.os, "statvfs", statvfs)
    text = table(
        *((b"8:%d" % i, b"/" + m, b"ext4", b"/dev/" + m) for i, m in enumerate((b"a", b"b", b"c")))
    )
    started = time.monotonic()
    got, error = collected(monkeypatch, text)
    assert time.monotonic() - started < 1
    assert error == "/b does not answer"
    assert got["filesystem_size_bytes", "/a"] == got["filesystem_size_bytes", "/c"] > 0
    assert got["filesystem_size_bytes", "/b"] is None
    threads = threading.active_count()
    started = time.monotonic()
    again, error = collected(monkeypatch, text)
    assert (time.monotonic() - started < 0.05, error) == (True, "/b does not answer")
    assert list(again) == list(got)
    assert threading.active_count() == threads
    release.set()
    time.sleep(0.1)
    got, error = collected(monkeypatch, text)
    assert error is None
    assert got["filesystem_size_bytes", "/b"] > 0


def test_many_mounts_are_capped_and_said(monkeypatch):
    rows = [(b"8:%d" % i, b"/m%d" % i, b"ext4", b"/dev/m%d" % i) for i in range(200)]
    monkeypatch.setattr(filesystems.os, "statvfs", lambda mount, real=os.statvfs: real("/"))
    got, error = collected(monkeypatch, table(*rows))
    assert len({mount for _, mount in got}) == filesystems.LIMIT
    assert error == "200 filesystems, only 64 are reported"
