//! When to reconcile and with whom; leaving.
//!
//! This module owns the cell, the rounds of comparison with its other nodes, and the records that move because of them. A round
//! compares what both sides should have, then fetches and pushes at most [`MOVING_MAX`] records at a time. What is fetched is verified like anything else.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use super::bounded::Recent;
use super::desk::{Asking, Checked, Cx, Purpose, Shown, Writer, check};
use super::lookup::CLOSEST;
use super::reconcile::{Prefix, Session};
use super::{Action, Failure, Job, Offence, Outcome};
use crate::dht::message::{Expected, Refusal, Request, Response, Summary, Value, Want};
use crate::dht::peer::{Contact, Peer, Position};

/// From one round to the next, give or take a quarter, so that a network does not beat in time.
const ROUND_MS: u64 = 30_000;

/// After the table changed, or a round found differences.
const SOON_MS: u64 = 3_000;

/// Of the routing table, to find the cell: with twenty nodes in the cell, its siblings fit too.
const NEIGHBOURS_MAX: usize = 64;

/// Records on their way at once, in either direction.
pub(super) const MOVING_MAX: usize = 8;

/// Neighbours that a leaving node hands over to, and how long it has for it: the program stops within five seconds.
const HEIRS: usize = 3;
const LEAVE_MS_MAX: u64 = 4_000;

/// Clocks remembered: enough for a median that a few liars do not move.
const CLOCKS_MAX: usize = 64;

/// With fewer clocks one liar is the median.
const CLOCKS_MIN: usize = 3;

/// A comparison with a neighbour.
#[derive(Debug)]
struct Round {
    with: Contact,
    session: Session,
    /// The comparison is over, and its records are on their way.
    compared: bool,
    moves: VecDeque<Move>,
    moving: usize,
    failed: usize,
    leaving: bool,
}

#[derive(Clone, Copy, Debug)]
enum Move {
    Fetch(Position, Summary),
    Push(Position),
}

#[derive(Debug)]
struct Leaving {
    job: Job,
    rounds: BTreeSet<u64>,
    until_ms: u64,
    neighbours: usize,
}

/// The state of upkeep.
#[derive(Debug)]
pub(super) struct Upkeep {
    /// SplitMix64.
    random: u64,
    rounds: BTreeMap<u64, Round>,
    next_ms: u64,
    leaving: Option<Leaving>,
    /// The other nodes of the cell, and whether they had the same when last compared.
    cell: BTreeMap<Peer, Option<bool>>,
    last_compared_ms: Option<u64>,
    clocks: Recent<Peer, i64>,
}

impl Upkeep {
    pub(super) fn new(seed: u64) -> Self {
        Self {
            random: seed,
            rounds: BTreeMap::new(),
            next_ms: SOON_MS,
            leaving: None,
            cell: BTreeMap::new(),
            last_compared_ms: None,
            clocks: Recent::new(CLOCKS_MAX),
        }
    }

    /// The nodes of the cell, this one included.
    pub(super) fn cell_nodes(&self) -> usize {
        self.cell.len() + 1
    }

    /// Others of the cell that had the same when last compared.
    pub(super) fn in_step(&self) -> usize {
        self.cell
            .values()
            .filter(|same| **same == Some(true))
            .count()
    }

    pub(super) fn last_compared_ms(&self) -> Option<u64> {
        self.last_compared_ms
    }

    /// Records that are still to be moved.
    pub(super) fn moves(&self) -> usize {
        let left = |round: &Round| round.moves.len() + round.moving;
        self.rounds.values().map(left).sum()
    }

    /// How many seconds our clock is ahead of the median of those asked, where they are enough.
    pub(super) fn clock_ahead_secs(&self) -> Option<i64> {
        let mut ahead: Vec<i64> = self.clocks.values().copied().collect();
        ahead.sort_unstable();
        let enough = ahead.len() >= CLOCKS_MIN;
        enough.then(|| ahead[ahead.len() / 2])
    }

