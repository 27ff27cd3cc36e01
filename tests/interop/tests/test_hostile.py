"""Bytes that somebody changed are refused, and never end in another exception."""

import random
import unittest

from dotkey import ledger, names
from dotkey.cbor import encode
from dotkey.errors import Refused
from dotkey.identities import read_policy
from dotkey.records import verify_record
from dotkey.zones import read_zone

from . import test_ledger, test_records, test_zones
from .signer import NOW

ZONE = {1: [test_zones.rr(b"", 16, b"\x01a")]} | test_zones.resources({4: {5: {1: "/"}, 6: {1: 2, 2: "a"}}})
ZONE |= {3: [{1: b"\x01z"}]}
WORDS = "a b 0x xn-- mnchen-3ya - -- _ . .. * key @ / 1".split()
WORDS += list("\u00fc\u0301\u05d0\u200d\u3002\uff21\u4e00\u30ab\u0430\U0001f600")


class Hostile(unittest.TestCase):
    def test_bytes(self):
        random.seed(1)
        for data, read in [
            (test_records.GENESIS, read_policy),
            (test_records.record(), lambda data: verify_record(data, NOW)),
            (encode(ZONE), read_zone),
            (encode(test_zones.shards(2, test_zones.SHARD | {5: b""})), read_zone),
            (test_ledger.transaction([2, "mysite", bytes(16), b""]), ledger.read_transaction),
            (encode(test_ledger.PROOF), ledger.read_proof),
        ]:
            read(data)
            for _ in range(1500):
                changed = bytearray(data)
                for _ in range(random.choice([1, 1, 2])):
                    changed[random.randrange(len(data))] = random.choice([random.randrange(256), 0, 0x80, 0xA0, 0x60])
                try:
                    read(bytes(changed))
                except Refused:
                    pass

    def test_names(self):
        random.seed(2)
        for _ in range(5000):
            text = "".join(random.choice(WORDS) for _ in range(random.randrange(1, 8))) + ".key"
            try:
                name = names.parse_name(text)
            except Refused:
                continue
            for again in (name.ascii, name.ascii.upper(), name.unicode, name.ascii + "."):
                self.assertEqual(names.parse_name(again).ascii, name.ascii, ascii(text))
