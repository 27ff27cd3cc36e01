//! Validators, and what each of them approves. Section 10.11.

use dotkey_proto::cbor::{Reader, Writer};
use dotkey_proto::identity::{KeyId, Policy, PublicKey};
use dotkey_proto::ledger::LedgerError;
use dotkey_proto::signature::Ed25519Key;

/// Validators of one set: a certificate has a bit for each.
pub const SEATS_MAX: usize = 256;

/// Validators that are kept out, the newest: more than will ever be caught.
pub const BARRED_MAX: usize = 1024;

/// A candidate as it was proposed: two keys, a proof and an address.
const CANDIDATE_BYTES_MAX: usize = 512;

/// Room for a voting key.
const VOTING_KEY_BYTES_MAX: usize = 128;

/// Who votes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Seats {
    /// In this epoch, in ascending order of their identities.
    pub current: Vec<Seat>,
    /// From the next epoch on.
    pub next: Vec<Seat>,
    /// In the epoch before, whose faults may still be shown.
    pub former: Vec<Seat>,
    /// Who signed two things, and can never vote again. The oldest first.
    pub barred: Vec<[u8; 32]>,
}

/// One validator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seat {
    /// Its ed25519 key. As a bare key it is the identity that acts for the validator on the ledger.
    pub identity: [u8; 32],
    /// The key that it votes with.
    pub voting_key: Vec<u8>,
    /// As it was proposed, with the proof that it has the voting key, and its address.
    pub candidate: Vec<u8>,
    /// The change that it wants.
    pub approves: Option<Approval>,
}

/// A change of the validators that one of them wants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Approval {
    /// The candidate, or of one that is to go, the identity.
    pub validator: Vec<u8>,
    /// 1, or 0 for one that is to go.
    pub weight: u16,
}

impl Seats {
    /// Those of a network that begins.
    #[must_use]
    pub fn genesis(mut seats: Vec<Seat>) -> Self {
        seats.sort_by_key(|seat| seat.identity);
        Self {
            next: seats.clone(),
            current: seats,
            ..Self::default()
        }
    }

    /// The index in the current set of the validator that this identity acts for.
    #[must_use]
    pub fn acting(&self, key_id: KeyId) -> Option<usize> {
        self.current
            .iter()
            .position(|seat| seat.key_id() == Some(key_id))
    }

    /// How many of the current validators approve a change.
    #[must_use]
    pub fn approvals(&self, change: &Approval) -> usize {
        let same = |seat: &&Seat| seat.approves.as_ref() == Some(change);
        self.current.iter().filter(same).count()
    }

    /// Begins an epoch.
    pub(in crate::ledger) fn turn(&mut self) {
        self.former = core::mem::replace(&mut self.current, self.next.clone());
        for seat in &mut self.former {
            seat.approves = None;
        }
    }

    pub(super) fn decode(bytes: &[u8]) -> Result<Self, LedgerError> {
        let mut r = Reader::new(bytes)?;
        r.array("the validators", 4, 4)?;
        let current = read_seats(&mut r, 1)?;
        let next = read_seats(&mut r, 1)?;
        let former = read_seats(&mut r, 0)?;
        let count = r.array("barred validators", 0, BARRED_MAX)?;
        let barred = (0..count).map(|_| r.array_of("a barred validator"));
        let barred = barred.collect::<Result<_, _>>()?;
        Ok(Self {
            current,
            next,
            former,
            barred,
        })
    }

    pub(super) fn encode(&self) -> Vec<u8> {
        let mut w = Writer::new();
        w.array(4);
        for seats in [&self.current, &self.next, &self.former] {
            w.array(seats.len());
            for seat in seats {
                seat.write(&mut w);
            }
        }
        w.array(self.barred.len());
        for identity in &self.barred {
            w.bytes(identity);
        }
        w.into_bytes()
    }
}

impl Seat {
    /// The identity that acts for it on the ledger; `None` for bytes that are no key.
    #[must_use]
    pub fn key_id(&self) -> Option<KeyId> {
        let key = Ed25519Key::from_bytes(self.identity).ok()?;
        Some(Policy::bare_key_id(PublicKey::Ed25519(key)))
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, LedgerError> {
        let parts = r.array("a validator", 3, 5)?;
        let mut seat = Self {
            identity: r.array_of("a validator's identity")?,
            voting_key: r.bytes("a voting key", 1, VOTING_KEY_BYTES_MAX)?.to_vec(),
            candidate: r.bytes("a candidate", 1, CANDIDATE_BYTES_MAX)?.to_vec(),
            approves: None,
        };
        if parts > 3 {
            let validator = r
                .bytes("an approved change", 1, CANDIDATE_BYTES_MAX)?
                .to_vec();
            let weight = r.uint_in("an approved weight", 0, 1)? as u16;
            seat.approves = Some(Approval { validator, weight });
        }
        Ok(seat)
    }

    fn write(&self, w: &mut Writer) {
        w.array(3 + 2 * usize::from(self.approves.is_some()));
        w.bytes(&self.identity)
            .bytes(&self.voting_key)
            .bytes(&self.candidate);
        if let Some(Approval { validator, weight }) = &self.approves {
            w.bytes(validator).uint((*weight).into());
        }
    }
}

fn read_seats(r: &mut Reader<'_>, least: usize) -> Result<Vec<Seat>, LedgerError> {
    let count = r.array("a set of validators", least, SEATS_MAX)?;
    (0..count).map(|_| Seat::read(r)).collect()
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    fn any_seat() -> impl Strategy<Value = Seat> {
        let bytes = || vec(any::<u8>(), 1..20);
        let approval =
            (bytes(), 0..=1_u16).prop_map(|(validator, weight)| Approval { validator, weight });
        let approval = proptest::option::of(approval);
        (any::<[u8; 32]>(), bytes(), bytes(), approval).prop_map(
            |(identity, voting_key, candidate, approves)| Seat {
                identity,
                voting_key,
                candidate,
                approves,
            },
        )
    }

    fn any_seats() -> impl Strategy<Value = Seats> {
        let seats = |least| vec(any_seat(), least..3);
        (seats(1), seats(1), seats(0), vec(any::<[u8; 32]>(), 0..3)).prop_map(
            |(current, next, former, barred)| Seats {
                current,
                next,
                former,
                barred,
            },
        )
    }

    proptest! {
        #[test]
        fn seats_are_read_as_they_were_written(seats in any_seats()) {
            prop_assert_eq!(Seats::decode(&seats.encode()), Ok(seats));
        }

        #[test]
        fn changed_seats_are_others_or_none(seats in any_seats(), at: prop::sample::Index, by in 1u8..) {
            let mut bytes = seats.encode();
            let at = at.index(bytes.len());
            bytes[at] ^= by;
            if let Ok(read) = Seats::decode(&bytes) {
                prop_assert_eq!(read.encode(), bytes);
                prop_assert_ne!(read, seats);
            }
        }

        #[test]
        fn any_bytes_get_a_verdict(bytes in vec(any::<u8>(), 0..300)) {
            if let Ok(seats) = Seats::decode(&bytes) {
                prop_assert_eq!(seats.encode(), bytes);
            }
        }
    }
}
