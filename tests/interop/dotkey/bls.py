"""BLS signatures over BLS12-381 (docs/protocol/8-ledger.md sections 8.5 and 8.7): keys in G2, signatures in G1."""

from functools import lru_cache
from hashlib import sha256

from py_ecc.bls.hash_to_curve import hash_to_G1
from py_ecc.bls.point_compression import decompress_G1, decompress_G2
from py_ecc.optimized_bls12_381 import (
    FQ12,
    G2,
    add,
    curve_order,
    final_exponentiate,
    is_inf,
    multiply,
    neg,
    pairing,
)

VOTE_TAG = b"BLS_SIG_BLS12381G1_XMD:SHA-256_SSWU_RO_POP_"
POSSESSION_TAG = b"BLS_POP_BLS12381G1_XMD:SHA-256_SSWU_RO_POP_"


def _in_subgroup(point) -> bool:
    return not is_inf(point) and is_inf(multiply(point, curve_order))


@lru_cache(maxsize=1024)
def read_key(data: bytes):
    """The point of a voting key, or None when it is none, not in the subgroup or at infinity."""
    halves = int.from_bytes(data[:48], "big"), int.from_bytes(data[48:], "big")
    try:
        point = decompress_G2(halves)
    except ValueError:
        return None
    return point if _in_subgroup(point) else None


def _read_signature(data: bytes):
    try:
        point = decompress_G1(int.from_bytes(data, "big"))
    except ValueError:
        return None
    return point if _in_subgroup(point) else None


@lru_cache(maxsize=1024)
def verify(keys: tuple, message: bytes, tag: bytes, signature: bytes) -> bool:
    """Whether the signature is that of the sum of the keys, which read_key has let pass."""
    point = _read_signature(signature)
    if point is None:
        return False
    total = None
    for key in keys:
        total = read_key(key) if total is None else add(total, read_key(key))
    if total is None or is_inf(total):
        return False
    hashed = hash_to_G1(message, tag, sha256)
    product = pairing(total, hashed, final_exponentiate=False) * pairing(G2, neg(point), final_exponentiate=False)
    return final_exponentiate(product) == FQ12.one()


def varint(number: int) -> bytes:
    out = bytearray()
    while number >= 0x80:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes(out + bytes([number]))


def framed(namespace: bytes, message: bytes) -> bytes:
    return varint(len(namespace)) + namespace + message
