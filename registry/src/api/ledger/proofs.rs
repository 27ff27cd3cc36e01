//! `GET /v1/names/{name}` and `GET /v1/identities/{key id}`: what the ledger holds, with all that it takes to believe it; of a name
//! also what its holder published, so that a light client has both in one round trip.

use core::time::Duration;

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, Uri};
use axum::response::Response;
use dotkey_proto::identity::KeyId;
use dotkey_proto::ledger::{Account, Entry, Finding, Pin, Proof, Subject, Tenure};
use dotkey_proto::name::{Name, Root, Suffix};
use dotkey_proto::time::Timestamp;
use serde::Serialize;

use super::{SharedState, ask, problems, tagged, until_next_block};
use crate::api::problem::{self, Problem};
use crate::api::request::{self, CBOR, JSON, Parameters, Target, quoted};
use crate::api::state::Shared;
use crate::dht::core::Effort;
use crate::hex::hex;
use crate::ledger::rules::free_at;
use crate::node::ledger::Ledger;

/// How long a proof waits for the record that goes with it. Clients give a node 4 s: the proof alone must reach them by then.
const RECORD_WAIT: Duration = Duration::from_secs(2);

/// `GET /v1/names/{name}`.
pub(crate) async fn name(
    State(shared): SharedState,
    path: Result<Path<String>, PathRejection>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let label = label(path)?;
    let parameters = Parameters::read(&uri, &["epoch", "with"])?;
    let epoch = parameters.epoch()?;
    if parameters.with_record()? {
        // The view for people has no place for one.
        let kind = request::accepted(&headers, &[CBOR])?;
        let body = proof_with_record(&shared, label, epoch).await?;
        return Ok(tagged(&headers, kind, "no-cache", body));
    }
    let kind = request::accepted(&headers, &[CBOR, JSON])?;
    let now = (shared.door.config.clock)();
    let question = move |ledger: Ledger| {
        let subject = Subject::Name(label.clone());
        let body = match kind {
            JSON => json(&view_of_name(&ledger, &label, now)?),
            _ => proof(&ledger, &subject, epoch)?,
        };
        Ok((body, until_next_block(&ledger)))
    };
    let (body, cache) = ask(&shared, question).await?;
    Ok(tagged(&headers, kind, &cache, body))
}

/// `GET /v1/identities/{key id}`.
pub(crate) async fn identity(
    State(shared): SharedState,
    path: Result<Path<String>, PathRejection>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let Path(text) = path.map_err(|_| not_utf8())?;
    let key_id = request::key_id(&text)?;
    let epoch = Parameters::read(&uri, &["epoch"])?.epoch()?;
    let kind = request::accepted(&headers, &[CBOR, JSON])?;
    let now = (shared.door.config.clock)();
    let question = move |ledger: Ledger| {
        let body = match kind {
            JSON => json(&view_of_identity(&ledger, key_id, now)?),
            _ => proof(&ledger, &Subject::Identity(key_id), epoch)?,
        };
        Ok((body, until_next_block(&ledger)))
    };
    let (body, cache) = ask(&shared, question).await?;
    Ok(tagged(&headers, kind, &cache, body))
}

fn not_utf8() -> Problem {
    Problem::new(
        problem::BAD_NAME,
        "the path is not UTF-8",
        "give a name such as `mysite.key`",
    )
}

/// The claimable label that a name ends in.
fn label(path: Result<Path<String>, PathRejection>) -> Result<String, Problem> {
    let Path(text) = path.map_err(|_| not_utf8())?;
    let name = Name::parse(&text, &Suffix::KEY).map_err(|error| {
        Problem::new(
            problem::BAD_NAME,
            error.to_string(),
            "give a name such as `mysite.key`",
        )
    })?;
    match name.root() {
        Root::Claimed => Ok(name.root_label().to_owned()),
        _ => Err(Problem::new(
            problem::BAD_NAME,
            format!(
                "{} belongs to its key, whatever the ledger says",
                quoted(&text)
            ),
            "ask for its record, or for /v1/identities/ with its key id",
        )),
    }
}

fn proof(ledger: &Ledger, subject: &Subject, epoch: u64) -> Result<Vec<u8>, Problem> {
    let bundle = ledger.prove(subject, epoch);
    Ok(bundle
        .map_err(|error| problems::unanswered(&error))?
        .encode())
}

/// The proof of a name, and what its holder published where that comes in time. Who gets the proof alone asks for the record by
/// itself, and hears then why there is none.
async fn proof_with_record(shared: &Shared, label: String, epoch: u64) -> Result<Vec<u8>, Problem> {
    let now = (shared.door.config.clock)();
    let question = move |ledger: Ledger| {
        let bundle = ledger.prove(&Subject::Name(label), epoch);
        let bundle = bundle.map_err(|error| problems::unanswered(&error))?;
        let holder = holder(&ledger, &bundle.proof, now)?;
        Ok((bundle, holder))
    };
    let (mut bundle, holder) = ask(shared, question).await?;
    if let Some(key_id) = holder {
        bundle.record = record_of(shared, key_id).await;
    }
    Ok(bundle.encode())
}

