//! The state machine: inputs go to the part that owns them, answers to what asked.

use std::collections::BTreeMap;

use dotkey_proto::record::{Record, Verified};

use super::desk::{Checked, Cx, Desk, Judged, Purpose, Sent, Underway, Writer};
use super::get::{Get, Purse};
use super::hints::{Heard, Hints};
use super::put::Put;
use super::upkeep::Upkeep;
use super::{
    Action, Asked, Effort, Failure, Input, Job, Now, Offence, Outcome, Verifying, View, Writing,
    Written, serve,
};
use crate::dht::message::{Announcement, Expected, Refusal, Response};
use crate::dht::peer::{Peer, Position};

/// Gets and puts under way for who waits here. More is refused: [`Outcome::Overloaded`].
pub const JOBS_MAX: usize = 512;

/// How a core behaves.
#[derive(Clone, Copy, Debug)]
pub struct Config {
    /// Decides whom it reconciles with when. Nothing secret.
    pub seed: u64,
    /// Whether every announced change is fetched and told ([`Action::Changed`]), or only those of records kept here.
    pub follow_all: bool,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            seed: 0,
            follow_all: true,
        }
    }
}

/// The protocol of one node.
#[derive(Debug)]
pub struct Core {
    config: Config,
    desk: Desk,
    tasks: BTreeMap<u64, Task>,
    hints: Hints,
    upkeep: Upkeep,
}

#[cfg(test)]
#[derive(Debug)]
pub(super) struct Sizes {
    pub(super) asked: usize,
    pub(super) writes: usize,
    pub(super) verifying: usize,
    pub(super) tasks: usize,
    pub(super) looking: usize,
    pub(super) moves: usize,
}

#[derive(Debug)]
enum Task {
    Get(Box<Get>),
    Put(Box<Put>),
}

impl Core {
    /// The core of this node.
    #[must_use]
    pub fn new(me: Peer, config: Config) -> Self {
        Self {
            config,
            desk: Desk::new(me),
            tasks: BTreeMap::new(),
            hints: Hints::new(),
            upkeep: Upkeep::new(config.seed),
        }
    }

    /// Takes what happened, and says what to do.
    pub fn step(&mut self, now: Now, input: Input, view: &dyn View) -> Vec<Action> {
        match input {
            Input::Tick => self.on_tick(now, view),
            Input::Moment => self.on_moment(now, view),
            Input::Request {
                from,
                inbound,
                request,
            } => {
                self.desk.pace.note_alive(&from);
                serve::on_request(&mut self.cx(now, view), from, inbound, request);
            }
            Input::Garbage { from } => self.cx(now, view).offend(from, Offence::Garbage),
            Input::Offended { from, offence } => self.cx(now, view).offend(from, offence),
            Input::Response { asked, response } => self.on_answer(now, view, asked, Ok(response)),
            Input::Failed { asked, failure } => self.on_answer(now, view, asked, Err(failure)),
            Input::Announced { from, announcement } => {
                self.desk.pace.note_alive(&from);
                self.on_announced(now, view, from, announcement);
            }
            Input::Written { writing, result } => self.on_written(now, view, writing, result),
            Input::Verified { verifying, checked } => {
                self.on_verified(now, view, verifying, checked);
            }
            Input::TableChanged => {
                let Self { desk, upkeep, .. } = self;
                upkeep.on_table(&mut Cx { desk, now, view });
            }
            Input::Get { job, at, effort } => self.on_get(now, view, job, at, effort),
            Input::Put {
                job,
                record,
                expected,
            } => self.on_put(now, view, job, record, expected),
            Input::Leave { job } => {
                let Self { desk, upkeep, .. } = self;
                upkeep.on_leave(&mut Cx { desk, now, view }, job);
            }
        }
        core::mem::take(&mut self.desk.out)
    }

    /// Whether a get or a put is under way, so that moments count.
    #[must_use]
    pub fn is_asking(&self) -> bool {
        !self.tasks.is_empty()
    }

    /// Nodes of this node's cell, itself included.
    #[must_use]
    pub fn cell_nodes(&self) -> usize {
        self.upkeep.cell_nodes()
    }

    /// Others of the cell that had the same records when last compared.
    #[must_use]
    pub fn in_step(&self) -> usize {
        self.upkeep.in_step()
    }

    /// When a comparison with a neighbour last came to an end.
    #[must_use]
    pub fn last_compared_ms(&self) -> Option<u64> {
        self.upkeep.last_compared_ms()
    }

    /// Records that were found to differ and are still to be moved.
    #[must_use]
    pub fn moves(&self) -> usize {
        self.upkeep.moves()
    }

    /// How many seconds the calendar here is ahead of the median neighbour's; negative is behind.
    #[must_use]
    pub fn clock_ahead_secs(&self) -> Option<i64> {
        self.upkeep.clock_ahead_secs()
    }

    /// Peers that are cut off.
    #[must_use]
    pub fn cut_off(&self, now: Now) -> usize {
        self.desk.standing.cut_off(now.ms)
    }

