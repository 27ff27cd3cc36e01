//! How a node's ledger does, in the words that `dotkey status`, `/v1/status`, `/v1/ledger` and the metrics share.

use dotkey_proto::words::lasting;
use serde::Serialize;

use super::{Changes, Signing};
use crate::consensus::timing::CLOCK_AHEAD_SECS_MAX;
use crate::follow::core::{Progress, Stage};

/// How a node's ledger does.
#[derive(Clone, Debug, Serialize)]
pub struct LedgerStatus {
    /// The network's id, in hexadecimal digits.
    pub network: String,
    /// What people call the network.
    pub name: String,
    /// The last final block; absent where the ledger cannot be read.
    pub height: Option<u64>,
    /// Its digest, in hexadecimal digits.
    pub block: Option<String>,
    /// When it was made, in seconds since 1970.
    pub time: Option<u64>,
    /// Seconds since then.
    pub age_seconds: Option<u64>,
    /// Since when the ledger is open here: whoever was away for longer than a block takes has an old one at first.
    #[serde(skip)]
    pub open_seconds: u64,
    /// The epoch of the next block.
    pub epoch: Option<u64>,
    /// Whether this node votes on blocks now.
    pub votes: bool,
    /// Which validators take part, by the newest blocks; unknown before the first certificate.
    pub signing: Option<Signing>,
    /// How far a node without a vote is; `None` where an engine brings the blocks.
    pub following: Option<Following>,
    /// Transactions that wait for a block here.
    pub waiting: usize,
    /// Their bytes.
    pub waiting_bytes: usize,
    /// Validators that were shown to have signed two things.
    pub evidence: usize,
    /// How the validators are about to change; absent where the ledger cannot be read.
    pub changes: Option<Changes>,
    /// What is wrong with this machine's clock, or with another validator's.
    pub clock: Option<String>,
    /// Why it signs and writes nothing for now, and what to do: it goes on by itself.
    pub waits: Option<String>,
    /// Why it signs nothing any more, and what to do.
    pub halted: Option<String>,
}

/// How far a node is that follows the ledger without a vote.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Following {
    /// `looking` (how far behind it is), `walking` (to the validators of now), `choosing` (a state to take over), `taking-over`, `following` (block by block), or
    /// `halted`.
    pub stage: &'static str,
    /// The block after which the state is taken over, while it is.
    pub taking_over: Option<u64>,
    /// How much of that state it has, in percent.
    pub percent: Option<u8>,
    /// The highest block that a peer claims to have, or its own.
    pub highest: u64,
    /// Peers that give the ledger.
    pub peers: usize,
    /// Whether nobody who is ahead has the next block.
    pub unserved: bool,
}

impl From<&Progress> for Following {
    fn from(progress: &Progress) -> Self {
        let taking_over = match progress.stage {
            Stage::Importing { height } => Some(height),
            _ => None,
        };
        Self {
            stage: progress.stage.word(),
            taking_over,
            percent: progress.percent,
            highest: progress.highest,
            peers: progress.peers,
            unserved: progress.unserved,
        }
    }
}

/// A block older than this, where one is due every few seconds, is worth a look.
pub const AGE_SECONDS_MAX: u64 = 60;

impl LedgerStatus {
    /// Adds what the node's peers say of its clock: validators whose clocks are too far apart do not connect, so that nobody's block tells.
    pub(crate) fn hear_of_clock(&mut self, ahead_secs: Option<i64>) {
        let off = ahead_secs.filter(|secs| secs.unsigned_abs() > CLOCK_AHEAD_SECS_MAX);
        let (Some(secs), true, true) = (off, self.votes, self.clock.is_none()) else {
            return;
        };
        let way = if secs > 0 { "ahead of" } else { "behind" };
        self.clock = Some(format!(
            "this clock is {} s {way} most peers', and validators whose clocks are more than {CLOCK_AHEAD_SECS_MAX} s apart do not connect; set it",
            secs.unsigned_abs()
        ));
    }

