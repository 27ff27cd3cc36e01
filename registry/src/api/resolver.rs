//! A resolver that runs in the process, with a node or without one, for who looks after it: how it does, what it keeps, and that it
//! lets go of it.
//!
//! The registry knows no resolver. What it needs of one is [`BesideResolver`], which the program implements. What was asked here tells what
//! the people of this machine look at, and so the kept answers are behind the token: a web page knows no token, whatever name it
//! was given, and neither does another user of the machine.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, Uri};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use serde_json::Value;

use super::admin::authorized;
use super::beside::Beside;
use super::problem::{self, Problem};
use super::request::Parameters;
use super::routes::NO_STORE;
use super::state::Door;

/// What this server needs of a resolver. Its metrics begin with `dotkey_resolver_`.
pub trait BesideResolver: Beside {
    /// How it does.
    fn status(&self) -> Value;

    /// The answers that it keeps, of a name and of those below it or of all.
    ///
    /// # Errors
    /// The name is none.
    fn kept(&self, name: Option<&str>) -> Result<Value, String>;

    /// Lets go of the same.
    ///
    /// # Errors
    /// The name is none.
    fn flush(&self, name: Option<&str>) -> Result<Value, String>;
}

#[derive(Clone)]
struct Behind {
    door: Arc<Door>,
    resolver: Arc<dyn BesideResolver>,
}

/// What there is with a node and without.
pub(crate) fn routes(door: &Arc<Door>, resolver: &Arc<dyn BesideResolver>) -> Router {
    Router::new()
        .route("/v1/resolver", get(status))
        .route("/v1/resolver/cache", get(kept))
        .route("/v1/resolver/cache/flush", post(flush))
        .with_state(behind(door, resolver))
}

fn behind(door: &Arc<Door>, resolver: &Arc<dyn BesideResolver>) -> Behind {
    Behind {
        door: Arc::clone(door),
        resolver: Arc::clone(resolver),
    }
}

/// `GET /v1/resolver`.
async fn status(State(behind): State<Behind>, uri: Uri) -> Result<Response, Problem> {
    Parameters::read(&uri, &[])?;
    Ok((NO_STORE, axum::Json(behind.resolver.status())).into_response())
}

/// `GET /v1/resolver/cache`.
async fn kept(
    State(behind): State<Behind>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    authorized(&behind.door.config, &headers)?;
    of_name(behind, &uri, |resolver, name| resolver.kept(name)).await
}

/// `POST /v1/resolver/cache/flush`.
async fn flush(
    State(behind): State<Behind>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    authorized(&behind.door.config, &headers)?;
    of_name(behind, &uri, |resolver, name| resolver.flush(name)).await
}

/// Goes through all that is kept, which takes a while where it is much: not on the threads that answer.
async fn of_name(
    behind: Behind,
    uri: &Uri,
    work: fn(&dyn BesideResolver, Option<&str>) -> Result<Value, String>,
) -> Result<Response, Problem> {
    let name = Parameters::read(uri, &["name"])?.name().map(str::to_owned);
    let done =
        tokio::task::spawn_blocking(move || work(behind.resolver.as_ref(), name.as_deref())).await;
    let done = done.map_err(|_| {
        let next = "see the log of who serves this";
        Problem::new(problem::STORE_FAILED, "what is kept cannot be read", next)
    })?;
    let told = done.map_err(|why| {
        let next = "write a name such as `www.example.net`, or leave it out for all";
        Problem::new(problem::BAD_PARAMETER, why, next)
    })?;
    Ok((NO_STORE, axum::Json(told)).into_response())
}
