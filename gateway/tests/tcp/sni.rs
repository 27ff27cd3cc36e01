//! By SNI: TLS that goes through untouched.

use std::io::{Read, Write};
use std::sync::Arc;
use std::time::Duration;

use dotkey_gateway::site::PrivateNames;
use dotkey_gateway::tcp::{Bounds, Config, Event, Listener, Way};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;
use tokio_rustls::{TlsAcceptor, TlsConnector};

use crate::world::{LONG, Noticed, Site, connect, free_port, listen, rest};

/// A TLS server that says its name, then what it was told once it was told all; how to reach it, and its certificate.
async fn server(name: &str, says: &'static str) -> (u16, CertificateDer<'static>) {
    dotkey_resolver::tls::install_provider();
    let made = rcgen::generate_simple_self_signed(vec![name.to_owned()]).expect("made");
    let certificate = made.cert.der().clone();
    let key = PrivateKeyDer::try_from(made.key_pair.serialize_der()).expect("a key");
    let config = rustls::ServerConfig::builder().with_no_client_auth();
    let config = config
        .with_single_cert(vec![certificate.clone()], key)
        .expect("it fits");
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = listener.local_addr().expect("an address").port();
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.expect("a client");
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                let Ok(mut stream) = acceptor.accept(stream).await else {
                    return;
                };
                let _ = stream.write_all(says.as_bytes()).await;
                let mut told = Vec::new();
                let _ = stream.read_to_end(&mut told).await;
                let _ = stream.write_all(&told).await;
                let _ = stream.shutdown().await;
            });
        }
    });
    (port, certificate)
}

fn zone(providers: &[(&str, u16)]) -> String {
    let providers = providers.iter().enumerate().map(|(at, (scheme, port))| {
        format!("  [[resource.provider]]\n  id = \"p{at}\"\n  url = \"{scheme}://127.0.0.1:{port}\"\n  priority = {at}\n")
    });
    format!(
        "[[resource]]\nkind = \"backend\"\nhost = \"@\"\n{}",
        providers.collect::<String>()
    )
}

/// What the server says and what it echoes, over TLS that trusts its certificate alone.
async fn talk(listener: &Listener, name: &str, certificate: CertificateDer<'static>) -> String {
    let mut roots = rustls::RootCertStore::empty();
    roots.add(certificate).expect("a certificate");
    let config = rustls::ClientConfig::builder()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let stream = TcpStream::connect(listener.local_addr())
        .await
        .expect("it listens");
    let name = ServerName::try_from(name.to_owned()).expect("a name");
    let connected = TlsConnector::from(Arc::new(config))
        .connect(name, stream)
        .await;
    let mut stream = connected.expect("the server's own certificate");
    let long = "x".repeat(100_000);
    stream.write_all(long.as_bytes()).await.expect("written");
    // A half that is closed leaves the other open.
    stream.shutdown().await.expect("closed");
    let mut said = String::new();
    stream.read_to_string(&mut said).await.expect("text");
    assert!(said.ends_with(&long));
    said.replace(&long, "")
}

