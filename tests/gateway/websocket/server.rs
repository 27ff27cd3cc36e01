//! A WebSocket server from a crate: it answers openings as RFC 6455 says, does as it is told by messages, and tells how connections end.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread;

use http::HeaderMap;
use rustls::{ServerConnection, StreamOwned};
use tungstenite::error::ProtocolError;
use tungstenite::handshake::HandshakeError;
use tungstenite::handshake::server::{Callback, ErrorResponse, Request, Response};
use tungstenite::protocol::CloseFrame;
use tungstenite::protocol::frame::Frame;
use tungstenite::protocol::frame::coding::{Data, OpCode};
use tungstenite::{Error, Message, WebSocket, accept_hdr};

use crate::gateway::PATIENCE;
use crate::gateway::secure::{Secured, in_zone};

/// Bytes of a connection, over TLS or not.
pub(super) type Wire = Box<dyn ReadWrite>;

pub(super) trait ReadWrite: Read + Write + Send {}

impl<S: Read + Write + Send> ReadWrite for S {}

/// What happens at a server, in its order.
#[derive(Debug)]
pub(super) enum Event {
    /// It agreed to an opening with these fields.
    Opened(HeaderMap),
    /// A connection was closed as RFC 6455 has it, with this code and reason.
    Closed(Option<CloseFrame>),
    /// A connection ended in another way.
    Broken(Error),
}

/// A server that runs. With it end its connections.
pub(super) struct WebSocketServer {
    port: u16,
    secured: Option<Secured>,
    events: Receiver<Event>,
    /// Nothing when it has ended.
    sockets: Arc<Mutex<Option<Vec<TcpStream>>>>,
}

impl Drop for WebSocketServer {
    fn drop(&mut self) {
        let sockets = self.sockets.lock().expect("whole").take();
        for socket in sockets.into_iter().flatten() {
            // It may have ended already.
            let _ = socket.shutdown(Shutdown::Both);
        }
        // Its listener sees that it has ended.
        let _ = TcpStream::connect(("127.0.0.1", self.port));
    }
}

impl WebSocketServer {
    /// One at a free port, over TLS if it is secured.
    pub(super) fn start(secured: Option<Secured>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("bound").port();
        let sockets = Arc::new(Mutex::new(Some(Vec::new())));
        let (tell, events) = channel();
        let (kept, tls) = (sockets.clone(), secured.clone());
        thread::spawn(move || {
            for stream in listener.incoming() {
                let stream = stream.expect("a connection");
                let mut kept = kept.lock().expect("whole");
                let Some(kept) = &mut *kept else {
                    return;
                };
                kept.push(stream.try_clone().expect("a socket"));
                let (tell, tls) = (tell.clone(), tls.clone());
                thread::spawn(move || serve(stream, tls, &tell));
            }
        });
        Self {
            port,
            secured,
            events,
            sockets,
        }
    }

    /// How a record names it.
    pub(super) fn in_zone(&self) -> String {
        let (scheme, pin) = in_zone(self.secured.as_ref());
        let url = format!("{scheme}://127.0.0.1:{}", self.port);
        format!("[[resource.provider]]\nid = \"one\"\nurl = \"{url}\"\n{pin}")
    }

    /// What happens next.
    pub(super) fn event(&self) -> Event {
        let event = self.events.recv_timeout(PATIENCE);
        event.expect("something happens")
    }

    /// Whether it has agreed to anything since it was asked last.
    pub(super) fn was_opened(&self) -> bool {
        let events = self.events.try_iter();
        events
            .filter(|event| matches!(event, Event::Opened(_)))
            .count()
            > 0
    }

    /// A connection has ended without a close, as one does whose other side is gone.
    pub(super) fn broke(&self) {
        match self.event() {
            Event::Broken(Error::Io(_)) => {}
            Event::Broken(Error::Protocol(ProtocolError::ResetWithoutClosingHandshake)) => {}
            other => panic!("{other:?}"),
        }
    }

    /// The fields of the opening that it agrees to next.
    pub(super) fn opened(&self) -> HeaderMap {
        match self.event() {
            Event::Opened(fields) => fields,
            other => panic!("{other:?}"),
        }
    }
}

