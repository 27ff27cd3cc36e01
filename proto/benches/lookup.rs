//! Lookup in a full zone, and what it costs beside a hash map of the same keys.

mod support;

use std::collections::HashMap;
use std::hint::black_box;

use criterion::{Criterion, criterion_group};
use dotkey_proto::dns::{Owner, RecordType};
use dotkey_proto::zone::{Outcome, Zone, ZoneBuilder};

const RRSETS: u32 = 4096;

/// The keys of the zone, shuffled, as both sides take them.
type Keys = Vec<(Vec<u8>, u16)>;

/// Short names and data: 4096 rrsets fit 64 KiB only so.
fn full_zone() -> (Zone, Keys) {
    let mut builder = ZoneBuilder::new();
    let mut keys = Keys::new();
    for number in 0..RRSETS / 2 {
        let owner: Owner = format!("{number:x}").parse().expect("valid");
        for (rtype, len) in [(RecordType::A, 4), (RecordType(65280), 0)] {
            builder.rrset(owner.clone(), rtype, 60, [vec![0; len]]);
            keys.push((owner.as_wire().to_vec(), rtype.0));
        }
    }
    // A fixed shuffle: neighbours in the zone are not asked for one after the other.
    keys.sort_by_key(|(owner, rtype)| {
        let bytes = owner
            .iter()
            .chain(rtype.to_be_bytes().iter())
            .copied()
            .collect::<Vec<_>>();
        bytes.iter().fold(0_u32, |sum, byte| {
            sum.wrapping_mul(0x0100_0193) ^ u32::from(*byte)
        })
    });
    (builder.build(None).expect("valid"), keys)
}

fn lookup(criterion: &mut Criterion) {
    let (zone, keys) = full_zone();
    let body = zone.encode();
    let mut group = criterion.benchmark_group("zone");
    group.bench_function("lookup hit", |bencher| {
        let mut turn = keys.iter().cycle();
        bencher.iter(|| {
            let (owner, rtype) = turn.next().expect("it cycles");
            matches!(
                zone.lookup(owner, RecordType(*rtype)),
                Outcome::Answer { .. }
            )
        });
    });
    group.bench_function("lookup miss", |bencher| {
        bencher.iter(|| zone.lookup(black_box(b"\x03www\x07nothing"), RecordType::A));
    });
    group.bench_function("decode 4096 rrsets", |bencher| {
        bencher.iter(|| Zone::decode(black_box(&body), None).map(|zone| zone.rrsets().len()));
    });
    group.finish();
}

criterion_group!(benches, lookup);

fn main() {
    benches();
    let (zone, keys) = full_zone();
    let map: HashMap<(Vec<u8>, u16), u32> = keys.iter().cloned().zip(0..).collect();
    let (mut zone_turn, mut map_turn) = (keys.iter().cycle(), keys.iter().cycle());
    support::ratio(
        "zone lookup / HashMap get",
        2.0,
        || {
            let (owner, rtype) = zone_turn.next().expect("it cycles");
            match zone.lookup(owner, RecordType(*rtype)) {
                Outcome::Answer { rrset, .. } => rrset.ttl,
                _ => 0,
            }
        },
        || map.get(map_turn.next().expect("it cycles")).copied(),
    );
}
