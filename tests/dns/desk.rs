//! A desk: a machine of its own without any network, whose only name server is ours.

use std::process::{Command, Output};

use super::text;
use crate::cli::Place;
use crate::cli::nodes::Running;
use crate::cli::nodes::machines::Machines;

/// Addresses of `many`: more than a packet holds.
pub(super) const MANY: usize = 120;

/// What the name of the desk's user contains besides.
const ZONE: &str = r#"
[[record]]
owner = "six"
type = "AAAA"
data = "2001:db8::6"

[[record]]
owner = "page"
type = "A"
data = "127.0.0.1"
"#;

/// Goes away with the test, and all that runs on it.
pub(super) struct Desk {
    pub(super) place: Place,
    pub(super) running: Running,
    /// Alice's.
    pub(super) name: String,
    machines: Machines,
}

impl Desk {
    /// With everything in one process, DNS at its well-known port, and alice's name published. None where the test is not root's.
    pub(super) fn new() -> Option<Self> {
        let machines = Machines::new(&["desk"])?;
        let place = Place::with_alice();
        let many: String = (0..MANY)
            .map(|host| {
                format!("[[record]]\nowner = \"many\"\ntype = \"A\"\ndata = \"192.0.2.{host}\"\n")
            })
            .collect();
        place.write("my.toml", [super::ZONE, ZONE, &many].concat());
        place.write("resolv.conf", "nameserver 127.0.0.1\noptions timeout:20\n");
        place.write("nsswitch.conf", "hosts: files dns\n");
        let up = ["up", "--ports", "auto", "--json"];
        let mut command = machines.command(&place, "desk", &up);
        command.env("DOTKEY_RESOLVER_DNS", "127.0.0.1:53");
        // The page of the desk's user is on the desk.
        command.env("DOTKEY_RESOLVER_PRIVATE_NAMES", place.name_of("alice"));
        let running = place.started(command, "data");
        let published = machines.command(
            &place,
            "desk",
            &["zone", "publish", "my.toml", "--key", "alice", "--json"],
        );
        done(published);
        let name = place.name_of("alice");
        Some(Self {
            place,
            running,
            name,
            machines,
        })
    }

    /// A command at the desk, which knows no other name server.
    pub(super) fn command(&self, program: &[&str]) -> Command {
        let file = |name: &str| self.place.path(name).display().to_string();
        // Where one of these is missing, it is made in the namespace's own view alone.
        let script = "mount --bind \"$0\" /etc/resolv.conf && mount --bind \"$1\" /etc/nsswitch.conf && shift && exec \"$@\"";
        let mut command = self.machines.within("desk");
        command
            .args(["sh", "-c", script])
            .args([file("resolv.conf"), file("nsswitch.conf")])
            .args(program)
            .current_dir(self.place.path("."));
        command
    }

    /// What a program at the desk prints.
    pub(super) fn shell(&self, program: &[&str]) -> Output {
        let mut command = self.command(program);
        command.output().expect("`ip` runs")
    }

    /// The address of a listener.
    pub(super) fn listener(&self, name: &str) -> &str {
        text(&self.running.ready()[name])
    }
}

fn done(mut command: Command) {
    let output = command.output().expect("it runs");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
}
