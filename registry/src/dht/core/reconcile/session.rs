//! The side that asks: one walk through the tree with one peer.

use core::cmp::Ordering;

use crate::dht::message::Summary;
use crate::dht::peer::Position;

use super::{Compared, Fingerprint, LISTED_MAX, PROBES_MAX, Prefix, Probe, Shelf};

/// Requests of one session. 10,000 scattered differences take about 250; what a liar may keep us busy with ends here.
pub const REQUESTS_MAX: usize = 256;

/// Differences that one session finds, of each direction: they are to be fetched and sent before more are of use.
pub const DIFFERENCES_MAX: usize = 4096;

/// Prefixes that wait to be asked for. Walking in depth, a request leaves at most 15 more for each of its probes, and a store of a
/// million records is five levels deep.
const WAITING_MAX: usize = 5 * 16 * PROBES_MAX;

/// An answer that no honest store gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Mismatch {
    /// Nothing was asked.
    #[error("an answer to no question")]
    Unasked,
    /// More answers than questions, or none.
    #[error("{answers} answers to {probes} probes")]
    Count {
        /// Probes sent.
        probes: usize,
        /// Answers received.
        answers: usize,
    },
    /// Fewer records in the children than would be listed, or children where there cannot be any.
    #[error("{count} records below {prefix:?} are said to have children")]
    Children {
        /// Of what.
        prefix: Prefix,
        /// How many records they have.
        count: u64,
    },
    /// A record that is not under the prefix, or not in order, or one too many.
    #[error("the list of {prefix:?} does not fit it")]
    List {
        /// Of what.
        prefix: Prefix,
    },
    /// It is said to differ, and is shown to be the same.
    #[error("what is below {prefix:?} is said to differ, but is the same")]
    Contradiction {
        /// Of what.
        prefix: Prefix,
    },
}

/// A comparison with one peer. It asks, takes the answers, and ends: after [`REQUESTS_MAX`] requests or [`DIFFERENCES_MAX`]
/// differences at the latest. What is left over then is found by the next session.
#[derive(Clone, Debug)]
pub struct Session {
    /// Prefixes to ask for, the next one last.
    waiting: Vec<Prefix>,
    /// What was asked and not answered yet, in order.
    asked: Vec<Probe>,
    requests: usize,
    /// Children are visited in the order of their half byte XOR the turn, so that no two sessions are cut off at the same place.
    turn: u8,
    missing_here: Vec<(Position, Summary)>,
    missing_there: Vec<Position>,
    /// Whether something was left out for a bound.
    cut_short: bool,
}

impl Session {
    /// Begins a comparison of what is under a prefix.
    #[must_use]
    pub fn begin(prefix: Prefix) -> Self {
        Self::over(&[prefix], 0)
    }

    /// Begins a comparison of what is under some prefixes, none of them within another, going first where `turn` says: any
    /// number, another one each time. Where two stores differ by more than a session finds, and for good, the rest is so not
    /// overlooked. More prefixes than a request has room for are left out.
    #[must_use]
    pub fn over(prefixes: &[Prefix], turn: u8) -> Self {
        let some = &prefixes[..prefixes.len().min(PROBES_MAX)];
        Self {
            waiting: some.iter().rev().copied().collect(),
            asked: Vec::new(),
            requests: 0,
            turn: turn & 0xf,
            missing_here: Vec::new(),
            missing_there: Vec::new(),
            cut_short: some.len() < prefixes.len(),
        }
    }

    /// The probes to send next; `None` when it is over. After an answer that was lost it gives the same prefixes again.
    pub fn request(&mut self, shelf: &impl Shelf) -> Option<Vec<Probe>> {
        self.waiting
            .extend(self.asked.drain(..).rev().map(|probe| probe.prefix));
        if self.waiting.is_empty() {
            return None;
        }
        let found = self.missing_here.len().max(self.missing_there.len());
        if self.requests == REQUESTS_MAX || found == DIFFERENCES_MAX {
            self.waiting.clear();
            self.cut_short = true;
            return None;
        }
        self.requests += 1;
        let first = self.waiting.len().saturating_sub(PROBES_MAX);
        let probe = |prefix| Probe {
            prefix,
            fingerprint: shelf.fingerprint(&prefix),
        };
        self.asked = self.waiting.drain(first..).rev().map(probe).collect();
        Some(self.asked.clone())
    }

    /// Takes the answers to what [`Session::request`] gave last.
    ///
    /// # Errors
    /// An answer that no honest store gives. The session is over then; what it found before stays.
    pub fn answer(&mut self, compared: Vec<Compared>, shelf: &impl Shelf) -> Result<(), Mismatch> {
        let result = self.take(compared, shelf);
        if result.is_err() {
            self.waiting.clear();
            self.asked.clear();
        }
        result
    }

    /// What the peer says it has and is not here, or older here.
    #[must_use]
    pub fn missing_here(&self) -> &[(Position, Summary)] {
        &self.missing_here
    }

