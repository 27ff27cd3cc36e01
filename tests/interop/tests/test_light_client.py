"""Sections 8.5 to 8.11 with a network of one validator, made and signed here: one fault each."""

from hashlib import sha256

from blake3 import blake3
from py_ecc.bls.hash_to_curve import hash_to_G1
from py_ecc.bls.point_compression import compress_G1, compress_G2
from py_ecc.optimized_bls12_381 import G2, multiply

from dotkey import bls, ledger, light_client
from dotkey.cbor import encode
from dotkey.hashes import H

from .signer import Key
from .test_identities import Case

NOW, SECRET, IDENTITY = 1_800_000_000, 0xC0FFEE, Key(9).public
D = bytes(32)


def sign(message: bytes, tag: bytes) -> bytes:
    return compress_G1(multiply(hash_to_G1(message, tag, sha256), SECRET)).to_bytes(48, "big")


KEY = b"".join(half.to_bytes(48, "big") for half in compress_G2(multiply(G2, SECRET)))
POSSESSION = sign(bls.framed(b"dotkey validator possession v1" + IDENTITY, KEY), bls.POSSESSION_TAG)
NUMBERS = {1: 1, 2: 1, 3: 100, 4: 50, 5: 10, 6: 10, 7: 1000, 8: 5000}
GENESIS = {1: 1, 2: "solo", 3: NOW - 100, 4: [[IDENTITY, KEY, POSSESSION, ""]], 5: NUMBERS, 6: []}
TRUSTED = light_client.read_genesis(encode(GENESIS))
ENTRY = encode({1: D, 2: 5, 3: NOW + 5})
LEAF = blake3(b"JMT::LeafNode" + H("dotkey name leaf v1", b"mysite") + blake3(ENTRY).digest()).digest()


def bundle(entry=ENTRY, subject="mysite", siblings=(), view=7, **changes):
    header = {1: 1, 2: TRUSTED.network, 3: 1, 4: NOW, 5: D, 6: LEAF, 7: D, 8: 0, 9: TRUSTED.validators.digest}
    header = encode(header | {int(key[1:]): value for key, value in changes.items()})
    certificate = {1: 7, 2: 6, 3: b"\x01"}
    signature = sign(light_client.signed_bytes(header, certificate), bls.VOTE_TAG)
    certificate |= {1: view, 4: signature}
    proof = {1: subject, 2: header, 3: encode(certificate), 4: list(siblings)}
    return encode({1: 1, 2: [], 3: encode(proof | ({} if entry is None else {5: entry}))})


def verify(data, subject="mysite", now=NOW):
    return light_client.verify_bundle(data, subject, TRUSTED, now, 60)


class LightClient(Case):
    def test_a_name_that_is_held(self):
        shown = verify(bundle())
        self.assertEqual((shown.signed, shown.validators, shown.value[1]), (1, 1, D))

    def test_how_a_name_stands(self):
        for now, state in [(-60, "held"), (4, "held"), (5, "grace"), (14, "grace"), (15, "free")]:
            self.assertEqual(verify(bundle(), now=NOW + now).state, state, now)

    def test_one_fault_each(self):
        for code, arguments in [
            ("path", [bundle(entry=encode({1: D, 2: 5, 3: NOW + 6}))]),
            ("path", [bundle(entry=None)]),
            ("path", [bundle(siblings=[None])]),
            ("certificate", [bundle(view=8)]),
            ("network", [bundle(k2=D)]),
            ("other-validators", [bundle(k9=D)]),
            ("backwards", [bundle(k4=NOW - 101)]),
            ("other-subject", [bundle(), "other"]),
            ("stale", [bundle(), "mysite", NOW + 61]),
            ("ahead", [bundle(), "mysite", NOW - 61]),
        ]:
            self.refused(code, verify, *arguments)

    def test_genesis(self):
        for code, changes in [
            ("network-name", {2: "-"}),
            ("possession", {4: [[IDENTITY, KEY, sign(b"", bls.POSSESSION_TAG), ""]]}),
            ("voting-key", {4: [[IDENTITY, bytes(96), POSSESSION, ""]]}),
            ("parameters", {5: NUMBERS | {4: 101}}),
            ("label-order", {6: ["b", "a"]}),
        ]:
            self.refused(code, light_client.read_genesis, encode(GENESIS | changes))

    def test_varint(self):
        self.assertEqual(bls.varint(127), b"\x7f")
        self.assertEqual(bls.varint(300), b"\xac\x02")
