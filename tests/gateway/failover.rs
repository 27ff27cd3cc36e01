//! Providers that are killed, frozen and replaced while visitors keep asking.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};

use super::World;
use super::servers::{Kind, Server};
use crate::cli::nodes::eventually;

/// Asks without end until it is dropped, and remembers what was not well.
struct Visitors<'scope> {
    stop: &'scope AtomicBool,
}

impl Drop for Visitors<'_> {
    fn drop(&mut self) {
        self.stop.store(true, Relaxed);
    }
}

/// Runs `work` while four visitors ask; gives how many of their requests were answered, and panics with the first that was not.
fn under_load(world: &World, work: impl FnOnce(&AtomicU64)) -> u64 {
    let (stop, answered) = (AtomicBool::new(false), AtomicU64::new(0));
    thread::scope(|scope| {
        let _visitors = Visitors { stop: &stop };
        let asking: Vec<_> = (0..4)
            .map(|_| {
                scope.spawn(|| {
                    while !stop.load(Relaxed) {
                        let (status, body) = world.get("/");
                        assert_eq!(status, 200, "{body}");
                        answered.fetch_add(1, Relaxed);
                    }
                })
            })
            .collect();
        work(&answered);
        stop.store(true, Relaxed);
        asking
            .into_iter()
            .for_each(|one| one.join().expect("every request is answered"));
    });
    answered.load(Relaxed)
}

/// Waits until so many more requests were answered.
fn answered(count: &AtomicU64, more: u64) {
    let before = count.load(Relaxed);
    let begun = Instant::now();
    while count.load(Relaxed) < before + more {
        assert!(begun.elapsed() < super::PATIENCE, "requests are answered");
        thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn killing_and_freezing_each_provider_in_turn_costs_no_request() {
    let mut servers: Vec<Server> = Kind::ALL.map(Server::start).into();
    let ids = ["a", "b", "c", "d"];
    let named: Vec<(&str, &Server)> = ids.into_iter().zip(&servers).collect();
    let world = World::new(&named, "");
    eventually("the name is served", || {
        (world.get("/").0 == 200).then_some(())
    });
    let all = under_load(&world, |count| {
        for place in 0..servers.len() {
            answered(count, 100);
            servers[place].signal("-STOP");
            answered(count, 100);
            servers[place].signal("-CONT");
            answered(count, 50);
            let (kind, port) = (Kind::ALL[place], servers[place].port);
            servers[place].signal("-KILL");
            answered(count, 100);
            servers.push(Server::start_at(kind, port));
            servers.swap_remove(place);
        }
    });
    assert!(all >= 1400, "{all}");
}

#[test]
fn a_new_record_takes_effect_under_load() {
    let [old, new] = [Kind::Nginx, Kind::Caddy].map(Server::start);
    let world = World::new(&[("old", &old)], "");
    eventually("the name is served", || {
        (world.get("/").0 == 200).then_some(())
    });
    under_load(&world, |count| {
        answered(count, 50);
        world.publish(&[("new", &new)], "");
        eventually("the new provider answers", || {
            let (_, body) = world.get("/which");
            body.contains(&new.says()).then_some(())
        });
        // Nobody needs the old one any more.
        old.signal("-KILL");
        answered(count, 50);
    });
}

#[test]
fn every_kind_of_server_gets_the_request_and_all_dead_is_said() {
    let servers = Kind::ALL.map(Server::start);
    let world = World::new(&[("one", &servers[0])], "");
    eventually("the name is served", || {
        (world.get("/").0 == 200).then_some(())
    });
    for server in &servers {
        world.publish(&[("one", server)], "");
        let says = format!("{} GET /path", server.says());
        eventually(&says, || {
            let (status, body) = world.get("/path?x=1");
            assert_eq!(status, 200, "{body}");
            body.starts_with(&says).then_some(())
        });
    }
    servers.iter().for_each(|server| server.signal("-KILL"));
    let (status, body) = eventually("it is dead", || {
        let answer = world.get("/");
        (answer.1.contains("no connection")).then_some(answer)
    });
    assert_eq!(status, 502);
    assert!(body.contains("\"provider\":\"one\""), "{body}");
    assert_ne!(world.standing("one"), "absent");
}
