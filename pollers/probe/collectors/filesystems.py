"""Space and inodes of local filesystems. Only `statvfs` can hang, so only it is watched.

It runs in a thread of its own. A mount that does not answer for two seconds is reported as
stuck, its thread is left behind, and it is not asked again before that thread has come back.
"""

import _thread
import errno
import os
import time

# Neither storage of this host nor safe to ask: pseudo, network, read-only image, automatic.
SKIPPED = frozenset(
    b"9p afs aufs autofs binfmt_misc bpf ceph cgroup cgroup2 cifs configfs debugfs devpts devtmpfs drvfs efivarfs "
    b"erofs fuse fusectl gfs2 glusterfs hugetlbfs iso9660 lustre mqueue ncpfs nfs nfs4 nfsd ninep nsfs ocfs2 overlay "
    b"panfs proc procfs pstore ramfs rootfs rpc_pipefs securityfs selinuxfs smb smb2 smb3 smbfs squashfs sysfs tmpfs "
    b"tracefs udf virtiofs vboxsf vmhgfs coda beegfs orangefs pvfs2 gpfs lxcfs nullfs".split()
)
SKIPPED_TREES = (b"/proc/", b"/sys/", b"/dev/", b"/run/credentials/", b"/var/lib/docker/", b"/var/lib/containers/storage/", b"/var/lib/kubelet/", b"/etc/hosts/", b"/etc/hostname/", b"/etc/resolv.conf/")  # fmt: skip
LIMIT = 64
SECONDS = 2.0
SECONDS_IN_ALL = 3.5
LEFT_BEHIND = 4
known = {"text": None, "mounts": {}}
good = set()  # who answered the last time
stuck = {}  # mount -> its walk, whose thread has not come back


class Walk(object):
    """statvfs of some mounts, one after the other, in a thread."""

    def __init__(self, mounts):
        self.mounts, self.results, self.done = mounts, [], _thread.allocate_lock()
        self.left = False
        self.done.acquire()
        _thread.start_new_thread(self.run, ())

    def run(self):
        for mount in self.mounts:
            try:
                self.results.append(os.statvfs(mount))
            except Exception as failure:
                self.results.append(failure)
            if self.left:
                stuck.pop(mount, None)
                return
        self.done.release()

    def wait(self, until):
        """Until done, or until one mount or all have taken too long; how many have answered."""
        answered = -1
        while not self.done.acquire(timeout=SECONDS):
            if len(self.results) == answered or time.monotonic() > until:
                self.left = True
                break
            answered = len(self.results)
        return len(self.results)


def unescape(name):
    """The kernel writes blanks in mount points as octal: \\040."""
    head, *parts = name.split(b"\\")
    return head + b"".join(bytes((int(part[:3], 8),)) + part[3:] for part in parts)


def mounts(text):
    """{mount: read-only} of mountinfo: local ones, each device once, by its highest mount."""
    devices = {}
    for line in text.split(b"\n"):
        left, mark, right = line.partition(b" - ")
        fields, (kind, source, flags) = left.split(), (right.split(b" ") + [b""] * 3)[:3]
        if not mark or len(fields) < 6:
            continue
        mount = unescape(fields[4])
        if kind in SKIPPED and not (kind == b"overlay" and mount == b"/"):  # a container's root
            continue
        if kind.startswith(b"fuse.") or (mount + b"/").startswith(SKIPPED_TREES):
            continue
        device = source if source.startswith(b"/") else fields[2]
        readonly = b"ro" in fields[5].split(b",") or b"ro" in flags.split(b",")
        rank = (fields[3] != b"/", len(mount), mount)  # the filesystem's root before a part of it
        if device not in devices or rank < devices[device][0]:
            devices[device] = (rank, mount, readonly)
    return {mount: readonly for _, mount, readonly in devices.values()}


def numbers(result, readonly):
    """The series of one mount; None for all if it gave no answer."""
    if not isinstance(result, os.statvfs_result):
        return [(name, None) for name, _ in numbers(os.statvfs_result((1,) * 10), readonly)]
    size = result.f_frsize
    return [
        ("filesystem_size_bytes", result.f_blocks * size),
        ("filesystem_used_bytes", (result.f_blocks - result.f_bfree) * size),
        ("filesystem_available_bytes", result.f_bavail * size),
        ("filesystem_inodes", result.f_files),
        ("filesystem_inodes_free", result.f_ffree),
        ("filesystem_readonly", int(readonly)),
    ]


def ask(waiting):
    """{mount: statvfs or exception} of those that answered.

    Who answered the last time is asked first, and also when too many others are stuck.
    """
    results, until = {}, time.monotonic() + SECONDS_IN_ALL
    waiting = sorted(waiting, key=lambda mount: mount not in good)
    while waiting and (len(stuck) < LEFT_BEHIND or waiting[0] in good):
        if time.monotonic() > until:
            break
        walk = Walk([mount for mount in waiting if len(stuck) < LEFT_BEHIND or mount in good])
        answered = walk.wait(until)
        results.update(zip(waiting, walk.results[:answered]))
        if walk.left:
            stuck[waiting[answered]] = walk
            if len(walk.results) > answered:  # it came back just now
                stuck.pop(waiting[answered], None)
            waiting = waiting[answered + 1 :]
        else:
            waiting = waiting[answered:]
    good.clear()
    good.update(results)
    return results


def collect(host):
    text = host.read("/proc/self/mountinfo")
    if text != known["text"]:  # hardly ever; to read it costs more than to ask the mounts
        known["text"], known["mounts"] = text, mounts(text)
    found = known["mounts"]
    names = sorted(found)[:LIMIT]
    results, wrong = ask([name for name in names if name not in stuck]), []
    for name in names:
        label, result = {"mount": host.text(name)}, results.get(name)
        for metric, value in numbers(result, found[name]):
            yield metric, label, value
        if result is None:
            state = "does not answer" if name in stuck else "was not asked"
            wrong.append("%s %s" % (label["mount"], state))
        elif isinstance(result, OSError) and result.errno != errno.EACCES:
            wrong.append("%s: %s" % (label["mount"], result.strerror))
    if len(found) > LIMIT:
        wrong.append("%d filesystems, only %d are reported" % (len(found), LIMIT))
    if wrong:
        raise OSError("; ".join(wrong))
