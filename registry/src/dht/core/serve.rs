//! What peers ask of this node.
//!
//! Each request costs its sender tokens, and is answered at once or, where it writes, when the disk has answered. Nothing is
//! stored that was not verified here. A record with many signatures is verified beside the core, for everyone would wait for it; what its sender puts after it waits
//! behind it, so that one peer's records are stored in the order in which it sends them.

use std::sync::Arc;

use dotkey_proto::record::{Outline, SignedRecord};

use super::desk::{Checked, Cx, Examined, Judged, Shown, Underway, WRITES_MAX, Writer, check};
use super::reconcile::respond_counting;
use super::standing::{Cost, RETRY_MS};
use super::{Action, Inbound, Offence, Written};
use crate::dht::message::{
    CLOSER_MAX, ErrorCode, Expected, Refusal, Request, Response, Summary, Value, Want,
};
use crate::dht::peer::{Peer, Position};

/// Of [`WRITES_MAX`], those of one peer.
pub(super) const WRITES_OF_ONE_MAX: usize = 128;

/// Signatures up to which a record is verified at once, which takes less than half a millisecond.
pub(super) const AT_ONCE_MAX: usize = 4;

/// Records that are being verified beside the core, of those that peers put and of those that they answer with: 8 MiB if all are as long as can be, and most of
/// a second if all have as many signatures as can be.
pub(super) const VERIFYING_OF_KIND_MAX: usize = 128;

/// All of them.
pub const VERIFYING_MAX: usize = 2 * VERIFYING_OF_KIND_MAX;

/// Of one kind, those of one peer: who sends more holds up itself.
pub(super) const VERIFYING_OF_ONE_MAX: usize = 8;

const _: () = assert!(VERIFYING_OF_ONE_MAX < VERIFYING_OF_KIND_MAX);

/// What an answer costs beside its record: contacts.
const ANSWER_BYTES: usize = 2048;

/// What is read of a record to sum it up, about.
const SUMMARY_BYTES: usize = 128;

/// Answers a request, now or when the disk has.
pub(super) fn on_request(cx: &mut Cx<'_>, from: Peer, inbound: Inbound, request: Request) {
    let cut = cx.is_cut_off(&from);
    if cut || !(is_fresh(cx, &request) || admit(cx, from, Cost::Request)) {
        return busy(cx, inbound);
    }
    match request {
        Request::Get { at, want } => on_get(cx, from, inbound, at, want),
        Request::Put { record, expected } => on_put(cx, from, inbound, &record, expected),
        Request::Reconcile { clock: _, probes } => {
            let bytes = ANSWER_BYTES * probes.len();
            if !admit(cx, from, Cost::Bytes(bytes)) {
                return busy(cx, inbound);
            }
            let (compared, read) = respond_counting(&Shown(cx.view), &probes);
            // How much there is to read shows only by reading it: who has no share left for that pays with the next.
            let read = usize::try_from(read).unwrap_or(usize::MAX);
            let bytes = read.saturating_mul(SUMMARY_BYTES);
            cx.desk.standing.charge_bytes(cx.now.ms, from, bytes);
            let response = Response::Reconciled {
                clock: cx.now.calendar,
                compared,
            };
            answer(cx, inbound, response);
        }
    }
}

/// Whether this asks for what came here just now. Who was told of it by this node asks this node, as often as there are changes: that costs its
/// bytes, and no disk.
fn is_fresh(cx: &Cx<'_>, request: &Request) -> bool {
    match request {
        Request::Get {
            at,
            want: Want::Record,
        } => cx.fresh(at).is_some(),
        _ => false,
    }
}

/// The disk answered about a peer's put.
pub(super) fn on_written(cx: &mut Cx<'_>, inbound: Inbound, underway: &Underway, result: Written) {
    let response = match result {
        Written::New => {
            cx.notice(&underway.record);
            cx.announce(&underway.record);
            Response::Stored
        }
        Written::Known => Response::Stored,
        Written::Refused(refusal) => Response::Refused(refusal),
    };
    answer(cx, inbound, response);
}

fn on_get(cx: &mut Cx<'_>, from: Peer, inbound: Inbound, at: Position, want: Want) {
    let value = match want {
        Want::Contacts => None,
        Want::Summary => summary_given(cx, &at).map(Value::Summary),
        Want::Record => cx.given(&at).map(|held| Value::Record(held.bytes)),
    };
    let value = value.unwrap_or(Value::Nothing);
    let bytes = match &value {
        Value::Record(bytes) => bytes.len(),
        _ => 0,
    };
    if !admit(cx, from, Cost::Bytes(bytes + ANSWER_BYTES)) {
        return busy(cx, inbound);
    }
    let mut closer = cx.closest(&at, CLOSER_MAX + 1);
    closer.retain(|it| it.peer != from);
    closer.truncate(CLOSER_MAX);
    answer(cx, inbound, Response::Got { value, closer });
}

