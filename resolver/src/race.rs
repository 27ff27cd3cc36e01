//! Asking all sources at once: the first answer that passes its checks sets how long the others are waited for, and the best wins.

use core::future::Future;
use core::time::Duration;

use futures_util::stream::{FuturesUnordered, StreamExt};
use tokio::time::{Instant, timeout_at};

use crate::error::{Failure, Why};
use crate::source::Origin;

/// After the first valid answer the others get as long again as that one took, at most this: a node that is fast and behind must
/// not hide what the others have, and one that is dead must not cost more.
pub(crate) const GRACE_MAX: Duration = Duration::from_millis(100);

/// A checked answer, and who gave it.
#[derive(Clone, Debug)]
pub(crate) struct Won<T> {
    pub(crate) value: T,
    pub(crate) origin: Origin,
}

/// Runs what was asked of each source. `better` says whether its first argument is to be preferred to its second.
pub(crate) async fn race<T, F>(
    asked: impl IntoIterator<Item = (Origin, F)>,
    better: impl Fn(&T, &T) -> bool,
) -> Result<Won<T>, Vec<Failure>>
where
    F: Future<Output = Result<T, Why>>,
{
    let begun = Instant::now();
    let mut running: FuturesUnordered<_> = asked
        .into_iter()
        .map(|(origin, answer)| async move { (origin, answer.await) })
        .collect();
    let mut best: Option<Won<T>> = None;
    let mut failures = Vec::new();
    let mut until: Option<Instant> = None;
    loop {
        let next = match until {
            None => running.next().await,
            Some(until) => timeout_at(until, running.next()).await.unwrap_or_default(),
        };
        let Some((origin, answer)) = next else {
            return best.ok_or(failures);
        };
        match answer {
            Err(why) => failures.push(Failure { origin, why }),
            Ok(value) => {
                let now = Instant::now();
                until.get_or_insert_with(|| now + (now - begun).min(GRACE_MAX));
                if best.as_ref().is_none_or(|one| better(&value, &one.value)) {
                    best = Some(Won { value, origin });
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::future::BoxFuture;

    #[derive(Clone, Copy)]
    enum Does {
        Gives(u32),
        Fails,
        StaysSilent,
    }

    async fn check(sources: &[Does], expected: Option<u32>, failed: usize) {
        let asked = sources.iter().enumerate().map(|(at, does)| {
            let does = *does;
            let future: BoxFuture<'static, Result<u32, Why>> = Box::pin(async move {
                match does {
                    Does::Gives(value) => Ok(value),
                    Does::Fails => Err(Why::None),
                    Does::StaysSilent => core::future::pending().await,
                }
            });
            (Origin::Other(at.to_string().into()), future)
        });
        match race(asked, |one, other| one > other).await {
            Ok(won) => assert_eq!(Some(won.value), expected),
            Err(failures) => assert_eq!((None, failures.len()), (expected, failed)),
        }
    }

    #[tokio::test]
    async fn the_best_of_those_in_time_wins() {
        use Does::{Fails, Gives, StaysSilent};
        check(&[], None, 0).await;
        check(&[Fails, Fails], None, 2).await;
        check(&[Gives(1), Gives(3), Gives(2)], Some(3), 0).await;
        check(&[Fails, Gives(1)], Some(1), 0).await;
        // Whoever never answers costs the grace and no more.
        check(&[StaysSilent, Gives(1), Fails], Some(1), 0).await;
    }
}
