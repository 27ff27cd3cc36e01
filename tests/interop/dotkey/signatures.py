"""Envelopes and their signatures (docs/protocol/4-signatures.md)."""

from dataclasses import dataclass

from . import curves
from .cbor import decode, encode
from .errors import Refused, require
from .hashes import H, keccak256
from .names import key_id_label
from .schema import ArrayOf, Bytes, Integer, MapOf, Tuple, check

ED25519, WALLET = -8, -65537
PUBLIC_SIZE = {ED25519: 32, WALLET: 20}
SIGNATURE_SIZE = {ED25519: 64, WALLET: 65}
ENVELOPE_TAG = bytes.fromhex("d862")  # tag 98

RECORD_DOMAIN = b"dotkey record v1"
UPDATE_DOMAIN = b"dotkey policy update v1"
TRANSACTION_DOMAIN = b"dotkey transaction v1"  # and then the network id


class _EmptyMap(MapOf):
    """A map that must be empty: anything in it is `out-of-range` (4.2 rule 2)."""

    def check(self, value, where):
        require(len(value) == 0, "out-of-range", f"{where} is not empty")


EMPTY_BYTES, EMPTY_MAP = Bytes(0, 0), _EmptyMap({}, {})
SIGNATURE = Tuple(protected=Bytes(), unprotected=EMPTY_MAP, signature=Bytes())
ENVELOPE = Tuple(
    protected=EMPTY_BYTES, unprotected=EMPTY_MAP, payload=Bytes(), signatures=ArrayOf(SIGNATURE, 1, 64)
)
SIGNER = MapOf({1: Integer(), 4: Bytes()}, {})


@dataclass(frozen=True)
class Signature:
    protected: bytes
    alg: int
    kid: bytes
    signature: bytes

    @property
    def signer(self):
        """What a key of a policy is found by."""
        return self.alg, self.kid


@dataclass(frozen=True)
class Envelope:
    payload: bytes
    signatures: list[Signature]

    @property
    def signers(self):
        return {signature.signer for signature in self.signatures}


def open_envelope(data: bytes) -> Envelope:
    """The envelope, if it is well formed (4.2); nothing is verified."""
    require(data not in (b"", ENVELOPE_TAG[:1]), "truncated", "no room for the tag")
    require(data.startswith(ENVELOPE_TAG), "wrong-tag", "an envelope begins with tag 98")
    _, _, payload, items = check(ENVELOPE, decode(data[len(ENVELOPE_TAG) :]), "envelope")
    # Each byte string inside is decoded when it is looked at (1.1); the shape of all of them comes before the rest.
    signers = [check(SIGNER, decode(protected), "protected header") for protected, _, _ in items]
    signatures = [Signature(p, signer[1], signer[4], s) for (p, _, s), signer in zip(items, signers)]
    for s in signatures:
        require(s.alg in PUBLIC_SIZE, "unknown-algorithm", f"algorithm {s.alg}")
        require(len(s.kid) == PUBLIC_SIZE[s.alg], "key-length", f"kid of {len(s.kid)} bytes")
        require(len(s.signature) == SIGNATURE_SIZE[s.alg], "signature-length", f"{len(s.signature)} bytes")
    for one, next in zip(signatures, signatures[1:]):
        require(one.kid < next.kid, "signature-order", f"{next.kid.hex()} after {one.kid.hex()}")
    return Envelope(payload, signatures)


def sig_structure(protected: bytes, domain: bytes, payload: bytes) -> bytes:
    """The bytes that are signed (4.3)."""
    return encode(["Signature", b"", protected, domain, payload])


def wallet_message(head: str, sig_bytes: bytes) -> bytes:
    """What a wallet hashes: the text (4.4) behind EIP-191's prefix. `head` is the text without its last line."""
    text = (head + "digest: " + H("dotkey signing digest v1", sig_bytes).hex()).encode("ascii")
    return b"\x19Ethereum Signed Message:\n" + str(len(text)).encode() + text


def verify(envelope: Envelope, domain: bytes, head: str) -> None:
    """All signatures of the envelope verify; `head` is what a wallet's text says before the digest."""
    for s in envelope.signatures:
        signed = sig_structure(s.protected, domain, envelope.payload)
        if s.alg == ED25519:
            good = curves.ed25519_verify(s.kid, s.signature, signed)
        else:
            good = _wallet_verify(s.kid, s.signature, keccak256(wallet_message(head, signed)))
        require(good, "bad-signature", f"signature of {s.kid.hex()}")


def _wallet_verify(address: bytes, signature: bytes, digest: bytes) -> bool:
    r, s, v = int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:64], "big"), signature[64]
    if v not in (27, 28) or not 0 < r < curves.N or not 0 < s < curves.N:
        return False
    if s > curves.N // 2:
        raise Refused("high-s", f"signature of {address.hex()}")
    point = curves.secp256k1_recover(digest, r, s, odd=v == 28)
    if point is None:
        return False
    return keccak256(point[0].to_bytes(32, "big") + point[1].to_bytes(32, "big"))[-20:] == address


def record_text(key_id: bytes, branch: str | None, sequence: int) -> str:
    lines = ["dotkey record", f"zone: {key_id_label(key_id)}"]
    lines += [f"branch: {branch}"] if branch is not None else []
    return "".join(line + "\n" for line in lines + [f"sequence: {sequence}"])


def key_text(alg: int, public: bytes) -> str:
    return ("ed25519:" if alg == ED25519 else "0x") + public.hex()


def update_text(key_id: bytes, policy) -> str:
    """What a wallet shows of an update to this policy: all that it changes."""
    lines = ["dotkey policy update", f"identity: {key_id_label(key_id)}", f"policy: {policy.number}"]
    for key, (weight, roles) in policy.keys.items():
        lines.append(f"key: {key_text(*key)} weight {weight} roles {','.join(roles)}")
    lines += [f"threshold: {role} {least}" for role, least in policy.thresholds.items()]
    if policy.next is not None:
        lines.append(f"next: {policy.next.hex()}")
    if policy.recovery:
        lines += [f"recovery key: {key_text(*key)} weight {weight}" for key, weight in policy.recovery.items()]
        lines.append(f"recovery: threshold {policy.recovery_threshold} delay {policy.recovery_delay} seconds")
    return "".join(line + "\n" for line in lines)


def transaction_text(network_id: bytes, key_id: bytes, nonce: int, action: str) -> str:
    return (
        f"dotkey transaction\nnetwork: {network_id.hex()}\nidentity: {key_id_label(key_id)}\n"
        f"nonce: {nonce}\naction: {action}\n"
    )
