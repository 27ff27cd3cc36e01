"""Section 3 with self-made policies and chains: one fault each."""

import unittest

from dotkey import signatures
from dotkey.cbor import encode
from dotkey.errors import Refused
from dotkey.identities import Anchor, bare_key_id, read_policy, verify_chain
from dotkey.names import key_id_label

from .signer import Key, Wallet, authority, digest, envelope, key_id, next_of, policy

ONE, TWO, THREE, SAFE, WALLET = Key(1), Key(2), Key(3), Key(4), Wallet(5)
BOTH = ["admin", "publish"]
OLD = authority((ONE, 1, BOTH))
NEW = authority((TWO, 1, BOTH))
RECOVERY = {1: [[SAFE.alg, SAFE.public, 1]], 2: 1, 3: 3600}
GENESIS = policy(0, *OLD, next=next_of(*NEW), recovery=RECOVERY)
ID = key_id(GENESIS)


class Case(unittest.TestCase):
    def refused(self, code, call, *arguments):
        with self.subTest(code, arguments=str(arguments)[:200]):
            with self.assertRaises(Refused) as caught:
                call(*arguments)
            self.assertEqual(caught.exception.code, code, caught.exception.explanation)


def update(new, *keys, id=ID):
    return envelope(new, signatures.UPDATE_DOMAIN, signatures.update_text(id, read_policy(new)), *keys)


def pin(policy, id=ID, number=None):
    """The anchor on a policy."""
    read = read_policy(policy)
    return Anchor(id, read.number if number is None else number, read.digest)


class Policies(Case):
    def test_refused(self):
        weak = bytes(31) + b"\x80"
        key = [ONE.alg, ONE.public, 1, BOTH]
        thresholds = {"admin": 1, "publish": 1}
        for code, item in [
            ("wrong-type", [1]),
            ("wrong-type", {1: -1, 2: [key], 3: thresholds}),
            ("wrong-type", {1: 0, 2: [key], 3: thresholds, "x": 1}),
            ("missing-key", {1: 0, 2: [key]}),
            ("unknown-key", {1: 0, 2: [key], 3: thresholds, 7: 0}),
            ("out-of-range", {1: 1 << 32, 2: [key], 3: thresholds, 6: bytes(32)}),
            ("out-of-range", {1: 0, 2: [], 3: thresholds}),
            ("out-of-range", {1: 0, 2: [[ONE.alg, ONE.public, 0, BOTH]], 3: thresholds}),
            ("out-of-range", {1: 0, 2: [[ONE.alg, ONE.public, 1, []]], 3: thresholds}),
            ("out-of-range", {1: 0, 2: [key], 3: {"admin": 0, "publish": 1}}),
            ("out-of-range", {1: 0, 2: [key], 3: thresholds, 4: bytes(31)}),
            ("unknown-algorithm", {1: 0, 2: [[-7, ONE.public, 1, BOTH]], 3: thresholds}),
            ("key-length", {1: 0, 2: [[ONE.alg, ONE.public[:20], 1, BOTH]], 3: thresholds}),
            ("key-length", {1: 0, 2: [[WALLET.alg, ONE.public, 1, BOTH]], 3: thresholds}),
            ("weak-key", {1: 0, 2: [[ONE.alg, weak, 1, BOTH]], 3: thresholds}),
            ("unknown-role", {1: 0, 2: [[ONE.alg, ONE.public, 1, ["admin", "publish", "reader"]]], 3: thresholds}),
            ("unknown-role", {1: 0, 2: [key], 3: thresholds | {"publish:": 1}}),
            ("unknown-role", {1: 0, 2: [key], 3: thresholds | {"publish:Blog": 1}}),
            ("unknown-role", {1: 0, 2: [key], 3: thresholds | {"publish:a..b": 1}}),
            ("role-order", {1: 0, 2: [[ONE.alg, ONE.public, 1, BOTH[::-1]]], 3: thresholds}),
            ("role-order", {1: 0, 2: [[ONE.alg, ONE.public, 1, ["admin", "admin"]]], 3: thresholds}),
            ("duplicate-signer", {1: 0, 2: [key, key], 3: thresholds}),
            ("missing-threshold", {1: 0, 2: [key], 3: {"admin": 1}}),
            ("missing-threshold", {1: 0, 2: [key[:3] + [BOTH + ["publish:a"]]], 3: thresholds}),
            ("unreachable-threshold", {1: 0, 2: [key], 3: {"admin": 2, "publish": 1}}),
            ("unreachable-threshold", {1: 0, 2: [key], 3: thresholds | {"publish:a": 1}}),
            ("unreachable-threshold", {1: 0, 2: [key], 3: thresholds, 5: RECOVERY | {2: 2}}),
            ("missing-key", {1: 1, 2: [key], 3: thresholds}),
            ("unknown-key", {1: 0, 2: [key], 3: thresholds, 6: bytes(32)}),
        ]:
            self.refused(code, read_policy, encode(item))

    def test_many_thresholds(self):
        thresholds = {"admin": 1, "publish": 1} | {f"publish:{n:03}": 1 for n in range(513)}
        self.refused("out-of-range", read_policy, policy(0, OLD[0], thresholds))
        del thresholds["publish:512"]
        self.refused("unreachable-threshold", read_policy, policy(0, OLD[0], thresholds))

    def test_bare_key(self):
        read = read_policy(policy(0, *OLD))
        self.assertEqual(bare_key_id(ONE.alg, ONE.public), read.key_id)


