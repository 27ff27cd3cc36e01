"""What a client that follows no blocks verifies, from a genesis on (docs/protocol/8-ledger.md, sections 8.5 to 8.11)."""

import re
from dataclasses import dataclass, replace

from blake3 import blake3

from . import bls, ledger, records
from .cbor import decode, encode
from .curves import ed25519_strong
from .errors import require
from .hashes import H
from .identities import Anchor
from .schema import COUNT, DIGEST, TIME
from .schema import ArrayOf, Bytes, MapOf, Text, Tuple, Unsigned, check

GENESIS_BYTES_MAX = 196608
HANDOVER_BYTES_MAX = CHECKPOINT_BYTES_MAX = 36864
BUNDLE_BYTES_MAX = 4194304
AHEAD_SECONDS_MAX = 60
EMPTY = b"SPARSE_MERKLE_PLACEHOLDER_HASH__"

VOTING_KEY = Bytes(96, 96)
VALIDATORS = ArrayOf(Tuple(identity=DIGEST, key=VOTING_KEY), 1, 256)
CANDIDATE = Tuple(identity=DIGEST, key=VOTING_KEY, possession=Bytes(48, 48), address=Text(0, 255))
PARAMETERS = MapOf(
    {
        1: Unsigned(0, 60),
        2: Unsigned(1, 4294967296),
        3: Unsigned(60, 316224000),
        4: Unsigned(1, 316224000),
        5: Unsigned(0, 31622400),
        6: Unsigned(2, 4294967296),
        7: Unsigned(1, 60000),
        8: Unsigned(100, 600000),
    },
    {},
)
GENESIS = MapOf(
    {
        1: ledger.VERSION,
        2: Text(1, 32),
        3: TIME,
        4: ArrayOf(CANDIDATE, 1, 256),
        5: PARAMETERS,
        6: ArrayOf(ledger.LABEL, 0, 1024),
    },
    {},
    versioned=True,
)
CHECKPOINT = MapOf({1: DIGEST, 2: COUNT, 3: TIME, 4: VALIDATORS}, {})
HANDOVER = MapOf({1: Bytes(), 2: Bytes(), 3: VALIDATORS}, {})
BUNDLE = MapOf(
    {1: ledger.VERSION, 2: ArrayOf(Bytes(), 0, 256), 3: Bytes()}, {4: Bytes(1, 65536)}, versioned=True
)


@dataclass(frozen=True)
class Validators:
    """A set: identity and voting key of each (8.7)."""

    pairs: tuple

    @property
    def digest(self) -> bytes:
        return H("dotkey validators v1", encode([list(pair) for pair in self.pairs]))

    @property
    def quorum(self) -> int:
        return len(self.pairs) - (len(self.pairs) - 1) // 3


def validators_of(pairs) -> Validators:
    """The rules of a set, of items whose schema was checked."""
    for identity, key in pairs:
        require(ed25519_strong(identity), "weak-key", identity.hex())
        require(bls.read_key(key) is not None, "voting-key", key.hex())
    identities = [identity for identity, _ in pairs]
    require(all(a < b for a, b in zip(identities, identities[1:])), "validator-order", "identities ascend")
    require(len({key for _, key in pairs}) == len(pairs), "validator-twice", "a voting key stands twice")
    return Validators(tuple((identity, key) for identity, key in pairs))


def read_validators(data: bytes) -> Validators:
    return validators_of(check(VALIDATORS, decode(data), "validators"))


def check_possession(candidate: list) -> None:
    identity, key, possession, _ = candidate
    message = bls.framed(b"dotkey validator possession v1" + identity, key)
    require(bls.verify((key,), message, bls.POSSESSION_TAG, possession), "possession", identity.hex())


def read_candidate(data: bytes) -> list:
    candidate = check(CANDIDATE, decode(data), "candidate")
    validators_of([candidate[:2]])
    check_possession(candidate)
    return candidate


