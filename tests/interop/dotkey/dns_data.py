"""Owner names and record types (docs/protocol/6-dns-data.md sections 6.1, 6.4 and 6.10); RDATA is in rdata.py."""

import re

from .errors import Refused, require

OWNER_BYTES_MAX = 254
ESCAPED = b'."();@\\$'

# 6.4: reserved, of queries and messages, or made by the resolver that signs the answer.
TYPES_REFUSED = {0, 65535, 41, *range(128, 256), 24, 25, 30, 46, 47, 48, 50, 51, 59, 60}


def check_owner(owner: bytes) -> None:
    """6.1."""
    require(len(owner) <= OWNER_BYTES_MAX, "owner", f"{len(owner)} bytes")
    at = 0
    while at < len(owner):
        size = owner[at]
        require(1 <= size <= 63, "owner", f"length byte {size}")
        require(at + 1 + size <= len(owner), "owner", "the last label is cut")
        at += 1 + size
    for label in labels_of(owner):
        require(not any(65 <= byte <= 90 for byte in label), "owner", f"upper case in {label!r}")


def labels_of(owner: bytes) -> list[bytes]:
    """The labels of an owner name in wire form, the leftmost first."""
    labels, at = [], 0
    while at < len(owner):
        size = owner[at]
        labels.append(owner[at + 1 : at + 1 + size])
        at += 1 + size
    return labels


def is_at_or_below(owner: bytes, above: bytes) -> bool:
    """Labels are compared, not the ends of byte strings."""
    own, other = labels_of(owner), labels_of(above)
    return len(own) >= len(other) and own[len(own) - len(other) :] == other


def is_below(owner: bytes, above: bytes) -> bool:
    return owner != above and is_at_or_below(owner, above)


def owner_text(owner: bytes) -> str:
    """The text form (6.10) of a valid owner; the apex is `@`."""
    check_owner(owner)
    return ".".join("".join(map(_escape, label)) for label in labels_of(owner)) or "@"


def _escape(byte: int) -> str:
    if byte in ESCAPED:
        return "\\" + chr(byte)
    return chr(byte) if 33 <= byte <= 126 else f"\\{byte:03}"


def branch_text(owner: bytes) -> str | None:
    """The text form of a branch (3.3), or None where the bytes cannot be one."""
    try:
        check_owner(owner)
    except Refused:
        return None
    text = b".".join(labels_of(owner)).decode("latin-1")
    return text if branch_from_text(text) == owner else None


def branch_from_text(text: str) -> bytes | None:
    """The owner name of a branch, or None."""
    labels = text.split(".")
    if not all(re.fullmatch("[a-z0-9_-]{1,63}", label) for label in labels):
        return None
    owner = b"".join(bytes([len(label)]) + label.encode() for label in labels)
    return owner if len(owner) <= OWNER_BYTES_MAX else None


def check_type(type: int) -> None:
    """6.4."""
    require(type not in TYPES_REFUSED, "type", f"type {type} may not stand in a zone")
