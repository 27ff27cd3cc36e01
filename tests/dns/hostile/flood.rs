//! Names that nobody asked before, one after the other: each is work, and none is worth keeping.

use std::net::UdpSocket;

use super::{Target, sockets};

/// Of each kind of name.
const NAMES: u32 = 20_000;

/// Both kinds of kept answers, 16 MiB each, what is under way, and freed memory.
const FLOOD_MB: u64 = 128;

/// Takes what has come, so that the next finds room.
fn drain(socket: &UdpSocket) -> u32 {
    let mut answer = [0; 4096];
    let mut taken = 0;
    while socket.recv(&mut answer).is_ok() {
        taken += 1;
    }
    taken
}

#[test]
fn random_names_below_ours_and_below_others() {
    let target = Target::new();
    let socket = sockets::udp();
    socket.set_nonblocking(true).expect("a socket");
    let mut taken = 0;
    for number in 0..NAMES {
        for name in [
            format!("x{number}.key"),
            format!("x{number}.example"),
            format!("x{number}.mysite.key"),
        ] {
            let query = sockets::query(&name, 1, Some(1232));
            // What the system has no room for is lost, as on any path.
            let _ = socket.send_to(&query, target.at("dns"));
        }
        if number.is_multiple_of(64) {
            taken += drain(&socket);
        }
        if number.is_multiple_of(5000) {
            target.answers();
        }
    }
    println!("{taken} of {} were answered at once", 3 * NAMES);
    target.stays_within("a flood of random names", FLOOD_MB);
}
