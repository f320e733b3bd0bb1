"""Private keys as people paste them. Pure."""

from __future__ import annotations

import asyncssh


class PrivateKeyError(ValueError):
    """The key cannot be used; the message says why and is safe to show."""


def tidy(text: str) -> str:
    """A pasted key without CRLF, trailing blanks and blank lines around it."""
    text = text.replace("\ufeff", "").replace("\r\n", "\n").replace("\r", "\n")
    lines = [line.strip() for line in text.strip().split("\n")]
    return "\n".join(lines) + "\n"


def fingerprint(text: str, passphrase: str = "") -> str:
    """Check a tidy private key and return the SHA-256 fingerprint of its public half.

    OpenSSH, PKCS#1 and PKCS#8, encrypted or not.
    """
    if "PRIVATE KEY-----" not in text:
        if text.lstrip().startswith(("ssh-", "ecdsa-", "sk-")):
            raise PrivateKeyError(
                "This is a public key; the private one is needed (the file without .pub)."
            )
        raise PrivateKeyError(
            "This is not a private key (it begins with -----BEGIN … PRIVATE KEY-----)."
        )
    try:
        key = asyncssh.import_private_key(text, passphrase or None)
    except asyncssh.KeyEncryptionError:
        raise PrivateKeyError(
            "The passphrase does not open this key."
            if passphrase
            else "This key needs a passphrase."
        ) from None
    except asyncssh.KeyImportError as problem:
        if "assphrase" in str(problem):
            raise PrivateKeyError("This key needs a passphrase.") from None
        raise PrivateKeyError("This private key is damaged or of an unknown kind.") from None
    except (ValueError, ArithmeticError, LookupError, TypeError):
        # what a parser makes of a damaged key has many names
        raise PrivateKeyError("This private key is damaged.") from None
    return key.get_fingerprint()
