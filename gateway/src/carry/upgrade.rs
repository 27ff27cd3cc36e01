//! Protocols that take a connection over, such as WebSocket: the opening is HTTP, what follows is bytes in both directions.

use std::sync::Arc;
use std::time::Instant;

use http::{HeaderMap, HeaderName, HeaderValue, Request, Response, StatusCode, Version, header};
use http_body::Body;
use hyper::client::conn::http1;
use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper_util::rt::TokioIo;
use tokio::io::copy_bidirectional;
use tokio::time::timeout;

use super::attempt::{Attempt, ending_of};
use super::body::{Carried, Outgoing};
use super::headers::to_visitor;
use super::request::Given;
use super::served::{Asked, CameTo, Served, Spent, Try, Undone};
use crate::choose::{Ending, Failure, MemberId, Wish};

/// Protocols that would be HTTP again, in requests that nobody has looked at.
const NEVER: [&str; 4] = ["h2c", "h2", "http", "tls"];

/// The protocols that a request wants to go over to, over HTTP/1.1 (RFC 9110 section 7.8). None where it has a body, which belongs before
/// them: it is carried as any other, and the provider hears of no other protocol.
#[must_use]
pub fn wanted<B: Body>(request: &Request<B>) -> Option<HeaderValue> {
    let headers = request.headers();
    if !headers.contains_key(header::UPGRADE)
        || request.version() != Version::HTTP_11
        || !request.body().is_end_stream()
    {
        return None;
    }
    let is_named =
        tokens(headers, header::CONNECTION).any(|one| one.eq_ignore_ascii_case("upgrade"));
    let wanted = tokens(headers, header::UPGRADE).filter(|protocol| {
        let name = protocol.split('/').next().unwrap_or_default();
        !NEVER.iter().any(|never| never.eq_ignore_ascii_case(name))
    });
    let wanted: Vec<&str> = wanted.collect();
    let is_wanted = is_named && !wanted.is_empty();
    is_wanted
        .then(|| HeaderValue::from_str(&wanted.join(", ")).ok())
        .flatten()
}

/// The members of a list, which may stand in several lines.
fn tokens(headers: &HeaderMap, name: HeaderName) -> impl Iterator<Item = &str> {
    let lines = headers.get_all(name).into_iter();
    let text = lines.filter_map(|line| line.to_str().ok());
    text.flat_map(|line| line.split(','))
        .map(str::trim)
        .filter(|token| !token.is_empty())
}

impl Served {
    /// Carries a request that wants to go over to `protocol`. Until a provider has agreed, others are tried when one cannot be
    /// connected to.
    ///
    /// # Errors
    /// As [`Served::carry`].
    pub async fn carry_upgrade(
        self: &Arc<Self>,
        mut given: Given,
        protocol: HeaderValue,
        visitor: OnUpgrade,
        wish: Wish<'_>,
        spent: &mut Spent,
    ) -> Result<Response<Carried>, Undone> {
        let headers = given.headers_mut();
        headers.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
        headers.insert(header::UPGRADE, protocol);
        let begun = Instant::now();
        given.end_by(self.begin().map(|whole| begun + whole));
        let mut tried = Asked::new();
        loop {
            let choice = self.next(wish, &tried)?;
            tried.push(choice.member);
            let mut attempt = Attempt::new(self, choice, &given, false);
            let opened = self.open_upgrade(&attempt, &given).await;
            let (ending, came_to) = match &opened {
                Ok(answer) => {
                    let status = answer.status();
                    (ending_of(status), CameTo::Status(status))
                }
                Err((failure, why, _)) => {
                    let nothing = CameTo::Nothing(*failure, why.as_str().into());
                    (Ending::Failed(*failure), nothing)
                }
            };
            attempt.end(ending);
            if let Some(traced) = &mut attempt.traced {
                match &opened {
                    Ok(answer) => traced.answered(answer.status().as_u16()),
                    Err((failure, why, _)) => traced.failed(failure.word(), why),
                }
            }
            spent.tries.push(Try {
                provider: attempt.choice.provider.clone(),
                took: attempt.took(),
                came_to,
                hedge: false,
            });
            match opened {
                Ok(answer) => {
                    let taken = || TakenOver::new(self, attempt.choice.member);
                    return Ok(go_over(answer, visitor, taken));
                }
                Err((_, _, sent)) => {
                    self.may_go_on(&given, sent)?;
                    if !spent.may_go_on(begun.elapsed(), self.patience(None).0) {
                        return Err(Undone::Failed);
                    }
                }
            }
        }
    }

