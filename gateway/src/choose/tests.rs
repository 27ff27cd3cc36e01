//! The laws of the choice, under a clock of their own.

use core::cmp::Reverse;
use core::time::Duration;
use std::collections::{BTreeMap, BinaryHeap};

use dotkey_proto::dns::Owner;
use dotkey_proto::zone::{
    Balance, Kind, Provider, Resource, ResourcePolicy, Sticky, StickyBy, Url,
};
use proptest::prelude::*;

use super::*;

fn provider(id: &str) -> Provider {
    let url = format!("http://{id}.example:8000");
    Provider::new(id, Url::parse(&url).expect("a URL"))
}

fn resource(ids: &[&str]) -> Resource {
    let mut resource = Resource::new(Kind::Frontend, Owner::apex());
    resource.providers = ids.iter().map(|id| provider(id)).collect();
    resource
}

fn with_policy(mut resource: Resource, set: impl FnOnce(&mut ResourcePolicy)) -> Resource {
    set(resource.policy.get_or_insert_default());
    resource
}

const fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

/// How a provider of the simulation answers: after so long, and how.
#[derive(Clone, Copy)]
struct Manner {
    takes_ms: f64,
    fails: Option<Failure>,
}

const fn takes(takes_ms: f64) -> Manner {
    Manner {
        takes_ms,
        fails: None,
    }
}

/// When a request ends, whose it is, how long it took, and how it failed.
type Due = (Duration, MemberId, Duration, Option<Failure>);

/// Requests at an even rate against providers of these manners. Gives what each was given.
struct Load {
    pool: Pool,
    now: Duration,
    given: BTreeMap<String, u64>,
    ending: BinaryHeap<Reverse<Due>>,
    noise: Dice,
}

impl Load {
    fn new(resource: &Resource, seed: u64) -> Self {
        Self {
            pool: Pool::new(Duration::ZERO, resource, None, seed),
            now: Duration::ZERO,
            given: BTreeMap::new(),
            ending: BinaryHeap::new(),
            noise: Dice::new(seed ^ 1),
        }
    }

    fn run(&mut self, requests: u64, every: Duration, manner: impl Fn(&str) -> Manner) {
        for _ in 0..requests {
            self.now += every;
            self.end_until(self.now);
            let wish = Wish::default();
            let choice = self.pool.choose(self.now, wish).expect("a provider");
            let id = choice.provider.id.to_string();
            let manner = manner(&id);
            // Between a half and one and a half of it.
            let took =
                Duration::from_secs_f64(manner.takes_ms / 1000.0 * (0.5 + self.noise.part()));
            let end = (self.now + took, choice.member, took, manner.fails);
            self.ending.push(Reverse(end));
            *self.given.entry(id).or_default() += 1;
        }
    }

    fn end_until(&mut self, now: Duration) {
        while let Some(Reverse((at, member, took, fails))) = self.ending.peek().copied() {
            if at > now {
                return;
            }
            self.ending.pop();
            let ending = fails.map_or(Ending::Answered, Ending::Failed);
            self.pool.end(at, member, took, ending);
        }
    }

    fn share(&self, id: &str) -> f64 {
        let all: u64 = self.given.values().sum();
        self.given.get(id).copied().unwrap_or(0) as f64 / all as f64
    }
}

#[test]
fn equal_providers_get_equal_shares() {
    for (count, bound) in [(2_usize, 1.2), (5, 1.3), (10, 1.4)] {
        let ids: Vec<String> = (0..count).map(|id| format!("p{id}")).collect();
        let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
        let mut load = Load::new(&resource(&ids), 7);
        load.run(20_000, ms(2), |_| takes(20.0));
        for id in ids {
            let part = load.share(id) * count as f64;
            assert!(
                part < bound && part > 0.6,
                "{id} of {count} got {part} of its share"
            );
        }
    }
}

#[test]
fn weights_are_kept() {
    for balance in [Balance::RoundRobin, Balance::WeightedRandom] {
        let mut resource = with_policy(resource(&["a", "b"]), |policy| {
            policy.balance = Some(balance);
        });
        resource.providers[0].weight = Some(300);
        let mut load = Load::new(&resource, 3);
        load.run(10_000, ms(1), |_| takes(5.0));
        assert!(
            (load.share("a") - 0.75).abs() < 0.02,
            "{balance:?}: {}",
            load.share("a")
        );
    }
}

#[test]
fn a_provider_ten_times_slower_gets_next_to_nothing() {
    let mut load = Load::new(&resource(&["a", "b", "slow"]), 5);
    load.run(20_000, ms(1), |id| {
        takes(if id == "slow" { 20.0 } else { 2.0 })
    });
    assert!(load.share("slow") < 0.01, "{}", load.share("slow"));
    assert!(
        load.given["slow"] > 1,
        "it is looked at again from time to time"
    );
}