@dataclass(frozen=True)
class Trusted:
    """Whom a client believes from an epoch on (8.8)."""

    network: bytes
    epoch: int
    since: int
    validators: Validators
    grace: int = 0
    """Seconds after a lease in which only its holder can renew it: of a genesis (8.9)."""


def read_genesis(data: bytes) -> Trusted:
    """A genesis, as what a client begins with (8.9)."""
    require(len(data) <= GENESIS_BYTES_MAX, "too-large", f"{len(data)} bytes")
    genesis = check(GENESIS, decode(data), "genesis")
    name, parameters, reserved = genesis[2], genesis[5], genesis[6]
    require(re.fullmatch("[a-z0-9]([a-z0-9-]*[a-z0-9])?", name), "network-name", name)
    require(parameters[4] <= parameters[3] and parameters[8] >= parameters[7], "parameters", "they do not fit")
    for label in reserved:
        ledger.check_label(label)
    require(all(a < b for a, b in zip(reserved, reserved[1:])), "label-order", "reserved labels ascend")
    validators = validators_of([candidate[:2] for candidate in genesis[4]])
    for candidate in genesis[4]:
        check_possession(candidate)
    return Trusted(H("dotkey genesis v1", data), 0, genesis[3], validators, parameters[5])


def read_checkpoint(data: bytes) -> Trusted:
    require(len(data) <= CHECKPOINT_BYTES_MAX, "too-large", f"{len(data)} bytes")
    item = check(CHECKPOINT, decode(data), "checkpoint")
    return Trusted(item[1], item[2], item[3], validators_of(item[4]))


def check_age(trusted: Trusted, now: int, age_max: int) -> None:
    require(now - trusted.since <= age_max, "trust-expired", f"it is of {trusted.since}")


def signed_bytes(header: bytes, certificate) -> bytes:
    """What every signer of a certificate signed (8.5)."""
    fields = ledger.read_header(header)
    namespace = b"dotkey consensus v1" + fields[2] + b"_FINALIZE"
    numbers = bls.varint(fields[8]) + bls.varint(certificate[1]) + bls.varint(certificate[2])
    return bls.framed(namespace, numbers + ledger.header_digest(header))


