//! What a network begins with: section 8.11. Its hash is the network's id, so that who knows the id needs to trust nobody for
//! the rest.

use alloc::string::String;
use alloc::vec::Vec;
use core::ops::Deref;

use super::transaction::read_label;
use super::walk::check_size;
use super::{Candidate, LedgerError, Trusted, ValidatorSet};
use crate::cbor::{MapWriter, Reader};
use crate::limits::{GENESIS_BYTES_MAX, RESERVED_LABELS_MAX, VALIDATORS_MAX};
use crate::record::read_time;
use crate::time::Timestamp;

/// It is shown to people and stands in the names of files.
pub(crate) const NETWORK_NAME_BYTES_MAX: usize = 32;

/// What a network's founders agree on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Terms {
    /// What people call it; nothing rests on it.
    pub name: String,
    /// No block is older.
    pub began: Timestamp,
    /// The first validators, in ascending order of their identities.
    pub validators: Vec<Candidate>,
    /// The numbers that its rules have.
    pub parameters: Parameters,
    /// Labels that nobody can claim here, beyond those of section 2.6, in ascending order.
    pub reserved: Vec<String>,
}

/// The numbers of a network's rules; section 10 says what each does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Parameters {
    /// The work of a stamp for a long label when few are claimed: two to the power of this many hashes.
    pub stamp_bits: u64,
    /// Claims a day above which stamps cost more.
    pub claims_per_day: u64,
    /// How long a claim or a renewal holds.
    pub lease_secs: u64,
    /// How long before its end a lease can be renewed.
    pub renewal_secs: u64,
    /// How long after its end only the holder can renew it.
    pub grace_secs: u64,
    /// Blocks of an epoch, which is how often validators change.
    pub epoch_blocks: u64,
    /// The least time between two blocks.
    pub block_interval_ms: u64,
    /// The time between two blocks when nothing happens.
    pub heartbeat_ms: u64,
}

/// What one parameter is called, what its number counts, and between which it is.
pub(crate) struct Parameter {
    pub(crate) key: &'static str,
    #[cfg_attr(
        not(feature = "text"),
        expect(dead_code, reason = "units are written in files alone")
    )]
    pub(crate) unit: Unit,
    pub(crate) min: u64,
    pub(crate) max: u64,
}

/// What a parameter's number counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unit {
    Pieces,
    Seconds,
    Milliseconds,
}

const HOUR: u64 = 3600;
const YEAR: u64 = 366 * 24 * HOUR;

/// In the order of their keys, which are from 1.
pub(crate) const PARAMETERS: [Parameter; 8] = [
    parameter("stamp_bits", Unit::Pieces, 0, 60),
    parameter("claims_per_day", Unit::Pieces, 1, 1 << 32),
    parameter("lease", Unit::Seconds, 60, 10 * YEAR),
    parameter("renewal", Unit::Seconds, 1, 10 * YEAR),
    parameter("grace", Unit::Seconds, 0, YEAR),
    parameter("epoch_blocks", Unit::Pieces, 2, 1 << 32),
    parameter("block_interval", Unit::Milliseconds, 1, 60_000),
    parameter("heartbeat", Unit::Milliseconds, 100, 600_000),
];

const fn parameter(key: &'static str, unit: Unit, min: u64, max: u64) -> Parameter {
    Parameter {
        key,
        unit,
        min,
        max,
    }
}

impl Default for Parameters {
    /// Those of the public network.
    fn default() -> Self {
        Self {
            stamp_bits: 24,
            claims_per_day: 10_000,
            lease_secs: 365 * 24 * HOUR,
            renewal_secs: 95 * 24 * HOUR,
            grace_secs: 30 * 24 * HOUR,
            epoch_blocks: 8640,
            block_interval_ms: 1000,
            heartbeat_ms: 3000,
        }
    }
}

impl Parameters {
    pub(crate) fn from_numbers(numbers: [u64; 8]) -> Self {
        let [
            stamp_bits,
            claims_per_day,
            lease_secs,
            renewal_secs,
            grace_secs,
            epoch_blocks,
            block_interval_ms,
            heartbeat_ms,
        ] = numbers;
        Self {
            stamp_bits,
            claims_per_day,
            lease_secs,
            renewal_secs,
            grace_secs,
            epoch_blocks,
            block_interval_ms,
            heartbeat_ms,
        }
    }

