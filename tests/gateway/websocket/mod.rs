//! WebSocket through the gateway, case by case of RFC 6455, between a client and a server from a crate (tungstenite).

mod server;

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};

use rustls::pki_types::ServerName;
use rustls::{ClientConnection, StreamOwned};
use tungstenite::protocol::CloseFrame;
use tungstenite::{Bytes, Error, Message, WebSocket};

use super::secure::Secured;
use super::{PATIENCE, World};
use crate::cli::nodes::eventually;
use server::{Event, WebSocketServer, Wire, fragments};

/// A gateway that leads to this server.
fn world(server: &WebSocketServer) -> World {
    World::of(&zone(server))
}

fn zone(server: &WebSocketServer) -> String {
    let frontend = "[[resource]]\nkind = \"frontend\"\nhost = \"@\"\n";
    format!("{frontend}{}", server.in_zone())
}

fn tcp(to: &str) -> TcpStream {
    let stream = TcpStream::connect(to).expect("connected");
    stream.set_read_timeout(Some(PATIENCE)).expect("set");
    stream.set_write_timeout(Some(PATIENCE)).expect("set");
    stream
}

/// Opens a WebSocket at the name, over TLS or not.
fn try_open(world: &World, is_secure: bool) -> Result<WebSocket<Wire>, String> {
    let name = world.name.clone();
    let (scheme, wire): (_, Wire) = if is_secure {
        let tls = world.trusting("http/1.1");
        let host = ServerName::try_from(name.clone()).expect("a name");
        let tls = ClientConnection::new(tls, host).expect("a client");
        (
            "wss",
            Box::new(StreamOwned::new(tls, tcp(&world.address_https()))),
        )
    } else {
        ("ws", Box::new(tcp(&world.address())))
    };
    let opened = tungstenite::client(format!("{scheme}://{name}/chat"), wire);
    opened
        .map(|(socket, _)| socket)
        .map_err(|error| error.to_string())
}

/// The same, when the record is known.
fn open(world: &World, is_secure: bool) -> WebSocket<Wire> {
    eventually("it opens", || try_open(world, is_secure).ok())
}

/// Sends an opening with these lines; gives the answer's head in small letters, and the connection.
fn answered(world: &World, lines: &str) -> (String, TcpStream) {
    let mut stream = tcp(&world.address());
    let opening = format!("GET /chat HTTP/1.1\r\nHost: {}\r\n{lines}\r\n", world.name);
    stream.write_all(opening.as_bytes()).expect("written");
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte).expect("a head");
        head.extend(byte);
    }
    (String::from_utf8_lossy(&head).to_lowercase(), stream)
}

/// The example of RFC 6455 section 1.2, without its `Connection`.
const OPENING: &str = "Upgrade: websocket\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n";
const ACCEPTED: &str = "\r\nsec-websocket-accept: s3pplmbitxaq9kygzzhzrbk+xoo=\r\n";

#[test]
fn openings_are_answered_by_the_server_in_its_own_words() {
    let server = WebSocketServer::start(None);
    let world = world(&server);
    drop(open(&world, false));
    server.opened();
    server.broke();
    for lines in [
        format!("{OPENING}Connection: Upgrade\r\n"),
        format!("{OPENING}Connection: keep-alive, Upgrade\r\n"),
        format!("{OPENING}Connection: upgrade,keep-alive\r\n"),
        format!("{OPENING}Connection: keep-alive\r\nConnection: upgrade\r\n"),
        format!(
            "CONNECTION: UPGRADE\r\n{}",
            OPENING.replace("websocket\r", "WebSocket\r")
        ),
    ] {
        let (head, _) = answered(&world, &lines);
        assert!(head.starts_with("http/1.1 101 "), "{lines}{head}");
        assert!(head.contains(ACCEPTED), "{lines}{head}");
        assert!(head.contains("\r\nupgrade: websocket\r\n"), "{lines}{head}");
        let fields = server.opened();
        assert_eq!(fields["host"], world.name.as_str());
        assert_eq!(fields["x-forwarded-for"], "127.0.0.1");
        assert_eq!(fields["via"], "1.1 dotkey");
        server.broke();
    }
    let offers = "Connection: Upgrade\r\nSec-WebSocket-Protocol: chat\r\nSec-WebSocket-Protocol: mqtt, superchat\r\n\
        Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n";
    let (head, _) = answered(&world, &format!("{OPENING}{offers}"));
    let fields = server.opened();
    let offered = fields.get_all("sec-websocket-protocol").iter();
    assert_eq!(offered.collect::<Vec<_>>(), ["chat", "mqtt, superchat"]);
    let extension = "permessage-deflate; client_max_window_bits";
    assert_eq!(fields["sec-websocket-extensions"], extension);
    assert!(
        head.contains("\r\nsec-websocket-protocol: superchat\r\n"),
        "{head}"
    );
    assert!(
        head.contains(&format!("\r\nsec-websocket-extensions: {extension}\r\n")),
        "{head}"
    );
}

