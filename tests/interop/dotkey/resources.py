"""Resources of a zone (docs/protocol/7-zones.md section 7.4)."""

import ipaddress
import re

from .dns_data import check_owner
from .errors import Refused, require
from .schema import COUNT, DIGEST, ArrayOf, Bytes, MapOf, Text, Unsigned

FRONTEND, BACKEND, COMPUTE, STORAGE, SHARDS = range(1, 6)
BY_RANGE = 2
CLIENT_ADDRESS = 1
RANGE_START, WEIGHT = 5, 6

OWNER, PATH, ID, URL = Bytes(0, 254), Text(1, 255), Text(1, 63), Text(1, 512)
HEDGE = MapOf({}, {1: Unsigned(0, 60000), 2: Unsigned(0, 100)}, open=True)
TIMEOUTS = MapOf({}, {1: Unsigned(1, 600000), 2: Unsigned(1, 600000), 3: Unsigned(1, 86400000)}, open=True)
HEALTH = MapOf(
    {},
    {1: PATH, 2: Unsigned(100, 3600000), 3: Unsigned(1, 600000), 4: Unsigned(1, 100), 5: Unsigned(1, 100)},
    open=True,
)
STICKY = MapOf({1: Unsigned(1, 3)}, {2: Text(1, 64)}, open=True)
RESOURCE_POLICY = MapOf(
    {},
    {
        1: Unsigned(1, 4),
        2: HEDGE,
        3: Unsigned(0, 100),
        4: TIMEOUTS,
        5: HEALTH,
        6: STICKY,
        7: ArrayOf(Text(1, 63), 1, 16),
        8: Unsigned(1, 64),
        9: Unsigned(1, 2),
    },
    open=True,
)
PROVIDER = MapOf(
    {1: ID, 2: URL},
    {
        3: Unsigned(1, 7),
        4: Text(1, 63),
        5: Unsigned(1, 65535),
        6: Unsigned(0, 65535),
        7: ArrayOf(DIGEST, 1, 8),
        8: PATH,
    },
    open=True,
)
SHARD = MapOf(
    {1: ID, 2: COUNT, 3: PROVIDER},
    {4: ArrayOf(PROVIDER, 1, 63), RANGE_START: Bytes(0, 255), WEIGHT: Unsigned(1, 65535)},
    open=True,
)
SHARD_SET = MapOf({1: Unsigned(1, 2), 2: ArrayOf(SHARD, 1, 1024)}, {3: Text(1, 255)}, open=True)
RESOURCE = MapOf(
    {1: Unsigned(1, 5), 2: OWNER},
    {3: PATH, 4: RESOURCE_POLICY, 5: ArrayOf(PROVIDER, 1, 64), 6: SHARD_SET, 7: DIGEST},
    open=True,
)


def check_resource(resource) -> None:
    """Rules 1 to 8, in their order."""
    check_owner(resource[2])
    direct, shard_set = resource.get(5, []), resource.get(6)
    shards = shard_set[2] if shard_set else []
    groups = [[shard[3], *shard.get(4, [])] for shard in shards]
    providers = direct + sum(groups, [])
    policy = resource.get(4)

    check_paths(resource, policy, providers)
    require(5 in resource or 6 in resource or 7 in resource, "nothing-to-route-to", "no provider, shard or content")
    require((resource[1] == SHARDS) == (6 in resource), "kind-shards", f"kind {resource[1]}")
    require(6 not in resource or not (5 in resource or 7 in resource), "kind-shards", "more than a shard set")
    check_ids(direct, shards, groups)
    for provider in providers:
        require(is_url(provider[2]), "url", provider[2])
    for provider in providers:
        pins = provider.get(7, [])
        require(ascending(pins), "pin-order", provider[1])
    if shard_set:
        check_ranges(shard_set[1], shards)
    if policy is not None and 6 in policy:
        check_sticky(policy[6])


def ascending(values: list) -> bool:
    """Strictly: no two are equal."""
    return all(one < next for one, next in zip(values, values[1:]))


def resource_place(resource):
    """What resources are ordered by."""
    return resource[2], resource.get(3, "/").encode()


def check_paths(resource, policy, providers) -> None:
    paths = [resource.get(3, "/")]
    if policy is not None and 5 in policy:
        paths.append(policy[5].get(1, "/"))
    paths += [provider.get(8, "/") for provider in providers]
    for path in paths:
        require(is_path(path), "path", path)


def is_path(path: str) -> bool:
    if not re.fullmatch(r"/[!-~]*", path):
        return False
    segments = path.split("/")
    return not re.search(r"[?#\\]|//", path) and "." not in segments and ".." not in segments


def check_ids(direct, shards, groups) -> None:
    for id in [thing[1] for thing in direct + shards + sum(groups, [])]:
        good = re.fullmatch(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?", id)
        require(good is not None, "provider-id", id)
    for things in [direct, shards, *groups]:
        ids = [thing[1] for thing in things]
        require(len(set(ids)) == len(ids), "duplicate-id", f"among {ids}"[:200])


def is_url(url: str) -> bool:
    """Rule 5."""
    match = re.fullmatch(r"(https?|tcp|tls|postgres|redis)://(\[[^\]]*\]|[^/:\[\]]*)(?::([0-9]+))?(/.*)?", url)
    if match is None:
        return False
    scheme, host, port, path = match.groups()
    if port is not None and (port[0] == "0" or len(port) > 5 or int(port) > 65535):
        return False
    if scheme in ("tcp", "tls") and port is None:
        return False
    if path is not None and (not scheme.startswith("http") or not is_path(path)):
        return False
    return is_ipv6(host[1:-1]) if host.startswith("[") else is_host(host)


def is_host(host: str) -> bool:
    labels = host.split(".")
    if re.fullmatch("[0-9]+", labels[-1]):
        return len(labels) == 4 and all(re.fullmatch("0|[1-9][0-9]{0,2}", n) and int(n) <= 255 for n in labels)
    label = r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?"
    return len(host) <= 253 and all(re.fullmatch(label, one) for one in labels)


def is_ipv6(text: str) -> bool:
    """RFC 4291 section 2.2, lower case, no zone."""
    if not re.fullmatch("[0-9a-f:.]+", text):
        return False
    try:
        ipaddress.IPv6Address(text)
    except ValueError:
        return False
    return True


def check_ranges(how: int, shards) -> None:
    """Rule 7."""
    if how != BY_RANGE:
        require(not any(RANGE_START in shard for shard in shards), "shard-range", "a range in a set by hash")
        return
    for shard in shards:
        require(RANGE_START in shard and WEIGHT not in shard, "shard-range", f"shard {shard[1]} of a set by range")
    starts = [shard[RANGE_START] for shard in shards]
    require(starts[0] == b"" and ascending(starts), "shard-range", "ranges begin with the empty key and ascend")


def check_sticky(sticky) -> None:
    """Rule 8."""
    if sticky[1] == CLIENT_ADDRESS:
        require(2 not in sticky, "sticky-name", "a name beside the client address")
    elif not re.fullmatch("[A-Za-z0-9_-]+", sticky.get(2, "")):
        raise Refused("sticky-name", repr(sticky.get(2)))
