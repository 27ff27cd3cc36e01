//! Leaves: made once, for names that resolve, within bounds, and anew before they end.

use core::sync::atomic::{AtomicUsize, Ordering};
use core::time::Duration;

use proptest::prelude::*;
use rustls::sign::CertifiedKey;
use tokio::task::unconstrained;

use super::*;
use crate::authority::leaves::{ASKED_MAX, KEPT_MAX, Moment, RENEWED_BEFORE_SECS};

/// Answers the same to everyone, and counts.
struct Says(Answer, AtomicUsize);

impl Says {
    fn new(answer: Answer) -> Self {
        Self(answer, AtomicUsize::new(0))
    }

    fn asked(&self) -> usize {
        self.1.load(Ordering::Relaxed)
    }
}

impl Ask for Says {
    async fn ask(&self, _name: &Name) -> Answer {
        self.1.fetch_add(1, Ordering::Relaxed);
        tokio::task::yield_now().await;
        self.0.clone()
    }
}

const DAY_SECS: u64 = 86_400;

fn at(secs: u64) -> Moment {
    Moment {
        date: now().saturating_add(secs),
        since_start: Duration::from_secs(secs),
    }
}

fn is_same(one: &Arc<CertifiedKey>, other: &Arc<CertifiedKey>) -> bool {
    one.cert[0] == other.cert[0]
}

#[tokio::test]
async fn all_who_ask_for_a_name_at_once_get_one_leaf() {
    let (world, resolves) = (World::new(), Says::new(Answer::Resolves));
    let leaves = world.leaves();
    let mysite = name("mysite.key");
    let get = || leaves.of_at(&mysite, &resolves, at(0));
    let (a, b, c) = tokio::join!(get(), get(), get());
    let a = a.expect("a leaf");
    assert!(is_same(&a, &b.expect("a leaf")) && is_same(&a, &c.expect("a leaf")));
    assert!(is_same(&a, &get().await.expect("kept")));
    assert_eq!((resolves.asked(), leaves.counts()), (1, (1, 1)));
}

#[tokio::test]
async fn a_name_that_does_not_resolve_gets_none() {
    let world = World::new();
    let leaves = world.leaves();
    for (answer, expected) in [
        (Answer::Nothing, "unresolved"),
        (Answer::Unknown("no node answers".to_owned()), "unknown"),
    ] {
        let refused = leaves
            .of_at(&name("a.key"), &Says::new(answer), at(0))
            .await;
        assert_eq!(refused.expect_err(expected).reason(), expected);
    }
    assert_eq!(leaves.counts(), (0, 0));
    // What was refused is asked anew, and not held against the name.
    let resolves = Says::new(Answer::Resolves);
    assert!(leaves.of_at(&name("a.key"), &resolves, at(0)).await.is_ok());
}

#[tokio::test]
async fn one_is_made_anew_before_it_ends_and_shown_until_then() {
    let (world, resolves) = (World::new(), Says::new(Answer::Resolves));
    let leaves = world.leaves();
    let mysite = name("mysite.key");
    let first = leaves
        .of_at(&mysite, &resolves, at(0))
        .await
        .expect("a leaf");
    let renewed_at = 7 * DAY_SECS - RENEWED_BEFORE_SECS + 60;
    let early = leaves.of_at(&mysite, &resolves, at(renewed_at - 120)).await;
    assert!(is_same(&first, &early.expect("kept")));
    // The name is gone, for now: the leaf holds still.
    let nothing = Says::new(Answer::Nothing);
    let still = leaves.of_at(&mysite, &nothing, at(renewed_at)).await;
    assert!(is_same(&first, &still.expect("kept")));
    assert_eq!(nothing.asked(), 1);
    let second = leaves
        .of_at(&mysite, &resolves, at(renewed_at))
        .await
        .expect("a leaf");
    assert!(!is_same(&first, &second));
    // Past its end it is shown to nobody.
    let gone = leaves
        .of_at(&mysite, &nothing, at(renewed_at + 8 * DAY_SECS))
        .await;
    assert_eq!(gone.expect_err("ended").reason(), "unresolved");
    // Neither is one of a day that the clock, set right, has not reached.
    let back = Moment {
        date: now().saturating_sub(DAY_SECS / 2),
        ..at(0)
    };
    let other = leaves
        .of_at(&mysite, &resolves, at(0))
        .await
        .expect("a leaf");
    let before = leaves
        .of_at(&mysite, &resolves, back)
        .await
        .expect("a leaf");
    assert!(!is_same(&other, &before));
}

