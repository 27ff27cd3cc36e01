//! The proxies that are measured, each set up for the same: two threads or workers, connections to providers that stay open, the
//! visitor's address and scheme in the usual fields, no access log, and where they can be told to, another try at another provider.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use super::load::Way;
use super::names::Site;
use super::process::{Process, free_port};

/// Processors that proxies and origin may use.
pub(crate) const WORKERS: usize = 2;

/// How long a server has to begin.
const START_TIME_MAX: Duration = Duration::from_secs(20);

/// Connections that one has room for; each of the others at least as many.
const CONNECTIONS_MAX: usize = 12_000;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Dotkey,
    Haproxy,
    Nginx,
    Caddy,
}

/// A proxy that runs before the providers of a site.
pub(crate) struct Proxy {
    pub(crate) process: Process,
    ports: Ports,
}

/// Where a proxy listens; the first two may be one.
#[derive(Clone, Copy, Debug)]
struct Ports {
    http: u16,
    http2: u16,
    https: u16,
}

impl Proxy {
    pub(crate) fn start(kind: Kind, site: &Site) -> Self {
        let (http, https) = (free_port(), free_port());
        let http2 = match kind {
            Kind::Dotkey | Kind::Caddy => http,
            Kind::Haproxy | Kind::Nginx => free_port(),
        };
        let ports = Ports { http, http2, https };
        let (name, mut command) = match kind {
            Kind::Dotkey => ("dotkey", dotkey(site, ports)),
            Kind::Haproxy => ("HAProxy", haproxy(site, ports)),
            Kind::Nginx => ("nginx", nginx(site, ports)),
            Kind::Caddy => ("Caddy", caddy(site, ports)),
        };
        let mut process = Process::spawn(name, &mut command);
        wait(&mut process, http, &site.host);
        Self { process, ports }
    }

    pub(crate) const fn name(&self) -> &'static str {
        self.process.name()
    }

    pub(crate) const fn port(&self, way: Way) -> u16 {
        let Ports { http, http2, https } = self.ports;
        way.port(http, http2, https)
    }
}

/// Until a server answers at its port of HTTP/1.1.
pub(crate) fn wait(process: &mut Process, port: u16, host: &str) {
    let begun = Instant::now();
    while begun.elapsed() < START_TIME_MAX {
        if answers(port, host) {
            return;
        }
        assert!(
            !process.has_ended(),
            "{} does not run: its settings were refused, or a port was taken meanwhile",
            process.name()
        );
        thread::sleep(Duration::from_millis(50));
    }
    panic!("{} does not answer", process.name());
}

fn answers(port: u16, host: &str) -> bool {
    let Ok(mut stream) = TcpStream::connect(("127.0.0.1", port)) else {
        return false;
    };
    let patience = Some(Duration::from_secs(2));
    stream.set_read_timeout(patience).expect("a timeout");
    let request = format!("GET / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
    let mut answer = Vec::new();
    let asked = stream.write_all(request.as_bytes());
    asked.is_ok() && stream.read_to_end(&mut answer).is_ok() && answer.starts_with(b"HTTP/1.1 200 ")
}

fn dotkey(site: &Site, ports: Ports) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_dotkey"));
    command
        .args(["gateway", "--api", "off", "--data"])
        .arg(site.file("data"))
        .env("TOKIO_WORKER_THREADS", WORKERS.to_string())
        .env("DOTKEY_GATEWAY_HTTP", format!("127.0.0.1:{}", ports.http))
        .env("DOTKEY_GATEWAY_HTTPS", format!("127.0.0.1:{}", ports.https))
        .env("DOTKEY_GATEWAY_FOLDER", site.file("records"))
        .env("DOTKEY_GATEWAY_PRIVATE_NAMES", "*");
    command
}

