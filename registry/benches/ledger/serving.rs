//! A node serves proofs of names that are there and of names that are not, over HTTP on connections that are kept, and beside it a bare handler of the same
//! server library that answers the same bytes. The client is another process, so that its processor time does not count.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use std::{fs, thread};

use axum::Router;
use axum::http::header::CONTENT_TYPE;
use axum::routing::get;
use dotkey_proto::ledger::{Bundle, Genesis, Subject};
use dotkey_proto::time::Timestamp;
use dotkey_registry::api::{ApiConfig, serve};
use dotkey_registry::node::Node;
use dotkey_registry::node::ledger::{Ledger, LedgerConfig, Network};
use dotkey_registry::store::Store;
use tokio::net::TcpListener;
use tokio::runtime::Builder;
use tokio::sync::{broadcast, mpsc};

use super::label;

/// What a node should serve a second.
const AIM: f64 = 5000.0;

/// Connections that ask at a time, each for one proof after the other.
const CONNECTIONS: u64 = 32;

/// Where the client's process finds what to do.
const CLIENT: &str = "DOTKEY_BENCH_CLIENT";

/// The kernel's unit of processor time as it shows it to programs, on every Linux (`getconf CLK_TCK`).
const TICKS_PER_SEC: f64 = 100.0;

fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    Timestamp::from_secs(since.expect("after 1970").as_secs()).expect("in range")
}

/// Processor time of this process until now.
fn spent() -> f64 {
    let stat = fs::read_to_string("/proc/self/stat").expect("Linux tells it of every process");
    let fields = stat.rsplit(')').next().expect("a name").split_whitespace();
    let ticks = fields
        .skip(11)
        .take(2)
        .map(|ticks| ticks.parse::<f64>().expect("a number"));
    ticks.sum::<f64>() / TICKS_PER_SEC
}

pub(super) fn measure(folder: &Path, genesis: &Genesis, names: u64, quick: bool) {
    let each = if quick { 100 } else { 2000 };
    let data = tempfile::tempdir().expect("a folder");
    let store = Arc::new(Store::open(&folder.join("store")).expect("a store"));
    // Without a validator's secrets in its folder: nothing but serving.
    let config = LedgerConfig {
        network: Network::Of(Box::new(genesis.clone())),
        listen: None,
        clock: now,
    };
    let ledger = Ledger::open(store, data.path(), config).expect("a ledger");
    let prove = |number| {
        let subject = Subject::Name(label(number));
        let bundle: Bundle = ledger.prove(&subject, 0).expect("a proof");
        bundle.encode()
    };
    let (there, absent) = (prove(names / 2), prove(names + names / 2));
    let runtime = Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build();
    let runtime = runtime.expect("a runtime");
    let bind = || runtime.block_on(TcpListener::bind((Ipv4Addr::LOCALHOST, 0)));

    let listener = bind().expect("a free port");
    let (commands, _asked) = mpsc::channel(8);
    let (changes, _) = broadcast::channel(64);
    let node = Node::new(commands, changes).with_ledger(ledger.clone());
    let guard = runtime.enter();
    let server = serve(listener, node, ApiConfig::new(now)).expect("it starts");
    drop(guard);
    ask(server.address(), names, each / 4); // What the system caches is cached by then.
    let served = ask(server.address(), names, each);
    runtime.block_on(server.stop());

    let listener = bind().expect("a free port");
    let address = listener.local_addr().expect("bound");
    let bytes = there.clone();
    let answer = move || {
        let bytes = bytes.clone();
        async move { ([(CONTENT_TYPE, "application/cbor")], bytes) }
    };
    let router = Router::new().route("/v1/names/{name}", get(answer));
    let bare = runtime.spawn(async move { axum::serve(listener, router).await });
    let yardstick = ask(address, names, each);
    bare.abort();
    runtime.block_on(ledger.stop());

    println!(
        "ratio: proofs a second from a node of {names} names / the {AIM} that it should serve = {:.2} [{:.0}/s, {:.0} us of processor time each; {} bytes with a name, {} without]",
        served.rate / AIM,
        served.rate,
        served.cost_us,
        there.len(),
        absent.len(),
    );
    println!(
        "ratio: processor time of a proof served / of a bare handler that answers the same bytes = {:.2} [{:.0} us / {:.0} us; bare {:.0}/s; {CONNECTIONS} connections]",
        served.cost_us / yardstick.cost_us,
        served.cost_us,
        yardstick.cost_us,
        yardstick.rate,
    );
}

struct Served {
    rate: f64,
    cost_us: f64,
}

/// Lets a client ask for so many proofs on each connection.
fn ask(address: SocketAddr, names: u64, each: u64) -> Served {
    let mut client = Command::new(std::env::current_exe().expect("this program"));
    client.env(CLIENT, format!("{address} {names} {each}"));
    let (before, began) = (spent(), Instant::now());
    assert!(client.status().expect("it runs").success(), "all are asked");
    let (cost, secs) = (spent() - before, began.elapsed().as_secs_f64());
    let total = (CONNECTIONS * each) as f64;
    Served {
        rate: total / secs,
        cost_us: cost / total * 1e6,
    }
}

/// In the client's process, asks all that it was told to.
pub(super) fn is_client() -> bool {
    let Ok(task) = std::env::var(CLIENT) else {
        return false;
    };
    let mut words = task.split(' ');
    let mut word = || words.next().expect("a word");
    let address: SocketAddr = word().parse().expect("an address");
    let mut number = || word().parse::<u64>().expect("a number");
    let (names, each) = (number(), number());
    thread::scope(|scope| {
        for connection in 0..CONNECTIONS {
            scope.spawn(move || converse(address, (connection * each, each), names));
        }
    });
    true
}

/// Asks for every second name among those that are there, spread over all of them, and as many that are not.
fn converse(address: SocketAddr, (from, count): (u64, u64), names: u64) {
    let stream = TcpStream::connect(address).expect("it listens");
    stream.set_nodelay(true).expect("it is open");
    let patience = Some(Duration::from_secs(60));
    stream.set_read_timeout(patience).expect("it is open");
    let mut answers = BufReader::new(stream.try_clone().expect("a second handle"));
    let mut requests = stream;
    let (mut line, mut body) = (String::new(), Vec::new());
    for at in from..from + count {
        // Multiplied by an odd number, for which neighbours lie far apart.
        let number = at.wrapping_mul(0x9E37_79B9_7F4A_7C15) % names + names * (at % 2);
        let name = label(number);
        let request = format!(
            "GET /v1/names/{name}.key HTTP/1.1\r\nHost: {address}\r\nAccept: application/cbor\r\n\r\n"
        );
        requests.write_all(request.as_bytes()).expect("it is read");
        let mut len = 0;
        for is_first in std::iter::once(true).chain(std::iter::repeat(false)) {
            line.clear();
            answers.read_line(&mut line).expect("it answers");
            assert!(!is_first || line.starts_with("HTTP/1.1 200"), "{line}");
            match line.trim_end().split_once(": ") {
                None if !is_first => break,
                Some((name, value)) if name.eq_ignore_ascii_case("content-length") => {
                    len = value.parse().expect("a number");
                }
                _ => {}
            }
        }
        body.resize(len, 0);
        answers.read_exact(&mut body).expect("all of it");
        assert!(!body.is_empty());
    }
}
