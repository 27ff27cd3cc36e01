//! What runs in the process besides a node, or without one: a resolver, a gateway. Here is what is asked of each of them alike.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use axum::routing::get;

use super::admin::authorized;
use super::levels;
use super::metrics::page;
use super::problem::Problem;
use super::request::Parameters;
use super::routes::{HealthReport, NO_STORE};
use super::state::Door;

/// What is looked after through this server.
pub trait Beside: Send + Sync {
    /// What people call it.
    fn word(&self) -> &'static str;

    /// What it counted, as OpenMetrics text; with `names`, also what tells which names the people here look at.
    fn metrics(&self, names: bool) -> String;

    /// What someone should look at; nothing where all is well.
    fn reasons(&self) -> Vec<String>;
}

#[derive(Clone)]
struct Alone {
    door: Arc<Door>,
    it: Arc<dyn Beside>,
}

/// What a node would give, where there is none.
pub(super) fn routes_alone(door: &Arc<Door>, it: Arc<dyn Beside>) -> Router {
    Router::new()
        .route("/v1/health", get(health))
        .route("/metrics", get(metrics))
        .with_state(Alone {
            door: Arc::clone(door),
            it,
        })
}

/// `GET /v1/health` without a node.
async fn health(State(alone): State<Alone>, uri: Uri) -> Result<Response, Problem> {
    Parameters::read(&uri, &[])?;
    let mut reasons = alone.it.reasons();
    let (code, status) = match (*alone.door.stop.borrow(), reasons.is_empty()) {
        (true, _) => {
            reasons = vec![format!("the {} is stopping", alone.it.word())];
            (StatusCode::SERVICE_UNAVAILABLE, "failing")
        }
        (false, true) => (StatusCode::OK, "ok"),
        (false, false) => (StatusCode::OK, "degraded"),
    };
    let report = axum::Json(HealthReport {
        status,
        reasons,
        ledger: None,
    });
    Ok((code, NO_STORE, report).into_response())
}

/// `GET /metrics` without a node.
async fn metrics(
    State(alone): State<Alone>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    Parameters::read(&uri, &[])?;
    let names = authorized(&alone.door.config, &headers).is_ok();
    let parts = [
        levels::build(),
        alone.it.metrics(names),
        alone.door.metrics.text(),
    ];
    Ok(page(parts))
}
