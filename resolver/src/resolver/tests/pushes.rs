//! A record that is fetched while a newer one is pushed.

use tokio::sync::oneshot;

use super::*;
use crate::source::{Fetch, Origin, Source};
use dotkey_proto::ledger::Subject;

/// A source whose first answer is on its way for as long as a test wants: it says what was true when it was asked.
struct Slow {
    source: Memory,
    first: Mutex<Option<oneshot::Receiver<()>>>,
}

impl Source for Slow {
    fn origin(&self) -> Origin {
        self.source.origin()
    }

    fn record<'a>(&'a self, wanted: &'a Wanted) -> Fetch<'a> {
        Box::pin(async move {
            let answer = self.source.record(wanted).await;
            let first = lock(&self.first).take();
            if let Some(first) = first {
                first.await.expect("the test lets it go on");
            }
            answer
        })
    }

    fn proof<'a>(&'a self, subject: &'a Subject, epoch: u64) -> Fetch<'a> {
        self.source.proof(subject, epoch)
    }
}

/// A question under way that will be answered with what was true before a push.
async fn pushed() -> (
    Memory,
    Resolver,
    oneshot::Sender<()>,
    impl Future<Output = u64>,
) {
    let source = Memory::default();
    source.tell(1, None, record(1, 7, &zone(SITE)));
    let (go_on, first) = oneshot::channel();
    let slow = Slow {
        source: source.clone(),
        first: Mutex::new(Some(first)),
    };
    let resolver = Resolver::builder().clock(now).source(slow).build();
    let resolver = resolver.expect("it is sound");
    let begun = {
        let resolver = resolver.clone();
        tokio::spawn(async move { sequence(&resolver).await })
    };
    while source.asked() == 0 {
        tokio::task::yield_now().await;
    }
    source.tell(1, None, record(1, 8, &zone(SITE)));
    resolver.forget(&key_id(1));
    let begun = async { begun.await.expect("it ends") };
    (source, resolver, go_on, begun)
}

async fn sequence(resolver: &Resolver) -> u64 {
    let found = resolver.resolve(&name_of(1)).await;
    found.expect("resolved").record().sequence()
}

#[tokio::test]
async fn what_was_asked_for_before_a_push_is_not_kept_after_it() {
    let (source, resolver, go_on, begun) = pushed().await;
    go_on.send(()).expect("it waits");
    assert_eq!(begun.await, 7);
    assert_eq!((sequence(&resolver).await, source.asked()), (8, 2));
    // What came after it is.
    assert_eq!((sequence(&resolver).await, source.asked()), (8, 2));
}

#[tokio::test]
async fn who_asks_after_a_push_does_not_wait_for_what_was_asked_before() {
    let (source, resolver, go_on, begun) = pushed().await;
    assert_eq!((sequence(&resolver).await, source.asked()), (8, 2));
    go_on.send(()).expect("it waits");
    // The newer one is known by then.
    assert_eq!(begun.await, 8);
    assert_eq!((sequence(&resolver).await, source.asked()), (8, 2));
}
