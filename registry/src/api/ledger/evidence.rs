//! `GET /v1/evidence`: the votes of validators that signed two things, as this node's engine saw them. They speak for themselves: whoever
//! knows the validators of the epoch checks them alone.

use axum::extract::State;
use axum::http::{HeaderValue, Uri, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use super::{SharedState, ask};
use crate::api::problem::Problem;
use crate::api::request::{JSON, Parameters};
use crate::consensus::Evidence;
use crate::hex::hex;

/// Proofs in one answer: two votes are a few hundred bytes.
const PAGE_MAX: usize = 64;

/// A validator that this node's engine saw sign two things.
#[derive(Serialize)]
pub(super) struct Accused {
    validator: String,
    epoch: u64,
    view: u64,
    votes: String,
}

impl Accused {
    pub(super) fn of(evidence: &Evidence) -> Self {
        Self {
            validator: hex(&evidence.validator),
            epoch: evidence.epoch,
            view: evidence.view,
            votes: hex(&evidence.votes),
        }
    }
}

#[derive(Serialize)]
struct Page {
    evidence: Vec<Accused>,
    total: usize,
    /// Where the next page begins; absent on the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<usize>,
}

/// `GET /v1/evidence`.
pub(crate) async fn evidence(State(shared): SharedState, uri: Uri) -> Result<Response, Problem> {
    let from = Parameters::read(&uri, &["from"])?.from()?;
    let kept = ask(&shared, |ledger| Ok(ledger.evidence())).await?;
    let page = serde_json::to_vec(&page_of(&kept, from)).expect("strings and numbers are JSON");
    let kind = [
        (header::CONTENT_TYPE, HeaderValue::from_static(JSON)),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
    ];
    Ok((kind, page).into_response())
}

fn page_of(kept: &[Evidence], from: u64) -> Page {
    let total = kept.len();
    let from = usize::try_from(from).map_or(total, |from| from.min(total));
    let to = total.min(from + PAGE_MAX);
    Page {
        evidence: kept[from..to].iter().map(Accused::of).collect(),
        total,
        next: (to < total).then_some(to),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_follow_each_other_and_have_everything_once() {
        let one = |view| Evidence {
            validator: [7; 32],
            epoch: 0,
            view,
            votes: vec![1, 2].into(),
        };
        for count in [0, 1, PAGE_MAX, PAGE_MAX + 1, 3 * PAGE_MAX - 1] {
            let kept: Vec<_> = (0..count as u64).map(one).collect();
            let (mut seen, mut from) = (Vec::new(), Some(0));
            while let Some(at) = from {
                let page = page_of(&kept, at as u64);
                assert!(page.evidence.len() <= PAGE_MAX);
                assert_eq!(page.total, count);
                seen.extend(page.evidence.iter().map(|one| one.view));
                from = page.next;
            }
            assert_eq!(seen, (0..count as u64).collect::<Vec<_>>());
        }
        let beyond = page_of(&[one(1)], u64::MAX);
        assert!(beyond.evidence.is_empty() && beyond.next.is_none());
    }
}
