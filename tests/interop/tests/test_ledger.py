"""Section 8 with self-made items: one fault each."""

from dotkey import ledger, signatures
from dotkey.cbor import encode
from dotkey.names import key_id_label

from .signer import Key, Wallet, authority, digest, envelope, key_id, policy
from .test_identities import Case, update

ONE, WALLET = Key(1), Wallet(2)
GENESIS = policy(0, *authority((ONE, 1, ["admin", "publish"]), (WALLET, 1, ["admin"])))
ID, NETWORK, D = key_id(GENESIS), b"n" * 32, bytes(32)
HEADER = {1: 1, 2: D, 3: 0, 4: 0, 5: D, 6: D, 7: D, 8: 0, 9: D}
CERTIFICATE = {1: 1, 2: 0, 3: b"\x01", 4: bytes(48)}
ENTRY = {1: D, 2: 5, 3: 6}
PROOF = {1: "mysite", 2: encode(HEADER), 3: encode(CERTIFICATE), 4: [D], 5: encode(ENTRY)}


def transaction(action, *keys, words="", **changes):
    item = {1: 1, 2: NETWORK, 3: ID, 4: 3, 5: [GENESIS], 6: action}
    item |= {int(k[1:]): v for k, v in changes.items()}
    head = signatures.transaction_text(NETWORK, ID, 3, words)
    return envelope(encode(item), signatures.TRANSACTION_DOMAIN + NETWORK, head, *(keys or (ONE,)))


class Ledger(Case):
    def test_transactions(self):
        for action, words in [
            ([1, D], f"commit {'00' * 32}"),
            ([2, "mysite", bytes(16), b""], "claim mysite"),
            ([3, "mysite", b"stamp"], "renew mysite"),
            ([4, "mysite", D], f"transfer mysite to {key_id_label(D)}"),
            ([5, "mysite"], "release mysite"),
            ([6], f"set-policy {digest(GENESIS).hex()}"),
            ([7, 1], "checkpoint 1"),
            ([8, b"v", 0], "validator-change 76 weight 0"),
        ]:
            read = ledger.read_transaction(transaction(action, ONE, WALLET, words=words))
            read.verify()
            self.assertEqual((read.words, read.nonce), (words, 3))
        new = policy(1, *authority((ONE, 1, ["admin", "publish"])), previous=digest(GENESIS))
        rotated = ledger.read_transaction(transaction([6], k5=[GENESIS, update(new, ONE, id=ID)]))
        self.assertEqual(rotated.words, f"set-policy {digest(new).hex()}")
        wrong = ledger.read_transaction(transaction([6], WALLET, words="commit"))
        self.refused("bad-signature", wrong.verify)

    def test_refused_transactions(self):
        for code, data in [
            ("too-large", bytes(8193)),
            ("unknown-action", transaction([10])),
            ("out-of-range", transaction([])),
            ("unknown-action", transaction([0])),
            ("out-of-range", transaction([1])),
            ("out-of-range", transaction([7, 0])),
            ("out-of-range", transaction([6], k5=[])),
            ("wrong-type", transaction([1, "text"])),
            ("wrong-type", transaction(["text"])),
            ("out-of-range", transaction([5, ""])),
            ("label", transaction([5, "My"])),
            ("label", transaction([5, "a.b"])),
            ("out-of-range", transaction([5, "a" * 49])),
            ("unknown-key", transaction([6], k8=0)),
        ]:
            self.refused(code, ledger.read_transaction, data)

    def test_items(self):
        absent = {key: value for key, value in PROOF.items() if key != 5}
        ledger.read_proof(encode(PROOF))
        ledger.read_proof(encode(absent))
        ledger.read_proof(encode(absent | {6: [D, D]}))
        ledger.read_entry(encode(ENTRY | {4: {1: 0, 2: D, 3: 1}}))
        ledger.read_header(encode(HEADER | {10: D}))
        ledger.read_proof(encode(absent | {1: D, 4: [None, D]}))
        for code, read, item in [
            ("out-of-range", ledger.read_entry, ENTRY | {3: 5}),
            ("out-of-range", ledger.read_entry, ENTRY | {4: {1: 1 << 32, 2: D}}),
            ("missing-key", ledger.read_header, {1: 1}),
            ("out-of-range", ledger.read_certificate, CERTIFICATE | {4: bytes(49)}),
            ("out-of-range", ledger.read_certificate, CERTIFICATE | {3: b""}),
            ("label", ledger.read_proof, PROOF | {1: "-"}),
            ("unknown-key", ledger.read_proof, PROOF | {6: [D, D]}),
            ("empty-sibling", ledger.read_proof, PROOF | {4: [ledger.EMPTY_SUBTREE]}),
            ("truncated", ledger.read_proof, PROOF | {2: b""}),
            ("too-large", ledger.read_proof, PROOF | {4: [D] * 90}),
            ("out-of-range", ledger.read_proof, PROOF | {4: [None] * 257}),
        ]:
            self.refused(code, read, encode(item))
