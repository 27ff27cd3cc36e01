//! Sockets that are handed over, as systemd does it, and a manager that is told.

use std::io::{BufRead, BufReader};
use std::os::unix::net::UnixDatagram;
use std::process::{Child, ChildStdout, Command, Stdio};

use serde_json::Value;

use super::{World, dig, run, text};
use crate::cli::Place;

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/dns/activated.py");

/// The program under the script that opens its sockets.
struct Activated {
    script: Child,
    lines: BufReader<ChildStdout>,
    /// The program's own process, as long as it runs.
    pid: Option<u64>,
}

impl Drop for Activated {
    fn drop(&mut self) {
        let _ = self.script.kill();
        if let Some(pid) = self.pid {
            let _ = Command::new("kill").arg(pid.to_string()).status();
        }
        let _ = self.script.wait();
    }
}

impl Activated {
    fn start(place: &Place, runs: usize, args: &[&str]) -> (Self, Value) {
        let python = std::env::var_os("DOTKEY_PYTHON").unwrap_or_else(|| "python3".into());
        let program = place.command(args);
        let mut command = Command::new(python);
        command
            .arg(SCRIPT)
            .arg(runs.to_string())
            .arg(program.get_program())
            .args(program.get_args())
            .current_dir(program.get_current_dir().expect("the place"))
            .env_clear()
            .envs(
                program
                    .get_envs()
                    .filter_map(|(key, value)| Some((key, value?))),
            )
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .env("NOTIFY_SOCKET", place.path("notify"))
            .stdin(Stdio::null())
            .stdout(Stdio::piped());
        let mut script = command.spawn().expect("Python starts");
        let lines = BufReader::new(script.stdout.take().expect("it is piped"));
        let mut activated = Self {
            script,
            lines,
            pid: None,
        };
        let ports = activated.line();
        (activated, ports)
    }

    fn line(&mut self) -> Value {
        let mut line = String::new();
        self.lines.read_line(&mut line).expect("text");
        serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}"))
    }

    /// What the program says when it is ready.
    fn ready(&mut self) -> Value {
        let ready = self.line();
        assert_eq!(ready["ready"], true, "{ready}");
        self.pid = ready["pid"].as_u64();
        ready
    }

    fn stop(&mut self) {
        let pid = self.pid.take().expect("it runs").to_string();
        run("kill", &["-TERM", &pid]);
    }
}

#[test]
fn sockets_that_are_handed_over_are_served_and_outlive_a_restart() {
    let world = World::new();
    let manager = UnixDatagram::bind(world.place.path("notify")).expect("a socket");
    let told = || {
        let mut buffer = [0; 64];
        let length = manager.recv(&mut buffer).expect("a message");
        String::from_utf8_lossy(&buffer[..length]).into_owned()
    };
    let node = text(&world.running.ready()["api"]).to_owned();
    let args = [
        &["resolver", "--json", "--data", "light", "--node", &node][..],
        // What is handed over goes before what is configured.
        &["--genesis", "data/network.toml", "--dns", "127.0.0.1:1"],
    ];
    let (mut activated, ports) = Activated::start(&world.place, 2, &args.concat());
    let port = |name: &str| ports[name].to_string();
    for _ in 0..2 {
        let ready = activated.ready();
        assert_eq!(told(), "READY=1");
        for name in ["dns", "dot", "doq", "doh", "api"] {
            let at = format!("127.0.0.1:{}", port(name));
            assert!(text(&ready[name]).contains(&at), "{name}: {ready}");
        }
        for transport in ["+notcp", "+tcp"] {
            let said = dig(&port("dns"), &[&world.name, "A", "+short", transport]);
            assert_eq!(said.trim(), "192.0.2.1", "{transport}");
        }
        for (listener, option) in [("dot", "+tls"), ("doh", "+https")] {
            let port = port(listener);
            let said = run(
                "kdig",
                &["@127.0.0.1", "-p", &port, option, &world.name, "A"],
            );
            assert!(said.contains("192.0.2.1"), "{option}: {said}");
        }
        let shown = world.place.json(&["cache", "show", "--data", "light"]);
        assert!(shown["found"].as_u64() > Some(0), "{shown}");
        activated.stop();
        assert_eq!(told(), "STOPPING=1");
    }
    assert!(activated.script.wait().expect("it ends").success());
}
