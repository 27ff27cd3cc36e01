//! A lookup that hits allocates nothing: it is on the path of every query.

#![expect(
    unsafe_code,
    reason = "an allocator that counts can only be written with it"
)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use dotkey_proto::dns::{Owner, RecordType};
use dotkey_proto::identity::KeyId;
use dotkey_proto::zone::{Delegation, Outcome, ZoneBuilder};

struct Counting;

thread_local! {
    /// By thread, so that the test runner's own threads do not count.
    static ALLOCATIONS: Cell<usize> = const { Cell::new(0) };
}

// SAFETY: every call is passed to the system's allocator as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.with(|count| count.set(count.get() + 1));
        // SAFETY: the caller keeps the contract of `alloc`, which is the same.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the pointer came from `alloc` above, hence from the system's allocator.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn owner(text: &str) -> Owner {
    text.parse().expect(text)
}

#[test]
fn no_outcome_allocates() {
    let mut builder = ZoneBuilder::new();
    builder.rrset(owner("www"), RecordType::A, 60, [vec![192, 0, 2, 1]]);
    builder.rrset(owner("*.w"), RecordType::A, 60, [vec![192, 0, 2, 1]]);
    builder.rrset(
        owner("alias"),
        RecordType::CNAME,
        60,
        [b"\x03www\x01@\x00".to_vec()],
    );
    builder.rrset(
        owner("moved"),
        RecordType::DNAME,
        60,
        [b"\x03new\x01@\x00".to_vec()],
    );
    builder.rrset(
        owner("cut"),
        RecordType::NS,
        60,
        [b"\x02ns\x01@\x00".to_vec()],
    );
    builder.delegation(Delegation::to_identity(
        owner("blog"),
        KeyId::from_bytes([7; 32]),
    ));
    let zone = builder.build(None).expect("valid");
    let asked = [
        "www", "x.w", "alias", "a.moved", "ns.cut", "a.b.blog", "nothing", "@",
    ];
    let asked = asked.map(owner);
    let before = ALLOCATIONS.with(Cell::get);
    let mut answers = 0;
    for owner in &asked {
        let found = zone.lookup(owner.as_wire(), RecordType::A);
        answers += usize::from(matches!(found, Outcome::Answer { .. }));
    }
    let direct = zone.resolve(asked[0].as_wire(), RecordType::A);
    let after = ALLOCATIONS.with(Cell::get);
    assert_eq!(after - before, 0);
    assert_eq!((answers, direct.steps.len()), (2, 0));
}
