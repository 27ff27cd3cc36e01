"""What the ledger keeps and proves: its encoding (docs/protocol/8-ledger.md)."""

from dataclasses import dataclass

from . import signatures
from .cbor import decode, encode
from .errors import Refused, require
from .hashes import H
from .identities import open_updates, policy_digest, verify_chain
from .names import key_id_label, read_root
from .schema import CHAIN, COUNT, DIGEST, POLICY_NUMBER, SEQUENCE, TIME
from .schema import ArrayOf, Bytes, Either, MapOf, Null, Text, Tuple, Unsigned, check
from .signatures import Envelope, open_envelope

TRANSACTION_BYTES_MAX = 8192
PROOF_BYTES_MAX, IDENTITY_PROOF_BYTES_MAX = 3072, 11264
EMPTY_SUBTREE = b"SPARSE_MERKLE_PLACEHOLDER_HASH__"
LABEL = Text(1, 48)
STAMP = Bytes(0, 2048)
VERSION = Unsigned()  # a wrong one has its own code

# Number of the action: its word, and its elements after the number.
ACTIONS = {
    1: ("commit", {"commitment": DIGEST}),
    2: ("claim", {"label": LABEL, "salt": Bytes(16, 16), "stamp": STAMP}),
    3: ("renew", {"label": LABEL, "stamp": STAMP}),
    4: ("transfer", {"label": LABEL, "to": DIGEST}),
    5: ("release", {"label": LABEL}),
    6: ("set-policy", {}),
    7: ("checkpoint", {"sequence": SEQUENCE}),
    8: ("validator-change", {"validator": Bytes(1, 512), "weight": Unsigned(0, 65535)}),
    9: ("accuse", {"votes": Bytes(1, 4096)}),
}


class Action:
    """An array whose first element says what the others are."""

    word = "an array"

    def fits(self, value):
        return type(value) is list

    def check(self, value, where):
        require(len(value) > 0, "out-of-range", f"{where} is empty")
        number = check(Unsigned(), value[0], where + " number")
        require(number in ACTIONS, "unknown-action", str(number))
        _, elements = ACTIONS[number]
        Tuple(number=Unsigned(), **elements).check(value, where)
        if "label" in elements:
            check_label(value[1])


TRANSACTION = MapOf({1: VERSION, 2: DIGEST, 3: DIGEST, 4: COUNT, 5: CHAIN, 6: Action()}, {7: STAMP}, versioned=True)
PIN = MapOf({1: POLICY_NUMBER, 2: DIGEST}, {3: SEQUENCE})
ENTRY = MapOf({1: DIGEST, 2: TIME, 3: TIME}, {4: PIN})
HEADER = MapOf(
    {1: VERSION, 2: DIGEST, 3: COUNT, 4: TIME, 5: DIGEST, 6: DIGEST, 7: DIGEST, 8: COUNT, 9: DIGEST},
    {10: DIGEST},
    versioned=True,
)
CERTIFICATE = MapOf({1: COUNT, 2: COUNT, 3: Bytes(1, 32), 4: Bytes(48, 48)}, {})
ACCOUNT = MapOf(
    {1: COUNT, 6: Tuple(day=COUNT, count=COUNT)},
    {
        2: PIN,
        3: ArrayOf(LABEL, 1, 64),
        4: ArrayOf(Tuple(commitment=DIGEST, height=COUNT, time=TIME), 1, 16),
        5: ArrayOf(Tuple(number=POLICY_NUMBER, digest=DIGEST, until=TIME), 1, 64),
    },
)
PROOF = MapOf(
    {1: Either(LABEL, DIGEST), 2: Bytes(), 3: Bytes(), 4: ArrayOf(Either(DIGEST, Null()), 0, 256)},
    {5: Bytes(), 6: Tuple(key=DIGEST, value=DIGEST)},
)


