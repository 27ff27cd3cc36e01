use std::collections::BTreeMap;

use super::*;
use dotkey_proto::zone::ShardBy;
use proptest::prelude::*;

fn provider(id: &str) -> Provider {
    let url = format!("redis://{id}.example.net").parse().expect("a URL");
    Provider::new(id, url)
}

fn shard(id: &str, epoch: u64, primary: &str, replicas: &[&str]) -> Shard {
    Shard {
        id: id.into(),
        epoch,
        primary: provider(primary),
        replicas: replicas.iter().map(|id| provider(id)).collect(),
        start: None,
        weight: None,
        extension: Default::default(),
    }
}

fn set(shards: Vec<Shard>) -> ShardSet {
    ShardSet {
        by: ShardBy::Hash,
        shards,
        key: None,
        extension: Default::default(),
    }
}

const OWNER: KeyId = KeyId::from_bytes([1; 32]);

fn ids<'a>(providers: impl IntoIterator<Item = &'a Provider>) -> Vec<&'a str> {
    providers.into_iter().map(|it| &*it.id).collect()
}

#[test]
fn what_was_known_before_fences_off_the_first_record() {
    let new = set(vec![shard("a", 4, "two", &["one"])]);
    let known = Map::new(OWNER, &new).known().clone();
    let old = set(vec![shard("a", 3, "one", &["two"])]);
    let (map, changes) = Map::after(known.clone(), OWNER, &old);
    let fenced = Change::FencedOff {
        shard: "a".into(),
        epoch: 3,
        highest: 4,
    };
    assert_eq!(changes, [fenced]);
    assert!(!map.allows("a", Wish::Write, &provider("one")));
    assert!(map.allows("a", Wish::Write, &provider("two")));
    assert_eq!(map.known(), &known);
    // Somebody else's records begin anew.
    let (map, changes) = Map::after(known, KeyId::from_bytes([2; 32]), &old);
    assert_eq!(changes, []);
    assert!(map.allows("a", Wish::Write, &provider("one")));
}

#[test]
fn a_new_epoch_replaces_the_primary_and_no_old_record_brings_it_back() {
    let old = set(vec![shard("a", 3, "one", &["two"])]);
    let new = set(vec![shard("a", 4, "two", &["one"])]);
    let mut map = Map::new(OWNER, &old);
    assert!(map.allows("a", Wish::Write, &provider("one")));
    let replaced = Change::Replaced {
        shard: "a".into(),
        epoch: 4,
        from: "one".into(),
        to: "two".into(),
    };
    assert_eq!(map.update(OWNER, &new), [replaced]);
    let after = |map: &Map| {
        assert!(!map.allows("a", Wish::Write, &provider("one")));
        assert!(
            map.allows("a", Wish::Read, &provider("one")),
            "a replica now"
        );
        assert!(map.allows("a", Wish::Write, &provider("two")));
        assert_eq!(
            &*map.shard_of(Some(b"x")).expect("a shard").primary.id,
            "two"
        );
    };
    after(&map);
    let fenced = Change::FencedOff {
        shard: "a".into(),
        epoch: 3,
        highest: 4,
    };
    assert_eq!(map.update(OWNER, &old), core::slice::from_ref(&fenced));
    after(&map);
    // Also when the shard was gone in between.
    assert_eq!(map.update(OWNER, &set(vec![shard("b", 1, "b", &[])])), []);
    assert!(map.shard("a").is_none());
    assert_eq!(map.update(OWNER, &old), [fenced]);
    after(&map);
    // A new holder of the name owes nothing to the one before.
    assert_eq!(map.update(KeyId::from_bytes([2; 32]), &old), []);
    assert!(map.allows("a", Wish::Write, &provider("one")));
}

