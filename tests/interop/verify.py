#!/usr/bin/env python3
"""Checks test vectors, a record file or a name with a verifier that was written from docs/protocol alone.

    verify.py vectors DIR                  every tests/vectors/*.json; exit 1 if one fails, or if there are none
    verify.py record FILE [--now SECONDS]  a record and the zone in it; exit 4 if it is refused
    verify.py name TEXT                    a name; exit 4 if it is refused
    verify.py proof FILE --genesis FILE --about LABEL [--now SECONDS] [--max-age SECONDS]
                                           a bundle, with the genesis in CBOR; exit 4 if it is refused

A file or folder that cannot be read is exit 2, as is a command line that says nothing.
"""

import argparse
import json
import sys
import time
from pathlib import Path

import cbor2

from dotkey import cbor, dns_data, identities, ledger, light_client, names, rdata, records, zones
from dotkey.errors import Refused

UNREADABLE, REFUSED = 2, 4


def name_facts(input):
    name = names.parse_name(input["text"], input.get("suffix", "key"))
    facts = {"ascii": name.ascii, "unicode": name.unicode, "root": name.root, "below": name.below}
    return facts | ({"root_hex": name.root_bytes.hex()} if name.root_bytes is not None else {})


def uri_facts(input):
    uri = names.parse_uri(input["text"])
    return {"ascii": uri.ascii, "path": uri.path}


def cbor_facts(input):
    data = bytes.fromhex(input["hex"])
    value = cbor.decode(data)
    assert cbor.encode(value) == data, "the encoding of the value is another"
    if plain_keys(value):
        assert cbor2.dumps(cbor2.loads(data)) == data, "cbor2 keeps another value"
    return {}


def plain_keys(value) -> bool:
    """No key that a Python dict would mix up with another, such as true and 1."""
    if isinstance(value, list):
        return all(map(plain_keys, value))
    if isinstance(value, cbor.Map):
        return all(type(k) in (int, bytes, str) and plain_keys(v) for k, v in value.items())
    return True


def policy_facts(input):
    policy = identities.read_policy(bytes.fromhex(input["hex"]))
    facts = {"digest": policy.digest.hex(), "number": policy.number}
    return facts | ({"key_id": policy.key_id.hex()} if policy.number == 0 else {})


def anchor_of(input):
    anchor = input.get("anchor")
    if anchor is None:
        return None
    key_id, digest = bytes.fromhex(anchor["key_id"]), bytes.fromhex(anchor["digest"])
    return identities.Anchor(key_id, anchor["number"], digest, anchor.get("least_sequence", 0))


def chain_facts(input):
    chain = identities.read_chain(bytes.fromhex(input["hex"]))
    policy = identities.verify_chain(chain, bytes.fromhex(input["key_id"]), anchor_of(input))
    return {"number": policy.number, "digest": policy.digest.hex()}


def record_facts(input):
    record = records.verify_record(bytes.fromhex(input["hex"]), input["now"], anchor_of(input))
    facts = {
        "key_id": record.key_id.hex(),
        "sequence": record.sequence,
        "policy_number": record.policy.number,
        "digest": record.digest.hex(),
    }
    return facts | ({"branch": record.branch_text} if record.branch is not None else {})


def zone_facts(input):
    branch = bytes.fromhex(input["branch"]) if "branch" in input else None
    zone = zones.read_zone(bytes.fromhex(input["hex"]), branch)
    return {
        "rrsets": len(zone.rrsets),
        "resources": len(zone.resources),
        "delegations": len(zone.delegations),
    }


def owner_facts(input):
    return {"text": dns_data.owner_text(bytes.fromhex(input["hex"]))}


def rdata_facts(input):
    dns_data.check_type(input["type"])
    rdata.check_rdata(input["type"], bytes.fromhex(input["hex"]))
    return {}


def transaction_facts(input):
    transaction = ledger.read_transaction(bytes.fromhex(input["hex"]))
    return {"action": transaction.word, "nonce": transaction.nonce}


def entry_facts(input):
    ledger.read_entry(bytes.fromhex(input["hex"]))
    return {}


def header_facts(input):
    data = bytes.fromhex(input["hex"])
    ledger.read_header(data)
    return {"digest": ledger.header_digest(data).hex()}


def certificate_facts(input):
    ledger.read_certificate(bytes.fromhex(input["hex"]))
    return {}


def proof_facts(input):
    ledger.read_proof(bytes.fromhex(input["hex"]))
    return {}


def validators_facts(input):
    return {"digest": light_client.read_validators(bytes.fromhex(input["hex"])).digest.hex()}


def candidate_facts(input):
    light_client.read_candidate(bytes.fromhex(input["hex"]))
    return {}


def genesis_facts(input):
    return {"network": light_client.read_genesis(bytes.fromhex(input["hex"])).network.hex()}


def checkpoint_facts(input):
    trusted = light_client.read_checkpoint(bytes.fromhex(input["hex"]))
    light_client.check_age(trusted, input["now"], input["age_secs_max"])
    return {"epoch": trusted.epoch, "validators": trusted.validators.digest.hex()}


def subject_of(text):
    """64 digits are a key id, which no label is: labels have at most 48 characters."""
    return bytes.fromhex(text) if len(text) == 64 else text


