//! The way of one request, in order. Each step has a file of its own.

use std::sync::{Arc, PoisonError, RwLock};

use dotkey_resolver::ResolveError;
use http::header::{ACCEPT, HeaderValue, LOCATION};
use http::uri::PathAndQuery;
use http::{Request, Response, StatusCode};
use hyper::body::Incoming;

use super::arrival::Visitor;
use super::guard;
use super::links::Links;
use super::log::{AccessLog, Answered, Noted};
use super::metrics::Metrics;
use super::page::Problem;
use super::scoped::Place;
use super::stickiness::Client;
use crate::carry::{Arrived, CameTo, Carried, Given, Served, Spent, Undone, upgrade_wanted};
use crate::choose::{Failure, NoProvider, Wish};
use crate::request::{RequestError, RequestKey, Suffixes};
use crate::site::{Site, Sites, Target};
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

/// Which name a request is for, and what its provider is asked for.
pub(super) struct Located {
    pub(super) site: Arc<Site>,
    pub(super) path: PathAndQuery,
    pub(super) place: Place,
}

/// Answers a request.
pub(super) async fn handle(
    shared: Arc<Shared>,
    visitor: Arc<Visitor>,
    request: Request<Incoming>,
) -> Response<Carried> {
    let mut noted = Noted::new(visitor, &request, &shared.traces);
    let accept = request.headers().get(ACCEPT).cloned();
    let mut answer = match shared.carry(request, &mut noted).await {
        Ok(answer) => answer,
        Err(mut problem) => {
            problem.tries = noted.spent.tries.clone();
            shared.metrics.problem(problem.code);
            noted.problem = Some(problem.code);
            problem.answer(accept.as_ref())
        }
    };
    let status = answer.status().as_u16();
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
        guard::check(&request).map_err(|refused| {
            Problem::new(
                refused.status,
                refused.word,
                "This request is refused",
                refused.why,
            )
        })?;
        // Before the name is resolved: what a name is does not depend on who asks.
        let target = noted.uri.path_and_query().cloned();
        let target = target.unwrap_or_else(|| PathAndQuery::from_static("/"));
        let host = noted.host.to_str().unwrap_or_default();
        let Located { site, path, place } = self.locate(host, target).await?;
        noted.name = Some(site.name.clone());
        if let Some(moved) = slash(&request, path.as_str(), &place) {
            return Ok(moved);
        }
        let state = site.state();
        let entry = state
            .entry(path.as_str())
            .ok_or_else(|| no_resource(&site.name, path.as_str()))?;
        noted.resource = Some(entry.prefix.clone());
        let served = providers(&entry.target, &site.name)?;
        let arrived = Arrived {
            peer: noted.visitor.peer.clone(),
            host: noted.host.clone(),
        };
        let address = arrived.peer.address();
        let client = Client::of(served.pool().terms(), request.headers(), address);
        let wish = Wish {
            sticky: client.key.as_deref(),
            token: client.token.as_deref(),
            tried: &[],
        };
        noted.trace.pass_on(request.headers_mut());
        // A place for the cache and for verified content: here the resource is known and no provider was asked.
        let upgrade = upgrade_wanted(request.headers());
        let upgraded = upgrade.is_some().then(|| hyper::upgrade::on(&mut request));
        let traced = noted.traced.clone();
        let given = Given::new(request, path, &site.host, &arrived, traced).await;
        let given = given.map_err(|_| broken_off())?;
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
        place.apply(answer.headers_mut());
        if let Some(last) = noted.spent.tries.last() {
            client.remember(
                &last.provider,
                arrived.peer.is_secure(),
                answer.headers_mut(),
            );
        }
        Ok(answer)
    }

    /// Which name a request is for.
    pub(super) async fn locate(
        &self,
        host: &str,
        target: PathAndQuery,
    ) -> Result<Located, Problem> {
        let key = RequestKey::read(host, target.as_str(), &self.suffixes)
            .map_err(|error| bad_key(&error))?;
        let suffix = &self.suffixes.own;
        let (name, path, place) = match key {
            RequestKey::Name { host } => (host, target, String::new()),
            RequestKey::Bridge { name } => (format!("{name}.{suffix}"), target, String::new()),
            RequestKey::Domain { host } => match self.links.find(&host).await {
                Some(link) => (link.name.into(), target, String::new()),
                None => return Err(no_link(&host)),
            },
            RequestKey::Path {
                scope,
                namespace,
                rest,
            } => {
                let (name, path, place) = self.scoped(host, scope, namespace, rest).await;
                let path = PathAndQuery::try_from(path.as_str())
                    .map_err(|_| bad_key(&RequestError::BadPath { part: path }))?;
                (name, path, place)
            }
        };
        let site = self
            .sites
            .find(&name)
            .await
            .map_err(|error| unresolved(&name, &error))?;
        Ok(Located {
            site,
            path,
            place: Place(place),
        })
    }

    /// On a domain that is linked to a name, a scope is inside of that name; elsewhere it is a name of its own.
    async fn scoped(
        &self,
        host: &str,
        scope: String,
        namespace: Option<String>,
        rest: String,
    ) -> (String, String, String) {
        let suffix = &self.suffixes.own;
        let link = match RequestKey::read(host, "/", &self.suffixes) {
            Ok(RequestKey::Domain { host }) => self.links.find(&host).await,
            _ => None,
        };
        let place = format!("/@{scope}");
        match (link, namespace) {
            (Some(link), None) => (format!("{scope}.{}", link.name), rest, place),
            (Some(link), Some(first)) => (
                format!("{scope}.{}", link.name),
                format!("/{first}{}", rest.trim_end_matches('/')),
                place,
            ),
            (None, None) => (format!("{scope}.{suffix}"), rest, place),
            (None, Some(namespace)) => (
                format!("{namespace}.{scope}.{suffix}"),
                rest,
                format!("{place}/{namespace}"),
            ),
        }
    }
}