/// Who holds the name by the rule that a client goes by: a record beside a name that is free makes a bundle worthless.
fn holder(ledger: &Ledger, proof: &Proof, now: Timestamp) -> Result<Option<KeyId>, Problem> {
    let Finding::Held(value) = &proof.finding else {
        return Ok(None);
    };
    let entry = Entry::decode(value).map_err(problems::malformed)?;
    let parameters = &ledger.genesis().parameters;
    Ok(Tenure::new(Some(&entry), parameters, proof.header.time, now).holder())
}

/// As `/v1/records/` gives it, where that answers in time.
async fn record_of(shared: &Shared, key_id: KeyId) -> Option<Vec<u8>> {
    let target = Target {
        key_id,
        branch: None,
    };
    let get = shared.node.get(target.position(), Effort::Usual);
    let got = shared.ask_within(RECORD_WAIT, get).await.ok()?;
    let now = (shared.door.config.clock)();
    let record = got.record.filter(|record| record.expires() > now)?;
    Some(record.as_bytes().to_vec())
}

fn json<T: Serialize>(view: &T) -> Vec<u8> {
    serde_json::to_vec(view).expect("strings and numbers are JSON")
}

/// What a person or a script wants to know, which nothing here proves.
#[derive(Serialize)]
struct NameView {
    name: String,
    /// `held`, `grace` (only its holder can renew it) or `free`.
    state: &'static str,
    owner: Option<String>,
    since: Option<u64>,
    expires: Option<u64>,
    grace_until: Option<u64>,
    policy: Option<PinView>,
    claim: Cost,
    #[serde(flatten)]
    block: BlockView,
}

#[derive(Serialize)]
struct Cost {
    stamp_bits: u64,
}

#[derive(Serialize)]
struct PinView {
    number: u32,
    digest: String,
    least_sequence: Option<u64>,
}

impl PinView {
    fn of(pin: &Pin) -> Self {
        Self {
            number: pin.number,
            digest: hex(&pin.digest),
            least_sequence: pin.least_sequence,
        }
    }
}

#[derive(Serialize)]
struct IdentityView {
    key_id: String,
    nonce: u64,
    policy: Option<PinView>,
    names: Vec<String>,
    commitments: usize,
    #[serde(flatten)]
    block: BlockView,
}

/// The block that a view is of.
#[derive(Serialize)]
struct BlockView {
    height: u64,
    time: u64,
    age_seconds: u64,
    /// So that no script takes it for more.
    verified: bool,
}

fn view_of_name(ledger: &Ledger, label: &str, now: Timestamp) -> Result<NameView, Problem> {
    let bundle = ledger.prove_alone(&Subject::Name(label.to_owned()));
    let proof = bundle.map_err(|error| problems::unanswered(&error))?;
    let read = |error| problems::unanswered(&error);
    let entry = match &proof.finding {
        Finding::Held(value) => Some(Entry::decode(value).map_err(problems::malformed)?),
        _ => None,
    };
    let demand = ledger.read(|chain| Ok(chain.beacons()?.newest().demand));
    let demand = demand.map_err(read)?;
    let charter = ledger
        .read(|chain| Ok(chain.charter().clone()))
        .map_err(read)?;
    let free = entry.as_ref().map(|entry| free_at(&charter, entry));
    let state = match (&entry, free) {
        (Some(entry), _) if now < entry.lease_ends => "held",
        (Some(_), Some(free)) if now < free => "grace",
        _ => "free",
    };
    let block = block_of(&proof.header, now);
    let entry = entry.as_ref();
    Ok(NameView {
        name: format!("{label}.{}", Suffix::KEY),
        state,
        owner: entry.map(|entry| entry.key_id.to_string()),
        since: entry.map(|entry| entry.claimed.as_secs()),
        expires: entry.map(|entry| entry.lease_ends.as_secs()),
        grace_until: free.map(Timestamp::as_secs),
        policy: entry.and_then(|entry| entry.pin.as_ref()).map(PinView::of),
        claim: Cost {
            stamp_bits: charter.claim_bits(label, demand),
        },
        block,
    })
}

fn view_of_identity(
    ledger: &Ledger,
    key_id: KeyId,
    now: Timestamp,
) -> Result<IdentityView, Problem> {
    let proof = ledger.prove_alone(&Subject::Identity(key_id));
    let proof = proof.map_err(|error| problems::unanswered(&error))?;
    let account = match &proof.finding {
        Finding::Held(value) => Account::decode(value).map_err(problems::malformed)?,
        _ => Account::default(),
    };
    Ok(IdentityView {
        key_id: key_id.to_string(),
        nonce: account.nonce,
        policy: account.pin.as_ref().map(PinView::of),
        names: account.names,
        commitments: account.commitments.len(),
        block: block_of(&proof.header, now),
    })
}

fn block_of(header: &dotkey_proto::ledger::Header, now: Timestamp) -> BlockView {
    BlockView {
        height: header.height,
        time: header.time.as_secs(),
        age_seconds: now.secs_since(header.time),
        verified: false,
    }
}
