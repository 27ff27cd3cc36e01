"""Policies, key ids, updates and chains (docs/protocol/3-identities.md)."""

from dataclasses import dataclass

from . import signatures
from .cbor import decode, encode
from .curves import ed25519_strong
from .dns_data import branch_from_text
from .errors import Refused, require
from .hashes import H
from .schema import CHAIN, DIGEST, POLICY_NUMBER
from .schema import ArrayOf, Bytes, Integer, MapOf, Text, TextMap, Tuple, Unsigned, check, check_size
from .signatures import ED25519, PUBLIC_SIZE, UPDATE_DOMAIN, Envelope, open_envelope

THRESHOLD = Unsigned(1, 2097120)
WEIGHT = Unsigned(1, 65535)
KEY = Tuple(alg=Integer(), public=Bytes(), weight=WEIGHT, roles=ArrayOf(Text(), 1, 16))
RECOVERY_KEY = Tuple(alg=Integer(), public=Bytes(), weight=WEIGHT)
RECOVERY = MapOf({1: ArrayOf(RECOVERY_KEY, 1, 32), 2: THRESHOLD, 3: Unsigned(3600, 2592000)}, {})
POLICY = MapOf(
    {1: POLICY_NUMBER, 2: ArrayOf(KEY, 1, 32), 3: TextMap(THRESHOLD, most=514)},
    {4: DIGEST, 5: RECOVERY, 6: DIGEST},
)


@dataclass(frozen=True)
class Anchor:
    """What a ledger pins of an identity: its newest policy, and the least sequence that is still good (3.6)."""

    key_id: bytes
    number: int
    digest: bytes
    least_sequence: int = 0


@dataclass(frozen=True)
class Policy:
    data: bytes
    number: int
    keys: dict  # (alg, public) -> (weight, roles)
    thresholds: dict  # role -> least sum of weights
    next: bytes | None
    recovery: dict  # (alg, public) -> weight
    recovery_threshold: int | None
    recovery_delay: int | None  # seconds
    previous: bytes | None

    @property
    def digest(self) -> bytes:
        return policy_digest(self.data)

    @property
    def key_id(self) -> bytes:
        return key_id_of(self.data)

    def holders(self, role: str) -> dict:
        """The keys that hold a role, and their weights."""
        return {signer: weight for signer, (weight, roles) in self.keys.items() if role in roles}

    def reaches(self, role: str, signers) -> bool:
        """The signers that hold the role reach its threshold."""
        return role in self.thresholds and _weight(self.holders(role), signers) >= self.thresholds[role]


def key_id_of(policy: bytes) -> bytes:
    """The key id of the identity that begins with these bytes, whatever they are (3.2)."""
    return H("dotkey identity v1", policy)


def policy_digest(policy: bytes) -> bytes:
    return H("dotkey policy v1", policy)


def _weight(holders: dict, signers) -> int:
    return sum(weight for signer, weight in holders.items() if signer in signers)


def read_policy(data: bytes) -> Policy:
    """The policy, if it is well formed (3.1)."""
    check_size(data)
    item = check(POLICY, decode(data), "policy")
    keys, thresholds, recovery = item[2], item[3], item.get(5)
    recovery_keys = recovery[1] if recovery else []
    _check_publics(keys + recovery_keys)
    for _, _, _, roles in keys:
        for role in roles:
            _check_role(role)
    for role in thresholds.keys():
        _check_role(role)
    for _, _, _, roles in keys:
        for one, next in zip(roles, roles[1:]):
            require(one.encode() < next.encode(), "role-order", f"{next} after {one}")
    for some in (keys, recovery_keys):
        signers = [(key[0], key[1]) for key in some]
        require(len(set(signers)) == len(signers), "duplicate-signer", "a key stands twice")
    held = {role for key in keys for role in key[3]}
    for role in ["admin", "publish", *sorted(held)]:
        require(role in thresholds, "missing-threshold", role)

    policy = Policy(
        data=data,
        number=item[1],
        keys={(alg, public): (weight, roles) for alg, public, weight, roles in keys},
        thresholds=dict(thresholds.items()),
        next=item.get(4),
        recovery={(alg, public): weight for alg, public, weight in recovery_keys},
        recovery_threshold=recovery[2] if recovery else None,
        recovery_delay=recovery[3] if recovery else None,
        previous=item.get(6),
    )
    for role, threshold in policy.thresholds.items():
        total = sum(policy.holders(role).values())
        require(total >= threshold, "unreachable-threshold", f"{role}: {total} of {threshold}")
    if recovery:
        total = sum(policy.recovery.values())
        require(total >= policy.recovery_threshold, "unreachable-threshold", f"recovery: {total}")
    require(policy.number == 0 or policy.previous is not None, "missing-key", "previous")
    require(policy.number > 0 or policy.previous is None, "unknown-key", "previous in policy 0")
    return policy


