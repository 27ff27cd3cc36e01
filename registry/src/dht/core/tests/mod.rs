//! The core as one node sees it: a virtual clock, a disk in memory, and peers that answer as a test says.

mod get;
mod hints;
mod leaving;
mod news;
mod properties;
mod put;
mod refusals;
mod serve;
mod shares;
mod upkeep;

use std::collections::BTreeMap;
use std::sync::Arc;

use dotkey_proto::identity::{Key, Policy, PublicKey, key_id_of};
use dotkey_proto::record::{Claims, Record, SignedRecord, Verified};
use dotkey_proto::signature::SecretKey;
use dotkey_proto::time::Timestamp;

use super::reconcile::{Fingerprint, MemoryShelf, Prefix, Shelf};
use super::*;
use crate::dht::message::{ErrorCode, Value, Want};

const BEGIN: u64 = 1_795_000_000;
const ME: Peer = Peer([0xff; 32]);
const JOB: Job = Job(1);

/// Longer than anything that a job may take.
const JOB_MS_MAX: u64 = 60_000;

/// Below this is who did one thing that no honest peer does: 34 points, less what was forgiven since.
const BAD: i32 = -30;

fn time(secs: u64) -> Timestamp {
    Timestamp::from_secs(BEGIN + secs).expect("in range")
}

/// A record of its own place, by `person`, valid between two times.
fn record_of(person: u8, sequence: u64, valid: (u64, u64), body: u8) -> Verified<Record> {
    let secret = SecretKey::from_seed(&[person; 32]);
    let policy = Policy::bare(PublicKey::Ed25519(secret.public()));
    signed(&policy, &[secret], sequence, valid, body)
}

/// A record that all of `keys` keys have to sign, the first of them of `person`.
fn record_by_many(person: u8, sequence: u64, keys: u8) -> Verified<Record> {
    let secrets: Vec<_> = (0..keys)
        .map(|number| SecretKey::from_seed(&[person.wrapping_add(100 + number); 32]))
        .collect();
    let mut policy = Policy::bare(PublicKey::Ed25519(secrets[0].public()));
    let first = policy.keys[0].clone();
    policy.keys = secrets
        .iter()
        .map(|secret| Key {
            public: PublicKey::Ed25519(secret.public()),
            ..first.clone()
        })
        .collect();
    for needed in policy.thresholds.values_mut() {
        *needed = u32::from(keys) * u32::from(first.weight);
    }
    signed(&policy, &secrets, sequence, (0, 100_000), 0x55)
}

fn signed(
    policy: &Policy,
    secrets: &[SecretKey],
    sequence: u64,
    valid: (u64, u64),
    body: u8,
) -> Verified<Record> {
    let policy = policy.encode().expect("sound");
    let claims = Claims {
        key_id: key_id_of(&policy),
        sequence,
        not_before: time(valid.0),
        expires: time(valid.1),
        branch: None,
        chain: vec![policy],
        body: vec![body; 40],
    };
    let mut draft = claims.draft().expect("sound");
    for secret in secrets {
        draft.sign(secret);
    }
    let verified = SignedRecord::new(draft.encode()).verify(time(valid.0), None);
    verified.expect("valid")
}

fn record(person: u8, sequence: u64) -> Verified<Record> {
    record_of(person, sequence, (0, 100_000), 0x55)
}

fn bytes(record: &Record) -> Arc<[u8]> {
    record.as_bytes().into()
}

fn contact(number: u16) -> Contact {
    let mut key = [0; 32];
    key[..2].copy_from_slice(&number.to_be_bytes());
    let (peer, addresses) = (Peer(key), Vec::new().into());
    Contact { peer, addresses }
}

/// What a node reads and, for the driver, writes.
#[derive(Default)]
struct Disk {
    shelf: MemoryShelf,
    records: BTreeMap<Position, Held>,
    table: Vec<Contact>,
}

impl Disk {
    fn put(&mut self, record: &Verified<Record>) {
        let held = Held {
            key_id: record.key_id(),
            summary: Summary::of(record),
            bytes: bytes(record),
            expires: record.expires(),
        };
        let at = Position::of_record(record);
        self.shelf.insert(at, held.summary);
        self.records.insert(at, held);
    }

