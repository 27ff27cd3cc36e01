"""Asks Unbound, Knot Resolver and dotkey the same questions about a private DNS that is broken in many ways, and writes what each says.

`run.py PROGRAM PAGE` runs in a network namespace of its own, where ports below 1024 are free, and fails where PAGE says otherwise than
what was found, or where dotkey disagrees with both others and EXPLAINED has no reason. `--write` writes PAGE anew.
"""

import os
import socket
import struct
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor

from zones import SIGNED, UNSIGNED, Zones

HERE = os.path.dirname(os.path.abspath(__file__))

UNBOUND, KNOT, FORWARDER, OURS = 5301, 5302, 5303, 5304

# No client waits longer.
WAIT_SECS = 20

RCODES = {0: "NOERROR", 1: "FORMERR", 2: "SERVFAIL", 3: "NXDOMAIN", 5: "REFUSED"}

# Where dotkey says otherwise than both others, and why that is right or borne.
EXPLAINED = {
    # No library that we build with knows Ed448: as an algorithm that nobody knows, it makes a zone unsigned.
    ("www.ed448.zz.", 1),
    ("www.ed448.zz.", 28),
    ("missing.ed448.zz.", 1),
}


def questions():
    for label in SIGNED:
        zone = f"{label}.zz."
        yield from ((f"www.{zone}", 1), (f"www.{zone}", 28), (f"missing.{zone}", 1))
    for below in ("alias", "www.moved", "x.wild", "a.b.ent", "b.ent", "nothing.b.ent"):
        for label in ("good", "nsec3"):
            yield f"{below}.{label}.zz.", 16 if "wild" in below or "ent" in below else 1
    yield "x.wild.wildproof.zz.", 16
    for label in ("good", "unsigned", "missing"):
        yield f"{label}.zz.", 43
    for label in UNSIGNED:
        yield f"www.{label}.zz.", 1
    for below in ("abroad", "broken", "fine", "denied"):
        yield f"{below}.root.", 1
    yield "missing.", 1
    yield ".", 48


def encode(name, rtype):
    labels = b"".join(bytes([len(it)]) + it.encode() for it in name.split(".") if it)
    head = struct.pack("!HHHHHH", 7, 0x0100, 1, 0, 0, 1)
    return head + labels + b"\0" + struct.pack("!HH", rtype, 1) + b"\0" + struct.pack("!HHIH", 41, 1232, 0x8000, 0)


def skip(message, at):
    while message[at]:
        if message[at] >= 0xC0:
            return at + 2
        at += message[at] + 1
    return at + 1


def verdict(message):
    """How it went, whether it is called verified, and the extended errors."""
    _, flags, questions, *counts = struct.unpack("!HHHHHH", message[:12])
    at = 12
    for _ in range(questions):
        at = skip(message, at) + 4
    reasons = set()
    for _ in range(sum(counts)):
        at = skip(message, at)
        rtype, _, _, length = struct.unpack("!HHIH", message[at : at + 10])
        data, at = message[at + 10 : at + 10 + length], at + 10 + length
        while rtype == 41 and len(data) >= 4:
            code, size = struct.unpack("!HH", data[:4])
            if code == 15:
                reasons.add(struct.unpack("!H", data[4:6])[0])
            data = data[4 + size :]
    return RCODES.get(flags & 15, str(flags & 15)), bool(flags & 0x20), tuple(sorted(reasons))


def ask(port, name, rtype):
    query = encode(name, rtype)
    with socket.create_connection(("127.0.0.1", port), timeout=WAIT_SECS) as stream:
        stream.sendall(struct.pack("!H", len(query)) + query)
        try:
            (length,) = struct.unpack("!H", stream.recv(2, socket.MSG_WAITALL))
        except TimeoutError:
            return "silence", False, ()
        return verdict(stream.recv(length, socket.MSG_WAITALL))


def ask_all(name, rtype):
    with ThreadPoolExecutor() as pool:
        return list(pool.map(lambda port: ask(port, name, rtype), (UNBOUND, KNOT, OURS)))


