//! A collector of the tests: a real socket, and manners good and bad.

use core::time::Duration;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::TcpListener;

use crate::traces::{self, Ratio};

/// What it says to a batch: a status and a body. Nothing is silence.
type Says = Option<(u16, &'static str)>;

pub(super) struct Collector {
    url: String,
    state: Arc<State>,
}

struct State {
    taken: Mutex<Vec<Value>>,
    offers: Mutex<Vec<Says>>,
}

impl Collector {
    /// One that says these things first, one after the other, and from then on takes all.
    pub(super) async fn start(first: &[Says]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("bound"));
        let state = Arc::new(State {
            taken: Mutex::default(),
            offers: Mutex::new(first.iter().rev().copied().collect()),
        });
        let shared = state.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let shared = shared.clone();
                let service = service_fn(move |request| answer(shared.clone(), request));
                let serving = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
                tokio::spawn(serving);
            }
        });
        Self { url, state }
    }

    /// What a gateway is told, to export here.
    pub(super) fn settings(&self, ratio: Ratio) -> traces::Settings {
        traces::Settings {
            collector: traces::Collector::parse(&self.url).expect("a URL"),
            ratio,
        }
    }

    /// The spans that it has taken.
    pub(super) fn spans(&self) -> Vec<Value> {
        self.state.taken.lock().expect("whole").clone()
    }

    /// The spans, as soon as there are so many.
    pub(super) async fn wait_for(&self, count: usize) -> Vec<Value> {
        loop {
            let spans = self.spans();
            if spans.len() >= count {
                return spans;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

async fn answer(
    state: Arc<State>,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, hyper::Error> {
    assert_eq!(request.uri().path(), "/v1/traces");
    assert_eq!(request.headers()["content-type"], "application/json");
    let batch = request.into_body().collect().await?.to_bytes();
    let says = state.offers.lock().expect("whole").pop();
    let Some((status, body)) = says.unwrap_or(Some((200, "{}"))) else {
        return core::future::pending().await;
    };
    if status == 200 {
        let batch: Value = serde_json::from_slice(&batch).expect("JSON");
        let spans = &batch["resourceSpans"][0]["scopeSpans"][0]["spans"];
        let spans = spans.as_array().expect("a list").clone();
        state.taken.lock().expect("whole").extend(spans);
    }
    let mut answer = Response::new(Full::from(body));
    *answer.status_mut() = StatusCode::from_u16(status).expect("a status");
    let now = http::HeaderValue::from_static("0");
    answer.headers_mut().insert("retry-after", now);
    Ok(answer)
}

/// An attribute of a span.
pub(super) fn attribute(span: &Value, key: &str) -> Value {
    let all = span["attributes"].as_array().expect("a list");
    let found = all.iter().find(|one| one["key"] == key);
    let value = found.and_then(|one| one["value"].as_object()?.values().next());
    value.cloned().unwrap_or_default()
}