    /// The routing table changed: the cell may have, and who is new should be compared with soon.
    pub(super) fn on_table(&mut self, cx: &mut Cx<'_>) {
        let before: Vec<Peer> = self.cell.keys().copied().collect();
        self.find_cell(cx);
        if !self.cell.keys().eq(before.iter()) {
            self.next_ms = self.next_ms.min(cx.now.ms.saturating_add(SOON_MS));
        }
    }

    pub(super) fn on_tick(&mut self, cx: &mut Cx<'_>) {
        self.resume(cx);
        if let Some(leaving) = &self.leaving
            && (leaving.rounds.is_empty() || cx.now.ms >= leaving.until_ms)
        {
            let (job, neighbours) = (leaving.job, leaving.neighbours);
            let outcome = Outcome::Left { neighbours };
            cx.desk.out.push(Action::Done { job, outcome });
            self.leaving = None;
            self.next_ms = u64::MAX;
            self.rounds.clear();
        }
        if cx.now.ms < self.next_ms || self.leaving.is_some() || !self.rounds.is_empty() {
            return;
        }
        self.find_cell(cx);
        let jitter = self.word() % (ROUND_MS / 2);
        self.next_ms = cx.now.ms.saturating_add(ROUND_MS * 3 / 4 + jitter);
        let neighbours = self.neighbours(cx);
        if neighbours.is_empty() {
            return;
        }
        let index = usize::try_from(self.word() % neighbours.len() as u64).expect("an index");
        self.begin(cx, neighbours[index].clone(), false);
    }

    /// This node stops: what it keeps goes to the closest.
    pub(super) fn on_leave(&mut self, cx: &mut Cx<'_>, job: Job) {
        if self.leaving.is_some() {
            let outcome = Outcome::Overloaded;
            cx.desk.out.push(Action::Done { job, outcome });
            return;
        }
        self.rounds.clear();
        let heirs = cx.closest(&cx.desk.here, HEIRS);
        let until_ms = cx.now.ms.saturating_add(LEAVE_MS_MAX);
        self.leaving = Some(Leaving {
            job,
            rounds: BTreeSet::new(),
            until_ms,
            neighbours: 0,
        });
        for heir in heirs {
            self.begin(cx, heir, true);
        }
        self.on_tick(cx);
    }

    /// A peer answered a comparison, or did not.
    pub(super) fn on_compared(
        &mut self,
        cx: &mut Cx<'_>,
        id: u64,
        from: Peer,
        answer: Result<Response, Failure>,
    ) {
        let Some(round) = self.rounds.get_mut(&id) else {
            return;
        };
        match answer {
            Ok(Response::Reconciled { clock, compared }) => {
                let ours = i64::try_from(cx.now.calendar.as_secs()).unwrap_or(i64::MAX);
                let theirs = i64::try_from(clock.as_secs()).unwrap_or(i64::MAX);
                self.clocks.insert(from, ours - theirs);
                if round.session.answer(compared, &Shown(cx.view)).is_err() {
                    cx.offend(from, Offence::Garbage);
                    round.failed += 1;
                }
                self.compare(cx, id);
            }
            other => {
                if !matches!(other, Err(_) | Ok(Response::Refused(_))) {
                    cx.offend(from, Offence::Garbage);
                }
                round.failed += 1;
                // Another neighbour may be up; who is not should leave the table soon, because a cell that counts the dead is too small.
                self.next_ms = self.next_ms.min(cx.now.ms.saturating_add(SOON_MS));
                self.finish_comparison(cx, id);
            }
        }
    }

    /// A record that was to be fetched came, or did not.
    pub(super) fn on_fetched(
        &mut self,
        cx: &mut Cx<'_>,
        id: u64,
        from: Peer,
        at: Position,
        answer: Result<Response, Failure>,
    ) {
        let mut came = false;
        if is_busy(&answer) {
            self.put_off(id);
        }
        if let Ok(Response::Got {
            value: Value::Record(bytes),
            ..
        }) = answer
        {
            match check(&bytes, Some(&at), cx.now.calendar) {
                Checked::Valid(record) => {
                    came = true;
                    cx.hold_to_word(from, at, &Summary::of(&record));
                    cx.notice(&record);
                    if cx
                        .known(&at)
                        .is_none_or(|known| known.summary < Summary::of(&record))
                    {
                        cx.write(record, Expected::Older, Writer::Repair);
                    }
                }
                Checked::OutOfTime(_) => came = true,
                Checked::Invalid(_) => cx.offend(from, Offence::InvalidRecord),
            }
        }
        self.moved(cx, id, came);
    }

