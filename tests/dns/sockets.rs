//! Clients of our own, for what no ready one does: HTTP/3, and all that no honest client would send.

use std::future::poll_fn;
use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Buf, Bytes};
use quinn::crypto::rustls::QuicClientConfig;
use quinn::{Endpoint, TransportConfig};
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

/// Longer than any answer takes on a busy machine.
pub(super) const PATIENCE: Duration = Duration::from_secs(60);

/// A TLS connection.
pub(super) type Tls = StreamOwned<ClientConnection, TcpStream>;

/// What believes the one certificate of a file, and speaks a protocol.
pub(super) fn trust(certificate: &Path, protocol: &str) -> ClientConfig {
    let read = CertificateDer::from_pem_file(certificate).expect("a certificate");
    let mut roots = RootCertStore::empty();
    roots.add(read).expect("it is one");
    let provider = Arc::new(aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(provider);
    let builder = builder
        .with_safe_default_protocol_versions()
        .expect("it knows TLS 1.3");
    let mut config = builder.with_root_certificates(roots).with_no_client_auth();
    config.alpn_protocols = vec![protocol.as_bytes().to_vec()];
    config
}

/// A connection that reads and writes no longer than patience lasts.
pub(super) fn tcp(to: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(to).expect("it takes connections");
    stream.set_read_timeout(Some(PATIENCE)).expect("a socket");
    stream.set_write_timeout(Some(PATIENCE)).expect("a socket");
    stream
}

pub(super) fn tls(config: &ClientConfig, stream: TcpStream) -> Tls {
    let name = ServerName::try_from("127.0.0.1").expect("a name");
    let connection = ClientConnection::new(Arc::new(config.clone()), name);
    StreamOwned::new(connection.expect("a client"), stream)
}

pub(super) fn udp() -> UdpSocket {
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a socket");
    socket.set_read_timeout(Some(PATIENCE)).expect("a socket");
    socket
}

/// An endpoint for QUIC; within a runtime.
pub(super) fn quic(config: ClientConfig, transport: TransportConfig) -> Endpoint {
    let crypto = QuicClientConfig::try_from(config).expect("it knows TLS 1.3");
    let mut config = quinn::ClientConfig::new(Arc::new(crypto));
    config.transport_config(Arc::new(transport));
    let any: SocketAddr = "127.0.0.1:0".parse().expect("an address");
    let mut endpoint = Endpoint::client(any).expect("a socket");
    endpoint.set_default_client_config(config);
    endpoint
}

/// A connection over QUIC. A server gives up a handshake that takes long, as on a busy machine, and its client tries again.
pub(super) async fn connected(endpoint: &Endpoint, to: SocketAddr) -> quinn::Connection {
    let mut refused = None;
    for _ in 0..5 {
        let connecting = endpoint.connect(to, "127.0.0.1").expect("an address");
        let connecting = tokio::time::timeout(PATIENCE, connecting);
        match connecting.await.expect("in time") {
            Ok(connection) => return connection,
            Err(error) => refused = Some(error),
        }
    }
    panic!("{refused:?}");
}

/// What a DoH server says over HTTP/3 to a request: its status and its body.
pub(super) async fn http3(
    connection: quinn::Connection,
    request: http::Request<()>,
    body: &[u8],
) -> (u16, Vec<u8>) {
    let (mut driver, mut requests) = h3::client::new(h3_quinn::Connection::new(connection))
        .await
        .expect("HTTP/3");
    let driving = tokio::spawn(async move { poll_fn(|cx| driver.poll_close(cx)).await });
    let mut stream = requests.send_request(request).await.expect("sent");
    if !body.is_empty() {
        let body = Bytes::copy_from_slice(body);
        stream.send_data(body).await.expect("sent");
    }
    stream.finish().await.expect("sent");
    let response = stream.recv_response().await.expect("a response");
    let mut bytes = Vec::new();
    while let Some(mut piece) = stream.recv_data().await.expect("a body") {
        bytes.extend_from_slice(&piece.copy_to_bytes(piece.remaining()));
    }
    driving.abort();
    (response.status().as_u16(), bytes)
}

/// A query in wire form, with id 0; `edns` says how long an answer over UDP may be.
pub(super) fn query(name: &str, rtype: u16, edns: Option<u16>) -> Vec<u8> {
    let additional = u8::from(edns.is_some());
    let mut query = vec![0, 0, 1, 0, 0, 1, 0, 0, 0, 0, 0, additional];
    for label in name.split('.').filter(|label| !label.is_empty()) {
        query.push(u8::try_from(label.len()).expect("short"));
        query.extend(label.as_bytes());
    }
    query.push(0);
    query.extend(rtype.to_be_bytes());
    query.extend([0, 1]);
    if let Some(payload) = edns {
        query.extend([0, 0, 41]);
        query.extend(payload.to_be_bytes());
        query.extend([0; 6]);
    }
    query
}

/// With the length before it that TCP, TLS and QUIC want.
pub(super) fn framed(message: &[u8]) -> Vec<u8> {
    let length = u16::try_from(message.len()).expect("a message");
    [&length.to_be_bytes()[..], message].concat()
}
