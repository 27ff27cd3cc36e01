//! How long names take that are not kept: beside a node, and by itself with three nodes to ask; and how long a resolver takes to begin.
//!
//! Each is beside what it cannot be faster than, in the same run. Nothing here fails: the reader of the lines judges.

use std::io::{BufRead, BufReader};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, UdpSocket};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use dotkey_proto::identity::{KeyId, Policy, PublicKey};
use dotkey_proto::record::SignedRecord;
use dotkey_proto::signature::SecretKey;
use dotkey_proto::text::toml;
use dotkey_proto::time::Timestamp;
use serde_json::Value;

/// Names that are asked for once, and then once more.
const NAMES: usize = 300;
const NAMES_QUICK: usize = 50;

const STARTS: usize = 11;

/// A name whose record is in the node of the process may take at most this many times what a kept answer takes.
const MISS_RATIO_MAX: f64 = 3.0;

/// From the start of the process to its first answer.
const START_MS_MAX: f64 = 200.0;

/// A process that ends with this program.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn spawn(arguments: &[&str], data: &Path) -> Running {
    let mut command = Command::new(env!("CARGO_BIN_EXE_dotkey"));
    command.args(arguments).arg("--data").arg(data);
    let spawned = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn();
    Running(spawned.expect("the program starts"))
}

/// What it says when it is ready.
fn ready(running: &mut Running) -> Value {
    let mut line = String::new();
    let stdout = running.0.stdout.take().expect("it is piped");
    BufReader::new(stdout)
        .read_line(&mut line)
        .expect("it says that it is ready");
    serde_json::from_str(&line).expect("JSON")
}

fn text<'a>(ready: &'a Value, key: &str) -> &'a str {
    ready[key].as_str().expect("a text")
}

/// An identity with a record.
struct Site {
    key_id: KeyId,
    record: Vec<u8>,
}

impl Site {
    fn new(number: usize) -> Self {
        let mut seed = [9; 32];
        seed[..8].copy_from_slice(&(number as u64).to_le_bytes());
        let secret = SecretKey::from_seed(&seed);
        let zone = "[[record]]\nowner = \"@\"\ntype = \"A\"\ndata = \"192.0.2.1\"\n";
        let zone = toml::parse(zone, "bench.toml").expect("a zone").zone;
        let window = now().saturating_sub(60)..now().saturating_add(86_400);
        let record = SignedRecord::of_bare_key(&secret, 1, window, zone.encode());
        Self {
            key_id: Policy::bare_key_id(PublicKey::Ed25519(secret.public())),
            record: record.expect("a record").as_bytes().to_vec(),
        }
    }

    fn put(&self, api: &str) {
        let url = format!("{api}/v1/records/{}", self.key_id);
        let sent = ureq::put(url)
            .header("content-type", "application/cbor")
            .send(&self.record[..]);
        sent.expect("it is stored");
    }
}

fn now() -> Timestamp {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    Timestamp::from_secs(since.expect("after 1970").as_secs()).expect("in range")
}

/// A client of one DNS server.
struct Client(UdpSocket);

impl Client {
    fn new(server: SocketAddr) -> Self {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("a socket");
        socket.connect(server).expect("connected");
        let patience = Some(Duration::from_secs(5));
        socket.set_read_timeout(patience).expect("a timeout");
        Self(socket)
    }

    /// How long the address of an identity's name takes.
    fn ask(&self, key_id: &KeyId) -> Duration {
        let (took, answer) = self.exchange(&[&key_id.to_string(), "key"]);
        assert!(
            answer[3] & 0x0f == 0 && answer[7] == 1,
            "an address of {key_id}"
        );
        took
    }

    /// How long it takes to hear that there is no such name below it.
    fn ask_below(&self, key_id: &KeyId) -> Duration {
        let (took, answer) = self.exchange(&["www", &key_id.to_string(), "key"]);
        assert!(answer[3] & 0x0f == 3, "no name below {key_id}");
        took
    }

    fn exchange(&self, name: &[&str]) -> (Duration, [u8; 1500]) {
        let mut query = vec![0, 7, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0];
        for label in name {
            query.push(label.len() as u8);
            query.extend(label.as_bytes());
        }
        query.extend([0, 0, 1, 0, 1]);
        let mut answer = [0; 1500];
        let begun = Instant::now();
        self.0.send(&query).expect("sent");
        self.0.recv(&mut answer).expect("an answer");
        (begun.elapsed(), answer)
    }
}

fn median(mut times: Vec<Duration>) -> f64 {
    times.sort();
    times[times.len() / 2].as_secs_f64() * 1e6
}

/// The medians of names that are asked for the first time, and the second time.
fn twice(client: &Client, sites: &[Site]) -> (f64, f64) {
    let ask = |site: &Site| client.ask(&site.key_id);
    // Threads and tables that begin small are not what is measured.
    let (warm, sites) = sites.split_at(sites.len() / 10);
    for site in warm {
        let _ = (ask(site), ask(site));
    }
    let first = sites.iter().map(ask).collect();
    let again = sites.iter().map(ask).collect();
    (median(first), median(again))
}

