//! Announcements: fetched at most once, false ones held against who sent them.
//!
//! A hint that this node cares about becomes a get for what it names. What is found and verified is told to who listens here, and only then
//! passed on by the driver; so whoever passes on a false one has not looked, or lies.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use super::bounded::Recent;
use super::desk::{Cx, Writer};
use super::get::{ENOUGH, Found};
use super::standing::Cost;
use super::{Action, Offence, Verdict};
use crate::dht::message::{Announcement, Expected, Summary};
use crate::dht::peer::{Peer, Position};

/// Hints that are being looked into. More are remembered, so that a get looks further, and not fetched: reconciliation brings them.
pub(super) const LOOKING_MAX: usize = 256;

/// Hints that proved false, so that they are not looked into again.
const FALSE_MAX: usize = 4096;

/// The first to store announces while the others still write: a hint that is not confirmed at once gets two more looks.
const LOOKS: u32 = 3;
const LOOK_AGAIN_MS: u64 = 1_000;

/// Announcements under way.
#[derive(Clone, Debug)]
pub(super) struct Hints {
    looking: BTreeMap<Position, Looking>,
    proved_false: Recent<(Position, Summary), ()>,
}

#[derive(Clone, Debug)]
struct Looking {
    from: Peer,
    announcement: Announcement,
    looks: u32,
    /// None while a get is under way.
    again_ms: Option<u64>,
    /// A newer one that came meanwhile, to be looked into after it.
    next: Option<(Peer, Announcement)>,
}

impl Looking {
    fn new(from: Peer, announcement: Announcement) -> Self {
        Self {
            from,
            announcement,
            looks: 1,
            again_ms: None,
            next: None,
        }
    }
}

impl Hints {
    pub(super) fn new() -> Self {
        Self {
            looking: BTreeMap::new(),
            proved_false: Recent::new(FALSE_MAX),
        }
    }

    /// Takes an announcement. Whether it is to be looked for now.
    pub(super) fn on_announced(
        &mut self,
        cx: &mut Cx<'_>,
        from: Peer,
        announcement: Announcement,
        cares: bool,
    ) -> bool {
        let Announcement { at, summary, .. } = announcement;
        if let Some(verdict) = self.judge(cx, from, &announcement) {
            cx.desk.out.push(Action::Judge {
                announcement,
                verdict,
            });
            return false;
        }
        let known = cx.newest(&at).max(cx.hinted(&at));
        if known >= Some(summary) {
            return false;
        }
        cx.desk.hinted.insert(at, summary);
        if !cares && !cx.in_cell(&at) {
            return false;
        }
        if let Some(looking) = self.looking.get_mut(&at) {
            looking.next = Some((from, announcement));
            return false;
        }
        let fits = self.looking.len() < LOOKING_MAX;
        if fits {
            let looking = Looking::new(from, announcement);
            self.looking.insert(at, looking);
        }
        fits
    }

    /// What becomes of an announcement, where that shows without looking further. A look at what is known of the record held here is all that it costs,
    /// and only who has its share left gets that: no record is read, and nothing verified again.
    fn judge(&self, cx: &mut Cx<'_>, from: Peer, announcement: &Announcement) -> Option<Verdict> {
        let Announcement {
            key_id,
            at,
            summary,
        } = *announcement;
        if cx.is_cut_off(&from) {
            return Some(Verdict::Drop);
        }
        if let Err(offence) = cx.desk.standing.admit(cx.now.ms, from, Cost::Hint) {
            if let Some(offence) = offence {
                cx.offend(from, offence);
            }
            return Some(Verdict::Drop);
        }
        if self.proved_false.contains(&(at, summary)) {
            return Some(Verdict::Drop);
        }
        let known = cx.known(&at)?;
        if known.key_id != key_id {
            // A place is of one owner, whatever it is now.
            cx.offend(from, Offence::FalseAnnouncement);
            return Some(Verdict::Refuse);
        }
        match known.summary.cmp(&summary) {
            Ordering::Less => None,
            Ordering::Equal => Some(Verdict::PassOn),
            // It may have been true.
            Ordering::Greater => Some(Verdict::Drop),
        }
    }

    /// A get for a hint is over.
    pub(super) fn on_found(&mut self, cx: &mut Cx<'_>, at: Position, found: Found) {
        let Some(mut looking) = self.looking.remove(&at) else {
            return;
        };
        let summary = looking.announcement.summary;
        let reached = found.answers >= ENOUGH;
        if let Some(record) = found.record {
            cx.notice(&record);
            if cx.in_cell(&at)
                && cx
                    .known(&at)
                    .is_none_or(|known| known.summary < Summary::of(&record))
            {
                cx.write(record.clone(), Expected::Older, Writer::Repair);
            }
            if Summary::of(&record) >= summary {
                self.look_at_next(cx, at, looking.next);
                if record.key_id() != looking.announcement.key_id {
                    cx.offend(looking.from, Offence::FalseAnnouncement);
                }
                return;
            }
        }
        if looking.looks < LOOKS {
            looking.looks += 1;
            looking.again_ms = Some(cx.now.ms.saturating_add(LOOK_AGAIN_MS));
            self.looking.insert(at, looking);
            return;
        }
        if cx.desk.hinted.get(&at) == Some(&summary) {
            cx.desk.hinted.remove(&at);
        }
        self.proved_false.insert((at, summary), ());
        self.look_at_next(cx, at, looking.next);
        // Who hears few others cannot tell a lie from a cut link.
        if reached {
            cx.offend(looking.from, Offence::FalseAnnouncement);
        }
    }

    /// What came while another was looked into gets its look, unless that one brought it.
    fn look_at_next(&mut self, cx: &Cx<'_>, at: Position, next: Option<(Peer, Announcement)>) {
        let news = |(_, it): &(Peer, Announcement)| cx.newest(&at) < Some(it.summary);
        if let Some((from, announcement)) = next.filter(news) {
            let mut looking = Looking::new(from, announcement);
            looking.again_ms = Some(cx.now.ms);
            self.looking.insert(at, looking);
        }
    }

    /// Hints that are being looked into.
    #[cfg(test)]
    pub(super) fn looking(&self) -> usize {
        self.looking.len()
    }

    /// Hints to look into again.
    pub(super) fn due(&mut self, now_ms: u64) -> Vec<(Position, Summary)> {
        let due = |it: &&mut Looking| it.again_ms.is_some_and(|at_ms| at_ms <= now_ms);
        let again = self.looking.values_mut().filter(due);
        let again = again.map(|looking| {
            looking.again_ms = None;
            (looking.announcement.at, looking.announcement.summary)
        });
        again.collect()
    }
}
