"""Names (docs/protocol/2-names.md); labels outside ASCII are in unicode_rules.py."""

import re
from dataclasses import dataclass

from . import unicode_rules
from .errors import Refused, require
from .hashes import H

STOPS = ".\u3002\uff0e\uff61"
INPUT_BYTES_MAX = 2048
ZBASE32 = "ybndrfg8ejkmcpqxot1uwisza345h769"
RESERVED = set(
    "key localhost local internal invalid test example onion alt arpa wpad isatap autoconfig autodiscover".split()
)


@dataclass(frozen=True)
class Name:
    labels_below: list[str]
    root_label: str
    suffix: str
    root: str  # claimed, key-id, ed25519 or wallet
    root_bytes: bytes | None

    @property
    def ascii(self) -> str:
        return ".".join([*self.labels_below, self.root_label, self.suffix])

    @property
    def unicode_labels(self) -> list[str]:
        # A key may happen to begin with xn--, which means nothing.
        root = _in_unicode(self.root_label) if self.root == "claimed" else self.root_label
        return [*map(_in_unicode, self.labels_below), root, *map(_in_unicode, self.suffix.split("."))]

    @property
    def unicode(self) -> str:
        return ".".join(self.unicode_labels)

    @property
    def below(self) -> str:
        return ".".join(self.labels_below)


@dataclass(frozen=True)
class Uri:
    ascii: str
    path: str


def _in_unicode(label: str) -> str:
    return unicode_rules.from_ascii(label) if label.startswith("xn--") else label


def parse_name(text: str, suffix: str = "key") -> Name:
    """The name that a text means (2.3)."""
    suffix = parse_suffix(suffix)
    _check_input(text)
    if text.startswith("@"):
        scope, slash, namespace = text[1:].partition("/")
        good = slash and scope and namespace and not any(c in STOPS + "/" for c in scope + namespace)
        require(bool(good), "path-form", text)
        text = f"{namespace}.{scope}.{suffix}"
    return _normalise(text, suffix)


def parse_suffix(text: str) -> str:
    """A suffix (2.10)."""
    _check_input(text)
    suffix = _lower(_labels_to_ascii(text).removeprefix(".").removesuffix("."))
    require(suffix != "", "empty", "no suffix")
    for label in suffix.split("."):
        _check_below(label)
        require("_" not in label, "bad-character", f"underscore in {label}")
    require(len(suffix) <= 196, "suffix-too-long", f"{len(suffix)} octets")
    _check_directions([_in_unicode(label) for label in suffix.split(".")])
    return suffix


def parse_uri(text: str, suffix: str = "key") -> Uri:
    """A name and what follows it (2.5)."""
    suffix = parse_suffix(suffix)
    require(_lower(text[:6]) == "key://", "uri-scheme", text[:6])
    authority, path = re.fullmatch(r"([^/?#]*)(.*)", text[6:], re.S).groups()
    require(authority != "" and not set(authority) & set("@:"), "uri-authority", authority)
    require(len(authority.encode()) <= INPUT_BYTES_MAX, "input-too-long", f"{len(authority)}")
    for ending in ("." + suffix, ".key"):
        ends = _lower(authority).endswith(ending) and len(authority) > len(ending)
        require(not ends, "uri-suffix", authority)
    name = _normalise(f"{authority}.{suffix}", suffix)
    for c in path:
        control = unicode_rules.unicodedata.category(c) == "Cc"
        require(not (control or c.isspace() or c == "\\"), "uri-path", ascii(c))
    require(path.count("#") <= 1, "uri-path", "a second #")
    path = re.match("[^?#]*", path)[0]
    return Uri(name.ascii, path or "/")


def _check_input(text: str) -> None:
    require(text != "", "empty", "no text")
    size = len(text.encode())
    require(size <= INPUT_BYTES_MAX, "input-too-long", f"{size} octets")


def _lower(text: str) -> str:
    """A to Z alone."""
    return re.sub("[A-Z]", lambda match: match[0].lower(), text)


def _labels_to_ascii(text: str) -> str:
    """Step 2.3.3."""
    if text.isascii():
        return text
    labels = re.split(f"[{STOPS}]", text)
    return ".".join(label if label.isascii() else unicode_rules.to_ascii(label) for label in labels)


