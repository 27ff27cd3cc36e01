//! `POST /v1/transactions`, and what became of one.

use axum::body::Body;
use axum::extract::rejection::PathRejection;
use axum::extract::{Extension, Path, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use dotkey_proto::ledger::SignedTransaction;
use dotkey_proto::limits::TRANSACTION_BYTES_MAX;
use serde::Serialize;

use super::{SharedState, ask, problems};
use crate::api::client::Client;
use crate::api::problem::{self, Problem};
use crate::api::put::{Bound, read};
use crate::api::request::{self, CBOR, JSON, Parameters, quoted};
use crate::hex::{hex, unhex};
use crate::node::ledger::{Ledger, Outcome};

const TRANSACTION: Bound = Bound {
    what: "a transaction",
    bytes: TRANSACTION_BYTES_MAX,
    next: "sign it with fewer keys, or begin its chain with the newest policy that the ledger pins",
};

#[derive(Serialize)]
struct Answer {
    id: String,
    state: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    height: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<String>,
}

impl Answer {
    fn of(id: &[u8; 32], outcome: Outcome) -> Self {
        let (state, height, code, detail) = match outcome {
            Outcome::Waiting => ("waiting", None, None, None),
            Outcome::Final { height } => ("final", Some(height), None, None),
            Outcome::Refused { code, detail } => ("refused", None, Some(code), Some(detail)),
            Outcome::Unknown => ("unknown", None, None, None),
        };
        let id = hex(id);
        Self {
            id,
            state,
            height,
            code,
            detail,
        }
    }

    fn with(self, status: StatusCode) -> Response {
        let no_store = [(header::CACHE_CONTROL, HeaderValue::from_static("no-store"))];
        (status, no_store, axum::Json(self)).into_response()
    }
}

/// `POST /v1/transactions`.
pub(crate) async fn post(
    State(shared): SharedState,
    Extension(client): Extension<Client>,
    uri: Uri,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    Parameters::read(&uri, &[])?;
    request::accepted(&headers, &[JSON])?;
    request::takes(&headers, CBOR)?;
    if shared.node.ledger().is_none() {
        return Err(problems::no_ledger());
    }
    let bytes = read(&shared, client, body, TRANSACTION).await?;
    let question = move |ledger: Ledger| {
        let transaction = SignedTransaction::decode(&bytes).map_err(problems::malformed)?;
        let id = transaction.digest();
        let outcome = ledger.outcome(&id);
        let outcome = outcome.map_err(|error| problems::unanswered(&error))?;
        // After a lost answer it comes again.
        if matches!(outcome, Outcome::Final { .. }) {
            return Ok((StatusCode::OK, Answer::of(&id, outcome)));
        }
        let taken = ledger.take(transaction);
        taken.map_err(|error| problems::not_taken(&error))?;
        Ok((StatusCode::ACCEPTED, Answer::of(&id, Outcome::Waiting)))
    };
    let (status, answer) = ask(&shared, question).await?;
    Ok(answer.with(status))
}

/// `GET /v1/transactions/{id}`.
pub(crate) async fn get(
    State(shared): SharedState,
    path: Result<Path<String>, PathRejection>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    Parameters::read(&uri, &[])?;
    request::accepted(&headers, &[JSON])?;
    let bad = |detail: String| {
        let next = "give the 64 hexadecimal digits that the answer to the transaction had";
        Problem::new(problem::BAD_ID, detail, next)
    };
    let Path(text) = path.map_err(|_| bad("the path is not UTF-8".to_owned()))?;
    let id =
        unhex(&text).ok_or_else(|| bad(format!("{} is no transaction's id", quoted(&text))))?;
    let question = move |ledger: Ledger| {
        let outcome = ledger.outcome(&id);
        outcome.map_err(|error| problems::unanswered(&error))
    };
    let outcome = ask(&shared, question).await?;
    Ok(Answer::of(&id, outcome).with(StatusCode::OK))
}