def _check_publics(keys: list) -> None:
    """Rules 1 to 3 of 3.1, of the keys and then the recovery keys."""
    for alg, *_ in keys:
        require(alg in PUBLIC_SIZE, "unknown-algorithm", f"algorithm {alg}")
    for alg, public, *_ in keys:
        require(len(public) == PUBLIC_SIZE[alg], "key-length", f"{len(public)} bytes for algorithm {alg}")
    for alg, public, *_ in keys:
        require(alg != ED25519 or ed25519_strong(public), "weak-key", public.hex())


def _check_role(role: str) -> None:
    if role in ("admin", "publish"):
        return
    require(role.startswith("publish:"), "unknown-role", role)
    require(branch_from_text(role.removeprefix("publish:")) is not None, "unknown-role", role)


def commitment(keys: list, thresholds) -> bytes:
    """What the policy before must say as `next` (3.4)."""
    return H("dotkey next authority v1", encode([keys, thresholds]))


def bare_key_id(alg: int, public: bytes) -> bytes:
    """The key id of a public key on its own (3.8)."""
    policy = {1: 0, 2: [[alg, public, 1, ["admin", "publish"]]], 3: {"admin": 1, "publish": 1}}
    return H("dotkey identity v1", encode(policy))


@dataclass(frozen=True)
class Update:
    envelope: Envelope
    policy: Policy


def read_update(data: bytes) -> Update:
    envelope = open_envelope(data)
    return Update(envelope, read_policy(envelope.payload))


def check_update(old: Policy, update: Update, key_id: bytes, anchor: Anchor | None) -> None:
    """Rules 2 to 7 of 3.5, and what 3.6 asks of a recovery."""
    new, envelope = update.policy, update.envelope
    require(new.number == old.number + 1, "policy-number", f"{new.number} after {old.number}")
    require(new.previous == old.digest, "policy-previous", f"policy {new.number}")
    may_sign = old.holders("admin").keys() | new.holders("admin").keys() | old.recovery.keys()
    for _, kid in envelope.signers - may_sign:
        raise Refused("unknown-signer", kid.hex())
    signatures.verify(envelope, UPDATE_DOMAIN, signatures.update_text(key_id, new))
    try:
        _check_ordinary(old, new, envelope.signers)
    except Refused:
        if not old.recovery or _weight(old.recovery, envelope.signers) < old.recovery_threshold:
            raise
        anchored = anchor is not None and anchor.number >= new.number
        require(anchored, "recovery-unanchored", f"policy {new.number}")
    require(new.reaches("admin", envelope.signers), "threshold", f"admin of policy {new.number}")


def _check_ordinary(old: Policy, new: Policy, signers) -> None:
    """The first half of rule 6: what makes an update one that is no recovery."""
    require(old.reaches("admin", signers), "threshold", f"admin of policy {old.number}")
    if old.next is not None:
        item = decode(new.data)
        require(commitment(item[2], item[3]) == old.next, "next-mismatch", f"policy {new.number}")


def verify_chain(chain: list[bytes], key_id: bytes, anchor: Anchor | None = None) -> Policy:
    """The newest policy of a chain that is valid for the key id and the anchor (3.7)."""
    require(1 <= len(chain) <= 64, "out-of-range", f"a chain of {len(chain)}")
    require(anchor is None or anchor.key_id == key_id, "key-id", "the anchor is another identity's")
    pinned = anchor is not None and policy_digest(chain[0]) == anchor.digest
    own = key_id_of(chain[0]) == key_id
    require(own or pinned, "key-id", "the first policy is not this identity's")
    first = policy = read_policy(chain[0])
    require(first.number == 0 or pinned, "key-id", f"the chain begins with policy {first.number}")
    digests = {first.number: first.digest}
    for data in chain[1:]:
        update = read_update(data)
        check_update(policy, update, key_id, anchor)
        policy = update.policy
        digests[policy.number] = policy.digest
    if anchor is not None:
        pinned = digests.get(anchor.number) == anchor.digest
        require(pinned, "rotated-away", f"the ledger pins another policy {anchor.number}")
    return policy


def open_updates(chain: list[bytes]) -> list[Envelope]:
    """The envelopes of a chain's updates, which are part of its form (3.7 rule 1)."""
    return [open_envelope(update) for update in chain[1:]]


def read_chain(data: bytes) -> list[bytes]:
    check_size(data)
    chain = check(CHAIN, decode(data), "chain")
    open_updates(chain)
    return chain