def _normalise(text: str, suffix: str) -> Name:
    """Steps 2.3.3 to 2.3.5."""
    text = _lower(_labels_to_ascii(text).removesuffix("."))
    require(text != suffix, "suffix-alone", text)
    if not text.endswith("." + suffix):
        require("" not in text.split("."), "empty-label", text)
        raise Refused("not-under-suffix", f"{text} is not under {suffix}")
    *below, root_label = text.removesuffix("." + suffix).split(".")
    _check_size(root_label)
    root, root_bytes = read_root(root_label)
    for label in below:
        _check_below(label)
    name = Name(below, root_label, suffix, root, root_bytes)
    require(len(name.ascii) <= 253, "name-too-long", f"{len(name.ascii)} octets")
    _check_directions(name.unicode_labels)
    return name


def _check_size(label: str) -> None:
    require(label != "", "empty-label", "two dots in a row, or one in front")
    require(len(label) <= 63, "label-too-long", label)


def _check_below(label: str) -> None:
    """Step 2.3.6."""
    _check_size(label)
    if label.startswith("xn--"):
        unicode_rules.from_ascii(label)
        return
    require(label != "*", "wildcard", "a wildcard is an owner in a zone")
    require(re.fullmatch("[a-z0-9_-]+", label) is not None, "bad-character", label)
    _check_hyphens_at_edge(label)


def _check_hyphens_at_edge(label: str) -> None:
    require(not label.startswith("-") and not label.endswith("-"), "hyphen-at-edge", label)


def read_root(label: str) -> tuple[str, bytes | None]:
    """Step 2.7.1."""
    if label.startswith("0x"):
        require(len(label) == 42, "wallet-length", label)
        require(re.fullmatch("0x[0-9a-f]{40}", label) is not None, "key-character", label)
        return "wallet", bytes.fromhex(label[2:])
    if len(label) == 56:
        data = _zbase32_decode(label)
        version, key_id, checksum = data[:1], data[1:33], data[33:]
        require(checksum == _checksum(data[:33]), "key-checksum", label)
        require(version == b"\x01", "key-version", f"version {version[0]}")
        return "key-id", key_id
    if len(label) == 52:
        data = _zbase32_decode(label)
        require(_zbase32_encode(data) == label, "key-trailing-bits", label)
        return "ed25519", data
    check_claimable(label)
    return "claimed", None


def check_claimable(label: str) -> None:
    """A claimed label in its ASCII form (2.6)."""
    if label.startswith("xn--"):
        unicode_rules.from_ascii(label)
        require(len(label) <= 48, "claim-too-long", label)
        return
    require(len(label) <= 48, "key-length", label)
    require(label != "*", "wildcard", "a wildcard is an owner in a zone")
    require(re.fullmatch("[a-z0-9-]+", label) is not None, "bad-character", label)
    _check_hyphens_at_edge(label)
    require(label[2:4] != "--", "hyphens-at-three-and-four", label)
    require(label not in RESERVED, "reserved", label)


def _check_directions(labels: list[str]) -> None:
    """Step 2.8.6, of labels in Unicode; those in ASCII alone hold the rule trivially."""
    words = [label for label in labels if not label.startswith("_")]
    require(unicode_rules.bidi_holds(words), "bidi", ".".join(labels))


def key_id_label(key_id: bytes) -> str:
    """The 56-character form (2.7.2)."""
    return _zbase32_encode(b"\x01" + key_id + _checksum(b"\x01" + key_id))


def _checksum(data: bytes) -> bytes:
    return H("dotkey name checksum v1", data)[:2]


def _zbase32_encode(data: bytes) -> str:
    bits = "".join(f"{byte:08b}" for byte in data)
    groups = [bits[at : at + 5].ljust(5, "0") for at in range(0, len(bits), 5)]
    return "".join(ZBASE32[int(group, 2)] for group in groups)


def _zbase32_decode(label: str) -> bytes:
    """The whole octets; bits behind them are for the caller to check."""
    require(set(label) <= set(ZBASE32), "key-character", label)
    bits = "".join(f"{ZBASE32.index(c):05b}" for c in label)
    return bytes(int(bits[at : at + 8], 2) for at in range(0, len(bits) - 7, 8))
