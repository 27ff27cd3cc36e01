//! DoH over HTTP/3, which neither kdig nor the curl of most systems speaks.

use data_encoding::BASE64URL_NOPAD;

use super::{World, run, sockets, text};

/// The same question by GET and by POST, over HTTP/2 and HTTP/3.
fn asked(world: &World) -> [Vec<u8>; 4] {
    let url = text(&world.running.ready()["doh"]);
    let authority = url
        .trim_start_matches("https://")
        .trim_end_matches("/dns-query");
    let address = authority.parse().expect("an address");
    let certificate = world.place.path("data/resolver.crt");
    let query = sockets::query(&world.name, 1, Some(1232));
    world.place.write("query", &query);
    let got_url = format!("{url}?dns={}", BASE64URL_NOPAD.encode(&query));

    let file = |name: &str| world.place.path(name).display().to_string();
    let curl = |more: &[&str], out: &str| {
        let trusted = file("data/resolver.crt");
        let always = ["-sS", "--http2", "--cacert", &trusted, "-o"];
        let out_file = file(out);
        run("curl", &[&always[..], &[&out_file], more].concat());
        world.place.read(out)
    };
    let posted_file = format!("@{}", file("query"));
    let post = ["-H", "content-type: application/dns-message"];
    let posted = [&post[..], &["--data-binary", &posted_file, url]].concat();
    let (got2, posted2) = (curl(&[&got_url], "got"), curl(&posted, "posted"));

    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let (got3, posted3) = runtime.block_on(async {
        let config = sockets::trust(&certificate, "h3");
        let endpoint = sockets::quic(config, quinn::TransportConfig::default());
        let get = http::Request::get(&got_url).body(()).expect("a request");
        let post = http::Request::post(url)
            .header("content-type", "application/dns-message")
            .body(())
            .expect("a request");
        let connection = sockets::connected(&endpoint, address).await;
        let got = sockets::http3(connection, get, b"").await;
        let connection = sockets::connected(&endpoint, address).await;
        let posted = sockets::http3(connection, post, &query).await;
        assert_eq!((got.0, posted.0), (200, 200));
        (got.1, posted.1)
    });
    [got2, posted2, got3, posted3]
}

#[test]
fn get_and_post_are_the_same_over_http2_and_http3() {
    let world = World::new();
    // A TTL that has become a second less in between is no difference.
    let same = (0..10).map(|_| asked(&world)).find(|answers| {
        let [first, others @ ..] = answers;
        others.iter().all(|other| other == first)
    });
    let [answer, ..] = same.expect("byte by byte the same");
    // NOERROR, with the one address.
    assert_eq!(answer[3] & 0x0f, 0, "{answer:?}");
    assert_eq!(answer[6..8], [0, 1], "{answer:?}");
    let address = answer.windows(4).any(|part| part == [192, 0, 2, 1]);
    assert!(address, "{answer:?}");
}