#[test]
fn one_that_becomes_fast_is_found() {
    let mut load = Load::new(&resource(&["a", "b"]), 5);
    load.run(5000, ms(2), |id| {
        takes(if id == "b" { 300.0 } else { 10.0 })
    });
    let before = load.given["b"];
    load.run(60_000, ms(2), |id| {
        takes(if id == "b" { 1.0 } else { 10.0 })
    });
    assert!(load.given["b"] - before > 20_000, "{:?}", load.given);
}

#[test]
fn failing_fast_loses_share() {
    let manner = |id: &str| Manner {
        takes_ms: if id == "bad" { 0.1 } else { 20.0 },
        fails: (id == "bad").then_some(Failure::Status),
    };
    let mut load = Load::new(&resource(&["a", "b", "bad"]), 11);
    load.run(20_000, ms(1), manner);
    assert!(load.share("bad") < 0.01, "{:?}", load.given);
}

#[test]
fn a_frozen_provider_is_avoided_before_it_is_known_to_be() {
    let mut load = Load::new(&resource(&["a", "b", "frozen"]), 13);
    load.run(2000, ms(1), |_| takes(2.0));
    let before = load.given["frozen"];
    load.run(2000, ms(1), |id| {
        takes(if id == "frozen" { 1e9 } else { 2.0 })
    });
    let lost = load.given["frozen"] - before;
    assert!(lost < 20, "{lost} requests hang");
}

#[test]
fn a_lower_priority_waits_until_the_higher_is_gone() {
    let mut resource = resource(&["first", "spare"]);
    resource.providers[1].priority = Some(1);
    let mut load = Load::new(&resource, 17);
    load.run(1000, ms(1), |_| takes(1.0));
    assert_eq!(load.given.get("spare"), None);
    let id = load.pool.members()[0].0;
    (0..3).for_each(|_| load.pool.checked(load.now, id, false));
    load.run(1000, ms(1), |_| takes(1.0));
    assert_eq!([load.given["first"], load.given["spare"]], [1000, 1000]);
}

#[test]
fn the_near_region_first_and_the_far_when_it_is_much_better() {
    let mut resource = resource(&["near", "far"]);
    resource.providers[0].region = Some("eu".into());
    resource.providers[1].region = Some("us".into());
    let near = |far_ms: f64| {
        let mut load = Load::new(&resource, 19);
        load.pool = Pool::new(Duration::ZERO, &resource, Some("eu"), 19);
        load.run(5000, ms(100), |id| {
            takes(if id == "far" { far_ms } else { 20.0 })
        });
        load.share("near")
    };
    assert!(near(10.0) > 0.9, "{}", near(10.0));
    assert!(near(1.0) < 0.2, "{}", near(1.0));
}

#[test]
fn a_key_stays_and_only_a_lost_providers_keys_move() {
    let resource = with_policy(resource(&["a", "b", "c", "d"]), |policy| {
        policy.sticky = Some(Sticky {
            by: StickyBy::Address,
            name: None,
            extension: Default::default(),
        });
    });
    let mut pool = Pool::new(Duration::ZERO, &resource, None, 1);
    let place = |pool: &mut Pool, key: u32| {
        let key = key.to_be_bytes();
        let wish = Wish {
            sticky: Some(&key),
            ..Wish::default()
        };
        let choice = pool.choose(Duration::ZERO, wish).expect("a provider");
        pool.end(Duration::ZERO, choice.member, ms(1), Ending::Answered);
        choice.provider.id.to_string()
    };
    let before: Vec<String> = (0..2000).map(|key| place(&mut pool, key)).collect();
    assert!(before.iter().filter(|id| *id == "a").count() > 400);
    let id = pool.members()[0].0;
    (0..3).for_each(|_| pool.checked(Duration::ZERO, id, false));
    for (key, before) in (0..).zip(&before) {
        let after = place(&mut pool, key);
        assert!(after != "a" && (before == "a" || after == *before));
    }
}

#[test]
fn a_cookie_leads_back_while_its_provider_is_well() {
    let mut pool = Pool::new(Duration::ZERO, &resource(&["a", "b", "c"]), None, 1);
    let wanted = token("b");
    let wish = Wish {
        token: Some(&wanted),
        ..Wish::default()
    };
    for _ in 0..50 {
        let choice = pool.choose(ms(1), wish).expect("a provider");
        assert_eq!(&*choice.provider.id, "b");
        pool.end(ms(1), choice.member, ms(1), Ending::Answered);
    }
    let id = pool.members()[1].0;
    (0..3).for_each(|_| pool.checked(ms(2), id, false));
    assert_ne!(
        &*pool.choose(ms(3), wish).expect("a provider").provider.id,
        "b"
    );
}

