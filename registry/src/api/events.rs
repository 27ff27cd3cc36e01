//! Changes as a stream of server-sent events, with resume: the last ones are kept in a ring, each with an id.
//!
//! An id is the server's nonce and a number, so that one from before a restart is not taken for one of now. Who fell out of the
//! ring, or comes with an id from elsewhere, is told so by an event `reset` and goes on from now.

use core::convert::Infallible;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::extract::{Extension, State};
use axum::http::{HeaderMap, HeaderName, Uri};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use dotkey_proto::identity::KeyId;
use dotkey_proto::record::{Record, Verified};
use futures_util::stream;
use tokio::sync::{broadcast, watch};
use tokio::time::Instant;

use super::client::Client;
use super::problem::Problem;
use super::request::{self, EVENTS, Parameters};
use super::shares::Share;
use super::shown::Shown;
use super::state::Shared;

/// What a client that comes back saw last.
const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");

/// A client whose stream ends comes back after this long.
const RETRY: core::time::Duration = core::time::Duration::from_secs(1);

/// The last events.
#[derive(Debug)]
pub(crate) struct Ring {
    nonce: u64,
    capacity: usize,
    kept: Mutex<Kept>,
    /// The number of the newest.
    newest: watch::Sender<u64>,
}

#[derive(Debug, Default)]
struct Kept {
    happened: VecDeque<Happened>,
    /// The number of the last one; the first has 1.
    newest: u64,
}

#[derive(Clone, Debug)]
enum Happened {
    Changed(KeyId, Arc<Shown>),
    /// The node had more changes than this server could take.
    Lost,
}

/// What comes after an event.
#[derive(Debug)]
enum Next {
    /// This.
    Event(u64, Happened),
    /// Nothing yet.
    Nothing,
    /// What did is not kept any more.
    Gone,
}

impl Ring {
    pub(crate) fn new(nonce: u64, capacity: usize) -> Self {
        Self {
            nonce,
            capacity,
            kept: Mutex::default(),
            newest: watch::Sender::new(0),
        }
    }

    /// Takes in changes until the server stops.
    pub(crate) async fn fill(
        &self,
        mut changes: broadcast::Receiver<Verified<Record>>,
        mut stop: watch::Receiver<bool>,
    ) {
        loop {
            let change = tokio::select! {
                change = changes.recv() => change,
                _ = stop.wait_for(|stop| *stop) => return,
            };
            match change {
                Ok(record) => {
                    let shown = Arc::new(Shown::of(&record));
                    self.push(Happened::Changed(record.key_id(), shown));
                }
                Err(broadcast::error::RecvError::Lagged(_)) => self.push(Happened::Lost),
                Err(broadcast::error::RecvError::Closed) => return,
            }
        }
    }

    fn push(&self, happened: Happened) {
        let mut kept = self.kept();
        if kept.happened.len() >= self.capacity {
            kept.happened.pop_front();
        }
        kept.happened.push_back(happened);
        kept.newest += 1;
        self.newest.send_replace(kept.newest);
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        // Nothing under this lock leaves it half changed.
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn after(&self, number: u64) -> Next {
        let kept = self.kept();
        let oldest = kept.newest - kept.happened.len() as u64 + 1;
        if number >= kept.newest {
            return Next::Nothing;
        }
        let at = (number + 1).checked_sub(oldest);
        let at = at.and_then(|at| usize::try_from(at).ok());
        match at.and_then(|at| kept.happened.get(at)) {
            Some(happened) => Next::Event(number + 1, happened.clone()),
            None => Next::Gone,
        }
    }

    fn id(&self, number: u64) -> String {
        format!("{:016x}-{number}", self.nonce)
    }

    /// The number after which to go on, or why that cannot be.
    fn resume(&self, id: &str) -> Result<u64, &'static str> {
        let (nonce, number) = id.split_once('-').ok_or("the id is not one of ours")?;
        if nonce != format!("{:016x}", self.nonce) {
            return Err("the node has restarted since, or the id is from another one");
        }
        let number: u64 = number.parse().map_err(|_| "the id is not one of ours")?;
        if number > self.kept().newest {
            return Err("the id is not one of ours");
        }
        match self.after(number) {
            Next::Gone => Err("the events after it are not kept any more"),
            Next::Event(..) | Next::Nothing => Ok(number),
        }
    }
}