    async fn open_upgrade(
        &self,
        attempt: &Attempt<'_>,
        given: &Given,
    ) -> Result<Response<hyper::body::Incoming>, (Failure, String, bool)> {
        let (limit, first_byte) = self.patience(given.deadline());
        let lines = self.lines(&attempt.choice);
        let wire = lines.take_over(limit).await;
        let wire = wire.map_err(|error| (error.failure(), error.to_string(), false))?;
        let broken = |error: hyper::Error| (Failure::Broken, error.to_string(), true);
        let (mut sender, connection) = http1::handshake::<_, Outgoing>(TokioIo::new(wire))
            .await
            .map_err(broken)?;
        tokio::spawn(connection.with_upgrades());
        let (method, uri, mut headers) = given.opening(&attempt.choice.provider);
        if let Some(traced) = &attempt.traced {
            traced.pass_on(&mut headers);
        }
        let mut request = Request::new(Outgoing::Empty);
        (
            *request.method_mut(),
            *request.uri_mut(),
            *request.headers_mut(),
        ) = (method, uri, headers);
        let answer = timeout(first_byte, sender.send_request(request)).await;
        let silent = |_| (Failure::Silent, "no answer in time".to_owned(), true);
        answer.map_err(silent)?.map_err(broken)
    }
}

/// A connection that has a place at its provider for as long as bytes go both ways.
struct TakenOver {
    served: Arc<Served>,
    member: MemberId,
}

impl TakenOver {
    fn new(served: &Arc<Served>, member: MemberId) -> Self {
        served.pool().take_over(member);
        let served = served.clone();
        Self { served, member }
    }
}

impl Drop for TakenOver {
    fn drop(&mut self) {
        self.served.pool().let_go(self.member);
    }
}

/// Where the provider agrees, bytes go both ways for as long as both sides want.
fn go_over(
    mut answer: Response<hyper::body::Incoming>,
    visitor: OnUpgrade,
    taken: impl FnOnce() -> TakenOver,
) -> Response<Carried> {
    if answer.status() != StatusCode::SWITCHING_PROTOCOLS {
        let (mut parts, body) = answer.into_parts();
        let wanted = parts.headers.remove(header::UPGRADE);
        to_visitor(&mut parts.headers);
        if let Some(wanted) = wanted
            && parts.status == StatusCode::UPGRADE_REQUIRED
        {
            // RFC 9110 section 15.5.22: it says which protocol.
            let upgrade = HeaderValue::from_static("upgrade");
            parts.headers.insert(header::CONNECTION, upgrade);
            parts.headers.insert(header::UPGRADE, wanted);
        }
        return Response::from_parts(parts, Carried::provider(body, None));
    }
    let provider = hyper::upgrade::on(&mut answer);
    let (parts, _) = answer.into_parts();
    let taken = taken();
    tokio::spawn(async move {
        let _taken = taken;
        if let (Ok(visitor), Ok(provider)) = (visitor.await, provider.await) {
            both_ways(visitor, provider).await;
        }
    });
    Response::from_parts(parts, Carried::whole(bytes::Bytes::new()))
}

async fn both_ways(visitor: Upgraded, provider: Upgraded) {
    let (mut visitor, mut provider) = (TokioIo::new(visitor), TokioIo::new(provider));
    // That one side is gone is no news to anyone.
    copy_bidirectional(&mut visitor, &mut provider).await.ok();
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use http_body_util::Full;

    use super::*;

    fn check(fields: &[(&str, &str)], expected: Option<&str>) {
        let wanted = |body: &'static str, version| {
            let mut request = Request::builder().version(version);
            for (name, value) in fields {
                request = request.header(*name, *value);
            }
            let request = request.body(Full::<Bytes>::from(body));
            wanted(&request.expect("a request"))
        };
        let found = wanted("", Version::HTTP_11);
        let found = found.as_ref().map(|found| found.to_str().expect("text"));
        assert_eq!(found, expected, "{fields:?}");
        assert_eq!(wanted("", Version::HTTP_10), None, "{fields:?}");
        assert_eq!(wanted("", Version::HTTP_2), None, "{fields:?}");
        assert_eq!(wanted("a body", Version::HTTP_11), None, "{fields:?}");
    }

    #[test]
    fn what_is_wanted_is_read_from_all_lines() {
        let named = ("connection", "keep-alive, Upgrade");
        check(&[], None);
        check(&[named], None);
        check(&[("upgrade", "websocket")], None);
        check(&[("upgrade", "websocket"), ("connection", "close")], None);
        check(&[named, ("upgrade", "WebSocket")], Some("WebSocket"));
        let apart = [("connection", "keep-alive"), ("connection", "upgrade")];
        check(&[apart[0], apart[1], ("upgrade", "echo/2")], Some("echo/2"));
        check(
            &[named, ("upgrade", "a,, b"), ("upgrade", "c")],
            Some("a, b, c"),
        );
        for again in ["h2c", "H2C", "h2", "HTTP/2.0", "TLS/1.2", "h2c, http/2.0"] {
            check(&[named, ("upgrade", again)], None);
        }
        check(&[named, ("upgrade", "h2c, websocket")], Some("websocket"));
    }
}