    /// As the product's store does.
    fn write(&mut self, record: &Verified<Record>, expected: Expected, now: Timestamp) -> Written {
        if record.expires() <= now {
            let code = ErrorCode("expired".to_owned());
            return Written::Refused(Refusal::Invalid(code));
        }
        let there = self.records.get(&Position::of_record(record));
        let there = there.filter(|it| it.expires > now);
        if let Some(there) = there {
            if there.summary == Summary::of(record) {
                return Written::Known;
            }
            if there.summary > Summary::of(record) {
                return Written::Refused(Refusal::Older(there.bytes.clone()));
            }
        }
        let fits = match expected {
            Expected::Older => true,
            Expected::Nothing => there.is_none(),
            Expected::Digest(digest) => there.is_some_and(|it| it.summary.digest == digest),
        };
        if !fits {
            let there = there.map(|it| it.bytes.clone());
            return Written::Refused(Refusal::Unexpected(there));
        }
        self.put(record);
        Written::New
    }
}

impl Shelf for Disk {
    fn fingerprint(&self, prefix: &Prefix) -> Fingerprint {
        self.shelf.fingerprint(prefix)
    }

    fn list(&self, prefix: &Prefix, most: usize) -> Vec<(Position, Summary)> {
        self.shelf.list(prefix, most)
    }
}

impl View for Disk {
    fn closest(&self, position: &Position, count: usize) -> Vec<Contact> {
        let mut all = self.table.clone();
        all.sort_by_cached_key(|it| it.peer.position().distance(position));
        all.truncate(count);
        all
    }

    fn record(&self, position: &Position) -> Option<Held> {
        self.records.get(position).cloned()
    }
}

/// What a peer does with a request.
enum Reply {
    Now(Response),
    After(u64, Response),
    Never,
}

fn got(value: Value) -> Reply {
    let closer = Vec::new();
    Reply::Now(Response::Got { value, closer })
}

/// What who has a record answers.
fn gives(record: &Verified<Record>, want: Want) -> Reply {
    got(match want {
        Want::Contacts => Value::Nothing,
        Want::Summary => Value::Summary(Summary::of(record)),
        Want::Record => Value::Record(bytes(record)),
    })
}

/// The same, so much later.
fn after(ms: u64, reply: Reply) -> Reply {
    match reply {
        Reply::Now(response) => Reply::After(ms, response),
        late => late,
    }
}

/// What came out of a core.
#[derive(Default)]
struct Log {
    asked: Vec<(Peer, Request)>,
    answered: Vec<(Inbound, Response)>,
    announced: Vec<Announcement>,
    changed: Vec<Summary>,
    progress: Vec<(usize, usize)>,
    done: Vec<(Job, Outcome)>,
    cut: Vec<Peer>,
    looked_at: Vec<Peer>,
    verified_beside: usize,
}

/// One node and its world.
struct Bench {
    core: Core,
    now: Now,
    disk: Disk,
    log: Log,
}

impl Bench {
    /// A node that knows so many peers.
    fn new(peers: u16) -> Self {
        Self::with(ME, peers, Config::default())
    }

    fn with(me: Peer, peers: u16, config: Config) -> Self {
        let now = Now {
            ms: 0,
            calendar: time(1_000),
        };
        let table = (1..=peers).map(contact).collect();
        let disk = Disk {
            table,
            ..Disk::default()
        };
        let mut bench = Self {
            core: Core::new(me, config),
            now,
            disk,
            log: Log::default(),
        };
        bench.step(Input::TableChanged);
        bench
    }

    fn step(&mut self, input: Input) -> Vec<Action> {
        self.core.step(self.now, input, &self.disk)
    }

    fn pass(&mut self, ms: u64) {
        self.now.ms += ms;
        let secs = BEGIN + 1_000 + self.now.ms / 1000;
        self.now.calendar = Timestamp::from_secs(secs).expect("in range");
    }

    /// How many peers are closer to a position than this one.
    fn rank(&self, at: &Position, peer: &Peer) -> usize {
        let own = peer.position().distance(at);
        let closer = |it: &&Contact| it.peer.position().distance(at) < own;
        self.disk.table.iter().filter(closer).count()
    }

    /// Someone whose record has so many peers closer than this node, at least or at most.
    fn person(&self, fits: impl Fn(usize) -> bool) -> u8 {
        let rank = |person: u8| self.rank(&Position::of_record(&record(person, 1)), &ME);
        let found = (1..=200).find(|person| fits(rank(*person)));
        found.expect("people are scattered")
    }

    fn points(&self, peer: &Peer) -> i32 {
        self.core.standing(self.now, peer)
    }

    /// Gives an input and lets time pass, while `peer` answers for everyone, until `over` is so, which is soon.
    fn run(
        &mut self,
        input: Input,
        over: impl Fn(&Self) -> bool,
        peer: impl FnMut(Peer, &Request) -> Reply,
    ) {
        let end = self.now.ms + JOB_MS_MAX;
        let over = |it: &Self| {
            assert!(it.now.ms < end, "it ends");
            over(it)
        };
        self.run_until(input, over, peer);
    }

