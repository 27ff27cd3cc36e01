//! The way in, with rustls as the visitor and with bytes that are no visitor's.

use core::time::Duration;

use proptest::prelude::*;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio_rustls::TlsConnector;

use super::*;
use crate::authority::accept::HELLO_BYTES_MAX;

const WIRE_BYTES: usize = 64 * 1024;

async fn only_mysite(name: Name) -> Answer {
    match name.apex().as_ascii() {
        "mysite.key" | "xn--mller-kva.key" => Answer::Resolves,
        "dark.key" => Answer::Unknown("no node answers".to_owned()),
        _ => Answer::Nothing,
    }
}

fn acceptor(world: &World) -> TlsAcceptor {
    let operated = Arc::new(Operated::default());
    TlsAcceptor::new(world.leaves(), operated, HTTP_PROTOCOLS).expect("an acceptor")
}

/// How a visitor and the way in end up with one another.
async fn meet(
    acceptor: &TlsAcceptor,
    client: ClientConfig,
    host: &str,
) -> (Result<Vec<u8>, String>, Result<String, Refused>) {
    let (ours, theirs) = duplex(WIRE_BYTES);
    let host = ServerName::try_from(host.to_owned()).expect("a host");
    let visit = async {
        let connector = TlsConnector::from(Arc::new(client));
        let mut stream = connector
            .connect(host, theirs)
            .await
            .map_err(|error| error.to_string())?;
        let protocol = stream
            .get_ref()
            .1
            .alpn_protocol()
            .unwrap_or_default()
            .to_vec();
        stream.shutdown().await.map_err(|error| error.to_string())?;
        let mut rest = Vec::new();
        let _ = stream.read_to_end(&mut rest).await;
        Ok(protocol)
    };
    let serve = async {
        let mut stream = acceptor.accept(ours, &only_mysite).await?;
        let mut rest = Vec::new();
        stream
            .read_to_end(&mut rest)
            .await
            .expect("it ends in order");
        Ok(stream
            .get_ref()
            .1
            .server_name()
            .unwrap_or_default()
            .to_owned())
    };
    tokio::join!(visit, serve)
}

#[tokio::test]
async fn a_name_that_resolves_is_shown_its_certificate() {
    let world = World::new();
    let acceptor = acceptor(&world);
    for (host, offered, spoken) in [
        ("mysite.key", &["h2", "http/1.1"][..], "h2"),
        ("www.blog.mysite.key", &["http/1.1"], "http/1.1"),
        ("MySite.KEY", &[], ""),
        ("xn--mller-kva.key", &["h2"], "h2"),
    ] {
        for versions in [&[&rustls::version::TLS13][..], &[&rustls::version::TLS12]] {
            let mut client = ClientConfig::builder_with_protocol_versions(versions)
                .with_root_certificates(world.roots())
                .with_no_client_auth();
            client.alpn_protocols = offered.iter().map(|it| it.as_bytes().to_vec()).collect();
            let (visited, served) = meet(&acceptor, client, host).await;
            assert_eq!(visited.as_deref(), Ok(spoken.as_bytes()), "{host}");
            assert_eq!(
                served.map(|it| it.to_ascii_lowercase()),
                Ok(host.to_ascii_lowercase())
            );
        }
    }
    assert!(acceptor.refusals().counts().all(|(_, count)| count == 0));
}

#[tokio::test]
async fn others_are_told_by_an_alert_and_counted() {
    let world = World::new();
    let acceptor = acceptor(&world);
    for (host, reason, alert) in [
        ("example.com", "not-ours", "UnrecognisedName"),
        ("key", "no-such-name", "UnrecognisedName"),
        ("monkey", "not-ours", "UnrecognisedName"),
        ("mysite.key.example.com", "not-ours", "UnrecognisedName"),
        ("nobody.key", "unresolved", "UnrecognisedName"),
        ("xn--a.key", "no-such-name", "UnrecognisedName"),
        ("dark.key", "unknown", "InternalError"),
        ("127.0.0.1", "no-name", "MissingExtension"),
        ("::1", "no-name", "MissingExtension"),
    ] {
        let before = counted(&acceptor, reason);
        let (visited, served) = meet(&acceptor, world.client(), host).await;
        let refused = served.expect_err(reason);
        assert_eq!(refused.reason(), reason, "{host}: {refused}");
        assert!(
            refused.to_string().contains(';') || reason == "no-such-name",
            "it ends with the next step: {refused}"
        );
        let told = visited.expect_err("no connection");
        assert!(told.contains(alert), "{host}: {told}");
        assert_eq!(counted(&acceptor, reason), before + 1);
    }
}

fn counted(acceptor: &TlsAcceptor, reason: &str) -> u64 {
    let mut counts = acceptor.refusals().counts();
    counts
        .find(|(known, _)| *known == reason)
        .expect("a known reason")
        .1
}

#[tokio::test]
async fn only_who_trusts_the_authority_connects() {
    let (world, other) = (World::new(), World::new());
    let acceptor = acceptor(&world);
    let (visited, served) = meet(&acceptor, other.client(), "mysite.key").await;
    assert!(visited.expect_err("no trust").contains("UnknownIssuer"));
    let refused = served.expect_err("it broke off");
    assert_eq!(refused.reason(), "broken-off");
    assert!(
        refused.to_string().contains("dotkey trust show"),
        "{refused}"
    );
}

