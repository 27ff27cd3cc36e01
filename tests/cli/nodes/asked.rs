//! Asking a node that is not there, is something else, or lies.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};

use super::{Place, refused, text};

/// A stand-in for a node, which answers every request alike; it lasts as long as the test program.
fn answering(status: &'static str, kind: &'static str, body: Vec<u8>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            // A client that goes away is its own matter.
            let _ = answer(stream, status, kind, &body);
        }
    });
    url
}

fn answer(stream: TcpStream, status: &str, kind: &str, body: &[u8]) -> std::io::Result<()> {
    let mut reader = BufReader::new(&stream);
    let (mut line, mut length) = (String::new(), 0);
    while reader.read_line(&mut line)? > 2 {
        if let Some((_, value)) = line.to_ascii_lowercase().split_once("content-length:") {
            length = value.trim().parse().unwrap_or(0);
        }
        line.clear();
    }
    reader.take(length).read_to_end(&mut Vec::new())?;
    let length = body.len();
    let head = format!(
        "HTTP/1.1 {status}\r\ncontent-type: {kind}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n"
    );
    (&stream).write_all(&[head.as_bytes(), body].concat())
}

#[test]
fn a_node_that_is_not_there_is_said_with_the_next_step() {
    let place = Place::with_alice();
    let name = place.name_of("alice");
    let dead = {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        format!("http://{}", listener.local_addr().expect("an address"))
    };
    let commands: [&[&str]; 6] = [
        &["status"],
        &["node", "peers"],
        &["zone", "show", &name],
        &["resolve", &name],
        &["zone", "publish", "my.toml", "--key", "alice"],
        &["zone", "publish", &name, "my.toml", "--key", "alice"],
    ];
    for args in commands {
        place.run(args).fails(1, "no node runs in data");
        let run = place.run(&[args, &["--node", &dead, "--json"]].concat());
        let run = run.fails(1, "no node answers at").fails(1, "dotkey up");
        assert_eq!(run.json()["error"]["code"], "no-node");
        place
            .run(&[args, &["--node", "localhost"]].concat())
            .fails(2, "http://127.0.0.1:5380");
    }
}

#[test]
fn what_is_no_node_is_not_taken_for_one() {
    let place = Place::with_alice();
    let name = place.name_of("alice");
    for (status, kind, body) in [
        ("200 OK", "text/html", "<html>".as_bytes()),
        ("404 Not Found", "text/html", b"nothing"),
        ("500 Oops", "application/json", b"[]"),
        ("302 Found", "text/html", b""),
    ] {
        let url = answering(status, kind, body.to_vec());
        let failed = place.run(&["status", "--node", &url]);
        failed.fails(1, "");
        let publish = ["zone", "publish", "my.toml", "--key", "alice"];
        let failed = place.run(&[&publish[..], &["--node", &url]].concat());
        assert_ne!(failed.status(), 0, "{status}");
        let shown = place.run(&["zone", "show", &name, "--node", &url]);
        // A 404 of something else does not mean that there is no record.
        assert!([1, 4].contains(&shown.status()), "{}", shown.stderr());
    }
}

#[test]
fn a_node_that_lies_is_not_believed() {
    let place = Place::with_alice();
    let (alice, bob) = (place.name_of("alice"), place.key("bob"));
    let sign = |key: &str, out: &str| {
        let args = ["zone", "sign", "my.toml", "--key", key, "--out", out];
        place.run(&args).ok();
        place.read(out)
    };
    let record = sign("alice", "alice.record");
    let cbor = "application/cbor";
    let honest = answering("200 OK", cbor, record.clone());
    let resolve = |url: &str| place.run(&["resolve", &alice, "A", "--node", url]);
    resolve(&honest).ok();

    let mut forged = record.clone();
    let middle = forged.len() / 2;
    forged[middle] ^= 1;
    let huge = vec![0xd8; 70 * 1024];
    for (lie, status, says) in [
        (forged, 4, "not valid"),
        (sign("bob", "bob.record"), 4, "another's record"),
        (Vec::new(), 4, "not valid"),
        (huge, 1, "no usable answer"),
    ] {
        let url = answering("200 OK", cbor, lie);
        resolve(&url).fails(status, says);
        place
            .run(&["zone", "show", &alice, "--node", &url])
            .fails(status, says);
    }
    assert_ne!(alice, bob);
}