fn serve(stream: TcpStream, secured: Option<Secured>, tell: &Sender<Event>) {
    let mut raw = stream.try_clone().expect("a socket");
    let wire: Wire = match secured {
        Some(secured) => {
            let tls = ServerConnection::new(secured.config).expect("a configuration");
            Box::new(StreamOwned::new(tls, stream))
        }
        None => Box::new(stream),
    };
    match accept_hdr(wire, Agreeing(tell)) {
        Ok(mut socket) => {
            let _ = tell.send(match talk(&mut socket) {
                Ok(closed) => Event::Closed(closed),
                Err(error) => Event::Broken(error),
            });
        }
        Err(HandshakeError::Failure(Error::Protocol(why))) => {
            // Who asked may be gone.
            let _ = refuse(&mut raw, &why);
        }
        // A connection that nobody asked anything over.
        Err(_) => {}
    }
    // The server keeps it too, and would keep it open.
    let _ = raw.shutdown(Shutdown::Both);
}

/// Agrees to every opening that is one.
struct Agreeing<'a>(&'a Sender<Event>);

impl Callback for Agreeing<'_> {
    fn on_request(self, request: &Request, answer: Response) -> Result<Response, ErrorResponse> {
        // Who waits for an event may be gone.
        let _ = self.0.send(Event::Opened(request.headers().clone()));
        Ok(agreed(request, answer))
    }
}

/// Takes the last subprotocol that is offered, and every extension: nobody speaks them here.
fn agreed(request: &Request, mut answer: Response) -> Response {
    let offered = |name| request.headers().get_all(name).iter();
    let protocols = offered("sec-websocket-protocol").filter_map(|offered| offered.to_str().ok());
    if let Some(last) = protocols.flat_map(|offered| offered.split(',')).last() {
        let last = last.trim().parse().expect("a value");
        answer.headers_mut().insert("sec-websocket-protocol", last);
    }
    for extension in offered("sec-websocket-extensions") {
        let answered = answer.headers_mut();
        answered.append("sec-websocket-extensions", extension.clone());
    }
    answer
}

/// RFC 6455 section 4.2.2, over HTTP without TLS.
fn refuse(stream: &mut TcpStream, why: &ProtocolError) -> io::Result<()> {
    let head = match why {
        ProtocolError::MissingSecWebSocketVersionHeader => {
            "426 Upgrade Required\r\nSec-WebSocket-Version: 13\r\nUpgrade: websocket\r\nConnection: upgrade"
        }
        _ => "400 Bad Request",
    };
    write!(stream, "HTTP/1.1 {head}\r\nContent-Length: 4\r\n\r\nsaid")?;
    stream.shutdown(Shutdown::Write)
}

/// Does as messages say, and says the others again.
fn talk(socket: &mut WebSocket<Wire>) -> Result<Option<CloseFrame>, Error> {
    let mut closed = None;
    loop {
        let message = match socket.read() {
            Ok(message) => message,
            Err(Error::ConnectionClosed) => return Ok(closed),
            Err(error) => {
                // Where only the other side has ended, it still hears this.
                let _ = socket
                    .get_mut()
                    .write_all(b"the end")
                    .and_then(|()| socket.get_mut().flush());
                return Err(error);
            }
        };
        match message {
            Message::Text(text) if text == "ping me" => socket.send(Message::Ping("you".into()))?,
            Message::Text(text) if text == "fragments" => {
                for frame in fragments() {
                    socket.write(frame)?;
                }
                socket.flush()?;
            }
            Message::Text(text) if text.starts_with("close ") => {
                let mut words = text.splitn(3, ' ').skip(1);
                let code = words.next().expect("a code").parse::<u16>();
                let reason = words.next().unwrap_or_default().into();
                let code = code.expect("a number").into();
                socket.close(Some(CloseFrame { code, reason }))?;
            }
            Message::Text(_) | Message::Binary(_) => socket.send(message)?,
            Message::Pong(of) => {
                let said = format!("a pong of {}", String::from_utf8_lossy(&of));
                socket.send(Message::text(said))?;
            }
            Message::Close(frame) => closed = frame,
            Message::Ping(_) | Message::Frame(_) => {}
        }
    }
}

/// One message of three frames, with a ping between them (RFC 6455 section 5.4).
pub(super) fn fragments() -> [Message; 4] {
    let frame = |text: &'static str, code, is_last| {
        Message::Frame(Frame::message(text, OpCode::Data(code), is_last))
    };
    [
        frame("in ", Data::Text, false),
        Message::Ping("between".into()),
        frame("three ", Data::Continue, false),
        frame("pieces", Data::Continue, true),
    ]
}
