//! The claim of a name as a state machine: stamp, announce, wait for two blocks, reveal. Pure: what was proved and what was written
//! down go in, the next step comes out, so that whoever comes back after any interruption gets the step that is due.
//!
//! A [`Claim`] is all that must outlive the process. [`Course`] adds what may be forgotten: what this process has sent. Nothing here
//! is decided by what a node says: a refusal only makes the course look again, and the proof that it then sees decides.

#[cfg(test)]
mod tests;

use dotkey_proto::identity::KeyId;
use dotkey_proto::ledger::{Account, Announced, Entry, commitment};
use dotkey_proto::limits::{ACCOUNT_COMMITMENTS_MAX, ACCOUNT_NAMES_MAX};
use dotkey_proto::stamp::Stamp;
use dotkey_proto::time::Timestamp;
use dotkey_registry::ledger::rules::free_at;
use dotkey_registry::ledger::{BEACON_HOURS, CLAIM_BLOCKS_MIN, CLAIM_SECS_MAX, Charter};

/// Blocks after which what was sent and is not there is sent again: its node may have been started anew.
const RESEND_BLOCKS: u64 = 3;

/// Refusals in a row that the proofs do not explain. After these the node's own words are the answer.
const SETBACKS_MAX: u32 = 8;

const HOUR_SECS: u64 = 3600;

/// What has to outlive the process: it is written down before anybody hears of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Claim {
    pub(crate) network: [u8; 32],
    pub(crate) label: String,
    /// Who claims.
    pub(crate) key_id: KeyId,
    /// Without it nobody can claim what was announced, its announcer neither.
    pub(crate) salt: [u8; 16],
    /// The work for the first transaction of the identity.
    pub(crate) opening: Option<Vec<u8>>,
    /// The work for the name.
    pub(crate) stamp: Option<Vec<u8>>,
    /// The signed announcement.
    pub(crate) commit: Option<Signed>,
    /// The signed claim.
    pub(crate) reveal: Option<Signed>,
}

/// A transaction that was signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Signed {
    pub(crate) nonce: u64,
    pub(crate) bytes: Vec<u8>,
}

/// What the network has proved. The account is not newer than the entry, so that a claim that was taken shows as that.
#[derive(Clone, Debug)]
pub(crate) struct View {
    /// The block of the account's proof, and its time.
    pub(crate) height: u64,
    pub(crate) time: Timestamp,
    /// Who has the name; nothing also as long as the name was not looked at ([`Claim::is_told`]).
    pub(crate) entry: Option<Entry>,
    pub(crate) account: Account,
}

/// What the work is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Work {
    /// The identity's first transaction.
    Opening,
    /// The name.
    Claim,
}

/// One of the two transactions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    Commit,
    Reveal,
}

/// What is due.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// Make a stamp, and write it down.
    Stamp(Work),
    /// Sign a transaction with this nonce, and write it down.
    Sign(Part, u64),
    /// Send what is written down.
    Send(Part),
    /// Look again after a while.
    Wait(Waiting),
    /// The name is the claimer's.
    Done(Entry),
    /// It is not, and will not be.
    Refused(Obstacle),
}

/// For what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Waiting {
    /// A transaction is to be in a block.
    Final(Part),
    /// The next block may let pass what was refused.
    Block,
    /// So many blocks are to follow the announcement.
    Blocks(u64),
}

/// What stands in the way, by the network's own proofs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Obstacle {
    /// Somebody holds it.
    Taken { entry: Entry, free: Timestamp },
    /// The claimer's own lease has ended: it is renewed, not claimed.
    Grace { entry: Entry, free: Timestamp },
    /// The genesis reserves it.
    Reserved,
    /// The identity holds as many names as one may.
    NamesFull { held: usize },
    /// It has announced as much as one may, until then.
    CommitmentsFull { until: Timestamp },
}

/// What a node's refusal means for the course.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reaction {
    /// Look again: the next step may be another.
    LookAgain,
    /// The node's words are the answer.
    GiveUp,
}

/// A claim under way.
#[derive(Debug)]
pub(crate) struct Course {
    pub(crate) claim: Claim,
    /// What this process has sent.
    sent: Option<Sent>,
    setbacks: u32,
}

