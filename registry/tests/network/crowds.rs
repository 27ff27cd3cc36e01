//! Many sockets of one network, which others must not suffer from.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use dotkey_registry::node::NodeConfig;
use libp2p::multiaddr::Protocol;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::timeout;

use super::support::{Running, address, until};

/// What both sides of a connection say first.
const HELLO: &[u8] = b"\x13/multistream/1.0.0\n";

/// Where a node that does not live on loopback alone, so that loopback counts, takes TCP.
async fn listening() -> (Running, SocketAddr) {
    let node = Running::start(NodeConfig {
        listen: vec![address("/ip4/0.0.0.0/tcp/0")],
        ..NodeConfig::new("")
    })
    .await;
    let at = node.addresses().await.remove(0);
    let port = at.iter().find_map(|part| match part {
        Protocol::Tcp(port) => Some(port),
        _ => None,
    });
    let to = (Ipv4Addr::LOCALHOST, port.expect("it is TCP")).into();
    (node, to)
}

async fn connect(from: [u8; 4], to: SocketAddr) -> TcpStream {
    let socket = TcpSocket::new_v4().expect("a socket");
    let from = SocketAddr::new(IpAddr::from(from), 0);
    socket.bind(from).expect("all of 127.0.0.0/8 is here");
    socket.connect(to).await.expect("it connects")
}

/// Whether the node answers a greeting; none where it closes the connection.
async fn is_greeted(stream: &mut TcpStream) -> bool {
    let mut answer = [0; HELLO.len()];
    let greeted = async {
        stream.write_all(HELLO).await?;
        stream.read_exact(&mut answer).await
    };
    let greeted = timeout(Duration::from_secs(30), greeted).await;
    greeted.expect("it answers or closes").is_ok() && answer == HELLO
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn silent_sockets_shut_nobody_out() {
    let (node, to) = listening().await;
    // Another /24 than the newcomer's. They say nothing until the node gives up on them.
    let mut silent = Vec::new();
    for _ in 0..200 {
        silent.push(connect([127, 0, 0, 9], to).await);
    }
    let mut newcomer = connect([127, 0, 77, 1], to).await;
    assert!(is_greeted(&mut newcomer).await, "there is room for it");
    let refused = until("the node has looked at them all", async || {
        let metrics = node.node.metrics().await.expect("it runs");
        let line = metrics
            .lines()
            .find(|line| line.starts_with("dotkey_connections_refused_total{reason=\"crowded\"}"));
        let refused: u64 = line?.rsplit(' ').next()?.parse().ok()?;
        (refused >= 100).then_some(refused)
    })
    .await;
    assert!(refused <= 200, "{refused}");
}
