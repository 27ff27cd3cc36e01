//! The servers that are measured, each a process on loopback with ports of its own, stopped with the run.

use std::fs;
use std::net::{Ipv4Addr, TcpListener, UdpSocket};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use super::Way;
use super::serve::THREADS;

/// How long a server has to begin.
const START_TIME_MAX: Duration = Duration::from_secs(20);

/// The system counts processor time in these.
const TICKS_PER_SEC: f64 = 100.0;

const PAGE_BYTES: u64 = 4096;

pub(crate) struct Peer {
    name: &'static str,
    process: Child,
    ports: Ports,
}

/// Where a server listens; DNS is over UDP and TCP.
#[derive(Clone, Copy, Debug, Default)]
struct Ports {
    dns: u16,
    dot: Option<u16>,
    doh: Option<u16>,
    is_udp_alone: bool,
}

/// All that run, and the one that they ask.
pub(crate) struct Peers {
    peers: Vec<Peer>,
    _upstream: Peer,
    _folder: TempDir,
}

impl Peers {
    /// Starts the servers, ready for so many names; the quick ones are those that every machine with the tests' tools has.
    pub(crate) fn start(is_quick: bool, count: usize) -> Self {
        let folder = TempDir::new().expect("a folder");
        let place = folder.path();
        certificate(place);
        let upstream = ours(
            "the upstream",
            &["bare"],
            Ports::of(&[]),
            &[&count.to_string()],
        );
        let at = upstream.ports.dns;
        let mut peers = vec![
            ours(
                "bare responder",
                &["bare"],
                Ports::of(&[]),
                &[&count.to_string()],
            ),
            dotkey(place, at, count),
            unbound(place, at),
        ];
        if !is_quick {
            peers.push(ours(
                "hickory-server (in memory)",
                &["hickory"],
                Ports::of(&[]),
                &[&count.to_string()],
            ));
            peers.push(dnsdist(place, at));
            peers.push(knot_resolver(place, at));
        }
        for peer in &peers {
            peer.wait();
        }
        Self {
            peers,
            _upstream: upstream,
            _folder: folder,
        }
    }

    pub(crate) fn all(&self) -> impl Iterator<Item = &Peer> {
        self.peers.iter()
    }

    pub(crate) fn dotkey(&self) -> &Peer {
        let found = self.peers.iter().find(|peer| peer.name == "dotkey");
        found.expect("it is started")
    }
}

impl Ports {
    /// Free ports: one for DNS, and those for the ways that are named.
    fn of(ways: &[Way]) -> Self {
        let free = |way| ways.contains(&way).then(free_port);
        Self {
            dns: free_port(),
            dot: free(Way::Tls),
            doh: free(Way::Https),
            is_udp_alone: ways.is_empty(),
        }
    }
}

impl Peer {
    pub(crate) fn name(&self) -> &str {
        self.name
    }

    pub(crate) fn speaks(&self, way: Way) -> bool {
        match way {
            Way::Udp => true,
            Way::Tcp => !self.ports.is_udp_alone,
            Way::Tls => self.ports.dot.is_some(),
            Way::Https => self.ports.doh.is_some(),
        }
    }

    pub(crate) fn port(&self, way: Way) -> u16 {
        let port = match way {
            Way::Udp | Way::Tcp => Some(self.ports.dns),
            Way::Tls => self.ports.dot,
            Way::Https => self.ports.doh,
        };
        port.expect("it speaks this way")
    }

    /// The processor time that its process has used.
    pub(crate) fn cpu_secs(&self) -> f64 {
        let stat = self.read("stat");
        // Behind the command, which may have spaces: the fields from the third on.
        let rest = stat.rsplit(')').next().unwrap_or_default();
        let fields: Vec<&str> = rest.split_whitespace().collect();
        let ticks = |at: usize| fields[at].parse::<f64>().expect("a number");
        (ticks(11) + ticks(12)) / TICKS_PER_SEC
    }

    pub(crate) fn memory_bytes(&self) -> u64 {
        let pages = self.read("statm");
        let resident = pages.split_whitespace().nth(1);
        resident
            .and_then(|pages| pages.parse::<u64>().ok())
            .unwrap_or(0)
            * PAGE_BYTES
    }

    fn read(&self, file: &str) -> String {
        let path = format!("/proc/{}/{file}", self.process.id());
        fs::read_to_string(path).expect("it runs")
    }

    /// Until it answers.
    fn wait(&self) {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("a socket");
        let pause = Duration::from_millis(200);
        socket.set_read_timeout(Some(pause)).expect("a timeout");
        let query = b"\0\x07\x01\0\0\x01\0\0\0\0\0\0\x07n000001\x07example\x03com\0\0\x01\0\x01";
        let begun = Instant::now();
        while begun.elapsed() < START_TIME_MAX {
            let sent = socket.send_to(query, (Ipv4Addr::LOCALHOST, self.ports.dns));
            // NOERROR.
            let mut answer = [0; 512];
            if sent.is_ok()
                && socket.recv(&mut answer).is_ok_and(|length| length > 40)
                && answer[3] & 0x0f == 0
            {
                return;
            }
            thread::sleep(pause / 4);
        }
        panic!("{} does not answer", self.name);
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        // It has nothing to lose.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn free_port() -> u16 {
    // TCP's is taken for a moment: whoever asks next gets another.
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
    listener.local_addr().expect("an address").port()
}

fn spawn(name: &'static str, command: &mut Command, ports: Ports) -> Peer {
    let process = command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap_or_else(|error| {
            panic!("{name} does not start ({error}); `.ci/setup bench-dns` installs it")
        });
    Peer {
        name,
        process,
        ports,
    }
}

/// A server of this program.
fn ours(name: &'static str, what: &[&str], ports: Ports, rest: &[&str]) -> Peer {
    let mut command = Command::new(std::env::current_exe().expect("this program"));
    command
        .arg("serve")
        .args(what)
        .arg(ports.dns.to_string())
        .args(rest);
    spawn(name, &mut command, ports)
}

fn dotkey(place: &Path, upstream: u16, count: usize) -> Peer {
    let ports = Ports::of(&[Way::Tls, Way::Https]);
    let port = |port: Option<u16>| port.expect("it is taken").to_string();
    let rest = [
        port(ports.dot),
        port(ports.doh),
        upstream.to_string(),
        count.to_string(),
        place.display().to_string(),
    ];
    ours(
        "dotkey",
        &["dotkey"],
        ports,
        &rest.each_ref().map(|one| &one[..]),
    )
}

fn certificate(place: &Path) {
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).expect("made");
    fs::write(place.join("cert.pem"), made.cert.pem()).expect("written");
    fs::write(place.join("key.pem"), made.key_pair.serialize_pem()).expect("written");
}

