"""Holds the valid vectors, whole and in their parts, to docs/protocol/dotkey.cddl."""

import functools
import json
import pathlib
import unittest

import cbor2
import pycddl

ROOT = pathlib.Path(__file__).parents[3]
# The CDDL library mistakes which element of an array a `.cbor` control is for, so signers are checked on their own.
SCHEMA = (ROOT / "docs/protocol/dotkey.cddl").read_text().replace("bstr .cbor signer", "bstr")
# It takes the 32 of a map key's `.size 32` for the key, and loses its way in a list of mixed types: these are checked on their own.
SCHEMA = SCHEMA.replace("{ *16 position => summary }", "{ * bstr => summary }").replace("[*64 compared]", "[*64 any]")
SCHEMA = SCHEMA.replace("[7, ledger-refusal]", "[7, any]")

# It takes the first choice that fits half: what has a number is held to the choice of that number.
LEDGER_REQUESTS = ("ask-tip", "ask-handovers", "ask-blocks", "ask-offer", "ask-chunk", "give-transaction")
LEDGER_RESPONSES = ("tip", "handovers", "blocks", "offer", "chunk-given", "taken", "refused", "no-chunk")
LEDGER_REFUSALS = ("other-network", "not-here", "busy", "invalid-transaction")


@functools.cache
def rule(name):
    return pycddl.Schema(f"start = {name}\n{SCHEMA}")


def holds(name, data):
    try:
        rule(name).validate_cbor(data)
    except Exception as error:  # The library raises what its parser gives it.
        return str(error)
    return None


def envelope_parts(data, payload_rule):
    yield "envelope", data
    _, _, payload, signatures = cbor2.loads(data).value
    yield payload_rule, payload
    for protected, _, _ in signatures:
        yield "signer", protected


def chain_parts(chain):
    yield "chain", cbor2.dumps(chain, canonical=True)
    yield "policy", chain[0]
    for update in chain[1:]:
        yield from envelope_parts(update, "policy")


def parts(kind, data):
    """The rule and the bytes of everything that a vector of this kind holds and that its validity vouches for."""
    if kind == "chain":
        yield from chain_parts(cbor2.loads(data))
    elif kind == "record":
        yield from envelope_parts(data, kind)
        # A body that is no zone is a valid record still: section 5.2 does not look into it.
        yield from chain_parts(cbor2.loads(cbor2.loads(data).value[2])[8])
    elif kind == "transaction":
        # Its form alone: nobody has looked into the policies of its chain.
        yield from envelope_parts(data, kind)
    elif kind == "response":
        yield kind, data
        number, *rest = cbor2.loads(data)
        for compared in rest[1] if number == 4 else []:
            yield "compared", cbor2.dumps(compared, canonical=True)
    elif kind == "ledger-request":
        yield LEDGER_REQUESTS[cbor2.loads(data)[0] - 1], data
    elif kind == "ledger-response":
        response = cbor2.loads(data)
        number = 8 if response == [5, None] else response[0]
        yield LEDGER_RESPONSES[number - 1], data
        yield from ledger_parts(response)
    else:
        yield kind, data


def ledger_parts(response):
    """What stands encoded for itself in an answer about the ledger. Bodies and handovers are only bytes there."""
    number, *rest = response
    heads = {1: [rest[:2]], 3: [block[:2] for block in rest[0]] if number == 3 else [], 4: [rest]}
    for header, certificate in heads.get(number, []):
        yield "header", header
        if certificate is not None:
            yield "certificate", certificate
    if number == 5 and rest[0] is not None:
        yield "chunk", rest[0]
    if number == 7:
        yield LEDGER_REFUSALS[rest[0][0] - 1], cbor2.dumps(rest[0], canonical=True)


class Schema(unittest.TestCase):
    def test_valid_vectors(self):
        checked = 0
        for kind in ("policy", "chain", "record", "zone", "transaction", "entry", "header", "certificate", "proof"):
            vectors = json.loads((ROOT / f"tests/vectors/{kind}.json").read_text())["vectors"]
            for vector in vectors:
                if "valid" not in vector:
                    continue
                for name, data in parts(kind, bytes.fromhex(vector["input"]["hex"])):
                    with self.subTest(vector=f"{kind}/{vector['name']}", rule=name):
                        self.assertIsNone(holds(name, data))
                        checked += 1
        self.assertGreater(checked, 100)

    def checked_of(self, file):
        """Holds the valid messages of a file to their rules, and says which rules these were."""
        checked = set()
        for line in (ROOT / "tests/vectors" / file).read_text().splitlines():
            if line.startswith("#"):
                continue
            kind, verdict, *data = line.split(" ")
            if verdict == "valid":
                for name, item in parts(kind, bytes.fromhex(data[0])):
                    with self.subTest(message=line, rule=name):
                        self.assertIsNone(holds(name, item))
                        checked.add(name)
        return checked

    def test_messages(self):
        checked = self.checked_of("messages.txt")
        self.assertEqual(checked, {"request", "response", "announcement", "compared"})

    def test_ledger_messages(self):
        checked = self.checked_of("ledger-messages.txt")
        rules = {*LEDGER_REQUESTS, *LEDGER_RESPONSES, *LEDGER_REFUSALS, "header", "certificate", "chunk"}
        self.assertEqual(checked, rules)
        for group in ("ledger-request", "ledger-response", "ledger-refusal"):
            choices = {"ledger-request": LEDGER_REQUESTS, "ledger-response": LEDGER_RESPONSES}
            listed = " / ".join(choices.get(group, LEDGER_REFUSALS))
            self.assertRegex(SCHEMA, f"(?m)^{group} += {listed}$")

    def test_what_the_schema_refuses(self):
        for name, value in [
            ("zone", {1: [[b"", 1, -1, [b""]]]}),
            ("zone", {1: []}),
            ("zone", {"a": 1}),
            ("zone", {2: [{1: 9, 2: b""}]}),
            ("policy", {1: 0, 2: [], 3: {"admin": 1}}),
            ("entry", {1: bytes(31), 2: 0, 3: 1}),
            ("certificate", {1: 0, 2: 0, 3: bytes(32), 4: b"\1", 5: bytes(47)}),
            ("transaction", {1: 1}),
            ("request", [1, bytes(32), 3]),
            ("probe", [[65, bytes(32)], None]),
            ("compared", {b"a" * 32: [0, 0, bytes(32)]}),
            ("refusal", [3, ""]),
            ("account", {1: 0}),
            ("body", [bytes(199)]),
            ("chunk", [[], b""]),
            ("ask-blocks", [3, bytes(32), 0]),
            ("ask-offer", [7, bytes(32)]),
            ("ask-offer", [4, bytes(31)]),
            ("ask-chunk", [5, bytes(32), 1]),
            ("give-transaction", [6, bytes(32), b""]),
            ("tip", [1, b"\1", None]),
            ("handovers", [2, [b""]]),
            ("blocks", [3, []]),
            ("blocks", [3, [[b"\1", None]]]),
            ("offer", [4, b"\1", None]),
            ("chunk-given", [5, b""]),
            ("no-chunk", [5, 0]),
            ("taken", [6, 0]),
            ("busy", [3, -1]),
            ("invalid-transaction", [4, ""]),
            ("announcement", [bytes(32), bytes(32), [0, 0, bytes(32)]]),
        ]:
            with self.subTest(rule=name, value=value):
                self.assertIsNotNone(holds(name, cbor2.dumps(value)))


if __name__ == "__main__":
    unittest.main()
