"""Schemas (docs/protocol/1-encoding.md section 1.2, and the CDDL in docs/protocol/dotkey.cddl).

A schema is a tree of nodes. A map with a version looks at that before anything else. A map or array first checks the types of its own items (`wrong-type`), then its keys
(`missing-key`, `unknown-key`), then goes through its values in the order of their encoding: the range of each
(`out-of-range`, or the code that the text gives for it), then what is inside it.
"""

from .cbor import Map
from .errors import Refused, require

INFINITE = 1 << 64


def check(node, value, where: str):
    """The value, if it follows the schema."""
    _type(node, value, where)
    node.check(value, where)
    return value


def check_size(data: bytes) -> None:
    """What is part of a record is no longer than one (1.1)."""
    require(len(data) <= 65536, "too-large", f"{len(data)} bytes")


def _type(node, value, where: str) -> None:
    require(node.fits(value), "wrong-type", f"{where}: {node.word} wanted, found {value!r}"[:200])


def _range(number: int, least: int, most: int, where: str) -> None:
    require(least <= number <= most, "out-of-range", f"{where}: {number} is not in {least}..{most}")


class Integer:
    """Any integer; who uses it gives its own code for wrong values."""

    word = "an integer"

    def fits(self, value):
        return type(value) is int

    def check(self, value, where):
        pass


class Unsigned:
    word = "an unsigned integer"

    def __init__(self, least=0, most=INFINITE - 1):
        self.least, self.most = least, most

    def fits(self, value):
        return type(value) is int and value >= 0

    def check(self, value, where):
        _range(value, self.least, self.most, where)


class _String:
    def __init__(self, least=0, most=INFINITE - 1):
        self.least, self.most = least, most

    def fits(self, value):
        return type(value) is self.type

    def check(self, value, where):
        size = len(value.encode() if self.type is str else value)
        _range(size, self.least, self.most, where + " size")


class Bytes(_String):
    type, word = bytes, "a byte string"


class Text(_String):
    type, word = str, "a text string"


class Null:
    word = "null"

    def fits(self, value):
        return value is None

    def check(self, value, where):
        pass


class Either:
    """One of two schemas, which the type of the value tells."""

    def __init__(self, *nodes):
        self.nodes = nodes
        self.word = " or ".join(node.word for node in nodes)

    def fits(self, value):
        return any(node.fits(value) for node in self.nodes)

    def check(self, value, where):
        next(node for node in self.nodes if node.fits(value)).check(value, where)


class ArrayOf:
    """Elements of one schema."""

    word = "an array"

    def __init__(self, element, least, most):
        self.element, self.least, self.most = element, least, most

    def fits(self, value):
        return type(value) is list

    def check(self, value, where):
        _range(len(value), self.least, self.most, where + " count")
        for element in value:
            _type(self.element, element, where)
        for element in value:
            self.element.check(element, where)


class Tuple:
    """A fixed number of elements, each with a schema."""

    word = "an array"

    def __init__(self, **elements):
        self.elements = elements

    def fits(self, value):
        return type(value) is list

    def check(self, value, where):
        _range(len(value), len(self.elements), len(self.elements), where + " count")
        for (name, node), element in zip(self.elements.items(), value):
            _type(node, element, f"{where} {name}")
        for (name, node), element in zip(self.elements.items(), value):
            node.check(element, f"{where} {name}")


class MapOf:
    """A map with numbered keys; `open` ones keep and ignore the unsigned keys that they do not list."""

    word = "a map"

    def __init__(self, required: dict, optional: dict, open: bool = False, versioned: bool = False):
        self.required, self.known, self.open = required, required | optional, open
        self.versioned = versioned

    def fits(self, value):
        return type(value) is Map

    def check(self, value, where):
        if self.versioned and type(value.get(1)) is int and value.get(1) >= 0:
            require(value.get(1) == 1, "unknown-version", f"{where}: {value.get(1)}")
        for key, item in value.items():
            require(type(key) is int and key >= 0, "wrong-type", f"{where}: key {key!r}")
            if key in self.known:
                _type(self.known[key], item, f"{where} key {key}")
        for key in self.required:
            require(key in value, "missing-key", f"{where}: key {key}")
        for key, item in value.items():
            if key not in self.known and not self.open:
                raise Refused("unknown-key", f"{where}: key {key}")
        for key, item in value.items():
            if key in self.known:
                self.known[key].check(item, f"{where} key {key}")


class TextMap:
    """A map from texts to values of one schema, with at least one entry."""

    word = "a map"

    def __init__(self, values, most):
        self.values, self.most = values, most

    def fits(self, value):
        return type(value) is Map

    def check(self, value, where):
        _range(len(value.items()), 1, self.most, where + " count")
        for key, item in value.items():
            require(type(key) is str, "wrong-type", f"{where}: key {key!r}")
            _type(self.values, item, f"{where} {key!r}")
        for key, item in value.items():
            self.values.check(item, f"{where} {key!r}")


DIGEST = Bytes(32, 32)
COUNT = Unsigned(0, 9007199254740991)
SEQUENCE = Unsigned(1, 9007199254740991)
TIME = Unsigned(0, 253402300799)
POLICY_NUMBER = Unsigned(0, 4294967295)
CHAIN = ArrayOf(Bytes(), 1, 64)
