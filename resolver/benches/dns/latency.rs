//! How long a cached answer takes, alone and while a tenth of the load asks for what an upstream never answers.

use std::net::{Ipv4Addr, UdpSocket};
use std::thread;
use std::time::{Duration, Instant};

use super::names;
use super::peers::Peer;

/// Rounds of each kind, which take turns.
const ROUNDS: usize = 5;

/// Cached answers of a round.
const ANSWERS: usize = 30_000;

/// One query in so many is for a name that nobody answers.
const MISS_EVERY: usize = 10;

/// What is under way when a round ends has failed by then.
const SETTLE: Duration = Duration::from_secs(6);

/// With the misses, the 99th percentile may be at most this many times what it is without them.
const RATIO_MAX: f64 = 2.0;

pub(crate) fn dead_upstream(peer: &Peer) {
    let mut rounds = [Vec::new(), Vec::new()];
    let mut asked = 0;
    round(peer, None);
    for _ in 0..ROUNDS {
        rounds[0].push(round(peer, None));
        rounds[1].push(round(peer, Some(&mut asked)));
        thread::sleep(SETTLE);
    }
    let [without, with] = rounds.map(|mut rounds| {
        rounds.sort();
        rounds[ROUNDS / 2].as_secs_f64() * 1e6
    });
    println!(
        "ratio: p99 of a cached answer while a tenth of the load is for a dead upstream / without = {:.2} (at most {RATIO_MAX}) [{with:.0} / {without:.0} microseconds, {asked} misses]",
        with / without
    );
}

/// The 99th percentile of a round. `asked` counts the names that were asked for besides, each a new one.
fn round(peer: &Peer, mut asked: Option<&mut usize>) -> Duration {
    let [cached, missing] = [0; 2].map(|_| {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("a socket");
        let server = (Ipv4Addr::LOCALHOST, peer.port(super::Way::Udp));
        socket.connect(server).expect("connected");
        socket
    });
    cached
        .set_read_timeout(Some(Duration::from_secs(5)))
        .expect("a timeout");
    let mut took = Vec::with_capacity(ANSWERS);
    let mut answer = [0; 1500];
    for number in 0..ANSWERS {
        if let Some(asked) = &mut asked
            && number % MISS_EVERY == 0
        {
            **asked += 1;
            let query = names::query(&format!("d{asked:08}.example.com"));
            // Whether it is answered is none of our business.
            let _ = missing.send(&query);
        }
        let query = names::query(&format!("{}.example.com", names::label(number % 1_000)));
        let begun = Instant::now();
        cached.send(&query).expect("sent");
        cached.recv(&mut answer).expect("an answer");
        took.push(begun.elapsed());
    }
    took.sort();
    took[ANSWERS * 99 / 100]
}