    /// What someone should look at, worst first.
    #[must_use]
    pub fn warnings(&self) -> Vec<String> {
        let mut warnings = Vec::new();
        if let Some(why) = &self.halted {
            warnings.push(format!("the ledger has halted: {why}"));
        } else if let Some(why) = &self.waits {
            warnings.push(format!("the ledger waits: {why}"));
        } else if self.following.as_ref().is_some_and(|one| one.unserved) {
            warnings.push(
                "the ledger stands still: no peer has the next block, for all began with a later state; it takes one of these over by itself when it is offered: join another node with --join where that lasts"
                    .to_owned(),
            );
        } else if let Some(age) = &self.age_seconds.filter(|age| *age > AGE_SECONDS_MAX)
            && self.open_seconds > AGE_SECONDS_MAX
        {
            // Who connects with nobody hears nobody's clock.
            let more = if self.votes {
                format!(
                    "; see whether its clock is within {CLOCK_AHEAD_SECS_MAX} s of theirs, for they do not connect otherwise"
                )
            } else {
                String::new()
            };
            warnings.push(format!(
                "the last block of the ledger is {} old: more than a third of the validators are down or apart, or this node is cut off from them{more}",
                lasting(*age)
            ));
        }
        warnings.extend(self.clock.iter().cloned());
        warnings
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_follower_says_its_stage() {
        let progress = Progress {
            stage: Stage::Importing { height: 640 },
            percent: Some(37),
            peers: 3,
            highest: 700,
            unserved: false,
            halted: None,
        };
        let following = Following::from(&progress);
        let found = (following.stage, following.taking_over, following.percent);
        assert_eq!(found, ("taking-over", Some(640), Some(37)));
        let stage = Stage::Following;
        let later = Following::from(&Progress {
            stage,
            percent: None,
            ..progress
        });
        assert_eq!((later.stage, later.taking_over), ("following", None));
    }

    #[test]
    fn what_is_wrong_is_said() {
        let well = LedgerStatus {
            network: "00".repeat(32),
            name: "solo".to_owned(),
            height: Some(7),
            block: Some("07".repeat(32)),
            time: Some(1_800_000_000),
            age_seconds: Some(60),
            open_seconds: 1000,
            epoch: Some(0),
            votes: true,
            signing: None,
            following: None,
            waiting: 0,
            waiting_bytes: 0,
            evidence: 0,
            changes: None,
            clock: None,
            waits: None,
            halted: None,
        };
        assert!(well.warnings().is_empty());
        for (ahead, says) in [
            (None, None),
            (Some(10), None),
            (Some(-10), None),
            (Some(11), Some("11 s ahead of most")),
            (Some(-11), Some("11 s behind most")),
        ] {
            let mut heard = well.clone();
            heard.hear_of_clock(ahead);
            assert_eq!(heard.clock.is_some(), says.is_some(), "{ahead:?}");
            assert!(
                heard
                    .clock
                    .is_none_or(|clock| clock.contains(says.unwrap_or_default()))
            );
            let mut follower = LedgerStatus {
                votes: false,
                ..well.clone()
            };
            follower.hear_of_clock(ahead);
            assert_eq!(follower.clock, None, "it has no vote to lose");
        }
        let old = LedgerStatus {
            age_seconds: Some(61),
            clock: Some("this clock".to_owned()),
            ..well.clone()
        };
        assert!(old.warnings()[0].contains("1 min 1 s old"));
        assert!(old.warnings()[0].contains("within 10 s of theirs"));
        let back = LedgerStatus {
            open_seconds: 60,
            ..old.clone()
        };
        assert_eq!(back.warnings(), ["this clock"], "it was away");
        assert_eq!(old.warnings()[1], "this clock");
        let waits = LedgerStatus {
            waits: Some("no space".to_owned()),
            ..old.clone()
        };
        assert_eq!(waits.warnings()[0], "the ledger waits: no space");
        assert_eq!(waits.warnings().len(), 2, "its age is no news then");
        let halted = LedgerStatus {
            halted: Some("why".to_owned()),
            ..old
        };
        assert_eq!(halted.warnings()[0], "the ledger has halted: why");
        assert_eq!(halted.warnings().len(), 2);
    }
}
