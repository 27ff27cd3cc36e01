//! Announcements: fetched at most once, false ones held against who sent them.
//!
//! A hint that this node cares about becomes a get for what it names: who told of it is asked, then the closest. What is found and verified is
//! told to who listens here, and only then passed on by the driver; so whoever passes on a false one has not looked, or lies. Each sender has a
//! share of what is looked into at once, and none can take the place of those that ask for less.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use super::bounded::Recent;
use super::desk::{Cx, Writer};
use super::get::{ENOUGH, Found};
use super::standing::Cost;
use super::{Action, Offence, Verdict};
use crate::dht::message::{Announcement, Expected, Summary};
use crate::dht::peer::{Peer, Position};

/// Hints that are being looked into: half of the gets that may be under way. More are let go: reconciliation brings what they say.
pub(super) const LOOKING_MAX: usize = 256;

/// Of these, those of one sender. A true one takes a round trip, so that this many are hundreds of changes a second from one neighbour; a false one
/// takes seconds, and after four the sender is cut off.
pub(super) const LOOKING_OF_ONE_MAX: usize = 64;

const _: () = assert!(LOOKING_OF_ONE_MAX < LOOKING_MAX);

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

/// What follows from an announcement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Heard {
    /// Nothing, now.
    Settled,
    /// It is looked into.
    Look,
    /// The same, and no more what was looked for at this position.
    LookInsteadOf(Position),
}

/// Whether there is room for one more.
enum Room {
    Free,
    InsteadOf(Position),
    None,
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
    ) -> Heard {
        let Announcement { at, summary, .. } = announcement;
        if let Some(verdict) = self.judge(cx, from, &announcement) {
            return settle(cx, announcement, verdict);
        }
        let hinted = cx.hinted(&at);
        if !cares && !cx.in_cell(&at) {
            // Known to be announced it makes a get look further. Nobody here verifies it, so it goes no further.
            cx.desk
                .hinted
                .insert(at, hinted.max(Some(summary)).unwrap_or(summary));
            return settle(cx, announcement, Verdict::Drop);
        }
        if let Some(looking) = self.looking.get_mut(&at) {
            // It waits for what that look brings.
            if hinted < Some(summary) {
                cx.desk.hinted.insert(at, summary);
                looking.next = Some((from, announcement));
            }
            return Heard::Settled;
        }
        let heard = match self.room(&from) {
            Room::None => return settle(cx, announcement, Verdict::Drop),
            Room::Free => Heard::Look,
            Room::InsteadOf(other) => {
                self.let_go(cx, &other);
                Heard::LookInsteadOf(other)
            }
        };
        cx.desk.hinted.insert(at, summary);
        let looking = Looking::new(from, announcement);
        self.looking.insert(at, looking);
        heard
    }

    /// Whether one more of a sender's is looked into. When all places are taken, one of who has most gives way to who has fewer, the one that was
    /// looked at most: it is the least likely to be true. So whoever floods takes from itself first, and with it from others that do.
    fn room(&self, from: &Peer) -> Room {
        let mut each: BTreeMap<Peer, usize> = BTreeMap::new();
        for looking in self.looking.values() {
            *each.entry(looking.from).or_default() += 1;
        }
        let own = each.get(from).copied().unwrap_or_default();
        if own >= LOOKING_OF_ONE_MAX {
            return Room::None;
        }
        if self.looking.len() < LOOKING_MAX {
            return Room::Free;
        }
        let Some((greediest, most)) = each.into_iter().max_by_key(|(_, count)| *count) else {
            return Room::None;
        };
        // With one more each would have as many.
        if most <= own + 1 {
            return Room::None;
        }
        let of_greediest = self.looking.iter().filter(|(_, it)| it.from == greediest);
        let worst = of_greediest.max_by_key(|(_, it)| it.looks);
        worst.map_or(Room::None, |(at, _)| Room::InsteadOf(*at))
    }

    fn let_go(&mut self, cx: &mut Cx<'_>, at: &Position) {
        let Some(gone) = self.looking.remove(at) else {
            return;
        };
        cx.desk.hinted.remove(at);
        let next = gone.next.map(|(_, announcement)| announcement);
        for announcement in [Some(gone.announcement), next].into_iter().flatten() {
            settle(cx, announcement, Verdict::Drop);
        }
    }

    /// What becomes of an announcement, where that shows without looking further. A look at what is known here is all that it costs: no record is
    /// read, and nothing verified again.
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
        let known = cx.newest_known(&at)?;
        if known.key_id != key_id {
            // A place is of one owner, whatever it is now.
            cx.offend(from, Offence::FalseAnnouncement);
            return Some(Verdict::Refuse);
        }
        match known.summary.cmp(&summary) {
            Ordering::Less => None,
            Ordering::Equal if cx.is_news_to_others(at, summary) => Some(Verdict::PassOn),
            // Others have heard it from here; or it is older, and may have been true.
            Ordering::Equal | Ordering::Greater => Some(Verdict::Drop),
        }
    }

    /// A get for a hint is over.
    pub(super) fn on_found(&mut self, cx: &mut Cx<'_>, at: Position, found: Found) {
        let Some(mut looking) = self.looking.remove(&at) else {
            return;
        };
        let announcement = looking.announcement;
        let summary = announcement.summary;
        let reached = found.answers >= ENOUGH;
        if let Some(record) = found.record {
            cx.notice(&record);
            let newest = Summary::of(&record);
            if cx.in_cell(&at) && cx.known(&at).is_none_or(|known| known.summary < newest) {
                cx.write(record.clone(), Expected::Older, Writer::Repair);
            }
            if newest >= summary {
                let verdict = if record.key_id() != announcement.key_id {
                    cx.offend(looking.from, Offence::FalseAnnouncement);
                    Verdict::Refuse
                } else if newest == summary && cx.is_news_to_others(at, summary) {
                    Verdict::PassOn
                } else {
                    Verdict::Drop
                };
                settle(cx, announcement, verdict);
                self.look_at_next(cx, at, looking.next);
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
        // Who hears few others cannot tell a lie from a cut link.
        if reached {
            cx.offend(looking.from, Offence::FalseAnnouncement);
            settle(cx, announcement, Verdict::Refuse);
        } else {
            settle(cx, announcement, Verdict::Drop);
        }
        self.look_at_next(cx, at, looking.next);
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

/// An announcement waits no longer.
fn settle(cx: &mut Cx<'_>, announcement: Announcement, verdict: Verdict) -> Heard {
    cx.desk.out.push(Action::Judge {
        announcement,
        verdict,
    });
    Heard::Settled
}
