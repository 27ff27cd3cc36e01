"""Zones (docs/protocol/7-zones.md sections 7.1 to 7.5, without lookups)."""

from dataclasses import dataclass

from .cbor import decode
from .dns_data import branch_text, check_owner, check_type, is_at_or_below, is_below, labels_of
from .errors import require
from .rdata import check_rdata
from .resources import OWNER, RESOURCE, ascending, check_resource, resource_place
from .schema import DIGEST, ArrayOf, Bytes, MapOf, Text, Tuple, Unsigned, check, check_size

A, NS, CNAME, SOA, AAAA, DNAME, DS = 1, 2, 5, 6, 28, 39, 43
APEX = b""
TTL = Unsigned(0, 2147483647)
RDATA = Bytes(0, 65535)
RRSET = Tuple(owner=OWNER, type=Unsigned(1, 65535), ttl=TTL, rdata=ArrayOf(RDATA, 1, 255))
DELEGATION = MapOf({1: OWNER}, {2: DIGEST}, open=True)
SETTINGS = MapOf({}, {1: TTL, 2: Text(1, 255)}, open=True)
ZONE = MapOf(
    {},
    {1: ArrayOf(RRSET, 1, 4096), 2: ArrayOf(RESOURCE, 1, 256), 3: ArrayOf(DELEGATION, 1, 1024), 4: SETTINGS},
    open=True,
)


@dataclass(frozen=True)
class Zone:
    rrsets: list
    resources: list
    delegations: list

    @property
    def hosts(self) -> list[bytes]:
        return [resource[2] for resource in self.resources]

    @property
    def delegated(self) -> list[bytes]:
        return [delegation[1] for delegation in self.delegations]

    def owners(self, type: int) -> set[bytes]:
        """The owners of the rrsets of one type."""
        return {owner for owner, t, _, _ in self.rrsets if t == type}


def read_zone(data: bytes, branch: bytes | None = None) -> Zone:
    """The zone, if it follows the rules of 7.3."""
    check_size(data)
    item = check(ZONE, decode(data), "zone")
    zone = Zone(item.get(1, []), item.get(2, []), item.get(3, []))
    before = None
    for rrset in zone.rrsets:
        _check_rrset(rrset, before)
        before = rrset
    for resource in zone.resources:
        check_resource(resource)
    require(ascending([resource_place(r) for r in zone.resources]), "resource-order", "hosts, then paths, ascend")
    for delegation in zone.delegations:
        _check_delegation(delegation, branch)
    require(ascending(zone.delegated), "delegation-order", "owners of delegations ascend")

    _check_branch(zone, branch)
    _check_cnames(zone)
    _check_dnames(zone)
    _check_cuts(zone)
    _check_delegated(zone)
    return zone


def _check_rrset(rrset, before) -> None:
    """Rules 1 to 4, of one rrset."""
    owner, type, _, rdata = rrset
    check_owner(owner)
    check_type(type)
    for one in rdata:
        check_rdata(type, one)
    require(ascending(rdata), "rdata-order", f"type {type} at {owner!r}")
    require(before is None or before[:2] < rrset[:2], "rrset-order", f"type {type} at {owner!r}")
    require(type not in (CNAME, DNAME, SOA) or len(rdata) == 1, "single-rdata", f"type {type} at {owner!r}")
    require(type != SOA or owner == APEX, "soa-owner", f"SOA at {owner!r}")
    wildcard = labels_of(owner)[:1] == [b"*"]
    require(type not in (NS, DNAME) or not wildcard, "wildcard-owner", f"type {type} at {owner!r}")


def _check_delegation(delegation, branch) -> None:
    """Section 7.5."""
    owner = delegation[1]
    check_owner(owner)
    require(owner != APEX, "delegation-owner", "the apex")
    require(b"*" not in labels_of(owner), "delegation-owner", f"wildcard {owner!r}")
    require(2 in delegation or branch_text(owner) is not None, "delegation-owner", f"{owner!r} cannot be a branch")
    require(owner != branch, "delegation-owner", "the branch itself")


def _check_branch(zone: Zone, branch) -> None:
    """Rule 6."""
    for owner in [r[0] for r in zone.rrsets] + zone.hosts + zone.delegated:
        inside = branch is None or is_at_or_below(owner, branch)
        require(inside, "outside-branch", f"{owner!r}")


def _check_cnames(zone: Zone) -> None:
    """Rule 7."""
    for cname in zone.owners(CNAME):
        require(cname != APEX, "cname-alone", "CNAME at the apex")
        others = [type for owner, type, _, _ in zone.rrsets if owner == cname and type != CNAME]
        require(not others, "cname-alone", f"types {others} beside a CNAME at {cname!r}")


def _check_dnames(zone: Zone) -> None:
    """Rule 8."""
    for dname in zone.owners(DNAME):
        for owner in [r[0] for r in zone.rrsets] + zone.hosts + zone.delegated:
            require(not is_below(owner, dname), "below-dname", f"{owner!r} below {dname!r}")


def _check_cuts(zone: Zone) -> None:
    """Rule 9."""
    for cut in zone.owners(NS) - {APEX}:
        for owner, type, _, _ in zone.rrsets:
            require(owner != cut or type in (NS, DS, A, AAAA), "below-cut", f"type {type} at {cut!r}")
            require(not is_below(owner, cut) or type in (A, AAAA), "below-cut", f"type {type} at {owner!r}")
        for owner in zone.hosts + zone.delegated:
            require(not is_at_or_below(owner, cut), "below-cut", f"{owner!r}")


def _check_delegated(zone: Zone) -> None:
    """Rule 10."""
    for delegated in zone.delegated:
        for owner in [r[0] for r in zone.rrsets] + zone.hosts:
            require(not is_at_or_below(owner, delegated), "below-delegation", f"{owner!r}")
        for owner in zone.delegated:
            require(not is_below(owner, delegated), "below-delegation", f"{owner!r}")
