"""Labels outside ASCII (docs/protocol/2-names.md section 2.8): UTS 46, UTS 39 and RFC 5893 in Unicode 18.0.0.

The mapping table and joining types come from `idna`, normalisation and categories from `unicodedata2`, statuses, scripts
and prototypes from data/unicode.json.
"""

import json
import re
from bisect import bisect_right
from pathlib import Path

import unicodedata2 as unicodedata
from idna import IDNAError, valid_contextj
from idna.uts46data import uts46_replacements, uts46_starts, uts46_statuses

from .errors import Refused, require

DATA = json.loads((Path(__file__).parent.parent / "data" / "unicode.json").read_text(encoding="ascii"))
ALLOWED_STARTS = [first for first, _, _ in DATA["allowed"]]
JOINERS = "\u200c\u200d"
DOT_ABOVE = "\u0307"

# UTS 39 section 5.1: the augmented script sets.
AUGMENTED = {"Hani": "Hanb Jpan Kore", "Hira": "Jpan", "Kana": "Jpan", "Hang": "Kore", "Bopo": "Hanb"}


def to_ascii(label: str) -> str:
    """A label in its ASCII form (2.8.1)."""
    text = _uts46(label)
    if text.isascii():
        return text
    require(not text.startswith("-") and not text.endswith("-"), "hyphen-at-edge", text)
    require(text[2:4] != "--", "hyphens-at-three-and-four", text)
    for c in text:
        require(c not in JOINERS, "joiner", ascii(c))
        require(not c.isascii() or re.fullmatch("[a-z0-9-]", c), "bad-character", c)
        require(c.isascii() or scripts_of(c) is not None, "restricted-character", ascii(c))
    require(has_one_script(text), "mixed-script", text)
    require(not is_confusable(text), "confusable", text)
    return "xn--" + text.encode("punycode").decode("ascii")


def from_ascii(label: str) -> str:
    """The Unicode form of an A-label (2.8.2)."""
    text = decode_punycode(label.removeprefix("xn--"))
    require(text is not None and not text.isascii(), "bad-punycode", label)
    again = to_ascii(text)
    require(again == label, "not-canonical", f"{label} should be {again}")
    return text


def decode_punycode(text: str) -> str | None:
    """RFC 3492 section 6.2, or None."""
    basic, delimiter, rest = text.rpartition("-")
    if delimiter and not basic:
        return None  # The delimiter stands only behind something.
    output, n, i, bias, at = list(basic), 128, 0, 72, 0
    while at < len(rest):
        start, weight, k = i, 1, 36
        while True:
            if at == len(rest) or rest[at] not in "abcdefghijklmnopqrstuvwxyz0123456789":
                return None
            digit = "abcdefghijklmnopqrstuvwxyz0123456789".index(rest[at])
            at += 1
            i += digit * weight
            t = min(max(k - bias, 1), 26)
            if digit < t:
                break
            weight *= 36 - t
            k += 36
        size = len(output) + 1
        delta = (i - start) // (700 if start == 0 else 2)
        delta, k = delta + delta // size, 0
        while delta > 455:
            delta, k = delta // 35, k + 36
        bias = k + 36 * delta // (delta + 38)
        n, i = n + i // size, i % size
        if n > 0x10FFFF or 0xD800 <= n <= 0xDFFF:
            return None
        output.insert(i, chr(n))
        i += 1
    return "".join(output)


def _uts46_entry(c: str) -> tuple[str, str]:
    """Status and mapping of a character; deviations stay as they are."""
    at = bisect_right(uts46_starts, ord(c)) - 1
    status, mapping = chr(uts46_statuses[at]), uts46_replacements[at]
    if status == "I" or (status == "M" and mapping is None):
        return status, ""
    return status, mapping if status == "M" else c