    /// A record that was pushed is stored there, or not.
    pub(super) fn on_pushed(
        &mut self,
        cx: &mut Cx<'_>,
        id: u64,
        answer: &Result<Response, Failure>,
    ) {
        if is_busy(answer) {
            self.put_off(id);
        }
        self.moved(cx, id, matches!(answer, Ok(Response::Stored)));
    }

    /// Who says that it is busy is left alone; the next round is with whoever it is.
    fn put_off(&mut self, id: u64) {
        if let Some(round) = self.rounds.get_mut(&id) {
            round.moves.clear();
        }
    }

    fn moved(&mut self, cx: &mut Cx<'_>, id: u64, well: bool) {
        if let Some(round) = self.rounds.get_mut(&id) {
            round.moving = round.moving.saturating_sub(1);
            round.failed += usize::from(!well);
        }
        self.go_on(cx, id);
    }

    fn begin(&mut self, cx: &mut Cx<'_>, with: Contact, leaving: bool) {
        let id = cx.desk.number();
        let prefixes = Self::common(cx, &with.peer.position());
        let turn = u8::try_from(self.word() & 0xf).expect("four bits");
        let round = Round {
            with,
            session: Session::over(&prefixes, turn),
            compared: false,
            moves: VecDeque::new(),
            moving: 0,
            failed: 0,
            leaving,
        };
        self.rounds.insert(id, round);
        if let (true, Some(leave)) = (leaving, &mut self.leaving) {
            leave.rounds.insert(id);
        }
        self.compare(cx, id);
    }

    /// The prefixes under which both should have the same: the smaller of the two cells, as far as we see the other's.
    fn common(cx: &Cx<'_>, theirs: &Position) -> Vec<Prefix> {
        let ours = cx.desk.cell_bits;
        if cx.in_cell(theirs) {
            return Prefix::of_bits(theirs, cell_bits(cx, theirs).max(ours));
        }
        // One from outside is a neighbour because its cell has all of ours in it.
        Prefix::of_bits(&cx.desk.here, ours)
    }

    fn compare(&mut self, cx: &mut Cx<'_>, id: u64) {
        let Some(round) = self.rounds.get_mut(&id) else {
            return;
        };
        let Some(probes) = round.session.request(&Shown(cx.view)) else {
            return self.finish_comparison(cx, id);
        };
        let request = Request::Reconcile {
            clock: cx.now.calendar,
            probes,
        };
        let asked = cx.ask(round.with.clone(), request, Purpose::Compare { round: id });
        if asked != Asking::Sent {
            round.failed += 1;
            self.finish_comparison(cx, id);
        }
    }

    fn finish_comparison(&mut self, cx: &mut Cx<'_>, id: u64) {
        let Some(round) = self.rounds.get_mut(&id) else {
            return;
        };
        round.compared = true;
        let pushes = round.session.missing_there().iter();
        round.moves.extend(pushes.map(|at| Move::Push(*at)));
        if !round.leaving {
            let fetches = round.session.missing_here().iter();
            round
                .moves
                .extend(fetches.map(|(at, summary)| Move::Fetch(*at, *summary)));
        }
        let same = round.moves.is_empty() && round.failed == 0 && !round.session.cut_short();
        if round.failed == 0 {
            self.last_compared_ms = Some(cx.now.ms);
        }
        if let Some(step) = self.cell.get_mut(&round.with.peer) {
            *step = Some(same);
        }
        if !round.moves.is_empty() || round.session.cut_short() {
            self.next_ms = self.next_ms.min(cx.now.ms.saturating_add(SOON_MS));
        }
        self.go_on(cx, id);
    }

