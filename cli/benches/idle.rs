//! What a node costs that has nothing to do, by itself and with a resolver and a gateway beside it: memory and processor time, as the
//! system counts them.
//!
//! It fails when the memory is above its bound. Processor time is only printed: a busy machine would decide it.

use std::fs;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, ExitCode, Stdio};
use std::thread::sleep;
use std::time::Duration;

/// What starting leaves to do is done by then.
const SETTLING: Duration = Duration::from_secs(5);

/// The rounds of upkeep come every 30 s, so that each is in it once or twice; `--quick` takes what it gets.
const WATCHED: Duration = Duration::from_secs(60);
const WATCHED_QUICK: Duration = Duration::from_secs(10);

/// What is started, what it is called, and what `docs/operating.md` promises of its memory in MB, so that the smallest rented machine has
/// room for more than this.
const STARTED: [(&[&str], &str, f64); 2] = [
    (&["node"], "idle node", 60.0),
    (
        &["up", "--no-demo"],
        "idle node, resolver and gateway",
        72.0,
    ),
];

/// The kernel's unit of processor time as it shows it to programs, on every Linux (`getconf CLK_TCK`).
const TICKS_PER_SEC: f64 = 100.0;

/// A node that ends with this program.
struct Node(Child);

impl Drop for Node {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Node {
    fn start(arguments: &[&str], data: &std::path::Path) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_dotkey"))
            .args(arguments)
            .args(["--ports", "auto", "--data"])
            .arg(data)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("the program starts");
        let mut line = String::new();
        let stdout = child.stdout.take().expect("it is piped");
        let read = BufReader::new(stdout).read_line(&mut line);
        assert!(line.starts_with("ready"), "{read:?} {line}");
        Self(child)
    }

    /// A file of the kernel's about it.
    fn told(&self, what: &str) -> String {
        let path = format!("/proc/{}/{what}", self.0.id());
        fs::read_to_string(path).expect("Linux tells it of every process")
    }

    fn resident_mb(&self) -> f64 {
        let status = self.told("status");
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kib = line.and_then(|line| line.split_whitespace().next()?.parse::<f64>().ok());
        kib.expect("it has a resident size") * 1024.0 / 1e6
    }

    /// Processor seconds so far, in its own code and in the kernel's.
    fn processor_secs(&self) -> f64 {
        let stat = self.told("stat");
        // The second field is the name, in parentheses, and may have blanks; these are the 14th and the 15th.
        let (_, after) = stat.rsplit_once(')').expect("a name");
        let fields = after.split_whitespace().skip(11).take(2);
        let ticks: f64 = fields.filter_map(|field| field.parse::<f64>().ok()).sum();
        ticks / TICKS_PER_SEC
    }
}

fn main() -> ExitCode {
    let quick = std::env::args().any(|argument| argument == "--quick");
    let watched = if quick { WATCHED_QUICK } else { WATCHED };
    let within = STARTED.map(|(arguments, what, most)| {
        let folder = tempfile::tempdir().expect("a folder");
        let node = Node::start(arguments, folder.path());
        sleep(SETTLING);
        let before = node.processor_secs();
        sleep(watched);
        let percent = (node.processor_secs() - before) / watched.as_secs_f64() * 100.0;
        let resident = node.resident_mb();
        println!(
            "ratio: {what}, resident memory / {most} MB = {:.2} (at most 1) [{resident:.1} MB; {percent:.2}% of one processor, 1% wanted]",
            resident / most
        );
        resident <= most
    });
    if within.contains(&false) {
        println!("above the bound");
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}
