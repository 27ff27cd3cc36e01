//! Which upstream is asked, and how long before the next one is asked too: pure, under whatever clock it is told.
//!
//! Hickory's own pool orders by a smoothed latency that fades within minutes, starts the next upstream only when the one before has
//! failed or its whole timeout is over, and counts who was merely slower than the winner as if it had been measured. So with one
//! dead upstream of two every few questions waited for it. Here latency is measured as TCP measures it, who is later than it
//! usually is races against the next at once, and who is dead is asked again only beside an upstream that is well: what it says
//! then decides whether it comes back, and nobody waits for it.

use core::time::Duration;

/// Nobody is called late sooner: a busy machine's scheduling is no upstream's fault.
const PATIENCE_MIN: Duration = Duration::from_millis(10);

/// A person notices half a second.
const PATIENCE_MAX: Duration = Duration::from_millis(400);

/// Misses one after another that make an upstream dead. One packet is lost now and then.
const MISSES_MAX: u32 = 2;

/// Who has just died is asked again after this, beside another.
const REST_FIRST: Duration = Duration::from_secs(1);

/// Who has been dead for long costs a packet a minute.
const REST_MAX: Duration = Duration::from_secs(60);

/// Who has not lied for so long begins anew.
const LIES_FORGOTTEN_AFTER: Duration = Duration::from_secs(600);

/// What is older is measured again, beside the upstream that is asked: the order follows a network that changes.
const MEASURE_AGE_MAX: Duration = Duration::from_secs(10);

/// What is known of the upstreams of one way.
#[derive(Clone, Debug)]
pub(crate) struct Choice {
    servers: Vec<Server>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Server {
    measured: Option<Measured>,
    /// It is later than it usually is, and has not answered since.
    is_late: bool,
    misses: u32,
    /// Dead until then at least.
    rests_until: Duration,
    /// Asked beside another, and not heard of yet.
    is_probed: bool,
    /// When it was asked beside another, answered or missed last.
    looked_at: Duration,
    /// How often what it said did not hold, and until when that is held against it.
    lies: u32,
    lied_until: Duration,
}

#[derive(Clone, Copy, Debug)]
struct Measured {
    mean: Duration,
    deviation: Duration,
}

/// How one question is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Plan {
    /// One after another, each as soon as the patience with the one before is over.
    pub(crate) line: Vec<usize>,
    /// At once, to see how it does. What it says is taken if it is first; nobody waits for it while another is well.
    pub(crate) beside: Option<usize>,
}

impl Choice {
    pub(crate) fn new(servers: usize) -> Self {
        Self {
            servers: vec![Server::default(); servers],
        }
    }

    /// The order for a question that is asked now of all but the `barred`.
    pub(crate) fn plan(&mut self, now: Duration, barred: &[usize]) -> Plan {
        let all = (0..self.servers.len()).filter(|at| !barred.contains(at));
        let (mut well, mut dead): (Vec<usize>, Vec<usize>) =
            all.partition(|at| !self.servers[*at].is_dead(now));
        // The sort is stable: those not measured yet go in the order in which they were written.
        well.sort_by_key(|at| (self.servers[*at].is_late, self.servers[*at].mean()));
        dead.sort_by_key(|at| self.servers[*at].rests_until);
        let is_due = |at: &&usize| self.servers[**at].is_due(now);
        let beside = match well.split_first() {
            None => None,
            Some((_, others)) => dead.iter().chain(others).find(is_due).copied(),
        };
        if let Some(at) = beside {
            self.servers[at].is_probed = true;
            self.servers[at].looked_at = now;
        }
        well.extend(dead);
        well.retain(|at| Some(*at) != beside);
        Plan { line: well, beside }
    }

