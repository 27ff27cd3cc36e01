#!/usr/bin/env python3
"""Makes unicode.json, the part of UTS 39's and UAX 24's data that section 2.8 of the protocol needs.

    make.py TABLES

TABLES is `src/tables.rs` of the crate unicode-security, which holds IdentifierStatus.txt and confusables.txt. Scripts
come from fontTools (`pip install fonttools`), normalisation from unicodedata2. Only run again for a new Unicode.
"""

import json
import re
import sys
from pathlib import Path

import unicodedata2
from fontTools import unicodedata as scripts

CHARACTER = r"'\\u\{([0-9a-f]+)\}'"


def table(source: str, name: str) -> str:
    return re.search(rf"const {name}:[^=]*=\s*&\[(.*?)\n\s*\];", source, re.S)[1]


def main(source: str) -> dict:
    version = ".".join(re.search(r"UNICODE_VERSION: .*= \((\d+), (\d+), (\d+)\)", source).groups())
    assert version == unicodedata2.unidata_version == scripts.unidata_version, "one version of Unicode"

    ranges, allowed = [], set()
    for first, last in re.findall(rf"\({CHARACTER},\s*{CHARACTER}\)", table(source, "IDENTIFIER_STATUS")):
        for point in range(int(first, 16), int(last, 16) + 1):
            allowed.add(point)
            extension = " ".join(sorted(scripts.script_extension(chr(point))))
            if ranges and ranges[-1][1] == point - 1 and ranges[-1][2] == extension:
                ranges[-1][1] = point
            else:
                ranges.append([point, point, extension])

    # A skeleton is in ASCII only where each prototype is, but for the dot above, which may be left out.
    decomposed = {ord(c) for point in allowed for c in unicodedata2.normalize("NFD", chr(point))}
    prototypes = {}
    for character, prototype in re.findall(rf"\({CHARACTER},\s*&\[(.*?)\]\)", table(source, "CONFUSABLES"), re.S):
        text = "".join(chr(int(c, 16)) for c in re.findall(CHARACTER, prototype))
        if int(character, 16) in decomposed and all(c.isascii() or c == "\u0307" for c in text):
            prototypes[chr(int(character, 16))] = text
    return {"version": version, "allowed": ranges, "prototypes": prototypes}


if __name__ == "__main__":
    data = main(Path(sys.argv[1]).read_text(encoding="utf-8"))
    lines = [f'"version": {json.dumps(data["version"])}']
    for key in ("allowed", "prototypes"):
        items = data[key].items() if key == "prototypes" else None
        rows = [json.dumps(k) + ": " + json.dumps(v) for k, v in items] if items else map(json.dumps, data[key])
        start, end = ("{", "}") if items else ("[", "]")
        lines.append(f'"{key}": {start}\n' + ",\n".join(rows) + f"\n{end}")
    Path(__file__).with_name("unicode.json").write_text("{" + ",\n".join(lines) + "}\n", encoding="ascii")
