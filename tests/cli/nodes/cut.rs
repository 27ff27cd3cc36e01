//! Nodes on machines of their own, as network namespaces: a link is cut, both sides go on, it heals, and they agree.

use std::process::Command;

use super::super::run;
use super::{Place, Running, eventually};

/// Two machines, and a switch between them; taken away with the test.
struct Wire {
    /// Tells apart what runs at once on one machine.
    id: u32,
}

const SIDES: [&str; 2] = ["a", "b"];

impl Wire {
    /// Needs root, as every network namespace does here.
    fn new() -> Self {
        let wire = Self {
            id: std::process::id(),
        };
        let (a, b) = (wire.side("a"), wire.side("b"));
        for side in [&a, &b] {
            ip(&["netns", "add", side]);
            ip(&["-n", side, "link", "set", "lo", "up"]);
        }
        let ends = ["link", "add", "eth0", "netns", &a, "type", "veth"];
        ip(&[&ends[..], &["peer", "name", "eth0", "netns", &b]].concat());
        for (side, address) in [(&a, "10.77.0.1/24"), (&b, "10.77.0.2/24")] {
            ip(&["-n", side, "address", "add", address, "dev", "eth0"]);
        }
        wire.set("up");
        wire
    }

    fn side(&self, side: &str) -> String {
        format!("dotkey-{}-{side}", self.id)
    }

    /// Cuts the link, or mends it.
    fn set(&self, state: &str) {
        for side in SIDES {
            ip(&["-n", &self.side(side), "link", "set", "eth0", state]);
        }
    }

    /// A command of the program, on one of the machines.
    fn command(&self, place: &Place, side: &str, args: &[&str]) -> Command {
        let inner = place.command(args);
        let mut command = Command::new("ip");
        command
            .args(["netns", "exec", &self.side(side)])
            .arg(inner.get_program())
            .args(inner.get_args())
            .current_dir(inner.get_current_dir().expect("a place"))
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default());
        for (name, value) in inner.get_envs() {
            command.envs(value.map(|value| (name, value)));
        }
        command
    }

    fn start(&self, place: &Place, side: &str, more: &[&str]) -> Running {
        let at = if side == "a" {
            "10.77.0.1"
        } else {
            "10.77.0.2"
        };
        let (quic, tcp) = (
            format!("/ip4/{at}/udp/4380/quic-v1"),
            format!("/ip4/{at}/tcp/4380"),
        );
        let node = ["node", "--json", "--data", side];
        let listen = ["--listen", &quic, "--listen", &tcp];
        place.started(
            self.command(place, side, &[&node[..], &listen, more].concat()),
            side,
        )
    }

    /// What a node on one of the machines has under a name: its digest.
    fn digest(&self, place: &Place, side: &str, name: &str) -> Option<String> {
        let args = ["zone", "show", name, "--fresh", "--json", "--data", side];
        let shown = run(&mut self.command(place, side, &args));
        (shown.status() == 0).then(|| shown.json()["record"]["digest"].to_string())
    }

    fn publish(&self, place: &Place, side: &str, more: &[&str]) -> String {
        let args = [
            &["zone", "publish", "my.record", "--json", "--data", side],
            more,
        ]
        .concat();
        let published = run(&mut self.command(place, side, &args)).ok().json();
        published["digest"].to_string()
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        for side in SIDES {
            // The link goes with the first of them.
            let _ = Command::new("ip")
                .args(["netns", "delete", &self.side(side)])
                .output();
        }
    }
}

fn ip(args: &[&str]) {
    let done = Command::new("ip")
        .args(args)
        .output()
        .expect("`ip` of iproute2 is there: apt-get install iproute2");
    assert!(
        done.status.success(),
        "ip {args:?} (network namespaces need root): {}",
        String::from_utf8_lossy(&done.stderr)
    );
}

/// Where it is not, the test fails rather than pass unseen, unless `DOTKEY_WITHOUT_ROOT=1` says that this is known.
fn is_root() -> bool {
    let id = Command::new("id").arg("-u").output().expect("`id` runs");
    let root = id.stdout.trim_ascii() == b"0";
    let known = std::env::var_os("DOTKEY_WITHOUT_ROOT").is_some_and(|value| value == "1");
    assert!(
        root || known,
        "only root can make network namespaces: run this as root, or leave it out with DOTKEY_WITHOUT_ROOT=1"
    );
    root
}

#[test]
fn a_link_that_was_cut_heals() {
    if !is_root() {
        return;
    }
    let place = Place::with_alice();
    let name = place.name_of("alice");
    let sign = |seq: &str| {
        let args = ["zone", "sign", "my.toml", "--key", "alice", "--seq", seq];
        place.run(&args).ok();
    };
    let wire = Wire::new();
    let first = wire.start(&place, "a", &[]);
    let _second = wire.start(&place, "b", &["--join", &first.run_file()]);

    sign("1");
    let one = wire.publish(&place, "a", &[]);
    eventually("the other machine has it", || {
        (wire.digest(&place, "b", &name)? == one).then_some(())
    });

    wire.set("down");
    // A side alone goes on answering from what it has.
    assert_eq!(wire.digest(&place, "b", &name), Some(one));
    sign("2");
    let two = eventually("a side alone takes a new one", || {
        let args = ["zone", "publish", "my.record", "--json", "--data", "a"];
        let published = run(&mut wire.command(&place, "a", &args));
        (published.status() == 0).then(|| published.json()["digest"].to_string())
    });

    wire.set("up");
    eventually("both have the newer one", || {
        (wire.digest(&place, "b", &name)? == two).then_some(())
    });
}
