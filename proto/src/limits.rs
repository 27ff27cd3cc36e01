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

/// CBOR nesting that any of the formats reaches, with room for what later versions add inside unknown keys.
pub const CBOR_DEPTH_MAX: usize = 16;

/// One block of the ledger.
pub const BLOCK_BYTES_MAX: usize = 1024 * 1024;

/// One transaction of the ledger.
pub const TRANSACTION_BYTES_MAX: usize = 8 * 1024;

/// A name's proof fits one unfragmented QUIC flight.
pub const PROOF_BYTES_MAX: usize = 1536;

const _: () = assert!(TRANSACTION_BYTES_MAX < BLOCK_BYTES_MAX);
const _: () = assert!(CLAIMABLE_LABEL_BYTES_MAX < 52);