#[test]
fn a_problem_is_said_in_the_nodes_words() {
    let place = Place::with_alice();
    let problem = r#"{"type": "urn:dotkey:problem:too-few-nodes", "title": "Too few", "status": 503, "code": "too-few-nodes",
        "detail": "3 of 20 have it\nerror: all is lost", "next": "pay somebody", "stored": 3, "of": 20, "owner": "somebody"}"#;
    let url = answering("503 Later", "application/problem+json", problem.into());
    place
        .run(&["zone", "sign", "my.toml", "--key", "alice"])
        .ok();
    let run = place.run(&["zone", "publish", "my.record", "--node", &url, "--json"]);
    let says = format!("the node at {url} says: 3 of 20 have it\\nerror: all is lost");
    let told = refused(run, &says);
    assert_eq!(told["error"]["code"], "too-few-nodes");
    let said = &told["node_said"];
    assert_eq!((&said["stored"], &said["of"]), (&3.into(), &20.into()));
    // What to do is this program's to say, and a node's word stands beside nothing that was verified.
    assert!(text(&told["error"]["next"]).starts_with("publish it again"));
    assert_eq!(text(&said["next"]), "pay somebody");
    assert_eq!(
        told.as_object().map(serde_json::Map::len),
        Some(2),
        "{told}"
    );

    let lie = r#"{"status": 409, "code": "not-yours", "detail": "another has it", "next": "pay somebody"}"#;
    let url = answering("409 No", "application/problem+json", lie.into());
    let run = place.run(&["zone", "publish", "my.record", "--node", &url, "--json"]);
    let told = refused(run, "says: another has it");
    assert_eq!(told["error"]["code"], "node-refused");
    assert_eq!(text(&told["node_said"]["code"]), "not-yours");
}

#[test]
fn whose_name_it_is_is_checked_before_anything_is_sent() {
    let place = Place::with_alice();
    let (alice, bob) = (place.name_of("alice"), place.key("bob"));
    place
        .run(&["zone", "sign", "my.toml", "--key", "alice"])
        .ok();
    let publish = |args: &[&str]| place.run(&[&["zone", "publish"], args].concat());
    for (args, status, says) in [
        (
            &["mysite.key", "my.toml", "--key", "alice"][..],
            1,
            "follows no network",
        ),
        (
            &[&bob, "my.toml", "--key", "alice"],
            1,
            "not the name of `alice`",
        ),
        (&[&bob, "my.record"], 4, "is the record of"),
        (&["my.toml"], 2, "--key NAME"),
        (&["my.record", "--key", "alice"], 2, "is a record already"),
        (&["my.record", "--seq", "7"], 2, "is a record already"),
        (
            &["nothing.toml", "--key", "alice"],
            3,
            "no file nothing.toml",
        ),
        (&["my.toml", "--key", "nobody"], 3, "nobody"),
        (
            &[&format!("www.{alice}"), "my.toml", "--key", "alice"],
            2,
            "a name within a zone",
        ),
    ] {
        publish(args).fails(status, says);
    }
    place
        .run(&["resolve", "mysite.key"])
        .fails(1, "no node runs in");
    place
        .run(&["zone", "show", &format!("www.{alice}")])
        .fails(2, "dotkey resolve");
    let nothing = answering(
        "404 Not Found",
        "application/problem+json",
        br#"{"code": "no-record", "status": 404, "title": "none"}"#.to_vec(),
    );
    for args in [["resolve", &alice].as_slice(), &["zone", "show", &alice]] {
        let run = place.run(&[args, &["--node", &nothing]].concat());
        run.fails(3, "no record for")
            .fails(3, "dotkey zone publish");
    }
    place
        .run(&["resolve", "mysite.key", "--node", &nothing])
        .fails(1, "follows no network");
}

#[test]
fn a_node_that_is_stuck_is_said_to_be_silent() {
    // The system takes connections for it; it reads nothing.
    let stuck = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}", stuck.local_addr().expect("an address"));
    let run = Place::new().run(&["status", "--node", &url, "--json"]);
    let run = run.fails(1, "does not answer in time");
    assert_eq!(run.json()["error"]["code"], "node-silent");
}