    /// A peer's standing in points: 0 is a stranger or a good peer, -100 is cut off.
    #[must_use]
    pub fn standing(&self, now: Now, peer: &Peer) -> i32 {
        self.desk.standing.points(now.ms, peer)
    }

    /// How full everything is that strangers can fill.
    #[cfg(test)]
    pub(super) fn sizes(&self) -> Sizes {
        Sizes {
            asked: self.desk.sent.len(),
            writes: self.desk.writes.len(),
            verifying: self.desk.verifying.len(),
            tasks: self.tasks.len(),
            looking: self.hints.looking(),
            moves: self.moves(),
        }
    }

    /// Takes from a peer's share.
    #[cfg(test)]
    pub(super) fn spend(&mut self, now: Now, peer: Peer, cost: super::standing::Cost) {
        let spent = self.desk.standing.admit(now.ms, peer, cost);
        assert_eq!(spent, Ok(()), "it has that much");
    }

    fn cx<'a>(&'a mut self, now: Now, view: &'a dyn View) -> Cx<'a> {
        let desk = &mut self.desk;
        Cx { desk, now, view }
    }

    fn on_tick(&mut self, now: Now, view: &dyn View) {
        // Numbers grow with time, and all wait equally long.
        while let Some((asked, sent)) = self.desk.sent.first_key_value()
            && sent.deadline_ms <= now.ms
        {
            self.on_answer(now, view, *asked, Err(Failure::TimedOut));
        }
        self.cx(now, view).note_silent();
        self.on_moment(now, view);
        for (at, summary) in self.hints.due(now.ms) {
            let get = Get::new(&self.cx(now, view), at, Effort::Usual, Purse::Hint(summary));
            self.look(now, view, get);
        }
        self.desk.fresh.forget(now.ms);
        let Self { desk, upkeep, .. } = self;
        upkeep.on_tick(&mut Cx { desk, now, view });
    }

    fn on_moment(&mut self, now: Now, view: &dyn View) {
        let ids: Vec<u64> = self.tasks.keys().copied().collect();
        for id in ids {
            self.go_on(now, view, id);
        }
    }

    fn on_announced(&mut self, now: Now, view: &dyn View, from: Peer, announcement: Announcement) {
        let Self { desk, hints, .. } = self;
        let mut cx = Cx { desk, now, view };
        let heard = hints.on_announced(&mut cx, from, announcement, self.config.follow_all);
        let Announcement { at, summary, .. } = announcement;
        if let Heard::LookInsteadOf(other) = heard {
            let is_it = |get: &Get| get.at == other && matches!(get.purse, Purse::Hint(_));
            self.tasks
                .retain(|_, task| !matches!(task, Task::Get(get) if is_it(get)));
        }
        if heard != Heard::Settled {
            let get = Get::new(&self.cx(now, view), at, Effort::Usual, Purse::Hint(summary));
            self.look(now, view, get.told_by(from));
        }
    }

    /// Follows a hint.
    fn look(&mut self, now: Now, view: &dyn View, get: Get) {
        let id = self.desk.number();
        self.tasks.insert(id, Task::Get(Box::new(get)));
        self.go_on(now, view, id);
    }

    fn on_get(&mut self, now: Now, view: &dyn View, job: Job, at: Position, effort: Effort) {
        let cx = self.cx(now, view);
        let rumoured = cx.newest(&at).max(cx.hinted(&at)).is_some();
        let absent = cx.desk.absent.get(now.ms, &at);
        if let Some(effort) = absent.filter(|_| effort == Effort::Usual && !rumoured) {
            let outcome = Outcome::Got {
                record: None,
                effort,
            };
            self.desk.out.push(Action::Done { job, outcome });
            return;
        }
        let shared = self.tasks.values_mut().find_map(|task| match task {
            Task::Get(get) if get.is_shared(&at, effort) => Some(get),
            _ => None,
        });
        if let Some(get) = shared {
            get.share_with(job);
            return;
        }
        let get = Get::new(&self.cx(now, view), at, effort, Purse::Job(job));
        self.begin(now, view, job, Task::Get(Box::new(get)));
    }

    /// Something is being put, or was: what was looked for before says nothing about it.
    fn on_placing(&mut self, at: &Position) {
        self.desk.absent.forget(at);
        for task in self.tasks.values_mut() {
            match task {
                Task::Get(get) if get.at == *at => get.close(),
                _ => {}
            }
        }
    }

    fn on_put(
        &mut self,
        now: Now,
        view: &dyn View,
        job: Job,
        record: Box<Verified<Record>>,
        expected: Expected,
    ) {
        self.on_placing(&Position::of_record(&record));
        let put = Put::new(&self.cx(now, view), job, record, expected);
        self.begin(now, view, job, Task::Put(Box::new(put)));
    }

