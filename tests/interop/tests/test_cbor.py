"""Section 1.1 with the examples of RFC 8949 appendix A, and cbor2 as a second opinion on what is accepted."""

import random
import unittest

import cbor2
import verify
from dotkey import cbor
from dotkey.errors import Refused

ACCEPTED = """
00 01 0a 17 1818 1819 1864 1903e8 1a000f4240 1b000000e8d4a51000 1bffffffffffffffff 3bffffffffffffffff 20 29 3863
3903e7 f4 f5 f6 40 4401020304 60 6161 6449455446 62225c 62c3bc 63e6b0b4 64f0908591 80 83010203 8301820203820405
98190102030405060708090a0b0c0d0e0f101112131415161718181819 a0 a201020304 a26161016162820203 826161a161626163
a56161614161626142616361436164614461656145
""".split()

REFUSED = {
    # Appendix A, what this profile leaves out.
    "c249010000000000000000": "forbidden-item",
    "c349010000000000000000": "forbidden-item",
    "f90000": "forbidden-item",
    "f97e00": "forbidden-item",
    "fa47c35000": "forbidden-item",
    "fb3ff199999999999a": "forbidden-item",
    "f7": "forbidden-item",
    "f0": "forbidden-item",
    "f8ff": "forbidden-item",
    "c074323031332d30332d32315432303a30343a30305a": "forbidden-item",
    "d74401020304": "forbidden-item",
    "d8184449455446": "forbidden-item",
    "5f42010243030405ff": "indefinite-length",
    "7f657374726561646d696e67ff": "indefinite-length",
    "9fff": "indefinite-length",
    "9f018202039f0405ffff": "indefinite-length",
    "83018202039f0405ff": "indefinite-length",
    "bf61610161629f0203ffff": "indefinite-length",
    "826161bf61626163ff": "indefinite-length",
    # Rule by rule.
    "d86280": "forbidden-item",
    "f814": "forbidden-item",
    "1c": "forbidden-item",
    "3d": "forbidden-item",
    "5e": "forbidden-item",
    "fe": "forbidden-item",
    "1f": "forbidden-item",
    "ff": "forbidden-item",
    "1817": "not-shortest",
    "1900ff": "not-shortest",
    "1a0000ffff": "not-shortest",
    "1b00000000ffffffff": "not-shortest",
    "3800": "not-shortest",
    "5800": "not-shortest",
    "780161": "not-shortest",
    "9800": "not-shortest",
    "b800": "not-shortest",
    "a202000100": "map-order",
    "a26161001864": "map-order",
    "a220001864": "map-order",
    "a201000100": "duplicate-key",
    "61ff": "invalid-utf8",
    "63eda080": "invalid-utf8",
    "62c080": "invalid-utf8",
    "81" * 17 + "00": "too-deep",
    "a100" * 16 + "80": "too-deep",
    "0000": "trailing-bytes",
    "": "truncated",
    "18": "truncated",
    "4401": "truncated",
    "5bffffffffffffffff00": "truncated",
    "9bffffffffffffffff00": "truncated",
    "bbffffffffffffffff0000": "truncated",
    "8201": "truncated",
    "a101": "truncated",
}


class Cbor(unittest.TestCase):
    def test_accepted(self):
        deepest = "81" * 15 + "80"
        for text in ACCEPTED + [deepest]:
            data = bytes.fromhex(text)
            value = cbor.decode(data)
            self.assertEqual(cbor.encode(value), data)
            self.assertEqual(cbor.encode(cbor2.loads(data)), data, "cbor2 finds the same value")
            self.assertEqual(cbor2.dumps(cbor2.loads(data), canonical=True), data)

    def test_random(self):
        random.seed(8949)
        accepted = 0
        for _ in range(20000):
            data = bytearray.fromhex(random.choice(ACCEPTED))
            data[random.randrange(len(data))] = random.randrange(256)
            try:
                value = cbor.decode(bytes(data))
            except Refused:
                continue
            accepted += 1
            self.assertEqual(cbor.encode(value), data)
            if verify.plain_keys(value):
                self.assertEqual(cbor2.dumps(cbor2.loads(bytes(data))), data)
        self.assertGreater(accepted, 1000)

    def test_refused(self):
        for text, code in REFUSED.items():
            with self.subTest(text), self.assertRaises(Refused) as caught:
                cbor.decode(bytes.fromhex(text))
            self.assertEqual(caught.exception.code, code, text)

    def test_true_is_not_one(self):
        value = cbor.decode(bytes.fromhex("a20100f502"))
        self.assertEqual((value[1], value[True]), (0, 2))
