//! The way of one request, in order. Each step has a file of its own.

use std::sync::{Arc, PoisonError, RwLock};

use http::uri::PathAndQuery;
use http::{Request, Response, StatusCode};
use hyper::body::Incoming;

use super::arrival::Visitor;
use super::guard;
use super::links::Links;
use super::locate::Located;
use super::log::{AccessLog, Answered, Noted};
use super::metrics::Metrics;
use super::page::{Problem, Reader};
use super::scoped::Passage;
use super::stickiness::Client;
use crate::carry::{Arrived, CameTo, Carried, Given, Served, Spent, Undone, upgrade_wanted};
use crate::choose::{Failure, NoProvider, Wish};
use crate::request::Suffixes;
use crate::site::{Sites, Target};
use crate::traces::Traces;

/// What all requests share.
pub(super) struct Shared {
    pub(super) suffixes: Suffixes,
    pub(super) sites: Arc<Sites>,
    pub(super) links: Arc<dyn Links>,
    pub(super) metrics: Metrics,
    pub(super) log: RwLock<Option<Arc<AccessLog>>>,
    pub(super) traces: Arc<Traces>,
}

/// Answers a request.
pub(super) async fn handle(
    shared: Arc<Shared>,
    visitor: Arc<Visitor>,
    request: Request<Incoming>,
) -> Response<Carried> {
    let mut noted = Noted::new(visitor, &request, &shared.traces);
    let reader = Reader::of(&request);
    let mut failed = None;
    let mut answer = match shared.carry(request, &mut noted).await {
        Ok(answer) => answer,
        Err(mut problem) => {
            problem.tries = noted.spent.tries.clone();
            shared.metrics.problem(problem.code);
            noted.problem = Some(problem.code);
            failed = Some(problem.status);
            problem.answer(reader)
        }
    };
    let status = failed.unwrap_or(answer.status()).as_u16();
    answer.body_mut().at_end(Box::new(move |ended| {
        let took = noted.begun.elapsed();
        shared
            .metrics
            .answered(status, took, ended.bytes, ended.broken);
        noted.tell(status, ended.broken);
        let log = shared
            .log
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        if let Some(log) = log {
            log.note(Answered {
                noted,
                status,
                took,
                ended,
            });
        }
    }));
    answer
}

impl Shared {
    async fn carry(
        &self,
        mut request: Request<Incoming>,
        noted: &mut Noted,
    ) -> Result<Response<Carried>, Problem> {
        // First: nothing is done for what no provider may see.
        checked(&request)?;
        // Before the name is resolved: what a name is does not depend on who asks.
        let target = noted.uri.path_and_query().cloned();
        let target = target.unwrap_or_else(|| PathAndQuery::from_static("/"));
        let host = noted.host.clone();
        let host = host.to_str().unwrap_or_default();
        let Located { site, path, place } = self.locate(host, target).await?;
        noted.name = Some(site.name.clone());
        if let Some(moved) = place.slash(&noted.uri, &path) {
            return Ok(moved);
        }
        let state = site.state();
        let entry = state.entry(path.as_str());
        let entry = entry.ok_or_else(|| no_resource(&site.name, path.as_str()))?;
        noted.resource = Some(entry.prefix.clone());
        let served = providers(&entry.target, &site.name)?;
        let arrived = Arrived {
            peer: noted.visitor.peer.clone(),
            host: noted.host.clone(),
            prefix: place.prefix(),
        };
        let address = arrived.peer.address();
        let client = Client::of(served.pool().terms(), request.headers(), address);
        let wish = Wish {
            sticky: client.key.as_deref(),
            token: client.token.as_deref(),
            tried: &[],
        };
        // A place for the cache and for verified content: here the resource is known and no provider was asked.
        let upgrade = upgrade_wanted(&request);
        let upgraded = upgrade.is_some().then(|| hyper::upgrade::on(&mut request));
        let given = Given::new(request, path, &site.host, &arrived).await;
        let mut given =
            given.map_err(|undone| undone_problem(&undone, &site.name, &noted.spent))?;
        // After what the visitor's `Connection` names is gone: our own field is not among it.
        noted.go_with(&mut given);
        let carried = match upgrade.zip(upgraded) {
            Some((protocol, visitor)) => {
                served
                    .carry_upgrade(given, protocol, visitor, wish, &mut noted.spent)
                    .await
            }
            None => served.carry(given, wish, &mut noted.spent).await,
        };
        let mut answer =
            carried.map_err(|undone| undone_problem(&undone, &site.name, &noted.spent))?;
        // A provider's own words, which another one's failure may have followed.
        let came_to = CameTo::Status(answer.status());
        let mut tries = noted.spent.tries.iter().rev();
        if let Some(one) = tries.find(|one| one.came_to == came_to) {
            let secure = arrived.peer.is_secure();
            let headers = answer.headers_mut();
            let passage = Passage {
                place: &place,
                name: &site.name,
                provider: &one.provider,
                host,
                secure,
            };
            passage.apply(headers);
            client.remember(&one.provider.id, &place.0, secure, headers);
        }
        Ok(answer)
    }
}