    fn begin(&mut self, now: Now, view: &dyn View, job: Job, task: Task) {
        if self.tasks.len() >= JOBS_MAX {
            let outcome = Outcome::Overloaded;
            self.desk.out.push(Action::Done { job, outcome });
            return;
        }
        let id = self.desk.number();
        self.tasks.insert(id, task);
        self.go_on(now, view, id);
    }

    fn go_on(&mut self, now: Now, view: &dyn View, id: u64) {
        let Self {
            desk, tasks, hints, ..
        } = self;
        let mut cx = Cx { desk, now, view };
        let over = match tasks.get_mut(&id) {
            None => false,
            Some(Task::Put(put)) => put.go_on(&mut cx, id),
            Some(Task::Get(get)) => match get.go_on(&mut cx, id) {
                None => false,
                Some(found) => {
                    if matches!(get.purse, Purse::Hint(_)) {
                        hints.on_found(&mut cx, get.at, found);
                    }
                    true
                }
            },
        };
        if over && let Some(Task::Put(put)) = tasks.remove(&id) {
            self.on_placing(&put.at);
        }
    }

    fn on_answer(
        &mut self,
        now: Now,
        view: &dyn View,
        asked: Asked,
        answer: Result<Response, Failure>,
    ) {
        // What comes after its deadline was given up already.
        let Some(sent) = self.desk.sent.remove(&asked) else {
            return;
        };
        let Sent { to, purpose, .. } = sent;
        if answer.is_ok() {
            self.desk.pace.note_alive(&to);
            if matches!(purpose, Purpose::Task(_)) {
                self.desk.pace.answered(sent.waited_ms(now.ms));
            }
        }
        match &answer {
            Err(Failure::Garbage) => self.cx(now, view).offend(to, Offence::Garbage),
            // Who is not in the table was named by a stranger, who may have named it with an address that is not its own.
            Err(Failure::TimedOut) if self.cx(now, view).is_met(&to) => {
                self.cx(now, view).offend(to, Offence::Silent);
            }
            Ok(Response::Got { value, .. }) => {
                self.desk.allowance.on_given(now.ms, to, value);
            }
            Ok(Response::Refused(Refusal::Busy { retry_ms })) => {
                self.desk.allowance.on_busy(now.ms, to, *retry_ms);
            }
            _ => {}
        }
        let Self {
            desk,
            tasks,
            upkeep,
            ..
        } = self;
        let mut cx = Cx { desk, now, view };
        match purpose {
            Purpose::Task(id) | Purpose::Claimed(id) | Purpose::Place(id) | Purpose::Told(id) => {
                let second = matches!(purpose, Purpose::Claimed(_) | Purpose::Place(_));
                match tasks.get_mut(&id) {
                    Some(Task::Get(get)) => get.on_answer(&mut cx, id, to, answer, second),
                    Some(Task::Put(put)) => put.on_answer(&mut cx, to, answer, second),
                    None => {}
                }
                self.go_on(now, view, id);
            }
            Purpose::Repair { at, summary } => {
                if matches!(answer, Ok(Response::Stored)) {
                    cx.desk.acknowledged.insert((to, at), summary);
                }
            }
            Purpose::Compare { round } => upkeep.on_compared(&mut cx, round, to, answer),
            Purpose::Fetch { round, at } => upkeep.on_fetched(&mut cx, round, to, at, answer),
            Purpose::Push { round, at, summary } => {
                if matches!(answer, Ok(Response::Stored)) {
                    cx.desk.acknowledged.insert((to, at), summary);
                }
                upkeep.on_pushed(&mut cx, round, &answer);
            }
        }
    }

    fn on_verified(&mut self, now: Now, view: &dyn View, verifying: Verifying, checked: Checked) {
        match self.desk.verifying.remove(&verifying) {
            Some(Judged::Put(examined)) => {
                serve::on_verified(&mut self.cx(now, view), examined, checked);
            }
            Some(Judged::Answer { task: id, .. }) => {
                let Self { desk, tasks, .. } = self;
                if let Some(Task::Get(get)) = tasks.get_mut(&id) {
                    get.on_verified(&mut Cx { desk, now, view }, verifying, &checked);
                }
                self.go_on(now, view, id);
            }
            None => {}
        }
    }

    fn on_written(&mut self, now: Now, view: &dyn View, writing: Writing, result: Written) {
        let Some(underway) = self.desk.writes.remove(&writing) else {
            return;
        };
        let Underway { writer, record } = &underway;
        let mut cx = self.cx(now, view);
        match writer {
            Writer::Peer(_, inbound) => serve::on_written(&mut cx, *inbound, &underway, result),
            Writer::Repair => {}
            Writer::Task(id) => {
                if result == Written::New {
                    cx.notice(record);
                    cx.announce(record);
                }
                let Self { desk, tasks, .. } = self;
                if let Some(Task::Put(put)) = tasks.get_mut(id) {
                    put.on_written(&mut Cx { desk, now, view }, result);
                }
                self.go_on(now, view, *id);
            }
        }
    }
}
