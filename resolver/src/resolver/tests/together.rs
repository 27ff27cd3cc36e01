//! A proof and a record in one answer: one question where all is well, and believed in nothing all the same.

use core::sync::atomic::AtomicU64;

use dotkey_proto::ledger::{Bundle, Genesis};
use dotkey_proto::record::SignedRecord;
use proptest::prelude::*;

use super::claims::{bytes, vector_time, vectors};
use super::*;
use crate::tests::secret;

/// Of the vectors, who holds `mysite`; its pin refuses sequences below 5.
const HOLDER: u8 = 1;

/// The vector with a name.
fn vector(name: &str) -> serde_json::Value {
    let found = vectors().into_iter().find(|vector| vector["name"] == name);
    found.unwrap_or_else(|| panic!("no vector {name}"))
}

/// The proof that `mysite` is held, with a record or without one.
pub(super) fn held_with(record: Option<Vec<u8>>) -> Vec<u8> {
    let bundle = Bundle::decode(&bytes(&vector("held")["input"]["hex"])).expect("sound");
    Bundle { record, ..bundle }.encode()
}

/// A record that holds at the vectors' time, and for a minute after.
pub(super) fn signed(seed: u8, sequence: u64) -> Vec<u8> {
    signed_until(seed, sequence, 60)
}

fn signed_until(seed: u8, sequence: u64, secs: u64) -> Vec<u8> {
    let begin = vector_time().saturating_sub(600);
    let window = begin..begin.saturating_add(600 + secs);
    let body = zone(SITE).encode();
    let record = SignedRecord::of_bare_key(&secret(seed), sequence, window, body);
    record.expect("a record").as_bytes().to_vec()
}

/// A light client of the vectors' network.
pub(super) fn builder() -> Builder {
    let genesis = bytes(&vector("held")["input"]["genesis"]);
    let genesis = Genesis::decode(&genesis).expect("sound");
    let builder = Resolver::builder().genesis(genesis);
    builder.clock(vector_time).age_secs_max(600)
}

fn light(sources: &[&Memory]) -> Resolver {
    let builder = sources.iter().fold(builder(), |builder, source| {
        builder.source((*source).clone())
    });
    builder.build().expect("it is sound")
}

#[tokio::test]
async fn a_miss_is_one_question_where_the_source_gives_both() {
    let source = Memory::default();
    source.prove_together("mysite", held_with(Some(signed(HOLDER, 7))));
    let resolver = light(&[&source]);
    let found = resolver.resolve("www.mysite.key").await.expect("resolved");
    assert_eq!((found.record().sequence(), source.asked()), (7, 1));
    assert_eq!((found.trace().len(), found.source()), (2, &source.origin()));
    assert!(found.proof().is_some() && !found.is_stale());
    // What came together is kept as what came one by one.
    resolver.resolve("mail.mysite.key").await.expect("resolved");
    assert_eq!(source.asked(), 1);
    resolver.forget(&key_id(HOLDER));
    source.tell(HOLDER, None, signed(HOLDER, 8));
    let found = resolver.resolve("mysite.key").await.expect("resolved");
    assert_eq!((found.record().sequence(), source.asked()), (8, 2));

    let source = Memory::default();
    source.prove("mysite", held_with(None));
    source.tell(HOLDER, None, signed(HOLDER, 7));
    light(&[&source])
        .resolve("mysite.key")
        .await
        .expect("resolved");
    assert_eq!(source.asked(), 2);
}

#[tokio::test]
async fn a_record_that_is_refused_leaves_the_proof_as_it_is() {
    // What the source has besides is sequence 7.
    let check = async |record: Option<Vec<u8>>, expected: u64, asked: usize| {
        let source = Memory::default();
        source.prove_together("mysite", held_with(record));
        source.tell(HOLDER, None, signed(HOLDER, 7));
        let found = light(&[&source]).resolve("mysite.key").await;
        let found = found.expect("resolved");
        assert_eq!(
            (found.record().sequence(), source.asked()),
            (expected, asked)
        );
    };
    check(Some(signed(HOLDER, 8)), 8, 1).await;
    check(None, 7, 2).await;
    check(Some(signed(HOLDER + 1, 9)), 7, 2).await;
    let mut forged = signed(HOLDER, 9);
    *forged.last_mut().expect("it has bytes") ^= 1;
    check(Some(forged), 7, 2).await;
    check(Some(signed(HOLDER, 4)), 7, 2).await;
    check(Some(signed_until(HOLDER, 9, 0)), 7, 2).await;
    check(Some(vec![0xff; 100]), 7, 2).await;
}

