"""A private root, one top-level domain and zones below it, signed by Knot's kzonesign and then broken, each in its own way."""

import os
import re
import subprocess
import time

DAY = 86_400
TOP = "zz"

# What stands in every zone.
RECORDS = """
@ 300 SOA ns.zz. host.zz. 1 3600 600 864000 60
@ 300 NS ns.zz.
www 300 A 198.51.100.1
alias 300 CNAME www
*.wild 300 TXT "any"
a.b.ent 300 TXT "deep"
moved 300 DNAME {name}.
"""

# A zone's algorithm, proof of absence, and the days that its signatures are off by.
SIGNED = {
    "good": {},
    "nsec3": {"nsec3": 0},
    "optout": {"nsec3": 0, "optout": True},
    "rsa256": {"algorithm": "rsasha256"},
    "rsa512": {"algorithm": "rsasha512"},
    "rsa1": {"algorithm": "rsasha1-nsec3-sha1", "nsec3": 0},
    "ecdsa384": {"algorithm": "ecdsap384sha384"},
    "ed25519": {"algorithm": "ed25519"},
    "ed448": {"algorithm": "ed448"},
    "rounds100": {"nsec3": 100},
    "rounds2000": {"nsec3": 2000},
    "expired": {"days": -60},
    "notyet": {"days": 60},
    "wrongds": {},
    "twods": {},
    "unknownds": {},
    "unknowndigest": {},
    "nokeys": {},
    "nosigs": {},
    "stripped": {},
    "nokeysig": {},
    "badsig": {},
    "noproof": {},
    "noproof3": {"nsec3": 0},
    "wildproof": {},
}

UNSIGNED = ["unsigned", "lame", "cut", "cutclosed", "noedns", "dropsedns"]


def run(*command, **options):
    return subprocess.run(command, check=True, capture_output=True, text=True, **options).stdout


