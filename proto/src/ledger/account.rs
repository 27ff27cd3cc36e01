//! What the state keeps for an identity: section 10.3.

use alloc::string::String;
use alloc::vec::Vec;

use super::transaction::read_label;
use super::{LedgerError, Pin, entry};
use crate::cbor::{CborError, MapWriter, Reader};
use crate::identity::{Anchor, KeyId};
use crate::limits::{ACCOUNT_COMMITMENTS_MAX, ACCOUNT_NAMES_MAX, POLICY_CHAIN_MAX};
use crate::record::{SEQUENCE_MAX, read_time};
use crate::time::Timestamp;

/// An identity as the ledger knows it. One that it does not know is the empty one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Account {
    /// How many transactions it has made: the nonce of its next one.
    pub nonce: u64,
    /// What it has anchored.
    pub pin: Option<Pin>,
    /// Labels of the names that it holds, in ascending order.
    pub names: Vec<String>,
    /// What it has announced and not claimed yet, the oldest first.
    pub commitments: Vec<Announced>,
    /// Policies that a recovery can still go back to, in ascending order of their numbers.
    pub undo: Vec<Undo>,
    /// What it has asked for lately.
    pub usage: Usage,
}

/// A commitment, and since when it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Announced {
    /// See [`commitment`](super::commitment).
    pub commitment: [u8; 32],
    /// The block that it came with.
    pub height: u64,
    /// That block's time.
    pub time: Timestamp,
}

/// A policy that was replaced not long ago.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Undo {
    /// Its number.
    pub number: u32,
    /// Its digest.
    pub digest: [u8; 32],
    /// The last second in which its recovery keys can replace what replaced it.
    pub until: Timestamp,
    /// The checkpoint of that time, which a recovery goes back to as well.
    pub least_sequence: Option<u64>,
}

/// Transactions of one day, counted so that nobody fills the blocks for the price of one identity.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Days since 1970.
    pub day: u64,
    /// Transactions in it.
    pub count: u64,
}

impl Account {
    /// What the account says of its identity, for the verification of records and transactions.
    #[must_use]
    pub fn anchor(&self, key_id: KeyId) -> Option<Anchor> {
        self.pin.map(|pin| pin.anchor(key_id))
    }

    /// Reads an account.
    ///
    /// # Errors
    /// The first rule of form that is broken.
    pub fn decode(bytes: &[u8]) -> Result<Self, LedgerError> {
        let mut reader = Reader::new(bytes)?;
        let mut map = reader.closed_map("an account")?;
        let nonce = map.required(1, |r| r.uint_in("the nonce of an account", 0, SEQUENCE_MAX))?;
        let pin = map.optional(2, entry::read_pin)?;
        let names = map.optional(3, read_names)?.unwrap_or_default();
        let commitments = map.optional(4, |r| {
            list(r, "commitments", ACCOUNT_COMMITMENTS_MAX, Announced::read)
        })?;
        let undo = map.optional(5, |r| {
            list(r, "replaced policies", POLICY_CHAIN_MAX, Undo::read)
        })?;
        let usage = map.required(6, Usage::read)?;
        map.close()?;
        Ok(Self {
            nonce,
            pin,
            names,
            commitments: commitments.unwrap_or_default(),
            undo: undo.unwrap_or_default(),
            usage,
        })
    }

    /// The account's bytes.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut map = MapWriter::new();
        map.set_uint(1, self.nonce);
        if let Some(pin) = &self.pin {
            map.set(2, |w| entry::write_pin(w, pin));
        }
        let some = |count: usize| (count > 0).then_some(count);
        map.set_some(3, some(self.names.len()), |w, count| {
            w.array(count);
            for label in &self.names {
                w.text(label);
            }
        });
        map.set_some(4, some(self.commitments.len()), |w, count| {
            w.array(count);
            for announced in &self.commitments {
                w.array(3).bytes(&announced.commitment);
                w.uint(announced.height).uint(announced.time.as_secs());
            }
        });
        map.set_some(5, some(self.undo.len()), |w, count| {
            w.array(count);
            for undo in &self.undo {
                w.array(4).uint(undo.number.into()).bytes(&undo.digest);
                w.uint(undo.until.as_secs());
                w.uint(undo.least_sequence.unwrap_or(0));
            }
        });
        map.set(6, |w| {
            w.array(2).uint(self.usage.day).uint(self.usage.count);
        });
        map.to_bytes()
    }
}

