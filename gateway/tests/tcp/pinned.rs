//! Redis over TLS, with the key that the record names and with another.

use std::process::Command;

use dotkey_gateway::tcp::{Bounds, Event, Way};

use crate::world::{Program, Site, certificate, free_port, listen, output, pin_text, run, until};

fn zone(port: u16, pins: &[[u8; 32]]) -> String {
    let mut pins = pins.to_vec();
    pins.sort_unstable();
    let pins: Vec<String> = pins
        .iter()
        .map(|pin| format!("\"{}\"", pin_text(*pin)))
        .collect();
    format!(
        "[[resource]]\nkind = \"shards\"\nhost = \"@\"\n[resource.shards]\nby = \"hash\"\n[[resource.shards.shard]]\nid = \"a\"\nepoch = 1\n\
         primary = {{ id = \"one\", url = \"redis://127.0.0.1:{port}\", pin = [{}] }}\n",
        pins.join(", ")
    )
}

fn cli(port: u16) -> Command {
    let mut command = Command::new("redis-cli");
    command.args(["-h", "127.0.0.1", "-p", &port.to_string()]);
    command
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_with_another_key_gets_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let pin = certificate(folder.path());
    let port = free_port();
    let mut command = Command::new("redis-server");
    command.args([
        "--bind",
        "127.0.0.1",
        "--save",
        "",
        "--port",
        "0",
        "--tls-auth-clients",
        "no",
        "--tls-port",
        &port.to_string(),
    ]);
    for (option, file) in [
        ("--tls-cert-file", "server.crt"),
        ("--tls-key-file", "server.key"),
        ("--tls-ca-cert-file", "server.crt"),
    ] {
        command.arg(option).arg(folder.path().join(file));
    }
    let _server = Program::start(command.arg("--dir").arg(folder.path()));
    until("redis-server listens", || {
        std::net::TcpStream::connect(("127.0.0.1", port)).is_ok()
    });
    let bounds = || Bounds {
        reach: std::time::Duration::from_secs(1),
        ..Bounds::default()
    };
    let redis = |site: &Site| Way::Redis { name: site.name() };
    // Two keys in the record, while one replaces the other.
    let site = Site::new(31);
    site.publish(1, &zone(port, &[[1; 32], pin]));
    let (listener, _) = listen(&site, redis(&site), bounds()).await;
    assert_eq!(
        output(
            cli(listener.local_addr().port()).args(["SET", "k", "v"]),
            ""
        ),
        "OK"
    );
    let site = Site::new(32);
    site.publish(1, &zone(port, &[[1; 32]]));
    let (listener, noticed) = listen(&site, redis(&site), bounds()).await;
    for _ in 0..3 {
        let refused = run(
            cli(listener.local_addr().port()).args(["SET", "k", "w"]),
            "",
        );
        let said = String::from_utf8_lossy(&refused.stdout).into_owned();
        assert!(said.contains("which the record does not pin"), "{said}");
    }
    // Set aside after the first time: it is not even asked.
    assert_eq!(listener.counters().other_keys, 1);
    assert_eq!(
        noticed.count(|event| matches!(event, Event::OtherKey { .. })),
        1
    );
    // The owner publishes the key that it has, and it is taken at once.
    site.publish(2, &zone(port, &[pin]));
    until("it is taken", || {
        output(cli(listener.local_addr().port()).args(["GET", "k"]), "") == "v"
    });
}