#[tokio::test]
async fn one_apex_has_a_share_and_no_more() {
    let (world, resolves) = (World::new(), Says::new(Answer::Resolves));
    let leaves = world.leaves();
    let mut refused = Vec::new();
    for number in 0..64 {
        let below = name(&format!("host{number}.flood.key"));
        refused.extend(leaves.of_at(&below, &resolves, at(0)).await.err());
    }
    assert_eq!(refused.len(), 32);
    assert!(
        refused.iter().all(|it| it.reason() == "apex-too-fast"),
        "{refused:?}"
    );
    assert!(
        leaves
            .of_at(&name("mysite.key"), &resolves, at(0))
            .await
            .is_ok()
    );
    assert!(
        leaves
            .of_at(&name("host0.flood.key"), &resolves, at(0))
            .await
            .is_ok(),
        "it is kept"
    );
}

#[tokio::test]
async fn a_flood_of_names_waits_outside() {
    let world = World::new();
    let leaves = world.leaves();
    let never = |_| std::future::pending::<Answer>();
    let names: Vec<Name> = (0..ASKED_MAX)
        .map(|number| name(&format!("slow{number}.key")))
        .collect();
    // One task polls them all here, which tokio would make pause.
    let mut waiting: Vec<_> = names
        .iter()
        .map(|name| Box::pin(unconstrained(leaves.of_at(name, &never, at(0)))))
        .collect();
    for one in &mut waiting {
        let polled =
            std::future::poll_fn(|context| std::task::Poll::Ready(one.as_mut().poll(context)));
        assert!(polled.await.is_pending());
    }
    let resolves = Says::new(Answer::Resolves);
    let refused = leaves.of_at(&name("mysite.key"), &resolves, at(0)).await;
    assert_eq!(refused.expect_err("no place").reason(), "busy");
    // Who waits for a name that is being looked up takes no place of its own.
    let mut one_more = Box::pin(unconstrained(leaves.of_at(&names[0], &never, at(0))));
    let polled =
        std::future::poll_fn(|context| std::task::Poll::Ready(one_more.as_mut().poll(context)));
    assert!(polled.await.is_pending());
    waiting.truncate(1);
    assert!(
        leaves
            .of_at(&name("mysite.key"), &resolves, at(0))
            .await
            .is_ok()
    );
}

#[tokio::test]
async fn those_that_are_used_are_kept() {
    let (world, resolves) = (World::new(), Says::new(Answer::Resolves));
    let leaves = world.leaves();
    let used = name("used.key");
    let first = leaves.of_at(&used, &resolves, at(0)).await.expect("a leaf");
    for number in 0..KEPT_MAX as u64 {
        // Within what may be made in a second.
        let moment = Moment {
            since_start: Duration::from_secs(number / 50),
            ..at(0)
        };
        let other = name(&format!("other{number}.key"));
        leaves
            .of_at(&other, &resolves, moment)
            .await
            .expect("a leaf");
        if number % 1_000 == 0 {
            leaves.of_at(&used, &resolves, moment).await.expect("kept");
        }
    }
    assert_eq!(leaves.counts(), (KEPT_MAX, KEPT_MAX as u64 + 1));
    let still = leaves.of_at(&used, &resolves, at(0)).await.expect("kept");
    assert!(is_same(&first, &still));
}

#[tokio::test]
async fn an_authority_that_has_ended_signs_nothing() {
    let (world, resolves) = (World::new(), Says::new(Answer::Resolves));
    let leaves = world.leaves();
    let years = 3_653 * DAY_SECS;
    let last = leaves
        .of_at(&name("mysite.key"), &resolves, at(years - 60))
        .await
        .expect("a leaf");
    // It ends with the authority, and is not made anew for that at each visit.
    let again = leaves
        .of_at(&name("mysite.key"), &resolves, at(years - 50))
        .await
        .expect("a leaf");
    assert!(is_same(&last, &again));
    let refused = leaves
        .of_at(&name("mysite.key"), &resolves, at(years + 60))
        .await;
    assert_eq!(refused.expect_err("ended").reason(), "authority-over");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    /// Whatever the name, its leaf is for it and for nothing else, and what trusts the authority takes it.
    #[test]
    fn a_leaf_holds_for_its_name(below in "([a-z0-9]{1,63}\\.){0,3}", label in "[a-z0-9]{1,48}") {
        let text = format!("{below}{label}.key");
        if let Ok(name) = Name::parse(&text, &Suffix::KEY) {
            let world = World::new();
            let leaf = world.authority.leaf(&name, now()).expect("signed");
            let (end, between) = leaf.certified.cert.split_first().expect("a chain");
            prop_assert_eq!(describe::dns_names(end), vec![text]);
            let server = ServerName::try_from(name.as_ascii()).expect("a host");
            let verified = world.verifier().verify_server_cert(end, between, &server, &[], UnixTime::now());
            prop_assert!(verified.is_ok(), "{:?}", verified);
        }
    }
}
