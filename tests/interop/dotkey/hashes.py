"""Hashes (docs/protocol/1-encoding.md section 1.3) and keccak-256, which wallets use (section 4.4)."""

from blake3 import blake3

MASK = (1 << 64) - 1


def H(context: str, data: bytes) -> bytes:
    """BLAKE3 in its key-derivation mode, 32 bytes."""
    return blake3(data, derive_key_context=context).digest()


def keccak256(data: bytes) -> bytes:
    """Keccak with 256 bits as submitted to the SHA-3 competition: its padding begins with 01, not with 06."""
    rate = 136
    padding = bytearray(rate - len(data) % rate)
    padding[0] |= 0x01
    padding[-1] |= 0x80
    data = data + bytes(padding)
    lanes = [[0] * 5 for _ in range(5)]  # lanes[x][y]
    for block in range(0, len(data), rate):
        for i in range(rate // 8):
            at = block + 8 * i
            lanes[i % 5][i // 5] ^= int.from_bytes(data[at : at + 8], "little")
        lanes = _permute(lanes)
    return b"".join(lanes[i][0].to_bytes(8, "little") for i in range(4))


def _rotate(lane: int, bits: int) -> int:
    bits %= 64
    return (lane << bits | lane >> (64 - bits)) & MASK


def _permute(a):
    """Keccak-f[1600] (FIPS 202 section 3.2): theta, rho and pi, chi, iota, 24 times."""
    register = 1
    for _ in range(24):
        c = [a[x][0] ^ a[x][1] ^ a[x][2] ^ a[x][3] ^ a[x][4] for x in range(5)]
        d = [c[(x + 4) % 5] ^ _rotate(c[(x + 1) % 5], 1) for x in range(5)]
        a = [[a[x][y] ^ d[x] for y in range(5)] for x in range(5)]
        x, y, current = 1, 0, a[1][0]
        for t in range(24):
            x, y = y, (2 * x + 3 * y) % 5
            current, a[x][y] = a[x][y], _rotate(current, (t + 1) * (t + 2) // 2)
        a = [[a[x][y] ^ (~a[(x + 1) % 5][y] & a[(x + 2) % 5][y]) & MASK for y in range(5)] for x in range(5)]
        for j in range(7):
            register = register << 1 ^ (0x171 if register & 0x80 else 0)
            if register & 2:
                a[0][0] ^= 1 << ((1 << j) - 1)
    return a