    /// How long an upstream that was asked is waited for before the next is asked too.
    pub(crate) fn patience(&self, at: usize) -> Duration {
        let server = &self.servers[at];
        match &server.measured {
            Some(measured) if server.misses == 0 && !server.is_late => {
                (measured.mean + 4 * measured.deviation).clamp(PATIENCE_MIN, PATIENCE_MAX)
            }
            // Nothing is known of it, or nothing good: all such race.
            _ => Duration::ZERO,
        }
    }

    /// It has answered.
    pub(crate) fn answered(&mut self, at: usize, took: Duration, now: Duration) {
        let server = &mut self.servers[at];
        // RFC 6298 section 2.
        let measured = match server.measured {
            Some(before) if server.misses < MISSES_MAX => Measured {
                mean: (7 * before.mean + took) / 8,
                deviation: (3 * before.deviation + before.mean.abs_diff(took)) / 4,
            },
            _ => Measured {
                mean: took,
                deviation: took / 2,
            },
        };
        *server = Server {
            measured: Some(measured),
            lies: server.lies,
            lied_until: server.lied_until,
            looked_at: now,
            ..Server::default()
        };
    }

    /// The patience with it is over.
    pub(crate) fn late(&mut self, at: usize) {
        self.servers[at].is_late = true;
    }

    /// It was silent, could not be reached, or would not answer what another one did.
    pub(crate) fn missed(&mut self, at: usize, now: Duration) {
        let server = &mut self.servers[at];
        server.is_probed = false;
        server.looked_at = now;
        server.misses = server.misses.saturating_add(1);
        if let Some(more) = server.misses.checked_sub(MISSES_MAX) {
            let rest = REST_FIRST.saturating_mul(1 << more.min(16)).min(REST_MAX);
            server.rests_until = now + rest;
        }
    }

    /// What it said did not hold, and what another one said did.
    pub(crate) fn lied(&mut self, at: usize, now: Duration) {
        let server = &mut self.servers[at];
        if now.saturating_sub(server.lied_until) > LIES_FORGOTTEN_AFTER {
            server.lies = 0;
        }
        let rest = REST_FIRST
            .saturating_mul(1 << server.lies.min(16))
            .min(REST_MAX);
        server.lies = server.lies.saturating_add(1);
        server.lied_until = now + rest;
    }

    /// It answered, but nothing that is of use.
    pub(crate) fn refused(&mut self, at: usize) {
        self.servers[at].is_probed = false;
    }

    /// Whether it is asked only beside others.
    pub(crate) fn is_dead(&self, at: usize, now: Duration) -> bool {
        self.servers[at].is_dead(now)
    }

    /// Its usual latency.
    pub(crate) fn latency(&self, at: usize) -> Option<Duration> {
        self.servers[at].measured.map(|measured| measured.mean)
    }
}

impl Server {
    fn is_dead(&self, now: Duration) -> bool {
        self.misses >= MISSES_MAX || now < self.lied_until
    }

    fn mean(&self) -> Duration {
        self.measured.map_or(Duration::ZERO, |it| it.mean)
    }