    fn run_until(
        &mut self,
        input: Input,
        over: impl Fn(&Self) -> bool,
        mut peer: impl FnMut(Peer, &Request) -> Reply,
    ) {
        let mut late: BTreeMap<(u64, Asked), Response> = BTreeMap::new();
        let mut inputs = vec![input];
        loop {
            while let Some(input) = inputs.pop() {
                for action in self.step(input) {
                    let reply = self.note(action, &mut peer);
                    match reply {
                        Noted::Input(input) => inputs.insert(0, input),
                        Noted::Late(ms, asked, response) => {
                            late.insert((self.now.ms + ms, asked), response);
                        }
                        Noted::Nothing => {}
                    }
                }
            }
            if over(self) {
                return;
            }
            self.pass(50);
            while let Some(entry) = late.first_entry()
                && entry.key().0 <= self.now.ms
            {
                let ((_, asked), response) = entry.remove_entry();
                inputs.insert(0, Input::Response { asked, response });
            }
            if self.now.ms.is_multiple_of(TICK_MS) {
                inputs.insert(0, Input::Tick);
            } else if self.core.is_asking() {
                inputs.insert(0, Input::Moment);
            }
        }
    }

    /// Runs a job to its end.
    fn job(&mut self, input: Input, peer: impl FnMut(Peer, &Request) -> Reply) -> Outcome {
        self.run(input, |it| !it.log.done.is_empty(), peer);
        let (job, outcome) = self.log.done.pop().expect("it is done");
        assert!(job == JOB && self.log.done.is_empty(), "done once");
        outcome
    }

    fn get(&mut self, at: Position, effort: Effort, peer: impl Fn(Peer, Want) -> Reply) -> Got {
        let input = Input::Get {
            job: JOB,
            at,
            effort,
        };
        let outcome = self.job(input, |from, request| match request {
            Request::Get { at: asked, want } if *asked == at => peer(from, *want),
            _ => Reply::Now(Response::Stored),
        });
        match outcome {
            Outcome::Got { record, effort } => (record.map(|it| Summary::of(&it)), effort),
            other => panic!("{other:?}"),
        }
    }

    fn put(
        &mut self,
        record: &Verified<Record>,
        expected: Expected,
        peer: impl Fn(Peer) -> Reply,
    ) -> Placement {
        let input = Input::Put {
            job: JOB,
            record: Box::new(record.clone()),
            expected,
        };
        let outcome = self.job(input, |from, request| match request {
            Request::Put { .. } => peer(from),
            _ => got(Value::Nothing),
        });
        match outcome {
            Outcome::Put(placement) => placement,
            other => panic!("{other:?}"),
        }
    }

    fn note(&mut self, action: Action, peer: &mut impl FnMut(Peer, &Request) -> Reply) -> Noted {
        match action {
            Action::Ask { asked, to, request } => {
                let reply = peer(to.peer, &request);
                self.log.asked.push((to.peer, request));
                match reply {
                    Reply::Now(response) => {
                        return Noted::Input(Input::Response { asked, response });
                    }
                    Reply::After(ms, response) => return Noted::Late(ms, asked, response),
                    Reply::Never => {}
                }
            }
            Action::Write {
                writing,
                record,
                expected,
            } => {
                let result = self.disk.write(&record, expected, self.now.calendar);
                return Noted::Input(Input::Written { writing, result });
            }
            Action::Verify { verifying, bytes } => {
                self.log.verified_beside += 1;
                let checked = check(&bytes, None, self.now.calendar);
                return Noted::Input(Input::Verified { verifying, checked });
            }
            Action::Answer { inbound, response } => self.log.answered.push((inbound, response)),
            Action::Announce(announcement) => self.log.announced.push(announcement),
            Action::Changed(record) => self.log.changed.push(Summary::of(&record)),
            Action::Progress { stored, of, .. } => self.log.progress.push((stored, of)),
            Action::Done { job, outcome } => self.log.done.push((job, outcome)),
            Action::CutOff { peer, .. } => self.log.cut.push(peer),
            Action::Look { peer } => self.log.looked_at.push(peer),
            Action::Judge { .. } => {}
        }
        Noted::Nothing
    }
}

/// What a get found, and what it took.
type Got = (Option<Summary>, Effortful);

/// What an action leads to.
enum Noted {
    Input(Input),
    Late(u64, Asked, Response),
    Nothing,
}
