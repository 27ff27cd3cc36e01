"""The arithmetic of the two curves, as far as a verifier needs it.

ed25519: RFC 8032 section 5.1. OpenSSL verifies the equation without the cofactor and refuses S at or above the
group order, but takes small-order keys; what it does not check stands here. secp256k1: recovery of a public key
from a signature (SEC 1 section 4.1.6).
"""

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

# --- ed25519
P = 2**255 - 19
L = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, -1, P) % P
SQRT_MINUS_ONE = pow(2, (P - 1) // 4, P)


def ed25519_point(encoded: bytes):
    """The point (x, y), or None where the encoding is not canonical or names no point."""
    y = int.from_bytes(encoded, "little")
    sign, y = y >> 255, y & (1 << 255) - 1
    if y >= P:
        return None
    x2 = (y * y - 1) * pow(D * y * y + 1, -1, P) % P
    x = pow(x2, (P + 3) // 8, P)
    if x * x % P != x2:
        x = x * SQRT_MINUS_ONE % P
    if x * x % P != x2 or (x == 0 and sign):
        return None
    return (P - x if x & 1 != sign else x), y


def _ed25519_add(a, b):
    (x1, y1), (x2, y2) = a, b
    product = D * x1 * x2 * y1 * y2 % P
    x = (x1 * y2 + x2 * y1) * pow(1 + product, -1, P) % P
    y = (y1 * y2 + x1 * x2) * pow(1 - product, -1, P) % P
    return x, y


def ed25519_strong(encoded: bytes) -> bool:
    """A canonical encoding of a point that is not of small order (an order that divides the cofactor 8)."""
    point = ed25519_point(encoded)
    if point is None:
        return False
    for _ in range(3):
        point = _ed25519_add(point, point)
    return point != (0, 1)


def ed25519_verify(public: bytes, signature: bytes, message: bytes) -> bool:
    """Strict verification (section 4.3)."""
    r, s = signature[:32], int.from_bytes(signature[32:], "little")
    if s >= L or not ed25519_strong(public) or not ed25519_strong(r):
        return False
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, message)
    except InvalidSignature:
        return False
    return True


# --- secp256k1: y^2 = x^3 + 7
FIELD = 2**256 - 2**32 - 977
N = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
G = (
    0x79BE667EF9DCBBAC55A06295CE870B07029BFCDB2DCE28D959F2815B16F81798,
    0x483ADA7726A3C4655DA4FBFC0E1108A8FD17B448A68554199C47D08FFB10D4B8,
)


def _secp256k1_add(a, b):
    """The sum of two points; None is the point at infinity."""
    if a is None or b is None:
        return a or b
    (x1, y1), (x2, y2) = a, b
    if x1 == x2:
        if (y1 + y2) % FIELD == 0:
            return None
        slope = 3 * x1 * x1 * pow(2 * y1, -1, FIELD)
    else:
        slope = (y2 - y1) * pow(x2 - x1, -1, FIELD)
    x = (slope * slope - x1 - x2) % FIELD
    return x, (slope * (x1 - x) - y1) % FIELD


def secp256k1_multiply(scalar: int, point):
    total = None
    while scalar:
        if scalar & 1:
            total = _secp256k1_add(total, point)
        point = _secp256k1_add(point, point)
        scalar >>= 1
    return total


def secp256k1_recover(digest: bytes, r: int, s: int, odd: bool):
    """The public key (x, y) under which (r, s) signs the digest, or None. `odd`: whether the y of R is odd."""
    y = pow(r**3 + 7, (FIELD + 1) // 4, FIELD)
    if y * y % FIELD != (r**3 + 7) % FIELD:
        return None
    point = (r, y if y & 1 == odd else FIELD - y)
    z, inverse = int.from_bytes(digest, "big"), pow(r, -1, N)
    return _secp256k1_add(
        secp256k1_multiply(s * inverse % N, point),
        secp256k1_multiply(-z * inverse % N, G),
    )
