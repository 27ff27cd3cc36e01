"""Records (docs/protocol/5-records.md)."""

from dataclasses import dataclass

from . import signatures
from .cbor import decode, encode
from .dns_data import branch_text, is_at_or_below, branch_from_text
from .errors import require
from .hashes import H
from .identities import Anchor, Policy, open_updates, verify_chain
from .schema import CHAIN, DIGEST, SEQUENCE, TIME, Bytes, MapOf, Unsigned, check
from .signatures import RECORD_DOMAIN, open_envelope

RECORD_BYTES_MAX = 65536
WINDOW_SECONDS_MAX = 34560000
SIGNATURES_MAX = 64
ANY = Unsigned()  # wrong versions and kinds have their own codes
CLAIMS = MapOf(
    {1: ANY, 2: ANY, 3: DIGEST, 4: SEQUENCE, 5: TIME, 6: TIME, 8: CHAIN, 9: Bytes(1, 65536)},
    {7: Bytes(1, 254)},
    versioned=True,
)


@dataclass(frozen=True)
class Record:
    """A verified record. Its body has not been looked into."""

    key_id: bytes
    sequence: int
    not_before: int
    expires: int
    branch: bytes | None
    policy: Policy
    body: bytes
    digest: bytes

    @property
    def branch_text(self) -> str | None:
        return None if self.branch is None else branch_text(self.branch)

    @property
    def place(self) -> bytes:
        return H("dotkey record place v1", encode([1, self.key_id, self.branch or b""]))

    @property
    def precedence(self):
        """Of two records of one key id and branch, the greater is the newer (5.5)."""
        return self.policy.number, self.sequence, self.digest


def verify_record(data: bytes, now: int, anchor: Anchor | None = None) -> Record:
    """The record, if it is good at this time (5.2)."""
    require(len(data) <= RECORD_BYTES_MAX, "too-large", f"{len(data)} bytes")
    envelope = open_envelope(data)
    claims = check(CLAIMS, decode(envelope.payload), "record")
    key_id, sequence, not_before, expires, chain = claims[3], claims[4], claims[5], claims[6], claims[8]
    branch = claims.get(7)
    require(claims[2] == 1, "unknown-kind", str(claims[2]))
    updates = open_updates(chain)
    window = expires - not_before
    require(0 < window <= WINDOW_SECONDS_MAX, "validity-window", f"{window} seconds")
    text = None
    if branch is not None:
        text = branch_text(branch)
        require(text is not None, "branch", branch.hex())
    require(now >= not_before, "not-yet-valid", f"until {not_before}, it is {now}")
    require(now < expires, "expired", f"at {expires}, it is {now}")

    total = len(envelope.signatures) + sum(len(update.signatures) for update in updates)
    require(total <= SIGNATURES_MAX, "too-many-signatures", f"{total}")
    policy = verify_chain(chain, key_id, anchor)
    least = anchor.least_sequence if anchor else 0
    require(sequence >= least, "rolled-back", f"{sequence} is below {least}")
    check_signers(policy, envelope.signatures, branch)
    signatures.verify(envelope, RECORD_DOMAIN, signatures.record_text(key_id, text, sequence))
    reached = any(policy.reaches(role, envelope.signers) for role in roles_for(policy, branch))
    require(reached, "threshold", "the signers do not reach that of publish, nor one of the branch")
    digest = H("dotkey record v1", envelope.payload)
    return Record(key_id, sequence, not_before, expires, branch, policy, claims[9], digest)


def roles_for(policy: Policy, branch: bytes | None) -> list[str]:
    """The roles of a policy that may sign a record with this branch (3.3)."""
    roles = []
    for role in policy.thresholds:
        _, colon, text = role.partition(":")
        if role == "publish":
            roles.append(role)
        elif colon and branch is not None and is_at_or_below(branch, branch_from_text(text)):
            roles.append(role)
    return roles


def check_signers(policy: Policy, signed: list, branch: bytes | None) -> None:
    """Step 9: every signer may sign this record."""
    roles = roles_for(policy, branch)
    for s in signed:
        require(s.signer in policy.keys, "unknown-signer", s.kid.hex())
        require(any(s.signer in policy.holders(role) for role in roles), "wrong-role", s.kid.hex())
