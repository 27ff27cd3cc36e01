//! Checks of our own: whether a provider is well is asked before visitors find out.

use core::time::Duration;
use std::sync::{Arc, Weak};

use bytes::Bytes;
use dotkey_proto::zone::{Protocol, Provider};
use http::{HeaderMap, HeaderValue, Method, Request, Uri, Version, header};
use http_body_util::{BodyExt, Limited};
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};

use super::body::Outgoing;
use super::lines::Lines;
use super::served::Served;
use crate::choose::{Choice, MemberId};

/// Of a check's answer no more is read.
const CHECK_BYTES_MAX: usize = 64 * 1024;

/// How often a resource without checks is looked at: its waiting connections are swept then.
const SWEEP_INTERVAL: Duration = Duration::from_secs(5);

/// A record cannot ask for more: its providers may be others', who asked for none.
const INTERVAL_MIN: Duration = Duration::from_secs(1);

/// Checks that are under way at once, of all resources.
const AT_ONCE_MAX: usize = 256;
static AT_ONCE: Semaphore = Semaphore::const_new(AT_ONCE_MAX);

/// A resource that nobody has asked for so long is not checked until somebody does.
const UNUSED_MAX: Duration = Duration::from_secs(120);

/// An empty `HealthCheckRequest` as gRPC frames it: not compressed, no bytes.
const GRPC_ASKED: [u8; 5] = [0; 5];
/// A `HealthCheckResponse` that says SERVING.
const GRPC_SERVING: [u8; 7] = [0, 0, 0, 0, 2, 8, 1];

/// Checks the providers of a resource for as long as somebody holds it.
pub async fn watch_over(served: Weak<Served>) {
    loop {
        let Some(interval) = round(&served).await else {
            return;
        };
        sleep(interval).await;
    }
}

async fn round(served: &Weak<Served>) -> Option<Duration> {
    let served = served.upgrade()?;
    served.sweep();
    if served.unused() > UNUSED_MAX {
        return Some(SWEEP_INTERVAL);
    }
    let (members, terms) = {
        let pool = served.pool();
        (pool.members(), pool.terms().clone())
    };
    let path = |provider: &Provider| {
        let own = provider
            .health
            .as_ref()
            .map(|path| path.as_str().to_owned());
        own.or_else(|| terms.check.path.as_deref().map(str::to_owned))
    };
    let mut any = false;
    let mut checks = tokio::task::JoinSet::new();
    for (member, provider) in members {
        let path = path(&provider);
        if path.is_none() && !terms.check.wanted {
            continue;
        }
        any = true;
        let (served, limit) = (served.clone(), terms.check.timeout);
        checks.spawn(async move { check(&served, member, provider, path, limit).await });
    }
    checks.join_all().await;
    if let Some(well) = served.pool().too_few(served.now()) {
        tracing::warn!(
            well,
            least = terms.least_healthy,
            "a resource has fewer healthy providers than its record wants"
        );
    }
    Some(if any {
        terms.check.interval.max(INTERVAL_MIN)
    } else {
        SWEEP_INTERVAL
    })
}

async fn check(
    served: &Arc<Served>,
    member: MemberId,
    provider: Arc<Provider>,
    path: Option<String>,
    limit: Duration,
) {
    let choice = Choice {
        member,
        provider: provider.clone(),
        panicked: false,
    };
    let lines = served.lines(&choice);
    let asked = async {
        match (&path, provider.protocol) {
            (None, Some(Protocol::Grpc)) => grpc(&lines, limit).await,
            (None, _) => lines.connect(limit).await.is_ok(),
            (Some(path), _) => http(&lines, path, limit).await,
        }
    };
    let _turn = AT_ONCE.acquire().await.expect("never closed");
    let good = timeout(limit, asked).await.unwrap_or(false);
    served.pool().checked(served.now(), member, good);
}

async fn http(lines: &Arc<Lines>, path: &str, limit: Duration) -> bool {
    let Ok(open) = lines.open(limit, true).await else {
        return false;
    };
    let mut request = request(lines, open.is_http2(), path, Outgoing::Empty);
    *request.method_mut() = Method::GET;
    let Ok((answer, line)) = open.send(request).await else {
        return false;
    };
    let good = answer.status().is_success();
    let body = super::body::Carried::provider(answer.into_body(), line);
    // Read to its end, so that the connection can be used again.
    Limited::new(body, CHECK_BYTES_MAX).collect().await.is_ok() && good
}

/// `grpc.health.v1.Health/Check` for the server as a whole.
async fn grpc(lines: &Arc<Lines>, limit: Duration) -> bool {
    let Ok(open) = lines.open(limit, true).await else {
        return false;
    };
    let body = Outgoing::Whole(Bytes::from_static(&GRPC_ASKED));
    let mut request = request(lines, open.is_http2(), "/grpc.health.v1.Health/Check", body);
    *request.method_mut() = Method::POST;
    let headers = request.headers_mut();
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/grpc"),
    );
    headers.insert(header::TE, HeaderValue::from_static("trailers"));
    let Ok((answer, line)) = open.send(request).await else {
        return false;
    };
    let body = super::body::Carried::provider(answer.into_body(), line);
    let Ok(collected) = Limited::new(body, CHECK_BYTES_MAX).collect().await else {
        return false;
    };
    let status = |trailers: &HeaderMap| {
        trailers
            .get("grpc-status")
            .is_some_and(|status| status == "0")
    };
    collected.trailers().is_some_and(status) && collected.to_bytes() == GRPC_SERVING[..]
}

fn request(lines: &Lines, http2: bool, path: &str, body: Outgoing) -> Request<Outgoing> {
    let parts = lines.way.provider.url.parts();
    let host = authority(&lines.way.provider);
    let mut request = Request::new(body);
    if http2 {
        let uri = Uri::builder()
            .scheme(parts.scheme.to_string().as_str())
            .authority(host)
            .path_and_query(path)
            .build();
        *request.uri_mut() = uri.unwrap_or_default();
        *request.version_mut() = Version::HTTP_2;
    } else {
        *request.uri_mut() = path.parse().unwrap_or_default();
        if let Ok(host) = HeaderValue::from_str(host) {
            request.headers_mut().insert(header::HOST, host);
        }
    }
    let agent = HeaderValue::from_static(concat!(
        "dotkey/",
        env!("CARGO_PKG_VERSION"),
        " health check"
    ));
    request.headers_mut().insert(header::USER_AGENT, agent);
    request
}

/// What stands between the scheme and the path of a provider's URL.
fn authority(provider: &Provider) -> &str {
    let url = provider.url.as_str();
    let after = url.split_once("://").map_or(url, |(_, after)| after);
    after.split('/').next().unwrap_or(after)
}