#[test]
fn another_primary_needs_a_higher_epoch_and_another_address_does_not() {
    let mut map = Map::new(OWNER, &set(vec![shard("a", 3, "one", &[])]));
    let other = set(vec![shard("a", 3, "two", &[])]);
    let not_raised = Change::EpochNotRaised {
        shard: "a".into(),
        epoch: 3,
    };
    assert_eq!(map.update(OWNER, &other), [not_raised]);
    assert!(map.allows("a", Wish::Write, &provider("one")));
    let mut moved = shard("a", 3, "one", &["three"]);
    moved.primary.url = "redis://elsewhere.example.net".parse().expect("a URL");
    assert_eq!(map.update(OWNER, &set(vec![moved.clone()])), []);
    assert!(!map.allows("a", Wish::Write, &provider("one")));
    assert!(map.allows("a", Wish::Write, &moved.primary));
    assert!(map.allows("a", Wish::Read, &provider("three")));
}

#[test]
fn only_a_set_of_one_needs_no_key() {
    let one = Map::new(OWNER, &set(vec![shard("a", 0, "a", &[])]));
    assert_eq!(&*one.shard_of(None).expect("the only one").id, "a");
    let two = Map::new(
        OWNER,
        &set(vec![shard("a", 0, "a", &[]), shard("b", 0, "b", &[])]),
    );
    assert_eq!(two.shard_of(None), None);
    assert!(two.shard_of(Some(b"")).is_some());
}

/// Records of three shards, whose primaries are named after their epoch.
fn records() -> impl Strategy<Value = Vec<Vec<(usize, u64)>>> {
    let shards = proptest::collection::vec((0_usize..3, 0_u64..6), 1..3);
    proptest::collection::vec(shards, 1..20)
}

proptest! {
    #[test]
    fn a_lower_epoch_never_gets_traffic(records in records(), key in any::<[u8; 4]>()) {
        let build = |record: &[(usize, u64)]| {
            let mut seen = BTreeMap::new();
            for (id, epoch) in record {
                seen.entry(*id).or_insert(*epoch);
            }
            set(seen.into_iter().map(|(id, epoch)| {
                let id = format!("s{id}");
                shard(&id, epoch, &format!("{id}-e{epoch}"), &[&format!("{id}-r{epoch}")])
            }).collect())
        };
        let mut map = Map::new(OWNER, &build(&records[0]));
        let mut highest: BTreeMap<Box<str>, u64> = BTreeMap::new();
        for record in &records {
            let set = build(record);
            let changes = map.update(OWNER, &set);
            for shard in &set.shards {
                let known = highest.entry(shard.id.clone()).or_default();
                *known = (*known).max(shard.epoch);
            }
            prop_assert!(changes.len() <= set.shards.len());
            let found = map.shard_of(Some(&key)).expect("each key has a shard");
            prop_assert_eq!(map.shards().iter().filter(|it| it.id == found.id).count(), 1);
            prop_assert_eq!(found.epoch, highest[&found.id]);
            for wish in [Wish::Write, Wish::Read] {
                let candidates = candidates(found, wish);
                let all = candidates.first.iter().chain(candidates.then);
                for provider in all {
                    let expected = format!("{}-e{}", found.id, found.epoch);
                    let replica = format!("{}-r{}", found.id, found.epoch);
                    prop_assert!(*provider.id == *expected || wish == Wish::Read && *provider.id == *replica);
                    prop_assert!(map.allows(&found.id, wish, provider));
                }
            }
        }
    }

    #[test]
    fn readers_get_replicas_first_and_writers_none(replicas in 0_usize..4) {
        let names: Vec<String> = (0..replicas).map(|it| format!("r{it}")).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let shard = shard("a", 0, "p", &names);
        let writer = candidates(&shard, Wish::Write);
        prop_assert_eq!(ids(writer.first), ["p"]);
        prop_assert!(writer.then.is_none());
        let reader = candidates(&shard, Wish::Read);
        prop_assert_eq!(ids(reader.first), names);
        prop_assert_eq!(ids(reader.then), ["p"]);
    }
}
