//! Ten thousand who come and say nothing.

use std::net::{Ipv4Addr, SocketAddr, TcpStream};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use socket2::{Domain, Protocol, Socket, Type};

use super::{Target, sockets};

const CROWD: u16 = 10_000;

/// Of which so many have shaken hands.
const HANDSHAKES: u16 = 500;

/// Places for what runs on this machine, and files for all else that the resolver does.
const FILES_MAX: usize = 2048 + 512;

/// Lets this process, and those that it starts, have as many files as the system allows.
fn raise_files() {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: limit.maximum,
        ..limit
    };
    setrlimit(Resource::Nofile, raised).expect("up to the maximum");
    let enough = limit
        .maximum
        .is_none_or(|most| most > u64::from(CROWD) + 1000);
    assert!(
        enough,
        "a test holds {CROWD} connections, and the system allows {:?} files: raise the hard limit (`ulimit -Hn`)",
        limit.maximum
    );
}

/// A connection from one of this machine's many addresses.
fn from(number: u16, to: SocketAddr) -> TcpStream {
    let [high, low] = number.to_be_bytes();
    let source = Ipv4Addr::new(127, 0, 1 + high, low.max(1));
    let socket = Socket::new(Domain::IPV4, Type::STREAM, Some(Protocol::TCP)).expect("a socket");
    let source: SocketAddr = (source, 0).into();
    socket
        .bind(&source.into())
        .expect("an address of this machine");
    socket.connect(&to.into()).expect("it takes connections");
    socket.into()
}

#[test]
fn ten_thousand_idle_connections() {
    raise_files();
    let target = Target::new();
    let mut crowd = Vec::new();
    for number in 0..CROWD {
        let listener = ["dns", "dot", "doh"][usize::from(number) % 3];
        crowd.push(from(number, target.at(listener)));
        if number.is_multiple_of(2000) {
            target.answers();
        }
    }
    let mut shaken = Vec::new();
    for number in 0..HANDSHAKES {
        let (listener, protocol) = [("dot", "dot"), ("doh", "h2")][usize::from(number) % 2];
        shaken.push(target.tls(listener, protocol));
    }
    let pid = &target.running.ready()["pid"];
    let files = std::fs::read_dir(format!("/proc/{pid}/fd")).expect("it runs");
    let files = files.count();
    println!("{CROWD} came, and it has {files} files open");
    assert!(files <= FILES_MAX, "{files} files");
    target.stays_within("ten thousand idle connections", 256);
    // Who asked is not pushed out by who says nothing.
    let mut known = sockets::tcp(target.at("dns"));
    let query = sockets::query("key", super::SOA, None);
    super::exchanged(&mut known, &query);
    for number in 0..3000 {
        crowd.push(from(number, target.at("dns")));
    }
    let answer = super::exchanged(&mut known, &query);
    assert_eq!(answer[3] & 0x0f, 0);
}
