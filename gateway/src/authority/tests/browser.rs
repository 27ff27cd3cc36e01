//! A browser that trusts the authority opens `https://mysite.key/` without a warning, and refuses what the authority may not sign.

use std::path::Path;
use std::process::Command;

use rustls::ServerConfig;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;

use super::*;

const FLAGS: [&str; 9] = [
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--no-first-run",
    "--disable-features=LocalNetworkAccessChecks",
    "--virtual-time-budget=20000",
];

const PAGE: &str = "<!doctype html><title>a page</title><p>a page under a padlock</p>";

/// Answers every request with the page.
async fn serve(mut stream: impl AsyncRead + AsyncWrite + Unpin) {
    let mut request = Vec::new();
    while !request.ends_with(b"\r\n\r\n") {
        match stream.read_u8().await {
            Ok(byte) => request.push(byte),
            Err(_) => return,
        }
    }
    let length = PAGE.len();
    let answer = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{PAGE}"
    );
    // A browser that goes away has seen enough.
    let _ = stream.write_all(answer.as_bytes()).await;
    let _ = stream.shutdown().await;
}

async fn resolves(_: Name) -> Answer {
    Answer::Resolves
}

/// The port of a server behind our way in.
async fn ours(world: &World) -> u16 {
    let operated = Arc::new(Operated::default());
    let acceptor = TlsAcceptor::new(world.leaves(), operated, &["http/1.1"]).expect("an acceptor");
    let acceptor = Arc::new(acceptor);
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = listener.local_addr().expect("bound").port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let acceptor = Arc::clone(&acceptor);
            tokio::spawn(async move {
                if let Ok(stream) = acceptor.accept(stream, &resolves).await {
                    serve(stream).await;
                }
            });
        }
    });
    port
}

/// The port of a server with a leaf of our authority for a name that it may not sign.
async fn foreign(world: &World) -> u16 {
    install_provider();
    let leaf = world
        .authority
        .sign("www.example.com", now())
        .expect("signed");
    let single = rustls::sign::SingleCertAndKey::from(leaf.certified.as_ref().clone());
    let config = ServerConfig::builder()
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(single));
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = listener.local_addr().expect("bound").port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            if let Ok(stream) = acceptor.accept(stream).await {
                serve(stream).await;
            }
        }
    });
    port
}

/// What the browser of `home` shows of a site that it finds at a port of this machine.
async fn shown(home: &Path, host: &str, port: u16) -> String {
    let profile = home.join("profile");
    let _ = std::fs::remove_dir_all(&profile);
    let folder = format!("--user-data-dir={}", profile.display());
    let rules = format!("--host-resolver-rules=MAP {host}:443 127.0.0.1:{port}, MAP * ~NOTFOUND");
    let mut chromium = tokio::process::Command::new("chromium");
    chromium
        .args(FLAGS)
        .args([&folder, &rules, "--dump-dom"])
        .arg(format!("https://{host}/"));
    let output = chromium
        .env("HOME", home)
        .env_remove("XDG_DATA_HOME")
        .output()
        .await;
    let output = output.expect("chromium runs (see .ci/setup)");
    // What it says of itself tells why, where it shows nothing.
    let said = [output.stdout, output.stderr].concat();
    String::from_utf8_lossy(&said).into_owned()
}

/// Has the browser of `home` trust the authority.
fn trust(home: &Path, world: &World) {
    let store = home.join(".pki/nssdb");
    std::fs::create_dir_all(&store).expect("a folder");
    let database = format!("sql:{}", store.display());
    let root = home.join("root.pem");
    std::fs::write(&root, pem("CERTIFICATE", world.authority.root())).expect("written");
    let root = root.display().to_string();
    for arguments in [
        &["-N", "--empty-password"][..],
        &["-A", "-t", "C,,", "-n", "ours", "-i", &root],
    ] {
        let run = Command::new("certutil")
            .args(arguments)
            .args(["-d", &database])
            .status();
        assert!(run.expect("certutil runs (see .ci/setup)").success());
    }
}

#[tokio::test]
async fn chromium_shows_a_page_under_the_suffix_and_no_other() {
    let world = World::new();
    let home = tempfile::tempdir().expect("a folder");
    let (ours, foreign) = (ours(&world).await, foreign(&world).await);
    let said = shown(home.path(), "mysite.key", ours).await;
    assert!(
        said.contains("ERR_CERT_AUTHORITY_INVALID"),
        "before it is trusted: {said}"
    );
    trust(home.path(), &world);
    let said = shown(home.path(), "mysite.key", ours).await;
    assert!(said.contains("a page under a padlock"), "{said}");
    let said = shown(home.path(), "www.example.com", foreign).await;
    assert!(!said.contains("a page under a padlock"), "{said}");
    assert!(said.contains("ERR_CERT_INVALID"), "{said}");
}
