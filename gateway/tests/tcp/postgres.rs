//! PostgreSQL: real servers as shards, `psql` as client.

mod server;

use std::io::Write;
use std::process::{Command, Stdio};

use dotkey_gateway::tcp::{Bounds, Event, Listener, Way};

use self::server::{Interactive, PORT, Server, certificate_of, provider, psql, zone};
use crate::world::{Site, connect, listen, output, rest, run, until};

fn postgres(site: &Site) -> Way {
    Way::Postgres { name: site.name() }
}

#[tokio::test(flavor = "multi_thread")]
async fn sessions_reach_the_shard_of_their_key_and_readers_a_replica() {
    let (a, b) = (Server::start(""), Server::start(""));
    let mut replica = a.replica();
    replica.run(&[]);
    let site = Site::new(21);
    site.publish(
        1,
        &zone(&[
            ("a", 1, provider(&a, None), &[provider(&replica, None)]),
            ("b", 1, provider(&b, None), &[]),
        ]),
    );
    let (mut listener, _) = listen(&site, postgres(&site), Bounds::default()).await;
    let port = listener.local_addr().port();
    let resolution = site
        .resolver()
        .resolve(&site.name())
        .await
        .expect("resolved");
    let mut of_a = String::new();
    let mut seen = [0, 0];
    for key in 0..12 {
        let key = key.to_string();
        let shard = resolution.shard_for("/", key.as_bytes()).expect("a shard");
        let its = if &*shard.id == "a" { &a } else { &b };
        seen[usize::from(&*shard.id == "b")] += 1;
        let found = output(
            &mut psql(
                port,
                &format!("-c dotkey.shard_key={key} -c geqo=off"),
                PORT,
            ),
            "",
        );
        assert_eq!(found, its.port.to_string(), "{key}");
        if &*shard.id == "a" {
            of_a = key;
        }
    }
    assert!(seen[0] > 0 && seen[1] > 0, "{seen:?}");
    let reading = format!("-c dotkey.shard_key={of_a} -c default_transaction_read_only=on");
    let asked = "select current_setting('port') || pg_is_in_recovery()::text";
    assert_eq!(
        output(&mut psql(port, &reading, asked), ""),
        format!("{}true", replica.port)
    );
    replica.kill();
    let from_primary = output(&mut psql(port, &reading, asked), "");
    assert_eq!(
        from_primary,
        format!("{}false", a.port),
        "without a replica the primary reads"
    );
    keyless(port);
    cancelling(port, &of_a);
    let counted = listener.counters();
    assert_eq!(
        (counted.cancelled, counted.unroutable),
        (1, 1),
        "{counted:?}"
    );
    strangers(&listener);
    listener.drain().await;
}

/// Who names no key is told how.
fn keyless(port: u16) {
    let failed = run(&mut psql(port, "", PORT), "");
    let error = String::from_utf8_lossy(&failed.stderr);
    assert!(
        error.contains("no shard key was named (its key is the customer's number)"),
        "{error}"
    );
    assert!(
        error.contains("PGOPTIONS='-c dotkey.shard_key=KEY'"),
        "{error}"
    );
}

/// Control-C in psql reaches the server that is busy.
fn cancelling(port: u16, key: &str) {
    let mut command = psql(
        port,
        &format!("-c dotkey.shard_key={key}"),
        "select pg_sleep(600)",
    );
    let child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("psql runs");
    until("the query runs", || {
        let running = "select count(*) from pg_stat_activity where query like 'select pg_sleep%'";
        output(
            &mut psql(port, &format!("-c dotkey.shard_key={key}"), running),
            "",
        ) == "1"
    });
    let interrupted = Command::new("kill")
        .args(["-INT", &child.id().to_string()])
        .status();
    assert!(interrupted.expect("kill runs").success());
    let done = child.wait_with_output().expect("psql ends");
    let error = String::from_utf8_lossy(&done.stderr);
    assert!(
        error.contains("canceling statement due to user request"),
        "{error}"
    );
}