    /// Moves the next records of a round, and ends it when there are none.
    fn go_on(&mut self, cx: &mut Cx<'_>, id: u64) {
        let Some(round) = self.rounds.get_mut(&id) else {
            return;
        };
        while round.moving < MOVING_MAX
            && let Some(next) = round.moves.pop_front()
        {
            if let Some((request, purpose)) = prepare(cx, id, next) {
                match cx.ask(round.with.clone(), request, purpose) {
                    Asking::Sent => round.moving += 1,
                    Asking::Busy => {
                        // It goes on with the next answer, or the next tick.
                        round.moves.push_front(next);
                        break;
                    }
                    Asking::CutOff => round.failed += 1,
                }
            }
        }
        if !round.compared || round.moving > 0 || !round.moves.is_empty() {
            return;
        }
        let well = round.failed == 0 && !round.session.cut_short();
        if well && let Some(step) = self.cell.get_mut(&round.with.peer) {
            *step = Some(true);
        }
        self.rounds.remove(&id);
        if let Some(leaving) = &mut self.leaving {
            leaving.rounds.remove(&id);
            leaving.neighbours += usize::from(well);
        }
    }

    /// Goes on with what a busy neighbour held up.
    fn resume(&mut self, cx: &mut Cx<'_>) {
        let held_up = |round: &Round| round.compared && !round.moves.is_empty();
        let rounds = self.rounds.iter().filter(|(_, round)| held_up(round));
        let ids: Vec<u64> = rounds.map(|(id, _)| *id).collect();
        for id in ids {
            self.go_on(cx, id);
        }
    }

    fn find_cell(&mut self, cx: &mut Cx<'_>) {
        cx.desk.cell_bits = cell_bits(cx, &cx.desk.here);
        let cell = self.neighbours(cx);
        self.cell = cell
            .iter()
            .map(|it| (it.peer, self.cell.get(&it.peer).copied().flatten()))
            .collect();
    }

    /// Those with a cell that shares records with ours. With fewer than twenty in our cell, records in it have keepers outside.
    fn neighbours(&self, cx: &Cx<'_>) -> Vec<Contact> {
        let mut near = cx.closest(&cx.desk.here, NEIGHBOURS_MAX);
        let bits = |it: &Contact| it.peer.position().shared_bits(&cx.desk.here);
        // With this node that makes twenty.
        let twenty = near.get(CLOSEST - 2).map_or(0, bits);
        near.retain(|it| bits(it) >= twenty.min(cx.desk.cell_bits));
        near
    }

    fn word(&mut self) -> u64 {
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut word = self.random;
        word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        word ^ (word >> 31)
    }
}

fn is_busy(answer: &Result<Response, Failure>) -> bool {
    matches!(answer, Ok(Response::Refused(Refusal::Busy { .. })))
}

/// The bits of a node's cell: the first bucket of its routing table with fewer than twenty nodes. Of a position in that bucket the node may
/// be among the twenty closest; of one in a bucket before it twenty others are closer.
fn cell_bits(cx: &Cx<'_>, of: &Position) -> u32 {
    let mut bits = 0;
    while bits < 256 {
        let mut across = *of;
        across.0[(bits / 8) as usize] ^= 0x80 >> (bits % 8);
        let in_bucket = |at: Position| at.shared_bits(of) == bits;
        let others = cx.closest(&across, CLOSEST);
        let others = others.iter().filter(|it| in_bucket(it.peer.position()));
        if others.count() + usize::from(in_bucket(cx.desk.here)) < CLOSEST {
            break;
        }
        bits += 1;
    }
    bits
}

/// The request of a move, unless it has become pointless meanwhile.
fn prepare(cx: &Cx<'_>, round: u64, next: Move) -> Option<(Request, Purpose)> {
    match next {
        Move::Fetch(at, summary) => {
            if cx.known(&at).is_some_and(|known| known.summary >= summary) {
                return None;
            }
            let want = Want::Record;
            Some((Request::Get { at, want }, Purpose::Fetch { round, at }))
        }
        Move::Push(at) => {
            let held = cx.held(&at)?;
            let record: Arc<[u8]> = held.bytes;
            let expected = Expected::Older;
            let summary = held.summary;
            Some((
                Request::Put { record, expected },
                Purpose::Push { round, at, summary },
            ))
        }
    }
}