fn haproxy(site: &Site, ports: Ports) -> Command {
    let Ports { http, http2, https } = ports;
    let chain = site.file("both.pem");
    let mut text = format!(
        "global
  nbthread {WORKERS}
  maxconn {CONNECTIONS_MAX}
  no strict-limits
defaults
  mode http
  timeout connect 1s
  timeout client 300s
  timeout http-keep-alive 300s
  timeout server 5s
  http-reuse always
  option forwardfor
  option redispatch 1
  retry-on all-retryable-errors
frontend visitors
  bind 127.0.0.1:{http}
  bind 127.0.0.1:{http2} proto h2
  bind 127.0.0.1:{https} ssl crt {} alpn h2,http/1.1
  http-request set-header X-Forwarded-Proto %[ssl_fc,iif(https,http)]
  http-request set-header X-Forwarded-Host %[req.hdr(host)]
  default_backend providers
backend providers
  balance roundrobin
",
        chain.display()
    );
    for (number, port) in site.providers.iter().enumerate() {
        text.push_str(&format!(
            "  server p{number} 127.0.0.1:{port} check inter 1s fall 2\n"
        ));
    }
    let config = site.file("haproxy.cfg");
    fs::write(&config, text).expect("written");
    let mut command = Command::new("haproxy");
    command.args(["-db", "-f"]).arg(config);
    command
}

/// What an nginx of these benchmarks begins with, up to its servers. Without workers all is one process.
pub(crate) fn nginx_begin(folder: &Path, workers: Option<usize>) -> String {
    let folder = folder.display();
    let processes = match workers {
        Some(workers) => format!("worker_processes {workers};"),
        None => "master_process off;".to_owned(),
    };
    let places: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .iter()
        .map(|what| format!("  {what}_temp_path {folder}/{what};\n"))
        .collect();
    format!(
        "daemon off;
{processes}
pid {folder}/nginx.pid;
error_log {folder}/error.log crit;
events {{ worker_connections {CONNECTIONS_MAX}; }}
http {{
{places}  access_log off;
  ssl_certificate {folder}/cert.pem;
  ssl_certificate_key {folder}/key.pem;
  keepalive_timeout 300s;
  keepalive_requests 1000000000;
"
    )
}

fn nginx(site: &Site, ports: Ports) -> Command {
    let Ports { http, http2, https } = ports;
    let begin = nginx_begin(&site.file(""), Some(WORKERS));
    let providers: String = site
        .providers
        .iter()
        .map(|port| format!("    server 127.0.0.1:{port};\n"))
        .collect();
    let text = format!(
        "{begin}  upstream providers {{
{providers}    keepalive 256;
    keepalive_requests 1000000000;
  }}
  server {{
    listen 127.0.0.1:{http} backlog=4096;
    listen 127.0.0.1:{http2} http2;
    listen 127.0.0.1:{https} ssl http2;
    location / {{
      proxy_pass http://providers;
      proxy_http_version 1.1;
      proxy_connect_timeout 1s;
      proxy_read_timeout 5s;
      proxy_set_header Connection \"\";
      proxy_set_header Host $host;
      proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
      proxy_set_header X-Forwarded-Proto $scheme;
      proxy_set_header X-Forwarded-Host $host;
    }}
  }}
}}
"
    );
    let config = site.file("nginx.conf");
    fs::write(&config, text).expect("written");
    let mut command = Command::new("nginx");
    command
        .arg("-e")
        .arg(site.file("error.log"))
        .arg("-c")
        .arg(config);
    command
}

fn caddy(site: &Site, ports: Ports) -> Command {
    let Ports { http, https, .. } = ports;
    let providers: Vec<String> = site
        .providers
        .iter()
        .map(|port| format!("127.0.0.1:{port}"))
        .collect();
    let proxy = format!(
        "  reverse_proxy {} {{
    lb_policy round_robin
    lb_try_duration 5s
    fail_duration 10s
    transport http {{
      dial_timeout 1s
      response_header_timeout 5s
      keepalive_idle_conns 512
      keepalive_idle_conns_per_host 256
    }}
  }}
",
        providers.join(" ")
    );
    let text = format!(
        "{{
  admin off
  auto_https off
  servers {{
    protocols h1 h2 h2c
  }}
}}
http://:{http} {{
  bind 127.0.0.1
{proxy}}}
https://:{https} {{
  bind 127.0.0.1
  tls {} {}
{proxy}}}
",
        site.file("cert.pem").display(),
        site.file("key.pem").display()
    );
    let config = site.file("Caddyfile");
    fs::write(&config, text).expect("written");
    let mut command = Command::new("caddy");
    command
        .args(["run", "--adapter", "caddyfile", "--config"])
        .arg(config)
        .env("GOMAXPROCS", WORKERS.to_string())
        // It writes beside its settings.
        .env("HOME", site.file(""))
        .env("XDG_CONFIG_HOME", site.file(""))
        .env("XDG_DATA_HOME", site.file(""));
    command
}