def check_label(label: str) -> None:
    """A claimable label in ASCII form (section 2)."""
    try:
        root, _ = read_root(label)
    except Refused as refused:
        raise Refused("label", f"{label!r}: {refused}") from refused
    require(root == "claimed", "label", f"{label!r} is a key")


@dataclass(frozen=True)
class Transaction:
    envelope: Envelope
    network_id: bytes
    key_id: bytes
    nonce: int
    chain: list[bytes]
    action: list

    @property
    def word(self) -> str:
        return ACTIONS[self.action[0]][0]

    @property
    def words(self) -> str:
        """All that the action does, as a wallet's text says it (8.1)."""
        match self.action:
            case [1, commitment]:
                return f"commit {commitment.hex()}"
            case [4, label, to]:
                return f"transfer {label} to {key_id_label(to)}"
            case [6]:
                return f"set-policy {policy_digest(self.newest_policy).hex()}"
            case [7, sequence]:
                return f"checkpoint {sequence}"
            case [8, validator, weight]:
                return f"validator-change {validator.hex()} weight {weight}"
            case [9, votes]:
                return f"accuse {H('dotkey votes v1', votes).hex()}"
            case [_, label, *_]:  # claim, renew, release
                return f"{self.word} {label}"

    @property
    def newest_policy(self) -> bytes:
        updates = open_updates(self.chain)
        return updates[-1].payload if updates else self.chain[0]

    def verify(self) -> None:
        """The chain and the signatures, without the ledger: an admin of the newest policy acts."""
        policy = verify_chain(self.chain, self.key_id)
        admins = policy.holders("admin")
        for _, kid in self.envelope.signers - admins.keys():
            raise Refused("unknown-signer", kid.hex())
        text = signatures.transaction_text(self.network_id, self.key_id, self.nonce, self.words)
        signatures.verify(self.envelope, signatures.TRANSACTION_DOMAIN + self.network_id, text)
        require(policy.reaches("admin", self.envelope.signers), "threshold", "admin")


def read_transaction(data: bytes) -> Transaction:
    """The form alone (4.2, 8.1)."""
    require(len(data) <= TRANSACTION_BYTES_MAX, "too-large", f"{len(data)} bytes")
    envelope = open_envelope(data)
    item = check(TRANSACTION, decode(envelope.payload), "transaction")
    open_updates(item[5])
    return Transaction(envelope, item[2], item[3], item[4], item[5], item[6])


def claim_commitment(label: str, key_id: bytes, salt: bytes) -> bytes:
    """What a commit hides (8.2)."""
    return H("dotkey commitment v1", encode([label, key_id, salt]))


def read_entry(data: bytes):
    entry = check(ENTRY, decode(data), "entry")
    require(entry[3] > entry[2], "out-of-range", "the lease ends after it began")
    return entry


def read_header(data: bytes):
    return check(HEADER, decode(data), "header")


def header_digest(data: bytes) -> bytes:
    return H("dotkey header v1", data)


def read_certificate(data: bytes):
    return check(CERTIFICATE, decode(data), "certificate")


def read_account(data: bytes):
    """An identity's value; its rules are in section 10."""
    return check(ACCOUNT, decode(data), "account")


def read_proof(data: bytes):
    """The form alone (8.6); light_client.py verifies it."""
    require(len(data) <= IDENTITY_PROOF_BYTES_MAX, "too-large", f"{len(data)} bytes")
    proof = check(PROOF, decode(data), "proof")
    named = type(proof[1]) is str
    if named:
        require(len(data) <= PROOF_BYTES_MAX, "too-large", f"{len(data)} bytes")
        check_label(proof[1])
    read_header(proof[2])
    read_certificate(proof[3])
    require(EMPTY_SUBTREE not in proof[4], "empty-sibling", "an empty subtree is null")
    if 5 in proof:
        (read_entry if named else read_account)(proof[5])
    require(not (5 in proof and 6 in proof), "unknown-key", "a value and a leaf that shows its absence")
    return proof