    /// In the order of [`PARAMETERS`].
    pub(crate) fn numbers(&self) -> [u64; 8] {
        [
            self.stamp_bits,
            self.claims_per_day,
            self.lease_secs,
            self.renewal_secs,
            self.grace_secs,
            self.epoch_blocks,
            self.block_interval_ms,
            self.heartbeat_ms,
        ]
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, LedgerError> {
        let mut map = r.closed_map("the parameters")?;
        let mut numbers = [0; 8];
        for ((number, one), key) in numbers.iter_mut().zip(&PARAMETERS).zip(1..) {
            *number = map.required(key, |r| r.uint_in(one.key, one.min, one.max))?;
        }
        map.close()?;
        let parameters = Self::from_numbers(numbers);
        parameters.check()?;
        Ok(parameters)
    }

    /// What no single range says.
    fn check(&self) -> Result<(), LedgerError> {
        if self.renewal_secs > self.lease_secs || self.heartbeat_ms < self.block_interval_ms {
            return Err(LedgerError::Parameters {
                renewal_secs: self.renewal_secs,
                lease_secs: self.lease_secs,
                heartbeat_ms: self.heartbeat_ms,
                block_interval_ms: self.block_interval_ms,
            });
        }
        Ok(())
    }
}

/// Terms that were checked, with the network's id. All validators have shown that they know the secrets of their keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Genesis {
    terms: Terms,
    bytes: Vec<u8>,
    validators: ValidatorSet,
}

impl Deref for Genesis {
    type Target = Terms;

    fn deref(&self) -> &Terms {
        &self.terms
    }
}

impl Genesis {
    /// The genesis of these terms.
    ///
    /// # Errors
    /// The first rule that they break.
    pub fn new(terms: &Terms) -> Result<Self, LedgerError> {
        Self::decode(&encode(terms))
    }

    /// Reads a genesis and checks it: its form, its ranges, and every validator's possession of its key.
    ///
    /// # Errors
    /// The first rule that is broken.
    pub fn decode(bytes: &[u8]) -> Result<Self, LedgerError> {
        check_size("a genesis", bytes, GENESIS_BYTES_MAX)?;
        let mut reader = Reader::new(bytes)?;
        let mut map = reader.closed_map("a genesis")?;
        let version = map.required(1, |r| r.uint("the version of a genesis"))?;
        if version != 1 {
            return Err(LedgerError::UnknownVersion {
                what: "the genesis",
                found: version,
            });
        }
        let terms = Terms {
            name: map.required(2, read_network_name)?,
            began: map.required(3, |r| read_time(r, "the begin of a network"))?,
            validators: map.required(4, |r| {
                let count = r.array("the validators of a genesis", 1, VALIDATORS_MAX)?;
                (0..count)
                    .map(|_| Candidate::read(r))
                    .collect::<Result<_, _>>()
            })?,
            parameters: map.required(5, Parameters::read)?,
            reserved: map.required(6, read_reserved)?,
        };
        map.close()?;
        let all = terms.validators.iter().map(|one| one.validator).collect();
        let validators = ValidatorSet::new(all)?;
        for candidate in &terms.validators {
            candidate.admit()?;
        }
        Ok(Self {
            terms,
            bytes: bytes.to_vec(),
            validators,
        })
    }

    /// Its bytes, of which the network's id is the hash.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The network's id.
    #[must_use]
    pub fn network(&self) -> [u8; 32] {
        blake3::derive_key("dotkey genesis v1", &self.bytes)
    }

    /// The validators of epoch 0.
    #[must_use]
    pub fn validator_set(&self) -> &ValidatorSet {
        &self.validators
    }

    /// What a light client begins with.
    #[must_use]
    pub fn trusted(&self) -> Trusted {
        Trusted {
            network: self.network(),
            epoch: 0,
            since: self.terms.began,
            validators: self.validators.clone(),
        }
    }
}

fn encode(terms: &Terms) -> Vec<u8> {
    let mut map = MapWriter::new();
    map.set_uint(1, 1);
    map.set_text(2, &terms.name);
    map.set_uint(3, terms.began.as_secs());
    map.set(4, |w| {
        w.array(terms.validators.len());
        for candidate in &terms.validators {
            candidate.write(w);
        }
    });
    map.set(5, |w| {
        let mut numbers = MapWriter::new();
        for (number, key) in terms.parameters.numbers().into_iter().zip(1..) {
            numbers.set_uint(key, number);
        }
        numbers.write(w);
    });
    map.set(6, |w| {
        w.array(terms.reserved.len());
        for label in &terms.reserved {
            w.text(label);
        }
    });
    map.to_bytes()
}

fn read_network_name(r: &mut Reader<'_>) -> Result<String, LedgerError> {
    let name = r.text("the name of a network", 1, NETWORK_NAME_BYTES_MAX)?;
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    let edges = name.starts_with('-') || name.ends_with('-');
    if name.bytes().all(plain) && !edges {
        Ok(name.into())
    } else {
        Err(LedgerError::NetworkName(name.into()))
    }
}

fn read_reserved(r: &mut Reader<'_>) -> Result<Vec<String>, LedgerError> {
    let count = r.array("the reserved labels", 0, RESERVED_LABELS_MAX)?;
    let mut labels = Vec::<String>::with_capacity(r.room(count, 2));
    for _ in 0..count {
        let label = read_label(r)?;
        if labels.last().is_some_and(|last| *last >= label) {
            return Err(LedgerError::ReservedOrder(label));
        }
        labels.push(label);
    }
    Ok(labels)
}
