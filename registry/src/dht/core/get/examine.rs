//! Records in answers, verified: those of few signatures at once, the others beside the core, for everyone would wait for them.
//!
//! Who gave one has answered, but counts for nothing until it is known with what. The same bytes from several are verified once.

use std::sync::Arc;

use dotkey_proto::record::{Record, SignedRecord, Verified};

use super::Get;
use crate::dht::core::desk::{Checked, Cx, Judged, check};
use crate::dht::core::serve::AT_ONCE_MAX;
use crate::dht::core::{Offence, Verifying};
use crate::dht::message::Summary;
use crate::dht::peer::{Peer, Position};

/// Who gave a record, and why it was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Giver {
    /// It is one that may keep it.
    Holder(Peer),
    /// It told of it, which is no holder's word.
    Told(Peer),
}

impl Giver {
    fn peer(self) -> Peer {
        match self {
            Self::Holder(peer) | Self::Told(peer) => peer,
        }
    }
}

/// A record that is being verified.
#[derive(Clone, Debug)]
pub(super) struct Examined {
    bytes: Arc<[u8]>,
    pub(super) from: Vec<Giver>,
}

impl Get {
    /// A peer gave a record.
    pub(super) fn on_record(&mut self, cx: &mut Cx<'_>, id: u64, from: Giver, bytes: &Arc<[u8]>) {
        // The very bytes that verified before need no second look.
        if let Some((summary, best)) = &self.best
            && best.as_bytes() == &bytes[..]
        {
            return self.settle(cx, from, Ok(Some(*summary)));
        }
        let mut examined = self.examined.values_mut();
        if let Some(same) = examined.find(|it| it.bytes == *bytes) {
            return same.from.push(from);
        }
        let outline = SignedRecord::new(bytes.clone()).outline();
        if !outline.is_ok_and(|outline| outline.signatures > AT_ONCE_MAX) {
            let checked = check(bytes, Some(&self.at), cx.now.calendar);
            return self.on_checked(cx, from, checked);
        }
        match cx.verify(
            Judged::Answer {
                task: id,
                from: from.peer(),
            },
            bytes.clone(),
        ) {
            Some(verifying) => {
                let examined = Examined {
                    bytes: bytes.clone(),
                    from: vec![from],
                };
                self.examined.insert(verifying, examined);
            }
            // It is not this peer's fault; another is asked.
            None => {
                self.claims.remove(&from.peer());
                self.on_busy(&from.peer());
            }
        }
    }

    /// A verification came to an end.
    pub(in crate::dht::core) fn on_verified(
        &mut self,
        cx: &mut Cx<'_>,
        verifying: Verifying,
        checked: &Checked,
    ) {
        let Some(Examined { from, .. }) = self.examined.remove(&verifying) else {
            return;
        };
        for from in from {
            let checked = match checked {
                Checked::Valid(record) if Position::of_record(record) != self.at => {
                    Checked::Invalid("wrong-place")
                }
                other => other.clone(),
            };
            self.on_checked(cx, from, checked);
        }
    }

    fn on_checked(&mut self, cx: &mut Cx<'_>, from: Giver, checked: Checked) {
        let found = match checked {
            Checked::Valid(record) => Ok(Some(self.weigh(cx, from.peer(), record))),
            // It has what it said, and that is as good as nothing.
            Checked::OutOfTime(_) => {
                self.claims.insert(from.peer(), None);
                Ok(None)
            }
            Checked::Invalid(_) => Err(()),
        };
        self.settle(cx, from, found);
    }

    fn weigh(&mut self, cx: &mut Cx<'_>, from: Peer, record: Box<Verified<Record>>) -> Summary {
        let summary = Summary::of(&record);
        cx.hold_to_word(from, self.at, &summary);
        if self.best_summary() < Some(summary) {
            self.best = Some((summary, record));
        }
        summary
    }

    fn settle(&mut self, cx: &mut Cx<'_>, from: Giver, found: Result<Option<Summary>, ()>) {
        match (found, from) {
            (Ok(claim), Giver::Holder(peer)) => self.on_claim(cx, peer, claim, false),
            // It need not keep it.
            (Ok(_), Giver::Told(peer)) => {
                self.claims.remove(&peer);
            }
            (Err(()), from) => {
                cx.offend(from.peer(), Offence::InvalidRecord);
                self.trouble = true;
                self.claims.remove(&from.peer());
            }
        }
    }
}
