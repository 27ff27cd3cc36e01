//! Which path leads where, and the paths about the node itself.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderValue, Method, StatusCode, Uri, header};
use axum::middleware::from_fn_with_state;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use serde::Serialize;

use super::beside::routes_alone;
use super::gateway::BesideGateway;
use super::problem::{self, Problem};
use super::request::{Parameters, quoted};
use super::resolver::BesideResolver;
use super::state::{Door, Shared};
use super::{admin, events, gateway, guard, ledger, metrics, put, records, resolver};
use crate::node::ledger::{Ledger, LedgerStatus};
use crate::node::{PeerStatus, Status};

const OPENAPI: &str = include_str!("../../../docs/openapi.yaml");

/// A node that needs longer to say how it does is not well, and who asks has a deadline of his own.
const HEALTH_WAIT: Duration = Duration::from_secs(2);

/// All paths, with what every request passes.
pub(crate) fn router(shared: Arc<Shared>) -> Router {
    let door = Arc::clone(&shared.door);
    let node = Router::new()
        .route("/v1/records/{key_id}", get(records::get).put(put::put))
        .route("/v1/names/{name}", get(ledger::proofs::name))
        .route("/v1/identities/{key_id}", get(ledger::proofs::identity))
        .route("/v1/transactions", post(ledger::transactions::post))
        .route("/v1/transactions/{id}", get(ledger::transactions::get))
        .route("/v1/ledger", get(ledger::chain::ledger))
        .route("/v1/evidence", get(ledger::evidence::evidence))
        .route("/v1/checkpoints/latest", get(ledger::chain::latest))
        .route("/v1/blocks/{height}", get(ledger::chain::block))
        .route("/v1/genesis", get(ledger::chain::genesis))
        .route("/v1/events", get(events::events))
        .route("/v1/health", get(health))
        .route("/v1/status", get(status))
        .route("/v1/peers", get(peers))
        .route("/v1/backups", post(admin::backup))
        .route("/v1/openapi.yaml", get(openapi))
        .route("/metrics", get(metrics::metrics))
        .with_state(shared);
    let all = match &door.config.resolver {
        Some(resolver) => node.merge(resolver::routes(&door, resolver)),
        None => node,
    };
    let all = match &door.config.gateway {
        Some(gateway) => all.merge(gateway::routes(&door, gateway)),
        None => all,
    };
    guarded(all, &door)
}

/// The paths of a resolver without a node.
pub(crate) fn router_resolver(door: &Arc<Door>, resolver: &Arc<dyn BesideResolver>) -> Router {
    let all = resolver::routes(door, resolver)
        .merge(routes_alone(door, resolver.clone()))
        .route("/v1/openapi.yaml", get(openapi));
    guarded(all, door)
}

/// The paths of a gateway without a node.
pub(crate) fn router_gateway(door: &Arc<Door>, gateway: &Arc<dyn BesideGateway>) -> Router {
    let all = gateway::routes(door, gateway)
        .merge(routes_alone(door, gateway.clone()))
        .route("/v1/openapi.yaml", get(openapi));
    guarded(all, door)
}

/// With what every request passes.
fn guarded(router: Router, door: &Arc<Door>) -> Router {
    router
        .method_not_allowed_fallback(method_not_allowed)
        .fallback(no_such_path)
        // Before any handler reads what a page sent.
        .layer(from_fn_with_state(Arc::clone(door), guard::guard))
        // Outside the guard: what it refuses is counted.
        .layer(from_fn_with_state(Arc::clone(door), metrics::count))
}

#[derive(Serialize)]
pub(super) struct HealthReport {
    pub(super) status: &'static str,
    pub(super) reasons: Vec<String>,
    pub(super) ledger: Option<LedgerHealth>,
}

/// How the ledger is, in so far as a client may choose its node by it.
#[derive(Serialize)]
pub(super) struct LedgerHealth {
    height: Option<u64>,
    age_seconds: Option<u64>,
    votes: bool,
    halted: bool,
}