fn unbound(place: &Path, upstream: u16) -> Peer {
    let ports = Ports::of(&[Way::Tls, Way::Https]);
    let Ports { dns, dot, doh, .. } = ports;
    let (dot, doh) = (dot.unwrap_or_default(), doh.unwrap_or_default());
    let folder = place.display();
    let text = format!(
        "server:
  interface: 127.0.0.1@{dns}
  interface: 127.0.0.1@{dot}
  interface: 127.0.0.1@{doh}
  tls-port: {dot}
  https-port: {doh}
  http-endpoint: \"/dns-query\"
  tls-service-key: \"{folder}/key.pem\"
  tls-service-pem: \"{folder}/cert.pem\"
  access-control: 127.0.0.0/8 allow
  do-not-query-localhost: no
  do-daemonize: no
  username: \"\"
  chroot: \"\"
  directory: \"{folder}\"
  pidfile: \"\"
  use-syslog: no
  logfile: \"{folder}/unbound.log\"
  module-config: \"iterator\"
  num-threads: {THREADS}
  so-reuseport: yes
  so-rcvbuf: 4m
  minimal-responses: yes
  msg-cache-size: 256m
  rrset-cache-size: 512m
  msg-cache-slabs: 4
  rrset-cache-slabs: 4
  outgoing-range: 4096
  num-queries-per-thread: 2048
  incoming-num-tcp: 200
  http-max-streams: 100
forward-zone:
  name: \".\"
  forward-addr: 127.0.0.1@{upstream}
remote-control:
  control-enable: no
"
    );
    let config = place.join("unbound.conf");
    fs::write(&config, text).expect("written");
    spawn(
        "Unbound",
        Command::new("unbound").arg("-d").arg("-c").arg(config),
        ports,
    )
}

fn dnsdist(place: &Path, upstream: u16) -> Peer {
    let ports = Ports::of(&[Way::Tls, Way::Https]);
    let Ports { dns, dot, doh, .. } = ports;
    let (dot, doh) = (dot.unwrap_or_default(), doh.unwrap_or_default());
    let folder = place.display();
    let local = format!(
        "addLocal('127.0.0.1:{dns}', {{reusePort=true, maxConcurrentTCPConnections=1000}})\n"
    );
    let text = format!(
        "setSecurityPollSuffix('')
setLocal('127.0.0.1:{dns}', {{reusePort=true}})
{}addTLSLocal('127.0.0.1:{dot}', '{folder}/cert.pem', '{folder}/key.pem', {{reusePort=true}})
addDOHLocal('127.0.0.1:{doh}', '{folder}/cert.pem', '{folder}/key.pem', '/dns-query', {{reusePort=true}})
newServer({{address='127.0.0.1:{upstream}', sockets=4, healthCheckMode='up'}})
pc = newPacketCache(2000000, {{maxTTL=86400, numberOfShards=40}})
getPool(''):setCache(pc)
setMaxUDPOutstanding(65535)
",
        local.repeat(THREADS - 1)
    );
    let config = place.join("dnsdist.conf");
    fs::write(&config, text).expect("written");
    spawn(
        "dnsdist (packet cache)",
        Command::new("dnsdist")
            .args(["--supervised", "--disable-syslog", "-C"])
            .arg(config),
        ports,
    )
}

fn knot_resolver(place: &Path, upstream: u16) -> Peer {
    let ports = Ports::of(&[Way::Tls, Way::Https]);
    let Ports { dns, dot, doh, .. } = ports;
    let (dot, doh) = (dot.unwrap_or_default(), doh.unwrap_or_default());
    let folder = place.join("kresd");
    fs::create_dir(&folder).expect("a folder");
    let text = format!(
        "net.listen('127.0.0.1', {dns}, {{ kind = 'dns' }})
net.listen('127.0.0.1', {dot}, {{ kind = 'tls' }})
net.listen('127.0.0.1', {doh}, {{ kind = 'doh2' }})
net.tls('{0}/cert.pem', '{0}/key.pem')
modules.unload('priming')
modules.unload('ta_update')
modules.unload('ta_signal_query')
modules.unload('detect_time_skew')
trust_anchors.remove('.')
cache.size = 512 * MB
policy.add(policy.all(policy.STUB({{'127.0.0.1@{upstream}'}})))
",
        place.display()
    );
    let config = folder.join("kresd.conf");
    fs::write(&config, text).expect("written");
    spawn(
        "Knot Resolver (1 process)",
        Command::new("kresd")
            .args(["-n", "-c"])
            .arg(config)
            .arg(&folder),
        ports,
    )
}