/// Of what [`Cx::given`] gives, without reading it.
fn summary_given(cx: &Cx<'_>, at: &Position) -> Option<Summary> {
    let kept = cx.known(at).map(|known| known.summary);
    kept.max(cx.fresh(at).map(|fresh| fresh.summary))
}

fn on_put(cx: &mut Cx<'_>, from: Peer, inbound: Inbound, bytes: &Arc<[u8]>, expected: Expected) {
    if is_full(cx, &from) || !admit(cx, from, Cost::Bytes(bytes.len())) {
        return busy(cx, inbound);
    }
    let outline = match SignedRecord::new(bytes.clone()).outline() {
        Ok(outline) => outline,
        Err(error) => {
            cx.offend(from, Offence::InvalidRecord);
            return invalid(cx, inbound, error.code());
        }
    };
    // What is held was verified when it came.
    if is_held(cx, &outline, bytes) {
        return answer(cx, inbound, Response::Stored);
    }
    let examined = Examined {
        from,
        inbound,
        expected,
    };
    let beside = cx.verified_beside(&Judged::Put(examined));
    let full = beside.of_peer >= VERIFYING_OF_ONE_MAX || beside.all >= VERIFYING_OF_KIND_MAX;
    if full || !admit(cx, from, Cost::Signatures(outline.signatures)) {
        return busy(cx, inbound);
    }
    if beside.of_peer == 0 && outline.signatures <= AT_ONCE_MAX {
        let checked = check(bytes, None, cx.now.calendar);
        return on_checked(cx, examined, checked);
    }
    let verifying = cx.verify(Judged::Put(examined), bytes.clone());
    assert!(verifying.is_some(), "there is room");
}

/// The verification of a peer's put came to an end.
pub(super) fn on_verified(cx: &mut Cx<'_>, examined: Examined, checked: Checked) {
    // Meanwhile it may have been cut off, and others may have filled what waits for the disk.
    if cx.is_cut_off(&examined.from) || is_full(cx, &examined.from) {
        return busy(cx, examined.inbound);
    }
    on_checked(cx, examined, checked);
}

fn on_checked(cx: &mut Cx<'_>, examined: Examined, checked: Checked) {
    let Examined {
        from,
        inbound,
        expected,
    } = examined;
    let record = match checked {
        Checked::Valid(record) => record,
        Checked::OutOfTime(code) => return invalid(cx, inbound, code),
        Checked::Invalid(code) => {
            cx.offend(from, Offence::InvalidRecord);
            return invalid(cx, inbound, code);
        }
    };
    let (at, summary) = (Position::of_record(&record), Summary::of(&record));
    match cx.held(&at) {
        Some(held) if held.summary == summary => answer(cx, inbound, Response::Stored),
        Some(held) if held.summary > summary => {
            let refusal = Refusal::Older(held.bytes);
            answer(cx, inbound, Response::Refused(refusal));
        }
        _ => cx.write(record, expected, Writer::Peer(from, inbound)),
    }
}

/// Whether as much of a peer's waits for the disk as may, or as much of all.
fn is_full(cx: &Cx<'_>, from: &Peer) -> bool {
    let writes = &cx.desk.writes;
    let its = |it: &&Underway| matches!(&it.writer, Writer::Peer(peer, _) if peer == from);
    writes.len() >= WRITES_MAX || writes.values().filter(its).count() >= WRITES_OF_ONE_MAX
}

/// Whether just these bytes are held: with the same digest other signatures may be on it.
fn is_held(cx: &Cx<'_>, outline: &Outline, bytes: &[u8]) -> bool {
    let at = Position::of_place(&outline.place);
    let known = cx.known(&at);
    known.is_some_and(|known| known.summary.digest == outline.digest)
        && cx.held(&at).is_some_and(|held| *held.bytes == *bytes)
}

fn admit(cx: &mut Cx<'_>, from: Peer, cost: Cost) -> bool {
    match cx.desk.standing.admit(cx.now.ms, from, cost) {
        Ok(()) => true,
        Err(offence) => {
            if let Some(offence) = offence {
                cx.offend(from, offence);
            }
            false
        }
    }
}

fn busy(cx: &mut Cx<'_>, inbound: Inbound) {
    let retry_ms = RETRY_MS;
    answer(cx, inbound, Response::Refused(Refusal::Busy { retry_ms }));
}

fn invalid(cx: &mut Cx<'_>, inbound: Inbound, code: &str) {
    let refusal = Refusal::Invalid(ErrorCode(code.to_owned()));
    answer(cx, inbound, Response::Refused(refusal));
}

fn answer(cx: &mut Cx<'_>, inbound: Inbound, response: Response) {
    cx.desk.out.push(Action::Answer { inbound, response });
}