#[tokio::test]
async fn an_operators_certificate_goes_before_a_leaf() {
    let world = World::new();
    let made =
        rcgen::generate_simple_self_signed(vec!["key.example.net".to_owned()]).expect("made");
    let [chain, key] = ["chain.pem", "key.pem"].map(|name| world.folder.path().join(name));
    std::fs::write(&chain, made.cert.pem()).expect("written");
    std::fs::write(&key, made.key_pair.serialize_pem()).expect("written");
    let operated = Operated::read(&[(chain, key)]).expect("sound");
    let acceptor =
        TlsAcceptor::new(world.leaves(), Arc::new(operated), HTTP_PROTOCOLS).expect("an acceptor");
    let mut roots = RootCertStore::empty();
    roots.add(made.cert.der().clone()).expect("a root");
    let client = ClientConfig::builder()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let (visited, served) = meet(&acceptor, client, "key.example.net").await;
    assert!(visited.is_ok(), "{visited:?}");
    assert_eq!(served, Ok("key.example.net".to_owned()));
    assert!(
        meet(&acceptor, world.client(), "mysite.key")
            .await
            .0
            .is_ok()
    );
}

/// Sends bytes, and gives what comes back and why it ended.
async fn send(acceptor: &TlsAcceptor, bytes: &[u8], ends: bool) -> (Vec<u8>, Refused) {
    let (ours, mut theirs): (DuplexStream, DuplexStream) = duplex(WIRE_BYTES);
    let visit = async {
        // It may be closed before all of it is written.
        let _ = theirs.write_all(bytes).await;
        if ends {
            let _ = theirs.shutdown().await;
        }
        let mut answer = Vec::new();
        let _ = theirs.read_to_end(&mut answer).await;
        answer
    };
    let (answer, served) = tokio::join!(visit, acceptor.accept(ours, &only_mysite));
    (answer, served.expect_err("no handshake is that short"))
}

#[tokio::test]
async fn what_is_no_tls_is_let_go_of() {
    let world = World::new();
    let mut acceptor = acceptor(&world);
    let (_, refused) = send(
        &acceptor,
        b"GET / HTTP/1.1\r\nHost: mysite.key\r\n\r\n",
        false,
    )
    .await;
    assert_eq!(refused.reason(), "not-tls");
    let (_, refused) = send(&acceptor, b"", true).await;
    assert_eq!(refused.reason(), "broken-off");
    // A first message that is announced as long as can be, and comes in records of 1 KiB.
    let mut long = vec![22, 3, 1, 4, 0, 1, 0, 0xff, 0xff];
    long.resize(5 + 1024, 0);
    for _ in 0..HELLO_BYTES_MAX / 1024 + 8 {
        long.extend([22, 3, 1, 4, 0]);
        long.resize(long.len() + 1024, 0);
    }
    let (answer, refused) = send(&acceptor, &long, false).await;
    assert_eq!(refused.reason(), "too-large");
    assert_eq!(answer, [21, 3, 3, 0, 2, 2, 50], "decode_error");
    acceptor.time_max = Duration::from_millis(20);
    let (_, refused) = send(&acceptor, &long[..9], false).await;
    assert_eq!(refused.reason(), "too-slow");
}

/// What a spawned task needs.
#[tokio::test]
async fn a_connection_is_accepted_by_a_task_of_its_own() {
    let world = World::new();
    let acceptor = Arc::new(acceptor(&world));
    let (ours, theirs) = duplex(WIRE_BYTES);
    let task = tokio::spawn(async move { acceptor.accept(ours, &only_mysite).await.is_ok() });
    let connector = TlsConnector::from(Arc::new(world.client()));
    let host = ServerName::try_from("mysite.key").expect("a host");
    let connected = connector.connect(host, theirs).await;
    assert!(connected.is_ok() && task.await.expect("no panic"));
}

/// The first message of a visitor to `mysite.key`.
fn first_message(world: &World) -> Vec<u8> {
    let host = ServerName::try_from("mysite.key").expect("a host");
    let mut client =
        rustls::ClientConnection::new(Arc::new(world.client()), host).expect("a client");
    let mut bytes = Vec::new();
    client.write_tls(&mut bytes).expect("into memory");
    bytes
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    /// Neither garbage nor a damaged first message gets anything but an alert or a handshake, and nothing panics.
    #[test]
    fn any_bytes_are_refused_or_greeted(garbage in proptest::collection::vec(any::<u8>(), 0..600), at in any::<prop::sample::Index>(), damaged in any::<bool>()) {
        static WORLD: std::sync::LazyLock<(World, Vec<u8>)> = std::sync::LazyLock::new(|| {
            let world = World::new();
            let message = first_message(&world);
            (world, message)
        });
        let (world, message) = &*WORLD;
        let bytes = if damaged {
            let mut bytes = message.clone();
            let at = at.index(bytes.len());
            bytes[at] ^= garbage.first().copied().unwrap_or(1).max(1);
            bytes
        } else {
            garbage
        };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let (answer, _) = runtime.block_on(send(&acceptor(world), &bytes, true));
        prop_assert!(answer.is_empty() || answer[0] == 21 || answer[0] == 22, "{:?}", answer);
    }
}
