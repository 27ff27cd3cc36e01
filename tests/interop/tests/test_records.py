"""Section 5 with self-made records: one fault each."""

from dotkey import signatures
from dotkey.cbor import encode
from dotkey.dns_data import branch_from_text
from dotkey.hashes import H
from dotkey.identities import Anchor
from dotkey.records import verify_record

from .signer import NOW, Key, Wallet, authority, claims, digest, envelope, key_id, policy
from .test_identities import Case, update

ONE, TWO, BLOGGER, SHOP, WALLET = Key(1), Key(2), Key(3), Key(4), Wallet(5)
BOTH = ["admin", "publish"]
HOLDERS = authority(
    (ONE, 1, BOTH),
    (TWO, 1, ["admin"]),
    (BLOGGER, 1, ["publish:blog"]),
    (SHOP, 1, ["publish:shop"]),
    (WALLET, 1, ["publish"]),
)
GENESIS = policy(0, *HOLDERS)
ID = key_id(GENESIS)
BLOG, DEEPER, OTHER = (branch_from_text(text) for text in ("blog", "news.blog", "myblog"))


def record(*keys, text=None, **changes):
    item = claims([GENESIS], **changes)
    head = signatures.record_text(ID, text, 7)
    return envelope(encode(item), signatures.RECORD_DOMAIN, head, *(keys or (ONE,)))


class Records(Case):
    def test_accepted(self):
        self.assertEqual(verify_record(record(), NOW).sequence, 7)
        self.assertEqual(verify_record(record(WALLET), NOW).key_id, ID)
        self.assertEqual(verify_record(record(BLOGGER, k7=BLOG), NOW).branch_text, "blog")
        self.assertEqual(verify_record(record(BLOGGER, k7=DEEPER), NOW).branch_text, "news.blog")
        self.assertEqual(verify_record(record(ONE, k7=OTHER), NOW).branch_text, "myblog")
        self.assertEqual(verify_record(record(WALLET, k7=BLOG, text="blog"), NOW).branch_text, "blog")
        anchor = Anchor(ID, 0, digest(GENESIS), 7)
        self.assertEqual(verify_record(record(), NOW, anchor).sequence, 7)
        self.assertEqual(verify_record(record(), NOW - 600).sequence, 7)
        self.assertEqual(verify_record(record(), NOW + 86399).sequence, 7)

    def test_refused(self):
        good = record()
        for code, data in [
            ("too-large", bytes(65537)),
            ("truncated", good[:-1]),
            ("missing-key", record(k9=None)),
            ("unknown-key", record(k10=0)),
            ("wrong-type", record(k9="text")),
            ("out-of-range", record(k4=0)),
            ("out-of-range", record(k4=1 << 53)),
            ("out-of-range", record(k6=253402300800)),
            ("out-of-range", record(k7=b"")),
            ("out-of-range", record(k8=[])),
            ("unknown-version", record(k1=2)),
            ("unknown-kind", record(k2=2)),
            ("validity-window", record(k6=NOW - 600)),
            ("validity-window", record(k6=NOW - 600 + 34560001)),
            ("branch", record(k7=b"\x01B")),
            ("branch", record(k7=b"\x01*")),
            ("branch", record(k7=b"\x05ab")),
            ("not-yet-valid", record(k5=NOW + 1)),
            ("expired", record(k6=NOW)),
            ("key-id", record(k3=bytes(32))),
            ("unknown-signer", record(Key(9))),
            ("unknown-signer", record(ONE, Key(9))),
            ("wrong-role", record(TWO)),
            ("wrong-role", record(BLOGGER)),
            ("wrong-role", record(ONE, SHOP, k7=BLOG)),
            ("wrong-role", record(BLOGGER, k7=OTHER)),
            ("bad-signature", good[:-1] + bytes([good[-1] ^ 1])),
            ("bad-signature", record(WALLET, k7=BLOG)),
        ]:
            self.refused(code, verify_record, data, NOW)
        self.refused("rolled-back", verify_record, good, NOW, Anchor(ID, 0, digest(GENESIS), 8))
        self.refused("rotated-away", verify_record, good, NOW, Anchor(ID, 1, bytes(32)))
        self.refused("key-id", verify_record, good, NOW, Anchor(bytes(32), 0, digest(GENESIS), 8))

    def test_digest(self):
        one, both = verify_record(record(), NOW), verify_record(record(ONE, WALLET), NOW)
        self.assertEqual(one.digest, both.digest)
        self.assertEqual(one.digest, H("dotkey record v1", encode(claims([GENESIS]))))

    def test_thresholds(self):
        keys, _ = authority((ONE, 1, ["admin", "publish", "publish:blog"]), (TWO, 1, ["publish:blog", "publish"]))
        genesis = policy(0, keys, {"admin": 1, "publish": 2, "publish:blog": 1})
        for code, branch, signers in [
            ("threshold", None, (ONE,)),
            (None, None, (ONE, TWO)),
            (None, BLOG, (ONE,)),
            ("threshold", OTHER, (ONE,)),
        ]:
            item = claims([genesis], k7=branch)
            data = envelope(encode(item), signatures.RECORD_DOMAIN, "", *signers)
            if code:
                self.refused(code, verify_record, data, NOW)
            else:
                verify_record(data, NOW)

    def test_too_many_signatures(self):
        keys = [Key(n) for n in range(32)]
        held = authority(*((key, 1, BOTH) for key in keys))
        genesis = policy(0, *held)
        new = policy(1, *held, previous=digest(genesis))
        good = update(new, *keys, id=key_id(genesis))
        newer = policy(2, *held, previous=digest(new))
        first = update(newer, keys[0], id=key_id(genesis))
        for code, chain in [(None, [genesis, good]), ("too-many-signatures", [genesis, good, first])]:
            item = claims([genesis]) | {8: chain}
            data = envelope(encode(item), signatures.RECORD_DOMAIN, "", *keys)
            if code:
                self.refused(code, verify_record, data, NOW)
            else:
                self.assertEqual(verify_record(data, NOW).policy.number, 1)
