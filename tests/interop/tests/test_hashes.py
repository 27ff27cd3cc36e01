"""keccak-256, ed25519 and secp256k1 with published values."""

import unittest

from dotkey import curves
from dotkey.hashes import keccak256

KECCAK = {
    b"": "c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470",
    b"abc": "4e03657aea45a94fc7d47ba826c8d667c0d1e6e33a64a036ec44f58fa12d6c45",
    b"testing": "5f16f4c7f149ac4f9510d9cf8cf384038ad348b3bcdc01915f95de12df9d1b02",
}

# RFC 8032 section 7.1: public key, message, signature.
RFC_8032 = [
    (
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
        "",
        "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e06522490155"
        "5fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
    ),
    (
        "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
        "72",
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
        "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
    ),
    (
        "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
        "af82",
        "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac"
        "18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a",
    ),
]

# The eight points of small order, and encodings that are not canonical.
WEAK = [
    "0100000000000000000000000000000000000000000000000000000000000000",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "0000000000000000000000000000000000000000000000000000000000000000",
    "0000000000000000000000000000000000000000000000000000000000000080",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
    "0100000000000000000000000000000000000000000000000000000000000080",  # x = 0 with the sign bit
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",  # y = p
    "f0ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",  # y = p + 3
    "0200000000000000000000000000000000000000000000000000000000000000",  # not on the curve
]


class Hashes(unittest.TestCase):
    def test_keccak(self):
        for message, digest in KECCAK.items():
            self.assertEqual(keccak256(message).hex(), digest)
        for size in (135, 136, 137, 300):  # around the block's edge
            self.assertEqual(len(keccak256(b"a" * size)), 32)

    def test_ed25519(self):
        for public, message, signature in RFC_8032:
            public, message, signature = map(bytes.fromhex, (public, message, signature))
            self.assertTrue(curves.ed25519_verify(public, signature, message))
            self.assertFalse(curves.ed25519_verify(public, signature, message + b"x"))
            s = int.from_bytes(signature[32:], "little") + curves.L
            self.assertFalse(curves.ed25519_verify(public, signature[:32] + s.to_bytes(32, "little"), message))

    def test_weak_points(self):
        for encoded in WEAK:
            self.assertFalse(curves.ed25519_strong(bytes.fromhex(encoded)), encoded)
            # The signature that a small-order key gives to about every message.
            forged = bytes.fromhex(encoded) + bytes(32)
            self.assertFalse(curves.ed25519_verify(bytes.fromhex(encoded), forged, b"anything"))

    def test_wallet_recovery(self):
        # The example of the web3.js documentation for eth.accounts.sign("Some data", 0x4c0883a6...).
        message = b"\x19Ethereum Signed Message:\n9Some data"
        digest = keccak256(message)
        self.assertEqual(digest.hex(), "1da44b586eb0729ff70a73c326926f6ed5a25f5b056e7f47fbc6e58d86871655")
        r = 0xB91467E570A6466AA9E9876CBCD013BABA02900B8979D43FE208A4A4F339F5FD
        s = 0x6007E74CD82E037B800186422FC2DA167C747EF045E5D18A5F5D4300F8E1A029
        x, y = curves.secp256k1_recover(digest, r, s, odd=True)  # v is 0x1c
        address = keccak256(x.to_bytes(32, "big") + y.to_bytes(32, "big"))[-20:]
        self.assertEqual(address.hex(), "2c7536e3605d9c16a7a3d7b1898e529396a65c23")
