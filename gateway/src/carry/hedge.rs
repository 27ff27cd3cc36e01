//! A second provider while the first has not answered: the sooner good answer counts.

use core::pin::pin;

use futures_util::future::{Either, select};
use http::Response;
use tokio::time::sleep;

use super::attempt::{Attempt, Failed, is_worth_another};
use super::body::{Carried, Outgoing};
use super::request::Given;
use super::served::{Served, Try};
use crate::choose::{Choice, MemberId, Wish};

/// A provider that has not answered after so many times the hedge's delay counts as one that failed: the budget of retries pays too.
const LOOKS_FAILED: u32 = 4;

/// A try's end.
pub(super) struct Tried {
    pub(super) report: Try,
    pub(super) result: Result<Response<Carried>, Failed>,
}

impl Tried {
    pub(super) fn is_good(&self) -> bool {
        self.result
            .as_ref()
            .is_ok_and(|answer| !is_worth_another(answer.status()))
    }
}

/// Asks the provider of an attempt. That is made before there is anything to wait for: a request that is dropped before it began has
/// an end as well.
pub(super) async fn one(
    mut attempt: Attempt<'_>,
    given: &Given,
    body: Outgoing,
    hedge: bool,
) -> Tried {
    let result = attempt.ask(given, body).await;
    let came_to = match &result {
        Ok(answer) => format!("status {}", answer.status().as_u16()),
        Err(failed) => failed.why.clone(),
    };
    let report = Try {
        provider: attempt.choice.provider.id.clone(),
        took: attempt.took(),
        came_to,
        hedge,
    };
    Tried { report, result }
}

/// Asks one provider, and when it is slow a second one beside it; when that fails, yet another. The last of what comes back is what
/// counts; it is the good one, if any is.
pub(super) async fn two(
    served: &Served,
    choice: Choice,
    given: &Given,
    wish: Wish<'_>,
    tried: &mut Vec<MemberId>,
) -> Vec<Tried> {
    let first = Attempt::new(served, choice, given, false);
    let Some(after) = served.hedge_after() else {
        return vec![one(first, given, Outgoing::Empty, false).await];
    };
    let mut start = |failed: bool| {
        let choice = served.second(wish, tried, failed)?;
        tried.push(choice.member);
        let second = Attempt::new(served, choice, given, true);
        Some(Box::pin(one(second, given, Outgoing::Empty, true)))
    };
    let mut first = pin!(one(first, given, Outgoing::Empty, false));
    let (mut second, mut ended, mut looks) = (None, Vec::new(), 0);
    loop {
        let Some(beside) = &mut second else {
            if let Either::Left((last, _)) = select(first.as_mut(), pin!(sleep(after))).await {
                ended.push(last);
                return ended;
            }
            looks += 1;
            // Until the next look the budget may have grown; and who is silent for so long has as good as failed.
            second = start(looks >= LOOKS_FAILED);
            continue;
        };
        let (last, is_first) = match select(first.as_mut(), beside).await {
            Either::Left((last, _)) => (last, true),
            Either::Right((last, _)) => (last, false),
        };
        let good = last.is_good();
        ended.push(last);
        if good {
            return ended;
        }
        if is_first {
            if let Some(beside) = second {
                ended.push(beside.await);
            }
            return ended;
        }
        // The second failed while the first is slow: that is no reason to wait for it.
        second = start(true);
    }
}
