"""Readers of the environment: each refuses a wrong value with its name and a hint."""

from __future__ import annotations

import os
import secrets
import stat
import warnings
from contextlib import suppress
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from django.core.exceptions import ImproperlyConfigured


def text(name: str, default: str = "") -> str:
    return os.environ.get(name, "").strip() or default


def integer(name: str, default: int, *, low: int, high: int) -> int:
    raw = text(name, str(default))
    try:
        number = int(raw)
    except ValueError:
        raise ImproperlyConfigured(f"{name} must be a whole number, not {raw!r}.") from None
    if not low <= number <= high:
        raise ImproperlyConfigured(f"{name} must lie between {low} and {high}, not {number}.")
    return number


def boolean(name: str, default: bool) -> bool:
    raw = text(name, "1" if default else "0").lower()
    if raw in ("1", "true", "yes", "on"):
        return True
    if raw in ("0", "false", "no", "off"):
        return False
    raise ImproperlyConfigured(f"{name} must be 1 or 0, not {raw!r}.")


def words(name: str, default: str = "") -> list[str]:
    return [word.strip() for word in text(name, default).split(",") if word.strip()]


def networks(name: str) -> list[IPv4Network | IPv6Network]:
    try:
        return [ip_network(word, strict=False) for word in words(name)]
    except ValueError as problem:
        raise ImproperlyConfigured(f"{name} holds no network: {problem}.") from None


def time_zone(name: str, default: str) -> str:
    zone = text(name, default)
    try:
        ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError):
        raise ImproperlyConfigured(
            f"{name} must be a zone such as Europe/Berlin, not {zone!r}."
        ) from None
    return zone


def keys(text: str) -> list[str]:
    """Keys separated by blanks, commas or lines; a line that begins with # is a remark."""
    lines = (line for line in text.splitlines() if not line.lstrip().startswith("#"))
    return " ".join(lines).replace(",", " ").split()


def secret(name: str, default: str = "") -> str:
    """The value of NAME, or the content of the file that NAME_FILE names."""
    path = text(f"{name}_FILE")
    if not path:
        return text(name, default)
    if text(name):
        raise ImproperlyConfigured(f"Set {name} or {name}_FILE, not both.")
    return read_named_file(f"{name}_FILE", Path(path))


def read_named_file(setting: str, path: Path) -> str:
    """A file somebody named: refused when others can write it, warned about when they can read it."""
    try:
        mode = path.stat().st_mode
        content = path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as problem:
        reason = problem.strerror if isinstance(problem, OSError) else "not a text file"
        raise ImproperlyConfigured(
            f"{setting} names {path}, which cannot be read: {reason}."
        ) from None
    if mode & stat.S_IWOTH:
        raise ImproperlyConfigured(
            f"{setting} names {path}, which everybody can write. Run: chmod o-w {path}"
        )
    if mode & stat.S_IROTH and not on_read_only_mount(path):
        warnings.warn(
            f"{setting} names {path}, which everybody can read. Run: chmod o-r {path}", stacklevel=2
        )
    if not content:
        raise ImproperlyConfigured(f"{setting} names {path}, which is empty.")
    return content


def on_read_only_mount(path: Path) -> bool:
    """Mounted secrets (Kubernetes, systemd) are often world-readable but on a private, read-only mount."""
    return bool(os.statvfs(path).f_flag & os.ST_RDONLY)


def data_dir() -> Path:
    """DATA_DIR, made if it is missing. What this process writes is nobody else's to read."""
    os.umask(0o077)
    path = Path(text("DATA_DIR", "./var")).absolute()
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as problem:
        raise ImproperlyConfigured(f"DATA_DIR {path} cannot be made: {problem.strerror}.") from None
    if not os.access(path, os.W_OK | os.X_OK):
        raise ImproperlyConfigured(
            f"DATA_DIR {path} cannot be written. Choose another, or change its owner."
        )
    return path


def own_key_file(path: Path) -> str:
    """A key file of our own, made with mode 0600 when missing; refused when others can read it."""
    if not path.exists():
        write_private_file(path, secrets.token_urlsafe(50) + "\n")
    return read_private_file(path)


def read_private_file(path: Path) -> str:
    """The content of a private file; PermissionError-like states are refused with the cure."""
    try:
        mode = path.stat().st_mode
        content = path.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError):
        raise ImproperlyConfigured(f"The key file {path} cannot be read.") from None
    if mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise ImproperlyConfigured(
            f"The key file {path} can be read by others. Run: chmod 600 {path}"
        )
    return content


def write_private_file(path: Path, content: str) -> None:
    """Write whole or not at all, mode 0600; a file that another process made meanwhile is left alone."""
    draft = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        with suppress(FileExistsError):
            os.link(draft, path)
    finally:
        draft.unlink()
