//! Whatever comes in, in whatever order: no panic, no queue beyond its bound, and one end to each job.

use proptest::collection::vec;
use proptest::prelude::*;

use super::super::desk::{ASKED_MAX, WRITES_MAX};
use super::super::hints::LOOKING_MAX;
use super::*;
use crate::dht::core::reconcile::{Compared, DIFFERENCES_MAX, Probe};

/// What a core has asked, is writing and owes when a run begins to end.
#[derive(Default)]
struct Owed {
    asked: Vec<Asked>,
    writing: Vec<Writing>,
    verifying: Vec<(Verifying, Arc<[u8]>)>,
    jobs: BTreeMap<Job, usize>,
    inbound: BTreeMap<Inbound, usize>,
    numbers: u64,
}

impl Owed {
    fn number(&mut self) -> u64 {
        self.numbers += 1;
        self.numbers
    }

    fn take(&mut self, actions: Vec<Action>) {
        for action in actions {
            match action {
                Action::Ask { asked, .. } => self.asked.push(asked),
                Action::Write { writing, .. } => self.writing.push(writing),
                Action::Verify { verifying, bytes } => self.verifying.push((verifying, bytes)),
                Action::Answer { inbound, .. } => {
                    let owed = self.inbound.get_mut(&inbound).expect("it was asked");
                    assert_eq!(*owed, 1, "answered once");
                    *owed = 0;
                }
                Action::Done { job, .. } => {
                    let owed = self.jobs.get_mut(&job).expect("it was wanted");
                    assert_eq!(*owed, 1, "done once");
                    *owed = 0;
                }
                _ => {}
            }
        }
    }
}

/// One thing that happens; the numbers choose among what there is.
#[derive(Clone, Copy, Debug)]
struct Happening {
    kind: u8,
    which: u8,
    what: u8,
}

fn happening() -> impl Strategy<Value = Happening> {
    (0..16_u8, any::<u8>(), any::<u8>()).prop_map(|(kind, which, what)| Happening {
        kind,
        which,
        what,
    })
}

/// Few, made once: signing is slow.
struct Records(Vec<Verified<Record>>);

impl Records {
    fn new() -> Self {
        let some = (1..=3).flat_map(|person| (1..=3).map(move |sequence| (person, sequence)));
        let mut all: Vec<_> = some
            .map(|(person, sequence)| record(person, sequence))
            .collect();
        all.push(record_of(1, 7, (0, 1_100), 1));
        all.push(record_by_many(1, 1, 6));
        Self(all)
    }

    fn any(&self, number: u8) -> &Verified<Record> {
        &self.0[usize::from(number) % self.0.len()]
    }

    fn bytes(&self, number: u8) -> Arc<[u8]> {
        let mut all = self.any(number).as_bytes().to_vec();
        if number.is_multiple_of(5) {
            all.pop();
        }
        all.into()
    }
}

fn summary(number: u8, records: &Records) -> Summary {
    let mut summary = Summary::of(records.any(number));
    if number.is_multiple_of(3) {
        summary.sequence += u64::from(number);
    }
    summary
}

fn response(what: u8, which: u8, records: &Records) -> Response {
    let shown = records.bytes(which);
    let closer = (0..u16::from(which % 24))
        .map(|it| contact(it * 40 + u16::from(what)))
        .collect();
    let (clock, digest) = (time(u64::from(which) * 100), summary(which, records));
    match what % 12 {
        0 | 1 => Response::Stored,
        2 => Response::Got {
            value: Value::Nothing,
            closer,
        },
        3 => Response::Got {
            value: Value::Summary(digest),
            closer,
        },
        4 | 5 => Response::Got {
            value: Value::Record(shown),
            closer,
        },
        6 => Response::Refused(Refusal::Older(shown)),
        7 => Response::Refused(Refusal::Unexpected(Some(shown))),
        8 => Response::Refused(Refusal::Busy { retry_ms: u32::MAX }),
        9 => Response::Reconciled {
            clock,
            compared: vec![Compared::Same; usize::from(which % 3)],
        },
        10 => {
            let listed = vec![(Position::of_record(records.any(which)), digest)];
            Response::Reconciled {
                clock,
                compared: vec![Compared::Listed(listed)],
            }
        }
        _ => {
            let mut children = [Fingerprint::default(); 16];
            children[usize::from(which % 16)].count = u64::MAX;
            let compared = vec![Compared::Children(Box::new(children))];
            Response::Reconciled { clock, compared }
        }
    }
}

fn request(what: u8, which: u8, records: &Records) -> Request {
    let at = Position::of_record(records.any(which));
    let expected = expected(what, records);
    match what % 5 {
        0 => Request::Get {
            at,
            want: Want::Record,
        },
        1 => Request::Get {
            at,
            want: Want::Summary,
        },
        2 | 3 => Request::Put {
            record: records.bytes(which),
            expected,
        },
        _ => {
            let probe = Probe {
                prefix: Prefix::ALL,
                fingerprint: Fingerprint::default(),
            };
            let (clock, probes) = (time(0), vec![probe; usize::from(which % 4)]);
            Request::Reconcile { clock, probes }
        }
    }
}

fn expected(number: u8, records: &Records) -> Expected {
    match number % 3 {
        0 => Expected::Older,
        1 => Expected::Nothing,
        _ => Expected::Digest(records.any(number).digest()),
    }
}