#[test]
fn what_was_seen_survives_a_new_record() {
    let mut load = Load::new(&resource(&["a", "b", "c"]), 23);
    let manner = |id: &str| Manner {
        takes_ms: 5.0,
        fails: (id == "b").then_some(Failure::WrongKey),
    };
    load.run(500, ms(1), manner);
    let ids =
        |pool: &Pool| -> Vec<MemberId> { pool.members().into_iter().map(|(id, _)| id).collect() };
    let before = ids(&load.pool);
    load.pool.update(load.now, &resource(&["new", "b", "a"]));
    let after = ids(&load.pool);
    assert_eq!(after[1..], [before[1], before[0]]);
    let explained = load.pool.explain(load.now);
    let words: Vec<&str> = explained.iter().map(|one| one.standing.word()).collect();
    assert_eq!(words, ["starting", "ejected", "serving"]);
    // Of another key nothing was seen.
    let mut pool = load.pool.clone();
    let mut rolled = resource(&["new", "b", "a"]);
    rolled.providers[1].pins = vec![[7; 32]];
    pool.update(load.now, &rolled);
    assert_eq!(pool.explain(load.now)[1].standing.word(), "serving");
    // What `c` still owes an answer for is nobody's any more.
    load.end_until(ms(100_000));
}

#[test]
fn one_alone_is_asked_whatever_is_thought_of_it() {
    let mut pool = Pool::new(Duration::ZERO, &resource(&["only"]), None, 1);
    for at in 0..100 {
        let choice = pool.choose(ms(at), Wish::default()).expect("the only one");
        pool.end(
            ms(at),
            choice.member,
            ms(1),
            Ending::Failed(Failure::Connect),
        );
        pool.checked(ms(at), choice.member, false);
    }
    assert!(pool.panics(ms(100)));
    let tried = [pool.members()[0].0];
    let wish = Wish {
        tried: &tried,
        ..Wish::default()
    };
    assert_eq!(
        pool.choose(ms(100), wish).expect_err("tried"),
        NoProvider::Tried
    );
}

#[test]
fn a_full_provider_gets_no_more() {
    let mut pool = Pool::new(Duration::ZERO, &resource(&["a", "b"]), None, 1);
    for _ in 0..2 * PENDING_MAX {
        pool.choose(ms(1), Wish::default()).expect("room");
    }
    assert_eq!(
        pool.choose(ms(1), Wish::default()).expect_err("full"),
        NoProvider::Full
    );
}

#[test]
fn an_operator_hears_once_that_too_few_are_well() {
    let resource = with_policy(resource(&["a", "b"]), |policy| {
        policy.least_healthy = Some(2)
    });
    let mut pool = Pool::new(Duration::ZERO, &resource, None, 1);
    assert_eq!(pool.too_few(ms(1)), None);
    let id = pool.members()[0].0;
    (0..3).for_each(|_| pool.checked(ms(1), id, false));
    assert_eq!([pool.too_few(ms(2)), pool.too_few(ms(3))], [Some(1), None]);
    (0..2).for_each(|_| pool.checked(ms(4), id, true));
    assert_eq!(pool.too_few(ms(5)), None);
}

/// What may happen to a pool.
#[derive(Clone, Debug)]
enum Event {
    Ask,
    Answer(bool),
    Check(usize, bool),
    Wait(u64),
    Record(Vec<u8>),
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        4 => Just(Event::Ask),
        4 => any::<bool>().prop_map(Event::Answer),
        1 => (any::<usize>(), any::<bool>()).prop_map(|(place, good)| Event::Check(place, good)),
        1 => (0_u64..20_000).prop_map(Event::Wait),
        1 => prop::collection::btree_set(0_u8..12, 1..12).prop_map(|ids| Event::Record(ids.into_iter().collect())),
    ]
}

proptest! {
    #[test]
    fn an_ejected_provider_gets_nothing_and_never_too_many_are(events in prop::collection::vec(event(), 1..400), seed: u64) {
        let named = |ids: &[u8]| {
            let ids: Vec<String> = ids.iter().map(|id| format!("p{id}")).collect();
            resource(&ids.iter().map(String::as_str).collect::<Vec<_>>())
        };
        let mut pool = Pool::new(Duration::ZERO, &named(&[0, 1, 2, 3, 4]), None, seed);
        let (mut now, mut asked) = (Duration::ZERO, Vec::new());
        for event in events {
            match event {
                Event::Ask => {
                    let well = pool.explain(now);
                    let serving = |one: &Explained| matches!(one.standing, Standing::Serving | Standing::Starting);
                    let choice = pool.choose(now, Wish::default()).expect("a provider");
                    let chosen = well.iter().find(|one| one.id == choice.provider.id).expect("one of them");
                    let others = well.iter().any(serving);
                    prop_assert!(choice.panicked || !others || serving(chosen), "{:?} among {:?}", chosen, well);
                    asked.push(choice.member);
                }
                Event::Answer(good) => if let Some(member) = asked.pop() {
                    let ending = if good { Ending::Answered } else { Ending::Failed(Failure::Silent) };
                    pool.end(now, member, ms(3), ending);
                },
                Event::Check(place, good) => {
                    let members = pool.members();
                    pool.checked(now, members[place % members.len()].0, good);
                }
                Event::Wait(span) => now += ms(span),
                Event::Record(ids) => pool.update(now, &named(&ids)),
            }
            let standings = pool.explain(now);
            let ejected = standings.iter().filter(|one| one.standing.word() == "ejected").count();
            prop_assert!(ejected <= ejected_max(standings.len()), "{ejected} of {}", standings.len());
        }
    }
}
