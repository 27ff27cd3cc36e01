//! A second provider while the first has not answered: the sooner good answer counts.

use core::pin::pin;
use std::sync::Arc;
use std::time::Instant;

use dotkey_proto::zone::Provider;
use futures_util::future::{Either, select};
use tokio::time::{sleep, timeout};

use super::attempt::{Attempt, Tried, is_done};
use super::body::Outgoing;
use super::request::Given;
use super::served::{Asked, CameTo, Served, Spent, Try};
use crate::choose::{Choice, Failure, Wish};

/// A provider that has not answered after so many times the hedge's delay counts as one that failed: the budget of retries pays too.
const LOOKS_FAILED: u32 = 4;

/// Asks the provider of an attempt. That is made before there is anything to wait for: a request that is dropped before it began has
/// an end as well.
pub(super) async fn one(
    attempt: Attempt<'_>,
    given: &Given,
    body: Outgoing,
    hedge: bool,
    spent: &mut Spent,
) -> Tried {
    let (report, tried) = asked(attempt, given, body, hedge).await;
    spent.tries.push(report);
    tried
}

async fn asked(
    mut attempt: Attempt<'_>,
    given: &Given,
    body: Outgoing,
    hedge: bool,
) -> (Try, Tried) {
    let tried = attempt.ask(given, body).await;
    let came_to = match &tried {
        Ok(answer) => CameTo::Status(answer.status()),
        Err(failed) => CameTo::Nothing(failed.failure, failed.why.as_str().into()),
    };
    let report = Try {
        provider: attempt.choice.provider.clone(),
        took: attempt.took(),
        came_to,
        hedge,
    };
    (report, tried)
}

/// Asks one provider, and when it is slow a second one beside it; when that fails, yet another. What comes back is the good one, if any
/// is.
pub(super) async fn two(
    served: &Served,
    choice: Choice,
    given: &Given,
    wish: Wish<'_>,
    tried: &mut Asked,
    spent: &mut Spent,
) -> Tried {
    let first = Attempt::new(served, choice, given, false);
    let Some(after) = served.hedge_after() else {
        return one(first, given, Outgoing::Empty, false, spent).await;
    };
    let mut start = |failed: bool| {
        let choice = served.second(wish, tried, failed)?;
        tried.push(choice.member);
        let asked_of = choice.provider.clone();
        let second = Attempt::new(served, choice, given, true);
        let asked = Box::pin(asked(second, given, Outgoing::Empty, true));
        Some((asked, asked_of, Instant::now()))
    };
    let mut first = pin!(asked(first, given, Outgoing::Empty, false));
    let (mut second, mut looks) = (None, 0);
    loop {
        let Some((beside, asked_of, since)) = &mut second else {
            if let Either::Left(((report, last), _)) =
                select(first.as_mut(), pin!(sleep(after))).await
            {
                spent.tries.push(report);
                return last;
            }
            looks += 1;
            // Until the next look the budget may have grown; and who is silent for so long has as good as failed.
            second = start(looks >= LOOKS_FAILED);
            continue;
        };
        let either = select(first.as_mut(), beside);
        let Ok(either) = timeout(after * LOOKS_FAILED, either).await else {
            // The second is silent too. Its answer may still come, but a third one's is likelier.
            if let Some(third) = start(true) {
                spent.tries.push(given_up(asked_of, *since));
                second = Some(third);
            }
            continue;
        };
        let ((report, last), is_first) = match either {
            Either::Left((last, _)) => (last, true),
            Either::Right((last, _)) => (last, false),
        };
        spent.tries.push(report);
        if last.as_ref().is_ok_and(is_done) {
            return last;
        }
        if is_first {
            let Some((beside, ..)) = second else {
                return last;
            };
            let (report, last) = beside.await;
            spent.tries.push(report);
            return last;
        }
        // The second failed while the first is slow: that is no reason to wait for it.
        second = start(true);
    }
}

fn given_up(provider: &Arc<Provider>, since: Instant) -> Try {
    let took = since.elapsed();
    let why = format!(
        "no answer within {} ms, when another was asked",
        took.as_millis()
    );
    Try {
        provider: provider.clone(),
        took,
        came_to: CameTo::Nothing(Failure::Silent, why.into()),
        hedge: true,
    }
}
