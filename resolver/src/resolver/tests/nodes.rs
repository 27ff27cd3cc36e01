//! Remote nodes, as doubles that say what a test wants over HTTP/2.

use core::convert::Infallible;
use core::sync::atomic::AtomicBool;

use bytes::Bytes;
use dotkey_proto::limits::BUNDLE_BYTES_MAX;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpListener;

use super::together::{builder, held_with, signed};
use super::*;

const TOGETHER: &str = "names/mysite.key?epoch=0&with=record";
const PROOF: &str = "names/mysite.key?epoch=0";

/// What a node has, and what it was asked for.
#[derive(Default)]
struct Double {
    /// It knows nothing of `with=record`.
    is_older: AtomicBool,
    /// What it gives as a proof with a record, instead of the right thing.
    instead: Mutex<Option<Vec<u8>>>,
    asked: Mutex<Vec<String>>,
}

impl Double {
    async fn start(self: &Arc<Self>) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("it is bound"));
        let double = Arc::clone(self);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let double = Arc::clone(&double);
                let answer = service_fn(move |request: Request<Incoming>| {
                    let answer = double.answer(&request.uri().to_string());
                    async move { Ok::<_, Infallible>(answer) }
                });
                let serving = http2::Builder::new(TokioExecutor::new());
                tokio::spawn(serving.serve_connection(TokioIo::new(stream), answer));
            }
        });
        url
    }

    fn answer(&self, uri: &str) -> Response<Full<Bytes>> {
        let (_, path) = uri.split_once("/v1/").expect("a path of the API");
        lock(&self.asked).push(path.to_owned());
        let record = format!("records/{}", key_id(1));
        let (status, body) = match path {
            TOGETHER if self.is_older.load(Ordering::Relaxed) => {
                (400, br#"{"code": "bad-parameter"}"#.to_vec())
            }
            TOGETHER => {
                let instead = lock(&self.instead).clone();
                (
                    200,
                    instead.unwrap_or_else(|| held_with(Some(signed(1, 7)))),
                )
            }
            PROOF => (200, held_with(None)),
            _ if path == record => (200, signed(1, 7)),
            _ => (404, br#"{"code": "no-such-path"}"#.to_vec()),
        };
        let response = Response::builder().status(status);
        response.body(Full::new(body.into())).expect("sound")
    }

    /// What it was asked for since the last look.
    fn asked(&self) -> Vec<String> {
        core::mem::take(&mut lock(&self.asked))
    }
}

#[tokio::test]
async fn a_node_is_asked_once_and_an_older_one_as_it_understands() {
    let record = format!("records/{}", key_id(1));
    let node = Arc::new(Double::default());
    let url = node.start().await;
    let resolver = builder().node(&url).build().expect("it is sound");
    let check = async |asked: &[&str]| {
        resolver.forget_all();
        let found = resolver.resolve("mysite.key").await.expect("resolved");
        assert_eq!(found.record().sequence(), 7);
        assert_eq!(node.asked(), asked);
    };
    check(&[TOGETHER]).await;
    check(&[TOGETHER]).await;
    node.is_older.store(true, Ordering::Relaxed);
    check(&[TOGETHER, PROOF, &record]).await;
    // It is remembered for as long as the connection holds.
    check(&[PROOF, &record]).await;
}

#[tokio::test]
async fn an_answer_that_is_too_long_is_not_read_to_its_end() {
    let node = Arc::new(Double::default());
    *lock(&node.instead) = Some(vec![0; BUNDLE_BYTES_MAX + 1]);
    let url = node.start().await;
    let resolver = builder().node(&url).build().expect("it is sound");
    let error = resolver.resolve("mysite.key").await.expect_err("too long");
    let error = error.to_string();
    assert!(error.contains("it gave more than 4194304 bytes"), "{error}");
    assert_eq!(node.asked(), [TOGETHER]);
}

#[tokio::test]
async fn a_node_that_lies_costs_the_others_nothing() {
    let (honest, liar) = (Arc::new(Double::default()), Arc::new(Double::default()));
    let check = async |instead: Vec<u8>| {
        *lock(&liar.instead) = Some(instead);
        let builder = builder().node(&liar.start().await);
        let resolver = builder.node(&honest.start().await).build();
        let resolver = resolver.expect("it is sound");
        let found = resolver.resolve("mysite.key").await.expect("resolved");
        assert_eq!(found.record().sequence(), 7);
        assert_eq!(honest.asked(), [TOGETHER]);
    };
    check(b"no bundle".to_vec()).await;
    check(held_with(Some(signed(2, 9)))).await;
    check(held_with(None)).await;
}
