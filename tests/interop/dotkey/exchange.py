"""What nodes say to each other about records (docs/protocol/9-record-exchange.md)."""

import hashlib
import string

from .cbor import Map, decode
from .errors import require
from .hashes import H
from .schema import DIGEST, POLICY_NUMBER, SEQUENCE, TIME, ArrayOf, Bytes, Text, Tuple, Unsigned, check

BYTES_MAX = {"request": 66560, "response": 98304, "announcement": 128}
RECORD = Bytes(1, 65536)
SUMMARY = Tuple(policy=POLICY_NUMBER, sequence=SEQUENCE, digest=DIGEST)
CODE_CHARACTERS = set(string.ascii_lowercase + string.digits + "-")


class Either:
    """What may be of several types; the type decides which schema it follows. `None` in the list stands for null."""

    word = "one of several"

    def __init__(self, *nodes):
        self.nodes = nodes

    def node(self, value):
        for node in self.nodes:
            if value is None if node is None else node.fits(value):
                return node
        return self

    def fits(self, value):
        return self.node(value) is not self

    def check(self, value, where):
        node = self.node(value)
        if node is not None:
            node.check(value, where)


class Kinds:
    """An array whose first element says what the others are."""

    word = "an array"

    def __init__(self, **kinds):
        self.kinds = {int(name[1:]): elements for name, elements in kinds.items()}

    def fits(self, value):
        return type(value) is list

    def check(self, value, where):
        require(len(value) > 0, "out-of-range", f"{where} is empty")
        kind = check(Unsigned(), value[0], where + " kind")
        require(kind in self.kinds, "unknown-message", f"{where} of kind {kind}")
        elements = {f"element {place}": node for place, node in enumerate(self.kinds[kind], 1)}
        Tuple(kind=Unsigned(), **elements).check(value, where)


class Prefix(Tuple):
    def __init__(self):
        super().__init__(nibbles=Unsigned(0, 64), bytes=Bytes(0, 32))

    def check(self, value, where):
        super().check(value, where)
        nibbles, data = value
        require(len(data) == (nibbles + 1) // 2, "out-of-range", f"{where}: {len(data)} bytes for {nibbles} half bytes")
        require(nibbles % 2 == 0 or data[-1] & 15 == 0, "prefix", f"{where}: something in the half byte after it")


class Code(Text):
    def check(self, value, where):
        super().check(value, where)
        require(set(value) <= CODE_CHARACTERS, "error-code", f"{where}: {value!r}")


class Listed:
    """A map from positions to summaries."""

    word = "a map"

    def fits(self, value):
        return type(value) is Map

    def check(self, value, where):
        require(len(value) <= 16, "out-of-range", f"{where}: {len(value)} records")
        for position, summary in value.items():
            check(DIGEST, position, where + " position")
            check(SUMMARY, summary, where + " summary")


FINGERPRINT = Either(None, Tuple(count=SEQUENCE, sum=Bytes(16, 16)))
PROBE = Tuple(prefix=Prefix(), fingerprint=FINGERPRINT)
COMPARED = Either(None, ArrayOf(FINGERPRINT, 16, 16), Listed())
CONTACT = Tuple(peer=DIGEST, addresses=ArrayOf(Bytes(1, 160), 0, 8))
REFUSAL = Kinds(_1=[RECORD], _2=[Either(None, RECORD)], _3=[Code(1, 40)], _4=[], _5=[], _6=[Unsigned(0, 0xFFFFFFFF)])
MESSAGES = {
    "request": Kinds(
        _1=[DIGEST, Unsigned(0, 2)],
        _2=[RECORD, Either(Unsigned(0, 1), DIGEST)],
        _3=[TIME, ArrayOf(PROBE, 0, 64)],
    ),
    "response": Kinds(
        _1=[Either(None, SUMMARY, RECORD), ArrayOf(CONTACT, 0, 20)],
        _2=[],
        _3=[REFUSAL],
        _4=[TIME, ArrayOf(COMPARED, 0, 64)],
    ),
    "announcement": Tuple(key_id=DIGEST, position=DIGEST, summary=SUMMARY),
}


def read_message(kind: str, data: bytes):
    """The item, if it is a message of this kind."""
    require(len(data) <= BYTES_MAX[kind], "too-large", f"{len(data)} bytes")
    return check(MESSAGES[kind], decode(data), kind)


def position_of(place: bytes) -> bytes:
    return hashlib.sha256(place).digest()


def fingerprint(records) -> tuple[int, int]:
    """How many records there are, and the sum of their hashes: of (position, (policy number, sequence, digest))."""
    total = 0
    for position, (policy, sequence, digest) in records:
        said = position + policy.to_bytes(4, "big") + sequence.to_bytes(8, "big") + digest
        total += int.from_bytes(H("dotkey reconciliation v1", said)[:16], "big")
    return len(records), total % (1 << 128)
