//! One try at one provider.

use core::pin::pin;
use core::time::Duration;
use std::sync::Arc;
use std::time::Instant;

use http::{Request, Response, StatusCode, Version};
use hyper::body::Incoming;
use tokio::time::{timeout, timeout_at};

use super::body::{Carried, Outgoing};
use super::headers::{is_plainly_framed, to_visitor};
use super::lines::{InUse, Lines, Open, Unsent};
use super::progress::Turn;
use super::request::Given;
use super::served::{Served, Undone};
use crate::choose::{Choice, Ending, Failure};
use crate::traces::TryTraced;

/// A provider that has a request. However this ends, its pool hears of it, also when the visitor goes away.
pub(super) struct Attempt<'a> {
    served: &'a Served,
    pub(super) choice: Choice,
    begun: Instant,
    ended: bool,
    pub(super) traced: Option<TryTraced>,
}

/// A try's end.
pub(super) type Tried = Result<Response<Carried>, Failed>;

/// What a try came to that was no answer.
pub(super) struct Failed {
    pub(super) failure: Failure,
    pub(super) why: String,
    /// Where it is the visitor's doing: its body broke off, stalled, or was none.
    pub(super) visitor: Option<Undone>,
    /// Whether the provider may have read any of it.
    pub(super) sent: bool,
    /// The body, where not a byte of it has left.
    pub(super) body: Option<Outgoing>,
}

impl Failed {
    fn unsent(error: &super::connect::ConnectError, body: Outgoing) -> Self {
        Self {
            failure: error.failure(),
            why: error.to_string(),
            visitor: None,
            sent: false,
            body: Some(body),
        }
    }

    fn broken(unsent: Unsent) -> Self {
        let malformed = unsent.error.is_parse();
        let why = if malformed {
            "its answer is not HTTP"
        } else {
            "the connection ended before the answer"
        };
        Self {
            failure: if malformed {
                Failure::Malformed
            } else {
                Failure::Broken
            },
            why: format!("{why}: {}", unsent.error),
            // What we hand to hyper is the visitor's body: nothing else of ours can fail.
            visitor: unsent.error.is_user().then_some(Undone::Visitor),
            sent: unsent.request.is_none(),
            body: unsent.request.map(http::Request::into_body),
        }
    }

    fn malformed(why: &str) -> Self {
        Self {
            failure: Failure::Malformed,
            why: why.to_owned(),
            visitor: None,
            sent: true,
            body: None,
        }
    }

    /// The visitor has not sent its body, for too long or until the whole answer was due.
    fn of_visitor(deadline: Option<Instant>) -> Self {
        let is_late = deadline.is_some_and(|at| at <= Instant::now());
        let undone = if is_late {
            Undone::TooLate
        } else {
            Undone::Stalled
        };
        Self {
            visitor: Some(undone),
            ..Self::malformed("the visitor sent no more of its body")
        }
    }

    fn silent(waited: Duration) -> Self {
        Self {
            failure: Failure::Silent,
            why: format!("no answer within {} ms", waited.as_millis()),
            visitor: None,
            sent: true,
            body: None,
        }
    }
}

impl<'a> Attempt<'a> {
    pub(super) fn new(served: &'a Served, choice: Choice, given: &Given, hedge: bool) -> Self {
        Self {
            served,
            traced: given.try_at(&choice.provider, hedge),
            choice,
            begun: Instant::now(),
            ended: false,
        }
    }

    pub(super) fn took(&self) -> Duration {
        self.begun.elapsed()
    }

    pub(super) fn end(&mut self, ending: Ending) {
        if !self.ended {
            self.ended = true;
            let took = self.took();
            let now = self.served.now();
            let member = self.choice.member;
            let ejected = self.served.pool().end(now, member, took, ending);
            if ejected && let Ending::Failed(failure) = ending {
                let provider = &self.choice.provider;
                tracing::warn!(
                    id = &*provider.id,
                    url = provider.url.as_str(),
                    why = failure.word(),
                    "a provider is ejected for a while"
                );
            }
        }
    }

    /// Sends the request and waits for the head of the answer.
    pub(super) async fn ask(&mut self, given: &Given, body: Outgoing) -> Tried {
        let asked = self.asked(given, body).await;
        self.end(match &asked {
            Ok(answer) => ending_of(answer.status()),
            Err(failed) if failed.visitor.is_some() => Ending::Abandoned,
            Err(failed) => Ending::Failed(failed.failure),
        });
        if let Some(traced) = &mut self.traced {
            match &asked {
                Ok(answer) => traced.answered(answer.status().as_u16()),
                Err(failed) if failed.visitor.is_some() => traced.failed("visitor", &failed.why),
                Err(failed) => traced.failed(failed.failure.word(), &failed.why),
            }
        }
        asked
    }