/// What is no client of PostgreSQL.
fn strangers(listener: &Listener) {
    let told = |bytes: &[u8]| {
        let mut stream = connect(listener.local_addr());
        stream.write_all(bytes).expect("written");
        String::from_utf8_lossy(&rest(&mut stream)).into_owned()
    };
    assert!(told(b"GET / HTTP/1.1\r\n\r\n").contains("C08P01"));
    assert!(told(&[0, 0, 0, 9, 0, 2, 0, 0, 0]).contains("version 2.0"));
    let smuggled = [&[0, 0, 0, 8, 4, 210, 22, 47][..], b"more"].concat();
    assert!(told(&smuggled).contains("more than a question"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_primary_is_replaced_under_its_clients() {
    let mut old = Server::start("");
    let mut new = old.replica();
    new.run(&[]);
    old.ask("create table notes (text text)");
    let site = Site::new(22);
    let first = site.sign(
        1,
        &zone(&[("a", 1, provider(&old, None), &[provider(&new, None)])]),
    );
    site.give(first.clone());
    let (listener, noticed) = listen(&site, postgres(&site), Bounds::default()).await;
    let port = listener.local_addr().port();
    let write = |text: &str| {
        run(
            &mut psql(port, "", &format!("insert into notes values ('{text}')")),
            "",
        )
        .status
        .success()
    };
    assert!(write("before"));
    // Its table may not be there yet either.
    let copied = || run(&mut psql(new.port, "", "select count(*) from notes"), "").stdout;
    until("it is copied", || {
        copied()
            == b"1
"
    });
    let mut client = Interactive::start(port);
    assert_eq!(client.ask(PORT), old.port.to_string());
    old.kill();
    new.promote();
    assert!(client.ended().contains("connection"), "it hears of it");
    site.publish(2, &zone(&[("a", 2, provider(&new, None), &[])]));
    until("writing goes on", || write("after"));
    let mut client = Interactive::start(port);
    assert_eq!(client.ask(PORT), new.port.to_string());
    // The old one comes back, with an older record that names it.
    old.run(&[]);
    site.give(first);
    until("the older record is refused", || noticed.has_fenced(1, 2));
    for _ in 0..5 {
        assert!(write("later"));
    }
    assert_eq!(
        client.ask(PORT),
        new.port.to_string(),
        "who is at the right one stays"
    );
    assert_eq!(
        old.ask("select count(*) from notes where text <> 'before'"),
        "0"
    );
    assert_eq!(
        new.ask("select count(*) from notes where text = 'later'"),
        "5"
    );
    replaced_while_it_is_well(&site, &listener, &new, client);
}

/// A primary that is well and replaced all the same: its clients are told so.
fn replaced_while_it_is_well(
    site: &Site,
    listener: &Listener,
    new: &Server,
    mut client: Interactive,
) {
    let mut third = new.replica();
    third.run(&[]);
    third.promote();
    site.publish(3, &zone(&[("a", 3, provider(&third, None), &[])]));
    until("its sessions ended", || listener.counters().replaced >= 1);
    let said = client.ended();
    assert!(
        said.contains("serves the shard a no more") && said.contains("Connect again"),
        "{said}"
    );
    let port = listener.local_addr().port();
    output(
        &mut psql(port, "", "insert into notes values ('to the third')"),
        "",
    );
    assert_eq!(
        third.ask("select count(*) from notes where text = 'to the third'"),
        "1"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pinned_server_is_spoken_to_over_tls_or_not_at_all() {
    let mut server = Server::create(
        "hostssl postgres guest 127.0.0.1/32 scram-sha-256\nhostnossl postgres guest 127.0.0.1/32 reject",
    );
    let pin = certificate_of(&server);
    server.run(&["-c", "ssl=on"]);
    server.ask("create role guest login password 'secret'");
    let bounds = || Bounds {
        reach: std::time::Duration::from_secs(1),
        ..Bounds::default()
    };
    let guest = |port: u16| {
        let mut command = psql(
            port,
            "",
            "select ssl from pg_stat_ssl where pid = pg_backend_pid()",
        );
        command.args(["-U", "guest"]).env("PGPASSWORD", "secret");
        run(&mut command, "")
    };
    let site = Site::new(23);
    site.publish(1, &zone(&[("a", 1, provider(&server, Some(pin)), &[])]));
    let (listener, _) = listen(&site, postgres(&site), bounds()).await;
    // With a password that the server offers to bind to its own TLS connection, which the client does not have.
    let done = guest(listener.local_addr().port());
    assert_eq!(
        String::from_utf8_lossy(&done.stdout).trim(),
        "t",
        "{}",
        String::from_utf8_lossy(&done.stderr)
    );
    for (seed, wrong) in [(24, [7; 32]), (25, pin)] {
        let site = Site::new(seed);
        if wrong == pin {
            // The right pin, and a server that has stopped to offer TLS.
            server.kill();
            until("it is gone", || {
                std::net::TcpStream::connect(("127.0.0.1", server.port)).is_err()
            });
            server.run(&[]);
        }
        site.publish(1, &zone(&[("a", 1, provider(&server, Some(wrong)), &[])]));
        let (listener, noticed) = listen(&site, postgres(&site), bounds()).await;
        let failed = guest(listener.local_addr().port());
        let error = String::from_utf8_lossy(&failed.stderr);
        assert!(
            !failed.status.success() && error.contains("its owner must publish the key")
                || error.contains("presented a key"),
            "{error}"
        );
        assert_eq!(
            noticed.count(|event| matches!(event, Event::OtherKey { .. })),
            1
        );
        assert_eq!(listener.counters().other_keys, 1);
    }
}