#[tokio::test]
async fn tls_goes_through_to_the_first_provider_that_can_be_reached() {
    let site = Site::new(1);
    let (port, certificate) = server(&site.name(), "one").await;
    site.publish(1, &zone(&[("tls", free_port()), ("tls", port)]));
    let (mut listener, noticed) = listen(&site, Way::Sni, Bounds::default()).await;
    for _ in 0..3 {
        let said = timeout(LONG, talk(&listener, &site.name(), certificate.clone())).await;
        assert_eq!(said.expect("in time"), "one");
    }
    // A connection is counted when both sides have ended it, which the client does not wait for.
    let ended = async {
        while listener.counters().open > 0 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(LONG, ended).await.expect("all end");
    let counted = listener.counters();
    assert!(
        counted.accepted == 3 && counted.bytes_up > 300_000 && counted.bytes_down > 300_000,
        "{counted:?}"
    );
    assert!(counted.connect_failures >= 1, "{counted:?}");
    assert!(noticed.count(|event| matches!(event, Event::Unreachable { .. })) >= 1);
    // Another record, another server.
    let (other_port, other) = server(&site.name(), "two").await;
    site.publish(2, &zone(&[("tls", other_port)]));
    listener.drain().await;
    assert!(
        TcpStream::connect(listener.local_addr()).await.is_err(),
        "nobody is taken any more"
    );
    let (second, _) = listen(&site, Way::Sni, Bounds::default()).await;
    assert_eq!(talk(&second, &site.name(), other).await, "two");
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_cannot_be_carried_is_told_by_an_alert() {
    let site = Site::new(2);
    site.publish(1, &zone(&[("http", 1)]));
    let bounds = Bounds {
        begin: Duration::from_secs(1),
        ..Bounds::default()
    };
    let (listener, _) = listen(&site, Way::Sni, bounds).await;
    let told = |bytes: &[u8]| {
        let mut stream = connect(listener.local_addr());
        stream.write_all(bytes).expect("written");
        rest(&mut stream)
    };
    let alert = |kind| [21, 3, 1, 0, 2, 2, kind].to_vec();
    assert_eq!(told(b"GET / HTTP/1.1\r\n\r\n"), alert(10));
    assert_eq!(told(&[22, 3, 1, 0, 0]), alert(50));
    for name in [site.name(), Site::new(3).name(), "example.com".to_owned()] {
        assert_eq!(told(&hello(&name)), alert(112), "{name}");
    }
    // Whoever says half of it and then nothing is sent away.
    assert!(told(&hello(&site.name())[..50]).is_empty());
    let counted = listener.counters();
    assert_eq!(
        (counted.unreadable, counted.unroutable),
        (3, 3),
        "{counted:?}"
    );
}

fn hello(name: &str) -> Vec<u8> {
    dotkey_resolver::tls::install_provider();
    let config = rustls::ClientConfig::builder()
        .with_root_certificates(rustls::RootCertStore::empty())
        .with_no_client_auth();
    let name = ServerName::try_from(name.to_owned()).expect("a name");
    let mut client = rustls::ClientConnection::new(config.into(), name).expect("a client");
    let mut sent = Vec::new();
    client.write_tls(&mut sent).expect("written");
    sent
}

#[tokio::test(flavor = "multi_thread")]
async fn idle_and_surplus_connections_end() {
    let site = Site::new(4);
    let server = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = server.local_addr().expect("an address").port();
    site.publish(1, &zone(&[("https", port)]));
    let bounds = || Bounds {
        idle: Duration::from_millis(700),
        connections_per_client_max: 2,
        ..Bounds::default()
    };
    let (listener, _) = listen(&site, Way::Sni, bounds()).await;
    let mut one = connect(listener.local_addr());
    one.write_all(&hello(&site.name())).expect("written");
    // An `https` provider takes whole connections only where its owner says so.
    assert_eq!(rest(&mut one), [21, 3, 1, 0, 2, 2, 112]);
    let tcp = zone(&[("https", port)]) + "  protocol = \"tcp\"\n";
    site.publish(2, &tcp);
    let (listener, _) = listen(&site, Way::Sni, bounds()).await;
    let (mut one, mut two) = (
        connect(listener.local_addr()),
        connect(listener.local_addr()),
    );
    for stream in [&mut one, &mut two] {
        stream.write_all(&hello(&site.name())).expect("written");
    }
    let (mut taken, _) = server.accept().expect("carried");
    let mut first = [0; 1];
    taken.read_exact(&mut first).expect("the hello");
    assert_eq!(first, [22]);
    let mut three = connect(listener.local_addr());
    assert!(rest(&mut three).is_empty(), "no more for one client");
    assert!(rest(&mut one).is_empty() && rest(&mut two).is_empty());
    let counted = listener.counters();
    assert_eq!((counted.full, counted.idle), (1, 2), "{counted:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_does_not_open_what_is_behind_our_own_door() {
    let site = Site::new(5);
    let server = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = server.local_addr().expect("an address").port();
    site.publish(1, &zone(&[("tls", port)]));
    let noticed = Arc::new(Noticed::default());
    let config = Config {
        address: "127.0.0.1:0".parse().expect("an address"),
        way: Way::Sni,
        region: None,
        private_names: PrivateNames::default(),
        epochs: None,
        bounds: Bounds::default(),
    };
    let listener = Listener::start(config, site.resolver(), noticed.clone())
        .await
        .expect("a port");
    let mut stream = connect(listener.local_addr());
    stream.write_all(&hello(&site.name())).expect("written");
    assert_eq!(rest(&mut stream), [21, 3, 1, 0, 2, 2, 80]);
    server.set_nonblocking(true).expect("set");
    assert!(server.accept().is_err(), "it was connected all the same");
    let refused = |event: &Event| matches!(event, Event::Unreachable { reason, .. } if reason.contains("private_names"));
    assert_eq!(noticed.count(refused), 1);
}
