//! Which changes of the validators are decided, and which are proposed, as whoever decides about them sees it.

use dotkey_proto::ledger::{Candidate, quorum};
use serde::Serialize;

use crate::hex::hex;
use crate::ledger::state::{Approval, Seat, Seats};

/// How the validators are about to change.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Changes {
    /// How many vote in this epoch.
    pub voting: usize,
    /// The first block of the next epoch, from which on what is decided holds.
    pub from: u64,
    /// The identities of those who vote from then on, and do not yet.
    pub joining: Vec<String>,
    /// Of those who vote until then.
    pub leaving: Vec<String>,
    /// Of those who are reached elsewhere, or vote with another key, from then on.
    pub moving: Vec<String>,
    /// What some validators want, and too few as yet.
    pub proposed: Vec<Proposed>,
}

/// A change that waits for approvals.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Proposed {
    /// `add` or `remove`.
    pub change: &'static str,
    /// Who is added or removed.
    pub identity: String,
    /// Where one that is added is reached; empty where it dials the others.
    pub address: String,
    /// What an approval repeats: the candidate, or the identity. In hexadecimal digits.
    pub validator: String,
    /// The validators that want it.
    pub approvals: Vec<String>,
    /// So many have to.
    pub needed: usize,
}

impl Changes {
    /// What is about to change after a block.
    #[must_use]
    pub fn of(seats: &Seats, epoch_blocks: u64, height: u64) -> Self {
        let of = |seats: &[Seat], whether: &dyn Fn(&Seat) -> bool| {
            let found = seats.iter().filter(|seat| whether(seat));
            found.map(|seat| hex(&seat.identity)).collect()
        };
        let there = |seats: &[Seat], identity: &[u8; 32]| {
            let seat = seats.iter().find(|seat| seat.identity == *identity);
            seat.map(|seat| seat.candidate.clone())
        };
        let moves = |seat: &Seat| {
            there(&seats.current, &seat.identity).is_some_and(|before| before != seat.candidate)
        };
        Self {
            voting: seats.current.len(),
            from: ((height + 1) / epoch_blocks + 1) * epoch_blocks,
            joining: of(&seats.next, &|seat| {
                there(&seats.current, &seat.identity).is_none()
            }),
            leaving: of(&seats.current, &|seat| {
                there(&seats.next, &seat.identity).is_none()
            }),
            moving: of(&seats.next, &moves),
            proposed: proposed(seats),
        }
    }
}

/// Each change that somebody wants, once, in the order of who wanted it first among the validators.
fn proposed(seats: &Seats) -> Vec<Proposed> {
    let mut found: Vec<(&Approval, Vec<String>)> = Vec::new();
    for seat in &seats.current {
        let Some(wanted) = &seat.approves else {
            continue;
        };
        let who = hex(&seat.identity);
        match found.iter_mut().find(|(change, _)| *change == wanted) {
            Some((_, approvals)) => approvals.push(who),
            None => found.push((wanted, vec![who])),
        }
    }
    let needed = quorum(seats.current.len());
    let shown = found.into_iter().map(|(wanted, approvals)| {
        let validator = hex(&wanted.validator);
        let candidate = Candidate::decode(&wanted.validator).ok();
        let candidate = candidate.filter(|_| wanted.weight == 1);
        let (change, identity, address) = match candidate {
            Some(one) => ("add", hex(one.validator.identity.as_bytes()), one.address),
            None => ("remove", validator.clone(), String::new()),
        };
        Proposed {
            change,
            identity,
            address,
            validator,
            approvals,
            needed,
        }
    });
    shown.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::consensus::Identity;
    use dotkey_proto::ledger::{Validator, VotingKey};
    use dotkey_proto::signature::Ed25519Key;

    fn candidate(seed: u8, address: &str) -> Candidate {
        // A voting secret is a number below the order of the group.
        let mut secret = [seed; 32];
        secret[0] = 0;
        let identity = Identity::new(&secret, &secret).expect("secrets");
        let public = identity.validator(address);
        Candidate {
            validator: Validator {
                identity: Ed25519Key::from_bytes(public.identity).expect("a key"),
                key: VotingKey::from_bytes(&public.vote_key).expect("a key"),
            },
            possession: identity.possession(),
            address: public.address,
        }
    }

    fn seat(candidate: &Candidate) -> Seat {
        Seat {
            identity: *candidate.validator.identity.as_bytes(),
            voting_key: candidate.validator.key.to_bytes().to_vec(),
            candidate: candidate.encode(),
            approves: None,
        }
    }

    #[test]
    fn what_is_decided_and_what_is_wanted_are_told_apart() {
        let all: Vec<_> = (1..=5).map(|seed| candidate(seed, "")).collect();
        let name = |at: usize| hex(all[at].validator.identity.as_bytes());
        let mut seats = Seats {
            current: all[..4].iter().map(seat).collect(),
            next: all[1..4].iter().map(seat).collect(),
            ..Seats::default()
        };
        seats.next[2] = seat(&candidate(4, "192.0.2.4:4381"));
        let wanted = Approval {
            validator: all[4].encode(),
            weight: 1,
        };
        seats.current[0].approves = Some(wanted.clone());
        seats.current[2].approves = Some(wanted);
        seats.current[3].approves = Some(Approval {
            validator: all[1].validator.identity.as_bytes().to_vec(),
            weight: 0,
        });
        let changes = Changes::of(&seats, 10, 18);
        assert_eq!((changes.voting, changes.from), (4, 20));
        assert!(changes.joining.is_empty());
        assert_eq!(changes.leaving, [name(0)]);
        assert_eq!(changes.moving, [name(3)]);
        let [add, remove] = &changes.proposed[..] else {
            panic!("two: {:?}", changes.proposed);
        };
        assert_eq!((add.change, &add.identity), ("add", &name(4)));
        assert_eq!((&add.approvals, add.needed), (&vec![name(0), name(2)], 3));
        assert_eq!(add.validator, hex(&all[4].encode()));
        assert_eq!((remove.change, &remove.identity), ("remove", &name(1)));
        // The last block of an epoch belongs to it: the next one is in the epoch after.
        assert_eq!(Changes::of(&seats, 10, 19).from, 30);
    }
}
