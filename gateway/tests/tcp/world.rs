//! What the tests share: a name whose record changes, servers that end with their test, and what a listener noticed.

use std::collections::HashMap;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use dotkey_gateway::site::PrivateNames;
use dotkey_gateway::tcp::{Bounds, Config, Event, Listener, Observer, StartError, Way};
use dotkey_proto::identity::{KeyId, Policy, PublicKey};
use dotkey_proto::ledger::Subject;
use dotkey_proto::record::SignedRecord;
use dotkey_proto::signature::SecretKey;
use dotkey_proto::text::toml;
use dotkey_resolver::Resolver;
use dotkey_resolver::source::{Fetch, Hint, Origin, Source, Wanted};
use tokio::sync::Notify;

/// How long anything may take on a machine that has much else to do.
pub(crate) const LONG: Duration = Duration::from_secs(60);

/// A name that is a key, and its record.
#[derive(Clone)]
pub(crate) struct Site {
    secret: Arc<SecretKey>,
    records: Arc<Mutex<HashMap<KeyId, Vec<u8>>>>,
    changed: Arc<Notify>,
}

impl Site {
    pub(crate) fn new(seed: u8) -> Self {
        Self {
            secret: Arc::new(SecretKey::from_seed(&[seed; 32])),
            records: Arc::default(),
            changed: Arc::default(),
        }
    }

    fn key_id(&self) -> KeyId {
        Policy::bare_key_id(PublicKey::Ed25519(self.secret.public()))
    }

    pub(crate) fn name(&self) -> String {
        format!("{}.key", self.key_id())
    }

    /// A record as its owner signs it.
    pub(crate) fn sign(&self, sequence: u64, zone: &str) -> Vec<u8> {
        let zone = toml::parse(zone, "test.toml")
            .unwrap_or_else(|error| panic!("{error}"))
            .zone;
        let now = Resolver::builder().build().expect("a resolver").now();
        let window = now.saturating_sub(600)..now.saturating_add(3000);
        let record = SignedRecord::of_bare_key(&self.secret, sequence, window, zone.encode());
        record.expect("a record").as_bytes().to_vec()
    }

    /// Gives out this record from now on, whether it is newer or not.
    pub(crate) fn give(&self, record: Vec<u8>) {
        self.records
            .lock()
            .expect("whole")
            .insert(self.key_id(), record);
        self.changed.notify_one();
    }

    pub(crate) fn publish(&self, sequence: u64, zone: &str) {
        self.give(self.sign(sequence, zone));
    }

    pub(crate) fn resolver(&self) -> Resolver {
        Resolver::builder()
            .source(self.clone())
            .build()
            .expect("a resolver")
    }
}

impl Source for Site {
    fn origin(&self) -> Origin {
        Origin::Other("memory".into())
    }

    fn record<'a>(&'a self, wanted: &'a Wanted) -> Fetch<'a> {
        let record = self
            .records
            .lock()
            .expect("whole")
            .get(&wanted.key_id)
            .cloned();
        Box::pin(async move { Ok(record) })
    }

    fn proof<'a>(&'a self, _subject: &'a Subject, _epoch: u64) -> Fetch<'a> {
        Box::pin(async { Ok(None) })
    }

    fn changed<'a>(&'a self, _key_id: &'a KeyId) -> Hint<'a> {
        Box::pin(self.changed.notified())
    }
}

/// What a listener noticed.
#[derive(Default)]
pub(crate) struct Noticed(Mutex<Vec<Event>>);

impl Observer for Noticed {
    fn notice(&self, event: &Event) {
        self.0.lock().expect("whole").push(event.clone());
    }
}

impl Noticed {
    /// Whether a primary of the epoch `old` was fenced off, because `new` is known.
    pub(crate) fn has_fenced(&self, old: u64, new: u64) -> bool {
        let is_it = |event: &Event| match event {
            Event::FencedOff { epoch, highest, .. } => (*epoch, *highest) == (old, new),
            _ => false,
        };
        self.count(is_it) > 0
    }

    pub(crate) fn count(&self, is_it: impl Fn(&Event) -> bool) -> usize {
        self.0
            .lock()
            .expect("whole")
            .iter()
            .filter(|event| is_it(event))
            .count()
    }
}

/// A listener on a free port.
pub(crate) async fn listen(site: &Site, way: Way, bounds: Bounds) -> (Listener, Arc<Noticed>) {
    let (listener, noticed) = listen_keeping(site, way, bounds, None).await;
    (listener.expect("a free port"), noticed)
}

/// One that keeps epochs in a folder.
pub(crate) async fn listen_keeping(
    site: &Site,
    way: Way,
    bounds: Bounds,
    epochs: Option<&Path>,
) -> (Result<Listener, StartError>, Arc<Noticed>) {
    let noticed = Arc::new(Noticed::default());
    let config = Config {
        address: "127.0.0.1:0".parse().expect("an address"),
        way,
        region: None,
        private_names: PrivateNames::new(["*"]),
        epochs: epochs.map(Path::to_owned),
        bounds,
    };
    let listener = Listener::start(config, site.resolver(), noticed.clone()).await;
    (listener, noticed)
}

/// A port that nobody has now.
pub(crate) fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.local_addr().expect("an address").port()
}

/// Tries again until it is so.
pub(crate) fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let begun = std::time::Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < LONG, "never: {what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// A program that ends with its test.
pub(crate) struct Program(Child);

impl Program {
    pub(crate) fn start(command: &mut Command) -> Self {
        let child = command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        Self(child.unwrap_or_else(|error| panic!("{command:?} runs: {error}")))
    }

    /// SIGKILL.
    pub(crate) fn kill(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Runs a program to its end, off the runtime's threads.
pub(crate) fn run(command: &mut Command, input: &str) -> Output {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("{command:?} runs: {error}"));
    let mut stdin = child.stdin.take().expect("piped");
    stdin.write_all(input.as_bytes()).expect("it reads");
    drop(stdin);
    child.wait_with_output().expect("it ends")
}

/// What a program prints when all is well.
pub(crate) fn output(command: &mut Command, input: &str) -> String {
    let output = run(command, input);
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {error}");
    String::from_utf8(output.stdout)
        .expect("text")
        .trim()
        .to_owned()
}

/// A connection of the test's own, which waits for no more than [`LONG`].
pub(crate) fn connect(address: SocketAddr) -> std::net::TcpStream {
    let stream = std::net::TcpStream::connect(address).expect("it listens");
    stream.set_read_timeout(Some(LONG)).expect("set");
    stream
}

/// All that comes until the other side ends.
pub(crate) fn rest(stream: &mut std::net::TcpStream) -> Vec<u8> {
    let mut bytes = Vec::new();
    let _ = stream.read_to_end(&mut bytes);
    bytes
}

/// A certificate and its key in a folder, and the pin of the key.
pub(crate) fn certificate(folder: &Path) -> [u8; 32] {
    use sha2::{Digest, Sha256};
    let made =
        rcgen::generate_simple_self_signed(vec!["shard.example.net".to_owned()]).expect("made");
    std::fs::write(folder.join("server.crt"), made.cert.pem()).expect("written");
    std::fs::write(folder.join("server.key"), made.key_pair.serialize_pem()).expect("written");
    Sha256::digest(made.key_pair.public_key_der()).into()
}

/// A pin as zones write it.
pub(crate) fn pin_text(pin: [u8; 32]) -> String {
    format!("sha256:{}", data_encoding::BASE64.encode(&pin))
}
