"""What is sent to a host: the command that loads the probe, the probe, and psutil.

Pure: reads our own files and those of the installed psutil, once per process.
"""

from __future__ import annotations

import zlib
from functools import cache
from hashlib import sha256
from pathlib import Path

import psutil

from pollers.probe.registry import COLLECTORS

ROOM = Path(__file__).parent

INTERPRETERS = (
    "python3",
    "/usr/bin/python3",
    "/usr/libexec/platform-python",
    *(f"python3.{minor}" for minor in range(13, 5, -1)),
    "python",
)

# One readable line, inside single quotes in whatever shell the account has: so no single
# quote, backslash, exclamation mark, dollar, backquote or newline. The hash comes from the
# smallest module that has it: hashlib would bring OpenSSL, but some builds have only that.
LOADER = "; ".join(
    (
        "import sys",
        'sys.version_info < (3, 6) and sys.exit("ROLLCALL OLD " + sys.version)',
        'name = next(n for n in ("_sha2", "_sha256", "hashlib") if any(f.find_spec(n, None) for f in sys.meta_path))',
        'print("ROLLCALL READY", flush=True)',
        "size, digest = sys.stdin.buffer.readline(100).split()",
        "program = sys.stdin.buffer.read(int(size))",
        'whole = __import__(name).sha256(program).hexdigest() == digest.decode() or sys.exit("ROLLCALL CUT")',
        'exec(compile(program, "rollcall-probe/main.py", "exec", 0, True, 2))',
    )
)

LOADER_COMMANDS = tuple(f"{name} -I -B -c '{LOADER}' rollcall-probe" for name in INTERPRETERS)
"""One command per interpreter, in the order to try them; parallel to INTERPRETERS."""

SHELL_COMMAND = "sh -s rollcall-probe"
"""For hosts without a usable Python: words only, so any login shell passes them on."""

# The one line the shell is given to begin with. It runs the script only if it arrived whole.
SHELL_LOADER = "; ".join(
    (
        "LC_ALL=C",
        "export LC_ALL",
        "printf '\\nROLLCALL READY\\n'",
        "end=$(printf '\\nx')",
        "read -r size",
        "text=",
        'while test ${#text} -lt "$size" && IFS= read -r line; do text=$text$line${end%x}; done',
        'if test ${#text} = "$size"; then eval "$text"; else echo ROLLCALL CUT >&2; exit 1; fi\n',
    )
)

# The parts of psutil that Linux needs; a release that lacks one does not need it.
PSUTIL_FILES = ("__init__", "_common", "_compat", "_ntuples", "_psposix", "_pslinux")


@cache
def program() -> bytes:
    """The probe as one script: main.py, and a call of its `run` with the collectors."""
    sources = [
        (name, (ROOM / "collectors" / f"{name}.py").read_text(encoding="utf-8"))
        for name in COLLECTORS
    ]
    main = (ROOM / "main.py").read_text(encoding="utf-8")
    return f"{main}\n\nrun({sources!a})\n".encode()


@cache
def shell_program() -> bytes:
    """The probe for the shell."""
    return (ROOM / "shell.sh").read_bytes()


def shell_parcel(data: bytes) -> bytes:
    """What the loader of the shell reads: "<length>\\n", then the bytes."""
    return f"{len(data)}\n".encode() + data


@cache
def psutil_sources() -> dict[str, bytes]:
    """psutil's pure part with our stand-in for its C part: the text of each module."""
    room = Path(psutil.__file__).parent
    version = f"\nversion = {int(psutil.__version__.replace('.', ''))}\n"
    stand_in = (ROOM / "psutil_linux.py").read_bytes() + version.encode()
    parts = {"psutil._psutil_linux": stand_in, "psutil._psutil_posix": stand_in}
    for name in PSUTIL_FILES:
        path = room / f"{name}.py"
        if path.exists():
            parts["psutil" if name == "__init__" else f"psutil.{name}"] = path.read_bytes()
    return parts


@cache
def psutil_sent_along() -> bytes:
    """The same as it is sent: "<module> <length>\\n<zlib>" each."""
    packed = {name: zlib.compress(text, 9) for name, text in psutil_sources().items()}
    return b"".join(f"{name} {len(data)}\n".encode() + data for name, data in packed.items())


def everything() -> list[tuple[str, str, bytes]]:
    """All that is ever sent to a host: (title, name, the very bytes)."""
    return [
        ("The command, where there is Python", "command", LOADER_COMMANDS[0].encode()),
        ("What that command then reads and runs", "program", program()),
        ("psutil, for hosts that have none", "psutil", psutil_sent_along()),
        ("The command, where there is no Python", "command", SHELL_COMMAND.encode()),
        ("The line that command reads first", "loader", SHELL_LOADER.encode()),
        ("What that line then reads and runs", "script", shell_program()),
    ]


def parcel(data: bytes) -> bytes:
    """What the probe reads: "<length> <sha256>\\n", then the bytes."""
    return f"{len(data)} {sha256(data).hexdigest()}\n".encode() + data
