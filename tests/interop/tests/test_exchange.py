"""Section 9: the examples of messages, and fingerprints."""

import pathlib
import unittest

from dotkey import exchange
from dotkey.cbor import encode
from dotkey.errors import Refused

EXAMPLES = pathlib.Path(__file__).parents[2] / "vectors/messages.txt"


class Exchange(unittest.TestCase):
    def test_examples(self):
        lines = [line for line in EXAMPLES.read_text().splitlines() if not line.startswith("#")]
        self.assertGreater(len(lines), 70)
        for line in lines:
            kind, verdict, *data = line.split(" ")
            with self.subTest(line):
                self.assertEqual(self.verdict(kind, bytes.fromhex("".join(data))), verdict)

    def verdict(self, kind, data):
        try:
            item = exchange.read_message(kind, data)
        except Refused as refused:
            return refused.code
        self.assertEqual(encode(item), data)
        return "valid"

    def test_too_large(self):
        for kind, most in exchange.BYTES_MAX.items():
            self.assertEqual(self.verdict(kind, bytes(most + 1)), "too-large")
            self.assertEqual(self.verdict(kind, bytes(most)), "trailing-bytes")

    def test_fingerprints(self):
        # The same numbers stand in registry/src/dht/core/reconcile/sums.rs.
        one = (b"\x04" * 32, (1, 2, b"\x03" * 32))
        other = (b"\x05" * 32, (1, 2, b"\x03" * 32))
        count, total = exchange.fingerprint([one, other])
        self.assertEqual((count, f"{total:032x}"), (2, "dbba11af1c997d4f64a49a09f24cbb81"))
        self.assertEqual(exchange.fingerprint([other, one]), (count, total))
        self.assertEqual(exchange.fingerprint([]), (0, 0))


if __name__ == "__main__":
    unittest.main()
