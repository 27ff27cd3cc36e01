//! Reading records.

use std::sync::Arc;

use axum::extract::{Path, State, rejection::PathRejection};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use dotkey_proto::record::Record;
use dotkey_proto::words::counted;

use super::problem::{self, Problem};
use super::request::{self, CBOR, Parameters, Target};
use super::state::Shared;
use crate::dht::core::Effortful;
use crate::hex::hex;

/// The record's sequence.
pub(crate) const SEQUENCE: HeaderName = HeaderName::from_static("dotkey-sequence");
/// When it begins.
pub(crate) const NOT_BEFORE: HeaderName = HeaderName::from_static("dotkey-not-before");
/// When it ends.
pub(crate) const EXPIRES: HeaderName = HeaderName::from_static("dotkey-expires");
/// What the get took.
pub(crate) const EFFORT: HeaderName = HeaderName::from_static("dotkey-effort");

/// `GET` and `HEAD /v1/records/{key_id}`.
pub(crate) async fn get(
    State(shared): State<Arc<Shared>>,
    path: Result<Path<String>, PathRejection>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let parameters = Parameters::read(&uri, &["branch", "fresh"])?;
    let target = target(path, &parameters)?;
    let effort = parameters.effort()?;
    request::accepted(&headers, &[CBOR])?;

    let got = shared
        .ask(shared.node.get(target.position(), effort))
        .await?;
    // It may have expired on its way here.
    let now = (shared.door.config.clock)();
    let record = got.record.filter(|record| record.expires() > now);
    let Some(record) = record else {
        return Err(absent(&target, &got.effort));
    };
    let mut answer = described(&record, &got.effort);
    if request::has(&headers, &etag(&record.digest())) {
        return Ok((StatusCode::NOT_MODIFIED, answer).into_response());
    }
    answer.insert(header::CONTENT_TYPE, HeaderValue::from_static(CBOR));
    Ok((answer, record.as_bytes().to_vec()).into_response())
}

/// Whose record a path and its parameters mean.
pub(crate) fn target(
    path: Result<Path<String>, PathRejection>,
    parameters: &Parameters,
) -> Result<Target, Problem> {
    let Path(text) = path.map_err(|_| {
        Problem::new(
            problem::BAD_KEY_ID,
            "the path is not UTF-8",
            "give the 56-character label of a key id, or its 64 hexadecimal digits",
        )
    })?;
    Ok(Target {
        key_id: request::key_id(&text)?,
        branch: parameters.branch()?,
    })
}

/// A strong tag: the digest is of exactly the bytes that are served.
pub(crate) fn etag(digest: &[u8; 32]) -> HeaderValue {
    let text = format!("\"{}\"", hex(digest));
    HeaderValue::try_from(text).expect("digits in quotes are a header")
}

fn absent(target: &Target, effort: &Effortful) -> Problem {
    let branch = match &target.branch {
        Some(branch) => format!(", branch `{branch}`"),
        None => String::new(),
    };
    let detail = format!(
        "of {} that answered none has a valid record of {}{branch}",
        counted(effort.answers, "node"),
        target.key_id
    );
    let next = "publish one with `dotkey zone publish`; if it was published before, it may have expired, or this node may have no peers: see /v1/status";
    Problem::new(problem::NO_RECORD, detail, next)
}

fn described(record: &Record, effort: &Effortful) -> HeaderMap {
    let text = |text: String| HeaderValue::try_from(text).expect("digits and names are a header");
    let mut headers = HeaderMap::new();
    headers.insert(header::ETAG, etag(&record.digest()));
    // It changes whenever its owner wants: a cache may keep it, but has to ask.
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    headers.insert(SEQUENCE, record.sequence().into());
    headers.insert(NOT_BEFORE, text(record.not_before().to_string()));
    headers.insert(EXPIRES, text(record.expires().to_string()));
    headers.insert(
        EFFORT,
        text(format!(
            "requests={}, answers={}, agreeing={}, repaired={}, took_ms={}",
            effort.requests, effort.answers, effort.agreeing, effort.repaired, effort.took_ms
        )),
    );
    headers
}
