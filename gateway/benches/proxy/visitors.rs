//! Visitors who come at a steady pace, whether those before them were answered or not.

use std::error::Error;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::header::{HOST, HeaderValue};
use http::{Request, StatusCode};
use http_body_util::{BodyExt, Empty};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

/// Who has waited for so long goes away.
const PATIENCE: Duration = Duration::from_secs(20);

/// How visitors come.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pace {
    pub(crate) per_sec: u32,
    pub(crate) length: Duration,
}

/// One visit.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Visit {
    /// When it should have begun, from the first one on.
    pub(crate) at: Duration,
    /// From then to the end of the answer: a late beginning is no excuse.
    pub(crate) took: Duration,
    pub(crate) good: bool,
}

type Sender = http1::SendRequest<Empty<Bytes>>;

/// Connections to one proxy that stay open.
struct Crowd {
    port: u16,
    host: HeaderValue,
    waiting: Mutex<Vec<Sender>>,
}

/// Visits `host` at a port of this machine.
pub(crate) async fn visit(port: u16, host: &str, pace: Pace) -> Vec<Visit> {
    let crowd = Arc::new(Crowd {
        port,
        host: HeaderValue::from_str(host).expect("a host"),
        waiting: Mutex::default(),
    });
    let between = Duration::from_secs(1) / pace.per_sec;
    let begun = Instant::now();
    let mut visits = JoinSet::new();
    let mut at = Duration::ZERO;
    while at < pace.length {
        // All that are due: the timer counts milliseconds.
        while at <= begun.elapsed() && at < pace.length {
            let crowd = crowd.clone();
            visits.spawn(async move {
                let answer = timeout(PATIENCE, crowd.get()).await;
                Visit {
                    at,
                    took: begun.elapsed() - at,
                    good: matches!(answer, Ok(Ok(()))),
                }
            });
            at += between;
        }
        sleep(at.saturating_sub(begun.elapsed())).await;
    }
    visits.join_all().await
}

impl Crowd {
    async fn get(&self) -> Result<(), Box<dyn Error + Send + Sync>> {
        let standing = self.waiting().pop().filter(|sender| !sender.is_closed());
        let mut sender = match standing {
            Some(sender) => sender,
            None => self.connect().await?,
        };
        sender.ready().await?;
        let request = Request::get("/").header(HOST, self.host.clone());
        let answer = sender.send_request(request.body(Empty::new())?).await?;
        let status = answer.status();
        let body = answer.into_body().collect().await?.to_bytes();
        self.waiting().push(sender);
        if status == StatusCode::OK && body.len() == super::origins::BODY_BYTES {
            Ok(())
        } else {
            Err(status.as_str().into())
        }
    }

    fn waiting(&self) -> std::sync::MutexGuard<'_, Vec<Sender>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn connect(&self) -> Result<Sender, Box<dyn Error + Send + Sync>> {
        let stream = TcpStream::connect(("127.0.0.1", self.port)).await?;
        stream.set_nodelay(true)?;
        let (sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        tokio::spawn(connection);
        Ok(sender)
    }
}

/// How long the visit took than which `percent` of them took no longer, in milliseconds.
pub(crate) fn percentile_ms<'a>(visits: impl IntoIterator<Item = &'a Visit>, percent: f64) -> f64 {
    let mut took: Vec<f64> = visits
        .into_iter()
        .map(|visit| visit.took.as_secs_f64() * 1000.0)
        .collect();
    took.sort_by(f64::total_cmp);
    let last = took.len() - 1;
    took[(last as f64 * percent / 100.0).round() as usize]
}