def verify_certificate(header: bytes, certificate, validators: Validators) -> int:
    """How many signed, when a quorum did (8.5)."""
    count, bits = len(validators.pairs), certificate[3]
    signers = [i for i in range(8 * len(bits)) if bits[i // 8] >> i % 8 & 1]
    fits = len(bits) == (count + 7) // 8 and all(i < count for i in signers)
    require(fits, "signers", f"{bits.hex()} for {count} validators")
    require(len(signers) >= validators.quorum, "quorum", f"{len(signers)} of {count}")
    keys = tuple(validators.pairs[i][1] for i in signers)
    holds = bls.verify(keys, signed_bytes(header, certificate), bls.VOTE_TAG, certificate[4])
    require(holds, "certificate", "the signature does not hold")
    return len(signers)


def expect(trusted: Trusted, header) -> None:
    """A header is one of the trusted validators', but for its certificate (8.8)."""
    require(header[2] == trusted.network, "network", header[2].hex())
    require(header[8] >= trusted.epoch, "epoch-passed", f"{header[8]} is before {trusted.epoch}")
    require(header[9] == trusted.validators.digest, "other-validators", header[9].hex())
    require(header[4] >= trusted.since, "backwards", f"{header[4]} is before {trusted.since}")


def follow(trusted: Trusted, data: bytes) -> Trusted:
    """One step from set to set (8.8)."""
    require(len(data) <= HANDOVER_BYTES_MAX, "too-large", f"{len(data)} bytes")
    handover = check(HANDOVER, decode(data), "handover")
    header, certificate = ledger.read_header(handover[1]), ledger.read_certificate(handover[2])
    following = validators_of(handover[3])
    expect(trusted, header)
    require(header.get(10) == following.digest, "handover", "the header names another set")
    verify_certificate(handover[1], certificate, trusted.validators)
    return Trusted(trusted.network, header[8] + 1, header[4], following, trusted.grace)


def place(subject) -> bytes:
    if type(subject) is str:
        return H("dotkey name leaf v1", subject.encode())
    return H("dotkey identity leaf v1", subject)


def _hash(*parts: bytes) -> bytes:
    return blake3(b"".join(parts)).digest()


def _bits(key: bytes) -> str:
    return "".join(f"{byte:08b}" for byte in key)


def verify_path(proof) -> None:
    """The path leads from the subject's place to the state root (8.6)."""
    key, siblings = place(proof[1]), proof[4]
    bits, depth = _bits(key), len(siblings)
    current = EMPTY
    if 5 in proof:
        current = _hash(b"JMT::LeafNode", key, _hash(proof[5]))
    elif 6 in proof:
        other, value = proof[6]
        fits = other != key and _bits(other)[:depth] == bits[:depth]
        require(fits, "other-leaf", other.hex())
        current = _hash(b"JMT::LeafNode", other, value)
    for sibling, bit in zip(siblings, reversed(bits[:depth])):
        pair = (current, sibling or EMPTY) if bit == "0" else (sibling or EMPTY, current)
        current = _hash(b"JMT::IntrnalNode", *pair)
    root = ledger.read_header(proof[2])[6]
    require(current == root, "path", f"it leads to {current.hex()}")


@dataclass(frozen=True)
class Verified:
    """What a bundle has shown."""

    epoch: int
    time: int
    signed: int
    validators: int
    value: dict | None
    state: str | None = None
    """How a name stands: `held`, `grace` or `free`."""
    record: records.Record | None = None


def verify_proof(proof, subject, trusted: Trusted, now: int, age_max: int) -> Verified:
    """8.10, of a proof that was read."""
    header, certificate = ledger.read_header(proof[2]), ledger.read_certificate(proof[3])
    require(proof[1] == subject, "other-subject", repr(proof[1]))
    expect(trusted, header)
    require(header[4] - now <= AHEAD_SECONDS_MAX, "ahead", f"{header[4]}, it is {now}")
    require(now - header[4] <= age_max, "stale", f"{header[4]}, it is {now}")
    verify_path(proof)
    signed = verify_certificate(proof[2], certificate, trusted.validators)
    value = decode(proof[5]) if 5 in proof else None
    return Verified(header[8], header[4], signed, len(trusted.validators.pairs), value)


def anchor_of(key_id: bytes, pin) -> Anchor | None:
    return None if pin is None else Anchor(key_id, pin[1], pin[2], pin.get(3) or 0)


def state_of(entry, grace: int, time: int) -> str:
    """How a name stands at a time (8.3)."""
    if entry is None or time >= entry[3] + grace:
        return "free"
    return "held" if time < entry[3] else "grace"


def verify_bundle(data: bytes, subject, trusted: Trusted, now: int, age_max: int) -> Verified:
    """8.11, from a genesis."""
    require(len(data) <= BUNDLE_BYTES_MAX, "too-large", f"{len(data)} bytes")
    bundle = check(BUNDLE, decode(data), "bundle")
    proof = ledger.read_proof(bundle[3])
    for handover in bundle[2]:
        trusted = follow(trusted, handover)
    shown = verify_proof(proof, subject, trusted, now, age_max)
    named, value = type(subject) is str, shown.value
    if named:
        shown = replace(shown, state=state_of(value, trusted.grace, max(now, shown.time)))
    if 4 not in bundle:
        return shown
    require(shown.state != "free", "nobody-holds", subject)
    key_id = value[1] if named else subject
    pin = None if value is None else value.get(4 if named else 2)
    record = records.verify_record(bundle[4], now, anchor_of(key_id, pin))
    require(record.key_id == key_id and record.branch is None, "key-id", "the record is another's")
    return replace(shown, record=record)