    /// Whether to look how it does: the dead when they have rested, the others when their measure is old.
    fn is_due(&self, now: Duration) -> bool {
        let unseen = now.saturating_sub(self.looked_at);
        let is_due = match self.is_dead(now) {
            true => now >= self.rests_until && now >= self.lied_until,
            // Who is late or has missed may be well again, or dead.
            false if self.is_late || self.misses > 0 => unseen >= REST_FIRST,
            false => unseen >= MEASURE_AGE_MAX,
        };
        is_due && !self.is_probed
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    /// An upstream of a world whose time is a number.
    #[derive(Clone, Copy, Debug)]
    struct Does {
        /// None: it is silent.
        takes: Option<Duration>,
        dead_from: Duration,
        dead_until: Duration,
    }

    impl Does {
        fn takes(takes: u64) -> Self {
            Self {
                takes: Some(ms(takes)),
                dead_from: Duration::MAX,
                dead_until: Duration::MAX,
            }
        }

        fn at(&self, now: Duration) -> Option<Duration> {
            let is_dead = now >= self.dead_from && now < self.dead_until;
            self.takes.filter(|_| !is_dead)
        }
    }

    const TIMEOUT: Duration = ms(2000);

    /// What is learned, and when: a loser of the race is heard of too.
    #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
    struct News {
        at: Duration,
        server: usize,
        took: Option<Duration>,
    }

    /// Asks one question every `every`, by the rules that the driver follows, and gives how long each took; none where nobody
    /// answered.
    fn run(world: &[Does], every: Duration, questions: u32) -> Vec<Option<Duration>> {
        let mut choice = Choice::new(world.len());
        let mut news: Vec<News> = Vec::new();
        (0..questions)
            .map(|number| {
                let now = every * number;
                hear(&mut choice, &mut news, now);
                let plan = choice.plan(now, &[]);
                let mut begun = now;
                let mut best: Option<Duration> = None;
                let ask = |server: usize, begun: Duration, news: &mut Vec<News>| {
                    let took = world[server].at(begun);
                    let at = begun + took.unwrap_or(TIMEOUT);
                    news.push(News { at, server, took });
                    took.map(|took| begun + took)
                };
                if let Some(server) = plan.beside {
                    best = ask(server, now, &mut news);
                }
                for server in plan.line {
                    if best.is_some_and(|best| best <= begun) || begun >= now + TIMEOUT {
                        break;
                    }
                    let answer = ask(server, begun, &mut news);
                    best = [best, answer].into_iter().flatten().min();
                    let patience = choice.patience(server);
                    if best.is_none_or(|best| best > begun + patience) {
                        choice.late(server);
                    }
                    begun += patience;
                }
                best.map(|best| best - now)
            })
            .collect()
    }

    fn hear(choice: &mut Choice, news: &mut Vec<News>, now: Duration) {
        news.sort();
        let heard = news.partition_point(|one| one.at <= now);
        for News { at, server, took } in news.drain(..heard) {
            match took {
                Some(took) => choice.answered(server, took, at),
                None => choice.missed(server, at),
            }
        }
    }

    fn slowest(took: &[Option<Duration>]) -> Duration {
        took.iter()
            .map(|it| it.unwrap_or(Duration::MAX))
            .max()
            .unwrap_or_default()
    }

    #[test]
    fn the_fastest_is_found_and_kept() {
        let took = run(
            &[Does::takes(80), Does::takes(5), Does::takes(30)],
            ms(100),
            100,
        );
        assert_eq!(slowest(&took), ms(5), "they all race at first: {took:?}");
    }

    #[test]
    fn a_dead_one_slows_nothing_once_it_is_found_dead() {
        let silent = Does {
            takes: None,
            ..Does::takes(0)
        };
        let took = run(&[silent, Does::takes(20)], ms(50), 4000);
        assert_eq!(slowest(&took), ms(20), "not even at first, as both race");
        // It answers faster than all others, and then dies and comes back.
        let dies = Does {
            dead_from: ms(10_000),
            dead_until: ms(100_000),
            ..Does::takes(2)
        };
        let took = run(&[dies, Does::takes(20)], ms(50), 4000);
        let after = |from: usize, until: usize| slowest(&took[from..until]);
        assert_eq!(after(0, 200), ms(2));
        // The question that finds it late pays for its patience.
        assert!(
            after(200, 202) <= ms(20) + PATIENCE_MIN,
            "{:?}",
            &took[200..210]
        );
        assert_eq!(after(203, 2000), ms(20));
        // A minute's rest at most, and it is first again.
        assert_eq!(after(2000 + 61 * 20, 4000), ms(2));
    }

    #[test]
    fn a_slow_one_is_behind_and_still_measured() {
        let mut choice = Choice::new(2);
        choice.answered(0, ms(100), ms(0));
        choice.answered(1, ms(5), ms(0));
        assert_eq!(
            choice.plan(ms(1), &[]),
            Plan {
                line: vec![1, 0],
                beside: None
            }
        );
        let later = MEASURE_AGE_MAX;
        assert_eq!(
            choice.plan(later, &[]),
            Plan {
                line: vec![1],
                beside: Some(0)
            }
        );
        // One look at a time.
        assert_eq!(
            choice.plan(later, &[]),
            Plan {
                line: vec![1, 0],
                beside: None
            }
        );
        choice.answered(0, ms(1), later);
        for at in 0..40 {
            choice.answered(0, ms(1), later + ms(at));
        }
        assert_eq!(choice.plan(later, &[]).line[0], 0);
    }

    #[test]
    fn with_all_dead_all_are_asked_at_once() {
        let mut choice = Choice::new(3);
        for at in 0..3 {
            choice.answered(at, ms(5), ms(0));
            choice.missed(at, ms(10));
            choice.missed(at, ms(20 + at as u64));
            assert!(choice.is_dead(at, ms(30)));
        }
        let plan = choice.plan(ms(30), &[]);
        assert_eq!(
            plan,
            Plan {
                line: vec![0, 1, 2],
                beside: None
            }
        );
        assert!(plan.line.iter().all(|at| choice.patience(*at).is_zero()));
        assert_eq!(choice.plan(ms(30), &[1]).line, [0, 2]);
        assert!(choice.plan(ms(30), &[0, 1, 2]).line.is_empty());
    }

    #[test]
    fn a_liar_is_left_alone_however_well_it_answers() {
        let mut choice = Choice::new(2);
        let mut now = ms(0);
        for expected in [1, 2, 4] {
            choice.lied(0, now);
            choice.answered(0, ms(1), now);
            choice.answered(1, ms(50), now);
            let back = now + Duration::from_secs(expected);
            assert_eq!(choice.plan(back - ms(1), &[]).line, [1, 0], "{expected}");
            assert_eq!(choice.plan(back, &[]).line, [0, 1], "{expected}");
            now = back;
        }
        now += LIES_FORGOTTEN_AFTER + ms(1);
        choice.lied(0, now);
        assert!(!choice.is_dead(0, now + REST_FIRST));
    }

    #[test]
    fn rest_doubles_to_a_minute() {
        let mut choice = Choice::new(2);
        let mut now = ms(0);
        choice.missed(0, now);
        choice.answered(1, ms(5), now);
        for expected in [1, 2, 4, 8, 16, 32, 60, 60] {
            choice.missed(0, now);
            choice.answered(1, ms(5), now);
            let back = now + Duration::from_secs(expected);
            assert_eq!(choice.plan(back - ms(1), &[]).beside, None, "{expected}");
            choice.answered(1, ms(5), back);
            assert_eq!(choice.plan(back, &[]).beside, Some(0), "{expected}");
            now = back;
        }
    }

    proptest! {
        /// Whatever each does: as long as one answers in time, every question is answered, and never later than by the best of
        /// those that stay well and the patience with those in front of it.
        #[test]
        fn while_one_is_well_every_question_is_answered(
            takes in proptest::collection::vec((0_u64..500, any::<bool>(), 0_u64..20_000, 0_u64..20_000), 0..4),
            well in 1_u64..300,
            every in 1_u64..400,
        ) {
            let mut world: Vec<Does> = takes
                .iter()
                .map(|(takes, silent, from, lasts)| Does {
                    takes: (!silent).then_some(ms(*takes)),
                    dead_from: ms(*from),
                    dead_until: ms(from + lasts),
                })
                .collect();
            world.push(Does::takes(well));
            let took = run(&world, ms(every), 300);
            let bound = ms(well) + PATIENCE_MAX * u32::try_from(world.len() - 1).expect("few");
            prop_assert!(slowest(&took) <= bound, "{:?}", took);
        }
    }
}
