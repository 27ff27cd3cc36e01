//! Requests that two servers could read differently, sent through the gateway to servers that read each in its own way: whatever the gateway
//! lets through, one request in is one request there.

use super::servers::{Kind, Server};
use super::{World, answer};
use crate::cli::nodes::eventually;

/// Each hides a second request, for `/hidden`, from whoever reads its framing differently.
fn payloads(host: &str) -> Vec<String> {
    let hidden = format!("GET /hidden HTTP/1.1\r\nHost: {host}\r\n\r\n");
    let length = hidden.len() + 5;
    let post = format!("POST /seen HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n");
    [
        format!("Content-Length: {length}\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n{hidden}"),
        format!("Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n{hidden}"),
        format!("Transfer-Encoding: xchunked\r\nContent-Length: {length}\r\n\r\n0\r\n\r\n{hidden}"),
        format!(
            "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n{hidden}"
        ),
        format!("Transfer-Encoding:\tchunked\r\nContent-Length: {length}\r\n\r\n0\r\n\r\n{hidden}"),
        format!(
            "Transfer-Encoding\r\n : chunked\r\nContent-Length: {length}\r\n\r\n0\r\n\r\n{hidden}"
        ),
        format!(
            "X: y\rTransfer-Encoding: chunked\r\nContent-Length: {length}\r\n\r\n0\r\n\r\n{hidden}"
        ),
        format!("Content-Length: 0\r\nContent-Length: {length}\r\n\r\n0\r\n\r\n{hidden}"),
        format!("Content-Length: 0,{length}\r\n\r\n0\r\n\r\n{hidden}"),
        format!("Content-Length: +0\r\n\r\n{hidden}"),
        format!("Content_Length: {length}\r\nContent-Length: 0\r\n\r\n{hidden}"),
        format!("Transfer-Encoding: chunked\r\n\r\n0;\n\r\n\r\n{hidden}"),
        format!("Transfer-Encoding: chunked\r\n\r\n00000000000000000\r\n\r\n{hidden}"),
    ]
    .into_iter()
    .map(|rest| post.clone() + &rest)
    .collect()
}

#[test]
fn nothing_is_smuggled_into_a_provider() {
    for kind in [Kind::Nginx, Kind::Haproxy, Kind::Caddy] {
        let server = Server::start(kind);
        let world = World::new(&[("one", &server)], "");
        eventually("the name is served", || {
            (world.get("/").0 == 200).then_some(())
        });
        for payload in payloads(&world.name) {
            let (status, body) = answer(&world.address(), payload.as_bytes());
            assert!(
                !body.contains("/hidden"),
                "{kind:?} {payload:?}: {status} {body}"
            );
            assert!(
                [200, 400, 405, 411, 501].contains(&status),
                "{kind:?} {payload:?}: {status} {body}"
            );
            // What it left behind on a connection to the provider would be answered to the next visitor.
            let (status, body) = world.get("/next");
            assert_eq!(status, 200, "{kind:?} {payload:?}: {body}");
            assert!(body.contains("/next"), "{kind:?} {payload:?}: {body}");
        }
    }
}