#[test]
fn openings_that_are_none_are_refused_by_the_server() {
    let server = WebSocketServer::start(None);
    let world = world(&server);
    drop(open(&world, false));
    let key = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
    for (opening, status) in [
        (OPENING.replace("13", "8"), "426"),
        (OPENING.replace("Sec-WebSocket-Version: 13\r\n", ""), "426"),
        (OPENING.replace(key, ""), "400"),
        (OPENING.replace("ub25jZQ==", ""), "400"),
        (OPENING.replace("websocket\r", "chat\r"), "400"),
    ] {
        let (head, _) = answered(&world, &format!("{opening}Connection: Upgrade\r\n"));
        assert!(
            head.starts_with(&format!("http/1.1 {status} ")),
            "{opening}{head}"
        );
        if status == "426" {
            assert!(head.contains("\r\nsec-websocket-version: 13\r\n"), "{head}");
            // RFC 9110 section 15.5.22.
            assert!(head.contains("\r\nupgrade: websocket\r\n"), "{head}");
        }
    }
}

#[test]
fn messages_go_both_ways_over_tls_and_without() {
    let plain = WebSocketServer::start(None);
    let secured = WebSocketServer::start(Some(Secured::new("http/1.1")));
    let world = world(&plain);
    for server in [&plain, &secured] {
        world.publish_zone(&zone(server));
        for is_secure in [false, true] {
            let mut socket = eventually("the server is the one", || {
                let socket = open(&world, is_secure);
                server.was_opened().then_some(socket)
            });
            messages(&mut socket);
        }
    }
}

fn messages(socket: &mut WebSocket<Wire>) {
    let mib = Bytes::from(vec![0x5a; 1 << 20]);
    for message in [
        Message::text("hello"),
        Message::text(""),
        Message::text("wie gewünscht"),
        Message::binary(&b"\x00\xff"[..]),
        Message::Binary(Bytes::new()),
        Message::Binary(mib.clone()),
        Message::text("x".repeat(1 << 20)),
        Message::Binary(mib),
    ] {
        socket.send(message.clone()).expect("sent");
        assert!(socket.read().expect("an echo") == message);
    }
    for frame in fragments() {
        socket.write(frame).expect("written");
    }
    socket.flush().expect("sent");
    let heard = [(); 2].map(|()| socket.read().expect("a message"));
    assert!(
        heard.contains(&Message::Pong("between".into())),
        "{heard:?}"
    );
    assert!(
        heard.contains(&Message::text("in three pieces")),
        "{heard:?}"
    );

    socket.send(Message::text("fragments")).expect("sent");
    assert_eq!(socket.read().expect("one"), Message::Ping("between".into()));
    assert_eq!(
        socket.read().expect("one"),
        Message::text("in three pieces")
    );
    let pong = Message::text("a pong of between");
    assert_eq!(socket.read().expect("one"), pong, "the client answered it");

    socket.send(Message::text("ping me")).expect("sent");
    assert_eq!(socket.read().expect("one"), Message::Ping("you".into()));
    assert_eq!(socket.read().expect("one"), Message::text("a pong of you"));
    socket
        .send(Message::Pong("nobody asked".into()))
        .expect("sent");
    let unasked = Message::text("a pong of nobody asked");
    assert_eq!(socket.read().expect("one"), unasked);
}

#[test]
fn closing_says_its_code_and_reason_on_both_sides() {
    let server = WebSocketServer::start(None);
    let world = world(&server);
    for (code, reason) in [
        (1000, "bye"),
        (1001, ""),
        (1011, "töricht"),
        (3000, "a"),
        (4999, "z"),
    ] {
        let frame = CloseFrame {
            code: code.into(),
            reason: reason.into(),
        };
        let mut socket = open(&world, false);
        server.opened();
        socket.close(Some(frame.clone())).expect("sent");
        let answer = socket.read().expect("an answer");
        assert_eq!(answer, Message::Close(Some(frame.clone())));
        assert!(matches!(socket.read(), Err(Error::ConnectionClosed)));
        let closed = server.event();
        assert!(
            matches!(&closed, Event::Closed(Some(heard)) if *heard == frame),
            "{closed:?}"
        );

        let mut socket = open(&world, false);
        server.opened();
        let close = format!("close {code} {reason}");
        socket.send(Message::text(close)).expect("sent");
        assert_eq!(socket.read().expect("a close"), Message::Close(Some(frame)));
        assert!(matches!(socket.read(), Err(Error::ConnectionClosed)));
        assert!(matches!(server.event(), Event::Closed(_)));
    }
    let mut socket = open(&world, false);
    server.opened();
    socket.close(None).expect("sent");
    assert_eq!(socket.read().expect("an answer"), Message::Close(None));
    assert!(matches!(server.event(), Event::Closed(None)));
}

#[test]
fn the_end_of_one_side_is_the_end_of_the_other() {
    let server = WebSocketServer::start(None);
    let world = world(&server);
    let mut visitor = open(&world, false);
    server.opened();
    visitor.send(Message::text("hello")).expect("sent");
    visitor.read().expect("an echo");
    drop(visitor);
    server.broke();

    let (_, mut visitor) = answered(&world, &format!("{OPENING}Connection: Upgrade\r\n"));
    server.opened();
    visitor.shutdown(Shutdown::Write).expect("half closed");
    server.broke();
    let mut rest = Vec::new();
    visitor.read_to_end(&mut rest).expect("a good end");
    assert_eq!(rest, b"the end", "who sends no more still hears the rest");

    let mut visitor = open(&world, false);
    server.opened();
    visitor.send(Message::text("hello")).expect("sent");
    visitor.read().expect("an echo");
    drop(server);
    let ended = visitor.read().expect_err("its server is gone");
    assert!(
        matches!(ended, Error::Io(_) | Error::Protocol(_)),
        "{ended:?}"
    );
    let refused = try_open(&world, false)
        .map(|_| ())
        .expect_err("nobody is there");
    assert!(refused.contains("502"), "{refused}");
}