/// `GET /v1/health`. It fails where a client had better ask another node; what someone should look at only degrades it.
async fn health(State(shared): State<Arc<Shared>>, uri: Uri) -> Result<Response, Problem> {
    Parameters::read(&uri, &[])?;
    let stopping = *shared.door.stop.borrow();
    let wait = HEALTH_WAIT.min(shared.door.config.limits.node_wait);
    let status = shared.ask_within(wait, shared.node.status()).await;
    let ahead = status.as_ref().ok().and_then(|one| one.clock_ahead_secs);
    let ledger = ledger_status(&shared, ahead);
    let mut reasons = ledger
        .as_ref()
        .map(LedgerStatus::warnings)
        .unwrap_or_default();
    let (code, status) = match status {
        _ if stopping => {
            reasons = vec!["the node is stopping".into()];
            (StatusCode::SERVICE_UNAVAILABLE, "failing")
        }
        Err(problem) => {
            reasons.insert(0, problem.detail().to_owned());
            (StatusCode::SERVICE_UNAVAILABLE, "failing")
        }
        Ok(Status { warnings, .. }) => {
            reasons.extend(warnings);
            let beside = shared.door.config.beside();
            reasons.extend(beside.flat_map(|one| one.reasons()));
            (
                StatusCode::OK,
                if reasons.is_empty() { "ok" } else { "degraded" },
            )
        }
    };
    let ledger = ledger.map(|ledger| LedgerHealth {
        height: ledger.height,
        age_seconds: ledger.age_seconds,
        votes: ledger.votes,
        halted: ledger.halted.is_some(),
    });
    let report = axum::Json(HealthReport {
        status,
        reasons,
        ledger,
    });
    Ok((code, NO_STORE, report).into_response())
}

/// It is another one a second later.
pub(super) const NO_STORE: [(header::HeaderName, HeaderValue); 1] =
    [(header::CACHE_CONTROL, HeaderValue::from_static("no-store"))];

/// `GET /v1/status`.
async fn status(State(shared): State<Arc<Shared>>, uri: Uri) -> Result<Response, Problem> {
    Parameters::read(&uri, &[])?;
    let status = shared.ask(shared.node.status()).await?;
    let (status, ledger) = with_ledger(&shared, status);
    let report = StatusReport { status, ledger };
    Ok((NO_STORE, axum::Json(report)).into_response())
}

/// What a node says of itself, with what its ledger has to say.
pub(crate) fn with_ledger(shared: &Shared, mut status: Status) -> (Status, Option<LedgerStatus>) {
    let ledger = ledger_status(shared, status.clock_ahead_secs);
    let warnings = ledger.as_ref().map(LedgerStatus::warnings);
    status.warnings.splice(0..0, warnings.unwrap_or_default());
    (status, ledger)
}

fn ledger_status(shared: &Shared, ahead_secs: Option<i64>) -> Option<LedgerStatus> {
    let mut ledger = shared.node.ledger().map(Ledger::status)?;
    ledger.hear_of_clock(ahead_secs);
    Some(ledger)
}

#[derive(Serialize)]
struct StatusReport {
    #[serde(flatten)]
    status: Status,
    ledger: Option<LedgerStatus>,
}

#[derive(Serialize)]
struct Peers {
    peers: Vec<PeerStatus>,
}

/// `GET /v1/peers`.
async fn peers(State(shared): State<Arc<Shared>>, uri: Uri) -> Result<Response, Problem> {
    Parameters::read(&uri, &[])?;
    let peers = shared.ask(shared.node.peers()).await?;
    Ok((NO_STORE, axum::Json(Peers { peers })).into_response())
}

/// `GET /v1/openapi.yaml`.
async fn openapi(uri: Uri) -> Result<Response, Problem> {
    Parameters::read(&uri, &[])?;
    // RFC 9512.
    let kind = HeaderValue::from_static("application/yaml");
    Ok(([(header::CONTENT_TYPE, kind)], OPENAPI).into_response())
}

async fn method_not_allowed(method: Method, uri: Uri) -> Problem {
    // axum adds the header Allow.
    Problem::new(
        problem::METHOD_NOT_ALLOWED,
        format!(
            "{} does not take {}",
            quoted(uri.path()),
            quoted(method.as_str())
        ),
        "use one of the methods in the header Allow",
    )
}

async fn no_such_path(uri: Uri) -> Problem {
    Problem::new(
        problem::NO_SUCH_PATH,
        format!("there is nothing at {}", quoted(uri.path())),
        "see /v1/openapi.yaml for what there is",
    )
}