def _uts46(label: str) -> str:
    """UTS 46 section 4 for one label; which reason a failure has is 2.8.7."""
    entries = [_uts46_entry(c) for c in label]
    mapped = unicodedata.normalize("NFC", "".join(text for _, text in entries))
    bad = any(status == "X" for status, _ in entries) or "." in mapped
    require(not bad, "disallowed-character", ascii(label))
    text, fails = mapped, False
    if mapped.startswith("xn--"):
        text = decode_punycode(mapped.removeprefix("xn--")) or ""
        fails = not mapped.isascii() or text.isascii() or not _is_stable(text)
    if not (fails or _has_leading_mark(text) or not _joiners_in_context(text) or not bidi_holds([text])):
        return text
    require(not any(c in JOINERS for c in mapped), "joiner", ascii(label))
    require(not _has_leading_mark(mapped), "leading-mark", ascii(label))
    require(not mapped.startswith("xn--"), "bad-punycode", ascii(label))
    raise Refused("bidi", ascii(label))


def _is_stable(text: str) -> bool:
    """What a decoded label must be: in NFC, of valid characters (V, or a deviation D), without a nested A-label."""
    valid = all(_uts46_entry(c)[0] in "VD" for c in text)
    return valid and unicodedata.normalize("NFC", text) == text and "." not in text and text[:4] != "xn--"


def _has_leading_mark(text: str) -> bool:
    return text != "" and unicodedata.category(text[0]).startswith("M")


def _joiners_in_context(text: str) -> bool:
    """RFC 5892 appendix A.1 and A.2."""
    try:
        return all(valid_contextj(text, at) for at, c in enumerate(text) if c in JOINERS)
    except (IDNAError, ValueError):
        return False


def scripts_of(c: str) -> set | None:
    """The script extensions of an allowed character, as ISO 15924 codes; None for one that is not allowed."""
    at = bisect_right(ALLOWED_STARTS, ord(c)) - 1
    if at < 0 or ord(c) > DATA["allowed"][at][1]:
        return None
    return set(DATA["allowed"][at][2].split())


def has_one_script(text: str) -> bool:
    """The resolved script set is not empty (UTS 39 section 5.1)."""
    common = None  # all scripts
    for c in text:
        scripts = scripts_of(c)
        if scripts & {"Zyyy", "Zinh"}:
            continue
        for script in list(scripts):
            scripts |= set(AUGMENTED.get(script, "").split())
        common = scripts if common is None else common & scripts
    return common is None or len(common) > 0


def is_confusable(text: str) -> bool:
    """Only ASCII letters, digits and hyphens are left of the skeleton (2.8.5). No allowed character is default ignorable."""
    skeleton = "".join(DATA["prototypes"].get(c, c) for c in unicodedata.normalize("NFD", text))
    skeleton = re.sub(f"(?<=[ijl]){DOT_ABOVE}", "", unicodedata.normalize("NFD", skeleton))
    return re.fullmatch("[A-Za-z0-9-]*", skeleton) is not None


def bidi_holds(labels: list[str]) -> bool:
    """The Bidi rule of RFC 5893 section 2, of labels in Unicode as one name."""
    if not any(unicodedata.bidirectional(c) in ("R", "AL", "AN") for label in labels for c in label):
        return True
    return all(map(_bidi_label_holds, labels))


def _bidi_label_holds(label: str) -> bool:
    classes = [unicodedata.bidirectional(c) for c in label]
    end = [c for c in classes if c != "NSM"][-1:]
    used = set(classes)
    if not classes:
        return True
    if classes[0] in ("R", "AL"):
        allowed = {"R", "AL", "AN", "EN", "ES", "CS", "ET", "ON", "BN", "NSM"}
        return used <= allowed and end[0] in ("R", "AL", "EN", "AN") and not {"EN", "AN"} <= used
    if classes[0] == "L":
        return used <= {"L", "EN", "ES", "CS", "ET", "ON", "BN", "NSM"} and end[0] in ("L", "EN")
    return False
