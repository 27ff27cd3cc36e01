"""RDATA (docs/protocol/6-dns-data.md sections 6.2 and 6.5 to 6.9)."""

import re
from itertools import pairwise

from .errors import require

NAME_BYTES_MAX = 255

# 6.5: the fields of each type, in the names of 6.6; a type that is not here is opaque.
FIELDS = {
    1: "Ipv4",
    **dict.fromkeys((2, 3, 4, 5, 7, 8, 9, 12, 39), "Name"),
    6: "Name Name U32 U32 U32 U32 U32",
    13: "CharString CharString",
    **dict.fromkeys((14, 17), "Name Name"),
    **dict.fromkeys((15, 18, 21, 36), "U16 Name"),
    **dict.fromkeys((16, 99), "CharStrings"),
    26: "U16 Name Name",
    28: "Ipv6",
    29: "Location",
    33: "U16 U16 U16 Name",
    35: "U16 U16 AlnumString CharString CharString Name",
    37: "U16 U16 U8 Text1",
    43: "U16 U8 U8 Text1",
    44: "U8 U8 Text1",
    **dict.fromkeys((52, 53), "U8 U8 U8 Text1"),
    61: "Text1",
    62: "U32 CsyncFlags TypeBitmap",
    **dict.fromkeys((64, 65), "Service"),
    108: "Eui48",
    109: "Eui64",
    256: "U16 U16 Text1",
    257: "U8 CaaTag Text",
}


def check_rdata(type: int, rdata: bytes) -> None:
    """6.5."""
    require(len(rdata) <= 65535, "rdata", f"{len(rdata)} bytes")
    if type in FIELDS:
        reader = _Rdata(rdata)
        for field in FIELDS[type].split():
            getattr(reader, field)()
        _need(reader.ended, f"{len(rdata) - reader.at} bytes follow the last field")


def _need(condition: bool, explanation: str) -> None:
    require(condition, "rdata", explanation)


def _ascends(numbers: list) -> bool:
    return all(one < next for one, next in pairwise(numbers))


class _Rdata:
    """One method for each field of 6.6."""

    def __init__(self, data: bytes):
        self.data, self.at = data, 0

    @property
    def ended(self) -> bool:
        return self.at == len(self.data)

    def take(self, count: int) -> bytes:
        _need(self.at + count <= len(self.data), f"{count} bytes wanted at {self.at}")
        self.at += count
        return self.data[self.at - count : self.at]

    def rest(self) -> bytes:
        return self.take(len(self.data) - self.at)

    def U8(self) -> int:
        return self.take(1)[0]

    def U16(self) -> int:
        return int.from_bytes(self.take(2), "big")

    def U32(self) -> int:
        return int.from_bytes(self.take(4), "big")

    def Ipv4(self):
        self.take(4)

    def Ipv6(self):
        self.take(16)

    def Eui48(self):
        self.take(6)

    def Eui64(self):
        self.take(8)

    def Name(self):
        start, size = self.at, None
        while size != 0:
            size = self.U8()
            _need(size <= 63, f"length byte {size} in a name")
            self.take(size)
        _need(self.at - start <= NAME_BYTES_MAX, f"a name of {self.at - start} bytes")

    def CsyncFlags(self):
        _need(self.U16() <= 3, "flags above 3")

    def CharString(self) -> bytes:
        return self.take(self.U8())

    def AlnumString(self):
        _need(re.fullmatch(rb"[A-Za-z0-9]*", self.CharString()) is not None, "letters and digits wanted")

    def CharStrings(self):
        self.CharString()
        while not self.ended:
            self.CharString()

    def CaaTag(self):
        _need(re.fullmatch(rb"[A-Za-z0-9]{1,15}", self.CharString()) is not None, "1 to 15 letters and digits wanted")

    def Text(self) -> bytes:
        return self.rest()

    def Text1(self):
        """Also Hex and Base64, which differ in text alone."""
        _need(self.rest() != b"", "at least one byte wanted")

    def Location(self):
        version, *precisions = self.take(4)
        _need(version == 0, f"version {version}")
        _need(all(byte >> 4 <= 9 and byte & 15 <= 9 for byte in precisions), "a precision of digits above 9")
        for limit in (324000000, 648000000):
            _need(abs(self.U32() - 2147483648) <= limit, "beyond a pole or the other side of the earth")
        self.U32()

    def TypeBitmap(self):
        numbers = []
        while not self.ended:
            numbers.append(self.U8())
            _need(_ascends(numbers), "windows ascend")
            size = self.U8()
            _need(1 <= size <= 32, f"a window of {size} bytes")
            _need(self.take(size)[-1] != 0, "the last byte of a window is 0")

    def Service(self):
        priority = self.U16()
        self.Name()
        _need(priority != 0 or self.ended, "parameters with priority 0")
        parameters = {}
        while not self.ended:
            key = self.U16()
            _need(all(before < key for before in parameters) and key != 65535, f"parameter {key}")
            parameters[key] = self.take(self.U16())
        for key, value in parameters.items():
            _need(_parameter_is_valid(key, value, parameters), f"value of parameter {key}")


def _parameter_is_valid(key: int, value: bytes, parameters: dict) -> bool:
    """6.9 rule 4."""
    if key == 0:
        keys = [int.from_bytes(value[at : at + 2], "big") for at in range(0, len(value), 2)]
        known = all(key != 0 and key in parameters for key in keys)
        return value != b"" and len(value) % 2 == 0 and _ascends(keys) and known
    if key == 1:
        return _is_alpn(value)
    if key == 2:
        return value == b"" and 1 in parameters
    if key == 3:
        return len(value) == 2
    if key in (4, 6):
        size = 4 if key == 4 else 16
        return value != b"" and len(value) % size == 0
    if key == 5:
        return value != b""
    if key == 7:
        return _is_utf8(value) and value.startswith(b"/") and b"dns" in value
    return key != 8 or value == b""


def _is_alpn(value: bytes) -> bool:
    at = 0
    while at < len(value):
        if value[at] == 0:
            return False
        at += 1 + value[at]
    return value != b"" and at == len(value)


def _is_utf8(value: bytes) -> bool:
    try:
        value.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True