/// A number that was given, or one that was not.
fn chosen<T: Copy>(of: &mut Vec<T>, which: u8, other: impl Fn(u64) -> T) -> T {
    let index = usize::from(which) % (of.len() + 1);
    if index == of.len() {
        return other(u64::from(which) << 40);
    }
    of.swap_remove(index)
}

/// What comes from peers and the disk.
fn from_outside(it: Happening, owed: &mut Owed, records: &Records) -> Option<Input> {
    let Happening { kind, which, what } = it;
    let from = contact(u16::from(which % 30)).peer;
    Some(match kind {
        0 => {
            let inbound = Inbound(owed.number());
            owed.inbound.insert(inbound, 1);
            let request = request(what, which, records);
            Input::Request {
                from,
                inbound,
                request,
            }
        }
        1 => Input::Garbage { from },
        2..=6 => Input::Response {
            asked: chosen(&mut owed.asked, which, Asked),
            response: response(what, which, records),
        },
        7 => Input::Failed {
            asked: chosen(&mut owed.asked, which, Asked),
            failure: [
                Failure::Unreachable,
                Failure::TimedOut,
                Failure::Garbage,
                Failure::Unsupported,
            ][usize::from(what % 4)],
        },
        8 => Input::Announced {
            from,
            announcement: Announcement {
                key_id: records.any(what).key_id(),
                at: Position::of_record(records.any(which)),
                summary: summary(what, records),
            },
        },
        9 => Input::Written {
            writing: chosen(&mut owed.writing, which, Writing),
            result: match what % 4 {
                0 => Written::New,
                1 => Written::Known,
                2 => Written::Refused(Refusal::Full),
                _ => Written::Refused(Refusal::Older(records.bytes(which))),
            },
        },
        14 if !owed.verifying.is_empty() => {
            let index = usize::from(which) % owed.verifying.len();
            let (verifying, bytes) = owed.verifying.swap_remove(index);
            let checked = match what % 4 {
                0 => Checked::Invalid("signature"),
                _ => check(&bytes, None, time(0)),
            };
            Input::Verified { verifying, checked }
        }
        _ => return None,
    })
}

/// What comes from here.
fn from_here(it: Happening, owed: &mut Owed, records: &Records) -> Input {
    let Happening { kind, which, what } = it;
    let job = Job(owed.number());
    if kind <= 12 {
        owed.jobs.insert(job, 1);
    }
    match kind {
        10 => Input::Get {
            job,
            at: Position::of_record(records.any(which)),
            effort: if what < 128 {
                Effort::Usual
            } else {
                Effort::Fresh
            },
        },
        11 => Input::Put {
            job,
            record: Box::new(records.any(which).clone()),
            expected: expected(what, records),
        },
        12 if which < 32 => Input::Leave { job },
        12 => {
            owed.jobs.remove(&job);
            Input::TableChanged
        }
        14 => Input::Moment,
        _ => Input::Tick,
    }
}

fn within_bounds(core: &Core) {
    let sizes = core.sizes();
    assert!(sizes.asked <= ASKED_MAX, "{sizes:?}");
    assert!(sizes.writes <= WRITES_MAX + JOBS_MAX, "{sizes:?}");
    assert!(sizes.verifying <= VERIFYING_MAX, "{sizes:?}");
    assert!(sizes.tasks <= JOBS_MAX + LOOKING_MAX, "{sizes:?}");
    assert!(sizes.looking <= LOOKING_MAX, "{sizes:?}");
    assert!(sizes.moves <= 8 * DIFFERENCES_MAX, "{sizes:?}");
}

fn run(peers: u16, happenings: &[Happening], records: &Records) {
    let mut bench = Bench::new(peers);
    let mut owed = Owed::default();
    for happening in happenings {
        let input = match from_outside(*happening, &mut owed, records) {
            Some(input) => input,
            None => from_here(*happening, &mut owed, records),
        };
        if matches!(input, Input::Tick) {
            bench.pass(match happening.what {
                0..200 => u64::from(happening.which),
                200..250 => 3_000,
                _ => 40_000_000,
            });
        }
        if matches!(input, Input::TableChanged) {
            bench.disk.table = (1..=u16::from(happening.what % 50)).map(contact).collect();
        }
        let actions = bench.step(input);
        owed.take(actions);
        within_bounds(&bench.core);
    }
    // Nobody answers any more, and nothing is written: all the same everything here ends.
    let end = bench.now.ms + JOB_MS_MAX;
    while bench.now.ms < end {
        bench.pass(TICK_MS);
        let actions = bench.step(Input::Tick);
        owed.take(actions);
    }
    assert!(
        owed.jobs.values().all(|owed| *owed == 0),
        "each job ends: {:?}",
        owed.jobs
    );
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn any_order_of_anything_is_survived(
        peers in 0..60_u16,
        happenings in vec(happening(), 0..400),
    ) {
        run(peers, &happenings, &Records::new());
    }
}

#[test]
fn more_than_there_is_room_for_is_refused_and_the_rest_ends() {
    let happening = |kind| Happening {
        kind,
        which: 1,
        what: 1,
    };
    let records = Records::new();
    for kind in [10, 11] {
        run(30, &vec![happening(kind); JOBS_MAX + 50], &records);
    }
}
