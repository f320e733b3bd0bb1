"""Where this installation's credential keys are, and the keyring made of them."""

from __future__ import annotations

import os
import secrets
import stat
from functools import lru_cache
from pathlib import Path

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from credentials.keyring import Keyring, KeyringError, SecretUnreadable, new_key
from credentials.sealed import SealedModel, sealed_models


def keyring() -> Keyring:
    """The keyring. Raises ImproperlyConfigured when the keys are missing or wrong.

    The file is read anew when it changed, so that running workers follow a rotation.
    """
    if settings.CREDENTIAL_KEYS:
        return _keyring(keys_from_outside())
    path = Path(settings.CREDENTIAL_KEY_FILE)
    if not path.exists():
        make_key_file(path)
    return _keyring(read_key_file(path))


def keys_from_outside() -> tuple[str, ...]:
    """The keys of the environment, or of the file it names as that file stands now."""
    if not settings.CREDENTIAL_KEYS_PATH:
        return tuple(settings.CREDENTIAL_KEYS)
    path = Path(settings.CREDENTIAL_KEYS_PATH)
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        raise ImproperlyConfigured(
            f"CREDENTIAL_KEYS_FILE names {path}, which cannot be read."
        ) from None
    lines = (line for line in text.splitlines() if not line.lstrip().startswith("#"))
    return tuple(" ".join(lines).replace(",", " ").split())


@lru_cache(maxsize=4)
def _keyring(keys: tuple[str, ...]) -> Keyring:
    try:
        return Keyring(keys)
    except KeyringError as problem:
        raise ImproperlyConfigured(f"{problem} Look at {whereabouts()}.") from None


def whereabouts() -> str:
    """Where the keys come from, for people."""
    if settings.CREDENTIAL_KEYS:
        return "CREDENTIAL_KEYS (or the file that CREDENTIAL_KEYS_FILE names)"
    return f"the credential key file {settings.CREDENTIAL_KEY_FILE}"


def read_key_file(path: Path) -> tuple[str, ...]:
    """The keys of our own key file, one a line; refused when group or others can read it."""
    try:
        mode = path.stat().st_mode
        text = path.read_text(encoding="ascii")
    except (OSError, UnicodeDecodeError):
        raise ImproperlyConfigured(f"The credential key file {path} cannot be read.") from None
    if mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise ImproperlyConfigured(
            f"The credential key file {path} can be read by others. Run: chmod 600 {path}"
        )
    return tuple(
        line.strip() for line in text.splitlines() if line.strip() and not line.startswith("#")
    )


def make_key_file(path: Path) -> None:
    """Make the first key, but never in place of one under which secrets are stored."""
    stored = sum(model.objects.count() for model in sealed_models())  # type: ignore[attr-defined]
    if stored:
        raise ImproperlyConfigured(
            f"The credential key file {path} is missing, but {stored} secrets are stored under it. "
            "Put it back, or set CREDENTIAL_KEYS_FILE."
        )
    write_key_file(path, (new_key(),), replace=False)


def write_key_file(path: Path, keys: tuple[str, ...], *, replace: bool) -> None:
    """Write all keys, whole or not at all, mode 0600. Without `replace` an existing file stays."""
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(
                "# Keep this file apart from the database, and keep a copy: without it the stored secrets are lost.\n"
            )
            file.writelines(key + "\n" for key in keys)
            file.flush()
            os.fsync(file.fileno())
        if replace:
            os.replace(draft, path)
        else:
            os.link(draft, path)
    except FileExistsError:
        pass  # another process made it first
    finally:
        draft.unlink(missing_ok=True)
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """A name in a folder outlasts a power cut only once the folder is written, too."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def seal(row: SealedModel, field: str, text: str) -> None:
    """Set a secret of a row, not yet saved. An empty text clears it."""
    setattr(row, field, keyring().seal(text, row.place(field)) if text else "")


def reveal(row: SealedModel, field: str) -> str:
    """The secret in the clear. Raises SecretUnreadable, ImproperlyConfigured; both say which keys to look at."""
    sealed = str(getattr(row, field))
    if not sealed:
        return ""
    try:
        return keyring().open(sealed, row.place(field))
    except SecretUnreadable as problem:
        raise SecretUnreadable(f"{problem} Look at {whereabouts()}.") from None
