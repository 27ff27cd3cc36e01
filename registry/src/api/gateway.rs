//! A gateway that runs in the process besides: what who looks after it asks through the same server.

use core::pin::Pin;
use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, Uri};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use serde_json::Value;

use super::admin::authorized;
use super::beside::Beside;
use super::problem::{self, Problem};
use super::request::Parameters;
use super::routes::NO_STORE;
use super::state::Door;

/// The way of a request, or why there is none.
pub type Way<'a> = Pin<Box<dyn Future<Output = Result<Value, String>> + Send + 'a>>;

/// A gateway of this process. Its metrics begin with `dotkey_gateway_`.
pub trait BesideGateway: Beside {
    /// The providers of the names that it has ready, or of one, and what it thinks of each.
    fn providers(&self, name: Option<&str>) -> Value;

    /// The way that a request for a URL would take.
    fn route<'a>(&'a self, url: &'a str) -> Way<'a>;
}

#[derive(Clone)]
struct Behind {
    door: Arc<Door>,
    gateway: Arc<dyn BesideGateway>,
}

/// The gateway's paths.
pub(crate) fn routes(door: &Arc<Door>, gateway: &Arc<dyn BesideGateway>) -> Router {
    Router::new()
        .route("/v1/gateway/providers", get(providers))
        .route("/v1/gateway/route", get(route))
        .with_state(Behind {
            door: Arc::clone(door),
            gateway: Arc::clone(gateway),
        })
}

/// `GET /v1/gateway/providers`. It tells what people here look at, so it is for who has the token.
async fn providers(
    State(behind): State<Behind>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    authorized(&behind.door.config, &headers)?;
    let parameters = Parameters::read(&uri, &["name"])?;
    let providers = behind.gateway.providers(parameters.name());
    Ok((NO_STORE, axum::Json(providers)).into_response())
}

/// `GET /v1/gateway/route`.
async fn route(
    State(behind): State<Behind>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    authorized(&behind.door.config, &headers)?;
    let next = "write a URL such as `http://mysite.key/`";
    let parameters = Parameters::read(&uri, &["url"])?;
    let Some(url) = parameters.url() else {
        return Err(Problem::new(
            problem::BAD_PARAMETER,
            "there is no `url`",
            next,
        ));
    };
    let way = behind.gateway.route(url).await;
    let way = way.map_err(|why| Problem::new(problem::NO_ROUTE, why, next))?;
    Ok((NO_STORE, axum::Json(way)).into_response())
}
