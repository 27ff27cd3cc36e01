//! Each transport, by a client that speaks it.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::thread;

use super::{World, ended, run, text};

#[test]
fn dig_gets_what_was_published_over_udp_and_tcp() {
    let world = World::new();
    let name = world.name.as_str();
    let check = |args: &[&str], expected: &str| {
        for transport in ["+notcp", "+tcp"] {
            let said = world.dig(&[args, &["+short", transport]].concat());
            assert_eq!(said.trim(), expected, "{args:?} {transport}");
        }
    };
    check(&[name, "A"], "192.0.2.1");
    check(&[name, "AAAA"], "");
    check(
        &[&format!("www.{name}"), "A"],
        &format!("{name}.\n192.0.2.1"),
    );
    check(&[&format!("x.wild.{name}"), "TXT"], "\"any\"");
    check(&[&format!("app.{name}"), "A"], "127.0.0.1");
    check(&[&name.to_ascii_uppercase(), "TXT"], "\"first\"");
    check(&[name, "ANY", "+notcp"], "\"RFC8482\" \"\"");
    let whole = world.dig(&[&format!("nothing.{name}"), "A", "+nsid"]);
    assert!(whole.contains("status: NXDOMAIN"), "{whole}");
    assert!(whole.contains("\nkey.") && whole.contains("SOA"), "{whole}");
    assert!(
        whole.contains("COOKIE") && whole.contains("(good)"),
        "{whole}"
    );
    let whole = world.dig(&["example.net", "A"]);
    assert!(
        whole.contains("status: REFUSED") && whole.contains("EDE: 21"),
        "{whole}"
    );
    // A change is seen at once: the record's announcement is a push.
    world
        .place
        .write("my.toml", super::ZONE.replace("first", "second"));
    world.place.publish(&world.running, "alice");
    check(&[name, "TXT"], "\"second\"");
}

#[test]
fn kdig_gets_it_over_tls_https_and_quic() {
    let world = World::new();
    let name = world.name.as_str();
    let built = String::from_utf8_lossy(&ended("kdig", &["-h"]).stdout).into_owned();
    for (listener, option) in [
        ("dot", "+tls"),
        ("doh", "+https"),
        ("doh", "+https-get"),
        ("doq", "+quic"),
    ] {
        // Debian's own build may know no QUIC.
        if option == "+quic" && !built.contains("+[no]quic") {
            eprintln!("LEFT OUT: kdig {option}, which this build of kdig does not know");
            continue;
        }
        let port = world.port(listener);
        let args = [
            "@127.0.0.1",
            "-p",
            &port,
            option,
            "+padding",
            "+nocookie",
            name,
            "A",
        ];
        let said = run("kdig", &args);
        assert!(
            said.contains("status: NOERROR") && said.contains("192.0.2.1"),
            "{option}: {said}"
        );
    }
}

#[test]
fn https_by_get_and_by_post_is_the_same_and_the_json_form_says_it_in_words() {
    let world = World::new();
    let url = text(&world.running.ready()["doh"]);
    let certificate = world.place.path("data/resolver.crt").display().to_string();
    let mut query = vec![0, 0, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0];
    for label in world.name.split('.') {
        query.push(u8::try_from(label.len()).expect("short"));
        query.extend(label.as_bytes());
    }
    query.extend([0, 0, 1, 0, 1]);
    world.place.write("query", &query);
    let at = |name: &str| world.place.path(name).display().to_string();
    let (asked, posted, got, head) = (
        format!("@{}", at("query")),
        at("posted"),
        at("got"),
        at("head"),
    );
    let curl = |args: &[&str]| run("curl", &[&["-sS", "--cacert", &certificate], args].concat());
    curl(&[
        "-H",
        "content-type: application/dns-message",
        "--data-binary",
        &asked,
        "-o",
        &posted,
        url,
    ]);
    let encoded = data_encoding::BASE64URL_NOPAD.encode(&query);
    curl(&["-o", &got, "-D", &head, &format!("{url}?dns={encoded}")]);
    assert_eq!(world.place.read("got"), world.place.read("posted"));
    let head = String::from_utf8(world.place.read("head")).expect("text");
    assert!(head.starts_with("HTTP/2 200"), "{head}");
    assert!(
        head.contains("content-type: application/dns-message"),
        "{head}"
    );
    assert!(head.contains("cache-control: max-age="), "{head}");
    let json = curl(&[&format!("{url}?name={}&type=A", world.name)]);
    let json: serde_json::Value = serde_json::from_str(&json).expect("JSON");
    assert_eq!(json["Status"], 0);
    assert_eq!(json["Answer"][0]["data"], "192.0.2.1");
    for (args, status) in [
        (vec![format!("{url}?dns=*")], "400"),
        (vec![url.replace("/dns-query", "/")], "404"),
        (
            vec!["-X".to_owned(), "PUT".to_owned(), url.to_owned()],
            "405",
        ),
        (vec!["-d".to_owned(), "x".to_owned(), url.to_owned()], "415"),
    ] {
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        let got = curl(&[&["-o", "/dev/null", "-w", "%{http_code}"], &args[..]].concat());
        assert_eq!(got, status, "{args:?}");
    }
}

#[test]
fn curl_reaches_a_page_by_a_name_that_it_asks_over_https() {
    let world = World::new();
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("an address").port();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.expect("a connection");
            let mut request = [0; 1024];
            let _ = stream.read(&mut request);
            let _ = stream.write_all(
                b"HTTP/1.1 200 OK\r\ncontent-length: 6\r\nconnection: close\r\n\r\nhello\n",
            );
        }
    });
    let url = text(&world.running.ready()["doh"]);
    let page = format!("http://app.{}:{port}/", world.name);
    // The certificate for DoH is checked by `--cacert` elsewhere; curl has no such option for DoH alone.
    let said = run(
        "curl",
        &[
            "-sS",
            "--doh-url",
            url,
            "--doh-insecure",
            "--noproxy",
            "*",
            &page,
        ],
    );
    assert_eq!(said, "hello\n");
}
