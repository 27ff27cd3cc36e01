//! KeyTrap (CVE-2023-50387): a zone with many keys of one tag, many digests of them and many signatures by none of them, each of which
//! a validator might try with each. What is counted is verifications, as hickory tells of them.

use std::fmt::Debug;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use hickory_proto::dnssec::rdata::DNSKEY;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

use super::*;

/// Signatures, and keys that are not so many that some of them are left out.
const MANY: usize = 90;
const KEYS: usize = 60;

/// The tag of all of them.
const TAG: u16 = 4711;

/// RSA with SHA-256.
const RSA: u8 = 8;
const MODULUS_BYTES: usize = 256;

/// What a validator with hickory's bounds alone tries at the least: each signature with two keys.
const WITHOUT_BOUND: usize = 2 * MANY;

/// What is put beside a zone's own.
pub(super) struct Trap {
    keys: Vec<Vec<u8>>,
    digests: Vec<Vec<u8>>,
    /// Of which types the zone's own signature stands behind so many others; of the rest it stands first.
    hidden: (&'static [RecordType], usize),
}

impl Trap {
    fn new(zone: &str, hidden: (&'static [RecordType], usize)) -> Self {
        let keys: Vec<Vec<u8>> = (0..KEYS).map(key).collect();
        let digest = |key: &Vec<u8>| digest(zone, key);
        Self {
            digests: keys.iter().map(digest).collect(),
            keys,
            hidden,
        }
    }

    pub(super) fn keys(&self) -> impl Iterator<Item = Vec<u8>> + use<> {
        self.keys.clone().into_iter()
    }

    pub(super) fn digests(&self) -> impl Iterator<Item = Vec<u8>> + use<> {
        self.digests.clone().into_iter()
    }

    /// Puts signatures by nobody around the zone's own.
    pub(super) fn surround(&self, signatures: &mut Vec<Vec<u8>>, of: RecordType) {
        const P256_SIGNATURE_BYTES: usize = 64;
        let own = signatures.pop().expect("its own");
        let forged = |number: usize| {
            let mut forged = own[..own.len() - P256_SIGNATURE_BYTES].to_vec();
            forged[2] = RSA;
            forged[16..18].copy_from_slice(&TAG.to_be_bytes());
            forged.extend([number as u8; MODULUS_BYTES]);
            forged
        };
        let is_trap = [RecordType::DNSKEY, RecordType::A].contains(&of);
        signatures.extend((1..=MANY).filter(|_| is_trap).map(forged));
        let (hidden, behind) = self.hidden;
        let at = if hidden.contains(&of) { behind } else { 0 };
        signatures.insert(at.min(signatures.len()), own);
    }
}

/// A key that nobody has the other half of: a modulus takes any bytes, so that any tag can be made.
fn key(number: usize) -> Vec<u8> {
    let mut key = vec![1, 1, 3, RSA, 3, 1, 0, 1];
    let at = key.len() + 2;
    key.resize(key.len() + MODULUS_BYTES, 0x5a);
    key[8] = 0xc0 | (number as u8 >> 4);
    key[9] = number as u8;
    *key.last_mut().expect("some") = 0x5b;
    // RFC 4034 appendix B: words are added up, and what is above 16 bits once more.
    key[at..at + 2].fill(0);
    let words = key
        .chunks(2)
        .map(|word| u32::from(word[0]) << 8 | u32::from(word[1]));
    let sum: u32 = words.sum();
    let tag = |word: &u32| (sum + word + ((sum + word) >> 16)) as u16;
    let word = (0..=u32::from(u16::MAX)).find(|word| tag(word) == TAG);
    let word = word.expect("one of them makes the tag") as u16;
    key[at..at + 2].copy_from_slice(&word.to_be_bytes());
    assert_eq!(DNSKEY::calculate_key_tag_internal(&key), TAG);
    key
}

/// RFC 4034 section 5.1.4, with SHA-256.
fn digest(zone: &str, key: &[u8]) -> Vec<u8> {
    let owner = name(zone);
    let hashed = [owner.as_wire(), key].concat();
    let digest = rustls::crypto::aws_lc_rs::cipher_suite::TLS13_AES_128_GCM_SHA256;
    let digest = digest
        .tls13()
        .expect("TLS 1.3")
        .common
        .hash_provider
        .hash(&hashed);
    [&TAG.to_be_bytes()[..], &[RSA, 2], digest.as_ref()].concat()
}

/// Counts what hickory tells of its verifications.
#[derive(Clone, Default)]
struct Verifications(Arc<AtomicUsize>);

impl Subscriber for Verifications {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.is_event() && metadata.target() == "hickory_net::dnssec"
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        struct Tells(bool);
        impl Visit for Tells {
            fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
                let told = ["failed rrset validation", "validated rrset with dnskey"];
                self.0 |= field.name() == "message" && told.contains(&&*format!("{value:?}"));
            }
        }
        let mut tells = Tells(false);
        event.record(&mut tells);
        self.0.fetch_add(usize::from(tells.0), Ordering::Relaxed);
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

fn world() -> Arc<World> {
    let mut world = World::new();
    world.zone("test.", Bent::Nothing, &[]);
    world.zone(
        "good.test",
        Bent::Nothing,
        &[("www.good.test", "A", "198.51.100.1")],
    );
    const OF_KEYS: &[RecordType] = &[RecordType::DNSKEY];
    const OF_DATA: &[RecordType] = &[RecordType::A];
    const OF_ALL: &[RecordType] = &[RecordType::DNSKEY, RecordType::A];
    for (zone, hidden) in [("keys.test", OF_KEYS), ("data.test", OF_DATA)] {
        let www = format!("www.{zone}");
        world.zone(zone, Bent::Nothing, &[(&www, "A", "198.51.100.1")]);
        world.set_trap(Trap::new(zone, (hidden, MANY)));
    }
    for at in 0..7 {
        let (zone, next) = (format!("n{at}.test"), format!("www.n{}.test", at + 1));
        let www = format!("www.{zone}");
        match at {
            6 => world.zone(&zone, Bent::Nothing, &[(&www, "A", "198.51.100.1")]),
            _ => world.zone(&zone, Bent::Nothing, &[(&www, "CNAME", &next)]),
        }
        // As far behind as it is still found.
        world.set_trap(Trap::new(&zone, (OF_ALL, 5)));
    }
    Arc::new(world)
}

#[tokio::test]
async fn what_a_question_has_verified_is_bounded_whatever_a_zone_makes_of_it() {
    let world = world();
    let server = Server::start(&world, Does::Cuts).await;
    let settings = Settings {
        anchors: Anchors::parse(&world.anchor(".")).expect("an anchor"),
        ..believing(&[&server])
    };
    let verifications = Verifications::default();
    let _counting = tracing::subscriber::set_default(verifications.clone());
    let ask = async |of: &str| {
        let before = (verifications.0.load(Ordering::Relaxed), server.asked());
        let upstream = Upstream::new(&settings).expect("an upstream");
        let said = ask(&upstream, of, "A").await;
        let verified = verifications.0.load(Ordering::Relaxed) - before.0;
        (said, verified, server.asked() - before.1)
    };
    let (said, usual, _) = ask("www.good.test").await;
    assert!(said.verified && usual > 0, "{usual}: {said:?}");
    for of in ["www.keys.test", "www.data.test"] {
        let (said, verified, asked) = ask(of).await;
        // What the owner has hidden behind so much is not found.
        assert_eq!(said.rcode, ResponseCode::ServFail, "{of}: {said:?}");
        assert!(verified > usual, "{of}: the trap is one, {verified}");
        assert!(verified < WITHOUT_BOUND, "{of}: {verified} verifications");
        assert!(asked <= 2 * trail::EXCHANGES_MAX, "{of}: {asked} exchanges");
    }
    // Through many such zones; each holds, and together they cost what one question may.
    let (said, verified, asked) = ask("www.n0.test").await;
    assert!(said.verified, "{said:?}");
    let most = 2 * trail::SIGNATURES_MAX;
    assert!(
        verified > usual && verified <= most,
        "{verified} verifications"
    );
    assert!(asked <= 2 * trail::EXCHANGES_MAX, "{asked} exchanges");
}