    /// What is here and the peer does not have, or has older.
    #[must_use]
    pub fn missing_there(&self) -> &[Position] {
        &self.missing_there
    }

    /// Whether there may be differences that a bound kept it from finding.
    #[must_use]
    pub fn cut_short(&self) -> bool {
        self.cut_short
    }

    /// Requests so far.
    #[must_use]
    pub fn requests(&self) -> usize {
        self.requests
    }

    fn take(&mut self, compared: Vec<Compared>, shelf: &impl Shelf) -> Result<(), Mismatch> {
        let (probes, answers) = (self.asked.len(), compared.len());
        if probes == 0 {
            return Err(Mismatch::Unasked);
        }
        if answers == 0 || answers > probes {
            return Err(Mismatch::Count { probes, answers });
        }
        // Those without an answer stay, and are asked again.
        let answered: Vec<Probe> = self.asked.drain(..answers).collect();
        // The last one first: what is found last is asked for next.
        for (probe, compared) in answered.iter().zip(compared).rev() {
            match compared {
                Compared::Same => {}
                Compared::Children(children) => self.children(probe, &children, shelf)?,
                Compared::Listed(listed) => self.listed(probe, &listed, shelf)?,
            }
        }
        Ok(())
    }

    fn children(
        &mut self,
        probe: &Probe,
        children: &[Fingerprint; 16],
        shelf: &impl Shelf,
    ) -> Result<(), Mismatch> {
        let prefix = probe.prefix;
        let mut all = Fingerprint::default();
        children.iter().for_each(|child| all.add(*child));
        if all.count <= LISTED_MAX as u64 {
            return Err(Mismatch::Children {
                prefix,
                count: all.count,
            });
        }
        if all == probe.fingerprint {
            return Err(Mismatch::Contradiction { prefix });
        }
        for step in (0..16).rev() {
            let nibble = step ^ self.turn;
            let there = children[usize::from(nibble)];
            let child = prefix.child(nibble);
            let child = child.ok_or(Mismatch::Children {
                prefix,
                count: all.count,
            })?;
            if there.count == 0 {
                self.merge(&child, &[], shelf);
            } else if there != shelf.fingerprint(&child) {
                self.wait(child);
            }
        }
        Ok(())
    }

    fn wait(&mut self, prefix: Prefix) {
        if self.waiting.len() < WAITING_MAX {
            self.waiting.push(prefix);
        } else {
            self.cut_short = true;
        }
    }

    fn listed(
        &mut self,
        probe: &Probe,
        listed: &[(Position, Summary)],
        shelf: &impl Shelf,
    ) -> Result<(), Mismatch> {
        let prefix = probe.prefix;
        let ordered = listed.is_sorted_by(|(a, _), (b, _)| a < b);
        let inside = listed.iter().all(|(position, _)| prefix.contains(position));
        if listed.len() > LISTED_MAX || !ordered || !inside {
            return Err(Mismatch::List { prefix });
        }
        if Fingerprint::of_all(listed) == probe.fingerprint {
            return Err(Mismatch::Contradiction { prefix });
        }
        self.merge(&prefix, listed, shelf);
        Ok(())
    }

    /// Sorts out who lacks what under a prefix, given all that is there.
    fn merge(&mut self, prefix: &Prefix, there: &[(Position, Summary)], shelf: &impl Shelf) {
        // If there are more here than these, then more than there is room for are missing there, and the end is not reached.
        let room = DIFFERENCES_MAX - self.missing_there.len();
        let here = shelf.list(prefix, room + LISTED_MAX + 1);
        let mut here = here.iter().peekable();
        let mut there = there.iter().peekable();
        loop {
            let fits = match (here.peek(), there.peek()) {
                (None, None) => return,
                (Some(ours), Some(theirs)) if ours.0 == theirs.0 => {
                    let (ours, theirs) = (**ours, **theirs);
                    here.next();
                    there.next();
                    match ours.1.cmp(&theirs.1) {
                        Ordering::Less => self.lacking_here(theirs),
                        Ordering::Equal => true,
                        Ordering::Greater => self.lacking_there(ours.0),
                    }
                }
                (Some(ours), theirs) if theirs.is_none_or(|theirs| ours.0 < theirs.0) => {
                    let position = ours.0;
                    here.next();
                    self.lacking_there(position)
                }
                (_, theirs) => {
                    let theirs = **theirs.expect("one of the two has another");
                    there.next();
                    self.lacking_here(theirs)
                }
            };
            if !fits {
                self.cut_short = true;
                return;
            }
        }
    }

    fn lacking_here(&mut self, theirs: (Position, Summary)) -> bool {
        let fits = self.missing_here.len() < DIFFERENCES_MAX;
        if fits {
            self.missing_here.push(theirs);
        }
        fits
    }

    fn lacking_there(&mut self, position: Position) -> bool {
        let fits = self.missing_there.len() < DIFFERENCES_MAX;
        if fits {
            self.missing_there.push(position);
        }
        fits
    }
}
