//! Publishing records: what is checked before the node is asked, and what its answer means.

use core::convert::Infallible;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Extension, Path, State, rejection::PathRejection};
use axum::http::{HeaderMap, StatusCode, Uri, header};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use dotkey_proto::identity::Branch;
use dotkey_proto::limits::RECORD_BYTES_MAX;
use dotkey_proto::record::{Record, RecordError, SignedRecord, Verified};
use futures_util::stream;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::Body as _;
use tokio::sync::mpsc;

use super::client::Client;
use super::problem::{self, Facts, Problem};
use super::records::{etag, target};
use super::request::{self, CBOR, EVENTS, JSON, Parameters, Target};
use super::shares::Share;
use super::shown::{Current, Placed, Shown, refusals_in_words, refused};
use super::state::Shared;
use crate::dht::core::Placement;
use crate::dht::message::{Expected, Refusal};
use crate::node::Progress;

/// Events that wait for a slow client; the last one carries the outcome and waits until there is room.
const EVENTS_MAX: usize = 32;

/// `PUT /v1/records/{key_id}`.
pub(crate) async fn put(
    State(shared): State<Arc<Shared>>,
    Extension(client): Extension<Client>,
    path: Result<Path<String>, PathRejection>,
    uri: Uri,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let target = target(path, &Parameters::read(&uri, &["branch"])?)?;
    let expected = request::expected(&headers)?;
    let kind = request::accepted(&headers, &[JSON, EVENTS])?;
    request::takes(&headers, CBOR)?;
    let bytes = read(&shared, client, body, RECORD).await?;
    // Taken only now, so that who sends slowly keeps nobody from publishing.
    let share = shared.puts.take(client)?;
    let record = verify(&shared, target, bytes).await?;

    if kind == EVENTS {
        let (events, answer) = mpsc::channel(EVENTS_MAX);
        tokio::spawn(async move {
            tell(&shared, share, record, expected, &events).await;
        });
        return Ok(stream(answer));
    }
    let (shown, digest) = (Shown::of(&record), record.digest());
    let placement = shared.ask(shared.node.put(record, expected, None)).await?;
    let placed = outcome(shown, expected, &placement)?;
    // Only who said that there is nothing knows that this is the first.
    let status = match expected {
        Expected::Nothing => StatusCode::CREATED,
        Expected::Older | Expected::Digest(_) => StatusCode::OK,
    };
    Ok((status, [(header::ETAG, etag(&digest))], axum::Json(placed)).into_response())
}

/// What a body holds, and how long it may be.
#[derive(Clone, Copy)]
pub(crate) struct Bound {
    pub(crate) what: &'static str,
    pub(crate) bytes: usize,
    /// What makes it shorter.
    pub(crate) next: &'static str,
}

const RECORD: Bound = Bound {
    what: "a record",
    bytes: RECORD_BYTES_MAX,
    next: "make it shorter; a zone that does not fit delegates its branches",
};

/// A body within its bound that comes in time. One that says it is longer is refused unread.
pub(crate) async fn read(
    shared: &Shared,
    client: Client,
    body: Body,
    bound: Bound,
) -> Result<Bytes, Problem> {
    let (most, wait) = (bound.bytes, shared.door.config.limits.body_wait);
    let too_large = || {
        Problem::new(
            problem::TOO_LARGE,
            format!(
                "the body is longer than {} may be: {most} bytes",
                bound.what
            ),
            bound.next,
        )
    };
    if body.size_hint().lower() > most as u64 {
        return Err(too_large());
    }
    let _share = shared.bodies.take(client)?;
    let slow = |_| {
        Problem::new(
            problem::SLOW_BODY,
            format!("the body was not complete after {} ms", wait.as_millis()),
            "send it again over a faster connection",
        )
    };
    let read = tokio::time::timeout(wait, Limited::new(body, most).collect());
    match read.await.map_err(slow)? {
        Ok(collected) => Ok(collected.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => Err(too_large()),
        Err(error) => Err(Problem::new(
            problem::BAD_BODY,
            format!("the body broke off: {error}"),
            "send it again",
        )),
    }
}

async fn verify(
    shared: &Shared,
    target: Target,
    bytes: Bytes,
) -> Result<Verified<Record>, Problem> {
    let now = (shared.door.config.clock)();
    let wanted = target.branch.clone();
    // Up to 64 signatures: milliseconds that others must not wait for.
    let verified = tokio::task::spawn_blocking(move || {
        let signed = SignedRecord::new(bytes.to_vec());
        signed.verify_for(target.key_id, target.branch.as_ref(), now, None)
    });
    let verified = verified.await.map_err(|_| {
        Problem::new(
            problem::STOPPING,
            "the server is stopping",
            "ask another node",
        )
    })?;
    verified.map_err(|error| {
        let next = next_step(&error);
        Problem::new(problem::INVALID_RECORD, in_words(&error, wanted), next)
            .with_code(error.code())
    })
}

/// What is wrong, with the branch of the path: where it differs, the key ids are the same.
fn in_words(error: &RecordError, wanted: Option<Branch>) -> String {
    match (error, wanted) {
        (RecordError::OtherRecord { .. }, Some(branch)) => {
            format!("{error}, branch `{branch}`")
        }
        _ => error.to_string(),
    }
}

fn next_step(error: &RecordError) -> &'static str {
    match error {
        RecordError::Expired { .. } => {
            "sign it again with a later expiry: `dotkey zone publish` does"
        }
        RecordError::NotYetValid { .. } => {
            "wait until then, or compare the clocks of the signer and this node"
        }
        RecordError::OtherRecord { .. } => {
            "put it to the path of its own key id, with `?branch=` where it has one"
        }
        _ => "`dotkey verify FILE` shows what a record says; sign it again with `dotkey zone sign`",
    }
}

