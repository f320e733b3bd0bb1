"""The probe: runs on the host, Python 3.6 or newer, standard library and psutil only.

It is one process with one loop: a line in ("poll <nonce> [facts] [minute] ..."), one frame
out. It writes no file, and ends when its input ends, when nobody has asked for ten minutes,
or when one poll has taken a minute. The few programs of the host that it runs (see the
collectors "minute" and "hour") run beside it, and never hold it up.

A collector is a module with `collect(host)`, a generator of (name, labels, value): raw
values, None where the host does not say. Each one is timed and fails alone; what it had
yielded before it failed is kept.

The bundle appends a call of `run` with the sources of the collectors.
"""

import gc
import os
import select
import signal
import sys
import time
from json import dumps

try:
    from _sha2 import sha256
except ImportError:
    try:
        from _sha256 import sha256
    except ImportError:
        from hashlib import sha256  # large, so only where the small ones were left out

IDLE_SECONDS = 600
POLL_SECONDS = 60
PSUTIL_MINIMUM = (5, 3)  # the first whose counters can be had without its own wrap guard


class Module(object):
    """A namespace to run a source text in."""

    def __init__(self, name, source):
        self.__name__ = name
        code = compile(source, "rollcall-probe/%s.py" % name, "exec", 0, True, 2)
        exec(code, self.__dict__)


class Helper(object):
    """A program of the host that runs beside us. What it prints is fetched at later polls."""

    SECONDS = 90

    def __init__(self, path, words):
        self.output, self.ended, self.until = b"", False, time.monotonic() + self.SECONDS
        reader, writer = os.pipe()
        nothing = os.open("/dev/null", os.O_RDONLY)
        environment = {"PATH": ":".join(Host.PATH), "LC_ALL": "C", "TZ": "UTC"}
        spawn = getattr(os, "posix_spawn", None)  # newer than Python 3.7, and does not copy us
        duplicate = getattr(os, "POSIX_SPAWN_DUP2", None)
        try:
            if spawn:
                moves = [(duplicate, fd, to) for fd, to in ((nothing, 0), (writer, 1), (nothing, 2))]  # fmt: skip
                self.pid = spawn(path, words, environment, file_actions=moves)
            else:
                self.pid = os.fork()
                if not self.pid:
                    try:
                        for fd, to in ((nothing, 0), (writer, 1), (nothing, 2)):
                            os.dup2(fd, to)
                        os.execve(path, words, environment)
                    finally:
                        os._exit(127)
        except Exception:
            os.close(reader)
            raise
        finally:
            os.close(nothing)
            os.close(writer)
        os.set_blocking(reader, False)
        self.reader = reader

    def look(self):
        """Whether it is gone; takes what it has printed, and kills it after its time."""
        if self.reader is not None:
            try:
                data = b"x"
                while data and len(self.output) < 262144:
                    data = os.read(self.reader, 65536)
                    self.output += data
                self.ended = True
            except BlockingIOError:
                if time.monotonic() < self.until:
                    return False
            os.close(self.reader)
            self.reader = None
        if not self.ended:
            self.kill()
        try:
            gone, status = os.waitpid(self.pid, os.WNOHANG)
        except OSError:
            return True
        if gone and status == 0:
            self.output += b"\ndone"
        return gone != 0

    def kill(self):
        try:
            os.kill(self.pid, signal.SIGKILL)
        except OSError:
            pass


class Host(object):
    """What a collector may use: psutil, files, programs, clean text; and where texts, facts and details go."""

    PATH = ("/usr/sbin", "/usr/bin", "/sbin", "/bin", "/usr/local/sbin", "/usr/local/bin")

    def __init__(self, psutil, origin):
        self.psutil = psutil
        self.psutil_origin = origin
        self.asked = frozenset()
        self.facts = {}
        self.details = {}
        self.raw = {}
        self.helpers = {}
        self.sent = {}

    def keep(self, name, data):
        """Send a text as it is; a line that is the same as in the poll before is sent empty."""
        lines = self.text(data).strip("\n").split("\n")
        before, self.sent[name] = self.sent.get(name), lines
        if before and len(before) == len(lines):
            lines = ["" if new == old else new for new, old in zip(lines, before)]
        self.raw[name] = "\n".join(lines)

    def run(self, name, *words):
        """Start a program if there is one and it does not run already; its output becomes a text."""
        path = self.find(words[0])
        if path and name not in self.helpers:
            self.helpers[name] = Helper(path, words)

    def find(self, program):
        """Where a program is; nothing if the host does not have it."""
        paths = [folder + "/" + program for folder in self.PATH]
        return next((path for path in paths if os.access(path, os.X_OK)), None)

    def fetch(self):
        """Take the texts of the programs that have ended."""
        for name, helper in list(self.helpers.items()):
            if helper.look():
                del self.helpers[name]
                if helper.ended:
                    self.raw[name] = self.text(helper.output)

    @staticmethod
    def read(path):
        """The bytes of a file."""
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            parts = [os.read(fd, 262144)]
            while parts[-1]:  # the kernel may hand out less at a time than there is
                parts.append(os.read(fd, 262144))
            return b"".join(parts)
        finally:
            os.close(fd)

    @staticmethod
    def text(value):
        """Bytes or a file name as text that any reader can decode."""
        if isinstance(value, str):
            value = value.encode("utf-8", "surrogateescape")
        return value.decode("utf-8", "backslashreplace")


