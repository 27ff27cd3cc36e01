//! Asking all sources at once: the first answer that passes its checks sets how long the others are waited for, and of those that came
//! in time the best wins.

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
    let answers = gather(asked, |_| true).await?.into_iter();
    let best = answers.reduce(|best, one| match better(&one.value, &best.value) {
        true => one,
        false => best,
    });
    Ok(best.expect("there is an answer or there are failures"))
}

/// What the sources gave in time and passed its checks, in the order in which it came: one answer at least. One that is not
/// `whole` leaves the others all of the grace, so that who withholds a part does not decide by being fast.
pub(crate) async fn gather<T, F>(
    asked: impl IntoIterator<Item = (Origin, F)>,
    whole: impl Fn(&T) -> bool,
) -> Result<Vec<Won<T>>, Vec<Failure>>
where
    F: Future<Output = Result<T, Why>>,
{
    let begun = Instant::now();
    let mut running: FuturesUnordered<_> = asked
        .into_iter()
        .map(|(origin, answer)| async move { (origin, answer.await) })
        .collect();
    let mut answers: Vec<Won<T>> = Vec::new();
    let mut failures = Vec::new();
    let mut until: Option<Instant> = None;
    loop {
        let next = match until {
            None => running.next().await,
            Some(until) => timeout_at(until, running.next()).await.unwrap_or_default(),
        };
        match next {
            None if answers.is_empty() => return Err(failures),
            None => return Ok(answers),
            Some((origin, Err(why))) => failures.push(Failure { origin, why }),
            Some((origin, Ok(value))) => {
                let now = Instant::now();
                let grace = match whole(&value) {
                    true => (now - begun).min(GRACE_MAX),
                    false => GRACE_MAX,
                };
                let ends = now + grace;
                until = Some(until.map_or(ends, |until| until.min(ends)));
                answers.push(Won { value, origin });
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
    async fn who_withholds_a_part_does_not_decide_by_being_fast() {
        let asked = [(0, None), (20, Some(7))].map(|(delay_ms, value)| {
            let answer = async move {
                tokio::time::sleep(Duration::from_millis(delay_ms)).await;
                Ok(value)
            };
            (Origin::Other(delay_ms.to_string().into()), answer)
        });
        let answers = gather(asked, Option::is_some).await.expect("two answers");
        let values: Vec<Option<u32>> = answers.iter().map(|one| one.value).collect();
        assert_eq!(values, [None, Some(7)]);
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