/// What was sent needs not be sent again before a height.
#[derive(Clone, Copy, Debug)]
struct Sent {
    part: Part,
    again_at: u64,
    waiting: Waiting,
}

impl Claim {
    /// A claim that has not begun.
    pub(crate) fn new(network: [u8; 32], label: String, key_id: KeyId, salt: [u8; 16]) -> Self {
        Self {
            network,
            label,
            key_id,
            salt,
            opening: None,
            stamp: None,
            commit: None,
            reveal: None,
        }
    }

    pub(crate) fn commitment(&self) -> [u8; 32] {
        commitment(&self.label, self.key_id, &self.salt)
    }

    pub(crate) fn part(&self, part: Part) -> Option<&Signed> {
        match part {
            Part::Commit => self.commit.as_ref(),
            Part::Reveal => self.reveal.as_ref(),
        }
    }

    /// Whether asking a node about the name tells it nothing that could be used against the claimer: the announcement is old enough
    /// that who hears of the name now comes too late, or the name was told before. Until then the request itself would undo what
    /// the announcement is for: whoever sees it could be first.
    pub(crate) fn is_told(&self, view: &View) -> bool {
        let wanted = self.commitment();
        let announced = standing(view).find(|one| one.commitment == wanted);
        announced.is_some_and(|announced| blocks_left(announced, view) == 0)
            || self.reveal.is_some()
            || view.account.names.binary_search(&self.label).is_ok()
    }

    /// Drops what is of no use any more: stamps whose beacon is too old, transactions whose nonce was used, or whose stamp is
    /// dropped.
    fn tidy(&mut self, view: &View) {
        let hour = view.time.as_secs() / HOUR_SECS;
        let is_old = |stamp: &Vec<u8>| {
            Stamp::decode(stamp).map_or(true, |stamp| stamp.hour + BEACON_HOURS < hour)
        };
        let used = |signed: &Signed| signed.nonce < view.account.nonce;
        if self.opening.as_ref().is_some_and(is_old) {
            self.opening = None;
            self.commit = self.commit.take().filter(|commit| commit.nonce > 0);
        }
        if self.stamp.as_ref().is_some_and(is_old) {
            self.stamp = None;
            self.reveal = None;
        }
        self.commit = self.commit.take().filter(|commit| !used(commit));
        self.reveal = self.reveal.take().filter(|reveal| !used(reveal));
    }
}

impl Course {
    pub(crate) fn new(claim: Claim) -> Self {
        Self {
            claim,
            sent: None,
            setbacks: 0,
        }
    }

    /// What is due by what was proved.
    pub(crate) fn next(&mut self, view: &View, charter: &Charter) -> Step {
        self.claim.tidy(view);
        if let Some(end) = self.end(view, charter) {
            return end;
        }
        match self.announced(view) {
            None => self.announce(view),
            Some(announced) => self.reveal(view, &announced),
        }
    }

    /// Where there is nothing more to do.
    fn end(&self, view: &View, charter: &Charter) -> Option<Step> {
        let claim = &self.claim;
        if let Some(entry) = &view.entry {
            let (free, ours) = (free_at(charter, entry), entry.key_id == claim.key_id);
            let (entry, refused) = (entry.clone(), Step::Refused);
            if view.time < free {
                return Some(match ours {
                    true if view.time < entry.lease_ends => Step::Done(entry),
                    true => refused(Obstacle::Grace { entry, free }),
                    false => refused(Obstacle::Taken { entry, free }),
                });
            }
        }
        if charter.reserved.binary_search(&claim.label).is_ok() {
            return Some(Step::Refused(Obstacle::Reserved));
        }
        let held = view.account.names.len();
        // Its own lapsed name does not count twice.
        let has = view.account.names.binary_search(&claim.label).is_ok();
        (held >= ACCOUNT_NAMES_MAX && !has).then_some(Step::Refused(Obstacle::NamesFull { held }))
    }

    /// The announcement of this claim, where a claim can still be made on it.
    fn announced(&self, view: &View) -> Option<Announced> {
        let wanted = self.claim.commitment();
        standing(view).find(|one| one.commitment == wanted).copied()
    }