def bundle_facts(input):
    subject = subject_of(input["subject"])
    genesis = light_client.read_genesis(bytes.fromhex(input["genesis"]))
    data = bytes.fromhex(input["hex"])
    shown = light_client.verify_bundle(data, subject, genesis, input["now"], input["age_secs_max"])
    facts = {"epoch": shown.epoch, "signed": shown.signed, "validators": shown.validators}
    if shown.state is not None:
        facts["state"] = shown.state
    if shown.state in ("held", "grace"):
        facts["holder"] = shown.value[1].hex()
    if shown.value is not None and type(subject) is bytes and 2 in shown.value:
        facts["pinned"] = shown.value[2][1]
    return facts | ({"sequence": shown.record.sequence} if shown.record else {})


KINDS = {
    "name": name_facts,
    "uri": uri_facts,
    "cbor": cbor_facts,
    "policy": policy_facts,
    "chain": chain_facts,
    "record": record_facts,
    "zone": zone_facts,
    "owner": owner_facts,
    "rdata": rdata_facts,
    "transaction": transaction_facts,
    "entry": entry_facts,
    "header": header_facts,
    "certificate": certificate_facts,
    "proof": proof_facts,
    "validators": validators_facts,
    "candidate": candidate_facts,
    "genesis": genesis_facts,
    "checkpoint": checkpoint_facts,
    "bundle": bundle_facts,
}


def failure(kind: str, vector: dict) -> str | None:
    """What is wrong with our answer to one vector, or None."""
    try:
        facts = KINDS[kind](vector["input"])
    except Refused as refused:
        if "valid" in vector:
            return f"refused: {refused}"
        right = refused.code == vector["reason"]
        return None if right else f"refused, but not as {vector['reason']}: {refused}"
    except Exception as error:  # A bug of ours is a failure of this vector, not of all.
        return f"{type(error).__name__}: {error}"
    if "reason" in vector:
        return f"accepted, should be {vector['reason']}"
    return None if facts == vector["valid"] else f"facts {facts}, should be {vector['valid']}"


def run_vectors(folder: Path) -> int:
    passed = failed = 0
    for file in sorted(file for file in folder.iterdir() if file.suffix == ".json"):
        vectors = json.loads(file.read_text(encoding="utf-8"))["vectors"]
        for vector in vectors:
            wrong = failure(file.stem, vector) if file.stem in KINDS else "no such kind of vector"
            if wrong is None:
                passed += 1
            else:
                failed += 1
                print(f"{file.stem}/{vector['name']}: {wrong}")
    print(f"{passed} passed, {failed} failed")
    return 0 if passed and not failed else 1


def run_record(file: Path, now: int) -> int:
    record = records.verify_record(file.read_bytes(), now)
    zone = zones.read_zone(record.body, record.branch)
    print(f"zone {names.key_id_label(record.key_id)}, branch {record.branch_text or 'none'}")
    print(f"sequence {record.sequence}, policy {record.policy.number}, good until {record.expires}")
    print(f"{len(zone.rrsets)} rrsets, {len(zone.resources)} resources, {len(zone.delegations)} delegations")
    print(f"digest {record.digest.hex()}")
    return 0


def run_name(text: str) -> int:
    name = names.parse_name(text)
    print(f"{name.ascii} ({name.unicode}), {name.root}" + (f", below: {name.below}" if name.below else ""))
    return 0


def run_proof(chosen) -> int:
    subject = subject_of(chosen.about)
    genesis = light_client.read_genesis(chosen.genesis.read_bytes())
    shown = light_client.verify_bundle(chosen.file.read_bytes(), subject, genesis, chosen.now, chosen.max_age)
    print(f"network {genesis.network.hex()}, epoch {shown.epoch}, block of {shown.time}")
    print(f"{shown.signed} of {shown.validators} validators signed")
    if shown.value is None:
        print("the ledger holds nothing for it")
    elif shown.state == "free":
        print(f"nobody holds it any more: the lease ended at {shown.value[3]}, and so did its grace")
    elif type(subject) is str:
        print(f"{shown.state} by {names.key_id_label(shown.value[1])}, the lease ends at {shown.value[3]}")
    if shown.record is not None:
        print(f"record {shown.record.sequence}, good until {shown.record.expires}")
    return 0


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("vectors").add_argument("folder", type=Path)
    record = commands.add_parser("record")
    record.add_argument("file", type=Path)
    record.add_argument("--now", type=int, default=int(time.time()))
    commands.add_parser("name").add_argument("text")
    proof = commands.add_parser("proof")
    proof.add_argument("file", type=Path)
    proof.add_argument("--genesis", type=Path, required=True)
    proof.add_argument("--about", required=True)
    proof.add_argument("--now", type=int, default=int(time.time()))
    proof.add_argument("--max-age", type=int, default=3600)
    chosen = parser.parse_args(arguments)
    try:
        if chosen.command == "vectors":
            return run_vectors(chosen.folder)
        if chosen.command == "record":
            return run_record(chosen.file, chosen.now)
        if chosen.command == "proof":
            return run_proof(chosen)
        return run_name(chosen.text)
    except Refused as refused:
        print(f"refused: {refused}")
        return REFUSED
    except OSError as error:
        print(f"cannot read {error.filename}: {error.strerror}", file=sys.stderr)
        return UNREADABLE


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