    /// What goes over the connection `open`.
    fn request(&self, given: &Given, body: Outgoing, open: &Open) -> Request<Outgoing> {
        let mut request = given.request(body, &self.choice.provider, open);
        if let Some(traced) = &self.traced {
            traced.pass_on(request.headers_mut());
        }
        request
    }

    async fn asked(&self, given: &Given, body: Outgoing) -> Tried {
        let (limit, first_byte) = self.served.patience(given.deadline());
        let lines = self.served.lines(&self.choice);
        let open = match lines.open(limit, given.is_idempotent()).await {
            Ok(open) => open,
            Err(error) => return Err(Failed::unsent(&error, body)),
        };
        let progress = body.progress();
        let answer = self.send(&lines, open, given, body, limit);
        let Some(progress) = progress else {
            let answer = timeout(first_byte, answer).await;
            return answer.unwrap_or_else(|_| Err(Failed::silent(first_byte)));
        };
        // A provider is not silent while the visitor still speaks.
        let mut answer = pin!(answer);
        loop {
            let turn = progress.turn();
            let ends = turn.ends(first_byte).into_iter().chain(given.deadline());
            let Some(ends) = ends.min() else {
                return answer.await;
            };
            if let Ok(answer) = timeout_at(ends.into(), answer.as_mut()).await {
                return answer;
            }
            match progress.turn() {
                now if now != turn => {}
                Turn::Visitor(_) => return Err(Failed::of_visitor(given.deadline())),
                Turn::Provider(_) => return Err(Failed::silent(first_byte)),
            }
        }
    }

    /// A connection that had waited may have been closed meanwhile, which says nothing of the provider: a new one takes its place,
    /// once, where not a byte was sent, or where what was sent may be sent again (RFC 9110 section 9.2.2).
    async fn send(
        &self,
        lines: &Arc<Lines>,
        open: Open,
        given: &Given,
        body: Outgoing,
        limit: Duration,
    ) -> Tried {
        let had_waited = open.had_waited();
        let request = self.request(given, body, &open);
        let body = match open.send(request).await {
            Ok(answer) => return carried(answer),
            Err(mut unsent) => match unsent.request.take() {
                Some(request) => request.into_body(),
                None if !had_waited || unsent.error.is_parse() || unsent.error.is_user() => {
                    return Err(Failed::broken(unsent));
                }
                None => match given.body_again() {
                    Some(body) => body,
                    None => return Err(Failed::broken(unsent)),
                },
            },
        };
        let open = match lines.connect(limit).await {
            Ok(open) => open,
            Err(error) => return Err(Failed::unsent(&error, body)),
        };
        let request = self.request(given, body, &open);
        let answer = open.send(request).await;
        answer.map_err(Failed::broken).and_then(carried)
    }
}

impl Drop for Attempt<'_> {
    fn drop(&mut self) {
        self.end(Ending::Abandoned);
    }
}

fn carried((answer, line): (Response<Incoming>, Option<InUse>)) -> Tried {
    let (mut parts, body) = answer.into_parts();
    if parts.status == StatusCode::SWITCHING_PROTOCOLS {
        return Err(Failed::malformed(
            "it went over to another protocol, which nobody asked for",
        ));
    }
    if !is_plainly_framed(&parts.headers) {
        return Err(Failed::malformed(
            "its answer has a transfer coding besides `chunked`",
        ));
    }
    to_visitor(&mut parts.headers);
    // What it speaks is between it and us.
    parts.version = Version::default();
    Ok(Response::from_parts(parts, Carried::provider(body, line)))
}

/// What an answer says of the provider. That it cannot do what was asked is no fault; that it failed at it is one.
pub(super) fn ending_of(status: StatusCode) -> Ending {
    let unable = [
        StatusCode::NOT_IMPLEMENTED,
        StatusCode::HTTP_VERSION_NOT_SUPPORTED,
    ];
    if status.is_server_error() && !unable.contains(&status) {
        Ending::Failed(Failure::Status)
    } else {
        Ending::Answered
    }
}

/// Whether an answer is the visitor's, rather than one that says that the provider, or who is behind it, is not there: then another may
/// do better.
pub(super) fn is_done<B>(answer: &Response<B>) -> bool {
    let away = [
        StatusCode::BAD_GATEWAY,
        StatusCode::SERVICE_UNAVAILABLE,
        StatusCode::GATEWAY_TIMEOUT,
    ];
    !away.contains(&answer.status())
}
