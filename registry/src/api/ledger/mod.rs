//! The ledger's paths: proofs of names and identities, transactions, blocks. What is binary is proved; what is JSON is this node's word.

pub(crate) mod chain;
pub(crate) mod evidence;
mod problems;
pub(crate) mod proofs;
pub(crate) mod transactions;

use std::sync::Arc;

use axum::http::header;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};

use super::problem::{self, Problem};
use super::records::etag;
use super::request;
use super::state::{Shared, place};
use crate::node::ledger::Ledger;

/// What a client's cache need not ask for again: what is at a height stays.
const FOR_EVER: &str = "public, max-age=31536000, immutable";

/// Runs a question to the ledger beside the server's threads: it reads the disk, or verifies signatures.
async fn ask<T: Send + 'static>(
    shared: &Shared,
    question: impl FnOnce(Ledger) -> Result<T, Problem> + Send + 'static,
) -> Result<T, Problem> {
    let ledger = shared.node.ledger().cloned();
    let ledger = ledger.ok_or_else(problems::no_ledger)?;
    let permit = place(&shared.ledger, "questions to the ledger")?;
    let answer = tokio::task::spawn_blocking(move || {
        let answer = question(ledger);
        drop(permit);
        answer
    });
    answer.await.map_err(|_| {
        Problem::new(
            problem::STOPPING,
            "the server is stopping",
            "ask another node",
        )
    })?
}

/// An answer with its strong tag, or without its bytes where the client has them.
fn tagged(headers: &HeaderMap, kind: &'static str, cache: &str, body: Vec<u8>) -> Response {
    let tag = etag(blake3::hash(&body).as_bytes());
    let cache = HeaderValue::try_from(cache).expect("words and digits are a header");
    let described: [(HeaderName, HeaderValue); 3] = [
        (header::ETAG, tag.clone()),
        (header::CACHE_CONTROL, cache),
        (header::VARY, HeaderValue::from_static("Accept")),
    ];
    if request::has(headers, &tag) {
        return (StatusCode::NOT_MODIFIED, described).into_response();
    }
    let kind = [(header::CONTENT_TYPE, HeaderValue::from_static(kind))];
    (described, kind, body).into_response()
}

/// Good until the next heartbeat.
fn until_next_block(ledger: &Ledger) -> String {
    let secs = ledger.genesis().parameters.heartbeat_ms.div_ceil(1000);
    format!("public, max-age={secs}")
}

type SharedState = axum::extract::State<Arc<Shared>>;
