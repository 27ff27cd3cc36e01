//! What a light client's miss of a claimed name takes: round trips to three nodes that are some milliseconds away, and checking what
//! they give. The nodes are doubles that give the answers of the vectors after a delay.

use core::convert::Infallible;
use std::fs;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use bytes::Bytes;
use dotkey_proto::ledger::{Bundle, Freshness, Genesis, Subject};
use dotkey_proto::time::Timestamp;
use dotkey_resolver::Resolver;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpListener;

/// Misses of each kind.
const ROUNDS: usize = 31;

/// How far the nodes are away: another continent, so that this machine's own pauses count for little.
const ROUND_TRIP: Duration = Duration::from_millis(100);

/// A miss may take at most this many times a round trip to the fastest node and the checks. Two would be a second round trip.
const RATIO_MAX: f64 = 1.2;

/// A network of the vectors, who holds `mysite` in it, and what they published.
struct Vector {
    genesis: Genesis,
    bundle: Bundle,
    now: Timestamp,
}

fn vector() -> &'static Vector {
    static VECTOR: OnceLock<Vector> = OnceLock::new();
    VECTOR.get_or_init(|| {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/vectors/bundle.json");
        let file = fs::read(path).expect("the vectors of bundles");
        let file: serde_json::Value = serde_json::from_slice(&file).expect("JSON");
        let vectors = file["vectors"].as_array().expect("a list");
        let with_record = vectors.iter().find(|one| one["name"] == "with-record");
        let input = &with_record.expect("a vector")["input"];
        let bytes = |what: &str| {
            let hex = input[what].as_str().expect("text");
            data_encoding::HEXLOWER
                .decode(hex.as_bytes())
                .expect("hexadecimal")
        };
        Vector {
            genesis: Genesis::decode(&bytes("genesis")).expect("sound"),
            bundle: Bundle::decode(&bytes("hex")).expect("sound"),
            now: Timestamp::from_secs(input["now"].as_u64().expect("a number")).expect("in range"),
        }
    })
}

fn vector_time() -> Timestamp {
    vector().now
}

/// What kind of node.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Node {
    /// It gives a proof and a record at once.
    Together,
    /// It gives one after the other.
    OneByOne,
    /// It takes questions and never answers.
    Silent,
}

impl Node {
    /// Listens until the bench ends; gives its URL.
    async fn start(self) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("it is bound"));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                stream.set_nodelay(true).expect("a socket");
                let answer = service_fn(move |request: Request<Incoming>| async move {
                    tokio::time::sleep(ROUND_TRIP).await;
                    if self == Self::Silent {
                        core::future::pending::<()>().await;
                    }
                    Ok::<_, Infallible>(self.answer(&request.uri().to_string()))
                });
                let serving = http2::Builder::new(TokioExecutor::new());
                tokio::spawn(serving.serve_connection(TokioIo::new(stream), answer));
            }
        });
        url
    }

    fn answer(self, uri: &str) -> Response<Full<Bytes>> {
        let bundle = &vector().bundle;
        let is_both = uri.contains("with=record");
        let (status, body) = match self {
            Self::OneByOne if is_both => (400, br#"{"code": "bad-parameter"}"#.to_vec()),
            _ if is_both => (200, bundle.encode()),
            _ if uri.contains("/v1/records/") => (200, bundle.record.clone().expect("it has one")),
            _ => {
                let bundle = bundle.clone();
                let alone = Bundle {
                    record: None,
                    ..bundle
                };
                (200, alone.encode())
            }
        };
        let response = Response::builder().status(status);
        response.body(Full::new(body.into())).expect("sound")
    }
}

/// The kinds of miss, which take turns.
const KINDS: [[Node; 3]; 3] = [
    [Node::Together; 3],
    [Node::OneByOne; 3],
    [Node::Together, Node::Together, Node::Silent],
];

pub(crate) fn misses() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build();
    runtime.expect("a runtime").block_on(async {
        let resolvers = [
            resolver(KINDS[0]).await,
            resolver(KINDS[1]).await,
            resolver(KINDS[2]).await,
        ];
        let mut took = [const { Vec::new() }; KINDS.len()];
        let mut checks = Vec::new();
        for round in 0..=ROUNDS {
            for (resolver, took) in resolvers.iter().zip(&mut took) {
                let miss = miss(resolver).await;
                // The first made the connections, and found out how to ask.
                took.extend((round > 0).then_some(miss));
            }
            checks.push(checked());
        }
        show(took.map(median), median(checks));
    });
}

fn show([together, one_by_one, with_silent]: [Duration; KINDS.len()], checks: Duration) {
    let ratio = |took: Duration| took.as_secs_f64() / (ROUND_TRIP + checks).as_secs_f64();
    let ms = |took: Duration| took.as_secs_f64() * 1e3;
    println!(
        "ratio: light miss of a claimed name, three nodes / a round trip to the fastest and the checks = {:.2} (at most {RATIO_MAX}) [{:.1} ms, {:.1} of them the checks of one answer]",
        ratio(together),
        ms(together),
        ms(checks),
    );
    println!(
        "light miss by nodes that give the proof and then the record: {:.2} times, {:.1} ms; where one of three is silent and has its grace: {:.2} times, {:.1} ms",
        ratio(one_by_one),
        ms(one_by_one),
        ratio(with_silent),
        ms(with_silent),
    );
}

async fn resolver(nodes: [Node; 3]) -> Resolver {
    let mut builder = Resolver::builder()
        .genesis(vector().genesis.clone())
        .clock(vector_time);
    for node in nodes {
        builder = builder.node(&node.start().await);
    }
    builder.build().expect("it is sound")
}

/// What a miss takes.
async fn miss(resolver: &Resolver) -> Duration {
    resolver.forget_all();
    let begun = Instant::now();
    resolver.resolve("mysite.key").await.expect("it resolves");
    begun.elapsed()
}

/// What checking one answer takes.
fn checked() -> Duration {
    let vector = vector();
    let freshness = Freshness {
        now: vector.now,
        age_secs_max: 3600,
    };
    let subject = Subject::Name("mysite".to_owned());
    let begun = Instant::now();
    let bundle = Bundle::decode(&vector.bundle.encode()).expect("sound");
    let verified = bundle.verify(&subject, &vector.genesis, freshness);
    let record = verified.expect("it holds").record.expect("it has one");
    record.zone().expect("a zone");
    begun.elapsed()
}

fn median(mut took: Vec<Duration>) -> Duration {
    took.sort();
    took[took.len() / 2]
}