    /// The work comes first: an announcement is good for a day, and nobody knows how long the work takes.
    fn announce(&self, view: &View) -> Step {
        let (claim, nonce) = (&self.claim, view.account.nonce);
        if nonce == 0 && claim.opening.is_none() {
            return Step::Stamp(Work::Opening);
        }
        if claim.stamp.is_none() {
            return Step::Stamp(Work::Claim);
        }
        if standing(view).count() >= ACCOUNT_COMMITMENTS_MAX {
            let oldest = standing(view).map(until).min();
            let until = oldest.unwrap_or(view.time);
            return Step::Refused(Obstacle::CommitmentsFull { until });
        }
        self.send(Part::Commit, view)
    }

    fn reveal(&self, view: &View, announced: &Announced) -> Step {
        if self.claim.stamp.is_none() {
            return Step::Stamp(Work::Claim);
        }
        let left = blocks_left(announced, view);
        if left > 0 {
            return Step::Wait(Waiting::Blocks(left));
        }
        self.send(Part::Reveal, view)
    }

    fn send(&self, part: Part, view: &View) -> Step {
        let nonce = view.account.nonce;
        match (self.claim.part(part), self.sent) {
            (Some(signed), sent) if signed.nonce == nonce => match sent {
                Some(sent) if sent.part == part && view.height < sent.again_at => {
                    Step::Wait(sent.waiting)
                }
                _ => Step::Send(part),
            },
            _ => Step::Sign(part, nonce),
        }
    }

    /// A stamp was made.
    pub(crate) fn stamped(&mut self, work: Work, stamp: Vec<u8>) {
        match work {
            Work::Opening => self.claim.opening = Some(stamp),
            Work::Claim => self.claim.stamp = Some(stamp),
        }
    }

    /// A transaction was signed.
    pub(crate) fn signed(&mut self, part: Part, signed: Signed) {
        match part {
            Part::Commit => self.claim.commit = Some(signed),
            Part::Reveal => self.claim.reveal = Some(signed),
        }
        self.sent = None;
    }

    /// A node took it.
    pub(crate) fn sent(&mut self, part: Part, view: &View) {
        self.sent = Some(Sent {
            part,
            again_at: view.height.saturating_add(RESEND_BLOCKS),
            waiting: Waiting::Final(part),
        });
        self.setbacks = 0;
    }

    /// A node refused it, for the reason with this code.
    pub(crate) fn refused(&mut self, part: Part, code: &str, view: &View) -> Reaction {
        self.sent = Some(Sent {
            part,
            again_at: view.height + 1,
            waiting: Waiting::Block,
        });
        self.setbacks += 1;
        if self.setbacks > SETBACKS_MAX {
            return Reaction::GiveUp;
        }
        match code {
            // It will pass, or the next proof shows what happened meanwhile.
            "gap" | "too-early" | "nonce-taken" | "pool-full" | "too-far-ahead" | "block-full"
            | "replay" | "commitment-twice" | "not-announced" | "too-late" | "taken" => {}
            // The price or the beacon was not what the node had said, or this is another account than it was.
            "beacon" | "weak-stamp" | "no-solution" | "opening-missing" | "opening-surplus" => {
                match part {
                    Part::Commit => (self.claim.opening, self.claim.commit) = (None, None),
                    Part::Reveal => (self.claim.stamp, self.claim.reveal) = (None, None),
                }
            }
            _ => return Reaction::GiveUp,
        }
        Reaction::LookAgain
    }
}

/// What the account has announced and can still claim.
fn standing(view: &View) -> impl Iterator<Item = &Announced> {
    let all = view.account.commitments.iter();
    all.filter(|one| until(one) >= view.time)
}

/// How many blocks are to follow before the claim is sent. It would be in the block after this one. Sent earlier, it would tell the
/// name while others can still be first.
fn blocks_left(announced: &Announced, view: &View) -> u64 {
    let from = announced.height.saturating_add(CLAIM_BLOCKS_MIN);
    from.saturating_sub(view.height.saturating_add(1))
}

/// The last second in which a claim can be made on it.
fn until(announced: &Announced) -> Timestamp {
    announced.time.saturating_add(CLAIM_SECS_MAX)
}
