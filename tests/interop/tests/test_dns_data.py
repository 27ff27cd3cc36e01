"""Section 6: what is valid and what is not, type by type."""

from dotkey.dns_data import branch_from_text, check_owner, check_type, is_at_or_below, owner_text
from dotkey.rdata import check_rdata

from .test_identities import Case

ROOT, NAME = "00", "01610162 00"
SVCB = "0001 00 "

VALID = [
    (1, "c0000201"),
    (2, ROOT),
    (5, "03577757 00"),
    (6, NAME + ROOT + "00" * 20),
    (13, "00 0161"),
    (15, "000a" + NAME),
    (16, "00"),
    (16, "0161 0162"),
    (28, "00" * 16),
    (29, "00129999 80000000 80000000 ffffffff"),
    (33, "000000000000" + NAME),
    (35, "00000000 0161 00 00" + ROOT),
    (37, "0001 0001 08 00"),
    (43, "0001 08 02 ff"),
    (62, "00000000 0003 00 01 40 01 20" + "00" * 31 + "01"),
    (62, "00000000 0000"),
    (64, "0000" + NAME),
    (65, SVCB + "0000 0004 0001 0003  0001 0003 026832  0003 0002 01bb"),
    (65, SVCB + "0001 0003 026832  0002 0000  0004 0004 c0000201  0006 0010" + "00" * 16),
    (65, SVCB + "0007 0005 2f646e7365  0008 0000  0009 0000"),
    (256, "0001 0001 61"),
    (257, "00 0161"),
    (10, ""),
    (10, "ff"),
    (65280, "ff"),
    (2, ("3f" + "61" * 63) * 3 + "3d" + "61" * 61 + "00"),
]

INVALID = [
    (1, "c00002"),
    (1, "c000020100"),
    (2, ""),
    (2, "c000"),
    (2, "40" + "61" * 64 + "00"),
    (2, "0161"),
    (2, ("3f" + "61" * 63) * 3 + "3e" + "61" * 62 + "00"),
    (5, NAME + "00"),
    (16, ""),
    (16, "0261"),
    (29, "01129999 80000000 80000000 00000000"),
    (29, "00a29999 80000000 80000000 00000000"),
    (29, "00129999 934fd901 80000000 00000000"),
    (29, "00129999 80000000 a69fb201 00000000"),
    (35, "00000000 012d 00 00" + ROOT),
    (37, "0001 0001 08"),
    (43, "0001 08 02"),
    (62, "00000000 0004"),
    (62, "00000000 0000 01 01 40 00 01 40"),
    (62, "00000000 0000 00 00"),
    (62, "00000000 0000 00 21" + "01" * 33),
    (62, "00000000 0000 00 02 40 00"),
    (64, "0000 00 0009 0000"),
    (65, SVCB + "0003 0002 01bb 0001 0003 026832"),
    (65, SVCB + "0003 0002 01bb 0003 0002 01bb"),
    (65, SVCB + "ffff 0000"),
    (65, SVCB + "0003 0003 01bb00"),
    (65, SVCB + "0003 0002 01"),
    (65, SVCB + "0000 0002 0001"),
    (65, SVCB + "0000 0002 0000"),
    (65, SVCB + "0000 0000"),
    (65, SVCB + "0000 0001 00"),
    (65, SVCB + "0001 0000"),
    (65, SVCB + "0001 0001 00"),
    (65, SVCB + "0001 0002 0261"),
    (65, SVCB + "0002 0000"),
    (65, SVCB + "0004 0000"),
    (65, SVCB + "0004 0005 c000020100"),
    (65, SVCB + "0005 0000"),
    (65, SVCB + "0007 0004 646e732f"),
    (65, SVCB + "0008 0001 00"),
    (256, "0001 0001"),
    (257, "00 00"),
    (257, "00 10" + "61" * 16),
    (257, "00 012d"),
]


class DnsData(Case):
    def test_rdata(self):
        for type, data in VALID:
            check_rdata(type, bytes.fromhex(data))
        for type, data in INVALID:
            self.refused("rdata", check_rdata, type, bytes.fromhex(data))

    def test_types(self):
        for type in (1, 10, 40, 42, 43, 49, 52, 127, 256, 65534):
            check_type(type)
        for type in (0, 24, 41, 46, 48, 60, 128, 252, 255, 65535):
            self.refused("type", check_type, type)

    def test_owners(self):
        for text, data in {
            "@": "",
            "www.blog": "0377777704626c6f67",
            "*.a": "012a0161",
            "a\\.b\\032\\000": "05612e622000",
        }.items():
            self.assertEqual(owner_text(bytes.fromhex(data)), text)
        for data in ("00", "0161 00", "40" + "61" * 64, "0261", "0141", "3f" + "61" * 63 + ("3f" + "61" * 63) * 3):
            self.refused("owner", check_owner, bytes.fromhex(data))
        self.assertFalse(is_at_or_below(b"\x03x\x01c", b"\x01c"))
        self.assertTrue(is_at_or_below(b"\x01x\x01c", b"\x01c"))
        self.assertTrue(is_at_or_below(b"\x01x", b""))

    def test_branches(self):
        self.assertEqual(branch_from_text("a_.-b"), b"\x02a_\x02-b")
        for text in ("", "a..b", "A", "*", "a.", "a" * 64):
            self.assertIsNone(branch_from_text(text))