impl Announced {
    fn read(r: &mut Reader<'_>) -> Result<Self, CborError> {
        r.array("a commitment of an account", 3, 3)?;
        Ok(Self {
            commitment: r.array_of("a commitment")?,
            height: r.uint_in("the height of a commitment", 0, SEQUENCE_MAX)?,
            time: read_time(r, "the time of a commitment")?,
        })
    }
}

impl Undo {
    fn read(r: &mut Reader<'_>) -> Result<Self, CborError> {
        r.array("a replaced policy", 4, 4)?;
        let numbers = u32::MAX.into();
        Ok(Self {
            number: r.uint_in("the number of a replaced policy", 0, numbers)? as u32,
            digest: r.array_of("the digest of a replaced policy")?,
            until: read_time(r, "the end of a recovery")?,
            least_sequence: Some(r.uint_in("a replaced checkpoint", 0, SEQUENCE_MAX)?)
                .filter(|least| *least > 0),
        })
    }
}

impl Usage {
    fn read(r: &mut Reader<'_>) -> Result<Self, CborError> {
        r.array("the usage of an account", 2, 2)?;
        Ok(Self {
            day: r.uint_in("a day", 0, SEQUENCE_MAX)?,
            count: r.uint_in("the transactions of a day", 0, SEQUENCE_MAX)?,
        })
    }
}

/// In ascending order, each once: so that one account has one encoding.
fn read_names(r: &mut Reader<'_>) -> Result<Vec<String>, LedgerError> {
    let count = r.array("the names of an account", 1, ACCOUNT_NAMES_MAX)?;
    let mut names: Vec<String> = Vec::with_capacity(r.room(count, 2));
    for _ in 0..count {
        let label = read_label(r)?;
        if names.last().is_some_and(|before| *before >= label) {
            return Err(LedgerError::NameOrder { label });
        }
        names.push(label);
    }
    Ok(names)
}

fn list<T>(
    r: &mut Reader<'_>,
    what: &'static str,
    max: usize,
    read: impl Fn(&mut Reader<'_>) -> Result<T, CborError>,
) -> Result<Vec<T>, CborError> {
    let count = r.array(what, 1, max)?;
    (0..count).map(|_| read(r)).collect()
}

#[cfg(test)]
mod tests {
    use alloc::format;

    use proptest::prelude::*;

    use super::*;

    fn time(secs: u64) -> Timestamp {
        Timestamp::from_secs(secs).expect("in range")
    }

    /// As full as one can be.
    fn full() -> Account {
        let pin = Pin {
            number: 9,
            digest: [1; 32],
            least_sequence: Some(4),
        };
        let announced = |height| Announced {
            commitment: [height as u8; 32],
            height,
            time: time(5),
        };
        let undo = |number| Undo {
            number,
            digest: [3; 32],
            until: time(9),
            least_sequence: (number > 3).then_some(number.into()),
        };
        Account {
            nonce: 7,
            pin: Some(pin),
            names: (0..ACCOUNT_NAMES_MAX)
                .map(|at| format!("name-{at:02}"))
                .collect(),
            commitments: (0..ACCOUNT_COMMITMENTS_MAX as u64).map(announced).collect(),
            undo: (0..POLICY_CHAIN_MAX as u32).map(undo).collect(),
            usage: Usage {
                day: 20_000,
                count: 3,
            },
        }
    }

    #[test]
    fn an_account_comes_back_and_keeps_to_its_bounds() {
        for account in [Account::default(), full()] {
            assert_eq!(Account::decode(&account.encode()), Ok(account));
        }
        let check = |code: &str, change: fn(&mut Account)| {
            let mut account = full();
            change(&mut account);
            let found = Account::decode(&account.encode()).map_err(|error| error.code());
            assert_eq!(found, Err(code));
        };
        check("name-order", |account| account.names.swap(1, 2));
        check("name-order", |account| {
            account.names[1] = account.names[0].clone()
        });
        check("label", |account| account.names[0] = "A".into());
        check("out-of-range", |account| account.names.push("z".into()));
        check("out-of-range", |account| {
            account.commitments.push(account.commitments[0])
        });
        check("out-of-range", |account| account.undo.push(account.undo[0]));
    }

    proptest! {
        #[test]
        fn any_bytes_get_a_verdict(bytes: Vec<u8>, at in 0_usize..4000, bit in 0_u8..8) {
            let _ = Account::decode(&bytes);
            let mut changed = full().encode();
            let at = at % changed.len();
            changed[at] ^= 1 << bit;
            if let Ok(account) = Account::decode(&changed) {
                prop_assert_eq!(account.encode(), changed);
            }
        }
    }
}
