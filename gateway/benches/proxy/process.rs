//! A program that runs beside this one: what it costs, and its end.

use std::fs;
use std::net::{Ipv4Addr, TcpListener};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU16, Ordering::Relaxed};

use rustix::process::{Pid, Signal, kill_process};

/// The system counts processor time in these.
const TICKS_PER_SEC: f64 = 100.0;

const PAGE_BYTES: u64 = 4096;

/// Ports are looked for from here on: below those that the system gives to clients, whose last connections would be in the way.
const PORT_FIRST: u16 = 20_000;
const PORTS: u16 = 12_000;

/// A process and those that it started, which end with this.
pub(crate) struct Process {
    name: &'static str,
    child: Child,
}

impl Process {
    pub(crate) fn spawn(name: &'static str, command: &mut Command) -> Self {
        let child = command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        let child = child.unwrap_or_else(|error| {
            panic!("{name} does not start ({error}); `.ci/setup bench-gateway` installs it")
        });
        Self { name, child }
    }

    pub(crate) const fn name(&self) -> &'static str {
        self.name
    }

    /// Whether it has ended by itself.
    pub(crate) fn has_ended(&mut self) -> bool {
        self.child.try_wait().is_ok_and(|status| status.is_some())
    }

    /// The processor time that its processes have used.
    pub(crate) fn cpu_secs(&self) -> f64 {
        self.tree().into_iter().map(cpu_secs).sum()
    }

    /// The memory that its processes have of their own or share.
    pub(crate) fn memory_bytes(&self) -> u64 {
        self.tree().into_iter().map(memory_bytes).sum()
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).expect("it runs");
    }

    /// It, and behind it those that it started: nginx has workers.
    fn tree(&self) -> Vec<u32> {
        let id = self.child.id();
        let children = read(id, &format!("task/{id}/children"));
        let children = children
            .split_whitespace()
            .map(|child| child.parse().expect("the system writes numbers"));
        std::iter::once(id).chain(children).collect()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It has nothing to lose, and may have ended already. The first one first: it would start the others anew.
        let tree = self.tree();
        let _ = self.child.kill();
        for id in tree.into_iter().skip(1) {
            if let Some(id) = i32::try_from(id).ok().and_then(Pid::from_raw) {
                let _ = kill_process(id, Signal::KILL);
            }
        }
        let _ = self.child.wait();
    }
}

/// A file that the system keeps of a process; empty where it has ended.
fn read(id: u32, file: &str) -> String {
    fs::read_to_string(format!("/proc/{id}/{file}")).unwrap_or_default()
}

fn cpu_secs(id: u32) -> f64 {
    let stat = read(id, "stat");
    // Behind the command, which may have spaces: the fields from the third on.
    let rest = stat.rsplit(')').next().unwrap_or_default();
    let fields: Vec<&str> = rest.split_whitespace().collect();
    let ticks = |at: usize| {
        let field = fields.get(at).expect("it runs");
        field.parse::<f64>().expect("a number")
    };
    (ticks(11) + ticks(12)) / TICKS_PER_SEC
}

fn memory_bytes(id: u32) -> u64 {
    let pages = read(id, "statm");
    let resident = pages.split_whitespace().nth(1).expect("it runs");
    resident.parse::<u64>().expect("a number") * PAGE_BYTES
}

/// A port that nobody listens at.
pub(crate) fn free_port() -> u16 {
    static TAKEN: AtomicU16 = AtomicU16::new(0);
    // Two of these programs at once begin apart.
    let begin = (std::process::id() % u32::from(PORTS)) as u16;
    loop {
        let at = TAKEN.fetch_add(1, Relaxed);
        assert!(at < PORTS, "every port is taken");
        let port = PORT_FIRST + (begin + at) % PORTS;
        if TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
            return port;
        }
    }
}
