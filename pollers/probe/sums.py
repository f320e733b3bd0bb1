"""The sums by which a frame proves that it arrived whole.

Pure. A host without Python has what it has: sha256sum(1), else cksum(1), else nothing but
the length; which one it was stands in the frame.
"""

from __future__ import annotations

import zlib
from hashlib import sha256

MIRRORED = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))


def cksum(data: bytes) -> int:
    """As POSIX's cksum(1): the mirror image of zlib's sum, from another start, with the length."""
    size = len(data)
    length = size.to_bytes((size.bit_length() + 7) // 8, "little")
    mirrored = zlib.crc32((data + length).translate(MIRRORED), 0xFFFFFFFF) ^ 0xFFFFFFFF
    return int(f"{mirrored:032b}"[::-1], 2) ^ 0xFFFFFFFF


def right(said: bytes, payload: bytes) -> bool:
    """Whether this is the sum of the payload: "<sha256>", or "<program>:<sum>"."""
    program, mark, digest = said.rpartition(b":")
    if not mark or program == b"sha256sum":
        return sha256(payload).hexdigest().encode() == digest
    if program == b"cksum":
        return str(cksum(payload)).encode() == digest
    return program == b"none" and not digest