class Probe(object):
    """The loop of polls; numbers the sets of names it has sent."""

    def __init__(self, host, collectors):
        self.host = host
        self.collectors = collectors
        self.boot_id = host.text(host.read("/proc/sys/kernel/random/boot_id").strip())
        self.series = None
        self.names = 0

    def report(self, asked):
        """The report as a document; `asked` are words such as "facts"."""
        host = self.host
        host.asked, host.facts, host.details, host.raw = asked, {}, {}, {}
        host.fetch()
        document = {
            "protocol": 1,
            "boot_id": self.boot_id,
            "monotonic": time.monotonic(),
            "time": time.time(),
        }
        series, values, runs = [], [], []
        for name, module in self.collectors:
            started, error = time.perf_counter(), None
            try:
                for metric, labels, value in module.collect(host):
                    series.append((metric, labels))
                    values.append(value)
            except Exception as failure:
                error = host.text("%s: %s" % (type(failure).__name__, failure))[:400]
            runs.append((name, round(time.perf_counter() - started, 6), error))
        if series != self.series:
            self.series = series
            self.names += 1
            document["series"] = series
        document["names"] = self.names
        document["values"] = values
        document["collectors"] = runs
        document["cost"] = {"cpu_seconds": time.process_time(), "memory_bytes": resident(host)}
        if host.raw:
            document["raw"] = host.raw
        if host.facts:
            document["facts"] = host.facts
        if host.details:
            document["details"] = host.details
        return document

    def answer(self, line):
        """One line of input: a poll is answered, anything else is not."""
        words = line.decode("ascii", "replace").split()
        if len(words) < 2 or words[0] != "poll":
            return
        payload = dumps(self.report(frozenset(words[2:])), separators=(",", ":")).encode("ascii")
        head = "\nROLLCALL %s %d %s\n" % (words[1], len(payload), sha256(payload).hexdigest())
        send(head.encode("ascii") + payload + b"\n")

    def loop(self):
        """Answer until the input ends or falls silent."""
        rest = b""
        while True:
            if not select.select([0], [], [], IDLE_SECONDS)[0]:
                return
            data = os.read(0, 65536)
            if not data or len(rest) > 65536:
                return
            lines = (rest + data).split(b"\n")
            rest = lines.pop()
            for line in lines:
                signal.alarm(POLL_SECONDS)  # its default is to end us, whatever we wait for
                self.answer(line)
                signal.alarm(0)


def resident(host):
    try:
        return int(host.read("/proc/self/statm").split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, IndexError):
        return 0


def send(data):
    while data:
        data = data[os.write(1, data) :]


def receive():
    """Bytes from the central: "<length> <sha256>", then exactly that many."""
    size, digest = sys.stdin.buffer.readline(100).split()
    data = sys.stdin.buffer.read(int(size))
    if sha256(data).hexdigest().encode("ascii") != digest:
        raise ValueError("psutil did not arrive whole")
    return data


class Finder(object):
    """Imports modules from memory: name -> compressed source."""

    def __init__(self, sources):
        self.sources = sources

    def find_spec(self, name, path=None, target=None):
        if name not in self.sources:
            return None
        spec = type(sys.__spec__ or signal.__spec__)(name, self, origin="rollcall-probe")
        if name == "psutil":
            spec.submodule_search_locations = []
        return spec

    def create_module(self, spec):
        return None

    def exec_module(self, module):
        from zlib import decompress  # noqa: PLC0415 - not every start needs it

        name = module.__name__
        # Without docstrings: they are a third of what psutil takes.
        code = compile(decompress(self.sources.pop(name)), name, "exec", 0, True, 2)
        exec(code, module.__dict__)


def find_psutil():
    """(psutil, "host" or "sent"): the host's own, else the one the central sends."""
    try:
        import psutil  # noqa: PLC0415 - may be missing

        if tuple(psutil.version_info[:2]) >= PSUTIL_MINIMUM:
            return psutil, "host"
    except Exception:
        pass  # missing or broken: both are cured by our own
    for name in [name for name in sys.modules if name.split(".")[0] == "psutil"]:
        del sys.modules[name]
    send(b"\nROLLCALL NEEDS psutil\n")
    data, sources = receive(), {}
    while data:
        head, data = data.split(b"\n", 1)
        name, size = head.decode("ascii").split()
        sources[name], data = data[: int(size)], data[int(size) :]
    sys.meta_path.insert(0, Finder(sources))
    import psutil  # noqa: PLC0415

    return psutil, "sent"


def run(sources):
    """Serve polls. `sources` are (name, source text) pairs in the order to run them."""
    try:
        globals().pop("program", None)  # the loader's copy of this text
        os.chdir("/")  # the login directory may have to be unmounted
        psutil, origin = find_psutil()
        host = Host(psutil, origin)
        probe = Probe(host, [(name, Module(name, source)) for name, source in sources])
        del sources[:]
        gc.collect()
        send(b"\nROLLCALL STARTED psutil %s\n" % origin.encode("ascii"))
        try:
            probe.loop()
        finally:
            for helper in host.helpers.values():
                helper.kill()
    except BrokenPipeError:
        pass
    except Exception as failure:
        os.write(2, ("ROLLCALL FAILED %s: %s\n" % (type(failure).__name__, failure)).encode())
        os._exit(1)
    os._exit(0)  # at once: a thread may be stuck in a dead mount
