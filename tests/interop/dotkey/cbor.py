"""Deterministic CBOR (docs/protocol/1-encoding.md section 1.1).

The decoder names the first fault in the order of the bytes. At one head: the initial byte (`forbidden-item`,
`indefinite-length`), a missing argument (`truncated`), its form (`not-shortest`), nesting (`too-deep`), then a
length that runs past the end (`truncated`).

A decoded value is an int, bytes, str, list, Map, bool or None. The tag that opens an envelope is read in signatures.py.
"""

from .errors import Refused, require

DEPTH_MAX = 16
UNSIGNED, NEGATIVE, BYTES, TEXT, ARRAY, MAP, TAG, SIMPLE = range(8)
SIMPLE_VALUES = {20: False, 21: True, 22: None}


class Map:
    """A CBOR map that keeps its order, and keeps 1 and true apart, which are one key in a Python dict."""

    def __init__(self, pairs):
        self.pairs = list(pairs)

    def get(self, key, default=None):
        for k, value in self.pairs:
            if type(k) is type(key) and k == key:
                return value
        return default

    def __getitem__(self, key):
        for k, value in self.pairs:
            if type(k) is type(key) and k == key:
                return value
        raise KeyError(key)

    def __contains__(self, key):
        return any(type(k) is type(key) and k == key for k, _ in self.pairs)

    def keys(self):
        return [k for k, _ in self.pairs]

    def items(self):
        return list(self.pairs)

    def __len__(self):
        return len(self.pairs)

    def __eq__(self, other):
        return isinstance(other, Map) and encode(self) == encode(other)

    def __repr__(self):
        return "Map({" + ", ".join(f"{k!r}: {v!r}" for k, v in self.pairs) + "})"


def decode(data: bytes):
    """The one item in `data`."""
    reader = _Reader(data)
    value = reader.item(0)
    require(reader.at == len(data), "trailing-bytes", f"{len(data) - reader.at} bytes follow the item")
    return value


class _Reader:
    def __init__(self, data: bytes):
        self.data = data
        self.at = 0

    def take(self, count: int) -> bytes:
        require(count <= len(self.data) - self.at, "truncated", f"{count} bytes wanted at {self.at}")
        self.at += count
        return self.data[self.at - count : self.at]

    def head(self) -> tuple[int, int]:
        """The major type and the argument at this place."""
        start = self.at
        initial = self.take(1)[0]
        major, info = initial >> 5, initial & 31
        require(info not in (28, 29, 30), "forbidden-item", f"reserved value {info} at {start}")
        require(major != TAG, "forbidden-item", f"tag at {start}")
        if major == SIMPLE:
            require(info in SIMPLE_VALUES, "forbidden-item", f"float or simple value {info} at {start}")
        if info == 31:
            code = "indefinite-length" if BYTES <= major <= MAP else "forbidden-item"
            raise Refused(code, f"indefinite form at {start}")
        if info < 24:
            return major, info
        size = 1 << (info - 24)
        argument = int.from_bytes(self.take(size), "big")
        smallest = {1: 24, 2: 1 << 8, 4: 1 << 16, 8: 1 << 32}[size]
        require(argument >= smallest, "not-shortest", f"{argument} in {size} bytes at {start}")
        return major, argument

    def item(self, depth: int):
        """One item, inside of `depth` arrays and maps."""
        start = self.at
        major, argument = self.head()
        if major == UNSIGNED:
            return argument
        if major == NEGATIVE:
            return -1 - argument
        if major == BYTES:
            return self.take(argument)
        if major == TEXT:
            return self.text(argument)
        if major == SIMPLE:
            return SIMPLE_VALUES[argument]
        require(depth < DEPTH_MAX, "too-deep", f"more than {DEPTH_MAX} arrays and maps at {start}")
        least = argument * (2 if major == MAP else 1)
        require(least <= len(self.data) - self.at, "truncated", f"{argument} elements announced at {start}")
        if major == ARRAY:
            return [self.item(depth + 1) for _ in range(argument)]
        return self.map(argument, depth + 1)

    def text(self, size: int) -> str:
        start = self.at
        try:
            return self.take(size).decode("utf-8")
        except UnicodeDecodeError:
            raise Refused("invalid-utf8", f"text at {start}") from None

    def map(self, count: int, depth: int) -> Map:
        pairs, before = [], None
        for _ in range(count):
            start = self.at
            key = self.item(depth)
            encoded = self.data[start : self.at]
            require(before is None or encoded != before, "duplicate-key", f"key {key!r} at {start}")
            require(before is None or encoded > before, "map-order", f"key {key!r} at {start}")
            before = encoded
            pairs.append((key, self.item(depth)))
        return Map(pairs)


def encode(value) -> bytes:
    """The one encoding of a value; also of a dict, whose keys are put in order."""
    if value is None or isinstance(value, bool):
        return {False: b"\xf4", True: b"\xf5", None: b"\xf6"}[value]
    if isinstance(value, int):
        return _head(UNSIGNED, value) if value >= 0 else _head(NEGATIVE, -1 - value)
    if isinstance(value, bytes):
        return _head(BYTES, len(value)) + value
    if isinstance(value, str):
        data = value.encode("utf-8")
        return _head(TEXT, len(data)) + data
    if isinstance(value, list):
        return _head(ARRAY, len(value)) + b"".join(map(encode, value))
    if isinstance(value, (dict, Map)):
        pairs = sorted((encode(k), encode(v)) for k, v in value.items())
        return _head(MAP, len(pairs)) + b"".join(k + v for k, v in pairs)
    raise TypeError(f"no encoding for {value!r}")


def _head(major: int, argument: int) -> bytes:
    if argument < 24:
        return bytes([major << 5 | argument])
    for info, size in ((24, 1), (25, 2), (26, 4), (27, 8)):
        if argument < 1 << 8 * size:
            return bytes([major << 5 | info]) + argument.to_bytes(size, "big")
    raise ValueError(f"{argument} has no 64-bit encoding")
