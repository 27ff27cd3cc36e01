"""A tiny signer, so that the tests can make policies, chains, records and transactions."""

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from dotkey import curves
from dotkey.cbor import encode
from dotkey.hashes import H, keccak256
from dotkey.identities import commitment
from dotkey.signatures import ED25519, ENVELOPE_TAG, WALLET, sig_structure, wallet_message

NOW = 1_800_000_000


class Key:
    """An ed25519 key made from a small number."""

    alg = ED25519

    def __init__(self, seed: int):
        self.secret = Ed25519PrivateKey.from_private_bytes(bytes([seed]) * 32)
        self.public = self.secret.public_key().public_bytes_raw()

    def sign(self, sig_bytes: bytes, head: str) -> bytes:
        return self.secret.sign(sig_bytes)


class Wallet:
    """A wallet's key, which signs with a nonce that would be unsafe outside a test."""

    alg = WALLET

    def __init__(self, seed: int):
        self.secret = int.from_bytes(keccak256(bytes([seed])), "big") % curves.N
        x, y = curves.secp256k1_multiply(self.secret, curves.G)
        self.public = keccak256(x.to_bytes(32, "big") + y.to_bytes(32, "big"))[-20:]

    def sign(self, sig_bytes: bytes, head: str, high_s: bool = False) -> bytes:
        digest = int.from_bytes(keccak256(wallet_message(head, sig_bytes)), "big")
        nonce = 0xC0FFEE
        r, y = curves.secp256k1_multiply(nonce, curves.G)
        s = pow(nonce, -1, curves.N) * (digest + r * self.secret) % curves.N
        if (s > curves.N // 2) != high_s:
            s, y = curves.N - s, y + 1
        return r.to_bytes(32, "big") + s.to_bytes(32, "big") + bytes([27 + (y & 1)])


def envelope(payload: bytes, domain: bytes, head: str, *keys) -> bytes:
    """The payload signed by the keys."""
    signatures = []
    for key in sorted(keys, key=lambda key: key.public):
        protected = encode({1: key.alg, 4: key.public})
        signed = key.sign(sig_structure(protected, domain, payload), head)
        signatures.append([protected, {}, signed])
    return ENVELOPE_TAG + encode([b"", {}, payload, signatures])


def authority(*holders, thresholds=None):
    """The values 2 and 3 of a policy, from (key, weight, roles)."""
    keys = [[key.alg, key.public, weight, sorted(roles)] for key, weight, roles in holders]
    return keys, thresholds or {role: 1 for key in keys for role in key[3]}


def next_of(keys, thresholds) -> bytes:
    return commitment(keys, thresholds)


def policy(number, keys, thresholds, next=None, recovery=None, previous=None) -> bytes:
    item = {1: number, 2: keys, 3: thresholds, 4: next, 5: recovery, 6: previous}
    return encode({k: v for k, v in item.items() if v is not None})


def digest(policy: bytes) -> bytes:
    return H("dotkey policy v1", policy)


def key_id(policy: bytes) -> bytes:
    return H("dotkey identity v1", policy)


def claims(chain, body=b"\xa0", **changes) -> dict:
    """A record's claims; changes are given as k7=branch and so on, None to leave a key out."""
    item = {1: 1, 2: 1, 3: key_id(chain[0]), 4: 7, 5: NOW - 600, 6: NOW + 86400, 8: chain, 9: body}
    item |= {int(key[1:]): value for key, value in changes.items()}
    return {k: v for k, v in item.items() if v is not None}
