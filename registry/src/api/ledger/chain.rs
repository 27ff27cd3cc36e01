//! The network itself: its genesis, how far it is, its blocks.

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderValue, Uri, header};
use axum::response::{IntoResponse, Response};
use dotkey_proto::cbor::MapWriter;
use dotkey_proto::ledger::Candidate;
use serde::Serialize;

use super::evidence::Accused;
use super::{FOR_EVER, SharedState, ask, problems, tagged, until_next_block};
use crate::api::problem::{self, Problem};
use crate::api::request::{self, CBOR, JSON, Parameters, quoted};
use crate::hex::hex;
use crate::ledger::{Chain, ChainError};
use crate::node::ledger::{Ledger, LedgerStatus, Unanswered};

/// `GET /v1/genesis`.
pub(crate) async fn genesis(
    State(shared): SharedState,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    Parameters::read(&uri, &[])?;
    request::accepted(&headers, &[CBOR])?;
    let ledger = shared.node.ledger().ok_or_else(problems::no_ledger)?;
    let bytes = ledger.genesis().as_bytes().to_vec();
    // A node may follow another network after its next start.
    Ok(tagged(&headers, CBOR, "no-cache", bytes))
}

/// `GET /v1/checkpoints/latest`.
pub(crate) async fn latest(
    State(shared): SharedState,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    Parameters::read(&uri, &[])?;
    request::accepted(&headers, &[CBOR])?;
    let question = |ledger: Ledger| {
        let unanswered = |error| problems::unanswered(&error);
        let newest = ledger.read(Chain::certified).map_err(unanswered)?;
        let height = newest.ok_or_else(|| unanswered(Unanswered::Uncertified))?;
        let parts = ledger.read(|chain| Ok((chain.header(height)?, chain.certificate(height)?)));
        let (Some(header), Some(certificate)) = parts.map_err(unanswered)? else {
            return Err(unanswered(Unanswered::Uncertified));
        };
        let mut map = MapWriter::new();
        map.set_bytes(1, &header.encode());
        map.set_bytes(2, &certificate.encode());
        Ok((map.to_bytes(), until_next_block(&ledger)))
    };
    let (body, cache) = ask(&shared, question).await?;
    Ok(tagged(&headers, CBOR, &cache, body))
}

/// `GET /v1/blocks/{height}`.
pub(crate) async fn block(
    State(shared): SharedState,
    path: Result<Path<String>, PathRejection>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    Parameters::read(&uri, &[])?;
    request::accepted(&headers, &[CBOR])?;
    let height = height(path)?;
    let question = move |ledger: Ledger| {
        let block = ledger.read(|chain| encode_block(chain, height));
        let block = block.map_err(|error| problems::unanswered(&error))?;
        block.ok_or_else(|| {
            Problem::new(
                problem::NO_BLOCK,
                format!("this node has no block {height}"),
                "see at /v1/ledger which is the newest; a node that began with a snapshot has no older ones",
            )
        })
    };
    let body = ask(&shared, question).await?;
    Ok(tagged(&headers, CBOR, FOR_EVER, body))
}

fn height(path: Result<Path<String>, PathRejection>) -> Result<u64, Problem> {
    let bad = |detail: String| {
        let next = "give the number of a block, from 0";
        Problem::new(problem::BAD_HEIGHT, detail, next)
    };
    let Path(text) = path.map_err(|_| bad("the path is not UTF-8".to_owned()))?;
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let height = text.parse().ok().filter(|_| digits);
    height.ok_or_else(|| bad(format!("{} is no height", quoted(&text))))
}

/// Header, transactions, and the certificate where it has one of its own.
fn encode_block(chain: &Chain, height: u64) -> Result<Option<Vec<u8>>, ChainError> {
    let (Some(header), Some(body)) = (chain.header(height)?, chain.body(height)?) else {
        return Ok(None);
    };
    let mut map = MapWriter::new();
    map.set_bytes(1, &header.encode());
    map.set_bytes(2, &body.encode());
    if let Some(certificate) = chain.certificate(height)? {
        map.set_bytes(3, &certificate.encode());
    }
    Ok(Some(map.to_bytes()))
}

/// Proofs of faults that stand beside the rest: all of them are at `/v1/evidence`.
const ACCUSED_MAX: usize = 16;

/// How the network is, as this node sees it.
#[derive(Serialize)]
struct LedgerView {
    #[serde(flatten)]
    status: LedgerStatus,
    epoch_blocks: u64,
    state_root: String,
    validators: Vec<ValidatorView>,
    costs: Costs,
    barred: Vec<String>,
    accused: Vec<Accused>,
}

#[derive(Serialize)]
struct ValidatorView {
    identity: String,
    address: String,
    /// In this epoch.
    voting: bool,
    /// From the next epoch on, as it stands now.
    next: bool,
}

/// What a stamp made now has to be.
#[derive(Serialize)]
struct Costs {
    stamp_bits: u64,
    demand: u64,
    beacon: BeaconView,
}

#[derive(Serialize)]
struct BeaconView {
    hour: u64,
    digest: String,
}

/// `GET /v1/ledger`.
pub(crate) async fn ledger(State(shared): SharedState, uri: Uri) -> Result<Response, Problem> {
    Parameters::read(&uri, &[])?;
    let view = ask(&shared, |ledger| {
        let view = view_of(&ledger);
        view.map_err(|error| problems::unanswered(&error))
    });
    let kind = [
        (header::CONTENT_TYPE, HeaderValue::from_static(JSON)),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
    ];
    let view = serde_json::to_vec(&view.await?).expect("strings and numbers are JSON");
    Ok((kind, view).into_response())
}

fn view_of(ledger: &Ledger) -> Result<LedgerView, Unanswered> {
    let status = ledger.status();
    let (state_root, seats, newest, charter) = ledger.read(|chain| {
        Ok((
            chain.tip().state_root,
            chain.seats()?,
            chain.beacons()?.newest(),
            chain.charter().clone(),
        ))
    })?;
    let mut validators: Vec<ValidatorView> = Vec::new();
    for (seats, voting) in [(&seats.current, true), (&seats.next, false)] {
        for seat in seats {
            let identity = hex(&seat.identity);
            if let Some(known) = validators.iter_mut().find(|one| one.identity == identity) {
                known.next |= !voting;
                continue;
            }
            let address = Candidate::decode(&seat.candidate).map(|one| one.address);
            validators.push(ValidatorView {
                identity,
                address: address.unwrap_or_default(),
                voting,
                next: !voting,
            });
        }
    }
    let evidence = ledger.evidence();
    let accused = evidence.iter().take(ACCUSED_MAX).map(Accused::of);
    Ok(LedgerView {
        status,
        epoch_blocks: charter.epoch_blocks,
        state_root: hex(&state_root),
        validators,
        costs: Costs {
            stamp_bits: charter.stamp_bits,
            demand: newest.demand,
            beacon: BeaconView {
                hour: newest.beacon.hour,
                digest: hex(&newest.beacon.digest),
            },
        },
        barred: seats.barred.iter().map(|one| hex(one)).collect(),
        accused: accused.collect(),
    })
}
