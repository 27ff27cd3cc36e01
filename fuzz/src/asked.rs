//! A service that is asked: names of one zone, no way to ordinary names, and a clock that stands still.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::{Arc, OnceLock};

use dotkey_proto::identity::{KeyId, Policy, PublicKey};
use dotkey_proto::ledger::Subject;
use dotkey_proto::record::SignedRecord;
use dotkey_proto::signature::SecretKey;
use dotkey_proto::text::toml;
use dotkey_proto::time::Timestamp;
use dotkey_resolver::Resolver;
use dotkey_resolver::answer::made_up::Via;
use dotkey_resolver::answer::sign::Signer;
use dotkey_resolver::server::{Client, Config, Service};
use dotkey_resolver::source::{Fetch, Origin, Source, Wanted};
use dotkey_resolver::transport::Transport;

/// The time of all inputs.
pub const NOW_SECS: u64 = 1_795_284_000;

const ZONE: &str = include_str!("asked.toml");

/// One record, and no proofs.
struct Shelf(KeyId, Vec<u8>);

impl Source for Shelf {
    fn origin(&self) -> Origin {
        Origin::Other("a shelf".into())
    }

    fn record<'a>(&'a self, wanted: &'a Wanted) -> Fetch<'a> {
        let found = (wanted.key_id == self.0 && wanted.branch.is_none()).then(|| self.1.clone());
        Box::pin(async move { Ok(found) })
    }

    fn proof<'a>(&'a self, _: &'a Subject, _: u64) -> Fetch<'a> {
        Box::pin(async { Ok(None) })
    }
}

/// The time of all inputs.
///
/// # Panics
/// Never: it is in range.
#[must_use]
pub fn now() -> Timestamp {
    Timestamp::from_secs(NOW_SECS).expect("in range")
}

/// The key whose name the zone is under.
#[must_use]
pub fn key() -> SecretKey {
    SecretKey::from_seed(&[1; 32])
}

/// Its identity.
#[must_use]
pub fn key_id() -> KeyId {
    Policy::bare_key_id(PublicKey::Ed25519(key().public()))
}

/// The service, made once.
///
/// # Panics
/// Its parts do not fit each other.
pub fn service() -> &'static Arc<Service> {
    static SERVICE: OnceLock<Arc<Service>> = OnceLock::new();
    SERVICE.get_or_init(|| {
        let zone = toml::parse(ZONE, "asked.toml").expect("a zone").zone;
        let window = now().saturating_sub(600)..now().saturating_add(3000);
        let record = SignedRecord::of_bare_key(&key(), 1, window, zone.encode());
        let record = record.expect("a record").as_bytes().to_vec();
        let builder = Resolver::builder()
            .clock(now)
            .source(Shelf(key_id(), record));
        let resolver = builder.build().expect("it is sound");
        let signer = Signer::generate().expect("a key");
        let signer = Signer::new(&signer, resolver.origin()).expect("a key");
        let mut config = Config::new(resolver, signer, Via::Direct);
        config.rules.nsid = "here".to_owned();
        Arc::new(Service::new(config, [7; 32]))
    })
}

/// Does work that waits for nothing but itself.
///
/// # Panics
/// There are no timers.
pub fn run<T>(work: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build();
    runtime.expect("a runtime").block_on(work)
}

/// Who asks, on this machine.
#[must_use]
pub fn client(transport: Transport) -> Client {
    Client {
        address: IpAddr::V4(Ipv4Addr::LOCALHOST),
        transport,
    }
}

/// Asserts that an answer is one to a query, and that others can read it.
///
/// # Panics
/// It is not, or they cannot.
pub fn answers(query: &[u8], answer: &[u8], bytes_max: usize) {
    assert!(answer.len() <= bytes_max, "{} bytes", answer.len());
    assert_eq!(answer[..2], query[..2], "the id");
    assert!(answer[2] & 0x80 != 0, "it is an answer");
    let read = hickory_proto::op::Message::from_vec(answer);
    read.unwrap_or_else(|error| panic!("{error}: {answer:?}"));
}
