//! Servers that people run, on loopback, at free ports, each saying who it is. They end with the test.

use std::fs;
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use super::PATIENCE;

/// What runs as a provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Nginx,
    Haproxy,
    Caddy,
    Node,
}

impl Kind {
    pub(super) const ALL: [Self; 4] = [Self::Nginx, Self::Haproxy, Self::Caddy, Self::Node];
}

/// A server that runs.
pub(super) struct Server {
    child: Child,
    folder: TempDir,
    kind: Kind,
    pub(super) port: u16,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.signal("-KILL");
        let _ = self.child.wait();
    }
}

impl Server {
    /// One at a free port.
    pub(super) fn start(kind: Kind) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("bound").port();
        drop(listener);
        Self::start_at(kind, port)
    }

    /// One at a port that is free.
    pub(super) fn start_at(kind: Kind, port: u16) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let mut command = command(kind, port, folder.path());
        command.stdin(Stdio::null()).stdout(Stdio::null());
        let errors = fs::File::create(folder.path().join("errors")).expect("a file");
        let child =
            std::os::unix::process::CommandExt::process_group(command.stderr(errors), 0).spawn();
        let mut server = Self {
            child: child.unwrap_or_else(|error| panic!("{kind:?} runs (see .ci/setup): {error}")),
            folder,
            kind,
            port,
        };
        let begun = Instant::now();
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            let ended = server.child.try_wait().expect("a child");
            assert!(
                ended.is_none() && begun.elapsed() < PATIENCE,
                "{kind:?}: {}",
                server.errors()
            );
            thread::sleep(Duration::from_millis(20));
        }
        server
    }

    fn errors(&self) -> String {
        fs::read_to_string(self.folder.path().join("errors")).unwrap_or_default()
    }

    pub(super) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// What it says of itself.
    pub(super) fn says(&self) -> String {
        format!("{:?}", self.kind).to_lowercase()
    }

    /// Sends a signal to all of its processes.
    pub(super) fn signal(&self, name: &str) {
        let group = format!("-{}", self.child.id());
        // It may have ended already.
        let _ = Command::new("kill")
            .args([name, "--", &group])
            .stderr(Stdio::null())
            .status();
    }
}

fn command(kind: Kind, port: u16, folder: &Path) -> Command {
    let write = |name: &str, text: String| {
        let path = folder.join(name);
        fs::write(&path, text).expect("written");
        path
    };
    match kind {
        Kind::Nginx => {
            let home = folder.display();
            let text = format!(
                "daemon off; worker_processes 1; pid {home}/pid; error_log stderr;\n\
                 events {{ worker_connections 512; }}\n\
                 http {{ access_log off; client_body_temp_path {home}/body; proxy_temp_path {home}/proxy; fastcgi_temp_path {home}/fastcgi;\n\
                 uwsgi_temp_path {home}/uwsgi; scgi_temp_path {home}/scgi;\n\
                 server {{ listen 127.0.0.1:{port}; location / {{ default_type text/plain; return 200 'nginx $request_method $request_uri'; }} }} }}\n"
            );
            let mut command = Command::new("nginx");
            command
                .arg("-c")
                .arg(write("nginx.conf", text))
                .arg("-p")
                .arg(folder);
            command
        }
        Kind::Haproxy => {
            let text = format!(
                "global\n  maxconn 512\ndefaults\n  mode http\n  timeout client 60s\n  timeout server 60s\n  timeout connect 5s\n\
                 frontend all\n  bind 127.0.0.1:{port}\n  http-request return status 200 content-type text/plain lf-string \"haproxy %[method] %[path]\"\n"
            );
            let mut command = Command::new("haproxy");
            command.arg("-db").arg("-f").arg(write("haproxy.cfg", text));
            command
        }
        Kind::Caddy => {
            let text = format!(
                "{{\n  admin off\n  auto_https off\n}}\nhttp://127.0.0.1:{port}, http://:{port} {{\n  bind 127.0.0.1\n  respond \"caddy {{method}} {{uri}}\"\n}}\n"
            );
            let mut command = Command::new("caddy");
            command
                .args(["run", "--adapter", "caddyfile", "--config"])
                .arg(write("Caddyfile", text));
            command
                .env("HOME", folder)
                .env("XDG_DATA_HOME", folder)
                .env("XDG_CONFIG_HOME", folder);
            command
        }
        Kind::Node => {
            let text = format!(
                "require('http').createServer((request, answer) => {{\n\
                   answer.end('node ' + request.method + ' ' + request.url);\n\
                 }}).listen({port}, '127.0.0.1');\n"
            );
            let mut command = Command::new("node");
            command.arg(write("server.js", text));
            command
        }
    }
}
