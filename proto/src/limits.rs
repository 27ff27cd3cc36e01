//! Every bound of the protocol, with its reason. `docs/protocol/limits.md` lists the same numbers for other implementations.

/// RFC 1035 section 2.3.4: a label's length fits six bits.
pub const LABEL_BYTES_MAX: usize = 63;

/// RFC 1035 section 2.3.4: a name in wire form, with its length bytes and the root.
pub const NAME_BYTES_MAX: usize = 255;

/// A name as someone wrote it, in UTF-8: room for 253 characters of eight octets each, decomposed Unicode included.
pub const NAME_INPUT_BYTES_MAX: usize = 2048;

/// A claimable label leaves room for what clients put before it, and stays clear of the 52- and 56-character forms.
pub const CLAIMABLE_LABEL_BYTES_MAX: usize = 48;

/// A record fits one DHT message and one QUIC flight; a zone that is larger is told to delegate.
pub const RECORD_BYTES_MAX: usize = 64 * 1024;

/// More addresses than this at one owner is a job for a resource, not for an rrset.
pub const RRSET_RDATA_MAX: usize = 255;

/// Far above what fits a record with useful data in it; bounds the work of indexing a hostile zone.
pub const ZONE_RRSETS_MAX: usize = 4096;

/// Bounds the work of one policy; an organisation larger than this delegates branches.
pub const POLICY_KEYS_MAX: usize = 32;

/// Policies from genesis (or from the pinned one) to the newest. A longer history pins its policy on the ledger.
pub const POLICY_CHAIN_MAX: usize = 64;

/// Roles one key may hold: `admin`, `publish` and a few branches.
pub const KEY_ROLES_MAX: usize = 16;

/// `admin`, `publish`, and one for each role that a key holds: any other could not be reached.
pub const POLICY_THRESHOLDS_MAX: usize = 2 + POLICY_KEYS_MAX * KEY_ROLES_MAX;

/// Signatures checked for one record, its policy chain included: bounds the work a hostile record can cause.
pub const RECORD_SIGNATURES_MAX: usize = 64;

/// A referral chain longer than this is a loop or a mistake.
pub const DELEGATION_DEPTH_MAX: usize = 8;

/// As resolvers do: a longer chain of aliases is a loop or an attack.
pub const CNAME_CHAIN_MAX: usize = 8;

/// Providers of one resource.
pub const RESOURCE_PROVIDERS_MAX: usize = 64;

/// Resources of one zone.
pub const ZONE_RESOURCES_MAX: usize = 256;

/// Delegations of one zone.
pub const ZONE_DELEGATIONS_MAX: usize = 1024;

/// Shards of one set.
pub const SHARDS_MAX: usize = 1024;

/// RFC 1035 section 3.2.1: the length of RDATA has 16 bits.
pub const RDATA_BYTES_MAX: usize = 65_535;

/// RFC 2181 section 8: a TTL has 31 bits.
pub const TTL_MAX: u32 = 0x7fff_ffff;

/// A contact is one line for people.
pub const CONTACT_BYTES_MAX: usize = 255;

/// A path of a resource or a health check is a prefix or a probe, not a query.
pub const PATH_BYTES_MAX: usize = 255;

/// The longest domain name with the longest path, and a little more.
pub const URL_BYTES_MAX: usize = 512;

/// An id of a provider or shard fits a DNS label and a metric's label.
pub const ID_BYTES_MAX: usize = 63;

/// A region's name, as clouds write theirs.
pub const REGION_BYTES_MAX: usize = 63;

/// Regions that a resource prefers, in order; more are no preference.
pub const REGIONS_MAX: usize = 16;

/// The name of a cookie or a header.
pub const STICKY_NAME_BYTES_MAX: usize = 64;

/// Pins of one provider: the key in use, the next ones, and room for a fleet of a few.
pub const PROVIDER_PINS_MAX: usize = 8;

/// The first key of a shard, and the words that say what the key is.
pub const SHARD_KEY_BYTES_MAX: usize = 255;

/// Counters end at 2^53-1, the largest integer that JSON carries everywhere.
pub const COUNT_MAX: u64 = (1 << 53) - 1;

/// A zone file as people write it: a full zone of base-16 data, with comments. Larger input is refused unread.
pub const ZONE_FILE_BYTES_MAX: usize = 1024 * 1024;

/// CBOR nesting that any of the formats reaches, with room for what later versions add inside unknown keys.
pub const CBOR_DEPTH_MAX: usize = 16;

/// One block of the ledger.
pub const BLOCK_BYTES_MAX: usize = 1024 * 1024;

/// One transaction of the ledger.
pub const TRANSACTION_BYTES_MAX: usize = 8 * 1024;

/// Signatures checked for one transaction, its policy chain included, as for a record.
pub const TRANSACTION_SIGNATURES_MAX: usize = 64;

/// Names of one identity: when it pins a policy, the entries of all of them are written anew.
pub const ACCOUNT_NAMES_MAX: usize = 64;

/// Announced claims of one identity that wait to be made; each is good for a day.
pub const ACCOUNT_COMMITMENTS_MAX: usize = 16;

/// One validator's bit in a certificate and its keys in a handover; the consensus sends each vote to everyone.
pub const VALIDATORS_MAX: usize = 256;

/// A socket address, or a domain name with a port.
pub const VALIDATOR_ADDRESS_BYTES_MAX: usize = 255;

/// A proof among a million names takes half of it. Whoever grinds keys next to another's name lengthens that name's path by
/// a sibling for each doubling of the work: to 64 siblings, which fit, it takes 2^64 hashes.
pub const PROOF_BYTES_MAX: usize = 3072;

/// An identity's proof carries its account: 64 names, 16 commitments, 64 policies.
pub const IDENTITY_PROOF_BYTES_MAX: usize = 11 * 1024;

/// A header, a certificate and 256 validators.
pub const HANDOVER_BYTES_MAX: usize = 36 * 1024;

/// 256 validators, and since when.
pub const CHECKPOINT_BYTES_MAX: usize = 36 * 1024;

/// Labels that a network reserves beyond those of section 2.6.
pub const RESERVED_LABELS_MAX: usize = 1024;

/// 256 candidates and all reserved labels, each at its longest.
pub const GENESIS_BYTES_MAX: usize = 192 * 1024;

/// Changes of the validator set in one bundle; from further back a client walks in several.
pub const HANDOVERS_MAX: usize = 256;

/// A file that holds a name's proof, its record, and how its validators came to be.
pub const BUNDLE_BYTES_MAX: usize = 4 * 1024 * 1024;

/// An hour: far above the heartbeat of blocks, so that a proof can be cached, far below a lease.
pub const FRESHNESS_SECS_MAX: u64 = 3600;

/// Clocks differ: a block's time may be this far ahead of the verifier's.
pub const HEADER_AHEAD_SECS_MAX: u64 = 60;

/// A quarter of a year: what a client has kept of the validators is good for so long. Within it, those that left are
/// trusted not to have sold their keys.
pub const TRUST_SECS_MAX: u64 = 90 * 86_400;

const _: () =
    assert!(RECORD_BYTES_MAX + IDENTITY_PROOF_BYTES_MAX + HANDOVER_BYTES_MAX < BUNDLE_BYTES_MAX);
const _: () = assert!(TRANSACTION_BYTES_MAX < BLOCK_BYTES_MAX);
const _: () = assert!(CLAIMABLE_LABEL_BYTES_MAX < 52);
const _: () = assert!(RECORD_BYTES_MAX < ZONE_FILE_BYTES_MAX);