/// `GET /v1/events`.
pub(crate) async fn events(
    State(shared): State<Arc<Shared>>,
    Extension(client): Extension<Client>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let only = Parameters::read(&uri, &["key"])?.key()?;
    request::accepted(&headers, &[EVENTS])?;
    let share = shared.subscribers.take(client)?;
    let ring = Arc::clone(&shared.events);
    let newest = ring.newest.subscribe();
    let now = *newest.borrow();
    let (seen, lost) = match headers.get(LAST_EVENT_ID) {
        None => (now, None),
        Some(id) => match ring.resume(id.to_str().unwrap_or_default()) {
            Ok(number) => (number, None),
            Err(reason) => (now, Some(reason)),
        },
    };
    // An id without data moves the client's place: one that is cut off before the first event resumes from here.
    let hello = Event::default().retry(RETRY).id(ring.id(seen));
    let limits = &shared.door.config.limits;
    let subscriber = Subscriber {
        first: [lost.map(|reason| reset(&ring, seen, reason)), Some(hello)]
            .into_iter()
            .flatten()
            .collect(),
        ring,
        newest,
        seen,
        only,
        stop: shared.door.stop.clone(),
        until: Instant::now() + limits.stream_life,
        _share: share,
    };
    let events = stream::unfold(subscriber, async |mut subscriber| {
        let event = subscriber.next().await?;
        Some((Ok::<_, Infallible>(event), subscriber))
    });
    let heartbeat = KeepAlive::new().interval(limits.heartbeat);
    Ok(Sse::new(events).keep_alive(heartbeat).into_response())
}

struct Subscriber {
    /// To be sent before anything else, the last first.
    first: Vec<Event>,
    ring: Arc<Ring>,
    newest: watch::Receiver<u64>,
    seen: u64,
    only: Option<KeyId>,
    stop: watch::Receiver<bool>,
    until: Instant,
    _share: Share,
}

impl Subscriber {
    /// The next event. None ends the stream: its time is over, the server stops, or the client was so slow that what it should
    /// read next is gone, of which it hears when it comes back.
    async fn next(&mut self) -> Option<Event> {
        if let Some(event) = self.first.pop() {
            return Some(event);
        }
        loop {
            self.newest.mark_unchanged();
            match self.ring.after(self.seen) {
                Next::Event(number, happened) => {
                    self.seen = number;
                    if let Some(event) = self.event(happened) {
                        return Some(event);
                    }
                }
                Next::Gone => return None,
                Next::Nothing => tokio::select! {
                    changed = self.newest.changed() => changed.ok()?,
                    _ = self.stop.wait_for(|stop| *stop) => return None,
                    () = tokio::time::sleep_until(self.until) => return None,
                },
            }
        }
    }

    fn event(&self, happened: Happened) -> Option<Event> {
        match happened {
            Happened::Changed(key_id, _) if self.only.is_some_and(|only| only != key_id) => None,
            Happened::Changed(_, shown) => {
                let data = serde_json::to_string(&*shown).expect("strings and numbers are JSON");
                let event = Event::default().event("change").id(self.ring.id(self.seen));
                Some(event.data(data))
            }
            Happened::Lost => Some(reset(
                &self.ring,
                self.seen,
                "the node had too many changes at once",
            )),
        }
    }
}

fn reset(ring: &Ring, number: u64, reason: &str) -> Event {
    let data = serde_json::json!({ "reason": reason });
    let event = Event::default().event("reset").id(ring.id(number));
    event.data(data.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ring_keeps_the_last_and_knows_what_is_gone() {
        let ring = Ring::new(0xab, 3);
        assert!(matches!(ring.after(0), Next::Nothing));
        for _ in 0..5 {
            ring.push(Happened::Lost);
        }
        let check = |number: u64, expected: &str| {
            let next = match ring.after(number) {
                Next::Event(number, _) => number.to_string(),
                Next::Nothing => "nothing".into(),
                Next::Gone => "gone".into(),
            };
            assert_eq!(next, expected, "after {number}");
        };
        check(0, "gone");
        check(1, "gone");
        check(2, "3");
        check(4, "5");
        check(5, "nothing");
        check(u64::MAX, "nothing");
    }

    #[test]
    fn only_ids_of_this_server_resume() {
        let ring = Ring::new(0xab, 3);
        for _ in 0..5 {
            ring.push(Happened::Lost);
        }
        let check =
            |id: &str, expected: Option<u64>| assert_eq!(ring.resume(id).ok(), expected, "{id}");
        check(&ring.id(5), Some(5));
        check(&ring.id(2), Some(2));
        check(&ring.id(1), None);
        check(&ring.id(6), None);
        check("00000000000000ac-5", None);
        check("00000000000000ab-", None);
        check("00000000000000ab-18446744073709551616", None);
        check("5", None);
        check("", None);
    }
}