class Chains(Case):
    def test_rotation(self):
        new = policy(1, *NEW, previous=digest(GENESIS))
        chain = [GENESIS, update(new, ONE, TWO)]
        self.assertEqual(verify_chain(chain, ID).number, 1)
        self.assertEqual(verify_chain(chain, ID, pin(new)).data, new)
        self.assertEqual(verify_chain(chain, ID, pin(GENESIS)).data, new)
        # From the policy that an anchor pins.
        third = policy(2, *NEW, previous=digest(new))
        short = [new, update(third, TWO)]
        self.assertEqual(verify_chain(short, ID, pin(new)).number, 2)
        self.refused("key-id", verify_chain, short, ID)
        self.refused("key-id", verify_chain, chain, bytes(32))
        self.refused("rotated-away", verify_chain, chain, ID, Anchor(ID, 1, bytes(32)))
        self.refused("rotated-away", verify_chain, [GENESIS], ID, pin(new))
        self.refused("rotated-away", verify_chain, chain, ID, pin(new, number=0))
        self.refused("rotated-away", verify_chain, short, ID, pin(new, number=2))
        self.refused("out-of-range", verify_chain, [], ID)

    def test_whose_anchor(self):
        theirs = policy(0, *authority((THREE, 1, BOTH)))
        self.refused("key-id", verify_chain, [theirs], ID, pin(theirs, key_id(theirs)))
        self.refused("key-id", verify_chain, [theirs], ID, pin(GENESIS))
        self.refused("key-id", verify_chain, [GENESIS], ID, pin(GENESIS, key_id(theirs)))
        self.refused("rotated-away", verify_chain, [GENESIS], ID, pin(theirs))

    def test_first_policy(self):
        numbered = policy(1, *OLD, previous=bytes(32))
        self.refused("key-id", verify_chain, [numbered], key_id(numbered))
        self.assertEqual(verify_chain([numbered], ID, pin(numbered)).number, 1)
        self.refused("key-id", verify_chain, [b""], ID)
        self.refused("truncated", verify_chain, [b""], key_id(b""))

    def test_numbers(self):
        for number in (63, (1 << 32) - 2):
            old = policy(number, *OLD, previous=bytes(32))
            new = policy(number + 1, *OLD, previous=digest(old))
            self.assertEqual(verify_chain([old, update(new, ONE)], ID, pin(old)).number, number + 1)

    def test_text(self):
        keys, thresholds = authority((ONE, 2, BOTH), (WALLET, 1, ["admin", "publish:a"]))
        new = policy(3, keys, thresholds, next=bytes(32), recovery=RECOVERY, previous=bytes(32))
        expected = [
            "dotkey policy update",
            f"identity: {key_id_label(ID)}",
            "policy: 3",
            f"key: ed25519:{ONE.public.hex()} weight 2 roles admin,publish",
            f"key: 0x{WALLET.public.hex()} weight 1 roles admin,publish:a",
            "threshold: admin 1",
            "threshold: publish 1",
            "threshold: publish:a 1",
            "next: " + "00" * 32,
            f"recovery key: ed25519:{SAFE.public.hex()} weight 1",
            "recovery: threshold 1 delay 3600 seconds",
            "",
        ]
        self.assertEqual(signatures.update_text(ID, read_policy(new)).split("\n"), expected)

    def test_refused_updates(self):
        previous = digest(GENESIS)
        new = policy(1, *NEW, previous=previous)
        other = policy(1, *authority((THREE, 1, BOTH)), previous=previous)
        good = update(new, ONE, TWO)
        for code, data in [
            ("policy-number", update(policy(2, *NEW, previous=previous), ONE, TWO)),
            ("policy-previous", update(policy(1, *NEW, previous=bytes(32)), ONE, TWO)),
            ("unknown-signer", update(new, ONE, TWO, THREE)),
            ("bad-signature", good[:-1] + bytes([good[-1] ^ 1])),
            ("bad-signature", envelope(new, signatures.RECORD_DOMAIN, "", ONE, TWO)),
            ("threshold", update(new, TWO)),
            ("next-mismatch", update(other, ONE, THREE)),
            ("threshold", update(new, ONE)),
            ("recovery-unanchored", update(other, SAFE, THREE)),
            ("wrong-tag", b"\xd8\x61" + good[2:]),
            ("wrong-tag", good[2:]),
            ("wrong-tag", b"\xd9\x00\x62" + good[2:]),
            ("truncated", b"\xd8"),
            ("truncated", b""),
            ("trailing-bytes", good + b"\x00"),
            ("truncated", good[:-1]),
        ]:
            self.refused(code, verify_chain, [GENESIS, data], ID)

    def test_recovery(self):
        other = policy(1, *authority((THREE, 1, BOTH)), previous=digest(GENESIS))
        chain = [GENESIS, update(other, SAFE, THREE)]
        self.assertEqual(verify_chain(chain, ID, pin(other)).data, other)
        self.refused("recovery-unanchored", verify_chain, chain, ID, pin(GENESIS))
        self.refused("rotated-away", verify_chain, chain, ID, Anchor(ID, 1, bytes(32)))
        alone = [GENESIS, update(other, SAFE)]
        self.refused("threshold", verify_chain, alone, ID, pin(other))

    def test_admin_who_recovers(self):
        recovery = {1: [[ONE.alg, ONE.public, 1]], 2: 1, 3: 3600}
        for next, code in [(None, None), (next_of(*NEW), None), (next_of(*OLD), "recovery-unanchored")]:
            first = policy(0, *OLD, next=next, recovery=recovery)
            new = policy(1, *NEW, previous=digest(first))
            chain = [first, update(new, ONE, TWO, id=key_id(first))]
            if code:
                self.refused(code, verify_chain, chain, key_id(first))
            else:
                self.assertEqual(verify_chain(chain, key_id(first)).data, new)

    def test_wallet(self):
        first = policy(0, *authority((WALLET, 1, BOTH)))
        id = key_id(first)
        new = policy(1, *NEW, previous=digest(first))
        good = update(new, WALLET, TWO, id=id)
        self.assertEqual(verify_chain([first, good], id).number, 1)
        self.refused("bad-signature", verify_chain, [first, update(new, WALLET, TWO, id=ID)], id)
        high = Wallet(5)
        high.sign = lambda signed, head: Wallet.sign(high, signed, head, high_s=True)
        self.refused("high-s", verify_chain, [first, update(new, high, TWO, id=id)], id)

    def test_envelope_form(self):
        new = policy(1, *NEW, previous=digest(GENESIS))
        one, two = (encode({1: k.alg, 4: k.public}) for k in sorted((ONE, TWO), key=lambda k: k.public))

        def tagged(*item):
            return signatures.ENVELOPE_TAG + encode(list(item))

        for code, data in [
            ("wrong-type", tagged(b"", {}, "text", [[one, {}, bytes(64)]])),
            ("out-of-range", tagged(b"", {}, new, [])),
            ("out-of-range", tagged(b"a", {}, new, [[one, {}, bytes(64)]])),
            ("out-of-range", tagged(b"", {1: 2}, new, [[one, {}, bytes(64)]])),
            ("out-of-range", tagged(b"", {}, new)),
            ("missing-key", tagged(b"", {}, new, [[encode({1: -8}), {}, bytes(64)]])),
            ("unknown-key", tagged(b"", {}, new, [[encode({1: -8, 2: 0, 4: bytes(32)}), {}, bytes(64)]])),
            ("unknown-algorithm", tagged(b"", {}, new, [[encode({1: -7, 4: bytes(32)}), {}, bytes(64)]])),
            ("key-length", tagged(b"", {}, new, [[encode({1: -8, 4: bytes(20)}), {}, bytes(64)]])),
            ("signature-length", tagged(b"", {}, new, [[one, {}, bytes(65)]])),
            ("signature-order", tagged(b"", {}, new, [[two, {}, bytes(64)], [one, {}, bytes(64)]])),
            ("signature-order", tagged(b"", {}, new, [[one, {}, bytes(64)], [one, {}, bytes(64)]])),
        ]:
            self.refused(code, verify_chain, [GENESIS, data], ID)
