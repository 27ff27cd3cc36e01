"""Owner names, record types and RDATA (docs/protocol/6-dns-data.md)."""

import re

from .errors import require

WIRE_BYTES_MAX = 254


def labels_of(owner: bytes) -> list[bytes]:
    """The labels of an owner name in wire form, the leftmost first."""
    labels, at = [], 0
    while at < len(owner):
        size = owner[at]
        labels.append(owner[at + 1 : at + 1 + size])
        at += 1 + size
    return labels


def is_at_or_below(owner: bytes, above: bytes) -> bool:
    own, other = labels_of(owner), labels_of(above)
    return own[len(own) - len(other) :] == other if len(own) >= len(other) else False


def is_below(owner: bytes, above: bytes) -> bool:
    return owner != above and is_at_or_below(owner, above)


def branch_text(owner: bytes) -> str | None:
    """The text form of a branch (3.3), or None where the owner name cannot be one."""
    try:
        check_owner(owner)
    except Exception:
        return None
    text = b".".join(labels_of(owner)).decode("latin-1")
    return text if branch_from_text(text) == owner else None


def branch_from_text(text: str) -> bytes | None:
    """The owner name of a branch, or None."""
    labels = text.split(".")
    if not all(re.fullmatch("[a-z0-9_-]{1,63}", label) for label in labels):
        return None
    owner = b"".join(bytes([len(label)]) + label.encode() for label in labels)
    return owner if len(owner) <= WIRE_BYTES_MAX else None


def check_owner(owner): pass
def check_type(type): pass
def check_rdata(type, rdata): pass