/// What the placement means for who asked.
fn outcome(shown: Shown, expected: Expected, placement: &Placement) -> Result<Placed, Problem> {
    let facts = |current| Facts {
        stored: Some(placement.stored),
        of: Some(placement.of),
        refused: refused(placement),
        current,
        ..Facts::default()
    };
    if let Some(there) = &placement.conflict {
        let as_said = match expected {
            Expected::Older => true,
            Expected::Nothing => false,
            Expected::Digest(digest) => there.digest() == digest,
        };
        let kind = if as_said {
            problem::OLDER
        } else {
            problem::CONDITION_FAILED
        };
        let detail = format!("the record there has sequence {}", there.sequence());
        let next = "fetch it, apply your change to it, and sign with a higher sequence";
        return Err(Problem::new(kind, detail, next)
            .with_facts(facts(Some(Current::of(there))))
            .with_header(header::ETAG, etag(&there.digest())));
    }
    if placement.succeeded() {
        return Ok(Placed::new(shown, placement));
    }
    let nothing = placement.refused.iter();
    let nothing = nothing.filter(|(_, refusal)| matches!(refusal, Refusal::Unexpected(None)));
    if nothing.count() > placement.of / 2 {
        let detail = "If-Match names a digest, but nothing is there";
        let next = "publish the first record with `If-None-Match: *`";
        return Err(Problem::new(problem::CONDITION_FAILED, detail, next).with_facts(facts(None)));
    }
    let detail = format!(
        "{} of the {} closest nodes stored it, and a majority is needed{}",
        placement.stored,
        placement.of,
        refusals_in_words(placement)
    );
    let lacks_disk = |(_, refusal): &(_, Refusal)| matches!(refusal, Refusal::Disk);
    let next = if placement.refused.iter().any(lacks_disk) {
        "put it again when those nodes can write to their disks; who has it keeps it; /v1/status shows the warnings of this node"
    } else {
        "put it again: who has it keeps it; /v1/status shows whether this node has peers"
    };
    Err(Problem::new(problem::TOO_FEW_NODES, detail, next).with_facts(facts(None)))
}

/// Publishes and tells how it goes. A client that leaves does not stop it.
async fn tell(
    shared: &Shared,
    share: Share,
    record: Verified<Record>,
    expected: Expected,
    events: &mpsc::Sender<Event>,
) {
    let shown = Shown::of(&record);
    let (watch, mut progress) = mpsc::channel::<Progress>(EVENTS_MAX);
    let mut publishing =
        core::pin::pin!(shared.ask(shared.node.put(record, expected, Some(watch))));
    let placement = loop {
        tokio::select! {
            // What happened before the end is told before the end.
            biased;
            Some(Progress { stored, of }) = progress.recv() => {
                let data = serde_json::json!({ "stored": stored, "of": of });
                // Lost where the client is slow: the next one says as much.
                let _ = events.try_send(Event::default().event("progress").data(data.to_string()));
            }
            placement = &mut publishing => break placement,
        }
    };
    // Its client may be slow to take the end of it.
    drop(share);
    let last = match placement.and_then(|placement| outcome(shown, expected, &placement)) {
        Ok(placed) => {
            let data = serde_json::to_string(&placed).expect("strings and numbers are JSON");
            Event::default().event("done").data(data)
        }
        Err(problem) => Event::default().event("problem").data(problem.to_json()),
    };
    // The client may have left.
    let _ = events.send(last).await;
}

fn stream(events: mpsc::Receiver<Event>) -> Response {
    let events = stream::unfold(events, |mut events| async {
        let event = events.recv().await?;
        Some((Ok::<_, Infallible>(event), events))
    });
    Sse::new(events)
        .keep_alive(KeepAlive::default())
        .into_response()
}