#[tokio::test]
async fn a_record_helps_no_proof() {
    let check = async |name: &str, says: &str| {
        let (source, vector) = (Memory::default(), vector(name));
        let bundle = Bundle::decode(&bytes(&vector["input"]["hex"])).expect("a bundle");
        let record = Some(signed(HOLDER, 7));
        let label = vector["input"]["subject"].as_str().expect("text");
        source.prove_together(label, Bundle { record, ..bundle }.encode());
        source.tell(HOLDER, None, signed(HOLDER, 7));
        let error = light(&[&source]).resolve(&format!("{label}.key")).await;
        let error = error.expect_err(name).to_string();
        assert!(error.contains(says), "{name}: {error}");
        assert_eq!(source.asked(), 1, "{name}");
    };
    check("another-name", "other-subject").await;
    check("said-to-be-free", "path").await;
    check("signature-changed", "certificate").await;
    check("record-of-nobody", "nobody holds `nobody.key`").await;
}

#[tokio::test]
async fn the_newest_of_all_that_came_is_the_answer() {
    let (behind, ahead, without) = (Memory::default(), Memory::default(), Memory::default());
    behind.prove_together("mysite", held_with(Some(signed(HOLDER, 7))));
    ahead.prove_together("mysite", held_with(Some(signed(HOLDER, 8))));
    without.prove_together("mysite", held_with(None));
    let resolver = light(&[&without, &behind, &ahead]);
    let found = resolver.resolve("mysite.key").await.expect("resolved");
    assert_eq!(found.record().sequence(), 8);
    let asked = [&without, &behind, &ahead].map(Memory::asked);
    assert_eq!(asked, [1, 1, 1]);
}

#[tokio::test]
async fn who_lags_in_the_ledger_hides_no_newer_record() {
    let (ahead, behind) = (Memory::default(), Memory::default());
    let later = Bundle::decode(&bytes(&vector("later-epoch")["input"]["hex"])).expect("sound");
    let height = later.proof.header.height;
    let record = Some(signed(HOLDER, 7));
    ahead.prove_together("mysite", Bundle { record, ..later }.encode());
    behind.prove_together("mysite", held_with(Some(signed(HOLDER, 8))));
    // Who knows the later epoch takes no proof of an earlier one.
    let first = light(&[&ahead]);
    first.resolve("mysite.key").await.expect("resolved");
    let trusted = first.light().expect("it follows one").trusted().clone();
    let known = || builder().trusted(trusted.clone());
    let alone = known().source(behind.clone()).build().expect("sound");
    let error = alone.resolve("mysite.key").await.expect_err("it is old");
    assert_eq!(error.refusal().expect("a check failed").0, "epoch-passed");
    let both = known().source(ahead.clone()).source(behind.clone());
    let found = both.build().expect("sound").resolve("mysite.key").await;
    let found = found.expect("resolved");
    let proof = found.proof().expect("it is claimed");
    assert_eq!(
        (found.record().sequence(), proof.header().height),
        (8, height)
    );
}

/// Seconds that went by in the test below, since the time of the vectors.
static WENT_BY: AtomicU64 = AtomicU64::new(0);

fn later() -> Timestamp {
    vector_time().saturating_add(WENT_BY.load(Ordering::Relaxed))
}

#[tokio::test]
async fn what_comes_again_does_not_lead_back() {
    let source = Memory::default();
    source.prove("mysite", held_with(None));
    source.prove_together("mysite", held_with(Some(signed(HOLDER, 8))));
    let resolver = builder().clock(later).source(source.clone()).build();
    let resolver = resolver.expect("it is sound");
    let check = async |secs: u64, expected: u64, asked: usize| {
        WENT_BY.store(secs, Ordering::Relaxed);
        let found = resolver.resolve("mysite.key").await.expect("resolved");
        let found = (found.record().sequence(), source.asked());
        assert_eq!(found, (expected, asked), "after {secs} s");
    };
    check(0, 8, 1).await;
    // The proof is due and the record is not: it is not asked for.
    source.prove_together("mysite", held_with(Some(signed(HOLDER, 9))));
    check(11, 8, 2).await;
    // Both are, and the source shows an older one than it did.
    source.prove_together("mysite", held_with(Some(signed(HOLDER, 6))));
    check(31, 8, 3).await;
}

proptest! {
    /// Whatever a source makes of a good answer, what comes out is the holder's record or nothing.
    #[test]
    fn no_answer_is_believed(
        at in any::<prop::sample::Index>(), changed in any::<u8>(), cut in any::<bool>(),
    ) {
        let record = signed(HOLDER, 7);
        let mut answer = held_with(Some(record.clone()));
        let at = at.index(answer.len());
        answer[at] = changed;
        if cut {
            answer.truncate(at);
        }
        let source = Memory::default();
        source.prove_together("mysite", answer);
        let resolver = light(&[&source]);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
        let found = runtime.expect("a runtime").block_on(resolver.resolve("mysite.key"));
        if let Ok(found) = found {
            prop_assert_eq!(found.record().as_bytes(), &record[..]);
        }
    }
}