class Servers:
    def __init__(self, folder, program):
        self.folder, self.program, self.running = folder, program, []

    def write(self, name, text):
        path = os.path.join(self.folder, name)
        with open(path, "w", encoding="utf-8") as out:
            out.write(text)
        return path

    def start(self, *command, **options):
        log = open(os.path.join(self.folder, f"{len(self.running)}-{os.path.basename(command[0])}.log"), "w", encoding="utf-8")
        process = subprocess.Popen(command, stdout=log, stderr=log, stdin=subprocess.PIPE, cwd=self.folder, **options)
        self.running.append(process)

    def start_all(self, anchor):
        zones = "".join(
            f'  - domain: {name if name == "." else name + "."}\n    file: {self.folder}/zones/{"root" if name == "." else name}.zone\n'
            for name in [".", "zz", *(f"{label}.zz" for label in [*SIGNED, "unsigned"])]
        )
        knot = self.write("knot.conf", f"server:\n    listen: [127.0.1.1@53, 127.0.1.2@53]\n    rundir: {self.folder}/run\ndatabase:\n    storage: {self.folder}/db\ntemplate:\n  - id: default\n    semantic-checks: off\n    zonefile-sync: -1\n    journal-content: none\nzone:\n{zones}")
        os.makedirs(f"{self.folder}/run", exist_ok=True)
        self.start("knotd", "-c", knot)
        self.start(sys.executable, f"{HERE}/servers.py")
        hints = self.write("root.hints", ". 300 NS ns.root.\nns.root. 300 A 127.0.1.1\n")
        keys = self.write("root.keys", anchor + "\n")
        for name, port, modules in (("unbound", UNBOUND, "validator iterator"), ("forwarder", FORWARDER, "iterator")):
            config = self.write(f"{name}.conf", f'server:\n interface: 127.0.0.1\n port: {port}\n access-control: 127.0.0.0/8 allow\n do-daemonize: no\n chroot: ""\n username: ""\n directory: "{self.folder}"\n pidfile: ""\n use-syslog: no\n do-not-query-localhost: no\n do-ip6: no\n module-config: "{modules}"\n root-hints: "{hints}"\n trust-anchor: "{anchor}"\n ede: yes\n val-log-level: 2\n qname-minimisation: no\n local-zone: "root." nodefault\nremote-control:\n control-enable: no\n')
            self.start("unbound", "-d", "-c", config)
        knot_resolver = self.write("kresd.conf", f"net.listen('127.0.0.1', {KNOT}, {{ kind = 'dns' }})\nnet.ipv6 = false\nmodules.load('hints')\nhints.root({{['ns.root.'] = '127.0.1.1'}})\ntrust_anchors.remove('.')\ntrust_anchors.add_file('{keys}', true)\ncache.size = 10*MB\n")
        os.makedirs(f"{self.folder}/kresd", exist_ok=True)
        self.start("kresd", "-n", "-c", knot_resolver, f"{self.folder}/kresd")
        ours = self.write("config.toml", f'[resolver]\ndns = "127.0.0.1:{OURS}"\ndot = "off"\ndoq = "off"\ndoh = "off"\nupstream = ["127.0.0.1:{FORWARDER}"]\ntrust_anchors = ["{anchor}"]\n')
        self.start(self.program, "--config", ours, "--data", f"{self.folder}/data", "resolver", "--node", "http://127.0.0.1:9")

    def wait(self):
        for port in (UNBOUND, KNOT, FORWARDER, OURS):
            for _ in range(200):
                try:
                    if ask(port, ".", 2)[0] == "NOERROR":
                        break
                except OSError:
                    pass
                time.sleep(0.1)
            else:
                raise SystemExit(f"port {port} does not answer for the root; the logs are in {self.folder}")

    def stop(self):
        for process in self.running:
            process.terminate()
        for process in self.running:
            process.wait(timeout=10)


def shown(verdict):
    rcode, verified, reasons = verdict
    return rcode + (" ad" if verified else "") + (" " + ",".join(map(str, reasons)) if reasons else "")


def core(verdict):
    """What others act on; the reason is for people."""
    return verdict[:2]


def table(rows):
    types = {1: "A", 2: "NS", 16: "TXT", 28: "AAAA", 43: "DS", 48: "DNSKEY"}
    lines = ["| question | Unbound | Knot Resolver | dotkey | |", "|---|---|---|---|---|"]
    for (name, rtype), (unbound, knot, ours) in rows:
        agrees = {core(unbound) == core(ours): "Unbound", core(knot) == core(ours): "Knot"}.get(True)
        both = core(unbound) == core(ours) == core(knot)
        mark = "" if both else (f"as {agrees}" if agrees else "alone")
        lines.append(f"| `{name} {types[rtype]}` | {shown(unbound)} | {shown(knot)} | {shown(ours)} | {mark} |")
    return lines


def main():
    program, page = sys.argv[1:3]
    with tempfile.TemporaryDirectory(prefix="conformance-") as folder:
        os.chmod(folder, 0o755)
        anchor = Zones(folder).make()
        servers = Servers(folder, os.path.abspath(program))
        try:
            servers.start_all(anchor)
            servers.wait()
            rows = [(it, ask_all(*it)) for it in questions()]
        finally:
            servers.stop()
    count = lambda one, other: sum(core(row[1][one]) == core(row[1][other]) for row in rows)
    reasons = sum(1 for _, (unbound, _, ours) in rows if unbound[0] == ours[0] == "SERVFAIL" and set(unbound[2]) & set(ours[2]))
    failures = sum(1 for _, (unbound, _, ours) in rows if unbound[0] == ours[0] == "SERVFAIL")
    lines = [
        f"Of {len(rows)} questions dotkey's rcode and AD are Unbound's in {count(0, 2)}, Knot Resolver's in {count(1, 2)}; theirs are alike in {count(0, 1)}. "
        f"Of {failures} failures that Unbound has too, {reasons} give a reason that Unbound gives.", "", *table(rows),
    ]
    found = "\n".join(lines)
    with open(page, encoding="utf-8") as before:
        head = before.read().split("<!-- table -->\n")[0]
    wanted = f"{head}<!-- table -->\n{found}\n"
    alone = [it for it, (unbound, knot, ours) in rows if core(ours) not in (core(unbound), core(knot)) and it not in EXPLAINED]
    if "--write" in sys.argv:
        with open(page, "w", encoding="utf-8") as out:
            out.write(wanted)
    else:
        with open(page, encoding="utf-8") as before:
            if before.read() != wanted:
                print(found)
                raise SystemExit(f"{page} says otherwise; if what was found is right, `make conformance WRITE=--write`")
    if alone:
        raise SystemExit(f"dotkey alone says so, and nothing explains it: {alone}")
    print(lines[0])


if __name__ == "__main__":
    main()
