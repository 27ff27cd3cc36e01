//! What a visitor's connection takes that has been used and waits: the growth of a proxy's memory over ten thousand of them.

use std::io;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::runtime::Runtime;
use tokio::task::JoinSet;
use tokio::time::sleep;

use super::load::Way;
use super::median;
use super::names::Site;
use super::origins::{BODY_BYTES, Origin};
use super::proxies::{Kind, Proxy, WORKERS};

const CONNECTIONS: usize = 10_000;

/// Those that ask at once: no more than wait to be accepted.
const AT_ONCE: usize = 64;

/// Until memory that is freed with delay is.
const REST: Duration = Duration::from_secs(2);

/// Each begins anew: what a process once had it may keep.
const ROUNDS: usize = 3;

pub(crate) fn show(runtime: &Runtime) {
    let origin = Origin::start(Some(WORKERS));
    let site = Site::new(&[origin.http()]);
    let kinds = [Kind::Dotkey, Kind::Haproxy, Kind::Nginx, Kind::Caddy];
    let mut rounds = kinds.map(|_| Vec::new());
    let mut names = kinds.map(|_| "");
    for _ in 0..ROUNDS {
        for ((kind, rounds), name) in kinds.into_iter().zip(&mut rounds).zip(&mut names) {
            let proxy = Proxy::start(kind, &site);
            rounds.push(runtime.block_on(grown(&proxy, &site.host)));
            *name = proxy.name();
        }
    }
    let [ours, others @ ..] = rounds.map(median);
    println!(
        "{:<28} {ours:>8.0} bytes of memory for an idle connection, of {CONNECTIONS}",
        names[0]
    );
    for (name, other) in names.into_iter().skip(1).zip(others) {
        println!("{name:<28} {other:>8.0} bytes of memory for an idle connection");
        println!(
            "ratio: memory of an idle connection / {name}'s = {:.2} (no target)",
            ours / other
        );
    }
}

/// By how much a proxy has grown for each connection.
async fn grown(proxy: &Proxy, host: &str) -> f64 {
    let port = proxy.port(Way::Http1);
    let before = proxy.process.memory_bytes();
    let mut open = Vec::with_capacity(CONNECTIONS);
    let mut asking = JoinSet::new();
    for _ in 0..CONNECTIONS {
        while asking.len() >= AT_ONCE {
            open.extend(asking.join_next().await);
        }
        asking.spawn(ask(port, host.to_owned()));
    }
    open.extend(asking.join_all().await.into_iter().map(Ok));
    sleep(REST).await;
    let after = proxy.process.memory_bytes();
    for one in open {
        one.expect("no panic").expect("an answer");
    }
    after.saturating_sub(before) as f64 / CONNECTIONS as f64
}

/// A connection whose request was answered.
async fn ask(port: u16, host: String) -> io::Result<TcpStream> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await?;
    let request = format!("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut answer = Vec::new();
    loop {
        if stream.read_buf(&mut answer).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let head = answer.windows(4).position(|end| end == b"\r\n\r\n");
        if head.is_some_and(|head| answer.len() >= head + 4 + BODY_BYTES) {
            return Ok(stream);
        }
    }
}