/// Whether it may be carried at all.
fn checked(request: &Request<Incoming>) -> Result<(), Problem> {
    guard::check(request).map_err(|refused| {
        Problem::new(
            refused.status,
            refused.word,
            "This request is refused",
            refused.why,
        )
    })
}

fn providers<'a>(target: &'a Target, name: &str) -> Result<&'a Arc<Served>, Problem> {
    match target {
        Target::Providers(served) => Ok(served),
        Target::Shards => Err(Problem::new(
            StatusCode::MISDIRECTED_REQUEST,
            "shards",
            format!("{name} is a set of shards"),
            "It is spoken to over TCP: configure a listener for it in `[gateway.tcp]`.",
        )),
        Target::Content => Err(Problem::new(
            StatusCode::NOT_IMPLEMENTED,
            "content",
            format!("{name} is verified content without providers"),
            "This version carries requests to providers only: name some in the zone.",
        )),
    }
}

fn no_resource(name: &str, path: &str) -> Problem {
    Problem::new(
        StatusCode::NOT_FOUND,
        "no-resource",
        format!("{name} has nothing at this path"),
        format!(
            "Its record holds, and names no resource for {path}. If it is yours, add one with `dotkey zone publish`."
        ),
    )
}

fn broken_off() -> Problem {
    Problem::new(
        StatusCode::BAD_REQUEST,
        "visitor",
        "The request broke off",
        "Its body ended too soon, or is framed wrongly: send it again.",
    )
}

fn stalled() -> Problem {
    Problem::new(
        StatusCode::REQUEST_TIMEOUT,
        "stalled",
        "The request stalled",
        "Nothing more of its body came for a minute: send it again.",
    )
}

fn undone_problem(undone: &Undone, name: &str, spent: &Spent) -> Problem {
    match undone {
        Undone::Visitor => return broken_off(),
        Undone::Stalled => return stalled(),
        _ => {}
    }
    let late = spent
        .tries
        .iter()
        .all(|one| matches!(one.came_to, CameTo::Nothing(Failure::Silent, _)));
    let failed = match late {
        true => StatusCode::GATEWAY_TIMEOUT,
        false => StatusCode::BAD_GATEWAY,
    };
    let (status, code) = match undone {
        Undone::Nobody(NoProvider::Full) => (StatusCode::SERVICE_UNAVAILABLE, "full"),
        Undone::Budget => (StatusCode::SERVICE_UNAVAILABLE, "budget"),
        Undone::Unrepeatable => (failed, "unrepeatable"),
        Undone::TooLate => (StatusCode::GATEWAY_TIMEOUT, "no-provider"),
        Undone::Visitor | Undone::Stalled => (StatusCode::BAD_REQUEST, "visitor"),
        Undone::Nobody(NoProvider::Tried) | Undone::Failed => (failed, "no-provider"),
    };
    let title = match undone {
        Undone::Nobody(NoProvider::Full) => format!("Every provider of {name} is at its limit"),
        _ => format!("No provider of {name} answered"),
    };
    let next = match undone {
        Undone::Unrepeatable => "It may have been done: look before you send it again",
        _ => "Try again in a moment",
    };
    Problem::new(
        status,
        code,
        title,
        format!(
            "The name and its record are fine: {undone}. {next}; `dotkey route explain` shows what the gateway thinks of each provider."
        ),
    )
}
