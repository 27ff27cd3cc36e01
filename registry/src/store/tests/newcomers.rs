//! Who leaves a full store: a flood of records that are as close as their makers like takes a part of it and no more.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::super::index::{NEWCOMER_SECS, NEWCOMERS_PART};
use super::*;

/// Longer than any of this lasts.
const LIVES: u64 = 30 * NEWCOMER_SECS;

type Records = Vec<Box<Verified<Record>>>;

/// Records by distance from the node, the closest first.
fn by_distance(count: u8) -> Records {
    let mut records: Records = (0..count).map(|seed| record(seed, 1, LIVES)).collect();
    records.sort_by_key(|record| OWN.distance(&Position::of_record(record)));
    records
}

fn write_at(store: &RecordStore, records: &[Box<Verified<Record>>], secs: u64) -> Vec<Written> {
    let all = records
        .iter()
        .map(|record| (record.clone(), Expected::Older));
    store.write_all(all.collect(), time(secs))
}

fn kept(store: &RecordStore, records: &[Box<Verified<Record>>]) -> usize {
    let there = records
        .iter()
        .filter(|record| bytes_at(store, record).is_some());
    there.count()
}

#[test]
fn a_flood_takes_a_part_of_what_was_there_before_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let all = by_distance(100);
    let (flood, before) = all.split_at(80);
    let room = before.iter().map(|record| cost(record)).sum();
    let part = before.len() / usize::try_from(NEWCOMERS_PART).expect("few");

    let store = open(&folder, room);
    assert_eq!(write_at(&store, before, 10), vec![Written::New; 20]);
    // All of the flood is closer than all that is there. Whoever sends it, by whatever way, in whatever order, and again after a restart.
    let day = NEWCOMER_SECS;
    write_at(&store, &flood[40..], day + 10);
    drop(store);
    let store = open(&folder, room);
    write_at(&store, &flood[..40], day + 20);
    assert_eq!(kept(&store, before), before.len() - part);
    assert_eq!(kept(&store, &flood[..part]), part, "the closest of it");
    check_sums(&store);

    // Each day another part goes the way of the farthest.
    write_at(&store, flood, 2 * day + 40);
    assert_eq!(kept(&store, before), before.len() - 2 * part);
    check_sums(&store);
}

#[test]
fn newcomers_that_found_free_room_give_way_to_who_was_there_before() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut all = by_distance(20);
    let before = all.split_off(10);
    let flood = all;
    let room = 20 * cost(&flood[0]);
    let store = open(&folder, room);
    assert_eq!(write_at(&store, &before, 10), vec![Written::New; 10]);
    let later = NEWCOMER_SECS + 10;
    assert_eq!(write_at(&store, &flood, later), vec![Written::New; 10]);

    // Its record grows: a newcomer leaves for it, although it is closer.
    let place = Position::of_record(&before[9]);
    let is_it = |seed: &u8| Position::of_record(&record(*seed, 1, LIVES)) == place;
    let seed = (0..20).find(is_it).expect("one of them");
    let longer = record_of(seed, 2, LIVES, 350);
    assert_eq!(write_at(&store, &[longer], later), [Written::New]);
    assert_eq!((kept(&store, &flood), kept(&store, &flood[..9])), (9, 9));
    check_sums(&store);

    // The bound is lowered: newcomers leave until they have their part of what is left.
    drop(store);
    let store = open(&folder, room / 2);
    store.expire(time(later)).expect("written");
    assert_eq!(kept(&store, &flood), 2);
    assert!(kept(&store, &before) >= 7);
    check_sums(&store);
}

/// After so many seconds some are written, perhaps after the store was opened again.
type Step = (u64, BTreeSet<u8>, bool);

fn step() -> impl Strategy<Value = Step> {
    let some = proptest::collection::btree_set(0..60_u8, 0..12);
    (0..NEWCOMER_SECS / 2, some, any::<bool>())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 16, ..ProptestConfig::default() })]

    #[test]
    fn who_is_no_newcomer_leaves_only_while_newcomers_have_their_part_at_most(
        places in 4..30_u64,
        steps in proptest::collection::vec(step(), 1..20),
    ) {
        let folder = tempfile::tempdir().expect("a folder");
        let records: Records = (0..60).map(|seed| record(seed, 1, LIVES)).collect();
        let most = places * cost(&records[0]);
        let mut store = open(&folder, most);
        let mut since: BTreeMap<u8, u64> = BTreeMap::new();
        let mut secs = 10;
        for (passes, some, reopens) in steps {
            secs += passes;
            if reopens {
                drop(store);
                store = open(&folder, most);
            }
            let batch: Records = some.iter().map(|seed| records[usize::from(*seed)].clone()).collect();
            let written = write_at(&store, &batch, secs);
            let is_new = |came: u64| came + NEWCOMER_SECS > secs;
            let settled: BTreeSet<u8> = since.iter().filter(|(_, came)| !is_new(**came)).map(|(seed, _)| *seed).collect();
            // Who is news was not there, or had left for another of the batch.
            for (seed, written) in some.iter().zip(written) {
                if written == Written::New {
                    since.insert(*seed, secs);
                }
            }
            since.retain(|seed, _| bytes_at(&store, &records[usize::from(*seed)]).is_some());
            let newcomers = since.iter().filter(|(_, came)| is_new(**came));
            let newcomers: u64 = newcomers.map(|(seed, _)| cost(&records[usize::from(*seed)])).sum();
            let left = |seed: &&u8| since.get(*seed).is_none_or(|came| is_new(*came));
            let settled_left = settled.iter().filter(left).count();
            prop_assert!(settled_left == 0 || newcomers <= most / NEWCOMERS_PART);
            prop_assert!(store.status().bytes <= most);
        }
        check_sums(&store);
    }
}