class Zones:
    def __init__(self, folder):
        self.folder = folder
        for name in ("zones", "keys"):
            os.makedirs(os.path.join(folder, name), exist_ok=True)

    def path(self, *parts):
        return os.path.join(self.folder, *parts)

    def make(self):
        """Writes all zone files, those below first, and returns the root's anchor."""
        top = [f"@ 300 SOA ns.{TOP}. host.{TOP}. 1 3600 600 864000 60", f"@ 300 NS ns.{TOP}.", f"ns.{TOP}. 300 A 127.0.1.2"]
        for label, how in SIGNED.items():
            name = f"{label}.{TOP}"
            text = self.sign(name, RECORDS.format(name=name), **how)
            broken = BREAKS.get(label, lambda text, name: text)(text, name)
            self.write(name, broken)
            top.append(f"{name}. 300 NS ns.{TOP}.")
            for line in DIGESTS.get(label, lambda lines: lines)(self.digests(name)):
                top.append(line)
        for label in UNSIGNED:
            name = f"{label}.{TOP}"
            host = {"lame": 3, "cut": 4, "cutclosed": 5, "noedns": 6, "dropsedns": 7}.get(label, 2)
            top += [f"{name}. 300 NS ns.{name}.", f"ns.{name}. 300 A 127.0.1.{host}"]
            self.write(name, f"$ORIGIN {name}.\n" + RECORDS.format(name=name))
        self.write(TOP, self.sign(TOP, "\n".join(top) + "\n"))
        root = [
            "@ 300 SOA ns.root. host. 1 3600 600 864000 60", "@ 300 NS ns.root.", "ns.root. 300 A 127.0.1.1",
            f"{TOP}. 300 NS ns.{TOP}.", f"ns.{TOP}. 300 A 127.0.1.2", *self.digests(TOP),
            "abroad.root. 300 CNAME www.unsigned.zz.", "broken.root. 300 CNAME www.expired.zz.", "fine.root. 300 CNAME alias.good.zz.",
            "denied.root. 300 CNAME missing.good.zz.",
        ]
        self.write(".", self.sign(".", "\n".join(root) + "\n"))
        return self.digests(".")[0]

    def file(self, name):
        return self.path("zones", ("root" if name == "." else name) + ".zone")

    def write(self, name, text):
        with open(self.file(name), "w", encoding="ascii") as out:
            out.write(text)

    def origin(self, name):
        return "." if name == "." else name + "."

    def sign(self, name, text, algorithm="ecdsap256sha256", nsec3=None, optout=False, days=0):
        """The zone as kzonesign writes it, every record on a line with its whole name."""
        origin = self.origin(name)
        self.write(name, f"$ORIGIN {origin}\n" + text)
        policy = f"    algorithm: {algorithm}\n    single-type-signing: on\n    rrsig-lifetime: 30d\n    rrsig-refresh: 7d\n    dnskey-ttl: 300\n"
        if nsec3 is not None:
            policy += f"    nsec3: on\n    nsec3-iterations: {nsec3}\n    nsec3-opt-out: {'on' if optout else 'off'}\n"
        config = self.path("sign.conf")
        os.makedirs(self.path("keys", name.replace(".", "_")), exist_ok=True)
        with open(config, "w", encoding="ascii") as out:
            out.write(
                f"database:\n    storage: {self.path('keys', name.replace('.', '_'))}\npolicy:\n  - id: p\n{policy}"
                f"zone:\n  - domain: {origin}\n    storage: {self.path('zones')}\n    file: {self.file(name)}\n    dnssec-signing: on\n    dnssec-policy: p\n    semantic-checks: off\n"
            )
        run("kzonesign", "-c", config, "-o", self.path("zones"), "-t", str(int(time.time()) + days * DAY), origin)
        with open(self.file(name), encoding="ascii") as signed:
            return signed.read()

    def digests(self, name):
        origin = self.origin(name)
        config = self.path("sign.conf")
        with open(config, "w", encoding="ascii") as out:
            out.write(f"database:\n    storage: {self.path('keys', name.replace('.', '_'))}\nzone:\n  - domain: {origin}\n")
        lines = run("keymgr", "-c", config, origin, "ds").splitlines()
        # SHA-256 alone.
        return [line.replace(" DS ", " 300 DS ") for line in lines if line.split()[-2] == "2"]


def without(*types):
    """Leaves out records of these types, and signatures that cover them where `RRSIG TYPE` is said."""

    def drop(text, _name):
        return "\n".join(line for line in text.splitlines() if not any(re.match(rf"\S+\s+\d+\s+{kind}\s", line) for kind in types)) + "\n"

    return drop


def changed(text, name):
    return re.sub(rf"(?m)^(www\.{re.escape(name)}\.\s+300\s+(?:IN\s+)?A\s+198\.51\.100\.)1\s*$", r"\g<1>2", text)


BREAKS = {
    "nokeys": without("DNSKEY", r"RRSIG\s+DNSKEY"),
    "nosigs": without("RRSIG"),
    "stripped": without(r"RRSIG\s+A"),
    "nokeysig": without(r"RRSIG\s+DNSKEY"),
    "badsig": changed,
    "noproof": without("NSEC", r"RRSIG\s+NSEC"),
    "noproof3": without("NSEC3", r"RRSIG\s+NSEC3", "NSEC3PARAM", r"RRSIG\s+NSEC3PARAM"),
    # The proof that nothing closer than the wildcard exists.
    "wildproof": without("NSEC", r"RRSIG\s+NSEC"),
}


def altered(line):
    return line[:-1] + ("0" if line[-1] != "0" else "1")


def with_field(at, value):
    def change(lines):
        fields = lines[0].split()
        fields[fields.index("DS") + at] = value
        return [" ".join(fields)]

    return change


DIGESTS = {
    "wrongds": lambda lines: [altered(lines[0])],
    "twods": lambda lines: [altered(lines[0]), *lines],
    "unknownds": with_field(2, "200"),
    "unknowndigest": with_field(3, "200"),
}