/// Relative links of a page at `/@scope/namespace` would miss its place: with a slash at the end they find it.
fn slash(request: &Request<Incoming>, path: &str, place: &Place) -> Option<Response<Carried>> {
    let bare = path == "/" || path.starts_with("/?");
    if place.0.is_empty() || !bare || request.uri().path().ends_with('/') {
        return None;
    }
    let mut answer = Response::new(Carried::whole(bytes::Bytes::new()));
    *answer.status_mut() = StatusCode::PERMANENT_REDIRECT;
    let location = HeaderValue::from_str(&format!("{}{path}", place.0)).ok()?;
    answer.headers_mut().insert(LOCATION, location);
    Some(answer)
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

fn no_link(host: &str) -> Problem {
    Problem::new(
        StatusCode::NOT_FOUND,
        "no-link",
        format!("{host} is linked to no name"),
        format!(
            "If it is yours, publish the TXT record `_dotkey.{host}` with the text `dotkey=mysite.key`."
        ),
    )
}

fn bad_key(error: &RequestError) -> Problem {
    let status = match error {
        RequestError::Address { .. } => StatusCode::NOT_FOUND,
        _ => StatusCode::BAD_REQUEST,
    };
    Problem::new(
        status,
        "name",
        "This request names no site",
        format!("{error}."),
    )
}

fn unresolved(name: &str, error: &ResolveError) -> Problem {
    let (status, code, title) = match error {
        ResolveError::Name(_) | ResolveError::OtherSuffix(_) => (
            StatusCode::BAD_REQUEST,
            "name",
            format!("{name} is no name"),
        ),
        ResolveError::NoSuchKey(_) => (
            StatusCode::NOT_FOUND,
            "no-key",
            format!("{name} is nobody's key"),
        ),
        ResolveError::Unclaimed(_) => (
            StatusCode::NOT_FOUND,
            "unclaimed",
            format!("Nobody holds {name}"),
        ),
        _ => (
            StatusCode::BAD_GATEWAY,
            "unresolved",
            format!("{name} could not be verified"),
        ),
    };
    Problem::new(status, code, title, format!("{error}."))
}

fn broken_off() -> Problem {
    Problem::new(
        StatusCode::BAD_REQUEST,
        "visitor",
        "The request broke off",
        "Its body ended too soon, or is framed wrongly: send it again.",
    )
}

fn undone_problem(undone: &Undone, name: &str, spent: &Spent) -> Problem {
    if *undone == Undone::Visitor {
        return broken_off();
    }
    let (status, code) = match undone {
        Undone::Nobody(NoProvider::Full) => (StatusCode::SERVICE_UNAVAILABLE, "full"),
        Undone::Budget => (StatusCode::SERVICE_UNAVAILABLE, "budget"),
        Undone::Unrepeatable => (StatusCode::BAD_GATEWAY, "unrepeatable"),
        Undone::Visitor => (StatusCode::BAD_REQUEST, "visitor"),
        Undone::Nobody(NoProvider::Tried) | Undone::Failed => {
            let late = spent
                .tries
                .iter()
                .all(|one| matches!(one.came_to, CameTo::Nothing(Failure::Silent, _)));
            let status = if late {
                StatusCode::GATEWAY_TIMEOUT
            } else {
                StatusCode::BAD_GATEWAY
            };
            (status, "no-provider")
        }
    };
    let title = match undone {
        Undone::Nobody(NoProvider::Full) => format!("Every provider of {name} is at its limit"),
        _ => format!("No provider of {name} answered"),
    };
    let what = undone.to_string();
    Problem::new(
        status,
        code,
        title,
        format!(
            "The name and its record are fine: {what}. Try again in a moment; `dotkey route explain` shows what the gateway thinks of each provider."
        ),
    )
}
