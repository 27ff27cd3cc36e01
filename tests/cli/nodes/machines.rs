//! Machines of their own for nodes, as network namespaces, and cables between them.

use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

use super::super::run;
use super::{Place, Running, text};

/// Where a node on a machine listens for peers.
const LISTEN: [&str; 4] = [
    "--listen",
    "/ip4/0.0.0.0/udp/4380/quic-v1",
    "--listen",
    "/ip4/0.0.0.0/tcp/4380",
];

/// Machines, which are taken away with the test.
pub(crate) struct Machines {
    /// Tells apart what runs at once on one machine.
    tag: String,
    names: Vec<&'static str>,
}

impl Machines {
    /// Needs root, as every network namespace does here.
    pub(crate) fn new(names: &[&'static str]) -> Option<Self> {
        static TESTS: AtomicU32 = AtomicU32::new(0);
        if !is_root() {
            return None;
        }
        let test = TESTS.fetch_add(1, Ordering::Relaxed);
        let machines = Self {
            tag: format!("dotkey-{}-{test}", std::process::id()),
            names: names.to_vec(),
        };
        for name in names {
            done(Command::new("ip").args(["netns", "add", &machines.space(name)]));
            machines.ip(name, &["link", "set", "lo", "up"]);
        }
        Some(machines)
    }

    fn space(&self, name: &str) -> String {
        format!("{}-{name}", self.tag)
    }

    /// Configures the network of one.
    pub(super) fn ip(&self, name: &str, args: &[&str]) {
        done(
            Command::new("ip")
                .args(["-n", &self.space(name)])
                .args(args),
        );
    }

    /// A cable between the ports of two machines.
    pub(super) fn cable(&self, from: (&str, &str), to: (&str, &str)) {
        let far = self.space(to.0);
        let ends = ["link", "add", from.1, "type", "veth", "peer", "name", to.1];
        self.ip(from.0, &[&ends[..], &["netns", &far]].concat());
        for (name, port) in [from, to] {
            self.ip(name, &["link", "set", "dev", port, "up"]);
        }
    }

    pub(super) fn address(&self, name: &str, port: &str, address: &str) {
        self.ip(name, &["address", "add", address, "dev", port]);
    }

    /// Makes a machine a switch into which these are plugged.
    pub(super) fn switch(&self, name: &str, machines: &[(&str, &str)]) {
        self.ip(name, &["link", "add", "switch", "type", "bridge"]);
        self.ip(name, &["link", "set", "dev", "switch", "up"]);
        for (machine, address) in machines {
            self.plug(name, machine, address);
        }
    }

    /// A cable from a switch to `eth0` of a machine, which gets the address.
    pub(super) fn plug(&self, switch: &str, machine: &str, address: &str) {
        let port = format!("to-{machine}");
        self.cable((switch, &port), (machine, "eth0"));
        self.ip(switch, &["link", "set", "dev", &port, "master", "switch"]);
        self.address(machine, "eth0", address);
    }

    /// Runs a tool on a machine.
    pub(super) fn tool(&self, name: &str, tool: &[&str]) {
        done(
            Command::new("ip")
                .args(["netns", "exec", &self.space(name)])
                .args(tool),
        );
    }

    /// A command on one of the machines, which is still to be said.
    pub(crate) fn within(&self, name: &str) -> Command {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.space(name)]);
        command
    }

    /// A command of the program, on one of the machines.
    pub(crate) fn command(&self, place: &Place, name: &str, args: &[&str]) -> Command {
        let inner = place.command(args);
        let mut command = self.within(name);
        command
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

    /// What a command says with `--json`, asking the node of the machine.
    pub(super) fn json(&self, place: &Place, name: &str, args: &[&str]) -> serde_json::Value {
        let args = [args, &["--json", "--data", name]].concat();
        run(&mut self.command(place, name, &args)).ok().json()
    }

    /// Starts a node on one, with the machine's name as its data folder.
    pub(super) fn start(&self, place: &Place, name: &str, more: &[&str]) -> Running {
        let node = ["node", "--json", "--data", name];
        let args = [&node[..], &LISTEN, more].concat();
        place.started(self.command(place, name, &args), name)
    }

    /// What a node on one of the machines has under a name: its digest.
    pub(super) fn digest(&self, place: &Place, name: &str, zone: &str) -> Option<String> {
        let args = ["zone", "show", zone, "--fresh", "--json", "--data", name];
        let shown = run(&mut self.command(place, name, &args));
        (shown.status() == 0).then(|| text(&shown.json()["record"]["digest"]).to_owned())
    }
}

impl Drop for Machines {
    fn drop(&mut self) {
        for name in &self.names {
            // The cables go with their ends.
            let _ = Command::new("ip")
                .args(["netns", "delete", &self.space(name)])
                .output();
        }
    }
}

/// Elsewhere a test fails rather than pass unseen, unless `DOTKEY_WITHOUT_ROOT=1` says that this is known.
pub(crate) fn is_root() -> bool {
    let id = Command::new("id").arg("-u").output();
    let root = id.is_ok_and(|id| id.stdout.trim_ascii() == b"0");
    let known = std::env::var_os("DOTKEY_WITHOUT_ROOT").is_some_and(|value| value == "1");
    assert!(
        root || known,
        "only root can make namespaces: run this as root, or leave it out with DOTKEY_WITHOUT_ROOT=1"
    );
    root
}

fn done(command: &mut Command) {
    let output = command
        .output()
        .expect("`ip` of iproute2 is there: apt-get install iproute2");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {said}");
}