fn beside_a_node(ready: &Value, sites: &[Site]) {
    let client = Client::new(text(ready, "dns").parse().expect("an address"));
    let (miss, kept) = twice(&client, sites);
    // Another name of the same zone, which nobody has asked for.
    let below = sites.iter().map(|site| client.ask_below(&site.key_id));
    let below = median(below.collect());
    println!(
        "ratio: a name that is not kept, of a zone that is known / kept, p50 = {:.2} (at most {MISS_RATIO_MAX}) [{below:.0} / {kept:.0} microseconds]",
        below / kept
    );
    println!(
        "ratio: a name whose zone is in the node of the process alone / kept, p50 = {:.2} (at most {MISS_RATIO_MAX}) [{miss:.0} / {kept:.0} microseconds]",
        miss / kept
    );
}

/// A resolver by itself, with three nodes to ask, the first of which has the records as all do.
fn light(apis: &[String], sites: &[Site], folder: &Path) {
    let mut arguments = vec!["resolver", "--json", "--ports", "auto"];
    for api in apis {
        arguments.extend(["--node", api]);
    }
    let mut running = spawn(&arguments, &folder.join("light"));
    let ready = ready(&mut running);
    let client = Client::new(text(&ready, "dns").parse().expect("an address"));
    let (miss, _) = twice(&client, sites);
    // What it is made of: one exchange with the node over a connection that is there, and the verification.
    let api = &apis[0];
    let agent = ureq::agent();
    let alone = sites.iter().map(|site| {
        let begun = Instant::now();
        let url = format!("{api}/v1/records/{}", site.key_id);
        let mut answer = agent.get(url).call().expect("an answer");
        let bytes = answer.body_mut().read_to_vec().expect("a record");
        let verified = SignedRecord::new(bytes).verify(now(), None);
        assert!(verified.is_ok_and(|record| record.key_id() == site.key_id));
        begun.elapsed()
    });
    let alone = median(alone.collect());
    println!(
        "ratio: a name that is not kept, by a resolver with three nodes / one request to a node and its verification, p50 = {:.2} (1 wanted) [{miss:.0} / {alone:.0} microseconds]",
        miss / alone
    );
}

/// Until a node has them all.
fn wait_for(api: &str, sites: &[Site]) {
    let begun = Instant::now();
    let has = |site: &Site| {
        ureq::get(format!("{api}/v1/records/{}", site.key_id))
            .call()
            .is_ok()
    };
    while !sites.iter().all(has) {
        assert!(
            begun.elapsed() < Duration::from_secs(60),
            "{api} has not all records"
        );
    }
}

/// A free port over UDP and TCP, below those that the system gives to clients: one of theirs that has just ended would be in the way.
fn free_address() -> SocketAddr {
    let ports = (20_000..30_000).map(|port| SocketAddr::from((Ipv4Addr::LOCALHOST, port)));
    let mut free = ports.filter(|at| UdpSocket::bind(at).is_ok() && TcpListener::bind(at).is_ok());
    free.next().expect("a port")
}

/// From the start of the process to its first answer.
fn start(folder: &Path) -> Duration {
    let address = free_address();
    let dns = address.to_string();
    let client = Client::new(address);
    let pause = Some(Duration::from_millis(1));
    client.0.set_read_timeout(pause).expect("a timeout");
    let begun = Instant::now();
    let arguments = [
        "resolver",
        "--ports",
        "auto",
        "--dns",
        &dns,
        "--node",
        "http://127.0.0.1:9",
    ];
    let _running = spawn(&arguments, folder);
    // The SOA of the suffix.
    let query = b"\0\x07\x01\0\0\x01\0\0\0\0\0\0\x03key\0\0\x06\0\x01";
    let mut answer = [0; 512];
    while begun.elapsed() < Duration::from_secs(20) {
        // Nobody listens at first.
        let _ = client.0.send(query);
        if client.0.recv(&mut answer).is_ok() {
            return begun.elapsed();
        }
    }
    panic!("it does not answer");
}

fn main() {
    let quick = std::env::args().any(|argument| argument == "--quick");
    let folder = tempfile::tempdir().expect("a folder");
    let names = if quick { NAMES_QUICK } else { NAMES };
    let sites: Vec<Site> = (0..names).map(Site::new).collect();
    let arguments = ["up", "--json", "--no-demo", "--ports", "auto"];
    let mut node = spawn(&arguments, &folder.path().join("node"));
    let node_ready = ready(&mut node);
    let api = text(&node_ready, "api").to_owned();
    sites.iter().for_each(|site| site.put(&api));
    beside_a_node(&node_ready, &sites);
    let first = folder.path().join("node");
    let [run, network] =
        ["run.json", "network.toml"].map(|file| first.join(file).display().to_string());
    let others = ["second", "third"].map(|name| {
        let arguments = [
            "node",
            "--json",
            "--ports",
            "auto",
            "--join",
            &run,
            "--network",
            &network,
        ];
        let mut node = spawn(&arguments, &folder.path().join(name));
        let api = text(&ready(&mut node), "api").to_owned();
        wait_for(&api, &sites);
        (node, api)
    });
    let apis = [api, others[0].1.clone(), others[1].1.clone()];
    light(&apis, &sites, folder.path());
    let starts = (0..STARTS).map(|_| start(&folder.path().join("starts")));
    let start_ms = median(starts.collect()) / 1e3;
    println!(
        "ratio: start of a resolver to its first answer / {START_MS_MAX} ms = {:.2} (at most 1) [{start_ms:.0} ms]",
        start_ms / START_MS_MAX
    );
}
